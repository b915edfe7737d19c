"""The walking task: where its terms meet the live views of the engine.

`WalkingTask` holds what is fixed (body, reference, terms) and no state of any world; state comes in and goes
out as arrays, so that a batch can be snapshot, and rows of it can be measured alone.
"""

from typing import Any

import numpy as np

from batchenv import random
from batchenv.body import Body, GaitCycle
from batchenv.body.gait_family import GaitFamily
from batchenv.config import Config
from batchenv.engine import Worlds
from batchenv.mdp import resets, terminations
from batchenv.mdp.actions import action_layout, action_mirror, targets
from batchenv.mdp.gait_phase import advance
from batchenv.mdp.measure import interpolate, measure, measured_columns
from batchenv.mdp.observations import Block, Column, Mirror, observation_blocks, observe, permutation, stacked
from batchenv.mdp.parameters import Draws, ParameterSet, checked_values
from batchenv.mdp.quantities import Frame, Quantities, walking_axes
from batchenv.mdp.state import TaskState, WalkingState
from batchenv.mdp.terms import RewardTerm, resolve_terms


class WalkingTask:
    """Follow a reference gait cycle, straight ahead, at its speed.

    Args:
        config: the whole configuration.
        body: what moves.
        gait: the reference.
    """

    def __init__(self, config: Config, body: Body, gait: GaitCycle):
        environment = config.environment
        self.environment, self.body, self.gait = environment, body, gait
        self.actuator = environment.skeleton.actuator
        self.control_dt = 1.0 / environment.simulation.control_hz
        self.max_episode_steps = round(environment.episode.max_seconds * environment.simulation.control_hz)
        self.frame = Frame(
            body.joint_qposadr, body.joint_dofadr, body.foot_body, body.forward, body.left, body.weight
        )
        self.axes = walking_axes(self.frame)
        self.parameters = ParameterSet(environment.parameters, body, self.actuator)
        self.parameter_names = self.parameters.names
        self._stride, self._cadence = (
            self.parameters.column(f"gait.{name}") for name in ("stride", "cadence")
        )
        self._family = self._gait_family()
        self._sums: tuple[np.ndarray, np.ndarray] | None = None
        n_joint, n_foot = len(body.joint_names), len(body.foot_body)
        self.columns = measured_columns(
            n_joint,
            n_foot,
            {
                "reference_pos": n_joint,
                "reference_vel": n_joint,
                "reference_root_height": 0,
                "reference_root_height_rate": 0,
                "reference_foot_pos": 3 * n_foot,
                "reference_foot_load": n_foot,
            },
            {"foot_load": n_foot, "foot_load_peak": n_foot, "activation_squared": 0},
        )
        self._reference_columns = slice(
            self.columns["reference_pos"].start, self.columns["reference_foot_load"].stop
        )
        self._tracked = _sealed(gait.tracked.copy())
        self.terms: tuple[RewardTerm, ...] = reward_terms(config)
        self.reward_names = tuple(term.name for term in self.terms)
        self._weights = np.array([[term.weight] for term in self.terms], np.float32)
        self.wanted = {name for term in self.terms for name in term.quantities}
        joints = permutation(body.mirror_joint, body.mirror_joint_sign)
        warping = environment.action.time_warping
        self.action_layout: tuple[Column, ...] = action_layout(
            self.actuator, body.joint_names, body.muscle_names, warping
        )
        self.mirror_action: Mirror = action_mirror(self.actuator, joints, body.mirror_muscle, warping)
        self.blocks: tuple[Block, ...] = observation_blocks(
            body.joint_names, joints, self.action_layout, self.mirror_action
        )
        if environment.observation.parameters:
            self.blocks += (self.parameters.block(),)
        self.obs_layout: tuple[Column, ...] = tuple(c for block in self.blocks for c in block.columns)
        self.mirror_obs: Mirror = stacked([block.mirror for block in self.blocks])

    def first_state(self, num_worlds: int) -> WalkingState:
        """State of N worlds before their first reset."""
        plain = TaskState.zeros(num_worlds, len(self.action_layout))
        return WalkingState(**vars(plain), parameters=np.tile(self.parameters.default, (num_worlds, 1)))

    def drive(self, worlds: Worlds[Body], state: WalkingState) -> None:
        """Set the worlds' targets for the next step from the actions in `state`."""
        worlds.set_targets(*self.targets(state))

    def targets(self, state: WalkingState) -> tuple[np.ndarray, np.ndarray]:
        """Targets of the step to come, and their rates (N, n), (N, J)."""
        action = self.environment.action
        reference = self.gait.split(self._reference_rows(state.phase, state.parameters))
        target = targets(
            state.action,
            reference.joint_pos,
            actuator=self.actuator,
            scale=action.scale,
            residual=action.residual,
        )
        return target, reference.joint_vel

    def advance(self, worlds: Worlds[Body], state: WalkingState) -> None:
        """Move the clocks by a control step."""
        warping = self.environment.action.time_warping
        warp = warping * np.clip(state.action[:, -1], -1.0, 1.0) if warping > 0 else 0.0
        period = self.gait.period
        if self._cadence is not None:
            period = period / state.parameters[:, self._cadence]
        state.phase[:] = advance(state.phase, self.control_dt, period, warp)
        state.episode_step += 1

    def measure(self, worlds: Worlds[Body], state: WalkingState, ids: np.ndarray | None = None) -> Quantities:
        """Quantities of some worlds now.

        Args:
            worlds: where they live.
            state: of the task, all worlds.
            ids: which worlds; None for all.
        """
        every = np.arange(worlds.num_worlds) if ids is None else ids
        rows = slice(None) if ids is None else ids
        frame, body = self.frame, self.body
        slots, factors = self._sums = self._sums or _sums(worlds, body.weight)
        values = measure(
            every,
            state.phase,
            worlds.qpos,
            worlds.qvel,
            worlds.bind("xpos"),
            worlds.bind("userdata"),
            frame.joint_qposadr,
            frame.joint_dofadr,
            body.root_body,
            frame.foot_body,
            self.axes,
            self.gait.table,
            slots,
            factors,
        )
        parameters = state.parameters[rows]
        if self._family is not None:
            values[:, self._reference_columns] = self._reference_rows(state.phase[rows], parameters)
        values.flags.writeable = False  # and with it all views of it
        measured = {name: values[:, column] for name, column in self.columns.items()}
        for name in ("foot_pos", "reference_foot_pos"):
            measured[name] = measured[name].reshape(len(values), -1, 3)
        return Quantities(
            **measured,
            **self._torques(worlds, rows),
            tracked=self._tracked,
            target_speed=_sealed(self._speed(parameters)),
            phase=_sealed(state.phase[rows].copy()),
            action=_sealed(state.action[rows].copy()),
            previous_action=_sealed(state.previous_action[rows].copy()),
            parameters=_sealed(parameters.copy()),
        )

    def _torques(self, worlds: Worlds[Body], rows: np.ndarray | slice) -> dict[str, np.ndarray | None]:
        """The torques that a reward term asks for; none does in the shipped presets."""
        sums = {
            "desired_torque": "desired_sum",
            "achieved_torque": "achieved_sum",
            "residual_torque": "residual_squared_sum",
        }
        torques: dict[str, np.ndarray | None] = dict.fromkeys(sums)
        for name in self.wanted & sums.keys():
            mean = worlds.mean_of(sums[name])[rows]
            torques[name] = _sealed(np.sqrt(mean) if name == "residual_torque" else mean)
        return torques

    @property
    def reference_range(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest joint positions of all references that worlds may follow, each (J,) [rad]."""
        tables = self.gait.table[None] if self._family is None else self._family.tables
        positions = tables[:, :, : len(self.body.joint_names)]
        return positions.min(axis=(0, 1)), positions.max(axis=(0, 1))

    def _reference_rows(self, phase: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Rows of the reference's table (n, t) at phases (n,), in worlds of these parameters (n, P)."""
        if self._family is None:
            return interpolate(self.gait.table, phase)
        return self._family.rows(phase, *self._stride_and_cadence(parameters))

    def _stride_and_cadence(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Factors on the length and the rate of steps, each (n,)."""
        usual = np.ones(len(parameters))
        stride, cadence = (
            usual if column is None else np.ascontiguousarray(parameters[:, column])
            for column in (self._stride, self._cadence)
        )
        return stride, cadence

    def _speed(self, parameters: np.ndarray) -> np.ndarray:
        """Speed of the reference (n,) [m/s]."""
        if self._family is None:
            return np.full(len(parameters), self.gait.speed)
        stride, cadence = self._stride_and_cadence(parameters)
        return self.gait.speed * stride * cadence

    def _gait_family(self) -> GaitFamily | None:
        """References for all strides there may be; None where neither stride nor cadence is a parameter."""
        if self._stride is None and self._cadence is None:
            return None
        ends = (1.0, 1.0)
        if self._stride is not None:
            ends = self.parameters.low[self._stride], self.parameters.high[self._stride]
        return GaitFamily.of(self.gait, self.body, *ends)

    def observe(self, quantities: Quantities, out: np.ndarray) -> np.ndarray:
        """Write observations into `out` (n, O), and return it."""
        return observe(self.blocks, quantities, out)

    def reward(self, quantities: Quantities, rows: np.ndarray, out: np.ndarray) -> None:
        """Write unweighted terms into `rows` (terms, N), and their weighted sum into `out` (N,)."""
        # NumPy need not warn of what is not finite: `check_finite` refuses it.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            for term, row in zip(self.terms, rows, strict=True):
                row[:] = term(quantities)
            # Term by term: `sum` adds in another order where there is one world.
            out[:] = 0.0
            for weighted in self._weights * rows:
                out += weighted

    def terminated(self, q: Quantities) -> np.ndarray:
        """Whether the walker failed its task (n,)."""
        limit = self.environment.termination
        return (
            terminations.fallen(q.root_pos, q.reference_root_height, min_height=limit.min_height)
            | terminations.tilted(q.root_up, max_tilt=limit.max_tilt)
            | terminations.turned(q.heading, max_heading=limit.max_heading)
            | terminations.drifted(q.root_pos, max_drift=limit.max_drift)
        )

    def begin(self, worlds: Worlds[Body], state: WalkingState, ids: np.ndarray) -> None:
        """Begin the next episode of some worlds: draw its parameters and its start."""
        state.episode[ids] += 1
        state.ended[ids] = False
        state.episode_step[ids] = 0
        state.episode_return[ids] = 0.0
        state.action[ids] = state.previous_action[ids] = 0.0
        draws = state.seed[ids], state.stream[ids], state.episode[ids]
        if self.parameter_names:
            before = state.parameters[ids]
            drawn = self.parameters.draw(before, Draws(*draws))
            changed = (state.episode[ids] == 0) | (drawn != before).any(axis=1)
            self.set_parameters(worlds, state, ids[changed], drawn[changed])
        parameters = state.parameters[ids]
        noise = self.environment.reset
        start = resets.start(
            self.body,
            self.axes,
            lambda phase: self._reference_rows(phase, parameters),
            self._speed(parameters),
            *draws,
            joint_noise=noise.joint_noise,
            velocity_noise=noise.velocity_noise,
        )
        state.phase[ids] = start.phase
        worlds.reset(ids, start.qpos, start.qvel)

    def parameter_values(self, state: WalkingState) -> np.ndarray:
        """Parameters of all worlds now (N, P), a copy."""
        return state.parameters.copy()

    def checked_parameters(self, values: Any, num_worlds: int) -> np.ndarray:
        """Values for some worlds as (num_worlds, P).

        Raises:
            InputError: they have another shape, or one is outside its range.
        """
        return checked_values(values, self.parameters.by_name, num_worlds)

    def set_parameters(
        self, worlds: Worlds[Body], state: WalkingState, ids: np.ndarray, values: np.ndarray
    ) -> None:
        """Give worlds (n,) parameters (n, P), checked."""
        state.parameters[ids] = values
        self.parameters.write(worlds, ids, values)

    def tuple_draws(self, state: WalkingState) -> np.ndarray:
        """Uniform numbers (N,), one for the step to come out of each world's own stream."""
        stream = state.seed, state.stream, state.episode
        return random.uniform(*stream, 1, resets.TUPLES, first=state.episode_step)[:, 0]


def _sealed(array: np.ndarray) -> np.ndarray:
    """Return a read-only view of an array, for reward terms of any origin."""
    array.flags.writeable = False
    return array


def _sums(worlds: Worlds[Body], weight: float) -> tuple[np.ndarray, np.ndarray]:
    """Slots of `userdata` that every step reads, and the factors that make quantities of them."""
    substeps, columns = worlds.substeps, worlds.layout.columns
    names = ("foot_load_sum", "foot_load_peak", "effort_sum")
    slots = [np.r_[columns(name)] for name in names]
    per_weight = 1.0 / weight
    factors = (per_weight / (substeps - 1), per_weight, 1.0 / substeps)
    return np.concatenate(slots), np.repeat(factors, [len(slot) for slot in slots])


def reward_terms(config: Config) -> tuple[RewardTerm, ...]:
    """Find the function of every reward term of a configuration.

    Raises:
        ConfigError: a term does not exist, or does not take a keyword.
    """
    return resolve_terms(
        {name: (term.weight, term.arguments) for name, term in config.environment.reward.items()}
    )
