"""Motions of other skeletons, whose joints turn freely: from segments' rotations to joint coordinates."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from batchenv.body.gaitnet.rotations import matrix_from_vector, quat_from_matrix
from batchenv.errors import InputError
from batchenv.motion.clip import Clip
from batchenv.motion.joint_tables import joints_of_segments
from batchenv.motion.registry import ReadOptions
from batchenv.motion.rotations import angles_about
from batchenv.motion.segments import DOWN, HIP_IN_PELVIS, LEG_LENGTH, SEGMENTS, axis_of

Array = np.ndarray

_log = logging.getLogger(__name__)

# Legs [m] of the smallest and the largest human, and lengths of a unit [m]; CMU's is an inch over 0.45.
_LEGS = (0.4, 1.3)
_UNITS = {"metres": 1.0, "units of CMU": 0.0254 / 0.45, "centimetres": 0.01, "millimetres": 0.001}
_UPRIGHT = np.cos(np.radians(50.0))  # of thighs and trunk in a rest pose that stands
_SPREAD = np.radians(10.0)  # of a shank aside, on which no foot is level
_FARTHEST = 1e8  # in any unit
_LARGE_RESIDUAL = np.radians(20.0)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """T samples of a tree of B joints, in the axes and the unit of a file.

    Attributes:
        source: for messages.
        times: (T,) [s].
        names: of joints (B,).
        rest: places of joints in the rest pose (B, 3), in the unit of the file.
        turns: rotations of joints in the world, the identity in the rest pose (T, B, 3, 3).
        places: of joints (T, B, 3), in the unit of the file.
        unit: of lengths [m], where the file says it.
    """

    source: str
    times: Array
    names: tuple[str, ...]
    rest: Array
    turns: Array
    places: Array
    unit: float | None = None

    def resting_in(self, frame: int) -> "Hierarchy":
        """Return the motion with one of its frames as rest pose.

        Raises:
            InputError: there is no such frame.
        """
        if not -len(self.times) <= frame < len(self.times):
            raise InputError(
                f"{self.source}: rest frame {frame}; expected one from 0 to {len(self.times) - 1}"
            )
        back = np.swapaxes(self.turns[frame], 1, 2)
        return replace(self, rest=self.places[frame], turns=self.turns @ back)


def clip_of_hierarchy(motion: Hierarchy, options: ReadOptions) -> Clip:
    """Return the clip of a motion: its segments' rotations as joint coordinates.

    Limbs are aligned by the directions of their bones in the rest pose; pelvis, trunk and feet are taken to
    be upright and level in it, feet on spread legs to be square to them. What coordinates cannot follow, such
    as a knee that turns sideways, is left out.

    Raises:
        InputError: a segment is missing, the rest pose is none of a person who stands, or the unit is
            unclear.
    """
    farthest = max(float(np.abs(motion.rest).max()), float(np.abs(motion.places).max()))
    if not farthest <= _FARTHEST:
        raise InputError(f"{motion.source}: a joint is {farthest:g} from the origin; expected less")
    if options.rest_frame is not None:
        motion = motion.resting_in(options.rest_frame)
    joints = joints_of_segments(motion.names, motion.source, options.joints)
    index = {segment: motion.names.index(name) for segment, name in joints.items()}
    frame = _anatomical_frame(motion, index)
    rest = {segment: frame @ motion.rest[i] for segment, i in index.items()}
    turns = {segment: frame @ motion.turns[:, i] @ frame.T for segment, i in index.items()}
    corrections = _corrections(rest)
    angles, residuals = {}, {}
    for name, segment in SEGMENTS.items():
        if name in index and segment.coordinates and segment.parent in index:
            above = turns[segment.parent] @ corrections[segment.parent]
            turn = np.swapaxes(above, 1, 2) @ turns[name] @ corrections[name]
            axes = [axis_of(coordinate) for coordinate in segment.coordinates]
            found, left = angles_about(axes, turn)
            found[:, -1] += segment.zero
            angles |= dict(zip(segment.coordinates, found.T, strict=True))
            residuals[name] = float(left.mean())
    _tell_residuals(motion.source, residuals)
    unit, leg = _unit(motion, rest, options)
    hips = 0.5 * (motion.places[:, index["femur_r"]] + motion.places[:, index["femur_l"]]) @ frame.T
    pelvis = unit * hips - turns["pelvis"] @ (HIP_IN_PELVIS * leg / LEG_LENGTH)
    return Clip(
        times=motion.times,
        joint_names=tuple(angles),
        joint_pos=np.stack(list(angles.values()), axis=1),
        root_pos=pelvis,
        root_quat=quat_from_matrix(turns["pelvis"]),
        source=motion.source,
    )


def _anatomical_frame(motion: Hierarchy, index: dict[str, int]) -> Array:
    """Rotation (3, 3) from the file's axes to forward, left, up, as the rest pose shows them."""
    rest = {segment: motion.rest[i] for segment, i in index.items()}
    aside = rest["femur_l"] - rest["femur_r"]
    hips = 0.5 * (rest["femur_l"] + rest["femur_r"])
    thighs = hips - 0.5 * (rest["tibia_l"] + rest["tibia_r"])
    trunk = rest["torso"] - hips if "torso" in rest else thighs
    axis = int(np.argmax(np.abs(thighs)))
    up = np.eye(3)[axis] * np.sign(thighs[axis])
    left = aside - (aside @ up) * up
    stands = all(each @ up >= _UPRIGHT * np.linalg.norm(each) for each in (thighs, trunk)) and thighs.any()
    if not stands or not np.linalg.norm(left) > 0.5 * np.linalg.norm(aside):
        raise InputError(
            f"{motion.source}: its rest pose is none of a person who stands, so that angles have no zero;"
            " give the number of a frame in which the actor stands in T-pose with --rest-frame, in Python"
            " with rest_frame="
        )
    left = left / np.linalg.norm(left)
    return np.stack([np.cross(left, up), left, up])


def _corrections(rest: dict[str, Array]) -> dict[str, Array]:
    """Rotations (3, 3) that bring segments from our zero pose into the rest pose of a file."""
    found: dict[str, Array] = {}
    for name, segment in SEGMENTS.items():
        found[name] = np.eye(3)
        if not segment.bone or name not in rest:
            continue
        if segment.toward in rest and np.linalg.norm(rest[segment.toward] - rest[name]) > 0:
            found[name] = _shortest_rotation(DOWN, rest[segment.toward] - rest[name])
        else:
            found[name] = found[segment.parent]
    for side in "rl":
        found[f"foot_{side}"] = found[f"toes_{side}"] = _spread(rest[f"foot_{side}"] - rest[f"tibia_{side}"])
    return found


def _spread(shank: Array) -> Array:
    """Rotation (3, 3) of a foot that is drawn on spread legs, as CMU's are: it goes with the shank, aside."""
    aside = float(np.arctan2(shank[1], -shank[2]))
    return matrix_from_vector(np.array([aside if abs(aside) > _SPREAD else 0.0, 0.0, 0.0]))


def _shortest_rotation(start: Array, end: Array) -> Array:
    """The rotation (3, 3) about the shortest way from one direction to another, both (3,)."""
    end = end / np.linalg.norm(end)
    axis, cosine = np.cross(start, end), float(start @ end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3) if cosine > 0 else np.diag([1.0, -1.0, -1.0])
    return matrix_from_vector(np.arctan2(sine, cosine) * axis / sine)


def _unit(motion: Hierarchy, rest: dict[str, Array], options: ReadOptions) -> tuple[float, float]:
    """Unit of lengths and length of a leg [m]: the unit in which the leg is that of a human."""
    leg = 0.5 * sum(
        float(np.linalg.norm(rest[f"{a}_{side}"] - rest[f"{b}_{side}"]))
        for side in "rl"
        for a, b in (("femur", "tibia"), ("tibia", "foot"))
    )
    given = options.unit if options.unit is not None else motion.unit
    if given is not None:
        if not 0 < given < 1e3:
            raise InputError(f"unit is {given!r}; expected the length of the file's unit in metres")
        return given, given * leg
    for unit in _UNITS.values():
        if _LEGS[0] <= unit * leg <= _LEGS[1]:
            return unit, unit * leg
    raise InputError(
        f"{motion.source}: its legs are {leg:g} long, which is no human's in {', '.join(_UNITS)}; give the"
        " unit in metres with --unit, in Python with unit="
    )


def _tell_residuals(source: str, residuals: dict[str, float]) -> None:
    for segment, left in residuals.items():
        if left > _LARGE_RESIDUAL:
            _log.warning(
                "%s: %s turns %.0f degrees, in the mean, beside the axes of its joint; that is left out",
                source,
                segment,
                np.degrees(left),
            )
