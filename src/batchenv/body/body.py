"""Body: a compiled model, and where in it joints, couplings, muscles and feet are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import mujoco
import numpy as np
from array_api_compat import device

from batchenv.arrays import array_namespace, is_real, shown
from batchenv.body import human, indices, moment_arms
from batchenv.body.held import hold_joints
from batchenv.body.mechanism import Mechanism, MomentStructure
from batchenv.body.names import COMMON_NAMES, BodyNames
from batchenv.body.polynomial_fit import PolynomialPaths
from batchenv.body.scaled import SCALES, scale_segments
from batchenv.body.sources import GRF_SENSORS, MYO_SIM_PREFIX, compile_spec, find_floor, load_spec
from batchenv.body.worn import add_masses
from batchenv.errors import BodyError, InputError, nearest
from batchenv.files.paths import checked_path

Integrator = Literal["implicitfast", "euler"]

FOOT_SENSORS = ("r_foot", "r_toes", "l_foot", "l_toes")
MYO_SIM_PELVIS_TILT = 0.1204
"""Tilt of myo_sim's upright pelvis along its iliac spines [rad].

The foremost point of its mesh, the anterior spine, is 138 mm before and 16.7 mm below the hindmost, which is
the posterior one.
"""
MOST_PELVIS_TILT = 1.0
# Key of gains that serves all joints not named.
DEFAULT = "default"

_INTEGRATORS = {
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    "euler": mujoco.mjtIntegrator.mjINT_EULER,
}
_ROOT_NQ, _ROOT_NV = 7, 6
_IN_TITLE = " | "


@dataclass(frozen=True, eq=False, kw_only=True)
class Body:
    """A walker whose first joint is free, with J primary joints, B joints bound to them, and M muscles.

    Attributes:
        file: where it comes from, for messages.
        spec: what the model was compiled from, to change and compile again.
        model: compiled; timestep, integrator and friction set.
        names: what it calls its parts.
        joint_names: primary joints (J,): hinges and slides that no equality binds, in the order of the model.
        joint_qposadr, joint_dofadr: of the primary joints, each (J,).
        joint_range: limits (J, 2) [rad]; -inf and inf where the joint has none.
        bound_qposadr, bound_dofadr: of the bound joints, each (B,).
        bound_joint: primary joint that drives each, index into joint_names (B,).
        bound_q0, bound_driver_q0: MuJoCo's qpos0 of the bound joints and of their drivers, each (B,).
        bound_coef: polynomials (B, 5), see `bound_pos`.
        muscle_names: actuators that are muscles (M,).
        muscle_id: their actuator ids (M,).
        mirror_joint: index of each joint's twin on the other side (J,).
        mirror_joint_sign: +1 or -1 (J,): a mirrored pose is mirror_joint_sign * joint_pos[mirror_joint].
        mirror_muscle: index of each muscle's twin (M,).
        foot_sensor_names: touch sensors r_foot, r_toes, l_foot, l_toes; empty unless all are there.
        foot_sensor_adr: their addresses in sensordata (4,) or (0,).
        grf_sensor_adr: addresses (2,) of the forces (3,) [N] of the floor on the right and the left foot, in
            the global frame; or (0,).
        foot_body, toe_body: ids of heels and toes, right and left, each (2,) or (0,).
        root_body, trunk_body, head_body: ids.
        floor_geom: id of the floor, a level plane at z = 0.
        mass: [kg]; weight: [N].
        forward, left, up: unit vectors (3,) in the frame of the root.
        polynomials: that stand for the paths of muscles; None where all tendons are MuJoCo's.
        tendon_body: with polynomials, the body whose tendons they replace.
        worn_mass: part of `mass` that devices have [kg].
        pelvis_tilt: how far the pelvis of the upright body is tilted forward, from the posterior to the
            anterior iliac spines [rad].
        scale: factors on the sizes of segments that differ from the file.
    """

    file: str
    spec: mujoco.MjSpec
    model: mujoco.MjModel
    names: BodyNames
    joint_names: tuple[str, ...]
    joint_qposadr: np.ndarray
    joint_dofadr: np.ndarray
    joint_range: np.ndarray
    bound_qposadr: np.ndarray
    bound_dofadr: np.ndarray
    bound_joint: np.ndarray
    bound_q0: np.ndarray
    bound_driver_q0: np.ndarray
    bound_coef: np.ndarray
    muscle_names: tuple[str, ...]
    muscle_id: np.ndarray
    mirror_joint: np.ndarray
    mirror_joint_sign: np.ndarray
    mirror_muscle: np.ndarray
    foot_sensor_names: tuple[str, ...]
    foot_sensor_adr: np.ndarray
    grf_sensor_adr: np.ndarray
    foot_body: np.ndarray
    toe_body: np.ndarray
    root_body: int
    trunk_body: int
    head_body: int
    floor_geom: int
    mass: float
    weight: float
    forward: np.ndarray
    left: np.ndarray
    up: np.ndarray
    polynomials: PolynomialPaths | None = None
    tendon_body: "Body | None" = None
    worn_mass: float = 0.0
    pelvis_tilt: float = 0.0
    scale: Mapping[str, float] = field(default_factory=dict)

    def error(self, message: str) -> BodyError:
        """Return an error that begins with the file of the body."""
        return BodyError(f"skeleton file {self.file!r}: {message}")

    @property
    def title(self) -> str:
        """File and proportions, such as "myo_sim:myolegs | thigh_l 0.9"; see `title_parts`."""
        factors = [f"{name} {factor!r}" for name, factor in sorted(self.scale.items())]
        return _IN_TITLE.join([self.file, *factors])

    def bound_pos(self, joint_pos: Any) -> Any:
        """Return the positions (..., B) that the couplings give the bound joints.

        q = q0 + sum_{k=0..4} coef[k] (q_driver - q0_driver)^k, as mj_makeConstraint has it for mjEQ_JOINT.

        Args:
            joint_pos: primary joints (..., J) [rad].
        """
        offset, coef, q0 = self._driver_offset(joint_pos)
        value = coef[:, 4]
        for k in (3, 2, 1, 0):
            value = value * offset + coef[:, k]
        return q0 + value

    def bound_slope(self, joint_pos: Any) -> Any:
        """Return d(bound position) / d(driver position) (..., B) at primary joints (..., J) [rad]."""
        offset, coef, _ = self._driver_offset(joint_pos)
        slope = 4 * coef[:, 4]
        for k in (3, 2, 1):
            slope = slope * offset + k * coef[:, k]
        return slope

    def qpos(self, root_pos: Any, root_quat: Any, joint_pos: Any) -> Any:
        """Return generalised positions (..., nq) with the couplings satisfied.

        Args:
            root_pos: (..., 3) [m], world.
            root_quat: (..., 4), w first.
            joint_pos: primary joints (..., J) [rad].
        """
        rest, order = self._qpos_order
        bound = self.bound_pos(joint_pos)
        return _assemble((root_pos, root_quat, joint_pos, bound), self.model.qpos0[rest], order)

    def qvel(self, root_linvel: Any, root_angvel: Any, joint_pos: Any, joint_vel: Any) -> Any:
        """Return generalised velocities (..., nv), those of the bound joints following their drivers.

        Args:
            root_linvel: (..., 3) [m/s], world.
            root_angvel: (..., 3) [rad/s], in the root's own frame, as MuJoCo has it for a free joint.
            joint_pos: primary joints (..., J) [rad].
            joint_vel: primary joints (..., J) [rad/s].
        """
        rest, order = self._qvel_order
        xp = array_namespace(joint_vel)
        driver = xp.asarray(self.bound_joint, device=device(joint_vel))
        bound = self.bound_slope(joint_pos) * xp.take(joint_vel, driver, axis=-1)
        return _assemble((root_linvel, root_angvel, joint_vel, bound), np.zeros(rest.size), order)

    @cached_property
    def moments(self) -> MomentStructure:
        """Where MuJoCo keeps the moment arms of the muscles; the same in every model of the body."""
        return moment_arms.moment_structure(self, self.model)

    def mechanism(self, nuserdata: int = 0) -> Mechanism:
        """Compile a new model for the engine, with room for `userdata`.

        Raises:
            BodyError: an actuator is not a muscle.
        """
        return moment_arms.mechanism(self, nuserdata)

    def default_gains(
        self, kp: float | Mapping[str, float], kv: float | Mapping[str, float] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Spread proportional-derivative gains over the joints.

        Args:
            kp: [N m/rad], as `by_joint` takes it.
            kv: [N m s/rad], likewise; None for 0.08 kp.

        Returns:
            kp (J,) and kv (J,).

        Raises:
            BodyError: a name that no joint has, or a joint without a gain.
        """
        stiffness = self.by_joint("kp", kp)
        return stiffness, 0.08 * stiffness if kv is None else self.by_joint("kv", kv)

    @cached_property
    def _qpos_order(self) -> tuple[np.ndarray, np.ndarray]:
        return _columns(_ROOT_NQ, self.joint_qposadr, self.bound_qposadr, self.model.nq)

    @cached_property
    def _qvel_order(self) -> tuple[np.ndarray, np.ndarray]:
        return _columns(_ROOT_NV, self.joint_dofadr, self.bound_dofadr, self.model.nv)

    def by_joint(self, key: str, gains: float | Mapping[str, float]) -> np.ndarray:
        """Spread one number, or one for each joint named without its side, over the joints (J,).

        Args:
            key: what errors call it.
            gains: the numbers. A joint goes by its own name or else by the reference's; `default` serves all
                that are not named.

        Raises:
            BodyError: a name that no joint has, or a joint without a number.
        """
        if not isinstance(gains, Mapping):
            return np.full(len(self.joint_names), float(gains))
        bare, kinds = [self.names.without_side(name) for name in self.joint_names], self.joint_kinds
        for name in gains:
            if name not in (*bare, *kinds, *self.names.absent, DEFAULT):
                raise self.error(
                    f"{key} names {name!r}, which is not a joint of the body.{nearest(name, [*bare, *kinds])}"
                    f" Joints: {', '.join(dict.fromkeys(bare))}. In a file with a base, {name}: null"
                    " drops it."
                )
        called = [self._key_of(gains, own, kind) for own, kind in zip(bare, kinds, strict=True)]
        missing = [own for own, name in zip(bare, called, strict=True) if name not in gains]
        if missing:
            raise self.error(
                f"{key} has no value for {', '.join(dict.fromkeys(missing))}; expected one for every"
                f" joint, or a {DEFAULT!r}."
            )
        return np.array([float(gains[name]) for name in called])

    @cached_property
    def joint_kinds(self) -> tuple[str, ...]:
        """What the reference calls the primary joints, without side (J,)."""
        return tuple(map(self.names.kind, self.joint_names))

    @cached_property
    def joint_sign(self) -> np.ndarray:
        """+1 or -1 (J,): the primary joints' coordinates over those of the reference, alike on both sides."""
        sign = np.array([self.names.sign(kind) for kind in self.joint_kinds])
        left = np.array([self.names.is_left(name) for name in self.joint_names], bool)
        return np.where(left, self.mirror_joint_sign, 1.0) * sign

    def _key_of(self, gains: Mapping[str, float], own: str, kind: str) -> str:
        """Return the key of a joint's number; a joint's own name may also be another's in the reference."""
        if own in gains and (own == kind or own not in self.joint_kinds):
            return own
        return kind if kind in gains else DEFAULT

    def _driver_offset(self, joint_pos: Any) -> tuple[Any, Any, Any]:
        """Return q_driver - q0_driver (..., B), coef (B, 5) and q0 (B,) in the namespace of joint_pos."""
        xp = array_namespace(joint_pos)
        like = {"dtype": joint_pos.dtype, "device": device(joint_pos)}
        driver = xp.take(joint_pos, xp.asarray(self.bound_joint, device=device(joint_pos)), axis=-1)
        return (
            driver - xp.asarray(self.bound_driver_q0, **like),
            xp.asarray(self.bound_coef, **like),
            xp.asarray(self.bound_q0, **like),
        )


def title_parts(title: str) -> tuple[str, dict[str, float]]:
    """Return the file and the proportions that `Body.title` names.

    Raises:
        InputError: it is no such title.

    >>> title_parts("myo_sim:myolegs | thigh_l 0.9")
    ('myo_sim:myolegs', {'thigh_l': 0.9})
    """
    file, *factors = title.split(_IN_TITLE)
    try:
        return file, {name: float(factor) for name, _, factor in (each.rpartition(" ") for each in factors)}
    except ValueError:
        raise InputError(f"body {shown(title)}; expected a body, or BODY | SEGMENT FACTOR") from None


def _columns(root: int, joint: np.ndarray, bound: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns that are of neither, and the order that sorts root, joint, bound and those."""
    rest = np.setdiff1d(np.arange(root, size), [*joint, *bound])
    return rest, np.argsort(np.r_[np.arange(root), joint, bound, rest])


def _assemble(parts: Sequence[Any], rest: np.ndarray, order: np.ndarray) -> Any:
    """Join parts (..., n_i) and the constant columns rest, and put the columns in order."""
    xp = array_namespace(parts[2])
    lead = np.broadcast_shapes(*(tuple(part.shape[:-1]) for part in parts))
    like = {"dtype": parts[2].dtype, "device": device(parts[2])}
    columns = [xp.broadcast_to(part, (*lead, part.shape[-1])) for part in (*parts, xp.asarray(rest, **like))]
    return xp.take(xp.concat(columns, axis=-1), xp.asarray(order, device=like["device"]), axis=-1)


def load_body(
    file: str | Path,
    *,
    timestep: float,
    integrator: Integrator = "implicitfast",
    friction: float = 1.0,
    solref: Sequence[float] | None = None,
    solimp: Sequence[float] | None = None,
    visual: bool = False,
    names: BodyNames = COMMON_NAMES,
    scale: Mapping[str, float] = MappingProxyType({}),
    held: Sequence[str] = (),
    worn: Mapping[str, float] = MappingProxyType({}),
    pelvis_tilt: float | None = None,
) -> Body:
    """Load a body that walks on a floor.

    Args:
        file: "myo_sim:NAME", or the path of an MJCF file with a human, whose free joint is the first of the
            file, and a floor, a level plane at z = 0. Other things may follow the human and stay passive.
        timestep: of the physics [s].
        integrator: "implicitfast" or "euler".
        friction: sliding friction of the floor, whatever the geom that touches it.
        solref, solimp: of contacts with the floor, (2,) and (5,), as MuJoCo's; None for those of the file.
        visual: keep what only the eye needs; see `batchenv.body.sources.load_spec`.
        names: what the body calls its parts.
        scale: factors on the sizes of segments [1]; see `batchenv.body.scaled.scale_segments`.
        held: joints that do not move; see `batchenv.body.held.hold_joints`.
        worn: masses of devices [kg]; see `batchenv.body.worn.add_masses`.
        pelvis_tilt: how far the pelvis of the upright body is tilted forward, along its iliac spines [rad];
            None for `MYO_SIM_PELVIS_TILT` with the bodies of myo_sim, and 0 with others.

    Raises:
        BodyError: the body is missing, cannot be compiled, is not a human on a floor, or cannot be steered.
        InputError: a number is outside its range, or the integrator unknown.
        ConfigError: there is no segment of a name in `scale`.
    """
    if not isinstance(integrator, str) or integrator not in _INTEGRATORS:
        raise InputError(
            f"integrator is {shown(integrator)}; expected one of {', '.join(get_args(Integrator))}"
        )
    _check_number("timestep", timestep, 1e-6, 1.0)
    _check_number("friction", friction, 0.0, 1e6)
    for name, values, count in (("solref", solref, 2), ("solimp", solimp, 5)):
        if values is None:
            continue
        if len(values) != count or not all(is_real(value) and isfinite(value) for value in values):
            raise InputError(f"{name} is {shown(values)}; expected {count} numbers")
    for segment, factor in scale.items():
        _check_number(f"scale of {segment}", factor, *SCALES)
    if pelvis_tilt is not None:
        _check_number("pelvis_tilt", pelvis_tilt, -MOST_PELVIS_TILT, MOST_PELVIS_TILT)
    file = str(checked_path("file", file))
    spec = load_spec(file, visual=visual, feet=names.foot_bodies)
    spec.option.timestep = timestep
    spec.option.integrator = _INTEGRATORS[integrator]
    floor = find_floor(spec)
    if floor is not None:
        # With equal priorities MuJoCo takes the larger friction of the two geoms: no floor would be slippery.
        floor.priority = 1
        floor.friction[0] = friction
        floor.solref = floor.solref if solref is None else np.array(solref, float)
        floor.solimp = floor.solimp if solimp is None else np.array(solimp, float)
    try:
        if scale:
            scale_segments(spec, scale, names)
        if held:
            hold_joints(spec, held, names)
        model = compile_spec(spec)
        root = human.root_of_human(model)
        human.check_names(model, root, names)
        human.check_physics(model, root)
        human.check_muscles(model)
        worn_mass = 0.0
        if worn:
            worn_mass = add_masses(spec, model, worn, names)
            model = compile_spec(spec)
        if pelvis_tilt is None:
            pelvis_tilt = MYO_SIM_PELVIS_TILT if file.startswith(MYO_SIM_PREFIX) else 0.0
        return replace(
            _describe(file, spec, model, root, names),
            worn_mass=worn_mass,
            pelvis_tilt=pelvis_tilt,
            scale=MappingProxyType(dict(scale)),
        )
    except BodyError as error:
        raise BodyError(f"skeleton file {file!r}: {error}") from error.__cause__


def _check_number(name: str, value: Any, least: float, most: float) -> None:
    """InputError unless a value is a number between two others."""
    if not is_real(value) or not least <= value <= most:
        raise InputError(f"{name} is {shown(value)}; expected a number from {least:g} to {most:g}")


def _describe(
    file: str, spec: mujoco.MjSpec, model: mujoco.MjModel, root: int, body_names: BodyNames
) -> Body:
    data = mujoco.MjData(model)
    data.qpos[3:_ROOT_NQ] = [1.0, 0.0, 0.0, 0.0]
    mujoco.mj_kinematics(model, data)
    floor = _geom_id(model, find_floor(spec))
    human.check_floor(model, data, floor)
    own = indices.joints_of(model, root)
    couplings = indices.find_couplings(model, own)
    joints = indices.primary_joints(model, own, couplings.joint)
    names = tuple(model.joint(i).name for i in joints)
    body_names.check_joints(names)
    muscle_id = indices.muscles(model)
    muscle_names = tuple(model.actuator(i).name for i in muscle_id)
    mirror = indices.mirror_permutation(names, body_names)
    left, up = indices.left_direction(data, root, body_names), np.array([0.0, 0.0, 1.0])
    limited = model.jnt_limited[joints, None] == 1
    touch = indices.sensor_addresses(model, FOOT_SENSORS, mujoco.mjtSensor.mjSENS_TOUCH, 1)
    feet = indices.body_ids(model, body_names.foot_bodies)
    trunk = _body_id(model, body_names.trunk_body, root)
    mass = float(model.body_subtreemass[root])
    return Body(
        file=file,
        spec=spec,
        model=model,
        names=body_names,
        joint_names=names,
        joint_qposadr=model.jnt_qposadr[joints],
        joint_dofadr=model.jnt_dofadr[joints],
        joint_range=np.where(limited, model.jnt_range[joints], [-np.inf, np.inf]),
        bound_qposadr=model.jnt_qposadr[couplings.joint],
        bound_dofadr=model.jnt_dofadr[couplings.joint],
        bound_joint=np.searchsorted(joints, couplings.driver).astype(np.int32),
        bound_q0=model.qpos0[model.jnt_qposadr[couplings.joint]],
        bound_driver_q0=model.qpos0[model.jnt_qposadr[couplings.driver]],
        bound_coef=couplings.coef,
        muscle_names=muscle_names,
        muscle_id=muscle_id.astype(np.int32),
        mirror_joint=mirror,
        mirror_joint_sign=indices.mirror_signs(data, joints, mirror, left),
        mirror_muscle=indices.mirror_permutation(muscle_names, body_names),
        foot_sensor_names=FOOT_SENSORS if touch.size else (),
        foot_sensor_adr=touch,
        grf_sensor_adr=_grf_sensors(model, feet),
        foot_body=feet,
        toe_body=indices.body_ids(model, body_names.toe_bodies),
        root_body=root,
        trunk_body=trunk,
        head_body=_body_id(model, body_names.head_body, trunk),
        floor_geom=floor,
        mass=mass,
        weight=mass * float(np.linalg.norm(model.opt.gravity)),
        forward=np.cross(left, up),
        left=left,
        up=up,
    )


def _body_id(model: mujoco.MjModel, name: str, otherwise: int) -> int:
    """Return the id of a body, or another where there is none of this name."""
    found = indices.body_ids(model, (name,))
    return int(found[0]) if found.size else otherwise


def _grf_sensors(model: mujoco.MjModel, feet: np.ndarray) -> np.ndarray:
    """Return the addresses (2,) of the ground reaction sensors, or (0,) without feet."""
    found = indices.sensor_addresses(model, GRF_SENSORS, mujoco.mjtSensor.mjSENS_CONTACT, 3)
    if feet.size and not found.size:
        raise BodyError(
            f"the sensors {' and '.join(GRF_SENSORS)} of the file are not the net contact forces that these"
            " names stand for; expected other names."
        )
    return found if feet.size else np.zeros(0, np.int32)


def _geom_id(model: mujoco.MjModel, geom: mujoco.MjsGeom | None) -> int:
    return -1 if geom is None else mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, geom.name)
