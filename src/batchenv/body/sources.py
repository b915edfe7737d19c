"""Where a body comes from: a myo_sim model or an MJCF file, as an editable mujoco.MjSpec."""

import contextlib
import functools
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import mujoco
import myo_sim

from batchenv.body.converted import converted_mjcf
from batchenv.body.mjcf_file import check_mjcf
from batchenv.body.names import FEET, Pair
from batchenv.errors import BodyError, nearest
from batchenv.messages import quiet

MYO_SIM_PREFIX = "myo_sim:"
GRF_SENSORS = ("grf_r", "grf_l")
SIDE_CAMERA = "side"

FLOOR = "floor"
_PROSTHETIC = "osl_"  # of the Open Source Leg

# MuJoCo raises RuntimeError where C++ runs out of memory, and FatalError where its engine gives up.
_MUJOCO_ERRORS = (ValueError, RuntimeError, UserWarning, mujoco.FatalError)
_ATTACH_WARNING = "Attaching a spec with an empty prefix"
_COMPILING = threading.RLock()  # one thread at a time changes what the process filters
_GRAPH_PAPER = "batchenv_floor"
# <contact reduce="netforce"> of the MJCF reference: MjSpec has no enum for the reductions.
_REDUCE_NETFORCE = 3


def load_spec(file: str, *, visual: bool = False, feet: Pair = FEET) -> mujoco.MjSpec:
    """Build the spec of a body standing on a floor, with a ground reaction sensor under each foot.

    A myo_sim model loses its pedestal, its furnished room and its floor at another height; in their place
    come an endless floor at z = 0, a light, and a camera that follows the walker from its right side.

    Args:
        file: "myo_sim:NAME", or the path of an MJCF file.
        visual: keep what only the eye needs (bone meshes, unused sites). Without it the motion is the same to
            the last bit, and a world takes a third of the memory.
        feet: bodies that get the sensors, right and left, if the file has both.

    Returns:
        the uncompiled spec.

    Raises:
        BodyError: no such model or file, or MuJoCo cannot read it.
    """
    if file.startswith(MYO_SIM_PREFIX):
        spec = _myo_sim_body(file.removeprefix(MYO_SIM_PREFIX), visual).copy()
    else:
        spec = _mjcf_spec(Path(file))
    spec.compiler.discardvisual = not visual
    _add_grf_sensors(spec, feet)
    return spec


def compile_spec(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile a spec; BodyError where MuJoCo refuses it."""
    with _attach_warning_silenced():
        try:
            return spec.compile()
        except _MUJOCO_ERRORS as error:
            raise BodyError(
                f"MuJoCo cannot compile the body {spec.modelname!r}: {_on_one_line(error)}"
            ) from error


def find_floor(spec: mujoco.MjSpec) -> mujoco.MjsGeom | None:
    """Return the plane called "floor", or else the first one, which gets a name if it has none; or None."""
    planes = [geom for geom in spec.geoms if geom.type == mujoco.mjtGeom.mjGEOM_PLANE]
    floor = next((geom for geom in planes if geom.name == FLOOR), planes[0] if planes else None)
    if floor is not None and not floor.name:
        taken = {geom.name for geom in spec.geoms}
        floor.name = _GRAPH_PAPER if FLOOR in taken else FLOOR
    return floor


@contextlib.contextmanager
def _attach_warning_silenced() -> Iterator[None]:
    """Silence MuJoCo on the empty prefix under which myo_sim attaches its parts: we never save the spec.

    MuJoCo says it twice: to its own handler, which by default writes MUJOCO_LOG.TXT where the user happens
    to be, and as a Python warning. Filters of Python warnings are those of the whole process.
    """
    with _COMPILING, quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_ATTACH_WARNING, category=UserWarning)
        # A body whose inertia is singular in its reference pose cannot move.
        warnings.filterwarnings("error", message="Inertia matrix", category=UserWarning)
        yield


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


@functools.lru_cache(maxsize=4)
def _myo_sim_body(name: str, visual: bool) -> mujoco.MjSpec:
    """A myo_sim model on our floor, for copies only: myo_sim takes a second to put one together."""
    spec = _myo_sim_spec(name)
    _replace_scene(spec)
    _replace_motors(spec)
    if not visual:
        delete_unused_sites(spec)
    return spec


def _myo_sim_spec(name: str) -> mujoco.MjSpec:
    with _attach_warning_silenced():
        try:
            return myo_sim.load_spec(name)
        except _MUJOCO_ERRORS as error:
            available = sorted(myo_sim._COMPOSED_MODELS | frozenset(myo_sim.REGISTRY))
            if name in available:
                raise BodyError(f"myo_sim cannot build its model {name!r}: {error}") from error
            raise BodyError(
                f"skeleton file '{MYO_SIM_PREFIX}{name}': myo_sim has no model {name!r}."
                f"{nearest(name, available)} Available: {', '.join(available)}."
            ) from error


def _mjcf_spec(path: Path) -> mujoco.MjSpec:
    if not os.path.lexists(path):
        siblings = [entry.name for entry in path.parent.glob("*.xml")] if os.path.isdir(path.parent) else []
        raise BodyError(
            f"skeleton file {str(path)!r} does not exist.{nearest(path.name, siblings)}"
            f" Expected the path of an MJCF file, or '{MYO_SIM_PREFIX}NAME'."
        )
    check_mjcf(path)
    changed = converted_mjcf(path)
    with _attach_warning_silenced():
        try:
            if changed is not None:
                return mujoco.MjSpec.from_string(changed)
            return mujoco.MjSpec.from_file(str(path))
        except _MUJOCO_ERRORS as error:
            raise BodyError(
                f"skeleton file {str(path)!r} is not MJCF that MuJoCo can read: {_on_one_line(error)}"
            ) from error


def add_sky(spec: mujoco.MjSpec) -> None:
    """Add a sky."""
    spec.add_texture(
        name="batchenv_sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.95, 0.96, 0.97],
        rgb2=[0.75, 0.82, 0.9],
        width=64,
        height=384,
    )


def add_tracking_light(spec: mujoco.MjSpec, x: float, y: float) -> None:
    """Add a light that follows whatever moves, and shines down and along the level direction (x, y)."""
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM,
        pos=[-5 * x, -5 * y, 4],
        dir=[x, y, -0.8],
    )


def floor_material(spec: mujoco.MjSpec) -> str:
    """Add a material for floors, squares of a metre; return its name."""
    texture = spec.add_texture(
        name=_GRAPH_PAPER,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.82, 0.84, 0.86],
        rgb2=[0.72, 0.75, 0.78],
        width=64,
        height=64,
    )
    material = spec.add_material(name=_GRAPH_PAPER, texrepeat=[1, 1], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = texture.name
    return material.name


def _replace_scene(spec: mujoco.MjSpec) -> None:
    for geom in spec.worldbody.geoms:
        for asset in (spec.mesh(geom.meshname), spec.material(geom.material)):
            if asset is not None:
                spec.delete(asset)
    for element in (*spec.worldbody.geoms, *spec.worldbody.lights, *spec.worldbody.cameras):
        spec.delete(element)
    spec.nconmax = spec.njmax = -1  # our floor needs less room for contacts
    add_sky(spec)
    _add_floor(spec)
    add_tracking_light(spec, 0.4, 0.4)
    if spec.worldbody.bodies:
        # From the right side (-X): the picture's right is -Y, the direction of travel.
        spec.worldbody.bodies[0].add_camera(
            name=SIDE_CAMERA,
            mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACK,
            pos=[-3.2, 0, 0],
            quat=[0.5, 0.5, -0.5, -0.5],
        )


def _replace_motors(spec: mujoco.MjSpec) -> None:
    """Leave joints of prostheses to ideal torques, under the names of those that they stand for."""
    for actuator in list(spec.actuators):
        if actuator.gaintype != mujoco.mjtGain.mjGAIN_MUSCLE:
            spec.delete(actuator)
    for joint in spec.joints:
        joint.name = joint.name.removeprefix(_PROSTHETIC)


def _add_floor(spec: mujoco.MjSpec) -> None:
    # Half sizes of zero make a plane endless; the third number is only the spacing of its grid.
    spec.worldbody.add_geom(
        name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], material=floor_material(spec)
    )


def delete_unused_sites(spec: mujoco.MjSpec, names: set[str] | None = None) -> None:
    """Delete the sites, all or those of some names, that nothing uses: every step would move them along."""
    used = {sensor.objname for sensor in spec.sensors} | {sensor.refname for sensor in spec.sensors}
    used |= {name for actuator in spec.actuators for name in (actuator.target, actuator.refsite)}
    used |= {name for equality in spec.equalities for name in (equality.name1, equality.name2)}
    for tendon in spec.tendons:
        for wrap in tendon.path:
            used |= {element.name for element in (wrap.target, wrap.sidesite) if element is not None}
    used |= {name for group in spec.tuples for name in group.objname}
    for site in list(spec.sites):
        if site.name not in used and (names is None or site.name in names):
            spec.delete(site)


def keep_strength(actuator: mujoco.MjsActuator, model: mujoco.MjModel) -> None:
    """Write into a muscle of a spec what MuJoCo derived from its path when it compiled another model of it.

    That is the range of its length, and its peak force where the file gives a scale.
    """
    index = model.actuator(actuator.name).id
    actuator.lengthrange = model.actuator_lengthrange[index]
    for parameters in (actuator.gainprm, actuator.biasprm):
        if parameters[2] < 0:
            parameters[2] = parameters[3] / model.actuator_acc0[index]


def _add_grf_sensors(spec: mujoco.MjSpec, feet: Pair) -> None:
    """Add the sensors grf_r and grf_l: net force (3,) [N] of the floor on the foot, in the global frame.

    MuJoCo reports the force on the second of the two parties, and under `netforce` in the global frame.
    """
    floor = find_floor(spec)
    bodies = {body.name for body in spec.bodies}
    sensors = {sensor.name for sensor in spec.sensors}
    if floor is None or not bodies.issuperset(feet):
        return
    for name, foot in zip(GRF_SENSORS, feet, strict=True):
        if name not in sensors:
            spec.add_sensor(
                name=name,
                type=mujoco.mjtSensor.mjSENS_CONTACT,
                objtype=mujoco.mjtObj.mjOBJ_GEOM,
                objname=floor.name,
                reftype=mujoco.mjtObj.mjOBJ_XBODY,
                refname=foot,
                intprm=[1 << mujoco.mjtConDataField.mjCONDATA_FORCE.value, _REDUCE_NETFORCE, 1],
            )
