"""Tasks of a human on flat ground: what terms are given, and the reference that a pose is compared with."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from batchenv.body import Body, GaitCycle
from batchenv.body.gait_cycle import standing_still
from batchenv.body.gait_family import GaitFamily
from batchenv.body.sides import unlike_legs, unlike_sides
from batchenv.config import Config, Environment, Motion
from batchenv.config.section import Section as ConfigSection
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.uneven_floor import keep_floor_below, lay_floor
from batchenv.errors import ConfigError, InputError
from batchenv.mdp import actions, commands, events, observations, rewards, terminations
from batchenv.mdp.batch import Batch
from batchenv.mdp.capture import WalkingCapture
from batchenv.mdp.columns import Mirror, check_distinct, permutation
from batchenv.mdp.devices import Assistance
from batchenv.mdp.episodes import FLOOR, PARAMETERS
from batchenv.mdp.figure import WalkingFigure
from batchenv.mdp.gait_phase import advance
from batchenv.mdp.marks import Kind
from batchenv.mdp.measure import interpolate
from batchenv.mdp.parameters import ParameterSet, checked_values
from batchenv.mdp.quantities import Quantities
from batchenv.mdp.resets import Start
from batchenv.mdp.robustness import ObservationNoise, delayed, longest_delay, next_difficulty
from batchenv.mdp.task import Task, Terms
from batchenv.mdp.terms import Term
from batchenv.tasks.human_law import human_law, load_human
from batchenv.tasks.human_quantities import HumanQuantities, HumanState
from batchenv.tasks.within_step import check_smooth, follow

Array = np.ndarray


class HumanTask(HumanQuantities):
    """A human whose pose is compared with a reference: here, standing still.

    A subclass may follow another reference, see `load_reference`, and add quantities and default terms.
    Vectors are in the walking frame (x forward, y left, z up) or in the heading frame, which turns about the
    vertical with the root.

    Args:
        config: the whole configuration.
        body: what moves.
    """

    Environment: ClassVar[type[ConfigSection]] = Environment
    shipped: ClassVar[Mapping[Kind, Sequence[ModuleType]]] = {
        "reward": (rewards,),
        "observation": (observations,),
        "termination": (terminations,),
        "event": (events,),
        "action": (actions,),
        "command": (commands,),
    }
    default_terms: ClassVar[Mapping[Kind, Terms]] = {
        "observation": {
            name: {}
            for name in (
                *("root_height", "root_up", "root_linvel", "root_angvel", "joint_pos", "joint_vel"),
                *("previous_action", "foot_load"),
            )
        },
        "termination": {"fallen": {}, "tilted": {}},
        "event": {"draw_parameters": {}, "start_on_reference": {}},
    }

    def __init__(self, config: Config, body: Body):
        super().__init__(config, body)
        environment = self.environment = config.environment
        self._max_episode_steps = round(environment.episode.max_seconds * environment.simulation.control_hz)
        self._axes = np.stack([body.forward, body.left, np.cross(body.forward, body.left)])
        self.parameter_set = ParameterSet(environment.parameters, body, self.actuator)
        self._stride, self._cadence = (
            self.parameter_set.column(f"gait.{name}") for name in ("stride", "cadence")
        )
        self.gait = self.load_reference()
        self._family = self._gait_family()
        self._assistance = Assistance(environment.devices, body)
        self.compose_commands(environment.commands)
        self._measure_in_one_pass()
        self._compose()

    def _compose(self) -> None:
        """Find the terms of the configuration."""
        environment = self.environment
        (self.action_term,) = self.find_terms(
            "action",
            "environment.action.term",
            {
                environment.action.term or actions.BY_ACTUATOR[self.actuator]: {
                    "scale": environment.action.scale,
                    "residual": environment.action.residual,
                }
            },
        )
        term, columns = self.action_term, self.action_term.columns(self)
        self._num_targets = len(columns.parts)
        self._num_driven = len(self.muscle_names if self.actuator == "muscle" else self.joint_names)
        warping = actions.time_warping(environment.action.time_warping)
        self.compose_actions(columns, term.column_prefix, term.mark.unit, warping)
        check_distinct(self.action_term.where, self.action_layout, self.action_layout)
        check_smooth(environment, self.actuator)
        self.compose_observations(
            self.find_terms("observation", "environment.observation.terms", environment.observation.terms)
        )
        places = {term.name: place for term, place in zip(self.observation_terms, self._places, strict=True)}
        noise = environment.observation.noise
        self._noise = ObservationNoise(noise, places) if noise else None
        self.reward_terms = reward_terms(self, environment.reward)
        self.reward_names = tuple(term.name for term in self.reward_terms)
        weights = [[section.weight] for section in environment.reward.values()]
        self._weights = np.array(weights, np.float32)
        self.termination_terms = self.find_terms(
            "termination", "environment.termination.terms", environment.termination.terms
        )
        self.event_terms = self.find_terms("event", "environment.events", environment.events)
        for event in self.event_terms:
            if event.function is events.push:
                events.check_pushed(event.keywords.get("bodies"), self.body)

    @classmethod
    def load_body(cls, config: Config, *, visual: bool = False) -> Body:
        """Load the body that a configuration names; `visual` keeps what only the eye needs."""
        return load_human(config, visual=visual)

    @classmethod
    def control_law(cls, config: Config, body: Body, seed: int = 0) -> ControlLaw:
        """The control law of a configuration; `seed` is that of a muscle network without a file."""
        return human_law(config, body, seed)

    def load_reference(self) -> GaitCycle:
        """What poses are compared with, and where episodes start: here, the body's first pose."""
        return standing_still(self.body)

    def refuse_motion(self, keys: Sequence[str], task: str) -> None:
        """Refuse keys of the section `motion` that a task does not follow.

        Raises:
            ConfigError: one of them differs from its default.
        """
        usual, motion = Motion(), self.environment.motion
        for key in keys:
            if getattr(motion, key) != getattr(usual, key):
                raise ConfigError(f"environment.motion.{key} has no effect with {task}; leave it out")

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Primary joints (J,)."""
        return self.body.joint_names

    @property
    def muscle_names(self) -> tuple[str, ...]:
        """Muscles (M,)."""
        return self.body.muscle_names

    @property
    def mirror_joints(self) -> Mirror:
        """Image of joint positions."""
        return permutation(self.body.mirror_joint, self.body.mirror_joint_sign)

    @property
    def mirror_muscles(self) -> Mirror:
        """Image of muscles."""
        return permutation(self.body.mirror_muscle)

    @property
    def asymmetry(self) -> str | None:
        """What differs between the two sides: of body or reference, or in parameters not observed."""
        hidden = self.config.training.privileged_terms
        given = {
            name for term in self.observation_terms if term.name not in hidden for name in term.quantities
        }
        seen = not given.isdisjoint(("parameters", "shown_parameters"))
        return unlike_sides(self.body) or self.unlike_legs or (None if seen else self.parameter_set.one_sided)

    @property
    def unlike_legs(self) -> str | None:
        """What differs between the legs of the reference, where it is one cycle or a family of them."""
        return unlike_legs(self.body, self.gait.joint_pos_table)

    @property
    def max_episode_steps(self) -> int:
        """After which episodes are truncated."""
        return self._max_episode_steps

    def new_state(self, num_worlds: int) -> HumanState:
        """State of N worlds before their first reset."""
        delayed = self.parameter_set.column("action.delay") is not None
        depth = longest_delay(self.control_dt) if delayed else 0
        return HumanState(
            phase=np.zeros(num_worlds),
            parameters=np.tile(self.parameter_set.default, (num_worlds, 1)),
            difficulty=np.full(num_worlds, 1.0 if self.environment.curriculum is None else 0.0),
            lasted=np.zeros(num_worlds, np.int64),
            delay=np.zeros(num_worlds, np.int64),
            sent=np.zeros((num_worlds, depth, self._num_targets)),
            missed=self.parameter_set.adaptive.unknown(num_worlds),
            added=np.zeros((num_worlds, self._num_driven if self.environment.action.smooth else 0)),
        )

    def reset(self, batch: Batch[Body, HumanState], ids: Array) -> None:
        """Put worlds (n,) whose episode has begun into their first states."""
        state, curriculum = batch.state, self.environment.curriculum
        if state.missed.size:
            missed = 1.0 - np.minimum(state.lasted[ids] / self.max_episode_steps, 1.0)
            first = batch.episodes.number[ids] == 0
            self.parameter_set.adaptive.follow(state.missed, ids, first, state.parameters[ids], missed)
        if curriculum is not None:
            share = state.lasted[ids] / self.max_episode_steps
            following = next_difficulty(curriculum, state.difficulty[ids], share)
            following = np.where(share > 0.0, following, state.difficulty[ids])
            state.difficulty[ids] = np.where(batch.episodes.number[ids] == 0, 0.0, following)
        state.lasted[ids] = 0
        state.sent[ids] = 0.0
        super().reset(batch, ids)

    def ended_early(self, batch: Batch[Body, HumanState], ids: Array) -> Array:
        """Whether the last episode of worlds (n,) ended before its time (n,) bool."""
        lasted = batch.state.lasted[ids]
        return (lasted > 0) & (lasted < self.max_episode_steps)

    def difficulty_of(self, batch: Batch[Body, HumanState]) -> Array:
        """How hard it is made for each world, from 0 to 1 (N,)."""
        return batch.state.difficulty

    def compute_observations(self, quantities: Quantities, out: Array) -> Array:
        """Write observations into `out` (n, O), and return it."""
        super().compute_observations(quantities, out)
        if self._noise:
            batch, rows = quantities.batch, quantities.rows
            self._noise.add(out, batch.episodes, quantities.ids, batch.state.difficulty[rows])
        return out

    def apply_actions(self, batch: Batch[Body, HumanState]) -> None:
        """Set the worlds' targets for the next step from the actions, and the torques of devices."""
        if self.parameter_set.uneven:
            keep_floor_below(batch.worlds)
        batch.worlds.set_targets(*self.targets(batch))
        if self._assistance.joints:
            batch.worlds.slot("device_torque")[:] = self._device_torques(batch)

    def _device_torques(self, batch: Batch[Body, HumanState]) -> Array:
        """Torques of devices in all substeps of the step to come (N, S, K) [Nm]; none where worlds stand."""
        since = np.arange(batch.worlds.substeps) * batch.worlds.timestep
        period, warp = (
            np.reshape(self.reference_period(batch), (-1, 1)),
            np.reshape(self._warp(batch), (-1, 1)),
        )
        torques = self._assistance.torques(advance(batch.state.phase[:, None], since, period, warp))
        return torques * np.isfinite(period)[..., None]

    def _warp(self, batch: Batch[Body, HumanState]) -> Array | float:
        """Share by which the last actions let the clocks of all worlds run fast (N,), or 0."""
        warping = self.environment.action.time_warping
        return warping * np.clip(batch.episodes.action[:, -1], -1.0, 1.0) if warping > 0 else 0.0

    def targets(self, batch: Batch[Body, HumanState]) -> tuple[Array, ...]:
        """Targets of the step to come (N, n) and their rates (N, J), see `Worlds.set_targets`."""
        rows, n_joint = self.reference_rows(batch, None, batch.state.phase), len(self.joint_names)
        rate, sent = rows[:, n_joint : 2 * n_joint], batch.episodes.action[:, : self._num_targets]
        known = {
            "action": delayed(sent.copy(), batch.state.sent, batch.state.delay),
            "reference_pos": rows[:, :n_joint],
            "reference_vel": rate,
        }
        given = Quantities(self, self.functions, batch, known=known)
        targets = self.action_term.checked(given, (len(rows), self._num_driven))
        if not np.isfinite(targets).all():
            world = int(np.argwhere(~np.isfinite(targets))[0][0])
            raise InputError(f"{self.action_term.title} is infinite or not a number in world {world}")
        motion, action = self.environment.motion, self.environment.action
        if not (motion.smooth or action.smooth):
            return targets, rate
        acceleration, ramp = np.zeros_like(rate), np.zeros_like(rate)
        if motion.smooth:
            acceleration, ramp = follow(rows, self.later_rows(batch), n_joint, self.control_dt)
        if action.smooth:
            added = targets - rows[:, :n_joint]
            before = np.where(batch.state.lasted[:, None] == 0, added, batch.state.added)
            batch.state.added[:] = added
            targets, ramp = rows[:, :n_joint] + before, ramp + (added - before) / self.control_dt
        return targets, rate, acceleration, ramp

    def advance(self, batch: Batch[Body, HumanState]) -> None:
        """Move the clock of the reference by a control step."""
        batch.state.lasted += ~batch.episodes.ended
        batch.state.phase[:] = self._later_phase(batch)

    def _later_phase(self, batch: Batch[Body, HumanState]) -> Array:
        """Phase of the reference a control step later, in all worlds (N,)."""
        period, warp = self.reference_period(batch), self._warp(batch)
        return advance(batch.state.phase, self.control_dt, period, warp)

    def place(self, batch: Batch[Body, HumanState], ids: Array, start: Start) -> None:
        """Put worlds (n,) into their first states."""
        batch.state.phase[ids] = start.phase
        if self.parameter_set.uneven:
            turns = batch.episodes.uniform(ids, 1, FLOOR)[:, 0]
            lay_floor(batch.worlds, ids, start.qpos[:, :2], turns)
        super().place(batch, ids, start)

    def compute_rewards(self, quantities: Quantities, rows: Array, out: Array) -> None:
        """Write unweighted terms into `rows` (terms, N), and their weighted sum into `out` (N,)."""
        values = [term.checked(quantities, out.shape)[None] for term in self.reward_terms]
        np.concatenate(values, out=rows)
        # One after another: `sum` adds in another order where there is one world. -0 becomes 0.
        np.add(np.add.accumulate(self._weights * rows, axis=0)[-1], 0.0, out=out)

    # What those ask who look at walkers.
    @property
    def axes(self) -> Array:
        """Forward, left and up in the world (3, 3)."""
        return self._axes

    @property
    def usual_speed(self) -> float:
        """Speed of the reference as usual [m/s]."""
        return self.gait.speed

    @property
    def reference(self) -> GaitCycle:
        """The gait cycle that is followed."""
        return self.gait

    def reference_phase(self, state: HumanState) -> Array:
        """Phase of the reference in all worlds (N,), in [0, 1)."""
        return state.phase

    @property
    def speed_column(self) -> str:
        """Name of the observation that is the speed forward [m/s]."""
        return "root_linvel/forward"

    @property
    def period(self) -> float:
        """Length of the reference's cycle as usual [s]."""
        return self.gait.period

    def capture(self, worlds: Worlds[Body]) -> WalkingCapture:
        """Measure worlds as recordings have them."""
        return WalkingCapture(worlds, self.axes)

    def figure(self, worlds: Worlds[Body]) -> WalkingFigure:
        """Draw worlds."""
        return WalkingFigure(worlds, self.load_body(self.config, visual=True), self.axes)

    # What the reference is at a phase.
    @property
    def reference_range(self) -> tuple[Array, Array]:
        """Least and greatest joint positions of all references that worlds may follow, each (J,) [rad]."""
        tables = self.gait.table[None] if self._family is None else self._family.tables
        positions = tables[:, :, : len(self.body.joint_names)]
        return positions.min(axis=(0, 1)), positions.max(axis=(0, 1))

    def reference_rows(self, batch: Batch[Body, HumanState], ids: Array | None, phase: Array) -> Array:
        """Rows of the reference's table (n, t) at phases (n,), in some worlds; None for all."""
        if self._family is None:
            return interpolate(self.gait.table, phase)
        return self._family.rows(phase, *self._stride_and_cadence(batch, ids))

    def later_rows(self, batch: Batch[Body, HumanState]) -> Array:
        """Rows of the reference's table at the end of the step to come, in all worlds (N, t)."""
        return self.reference_rows(batch, None, self._later_phase(batch))

    @property
    def one_reference(self) -> bool:
        """Whether all worlds follow one cycle."""
        return self._family is None

    def reference_period(self, batch: Batch[Body, HumanState]) -> Array | float:
        """Length of the reference's cycle in all worlds (N,), or one for all [s]."""
        if self._cadence is None:
            return self.gait.period
        return self.gait.period / batch.state.parameters[:, self._cadence]

    def reference_speed(self, batch: Batch[Body, HumanState], ids: Array | slice | None) -> Array:
        """Speed of the reference in some worlds (n,) [m/s]; None for all."""
        if self._family is None:
            count = batch.worlds.num_worlds if ids is None or isinstance(ids, slice) else len(ids)
            return np.full(count, self.gait.speed)
        stride, cadence = self._stride_and_cadence(batch, ids)
        return self.gait.speed * stride * cadence

    def _stride_and_cadence(
        self, batch: Batch[Body, HumanState], ids: Array | slice | None
    ) -> tuple[Array, Array]:
        """Factors on the length and the rate of steps, each (n,)."""
        parameters = batch.state.parameters[slice(None) if ids is None else ids]
        stride, cadence = (
            np.ones(len(parameters)) if column is None else np.ascontiguousarray(parameters[:, column])
            for column in (self._stride, self._cadence)
        )
        return stride, cadence

    def _gait_family(self) -> GaitFamily | None:
        """References for all strides there may be; None where neither stride nor cadence is a parameter."""
        if self._stride is None and self._cadence is None:
            return None
        ends = (1.0, 1.0)
        if self._stride is not None:
            ends = self.parameter_set.low[self._stride], self.parameter_set.high[self._stride]
        return GaitFamily.of(self.gait, self.body, *ends)

    # Parameters of the worlds.
    @property
    def parameter_names(self) -> tuple[str, ...]:
        """What differs from world to world (P,), by path in `environment.parameters`."""
        return self.parameter_set.names

    def draw_parameters(self, batch: Batch[Body, HumanState], ids: Array) -> None:
        """Draw parameters of worlds (n,) whose episode begins."""
        if not self.parameter_names:
            return
        before, episode = batch.state.parameters[ids], batch.episodes.number[ids]
        numbers = batch.episodes.uniform(ids, 3 * len(self.parameter_names), PARAMETERS)
        drawn = self.parameter_set.draw(
            before, numbers, episode == 0, batch.state.difficulty[ids], batch.state.missed[ids]
        )
        changed = (episode == 0) | (drawn != before).any(axis=1)
        self.set_parameters(batch, ids[changed], drawn[changed])

    def parameter_values(self, state: HumanState) -> Array:
        """Parameters of all worlds now (N, P), a copy."""
        return state.parameters.copy()

    def checked_parameters(self, values: Any, num_worlds: int) -> Array:
        """Values for some worlds as (num_worlds, P).

        Raises:
            InputError: they have another shape, or one is outside its range.
        """
        return checked_values(values, self.parameter_set.by_name, num_worlds)

    def set_parameters(self, batch: Batch[Body, HumanState], ids: Array, values: Array) -> None:
        """Give worlds (n,) parameters (n, P), checked."""
        batch.state.parameters[ids] = values
        if self.parameter_set.column("action.delay") is not None:
            seconds = self.parameter_set.value("action.delay", values)
            batch.state.delay[ids] = np.rint(seconds / self.control_dt).astype(np.int64)
        self.parameter_set.write(batch.worlds, ids, values)


def reward_terms(task: Task[Any, Any], reward: Mapping[str, Any]) -> tuple[Term, ...]:
    """Find the function of every reward term of a section `environment.reward`.

    Raises:
        ConfigError: a term does not exist, or does not take a keyword.
    """
    if not reward:
        raise ConfigError("environment.reward: name at least one reward term with its weight")
    return task.find_terms("reward", "environment.reward", {k: term.arguments for k, term in reward.items()})
