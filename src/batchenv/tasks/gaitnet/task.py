"""GaitNet's task: where its gait, rewards and observations meet the live views of the engine."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np

from batchenv.body.gaitnet import GaitNetBody, Motion
from batchenv.body.gaitnet.reshaped import bounding_boxes, reshaped, sizes
from batchenv.config import Config, GaitNetConfig
from batchenv.config.gaitnet import GaitNetEnvironment
from batchenv.config.section import Section as ConfigSection
from batchenv.engine import ControlLaw, Worlds
from batchenv.mdp import actions
from batchenv.mdp.adaptive import AdaptiveRanges
from batchenv.mdp.batch import Batch
from batchenv.mdp.columns import Mirror, permutation
from batchenv.mdp.episodes import PARAMETERS, START
from batchenv.mdp.marks import Kind, mark_of
from batchenv.mdp.parameters import checked_values
from batchenv.mdp.quantities import Quantities
from batchenv.mdp.terms import Keywords, Section
from batchenv.tasks.gaitnet import gait, imitation, observations, rewards, starts, terminations
from batchenv.tasks.gaitnet.capture import GaitNetCapture
from batchenv.tasks.gaitnet.clocks import CLIPPING, in_mirror, run_clocks
from batchenv.tasks.gaitnet.figure import GaitNetFigure
from batchenv.tasks.gaitnet.kinematics import BodyMirror
from batchenv.tasks.gaitnet.knees import follow_knees
from batchenv.tasks.gaitnet.law import (
    configured_noise,
    gaitnet_config,
    gaitnet_law,
    load_configured_motion,
    load_gaitnet_configured_body,
)
from batchenv.tasks.gaitnet.parameters import MuscleFactors, idle_parameters, varying_parameters
from batchenv.tasks.gaitnet.quantities import GaitNetQuantities
from batchenv.tasks.gaitnet.reshape import reshape
from batchenv.tasks.gaitnet.rewards import STRIDE_LENGTH
from batchenv.tasks.gaitnet.state import GaitNetState
from batchenv.tasks.registry import task

GaitNetBatch = Batch[GaitNetBody, GaitNetState]
Array = np.ndarray

# An episode that ends by time is this long [s].
LONGEST = 10.0
_JOINT_TARGETS = ("mass", "pd")
# Forward, left and up: GaitNet's world has z forward and y up.
AXES = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@task("gaitnet")
class GaitNetTask(GaitNetQuantities):
    """Walk as a motion does, at the stride and cadence of each world.

    Args:
        config: the whole configuration.
        body: what moves.
        motion: the reference.
        first_phase: of the gait, at which the motion begins.
    """

    Environment: ClassVar[type[ConfigSection]] = GaitNetEnvironment
    shipped: ClassVar[Mapping[Kind, Sequence[ModuleType]]] = {
        "observation": (observations,),
        "reward": (rewards, imitation),
        "termination": (terminations,),
    }
    measured_worlds = True
    one_speed = False  # each world has its own stride and cadence

    def __init__(self, config: GaitNetConfig, body: GaitNetBody, motion: Motion, first_phase: float):
        super().__init__(config, body)
        environment = config.environment
        self.environment, self.motion = environment, motion
        self.quirks, self.first_phase = environment.advanced.quirks, first_phase
        simulation = environment.simulation
        self.substeps, self.timestep = simulation.sim_hz // simulation.control_hz, 1.0 / simulation.sim_hz
        advanced = environment.advanced
        soft = "soft" if advanced.soft_phase_clipping else "none"
        self.clipping = CLIPPING["hard" if advanced.hard_phase_clipping else soft]
        self.noise = configured_noise(config, body)
        self.symmetric = environment.advanced.enforce_symmetry
        self.ranges = environment.parameters.by_name
        self.idle = idle_parameters(self.ranges, body)
        self.varying, self.varying_twin = varying_parameters(self.ranges, body)
        self.adaptive = AdaptiveRanges.of(tuple(self.ranges.values()))
        self.muscle_factors = MuscleFactors(self.ranges, body, self.actuator)
        self.head = body.skeleton.index("Head")
        self.strided = starts.strided_dofs(body)
        self.is_left, self.edges = starts.left_shapes(body), starts.box_edges(body)
        longest = (
            motion.period / self._end_of("cadence", "min") * self._end_of("skeleton.global", "max") ** 0.5
        )
        self.window = int(simulation.sim_hz * longest * self._window_mult()) + 1
        self.in_mirror = BodyMirror.of(body.skeleton)
        self.comparison = imitation.Imitation(body, motion)
        self._compose()

    def _compose(self) -> None:
        """Lay out actions, observations and the reward."""
        environment = self.environment
        kind = "mass" if self.actuator == "mass_lower" else self.actuator
        mark = mark_of(getattr(actions, actions.BY_ACTUATOR[kind]))
        warping = actions.time_warping(max(0.0, environment.action.time_warping))
        assert mark is not None and mark.prefix is not None
        self.compose_actions(mark.columns(self), mark.prefix, mark.unit, warping)
        gaitnet = environment.reward.type == "gaitnet"
        names = observations.listed(
            torques=environment.muscle.use_joint_state,
            footholds=gaitnet,
            places=self.quirks and not gaitnet,
        )
        listed: dict[str, Keywords] = {name: {} for name in names}
        self.compose_observations(self.find_terms("observation", "environment", listed))
        asked, original = environment.reward, None
        if self.quirks:
            by_clock = environment.action.gait_phase_mode == "phase"
            original = {"period": self.motion.period, "by_clock": by_clock}
        factors = rewards.factors(asked, original) if gaitnet else imitation.kernels(asked)
        section = Section("reward", "environment.reward", (), tuple(self.functions))
        self.reward_terms = tuple(
            section.bound(name, function, keywords, f"environment.reward.{name}")
            for name, (function, keywords) in factors.items()
        )
        self.reward_names = tuple(factors)
        ground = float(self.body.ground_height)
        ends: dict[str, Keywords] = {"fallen": {"height": terminations.FALLEN, "ground": ground}}
        if asked.knee_pain.termination:
            ends["overloaded"] = {}
        self.termination_terms = self.find_terms("termination", "environment.reward", ends)

    @classmethod
    def load_body(cls, config: Config, *, visual: bool = False) -> GaitNetBody:
        """Load the body that a configuration names; `visual` keeps what only the eye needs."""
        return load_gaitnet_configured_body(gaitnet_config(config), visual=visual)

    @classmethod
    def control_law(cls, config: Config, body: GaitNetBody, seed: int = 0) -> ControlLaw:
        """The control law of a configuration; `seed` is that of a muscle network without a file."""
        return gaitnet_law(gaitnet_config(config), body, seed)

    @classmethod
    def of(cls, config: Config, body: GaitNetBody) -> Self:
        """The task of a configuration, with its motion."""
        own = gaitnet_config(config)
        return cls(own, body, *load_configured_motion(own, body))

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Degrees of freedom of the joints, the root's left out (J,)."""
        return tuple(self.body.skeleton.dof_names[6:])

    @property
    def muscle_names(self) -> tuple[str, ...]:
        """Muscles (M,)."""
        return tuple(self.body.paths.names)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """What differs from world to world, and changes something (P,)."""
        return tuple(name for name in self.ranges if name not in self.idle)

    @property
    def mirror_joints(self) -> Mirror:
        """Image of joint positions."""
        skeleton = self.body.skeleton
        return permutation(skeleton.mirror_dof[6:] - 6, skeleton.mirror_sign[6:])

    @property
    def mirror_muscles(self) -> Mirror:
        """Image of muscles."""
        return permutation(self.body.paths.mirror)

    @property
    def max_episode_steps(self) -> int:
        """After which episodes are truncated."""
        if self.environment.reward.eoe_type == "tuple":
            return gaitnet_config(self.config).Horizon
        return int(LONGEST * self.environment.simulation.control_hz) + 1

    def timed_out(self, batch: GaitNetBatch) -> Array:
        """Whether the time of each episode is over (N,): under quirks by a clock that starts at its phase."""
        if self.quirks and self.environment.reward.eoe_type == "time":
            return batch.state.global_time > LONGEST
        return super().timed_out(batch)

    def new_state(self, num_worlds: int) -> GaitNetState:
        """State of N worlds before their first reset."""
        shapes = sum("." in name for name in self.ranges)
        missed = self.adaptive.unknown(num_worlds)
        return GaitNetState.of(num_worlds, self.window, self.substeps, shapes, missed)

    def apply_actions(self, batch: GaitNetBatch) -> None:
        """Set the worlds' targets from the actions, and run the clocks through the next step."""
        action, worlds, state = self.environment.action, batch.worlds, batch.state
        given = batch.episodes.action
        flipped = worlds.slot("mirrored")[:, -1] > 0.0
        values = np.where(flipped[:, None], self.mirror_action(given), given)
        warp = np.zeros(len(values))
        if action.time_warping > 0.0:
            warp = np.maximum(action.time_warping * given[:, -1], -self.control_dt)
            values = values[:, :-1]
        worlds.set_targets(self.targets(worlds, state, action.scale * values))
        if self.noise is not None:
            self.noise.blow(batch, self.substeps, self.timestep)
        mirrored = np.empty((len(values), self.substeps + 1))
        clocks = state.half_cycles, state.global_time, state.local_time, state.local_log
        run_clocks(warp, self.cycle(state), self.timestep, self.clipping, *clocks, mirrored)
        worlds.slot("mirrored")[:] = mirrored if self.symmetric else 0.0

    def targets(self, worlds: Worlds[GaitNetBody], state: GaitNetState, values: Array) -> Array:
        """Targets of the actuators for scaled actions (N, n), in the order of `Worlds.set_targets`."""
        if self.actuator == "muscle":
            return values
        residual = np.zeros((len(values), self.body.skeleton.num_dof))
        residual[:, 6:] = values
        kind = "mass" if self.actuator == "mass_lower" else self.actuator
        if self.actuator == "tor":
            return values
        if kind not in _JOINT_TARGETS or not self.environment.action.residual:
            return residual
        return starts.composed(self.motion, self.next_pose(worlds, state), residual)

    def next_pose(self, worlds: Worlds[GaitNetBody], state: GaitNetState) -> Array:
        """Pose of the motion at the end of the step to come, by the local clock (N, D)."""
        cycle = self.cycle(state)
        state.reference_time[:] = state.local_time + self.control_dt
        phase = state.reference_time / cycle
        return self.motion.pose(phase - self.first_phase)

    def cycle(self, state: GaitNetState, ids: Array | slice = slice(None)) -> Array:
        """Length of a gait cycle (n,) [s]: larger bodies take longer."""
        return self.motion.period / (state.cadence[ids] / np.sqrt(state.ratio[ids]))

    def advance(self, batch: GaitNetBatch) -> None:
        """Keep the logs of the last step, and follow the gait through it."""
        worlds, state = batch.worlds, batch.state
        state.log(worlds.slot("com_log"), worlds.slot("velocity_log"))
        local_time, foot = state.local_log, worlds.slot("position_log")
        cycle = self.cycle(state)
        way = self.way(state)
        feet = (state.left_stance, state.current_foot, state.current_target, state.next_target)
        times = (state.stance_clock, state.stride_time)
        was_left = state.left_stance.copy()
        if self.environment.action.gait_phase_mode == "phase":
            read_by = np.full_like(cycle, self.motion.period) if self.quirks else cycle
            gait.follow_phase(local_time, foot, read_by, way, self.timestep, *feet, *times)
        else:
            gait.follow_contacts(
                worlds.slot("contact_log"),
                foot,
                worlds.slot("force_log"),
                self._mass(worlds),
                self.is_left,
                way,
                self.timestep,
                state.contact_phase,
                state.smoothed_contact,
                *feet,
                *times,
                state.strike_z,
            )
        if self.environment.reward.knee_pain.measured:
            finished = was_left & ~state.left_stance
            loads = (state.knee_load, state.knee_peak, state.cycled)
            follow_knees(worlds.slot("load_log"), finished, *loads, quirks=self.quirks)
        state.phase[:] = state.local_time / cycle % 1.0

    def compute_rewards(self, quantities: Quantities, rows: Array, out: Array) -> None:
        """Write factors or summands into `rows` (terms, N), and the reward into `out` (N,)."""
        values = {term.name: term(quantities) for term in self.reward_terms}
        for row, value in zip(rows, values.values(), strict=True):
            row[:] = value
        asked = self.environment.reward
        if self.quirks and self.actuator == "muscle":
            out[:] = 1.0
        elif asked.type == "gaitnet":
            out[:] = rewards.combined(asked, values)
        else:
            out[:] = {"deepmimic": imitation.deepmimic, "scadiver": imitation.scadiver}[asked.type](values)
        out[:] = rewards.clipped(asked, out, quantities["episode_step"])

    def reset(self, batch: GaitNetBatch, ids: Array) -> None:
        """Put worlds whose episode has begun into their first states: draw their gait and phase."""
        state = batch.state
        if state.missed.size:
            lasted = state.logged[ids] / (self.substeps * self.max_episode_steps)
            values = np.stack([self.values_of(name, state, ids) for name in self.ranges], axis=1)
            first = batch.episodes.number[ids] == 0
            self.adaptive.follow(state.missed, ids, first, values, 1.0 - np.minimum(lasted, 1.0))
        if self.quirks:
            drawn = {name: np.full(len(ids), _unchanged(name)) for name in self.ranges}
        else:
            numbers = batch.episodes.uniform(ids, 4 * max(1, len(self.ranges)), PARAMETERS)
            drawn = starts.draw_parameters(self.ranges, numbers, self.adaptive, state.missed[ids])
        phase = starts.draw_phase(self.environment.reward.type, batch.episodes.uniform(ids, 2, START))
        self.begin_at(batch.worlds, state, ids, phase, drawn)

    def random_states(self, number: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw states in the joints' ranges, some of them near the motion, the root at rest in the air."""
        return starts.random_states(self.body, self.motion, number, rng)

    def begin_at(
        self,
        worlds: Worlds[GaitNetBody],
        state: GaitNetState,
        ids: Array,
        phase: Array,
        drawn: dict[str, Array],
    ) -> None:
        """Begin episodes at given phases (n,) of the gait, with given parameters (n,) by name."""
        state.logged[ids] = state.contact_phase[ids] = 0
        state.smoothed_contact[ids] = np.nan
        state.knee_load[ids] = state.knee_peak[ids] = 0.0
        state.cycled[ids] = False
        state.stance_clock[ids] = state.stride_time[ids] = np.nan
        self._write(worlds, state, ids, drawn)
        cycle = self.cycle(state, ids)
        start = starts.start(
            self.body,
            self.motion,
            self.strided,
            phase - self.first_phase,
            self.control_dt / cycle,
            self.control_dt,
            state.stride[ids] * state.ratio[ids],
        )
        state.global_time[ids] = phase * cycle
        state.local_time[ids] = 0.0 if self.quirks else state.global_time[ids]
        state.half_cycles[ids] = 0 if self.quirks else (state.local_time[ids] / (0.5 * cycle)).astype(int)
        state.reference_time[ids] = state.local_time[ids]
        clocks = state.global_time[ids], state.local_time[ids]
        worlds.reset(ids, start.qpos, start.qvel)
        worlds.slot("mirrored")[ids, -1] = self.symmetric & in_mirror(*clocks, cycle, self.clipping)
        worlds.measure(ids)
        state.phase[ids] = state.local_time[ids] / cycle % 1.0
        corners = starts.feet_on_ground(self.body, worlds, ids, self._edges(state, ids))
        state.start_x[ids] = worlds.bind("subtree_com")[ids, 1, 0]
        self._first_steps(worlds, state, ids, corners, phase)

    def parameter_values(self, state: GaitNetState) -> Array:
        """Parameters of all worlds now (N, P), a copy."""
        values = [self.values_of(name, state) for name in self.parameter_names]
        return np.stack(values, axis=1) if values else np.zeros((len(state.stride), 0))

    def checked_parameters(self, values: Any, num_worlds: int) -> Array:
        """Values for some worlds as (num_worlds, P).

        Raises:
            InputError: they have another shape, or one is outside its range.
        """
        ranges = {name: self.ranges[name] for name in self.parameter_names}
        return checked_values(values, ranges, num_worlds)

    def set_parameters(self, batch: GaitNetBatch, ids: Array, values: Array) -> None:
        """Give worlds (n,) parameters (n, P); phases, poses and steps already planned stay."""
        state = batch.state
        before = self.cycle(state, ids)
        self._write(batch.worlds, state, ids, dict(zip(self.parameter_names, values.T, strict=True)))
        after = self.cycle(state, ids)
        for clock in (state.global_time, state.local_time):
            clock[ids] *= after / before

    def _first_steps(
        self, worlds: Worlds[GaitNetBody], state: GaitNetState, ids: Array, corners: Array, phase: Array
    ) -> None:
        """Which foot stands first, where, and where the next one is to step."""
        level_right = state.phase[ids] < starts.RIGHT_UNTIL if self.quirks else ~gait.left_by_clock(phase)
        left, level, foot = starts.lowest_foot(corners, self.is_left, level_right)
        feet = [self.body.body_id[self.body.skeleton.index(name)] for name in ("TalusL", "TalusR")]
        if not self.quirks:
            foot = worlds.bind("xipos")[ids, np.where(left, *feet)].copy()
        state.strike_z[ids] = worlds.bind("xipos")[np.ix_(ids, feet)][..., 2]
        state.left_stance[ids] = left
        swinging = np.where(left, gait.RIGHT_TAKEOFF, gait.LEFT_TAKEOFF)
        standing = np.where(left, gait.LEFT_STANCE, gait.RIGHT_STANCE)
        state.contact_phase[ids] = np.where(level, standing, swinging)
        state.current_foot[ids] = state.current_target[ids] = foot
        state.next_target[ids] = foot * (-1.0, 1.0, 1.0)
        state.next_target[ids, 2] += 0.5 * self.way(state, ids)

    def _write(
        self, worlds: Worlds[GaitNetBody], state: GaitNetState, ids: Array, values: Mapping[str, Array]
    ) -> None:
        """Give worlds (n,) parameters (n,) by name; those that are missing keep theirs."""
        shaped = [name for name in self.ranges if "." in name]
        for name, column in values.items():
            if name in shaped:
                state.shape[ids, shaped.index(name)] = 0.0 if name in self.idle else column
            else:
                getattr(state, name)[ids] = column
        if self.environment.parameters.reshaped:
            growth = self.growth(state, ids)
            state.ratio[ids] = growth.ratio
            weighed = self.environment.reward.metabolic.type.startswith("M")
            reshape(worlds, ids, reshaped(self.body, growth), weighed=weighed)
        self.muscle_factors.write(
            worlds, ids, state.shape[ids], reshaped=self.environment.parameters.reshaped
        )

    def _edges(self, state: GaitNetState, ids: Array) -> Array:
        """Edges of the boxes around the shapes of the feet (C, 3), or of each world's (n, C, 3) [m]."""
        if not self.environment.parameters.reshaped:
            return self.edges
        skeleton, feet = self.body.skeleton, self.body.contact_body
        size = sizes(skeleton, self.growth(state, ids).scale)[:, feet]
        return bounding_boxes([skeleton.shape[int(i)] for i in feet], size)

    def _end_of(self, name: str, end: str) -> float:
        """An end of the range of a parameter; 1 where there is none."""
        return getattr(self.ranges[name], end) if name in self.ranges else 1.0

    def _mass(self, worlds: Worlds[GaitNetBody]) -> Array:
        """Of each world's body (N,) [kg]."""
        if self.environment.parameters.reshaped:
            return worlds.expand("body_mass").sum(axis=1)
        return np.full(worlds.num_worlds, self.body.mass)

    @property
    def axes(self) -> Array:
        """Forward, left and up in the world (3, 3)."""
        return AXES

    @property
    def usual_speed(self) -> float:
        """Speed at the usual stride and cadence [m/s]."""
        return STRIDE_LENGTH / self.period

    def reference_phase(self, state: GaitNetState) -> Array:
        """Phase of the local clock in all worlds (N,), in [0, 1)."""
        return state.phase

    @property
    def speed_column(self) -> str:
        """Name of the observation that is the speed forward [m/s]."""
        return "com_velocity/forward"

    @property
    def period(self) -> float:
        """Length of the usual cycle [s]."""
        return self.motion.period

    def capture(self, worlds: Worlds[GaitNetBody]) -> GaitNetCapture:
        """Measure worlds as recordings have them."""
        return GaitNetCapture(worlds, AXES, self.body.foot_bodies)

    def figure(self, worlds: Worlds[GaitNetBody]) -> GaitNetFigure:
        """Draw worlds."""
        return GaitNetFigure(worlds, AXES)


def _unchanged(name: str) -> float:
    """The value of a parameter at which nothing differs from the files."""
    return 0.0 if name.startswith("torsion.") else 1.0
