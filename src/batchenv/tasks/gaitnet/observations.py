"""GaitNet's observation as terms: the order of its columns stands in `OBSERVATIONS` alone.

Terms are given quantities as the policy sees them: in the mirror, in worlds where that is so.
"""

# Numba finds the types of a compiled function's parameters when it is called.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.compiled import compiled
from batchenv.mdp.columns import Columns, Mirror, columns, permutation
from batchenv.mdp.marks import observation_term

Array = np.ndarray
SPIN_SCALE, TORQUE_SCALE = 0.1, 0.008
OBSERVATIONS = (
    *("com", "position", "rotation", "velocity", "com_velocity", "spin", "phase", "next_foothold"),
    *("muscle_torque", "passive_torque", "parameter"),
)
TORQUES = ("muscle_torque", "passive_torque")


def listed(*, torques: bool, footholds: bool, places: bool) -> tuple[str, ...]:
    """Names of the terms, in order.

    Args:
        torques: whether the policy sees what muscles can do.
        footholds: whether it sees where to step.
        places: whether it sees where in the world it is, instead of how high alone.
    """
    unseen = (*(() if torques else TORQUES), *(() if footholds else ("next_foothold",)))
    return tuple("place" if name == "com" and places else name for name in OBSERVATIONS if name not in unseen)


_AXES = ("left", "up", "forward")
_ROWS = tuple(f"{row}{column}" for row in "xy" for column in "xyz")
# x is across the sagittal plane; an axial vector turns the other way in the mirror.
_ACROSS, _AXIAL = np.array([-1.0, 1.0, 1.0]), np.array([1.0, -1.0, -1.0])


def _of_bodies(task: Any, parts: Sequence[str], sign: Array) -> Columns:
    """Columns of every body; `sign` of each in the mirror (B, parts)."""
    names, width = task.body.skeleton.names, len(parts)
    index = (width * task.in_mirror.twin[:, None] + np.arange(width)).ravel()
    return Columns(
        tuple(f"{body}/{part}" for body in names for part in parts), permutation(index, sign.ravel())
    )


def _vectors(task: Any) -> Columns:
    return _of_bodies(task, _AXES, np.tile(_ACROSS, (len(task.body.skeleton.names), 1)))


def _spins(task: Any) -> Columns:
    return _of_bodies(task, _AXES, np.tile(_AXIAL, (len(task.body.skeleton.names), 1)))


def _rotations(task: Any) -> Columns:
    """Frames of twins are taken to be images of each other but for half turns about their axes, as those of
    GaitNet's bodies are."""
    half_turns = np.sign(np.round(np.diagonal(task.in_mirror.frame, axis1=-2, axis2=-1)))
    return _of_bodies(task, _ROWS, _ACROSS[:2, None] * _ACROSS * half_turns[:, None, :])


def _joints(task: Any) -> Columns:
    skeleton = task.body.skeleton
    mirror = permutation(skeleton.mirror_dof[6:] - 6, skeleton.mirror_sign[6:])
    return Columns(tuple(skeleton.dof_names[6:]), mirror)


def _muscle_torques(task: Any) -> Columns:
    """Sums of torques below zero, then those above: one that turns its sign in the mirror changes places."""
    one, count = _joints(task), task.body.skeleton.num_dof - 6
    turned = one.mirror.sign < 0
    below = one.mirror.index + np.where(turned, count, 0)
    above = one.mirror.index + np.where(turned, 0, count)
    names = tuple(f"muscle_torque_{sign}/{joint}" for sign in ("below", "above") for joint in one.parts)
    return Columns(names, permutation(np.concatenate([below, above]), np.tile(one.mirror.sign, 2)))


def _phases(task: Any) -> Columns:
    """Without an action that drives the local clock, the global one says all."""
    count = 2 if task.warped else 1
    return Columns(
        ("global", "local")[:count],
        Mirror(np.arange(count), np.ones(count, np.float32), phases=tuple(range(count))),
    )


def _parameters(task: Any) -> Columns:
    return Columns(tuple(task.varying), permutation(task.varying_twin))


@observation_term(columns(*_AXES), "m")  # only the height is not zero
def com(com: Array) -> Array:
    """Height of the centre of mass; where it is, nobody sees."""
    seen = np.zeros_like(com)
    seen[:, 1] = com[:, 1]
    return seen


@observation_term(columns(*_AXES), "m")
def place(com: Array) -> Array:
    """Centre of mass in the world, which GaitNet's policies see under rewards of imitation."""
    return com


@observation_term(_vectors, "m")
def position(seen_position: Array) -> Array:
    """Centres of mass of all bodies, relative to that of the whole."""
    return seen_position


@observation_term(_rotations)
def rotation(seen_rotation: Array) -> Array:
    """First two rows of the rotation matrices of all bodies."""
    return seen_rotation


@observation_term(_vectors, "m/s")
def velocity(seen_velocity: Array) -> Array:
    """Velocities of all bodies, relative to that of the centre of mass."""
    return seen_velocity


@observation_term(columns(*_AXES, sign=_ACROSS.tolist()), "m/s")
def com_velocity(seen_com_velocity: Array) -> Array:
    """Velocity of the centre of mass."""
    return seen_com_velocity


@observation_term(_spins, "10 rad/s")
def spin(seen_spin: Array) -> Array:
    """Angular velocities of all bodies."""
    return SPIN_SCALE * seen_spin


@observation_term(_phases)
def phase(seen_phase: Array) -> Array:
    """Phases of the global and of the local clock, half a cycle on in the mirror."""
    return seen_phase


@observation_term(unit="m")
def next_foothold(next_target: Array, com: Array) -> Array:
    """Where the next foot is to step, ahead of the centre of mass."""
    return next_target[:, 2] - com[:, 2]


@observation_term(_muscle_torques, "125 Nm", prefix="")
def muscle_torque(muscle_torque: Array) -> Array:
    """Half the sums of the muscles' torques about each joint, those below and those above zero."""
    return TORQUE_SCALE * muscle_torque


@observation_term(_joints, "125 Nm")
def passive_torque(passive_torque: Array) -> Array:
    """Passive torques of the muscles about each joint."""
    return TORQUE_SCALE * passive_torque


@observation_term(_parameters)
def parameter(parameter: Array) -> Array:
    """Parameters of the gait that vary."""
    return parameter


@dataclass(frozen=True)
class Seen:
    """Which worlds are seen in the mirror, and what the mirror does; see `BodyMirror`.

    Attributes:
        mirrored: of each world (n,) bool.
        twin: of each body (B,).
        frame: turns the image of the twin's frame into the body's own (B, 3, 3).
    """

    mirrored: Array
    twin: Array
    frame: Array

    def vectors(self, values: Array, origin: Array | None, *, axial: bool = False) -> Array:
        """Vectors of bodies (n, B, 3) relative to an origin (n, 3), as seen (n, 3 B)."""
        out = np.empty((len(values), 3 * values.shape[1]))
        start = np.zeros((len(values), 3)) if origin is None else origin
        _see_vectors(values, start, self.mirrored, self.twin, _AXIAL if axial else _ACROSS, out)
        return out

    def rotations(self, values: Array) -> Array:
        """First two rows of rotation matrices (n, B, 3, 3), as seen (n, 6 B)."""
        out = np.empty((len(values), 6 * values.shape[1]))
        _see_rotations(values, self.mirrored, self.twin, self.frame, out)
        return out

    def across(self, vectors: Array) -> Array:
        """Vectors (n, 3), as seen."""
        return np.where(self.mirrored[:, None], vectors * _ACROSS, vectors)

    def phases(self, phases: Array) -> Array:
        """Phases (n, k), as seen."""
        ahead = phases + np.where(self.mirrored, 0.5, 0.0)[:, None]
        return ahead - np.floor(ahead)


@compiled()
def _see_vectors(values, origin, mirrored, twin, sign, out):
    """Vectors of the twins, some of their parts with the other sign, in mirrored worlds; see `Seen`."""
    for i in range(values.shape[0]):
        for b in range(values.shape[1]):
            for k in range(3):
                if mirrored[i]:
                    out[i, 3 * b + k] = sign[k] * (values[i, twin[b], k] - origin[i, k])
                else:
                    out[i, 3 * b + k] = values[i, b, k] - origin[i, k]


@compiled()
def _see_rotations(values, mirrored, twin, frame, out):
    """Images of the twins' rotations in mirrored worlds; see `Seen`."""
    for i in range(values.shape[0]):
        for b in range(values.shape[1]):
            for row in range(2):
                for column in range(3):
                    value = values[i, b, row, column]
                    if mirrored[i]:
                        value = 0.0
                        for k in range(3):
                            sign = -1.0 if (row == 0) != (k == 0) else 1.0
                            value += sign * values[i, twin[b], row, k] * frame[b, k, column]
                    out[i, 6 * b + 3 * row + column] = value
