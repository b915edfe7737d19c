"""What the policy sees: GaitNet's columns, with a name, a unit and an image each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batchenv.body.gaitnet import Skeleton
from batchenv.compiled import compiled
from batchenv.mdp.gaitnet.kinematics import Bodies, BodyMirror
from batchenv.mdp.observations import Column, Mirror

Array = np.ndarray
SPIN_SCALE, TORQUE_SCALE = 0.1, 0.008
_AXES = ("left", "up", "forward")
_ROWS = tuple(f"{row}{column}" for row in "xy" for column in "xyz")


@dataclass(frozen=True)
class View:
    """Inputs of an observation of n worlds.

    Attributes:
        bodies: as they are.
        mirrored: whether the world is seen in the mirror (n,).
        phase: of the global and of the local clock, in cycles (n, 2).
        target_z: place of the next foothold along the way (n,) [m].
        torques: half the sums of the muscles' torques of either sign, and passive ones, in the mirror where
            that is so (n, 3 J) [Nm]; (n, 0) where they are not observed.
        parameters: of the gait (n, P).
    """

    bodies: Bodies
    mirrored: Array
    phase: Array
    target_z: Array
    torques: Array
    parameters: Array


def observe(view: View, mirror: BodyMirror, out: Array) -> Array:
    """Write observations into `out` (n, O), and return it."""
    _write(
        *view.bodies,
        view.mirrored,
        view.phase,
        view.target_z,
        view.torques,
        view.parameters,
        mirror.twin,
        mirror.frame,
        out,
    )
    return out


@compiled(error_model="numpy")
def _write(
    # bodies, see `Bodies`
    position,
    rotation,
    velocity,
    spin,
    com,
    com_velocity,
    # the rest of a `View`
    mirrored,
    phase,
    target_z,
    torques,
    parameters,
    # the mirror
    twin,
    frame,
    # out
    out,
):
    """Rows of `observe`; in the mirror a body shows the image of its twin."""
    n, count = position.shape[0], position.shape[1]
    for i in range(n):
        flip = mirrored[i]
        # In the mirror, what lies across changes its sign, and a spin about any axis but that one.
        side = -1.0 if flip else 1.0
        out[i, 0], out[i, 1], out[i, 2] = 0.0, com[i, 1], 0.0
        places, turns, speeds = 3, 3 + 3 * count, 3 + 9 * count
        spins = speeds + 3 * count + 3
        for b in range(count):
            a = twin[b] if flip else b
            for k in range(3):
                across, about = (side, 1.0) if k == 0 else (1.0, side)
                out[i, places + 3 * b + k] = across * (position[i, a, k] - com[i, k])
                out[i, speeds + 3 * b + k] = across * (velocity[i, a, k] - com_velocity[i, k])
                out[i, spins + 3 * b + k] = about * SPIN_SCALE * spin[i, a, k]
            for row in range(2):
                for column in range(3):
                    value = rotation[i, a, row, column]
                    if flip:
                        value = 0.0
                        for k in range(3):
                            sign = side if (row == 0) != (k == 0) else 1.0
                            value += sign * rotation[i, a, row, k] * frame[b, k, column]
                    out[i, turns + 6 * b + 3 * row + column] = value
        for k in range(3):
            out[i, speeds + 3 * count + k] = com_velocity[i, k] * (side if k == 0 else 1.0)
        at = spins + 3 * count
        for k in range(2):
            ahead = phase[i, k] + (0.5 if flip else 0.0)
            out[i, at + k] = ahead - math.floor(ahead)
        out[i, at + 2] = target_z[i] - com[i, 2]
        at += 3
        for k in range(torques.shape[1]):
            out[i, at + k] = TORQUE_SCALE * torques[i, k]
        at += torques.shape[1]
        for k in range(parameters.shape[1]):
            out[i, at + k] = parameters[i, k]


def observation_layout(
    skeleton: Skeleton, parameters: Sequence[str], *, joint_state: bool
) -> tuple[Column, ...]:
    """Name and unit of every column (O,).

    Args:
        skeleton: whose bodies are seen.
        parameters: names of the gait's parameters that vary.
        joint_state: whether muscle torques are seen.
    """

    def each(name: str, parts: Sequence[str], unit: str) -> list[Column]:
        return [Column(f"{name}/{body}/{part}", unit) for body in skeleton.names for part in parts]

    def named(name: str, parts: Sequence[str], unit: str) -> list[Column]:
        return [Column(f"{name}/{part}", unit) for part in parts]

    joints = skeleton.dof_names[6:]
    return (
        *named("com", _AXES, "m"),
        *each("position", _AXES, "m"),
        *each("rotation", _ROWS, "1"),
        *each("velocity", _AXES, "m/s"),
        *named("com_velocity", _AXES, "m/s"),
        *each("spin", _AXES, "10 rad/s"),
        *named("phase", ("global", "local"), "1"),
        Column("next_foothold", "m"),
        *(
            Column(f"{name}/{joint}", "125 Nm")
            for name in ("muscle_torque_below", "muscle_torque_above", "passive_torque")
            for joint in joints
            if joint_state
        ),
        *named("parameter", parameters, "1"),
    )


@dataclass(frozen=True)
class ViewMirror(Mirror):
    """The image of observations; phases are half a cycle on in it, which no sign can say.

    Attributes:
        ahead: columns of phases (2,).
    """

    ahead: Array

    def __call__(self, array: Array) -> Array:
        """Mirror (..., O)."""
        image = super().__call__(array)
        image[..., self.ahead] = (image[..., self.ahead] + 0.5) % 1.0
        return image


def observation_mirror(
    skeleton: Skeleton, mirror: BodyMirror, num_parameters: int, *, joint_state: bool
) -> ViewMirror:
    """Where each column of the image comes from, and its sign.

    Frames of twins are taken to be images of each other but for half turns about their axes, as those of
    GaitNet's bodies are.
    """
    count, joints = len(skeleton.names), skeleton.num_dof - 6
    across, spin = np.array([-1.0, 1.0, 1.0]), np.array([1.0, -1.0, -1.0])
    half_turns = np.sign(np.round(np.diagonal(mirror.frame, axis1=-2, axis2=-1)))
    rows = across[:2, None] * across * half_turns[:, None, :]
    joint_index = np.asarray(skeleton.mirror_dof)[6:] - 6
    joint_sign = np.asarray(skeleton.mirror_sign)[6:]
    # A torque that turns its sign in the mirror goes from the sums below zero to those above.
    turned = joint_sign < 0
    below = joint_index + np.where(turned, joints, 0)
    above = joint_index + np.where(turned, 0, joints)
    muscle = np.concatenate([below, above, joint_index + 2 * joints]) if joint_state else np.zeros(0, int)
    muscle_sign = np.tile(joint_sign, 3) if joint_state else np.zeros(0)
    plain = np.arange

    def by_body(width: int) -> Array:
        return (width * mirror.twin[:, None] + plain(width)).ravel()

    pieces = [
        (plain(3), np.ones(3)),  # only the height is not zero
        (by_body(3), np.tile(across, count)),
        (by_body(6), rows.reshape(-1)),
        (by_body(3), np.tile(across, count)),
        (plain(3), across),
        (by_body(3), np.tile(spin, count)),
        (plain(2), np.ones(2)),
        (plain(1), np.ones(1)),
        (muscle, muscle_sign),
        (plain(num_parameters), np.ones(num_parameters)),
    ]
    starts = np.cumsum([0, *(index.size for index, _ in pieces)])
    index = np.concatenate([i + start for (i, _), start in zip(pieces, starts, strict=False)])
    sign = np.concatenate([s for _, s in pieces]).astype(np.float32)
    return ViewMirror(index.astype(np.intp), sign, ahead=starts[6] + np.arange(2))
