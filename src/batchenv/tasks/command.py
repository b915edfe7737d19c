"""Walking as commanded: at the speed that each world is asked, as humans do it, standing at 0."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import mujoco
import numpy as np

from batchenv.body import Body, GaitCycle
from batchenv.body.climbing import Climbing
from batchenv.body.foot_geometry import foot_axes, foot_progression
from batchenv.body.gait_by_speed import GaitBySpeed, load_gait_by_speed
from batchenv.body.planar import wrapped
from batchenv.body.stepping import Stepping
from batchenv.body.turning import Turning
from batchenv.config import Config
from batchenv.errors import ConfigError, InputError
from batchenv.mdp.batch import Batch
from batchenv.mdp.commands import FASTEST_TURN, walking_velocity
from batchenv.mdp.marks import Kind
from batchenv.mdp.quantities import Quantities, quantity
from batchenv.mdp.resets import Start
from batchenv.mdp.task import Terms
from batchenv.tasks.human import HumanTask
from batchenv.tasks.human_quantities import HumanState
from batchenv.tasks.registry import task

Array = np.ndarray
_SPEED, _YAW_RATE = "speed", "yaw_rate"
# A walker d [rad] off the course is forgiven _PATIENCE d^2 in a second. One that turns too little by e
# [rad/s] ends up sqrt(e / _PATIENCE) off, so it always gains by turning as told, and the course
# waits for one that falls behind.
_PATIENCE = 2.0  # [1/(rad s)]
# How long a walker that is late is expected to make up for it: longer than a step, within which humans brake
# and speed up again, and turn their pelvis to and fro.
_MEMORY = 1.0  # [s]
# While a walker stands, all phases have the same pose. Its clock waits in the middle of a swing, so that
# weight can shift before a foot leaves the floor. Straight on, the shipped walker turns least when it starts
# a bit later.
_LEFT_SWINGS, _RIGHT_SWINGS = 0.25, 0.75
_LATER_STRAIGHT_ON = 0.18
# The reference takes up a new command within a second or two, as humans do when they start and stop.
_ACCELERATION, _YAW_ACCELERATION = 1.2, 1.6  # [m/s^2], [rad/s^2]


@dataclass
class CommandedState(HumanState):
    """State of N worlds.

    Attributes:
        pace: speed forward and rate of turning to the left of the reference now, on their way to those
            commanded (N, 2) [m/s], [rad/s].
        course: heading to which the reference has turned, less what the walker was forgiven (N,) [rad].
        rise: of the floor ahead of the walker (N,) [rad].
        behind: how far the walker is behind where its pace would have brought it, less what it was
            forgiven (N,) [m].
        strayed: how far the walker faced to the left of the course, of about the last second (N,) [rad].
        steps: speed of a gait with steps as those of the reference now, at least its own (N,) [m/s].
    """

    pace: Array
    course: Array
    rise: Array
    behind: Array
    strayed: Array
    steps: Array


@task("command")
class CommandTask(HumanTask):
    """Walk at the commanded speed, as humans do at that speed, and turn as commanded."""

    default_terms: ClassVar[Mapping[Kind, Terms]] = {
        "observation": {
            name: {}
            for name in (
                *("root_height", "root_up", "root_linvel", "root_angvel", "joint_pos", "joint_vel", "phase"),
                *("previous_action", "reference_pos", "foot_load", "off_course", "pace", "command"),
            )
        },
        "command": {
            "walking_velocity": {
                **{"speed": (0.0, 2.0), "yaw_rate": (-0.8, 0.8), "standing": 0.1},
                "every": (2.0, 5.0),
            }
        },
    }
    _by_speed: GaitBySpeed
    _stepping: Stepping
    _turning: Turning

    def __init__(self, config: Config, body: Body):
        super().__init__(config, body)
        names = [column.name for column in self.command_layout]
        if _SPEED not in names:
            raise ConfigError(
                f"environment.commands has no column {_SPEED!r}, which the task command follows; list a term "
                "that has one, such as walking_velocity"
            )
        for term in self.commands.terms:
            if term.function is walking_velocity and (least := term.keywords["speed"][0]) < 0.0:
                raise ConfigError(
                    f"{term.where}.speed begins at {least:g} m/s; expected 0 or more, since the task command "
                    "knows no walking backwards"
                )
        self._speed_column = names.index(_SPEED)
        self._turn_column = names.index(_YAW_RATE) if _YAW_RATE in names else None
        if self._stride is not None or self._cadence is not None:
            raise ConfigError(
                "environment.parameters.gait: stride and cadence follow from the commanded speed; leave "
                "them out"
            )

    def checked_commands(self, values: Any, num_worlds: int) -> dict[int, Array] | None:
        """Values by column, each (num_worlds,); None stays None.

        Raises:
            InputError: there is no such column, or a value is not a finite number, a speed is negative, or a
                rate of turning can only be meant in degrees.
        """
        found = super().checked_commands(values, num_worlds)
        none = np.zeros(1)
        speeds = (found or {}).get(self._speed_column, none)
        if (speeds < 0.0).any():
            raise InputError(
                f"command {_SPEED!r} is {speeds.min():g} m/s; expected 0 or more, since walkers of the task "
                "command do not walk backwards"
            )
        turns = none if self._turn_column is None else (found or {}).get(self._turn_column, none)
        if (fast := np.abs(turns) > FASTEST_TURN).any():
            turn = turns[fast][0]
            raise InputError(
                f"command {_YAW_RATE!r} is {turn:g} rad/s; expected at most {FASTEST_TURN:.4g} in size. "
                f"{turn:g} degrees a second are {math.radians(turn):.3g} rad/s"
            )
        return found

    def load_reference(self) -> GaitCycle:
        """The gait at the speed that humans choose; those of other speeds lie beside it.

        Raises:
            ConfigError: the section `motion` asks for another reference.
        """
        why = "which follows humans' gait at the speeds of environment.commands"
        self.refuse_motion(("file", "period", "speed", "files", "loop"), f"the task command, {why}")
        self._by_speed = load_gait_by_speed(self.body, self.environment.motion.joint_scale)
        self._stepping, self._turning = Stepping.of(self.body, self._by_speed), Turning.of(self.body)
        return self._by_speed.usual

    @property
    def one_reference(self) -> bool:
        """Whether all worlds follow one cycle."""
        return False

    @property
    def reference_range(self) -> tuple[Array, Array]:
        """Least and greatest joint positions at all speeds, in any curve, each (J,) [rad]."""
        positions, most = self._by_speed.tables[:, :, : len(self.body.joint_names)], self._turning.most
        if any(name.startswith("slope.") for name in self.parameter_names):
            most = most + self._climbing.most
        return positions.min(axis=(0, 1)) - most, positions.max(axis=(0, 1)) + most

    def reference_speed(self, batch: Batch[Body, HumanState], ids: Array | slice | None) -> Array:
        """Speed of the reference now, on its way to the commanded one (n,) [m/s]."""
        return _state(batch).pace[slice(None) if ids is None else ids, 0].copy()

    def reference_rows(self, batch: Batch[Body, HumanState], ids: Array | None, phase: Array) -> Array:
        """Rows of the reference's table (n, t) at phases (n,), at the speed, turning and slope of now."""
        state, some = _state(batch), slice(None) if ids is None else ids
        speed, yaw_rate = np.ascontiguousarray(state.pace[some].T)
        steps = state.steps[some]
        cadence = self._stepping.cadence(speed, steps)
        rows = self._by_speed.rows(phase, speed, cadence)
        if state.rise.any():
            rows = self._climbing.climbed(rows, phase, speed, state.rise[some], cadence)
        rows = self._stepping.stepped(rows, phase, speed, steps, cadence)
        return self._turning.turned(rows, phase, yaw_rate, cadence)

    def reference_period(self, batch: Batch[Body, HumanState]) -> Array:
        """Length of the reference's cycle in all worlds (N,) [s]; infinite where they stand."""
        state = _state(batch)
        cadence = self._stepping.cadence(state.pace[:, 0], state.steps)
        return np.divide(1.0, cadence, where=cadence > 0.0, out=np.full_like(cadence, np.inf))

    def new_state(self, num_worlds: int) -> CommandedState:
        """State of N worlds before their first reset."""
        before = vars(super().new_state(num_worlds))
        course, rise, behind, strayed, steps = np.zeros((5, num_worlds))
        return CommandedState(
            **before,
            pace=np.zeros((num_worlds, 2)),
            course=course,
            rise=rise,
            behind=behind,
            strayed=strayed,
            steps=steps,
        )

    def reset(self, batch: Batch[Body, HumanState], ids: Array) -> None:
        """Put worlds (n,) whose episode has begun into their first states, at the commanded speed."""
        state, speed = _state(batch), np.maximum(batch.commands.values[ids, self._speed_column], 0.0)
        state.pace[ids, 0], state.pace[ids, 1], state.steps[ids] = speed, 0.0, speed
        self._face(batch, ids, np.zeros(len(ids)))
        super().reset(batch, ids)

    def draw_parameters(self, batch: Batch[Body, HumanState], ids: Array) -> None:
        """Draw parameters of worlds (n,) whose episode begins, which will face straight on."""
        super().draw_parameters(batch, ids)
        self._face(batch, ids, np.zeros(len(ids)))

    def set_parameters(self, batch: Batch[Body, HumanState], ids: Array, values: Array) -> None:
        """Give worlds (n,) parameters (n, P), checked."""
        super().set_parameters(batch, ids, values)
        self._face(batch, ids, self._heading(batch, ids))

    def advance(self, batch: Batch[Body, HumanState]) -> None:
        """Move the clock of the reference, its pace and the course by a control step."""
        super().advance(batch)
        state, commands = _state(batch), batch.commands.values
        course, heading = state.course, self._heading(batch, slice(None))
        slower = state.pace[:, 0] - self._speed(batch, heading)
        state.behind += self.control_dt * (slower - state.behind / _MEMORY)
        self._choose_first_step(state, commands)
        speed = np.maximum(commands[:, self._speed_column], 0.0)  # a command of a user's own may be less
        _approach(state.pace[:, 0], speed, _ACCELERATION * self.control_dt)
        if self._turn_column is not None:
            _approach(state.pace[:, 1], commands[:, self._turn_column], _YAW_ACCELERATION * self.control_dt)
        rested = self._stepping.rested(state.steps, self.control_dt)
        state.steps[:] = np.maximum(self._stepping.speed(*state.pace.T), rested)
        standing = state.steps == 0.0
        state.phase[standing] = _nearest_swing(state.phase[standing])
        self._face(batch, slice(None), heading)
        ahead = wrapped(course - heading)
        course += self.control_dt * (state.pace[:, 1] - _PATIENCE * np.abs(ahead) * ahead)
        state.strayed += self.control_dt / _MEMORY * (wrapped(heading - course) - state.strayed)

    def _choose_first_step(self, state: CommandedState, commands: Array) -> None:
        """Move the clock of those that start: into a curve, the foot on its inside swings first."""
        turn = np.zeros(len(commands)) if self._turn_column is None else commands[:, self._turn_column]
        starting = (state.steps == 0.0) & ((commands[:, self._speed_column] > 0.0) | (turn != 0.0))
        phase, turn = _nearest_swing(state.phase[starting]), turn[starting]
        inside = np.where(turn > 0.0, _LEFT_SWINGS, _RIGHT_SWINGS)
        state.phase[starting] = np.where(turn == 0.0, phase + _LATER_STRAIGHT_ON, inside)

    def place(self, batch: Batch[Body, HumanState], ids: Array, start: Start) -> None:
        """Put worlds (n,) into their first states."""
        super().place(batch, ids, start)
        state = _state(batch)
        state.course[ids], state.behind[ids], state.strayed[ids] = self._heading(batch, ids), 0.0, 0.0

    def _face(self, batch: Batch[Body, HumanState], ids: Array | slice, heading: Array) -> None:
        """Note the rise of the floor ahead of worlds (n,) with these headings (n,) [rad]."""
        up = self.against_gravity(batch.worlds, ids, heading)
        if up is not None:
            _state(batch).rise[ids] = np.arctan(up[:, 0] / up[:, 2])

    @cached_property
    def _climbing(self) -> Climbing:
        """What slopes add to the reference; only slopes need it."""
        return Climbing.of(self.body, self._by_speed)

    def _heading(self, batch: Batch[Body, HumanState], ids: Array | slice) -> Array:
        """Angle of the root about the vertical in the walking frame (n,) [rad]."""
        quat = batch.worlds.qpos[ids, 3:7]
        axis = np.cross(quat[:, 1:], self.body.forward) + quat[:, :1] * self.body.forward
        forward = self.body.forward + 2.0 * np.cross(quat[:, 1:], axis)
        ahead, left = forward @ self.axes[0], forward @ self.axes[1]
        return np.arctan2(left, ahead)

    def _speed(self, batch: Batch[Body, HumanState], heading: Array) -> Array:
        """Speed of all roots along their headings (N,) [m/s], those in (N,) [rad]."""
        ahead, left = self.axes[:2] @ batch.worlds.qvel[:, :3].T
        return np.cos(heading) * ahead + np.sin(heading) * left

    @quantity
    def behind(self, q: Quantities) -> Array:
        """How far the walker is behind its pace, of about the last second (N,) [m]."""
        return _state(q.batch).behind[q.rows].copy()

    @quantity
    def off_course(self, q: Quantities) -> Array:
        """How far the walker faces to the left of the course that it was told (N,) [rad]."""
        return wrapped(q["heading"] - _state(q.batch).course[q.rows])

    @quantity
    def strayed(self, q: Quantities) -> Array:
        """How far the walker faced to the left of its course, on average of about a second (N,) [rad]."""
        return _state(q.batch).strayed[q.rows].copy()

    @quantity
    def pace(self, q: Quantities) -> Array:
        """Speed forward and rate of turning of the reference now (N, 2) [m/s], [rad/s]."""
        return _state(q.batch).pace[q.rows].copy()

    @quantity
    def reference_com_speed(self, q: Quantities) -> Array:
        """Speed of humans' centre of mass at this phase, on its way to the commanded one (N,) [m/s]."""
        speed = np.ascontiguousarray(_state(q.batch).pace[q.rows, 0])
        return self._by_speed.com_speed(q.batch.state.phase[q.rows], speed)

    @quantity
    def foot_progression(self, q: Quantities) -> Array:
        """Angles of the axes of right and left foot from the course, toes inward positive (N, 2) [rad].

        As old as `foot_pos`.
        """
        frames = q.batch.worlds.bind("xmat")[q.rows][:, self.body.foot_body].reshape(-1, 2, 3, 3)
        axes = (frames @ self._foot_axes[..., None])[..., 0]
        return foot_progression(axes @ self.axes.T, _state(q.batch).course[q.rows])

    @quantity
    def reference_foot_progression(self, q: Quantities) -> Array:
        """Those of humans at this phase, on the way to the commanded speed (N, 2) [rad]."""
        speed = np.ascontiguousarray(_state(q.batch).pace[q.rows, 0])
        return self._by_speed.progression_rows(q.batch.state.phase[q.rows], speed)

    @cached_property
    def _foot_axes(self) -> Array:
        """From the heels to the toes, in the frames of the feet (2, 3)."""
        data = mujoco.MjData(self.body.model)
        mujoco.mj_kinematics(self.body.model, data)
        axes = foot_axes(self.body, self.body.model.qpos0[None, self.body.joint_qposadr])[0]
        frames = data.xmat[self.body.foot_body].reshape(-1, 3, 3)
        return (frames.mT @ (axes @ self.axes)[..., None])[..., 0]

    @quantity
    def reference_pelvis(self, q: Quantities) -> Array:
        """Forward tilt, list (right side up) and rotation (to the left) of the pelvis (N, 3) [rad].

        In a curve the pelvis lists to its inside as far as keeps the weight over the feet.
        """
        speed, yaw_rate = _state(q.batch).pace[q.rows].T
        steps = _state(q.batch).steps[q.rows]
        angles = self._by_speed.pelvis_rows(q.batch.state.phase[q.rows], steps)
        angles[:, 1] += np.arctan(speed * yaw_rate * self.body.mass / self.body.weight)
        return angles


def _state(batch: Batch[Body, HumanState]) -> CommandedState:
    assert isinstance(batch.state, CommandedState)
    return batch.state


def _approach(values: Array, wanted: Array, most: float) -> None:
    """Move values (n,) towards those wanted (n,), by `most` at most."""
    values += np.clip(wanted - values, -most, most)


def _nearest_swing(phase: Array) -> Array:
    """Phases (n,) in the middle of a swing, each the one that is nearest to another (n,)."""
    return np.where(phase < 0.5, _LEFT_SWINGS, _RIGHT_SWINGS)
