"""A GaitNet body as plain MJCF: z up, x forward, muscles as spatial tendons."""

import mujoco
import numpy as np

from batchenv.body.gaitnet.curves import FLAT_VMAX, LMAX, LMIN, passive_peak
from batchenv.body.gaitnet.gaitnet_body import GaitNetBody
from batchenv.body.gaitnet.model_spec import FLOOR, GRAVITY
from batchenv.body.gaitnet.rotations import quat_product
from batchenv.body.gaitnet.tendons import TendonPaths
from batchenv.body.sources import compile_spec

# GaitNet's axes in the new frame: x, to the left, becomes y; y, up, becomes z; z, forward, becomes x.
_TURN = np.array([0.5, 0.5, 0.5, 0.5])
_TIMECONST = (0.01, 0.04)
_MARGIN = 0.05


def export_spec(body: GaitNetBody, tendons: TendonPaths) -> mujoco.MjSpec:
    """Build a spec that is complete in itself, such as `MjSpec.to_xml` writes.

    The world is turned so that z is up, x forward and y to the left. Muscles are MuJoCo's, with its
    activation dynamics; the lengths of fibres and tendons are GaitNet's, force-length curves as near as
    MuJoCo's get.
    """
    spec = body.spec()
    spec.compiler.discardvisual = False
    _turn(spec, body)
    spec.worldbody.add_light(type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0, 0, 4], dir=[0.3, 0.3, -1])
    _add_tendons(spec, body, tendons)
    for m in range(len(body.paths.names)):
        _add_muscle(spec, body, tendons, m)
    compile_spec(spec)
    return spec


def _turn(spec: mujoco.MjSpec, body: GaitNetBody) -> None:
    spec.option.gravity[:] = [0, 0, GRAVITY[1]]
    floor = spec.geom(FLOOR)
    floor.quat[:], floor.pos[:] = [1, 0, 0, 0], [0, 0, body.ground_height]
    root = spec.body(body.skeleton.names[0])
    root.pos = np.roll(root.pos, 1)
    root.quat = quat_product(_TURN, root.quat)


def _add_tendons(spec: mujoco.MjSpec, body: GaitNetBody, tendons: TendonPaths) -> None:
    paths = tendons.paths
    in_joint = np.linalg.inv(body.skeleton.body_from_joint)
    for m, name in enumerate(paths.names):
        tendon = spec.add_tendon(name=name, width=0.003, rgba=[0.75, 0.2, 0.2, 1])
        for k in range(paths.anchor_ptr[m], paths.anchor_ptr[m + 1]):
            carrier = int(paths.entry_body[k])
            place = in_joint[carrier] @ [*paths.entry_pos[k], 1.0]
            site = f"{name}-P{k - paths.anchor_ptr[m] + 1}"
            spec.body(body.skeleton.names[carrier]).add_site(
                name=site, pos=place[:3], size=[0.003, 0, 0], group=3
            )
            tendon.wrap_site(site)


def _add_muscle(spec: mujoco.MjSpec, body: GaitNetBody, tendons: TendonPaths, m: int) -> None:
    paths = body.paths
    optimal, slack = paths.lm[m] * paths.lmt_ref[m], paths.lt[m] * paths.lmt_ref[m]
    lengths = tendons.length_range[m] * [1 - _MARGIN, 1 + _MARGIN]
    actuator = spec.add_actuator(
        name=paths.names[m], target=paths.names[m], trntype=mujoco.mjtTrn.mjTRN_TENDON, lengthrange=lengths
    )
    actuator.set_to_muscle(
        timeconst=_TIMECONST,
        tausmooth=0.0,
        range=(lengths - slack) / optimal,
        force=float(paths.f0[m] * np.cos(paths.pen[m])),
        scale=1.0,
        lmin=LMIN,
        lmax=LMAX,
        vmax=FLAT_VMAX,
        fpmax=passive_peak(),
        fvmax=1.0,
    )
    actuator.ctrllimited = True
    actuator.ctrlrange[:] = [0, 1]
