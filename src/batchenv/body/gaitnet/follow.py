"""How well a body can follow a motion: limits, ground, what was lost on the way, and whether it closes."""

from dataclasses import dataclass

import numpy as np

from batchenv.body.gaitnet.kinematics import frames, lowest_heights
from batchenv.body.gaitnet.motion import Motion
from batchenv.body.gaitnet.rotations import quat_inverse, quat_product, vector_from_quat
from batchenv.body.gaitnet.skeleton import Skeleton

# Less than this is not worth a line [rad].
_ANGLE = float(np.radians(1.0))


@dataclass(frozen=True)
class Follow:
    """Limits that a motion exceeds on a body, and oddities of the motion.

    Attributes:
        frames: number of poses.
        period: of the cycle [s].
        speed: of travel along the ground [m/s].
        beyond_limits: by how much the motion exceeds limits [rad], and in which share of its poses, by name
            of the coordinate.
        residual: largest rotation that was lost [rad], by name of the joint.
        unmapped: joints of the file that turn and that nothing follows.
        deepest: lowest point of the feet over all poses [m].
        highest: lowest point of the feet in the pose where they are furthest up [m].
        closure: largest rotation of a joint from the last pose to the first [rad].
        fastest: largest angular velocity of a joint [rad/s], and its name.
    """

    frames: int
    period: float
    speed: float
    beyond_limits: dict[str, tuple[float, float]]
    residual: dict[str, float]
    unmapped: tuple[str, ...]
    deepest: float
    highest: float
    closure: float
    fastest: tuple[float, str]

    def lines(self) -> list[str]:
        """Return the findings, a line each."""
        found = [
            f"motion: {self.frames} poses, {self.period:.3f} s, {self.speed:.2f} m/s",
            f"feet: lowest point {1000 * self.deepest:+.0f} to {1000 * self.highest:+.0f} mm above ground",
            f"closure: {np.degrees(self.closure):.1f} degrees from the last pose to the first",
            f"fastest: {self.fastest[1]} at {self.fastest[0]:.1f} rad/s",
        ]
        for name, (angle, share) in self.beyond_limits.items():
            found.append(
                f"beyond its limits: {name} by {np.degrees(angle):.1f} degrees, in {share:.0%} of the poses"
            )
        for name, angle in self.residual.items():
            found.append(f"not followed: {name} leaves up to {np.degrees(angle):.1f} degrees")
        if self.unmapped:
            found.append(f"followed by nothing: {', '.join(self.unmapped)}")
        return found


def follow(motion: Motion, ground_height: float = 0.0) -> Follow:
    """Check how well the motion's skeleton can follow it.

    Args:
        motion: poses.
        ground_height: of the floor along y [m].
    """
    skeleton, poses = motion.skeleton, motion.poses
    lowest = lowest_heights(skeleton, frames(skeleton, poses)) - ground_height
    feet = lowest.min(axis=1) if lowest.size else np.zeros(len(poses))
    travel = (poses[-1] - poses[0])[3:6] @ skeleton.T_joint[0, :3, :3].T
    step = motion.period / len(poses)
    turns, names = _turns(motion, np.roll(motion.quats, -1, axis=0), np.roll(poses, -1, axis=0))
    inside = turns[:-1] / step
    joint = int(inside.max(axis=0).argmax())
    return Follow(
        frames=len(poses),
        period=motion.period,
        speed=float(np.hypot(travel[0], travel[2]) / (step * (len(poses) - 1))),
        beyond_limits=_beyond_limits(skeleton, poses),
        residual={
            name: float(angle)
            for name, angle in zip(skeleton.names, motion.residual.max(axis=0), strict=True)
            if angle > _ANGLE
        },
        unmapped=motion.unmapped,
        deepest=float(feet.min()),
        highest=float(feet.max()),
        closure=float(turns[-1].max()),
        fastest=(float(inside.max()), names[joint]),
    )


def _beyond_limits(skeleton: Skeleton, poses: np.ndarray) -> dict[str, tuple[float, float]]:
    beyond = np.maximum(poses - skeleton.upper, skeleton.lower - poses)
    return {
        name: (float(column.max()), float((column > 0).mean()))
        for name, column in zip(skeleton.dof_names, beyond.T, strict=True)
        if column.max() > _ANGLE
    }


def _turns(motion: Motion, quats: np.ndarray, poses: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the rotation of each joint from the motion's poses to others (F, B) [rad], and the names."""
    skeleton = motion.skeleton
    kinds = np.array(skeleton.joint_type)
    balls, hinges = np.flatnonzero(kinds != "revolute"), np.flatnonzero(kinds == "revolute")
    between = vector_from_quat(quat_product(quat_inverse(motion.quats), quats))
    column = skeleton.dof_start[hinges]
    angles = np.abs(poses[:, column] - motion.poses[:, column])
    turns = np.concatenate([np.linalg.norm(between, axis=-1), angles], axis=1)
    return turns, [skeleton.names[i] for i in (*balls, *hinges)]
