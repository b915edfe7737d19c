"""A GaitNet body as plain MJCF: z up, x forward, muscles as spatial tendons."""

import mujoco
import numpy as np

from batchenv.body.gaitnet.curves import FLAT_VMAX, LMAX, LMIN, passive_peak
from batchenv.body.gaitnet.gaitnet_body import GaitNetBody
from batchenv.body.gaitnet.tendons import TendonPaths
from batchenv.body.gaitnet.turned import add_tendons, turn_spec
from batchenv.body.sources import compile_spec

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
    turn_spec(spec, body.ground_height)
    spec.worldbody.add_light(type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0, 0, 4], dir=[0.3, 0.3, -1])
    add_tendons(spec, body.skeleton, tendons.paths)
    for m in range(len(body.paths.names)):
        _add_muscle(spec, body, tendons, m)
    compile_spec(spec)
    return spec


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
