"""Tracking: imitating clips, each world one of its own at a time, along the way of the clip's root.

The terms are those of DeepMimic (Peng et al., ACM Trans Graph 37:143, 2018): pose, velocity, end effectors
and root; episodes begin anywhere in a clip, and end early where the walker strays from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from batchenv.body import Body, GaitCycle
from batchenv.body.gaitnet.rotations import matrix_from_quat, quat_from_vector, quat_product
from batchenv.body.planar import turned, wrapped
from batchenv.config import Config
from batchenv.errors import BatchEnvError, ConfigError
from batchenv.mdp.batch import Batch
from batchenv.mdp.marks import Kind
from batchenv.mdp.quantities import Quantities, quantity
from batchenv.mdp.task import Terms
from batchenv.motion import Clip, read_motion
from batchenv.motion.clip_table import ClipTable, clip_table, end_effectors
from batchenv.motion.cycles import looped
from batchenv.motion.fit import fit_clip
from batchenv.tasks.clip_parts import ClipParts
from batchenv.tasks.human import HumanTask
from batchenv.tasks.human_quantities import HumanState
from batchenv.tasks.registry import task

Array = np.ndarray
_PLACE, _HEADING, _TILT = slice(0, 2), 2, slice(3, 7)
_LINVEL, _ANGVEL = slice(7, 10), slice(10, 13)


@dataclass
class TrackState(HumanState):
    """State of N worlds.

    Attributes:
        clip: that each follows (N,).
        begun: time of the clip at which the episode began (N,) [s].
        elapsed: time of the clip now, beyond its duration where it repeats (N,) [s].
        origin: place of the clip's root where the episode began, and the course that the clip takes, which is
            forward in the walking frame (N, 3) [m], [rad].
        failures: recent share of episodes that failed in each part of the clips (N, P).
    """

    clip: Array
    begun: Array
    elapsed: Array
    origin: Array
    failures: Array


@task("track")
class TrackTask(HumanTask):
    """Imitate clips: pose, velocity, end effectors, and the way of the root."""

    one_speed: ClassVar[bool] = False
    default_terms: ClassVar[Mapping[Kind, Terms]] = {
        "observation": {
            name: {}
            for name in (
                *("root_height", "root_up", "root_linvel", "root_angvel", "joint_pos", "joint_vel"),
                *("previous_action", "reference_pos", "reference_ahead", "path_ahead", "foot_load"),
            )
        },
        "termination": {"fallen": {}, "off_path": {}, "off_posture": {}, "off_attitude": {}},
        "event": {"draw_parameters": {}, "start_on_clip": {}},
    }
    clips: ClipTable

    def __init__(self, config: Config, body: Body):
        self.ahead = tuple(config.environment.motion.ahead)
        self._effectors = end_effectors(body)
        super().__init__(config, body)
        self._parts = ClipParts.of(self.clips.duration)
        if self.environment.action.time_warping > 0.0:
            raise ConfigError(
                "environment.action.time_warping has no effect with the task track, whose clips keep their "
                "time; leave it out"
            )
        if self._stride is not None or self._cadence is not None:
            raise ConfigError(
                "environment.parameters.gait: the task track follows clips as they are; leave stride and "
                "cadence out"
            )
        events = {event.name for event in self.event_terms}
        if "start_on_clip" not in events or "start_on_reference" in events:
            raise ConfigError(
                "environment.events: the task track begins episodes by the event start_on_clip; list it in "
                "place of start_on_reference"
            )

    def load_reference(self) -> GaitCycle:
        """The first of the clips that `environment.motion.files` names; all of them are in `clips`.

        Raises:
            ConfigError: a clip is missing or cannot be followed by the body.
        """
        motion = self.environment.motion
        if not motion.files:
            raise ConfigError(
                "environment.motion.files: name at least one clip that the task track imitates, such as "
                '["@data/full_body_stride.csv"]'
            )
        self.clips = clip_table([self._clip(file) for file in motion.files], self.body, self._effectors)
        return self.clips.gait

    def _clip(self, file: str) -> Clip:
        try:
            clip = read_motion(self.config.resolve_path(file))
            if clip.body != self.body.title:
                clip = fit_clip(clip, self.body)
            elif clip.joint_names != self.body.joint_names:  # of the body with other joints held
                columns = [clip.joint(name) for name in self.body.joint_names]
                clip = replace(clip, joint_names=self.body.joint_names, joint_pos=np.stack(columns, axis=1))
            return looped(clip) if self.environment.motion.loop and not clip.loops else clip
        except BatchEnvError as error:
            where = "" if file.removeprefix("@") in str(error) else f"{file}: "
            raise ConfigError(f"environment.motion.files: {where}{error}") from error

    # The reference, as `HumanTask` asks for it.
    @property
    def one_reference(self) -> bool:
        """Whether all worlds follow one cycle."""
        return False

    @property
    def reference_range(self) -> tuple[Array, Array]:
        """Least and greatest joint positions of all clips, each (J,) [rad]."""
        positions = self.clips.rows[:, : len(self.body.joint_names)]
        return positions.min(axis=0), positions.max(axis=0)

    def reference_rows(self, batch: Batch[Body, HumanState], ids: Array | None, phase: Array) -> Array:
        """Rows of the clips (n, t) where the worlds are in them."""
        return self._rows(batch, slice(None) if ids is None else ids)[:, : self.clips.n_gait]

    @property
    def unlike_legs(self) -> str | None:
        """None: of clips, policies see which foot is where, and what comes next."""
        return None

    def later_rows(self, batch: Batch[Body, HumanState]) -> Array:
        """Rows of the clips at the end of the step to come, in all worlds (N, t)."""
        return self._rows(batch, slice(None), self.control_dt)[:, : self.clips.n_gait]

    def reference_speed(self, batch: Batch[Body, HumanState], ids: Array | slice | None) -> Array:
        """Speed of the clips' roots ahead (n,) [m/s]."""
        return self._root(self._rows(batch, slice(None) if ids is None else ids))[:, _LINVEL.start].copy()

    def reference_period(self, batch: Batch[Body, HumanState]) -> Array:
        """Duration of each world's clip (N,) [s]."""
        return self.clips.duration[_tracking(batch).clip]

    def timed_out(self, batch: Batch[Body, HumanState]) -> Array:
        """Whether the time of each episode is over (N,) bool, or its clip."""
        state = _tracking(batch)
        left = self.clips.duration[state.clip] - state.elapsed
        return super().timed_out(batch) | (~self.clips.loops[state.clip] & (left < 0.5 * self.control_dt))

    def new_state(self, num_worlds: int) -> TrackState:
        """State of N worlds before their first reset."""
        return TrackState(
            **vars(super().new_state(num_worlds)),
            clip=np.zeros(num_worlds, np.int64),
            begun=np.zeros(num_worlds),
            elapsed=np.zeros(num_worlds),
            origin=np.zeros((num_worlds, 3)),
            failures=np.ones((num_worlds, self._parts.count)),
        )

    def advance(self, batch: Batch[Body, HumanState]) -> None:
        """Move on in the clips by a control step."""
        super().advance(batch)
        state = _tracking(batch)
        state.elapsed += self.control_dt
        state.phase[:] = self.clip_phase(state, np.arange(state.phase.size))

    # How episodes begin; see `batchenv.mdp.resets.clip_states`.
    def reset(self, batch: Batch[Body, HumanState], ids: Array) -> None:
        """Put worlds (n,) whose episode has begun into their first states.

        Parts of clips in which the last episode failed count as harder; an episode that the caller ended
        early counts as one that failed.
        """
        state = _tracking(batch)
        first = batch.episodes.number[ids] == 0
        state.failures[ids[first]] = 1.0
        old = ids[~first & (state.lasted[ids] > 0)]
        failed = self.ended_early(batch, old)
        latest = np.where(self.clips.loops, np.inf, np.nextafter(self.clips.duration, 0.0))[state.clip[old]]
        ends = state.clip[old], state.begun[old], np.minimum(state.elapsed[old], latest)
        state.failures[old] = self._parts.learned(state.failures[old], *ends, failed)
        super().reset(batch, ids)

    def ended_early(self, batch: Batch[Body, HumanState], ids: Array) -> Array:
        """Whether the last episode of worlds (n,) ended before its time and before its clip (n,) bool."""
        state = _tracking(batch)
        duration = self.clips.duration[state.clip[ids]]
        over = ~self.clips.loops[state.clip[ids]] & (state.elapsed[ids] > duration - 0.5 * self.control_dt)
        return ~over & super().ended_early(batch, ids)

    def begin_clips(self, batch: Batch[Body, HumanState], ids: Array, draws: Array, adaptive: bool) -> None:
        """Choose clips and times in them for worlds (n,), by uniform numbers (n, 2)."""
        state = _tracking(batch)
        failures = state.failures[ids] if adaptive else np.ones((len(ids), self._parts.count))
        clip, seconds = self._parts.chosen(failures, draws)
        # Leave room for a step before the end of a clip.
        latest = np.maximum(self.clips.duration[clip] - self.control_dt, 0.0)
        state.clip[ids], state.elapsed[ids] = clip, np.minimum(seconds, latest)
        state.begun[ids] = state.elapsed[ids]
        state.origin[ids, :2] = self._root(self._rows(batch, ids))[:, _PLACE]
        state.origin[ids, 2] = self.clips.course[clip]

    def clip_phase(self, state: HumanState, ids: Array) -> Array:
        """Shares of their clips that worlds are at (n,), in [0, 1)."""
        assert isinstance(state, TrackState)
        share = state.elapsed[ids] / self.clips.duration[state.clip[ids]]
        within = np.where(self.clips.loops[state.clip[ids]], share % 1.0, share)
        return np.clip(within, 0.0, np.nextafter(1.0, 0.0))

    def clip_start(self, batch: Batch[Body, HumanState], ids: Array) -> tuple[Array, Array, Array, Array]:
        """Rows as of `reference_rows`, and quaternion and velocities of a root that begins with its clip."""
        rows = self._rows(batch, ids)
        root = self._root(rows)
        heading = root[:, _HEADING] - _tracking(batch).origin[ids, 2]
        to_own = np.swapaxes(matrix_from_quat(root[:, _TILT]), 1, 2) @ self.axes.T
        spin = (to_own @ root[:, _ANGVEL, None])[..., 0]
        flat = turned(root[:, _LINVEL][:, :2], heading)
        velocity = np.column_stack([flat, root[:, _LINVEL.stop - 1]]) @ self.axes
        return rows[:, : self.clips.n_gait], self._quat(root, heading), velocity, spin

    def _quat(self, root: Array, heading: Array) -> Array:
        """Quaternions (n, 4) of roots (n, n_root) of clips with a heading (n,) [rad]."""
        return quat_product(quat_from_vector(heading[:, None] * self.body.up), root[:, _TILT])

    def _rows(self, batch: Batch[Body, HumanState], rows: Array | slice, later: float = 0.0) -> Array:
        """Rows of `clips` (n, t) for some worlds, at a time from now [s]."""
        state = _tracking(batch)
        return self.clips.at(state.clip[rows], state.elapsed[rows] + later)

    def _root(self, rows: Array) -> Array:
        return rows[:, self.clips.n_gait : self.clips.n_gait + self.clips.n_root]

    def _now(self, q: Quantities) -> Array:
        return q.once("clip rows", lambda: self._rows(q.batch, q.rows))

    def _later(self, q: Quantities) -> list[Array]:
        """Rows at the times ahead."""
        return q.once("clip rows ahead", lambda: [self._rows(q.batch, q.rows, time) for time in self.ahead])

    def _way(self, q: Quantities, rows: Array) -> tuple[Array, Array]:
        """Place (n, 3) and heading (n,) of the clips' roots in the walking frame of the episode."""
        origin, root = _tracking(q.batch).origin[q.rows], self._root(rows)
        offset = root[:, _PLACE] - origin[:, :2]
        flat = turned(offset, -origin[:, 2])
        height = rows[:, 2 * len(self.body.joint_names)]
        return np.column_stack([flat, height]), root[:, _HEADING] - origin[:, 2]

    # Quantities.
    @quantity
    def reference_root_pos(self, q: Quantities) -> Array:
        """Place of the clip's root in the walking frame, which began where the walker did (N, 3) [m]."""
        return self._way(q, self._now(q))[0]

    @quantity
    def reference_heading(self, q: Quantities) -> Array:
        """Heading of the clip's root, positive to the left (N,) [rad]."""
        return self._way(q, self._now(q))[1]

    @quantity
    def reference_root_linvel(self, q: Quantities) -> Array:
        """Velocity of the clip's root in its heading frame (N, 3) [m/s]."""
        return self._root(self._now(q))[:, _LINVEL].copy()

    @quantity
    def reference_root_angvel(self, q: Quantities) -> Array:
        """Angular velocity of the clip's root in its heading frame (N, 3) [rad/s]."""
        return self._root(self._now(q))[:, _ANGVEL].copy()

    @quantity
    def root_turn(self, q: Quantities) -> Array:
        """Angle between the root and the clip's (N,) [rad]."""
        wanted = self._quat(self._root(self._now(q)), q["reference_heading"])
        alike = np.abs((wanted * q.batch.worlds.qpos[q.rows, 3:7]).sum(axis=1))
        return 2.0 * np.arccos(np.clip(alike, 0.0, 1.0))

    @quantity
    def effector_pos(self, q: Quantities) -> Array:
        """Heels, and centres of mass of trunk and arms that joints move, relative to the root, in the heading
        frame, as old as `foot_pos` (N, E, 3) [m]."""
        worlds, place = q.batch.worlds, q["foot_pos"]
        root = worlds.bind("xpos")[q.rows][:, self.body.root_body]
        offset = (worlds.bind("xipos")[q.rows][:, self._effectors] - root[:, None]) @ self.axes.T
        heading = np.repeat(q["heading"], len(self._effectors))
        flat = turned(offset[..., :2].reshape(-1, 2), -heading).reshape(*offset.shape[:2], 2)
        return np.concatenate([place, np.concatenate([flat, offset[..., 2:]], axis=2)], axis=1)

    @quantity
    def reference_effector_pos(self, q: Quantities) -> Array:
        """Where the clip has what `effector_pos` is of (N, E, 3) [m]."""
        rows, arms = self._now(q), self.clips.n_gait + self.clips.n_root
        return np.concatenate([q["reference_foot_pos"], rows[:, arms:].reshape(len(rows), -1, 3)], axis=1)

    @quantity
    def reference_ahead(self, q: Quantities) -> Array:
        """Poses of the clip at the times of `environment.motion.ahead`, one after another (N, K J) [rad]."""
        joints = len(self.body.joint_names)
        return np.hstack([rows[:, :joints] for rows in self._later(q)])

    @quantity
    def path_ahead(self, q: Quantities) -> Array:
        """Way from the root to the clip's forward, left and up [m], and angle to its heading [rad], in the
        heading frame, now and at the times of `environment.motion.ahead` (N, 4 (1 + K))."""
        parts: list[Array] = []
        for rows in (self._now(q), *self._later(q)):
            place, heading = self._way(q, rows)
            offset, turn = place - q["root_pos"], heading - q["heading"]
            flat = turned(offset[:, :2], -q["heading"])
            parts.append(np.column_stack([flat, offset[:, 2], wrapped(turn)]))
        return np.hstack(parts)


def _tracking(batch: Batch[Body, HumanState]) -> TrackState:
    assert isinstance(batch.state, TrackState)
    return batch.state
