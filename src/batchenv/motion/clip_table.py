"""ClipTable: clips of one body in one table, from which all worlds read theirs at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np

from batchenv.body import Body
from batchenv.body.gait_cycle import GaitCycle
from batchenv.body.gaitnet.rotations import matrix_from_quat, quat_from_vector, quat_product
from batchenv.motion.clip import Clip
from batchenv.motion.floor import feet_of

Array = np.ndarray

RATE = 120.0  # rows in a second [Hz]
_TRAVELLED = 0.3  # shorter ways have no direction [m]
_STRAIGHT = 1e-6  # a cycle that turns by less walks straight on [rad]


@dataclass(frozen=True, eq=False)
class ClipTable:
    """C clips, sampled evenly and laid end to end: R rows, linear between them.

    A row holds what a row of `GaitCycle.table` does, then `n_root` columns of the root (place forward and
    left, heading, tilt as a quaternion, velocity, angular velocity), and 3 for each of E end effectors. Place
    and heading are in the walking frame, all other vectors in the heading frame.

    Attributes:
        rows: (R, t).
        first: row of each clip's first sample (C,).
        steps: rows from there to its last sample (C,).
        duration: (C,) [s].
        loops: whether each repeats (C,) bool.
        cycle_yaw: angle by which a cycle of each turns the root [rad], 0 where it does not repeat (C,).
        course: direction in which each travels, or heads at first where it stays (C,) [rad].
        cycle_way: way of a cycle, forward and left as a complex number (C,) [m].
        tracked: 1 for joints that move in a clip, else 0 (J,).
        n_gait: columns as of `GaitCycle.table`.
    """

    rows: Array
    first: Array
    steps: Array
    duration: Array
    loops: Array
    course: Array
    cycle_yaw: Array
    cycle_way: Array
    tracked: Array
    n_gait: int

    n_root = 13

    def at(self, clip: Array, seconds: Array) -> Array:
        """Return rows (n, t) of clips (n,) at times (n,) since their first samples [s].

        A clip that repeats goes on beyond its ends, and another one stands still there.
        """
        duration = self.duration[clip]
        cycle = np.where(self.loops[clip], np.floor(seconds / duration), 0.0)
        place = np.clip((seconds - cycle * duration) / duration, 0.0, 1.0) * self.steps[clip]
        below = np.minimum(np.floor(place).astype(np.int64), self.steps[clip] - 1)
        weight, below = (place - below)[:, None], below + self.first[clip]
        rows = (1.0 - weight) * self.rows[below] + weight * self.rows[below + 1]
        root = rows[:, self.n_gait :]
        root[:, 3:7] /= np.linalg.norm(root[:, 3:7], axis=1, keepdims=True)
        if cycle.any():
            self._go_on(root, clip, cycle)
        return rows

    def _go_on(self, root: Array, clip: Array, cycle: Array) -> None:
        """Move place and heading of the root (n, 3) on by cycles (n,): p to e^(i yaw) p + way in each."""
        yaw, way = self.cycle_yaw[clip], self.cycle_way[clip]
        turn = np.exp(1j * yaw)
        straight = np.abs(yaw) < _STRAIGHT
        sums = np.where(straight, cycle, (turn**cycle - 1.0) / np.where(straight, 1.0, turn - 1.0))
        place = turn**cycle * (root[:, 0] + 1j * root[:, 1]) + sums * way
        root[:, 0], root[:, 1] = place.real, place.imag
        root[:, 2] += cycle * yaw

    @cached_property
    def gait(self) -> GaitCycle:
        """The first clip as a gait cycle."""
        joints, rows = self.tracked.size, self.rows[: self.steps[0]]
        way = self.rows[self.steps[0], self.n_gait : self.n_gait + 2] - rows[0, self.n_gait : self.n_gait + 2]
        feet = rows[:, 2 * joints + 2 : self.n_gait - 2]
        return GaitCycle(
            period=float(self.duration[0]),
            speed=float(np.linalg.norm(way) / self.duration[0]),
            fit_error=0.0,
            tracked=self.tracked,
            joint_pos_table=rows[:, :joints].copy(),
            joint_vel_table=rows[:, joints : 2 * joints].copy(),
            root_height_table=rows[:, 2 * joints].copy(),
            root_height_rate_table=rows[:, 2 * joints + 1].copy(),
            foot_pos_table=feet.reshape(len(rows), -1, 3).copy(),
        )


def clip_table(clips: Sequence[Clip], body: Body, effectors: Array) -> ClipTable:
    """Lay out clips.

    Args:
        clips: fitted to the body.
        body: that is to move.
        effectors: as of `end_effectors` (E,).

    Raises:
        BodyError: the body has no feet.
    """
    even = [clip.resampled(max(RATE, 2.0 / clip.duration)) for clip in clips]
    parts = [_rows(clip, body, effectors) for clip in even]
    sizes = np.array([len(part) for part in parts])
    loops = np.array([clip.loops for clip in even])
    yaw = np.where(loops, [clip.cycle_yaw for clip in even], 0.0)
    n_gait = 2 * len(body.joint_names) + 4 + 3 * len(body.foot_body)
    ends = [np.ascontiguousarray(part[[0, -1], n_gait : n_gait + 2]).view(complex)[:, 0] for part in parts]
    rest = body.model.qpos0[body.joint_qposadr]
    return ClipTable(
        rows=np.concatenate(parts),
        first=np.cumsum([0, *sizes[:-1]]),
        steps=sizes - 1,
        duration=np.array([clip.duration for clip in even]),
        loops=loops,
        course=np.array(
            [
                np.angle(end - start) if abs(end - start) > _TRAVELLED else part[0, n_gait + 2]
                for (start, end), part in zip(ends, parts, strict=True)
            ]
        ),
        cycle_yaw=yaw,
        cycle_way=np.array([end - np.exp(1j * y) * start for (start, end), y in zip(ends, yaw, strict=True)]),
        tracked=np.any([(clip.joint_pos != rest).any(axis=0) for clip in even], axis=0).astype(float),
        n_gait=n_gait,
    )


def _rows(clip: Clip, body: Body, effectors: Array) -> Array:
    """Rows of a clip in even steps."""
    axes = np.stack([body.forward, body.left, body.up])
    ahead = matrix_from_quat(clip.root_quat) @ body.forward @ axes.T
    heading = np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))
    back = quat_from_vector(-heading[:, None] * body.up)
    tilt = _continuous(quat_product(back, clip.root_quat))
    to_heading = axes @ matrix_from_quat(back)
    spin = clip.root_angvel[..., None]
    places = _relative(clip, body, effectors)
    places = np.einsum("tij,tkj->tki", to_heading, places).reshape(len(heading), -1)
    lowest = feet_of(body, clip.root_pos, clip.root_quat, clip.joint_pos).lowest.min(axis=1)
    place = clip.root_pos @ axes.T
    height = place[:, 2] - np.minimum(lowest, 0.0)  # feet do not reach into the floor
    split = 3 * len(body.foot_body)
    return np.hstack(
        [
            clip.joint_pos,
            clip.joint_vel,
            height[:, None],
            np.gradient(height, clip.times)[:, None],
            places[:, :split],
            _foot_load(clip, len(body.foot_body)),
            place[:, :2],
            heading[:, None],
            tilt,
            (to_heading @ clip.root_linvel[..., None])[..., 0],
            (axes @ matrix_from_quat(tilt) @ spin)[..., 0],
            places[:, split:],
        ]
    )


def end_effectors(body: Body) -> Array:
    """Return the ids of a body's end effectors beside its heels (E,): trunk, if a joint moves it, and arms.

    Arms end at bodies with a joint of their own that carry no other such body, and are no feet.
    """
    model = body.model
    moved = {int(i) for i in model.jnt_bodyid[model.dof_jntid[body.joint_dofadr]]}
    carrying: set[int] = set()
    for i in moved:
        above = int(model.body_parentid[i])
        while above:
            carrying.add(above)
            above = int(model.body_parentid[above])
    feet = {*body.foot_body.tolist(), *body.toe_body.tolist()}
    trunk = {body.trunk_body} if body.trunk_body in moved else set()
    return np.array(sorted(trunk | (moved - carrying - feet)), int)


def _relative(clip: Clip, body: Body, effectors: Array) -> Array:
    """Heels, and centres of mass of effectors, relative to the root, in the world (T, F + E, 3) [m]."""
    data, feet = mujoco.MjData(body.model), len(body.foot_body)
    places = np.empty((len(clip.times), feet + len(effectors), 3))
    for qpos, out in zip(body.qpos(clip.root_pos, clip.root_quat, clip.joint_pos), places, strict=True):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(body.model, data)
        out[:feet], out[feet:] = data.xpos[body.foot_body], data.xipos[effectors]
        out -= data.xpos[body.root_body]
    return places


def _continuous(quat: Array) -> Array:
    """Quaternions (T, 4), each with the sign that is nearer to the one before."""
    turns = np.where((quat[1:] * quat[:-1]).sum(axis=1) < 0.0, -1.0, 1.0)
    return quat * np.cumprod([1.0, *turns])[:, None]


def _foot_load(clip: Clip, feet: int) -> Array:
    """Vertical forces on the feet (T, F), in their mean sum; zero where the clip has no forces."""
    if "grf" not in clip.forces:
        return np.zeros((len(clip.times), feet))
    vertical = clip.forces["grf"][:, :, 2]
    return vertical / max(float(vertical.sum(axis=1).mean()), 1e-9)
