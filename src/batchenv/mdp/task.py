"""The walking task: where its terms meet the live views of the engine.

`WalkingTask` holds what is fixed (body, reference, terms) and no state of any world; state comes in and goes
out as arrays, so that a batch can be snapshot, and rows of it can be measured alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from batchenv import random
from batchenv.body import Body, GaitCycle
from batchenv.body.gait_cycle import GaitSample
from batchenv.config import Config
from batchenv.config.environment import Parameter
from batchenv.engine import Worlds
from batchenv.engine.block import ACTIVATION_SQUARED_AT, UserLayout
from batchenv.mdp import resets, terminations
from batchenv.mdp.actions import action_layout, action_mirror, targets
from batchenv.mdp.gait_phase import advance
from batchenv.mdp.measure import interpolate, measure, measured_columns
from batchenv.mdp.observations import Block, Column, Mirror, observation_blocks, observe, permutation, stacked
from batchenv.mdp.quantities import Frame, Quantities, walking_axes
from batchenv.mdp.terms import RewardTerm, resolve_terms


@dataclass
class TaskState:
    """What the task remembers of each world.

    Attributes:
        phase: of the gait cycle (N,).
        action, previous_action: (N, A).
        episode: number of episodes begun since the seed, the key of the world's stream (N,).
        episode_step: control steps in this episode (N,).
        episode_return: sum of rewards in this episode (N,).
    """

    phase: np.ndarray
    action: np.ndarray
    previous_action: np.ndarray
    episode: np.ndarray
    episode_step: np.ndarray
    episode_return: np.ndarray

    @classmethod
    def zeros(cls, num_worlds: int, action_dim: int) -> "TaskState":
        """The state before the first reset; the first episode is number 0."""
        return cls(
            phase=np.zeros(num_worlds),
            action=np.zeros((num_worlds, action_dim)),
            previous_action=np.zeros((num_worlds, action_dim)),
            episode=np.full(num_worlds, -1, np.int64),
            episode_step=np.zeros(num_worlds, np.int64),
            episode_return=np.zeros(num_worlds),
        )

    def copy(self) -> "TaskState":
        """A deep copy."""
        return TaskState(**{name: array.copy() for name, array in vars(self).items()})

    def assign(self, other: "TaskState") -> None:
        """Take over the values of another state of the same size."""
        for name, array in vars(self).items():
            array[:] = getattr(other, name)


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
        substeps = environment.simulation.sim_hz // environment.simulation.control_hz
        self.slots, self.factors = _sums(body, substeps)
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
            },
            {"foot_load": n_foot, "foot_load_peak": n_foot, "activation_squared": 0},
        )
        self.terms: tuple[RewardTerm, ...] = reward_terms(config)
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
        self.obs_layout: tuple[Column, ...] = tuple(c for block in self.blocks for c in block.columns)
        self.mirror_obs: Mirror = stacked([block.mirror for block in self.blocks])

    def targets(self, state: TaskState) -> tuple[np.ndarray, np.ndarray]:
        """Targets of the step to come, and their rates (N, n), (N, J)."""
        action, reference = self.environment.action, self._reference(state.phase)
        target = targets(
            state.action,
            reference.joint_pos,
            actuator=self.actuator,
            scale=action.scale,
            residual=action.residual,
        )
        return target, reference.joint_vel

    def advance(self, state: TaskState) -> None:
        """Move the clocks by a control step."""
        warping = self.environment.action.time_warping
        warp = warping * np.clip(state.action[:, -1], -1.0, 1.0) if warping > 0 else 0.0
        state.phase[:] = advance(state.phase, self.control_dt, self.gait.period, warp)
        state.episode_step += 1

    def measure(self, worlds: Worlds, state: TaskState, ids: np.ndarray | None = None) -> Quantities:
        """Quantities of some worlds now.

        Args:
            worlds: where they live.
            state: of the task, all worlds.
            ids: which worlds; None for all.
        """
        every = np.arange(worlds.num_worlds) if ids is None else ids
        rows = slice(None) if ids is None else ids
        frame, body = self.frame, self.body
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
            self.slots,
            self.factors,
        )
        measured = {name: values[:, column] for name, column in self.columns.items()}
        for name in ("foot_pos", "reference_foot_pos"):
            measured[name] = measured[name].reshape(len(values), -1, 3)
        return Quantities(
            **measured,
            **self._torques(worlds, rows),
            tracked=self.gait.tracked,
            target_speed=np.full(len(values), self.gait.speed),
            phase=state.phase[rows],
            action=state.action[rows],
            previous_action=state.previous_action[rows],
        )

    def _torques(self, worlds: Worlds, rows: np.ndarray | slice) -> dict[str, np.ndarray | None]:
        """The torques that a reward term asks for; none does in the shipped presets."""
        sums = {
            "desired_torque": "desired_sum",
            "achieved_torque": "achieved_sum",
            "residual_torque": "residual_squared_sum",
        }
        torques: dict[str, np.ndarray | None] = dict.fromkeys(sums)
        for name in self.wanted & sums.keys():
            torques[name] = worlds.mean_of(sums[name])[rows]
        if torques["residual_torque"] is not None:
            torques["residual_torque"] = np.sqrt(torques["residual_torque"])
        return torques

    def _reference(self, phase: np.ndarray) -> GaitSample:
        return self.gait.split(interpolate(self.gait.table, phase))

    def observe(self, quantities: Quantities, out: np.ndarray) -> np.ndarray:
        """Write observations into `out` (n, O), and return it."""
        return observe(self.blocks, quantities, out)

    def terminated(self, q: Quantities) -> np.ndarray:
        """Whether the walker failed its task (n,)."""
        limit = self.environment.termination
        return (
            terminations.fallen(q.root_pos, q.reference_root_height, min_height=limit.min_height)
            | terminations.tilted(q.root_up, max_tilt=limit.max_tilt)
            | terminations.turned(q.heading, max_heading=limit.max_heading)
            | terminations.drifted(q.root_pos, max_drift=limit.max_drift)
        )

    def begin(self, worlds: Worlds, state: TaskState, ids: np.ndarray, seed: int) -> None:
        """Begin the next episode of some worlds: draw its parameters and its start."""
        state.episode[ids] += 1
        state.episode_step[ids] = 0
        state.episode_return[ids] = 0.0
        state.action[ids] = state.previous_action[ids] = 0.0
        self._draw_parameters(worlds, ids, seed, state.episode[ids])
        noise = self.environment.reset
        start = resets.start(
            self.body,
            self.axes,
            self.gait,
            seed,
            ids,
            state.episode[ids],
            joint_noise=noise.joint_noise,
            velocity_noise=noise.velocity_noise,
        )
        state.phase[ids] = start.phase
        worlds.reset(ids, start.qpos, start.qvel)

    def tuple_draws(self, state: TaskState, seed: int) -> np.ndarray:
        """Uniform numbers (N,), one for the step to come out of each world's own stream."""
        worlds, step = np.arange(len(state.episode)), state.episode_step
        return random.uniform(seed, worlds, state.episode, 1, resets.TUPLES, first=step)[:, 0]

    def _draw_parameters(self, worlds: Worlds, ids: np.ndarray, seed: int, episode: np.ndarray) -> None:
        setters: dict[Parameter, Callable[[np.ndarray, np.ndarray], None]] = {
            "mass": worlds.set_mass,
            "friction": worlds.set_friction,
            "muscle_strength": lambda x, ids: worlds.set_muscle_strength(x[:, None], ids),
        }
        if not self.environment.parameters:
            return
        draws = random.uniform(seed, ids, episode, 2 * len(setters), resets.PARAMETERS)
        for column, (name, write) in enumerate(setters.items()):
            parameter = self.environment.parameters.get(name)
            if parameter is not None:
                write(resets.parameter(parameter, draws[:, 2 * column : 2 * column + 2]), ids)


def _sums(body: Body, substeps: int) -> tuple[np.ndarray, np.ndarray]:
    """Slots of `userdata` that every step reads, and the factors that make quantities of them."""
    n_foot = len(body.grf_sensor_adr)
    layout = UserLayout.of(len(body.joint_names), len(body.muscle_names), n_foot)
    load, peak = layout.foot_load_sum[0], layout.foot_load_peak[0]
    slots = [*range(load, load + n_foot), *range(peak, peak + n_foot), ACTIVATION_SQUARED_AT]
    per_weight = 1.0 / body.weight
    factors = [per_weight / (substeps - 1)] * n_foot + [per_weight] * n_foot + [1.0 / substeps]
    return np.array(slots), np.array(factors)


def reward_terms(config: Config) -> tuple[RewardTerm, ...]:
    """Find the function of every reward term of a configuration.

    Raises:
        ConfigError: a term, or a keyword of it, is not to be had.
    """
    return resolve_terms(
        {name: (term.weight, term.arguments) for name, term in config.environment.reward.items()}
    )
