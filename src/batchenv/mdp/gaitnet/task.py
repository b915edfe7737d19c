"""GaitNet's task: where its gait, rewards and observations meet the live views of the engine."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv import random
from batchenv.body.gaitnet import GaitNetBody, Motion
from batchenv.config import GaitNetConfig
from batchenv.engine import Worlds
from batchenv.mdp.actions import JOINT_TARGETS, action_layout, action_mirror
from batchenv.mdp.gaitnet import gait, starts
from batchenv.mdp.gaitnet.clocks import CLIPPING, in_mirror, run_clocks
from batchenv.mdp.gaitnet.imitation import Errors, Imitation
from batchenv.mdp.gaitnet.kinematics import Bodies, BodyMirror, bodies
from batchenv.mdp.gaitnet.knees import follow_knees, overloaded
from batchenv.mdp.gaitnet.loads import foot_loads
from batchenv.mdp.gaitnet.observations import View, observation_layout, observation_mirror, observe
from batchenv.mdp.gaitnet.reward import GaitReward, Walk, imitation_reward, reward_names
from batchenv.mdp.gaitnet.rewards import STRIDE_LENGTH, target_speed, window_velocity
from batchenv.mdp.gaitnet.state import HEAD_LAG, GaitNetState
from batchenv.mdp.observations import permutation
from batchenv.mdp.parameters import checked_values
from batchenv.mdp.resets import TUPLES

Array = np.ndarray

# An episode that ends by time is this long [s].
LONGEST = 10.0
# Fallen below this height of the centre of mass [m].
FALLEN = 0.6
# Parameters that vary by less than this are not observed.
_VARIES = 1e-3
_TORQUES = ("negative_torque", "positive_torque", "passive_torque")


@dataclass(frozen=True)
class Measured:
    """Quantities of n worlds.

    Attributes:
        view: what is observed.
        walk: inputs of the reward `gaitnet`, of all worlds; None with other rewards.
        errors: inputs of the imitation rewards; None with other rewards.
        knee_peak, episode_step: of all worlds, for the terms of loads [kN], [steps].
    """

    view: View
    knee_peak: Array
    episode_step: Array
    walk: Walk | None
    errors: Errors | None


class GaitNetTask:
    """Walk as a motion does, at the stride and cadence of each world.

    Args:
        config: the whole configuration.
        body: what moves.
        motion: the reference.
        first_phase: of the gait, at which the motion begins.
    """

    def __init__(self, config: GaitNetConfig, body: GaitNetBody, motion: Motion, first_phase: float):
        environment = config.environment
        self.environment, self.body, self.motion = environment, body, motion
        self.quirks, self.first_phase = environment.advanced.quirks, first_phase
        simulation = environment.simulation
        self.substeps = simulation.sim_hz // simulation.control_hz
        self.control_dt, self.timestep = 1.0 / simulation.control_hz, 1.0 / simulation.sim_hz
        tuple_ends = environment.reward.eoe_type == "tuple"
        self.max_episode_steps = config.Horizon if tuple_ends else int(LONGEST * simulation.control_hz) + 1
        self.clipping = CLIPPING["hard" if environment.advanced.hard_phase_clipping else "none"]
        self.symmetric = environment.advanced.enforce_symmetry
        self.actuator = environment.skeleton.actuator
        self.ranges = environment.parameters.gait
        self.parameter_names = tuple(self.ranges)
        self.varying = [name for name, r in self.ranges.items() if r.max - r.min > _VARIES]
        self.head = body.skeleton.index("Head")
        self.strided = starts.strided_dofs(body)
        self.is_left, self.edges = starts.left_shapes(body), starts.box_edges(body)
        self.window = int(simulation.sim_hz * motion.period / self._least_cadence() * self._window_mult()) + 1
        skeleton = body.skeleton
        kind = "mass" if self.actuator == "mass_lower" else self.actuator
        warping = max(0.0, environment.action.time_warping)
        joints = permutation(skeleton.mirror_dof[6:] - 6, skeleton.mirror_sign[6:])
        self.joint_mirror = joints
        self.action_layout = action_layout(kind, skeleton.dof_names[6:], body.paths.names, warping)
        self.mirror_action = action_mirror(kind, joints, body.paths.mirror, warping)
        self.in_mirror = BodyMirror.of(skeleton)
        seen = environment.muscle.use_joint_state
        self.obs_layout = observation_layout(skeleton, self.varying, joint_state=seen)
        self.mirror_obs = observation_mirror(skeleton, self.in_mirror, len(self.varying), joint_state=seen)
        self.gait_reward = GaitReward(environment.reward)
        self.imitation = Imitation(body, motion)
        self.reward_names = reward_names(environment.reward)

    def first_state(self, num_worlds: int) -> GaitNetState:
        """State of N worlds before their first reset."""
        return GaitNetState.of(num_worlds, len(self.action_layout), self.window, self.substeps)

    def drive(self, worlds: Worlds[GaitNetBody], state: GaitNetState) -> None:
        """Set the worlds' targets from the actions, and run the clocks through the next step."""
        action = self.environment.action
        flipped = worlds.slot("mirrored")[:, -1] > 0.0
        values = np.where(flipped[:, None], self.mirror_action(state.action), state.action)
        warp = np.zeros(len(values))
        if action.time_warping > 0.0:
            warp = np.maximum(action.time_warping * state.action[:, -1], -self.control_dt)
            values = values[:, :-1]
        worlds.set_targets(self.targets(worlds, state, action.scale * values))
        mirrored = np.empty((len(values), self.substeps + 1))
        clocks = state.global_time, state.local_time, state.local_log
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
        if kind not in JOINT_TARGETS or not self.environment.action.residual:
            return residual
        return starts.composed(self.motion, self.reference(worlds, state), residual)

    def reference(self, worlds: Worlds[GaitNetBody], state: GaitNetState) -> Array:
        """Pose of the motion at the end of the step to come, by the local clock (N, D)."""
        cycle = self.cycle(state)
        phase = (state.local_time + self.control_dt) / cycle
        return self.motion.pose(phase - self.first_phase)

    def cycle(self, state: GaitNetState, ids: Array | slice = slice(None)) -> Array:
        """Length of a gait cycle (n,) [s]."""
        return self.motion.period / state.cadence[ids]

    def advance(self, worlds: Worlds[GaitNetBody], state: GaitNetState) -> None:
        """Keep the logs of the last step, and follow the gait through it."""
        state.log(worlds.slot("com_log"), worlds.slot("velocity_log"))
        local_time, foot = state.local_log, worlds.slot("position_log")
        cycle = self.cycle(state)
        way = STRIDE_LENGTH * state.stride
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
                foot_loads(worlds.slot("constraint_force"), worlds.qpos, foot[:, -1], self._weight()),
                self.is_left,
                way,
                self.timestep,
                state.machine,
                state.smoothed_contact,
                *feet,
                *times,
                state.takeoff_z,
            )
        if self.environment.reward.knee_pain.measured:
            finished = was_left & ~state.left_stance
            loads = (state.knee_load, state.knee_peak, state.cycled)
            follow_knees(worlds.slot("load_log"), finished, *loads, quirks=self.quirks)
        state.phase[:] = state.local_time / cycle % 1.0
        state.episode_step += 1

    def measure(self, worlds: Worlds[GaitNetBody], state: GaitNetState, ids: Array | None = None) -> Measured:
        """Quantities of some worlds now; None for all, with what their rewards look at."""
        rows = slice(None) if ids is None else ids
        names = ("xipos", "ximat", "cvel", "subtree_com")
        xipos, ximat, cvel, subtree_com = (worlds.bind(name)[rows] for name in names)
        body_id, mass = self.body.body_id, self.body.skeleton.mass
        seen = bodies(xipos, ximat, cvel, subtree_com, body_id, mass)
        view, ages = self._view(worlds, state, seen, rows), (state.knee_peak, state.episode_step)
        if ids is not None:
            return Measured(view, *ages, None, None)
        if self.environment.reward.type == "gaitnet":
            return Measured(view, *ages, self._walk(worlds, state, seen), None)
        cycle, time = self.cycle(state), state.local_time
        phase, step = time / cycle - self.first_phase, self.control_dt / cycle
        errors = self.imitation.errors(seen, worlds.qpos, worlds.qvel, phase, step, self.control_dt)
        return Measured(view, *ages, None, errors)

    def reward(self, quantities: Measured, rows: Array, out: Array) -> None:
        """Write factors or summands into `rows` (terms, N), and the reward into `out` (N,)."""
        if quantities.walk is not None:
            parts, reward = self.gait_reward(quantities.walk)
        else:
            assert quantities.errors is not None
            parts, reward = imitation_reward(self.environment.reward.type, quantities.errors)
        for row, name in zip(rows, self.reward_names, strict=True):
            row[:] = parts[name]
        out[:] = reward

    def terminated(self, quantities: Measured) -> Array:
        """Whether worlds (n,) have fallen, or overload a knee where that ends episodes."""
        fallen = quantities.view.bodies.com[:, 1] < FALLEN + self.body.ground_height
        if not self.environment.reward.knee_pain.termination:
            return fallen
        return fallen | overloaded(quantities.knee_peak, quantities.episode_step)

    def observe(self, quantities: Measured, out: Array) -> Array:
        """Write observations into `out` (n, O), and return it."""
        return observe(quantities.view, self.in_mirror, out)

    def begin(self, worlds: Worlds[GaitNetBody], state: GaitNetState, ids: Array) -> None:
        """Begin the next episode of some worlds: draw its gait and its phase."""
        state.episode[ids] += 1
        draws = state.seed[ids], state.stream[ids], state.episode[ids]
        if self.quirks:
            drawn = {name: np.full(len(ids), r.default) for name, r in self.ranges.items()}
        else:
            drawn = starts.draw_gait(self.ranges, *draws)
        phase = starts.draw_phase(*draws)
        self.begin_at(worlds, state, ids, phase, drawn)

    def begin_at(
        self,
        worlds: Worlds[GaitNetBody],
        state: GaitNetState,
        ids: Array,
        phase: Array,
        drawn: dict[str, Array],
    ) -> None:
        """Begin episodes at given phases (n,) of the gait, with given parameters (n,) by name."""
        for values in (state.ended, state.episode_step, state.episode_return, state.logged, state.machine):
            values[ids] = 0
        state.action[ids] = state.previous_action[ids] = 0.0
        state.smoothed_contact[ids] = 0.0
        state.knee_load[ids] = state.knee_peak[ids] = 0.0
        state.cycled[ids] = False
        state.stance_clock[ids] = state.stride_time[ids] = np.nan
        state.stride[ids], state.cadence[ids] = drawn.get("stride", 1.0), drawn.get("cadence", 1.0)
        cycle = self.cycle(state, ids)
        start = starts.start(
            self.body,
            self.motion,
            self.strided,
            phase - self.first_phase,
            self.control_dt / cycle,
            self.control_dt,
            state.stride[ids],
        )
        state.global_time[ids] = phase * cycle
        state.local_time[ids] = 0.0 if self.quirks else state.global_time[ids]
        clocks = state.global_time[ids], state.local_time[ids]
        worlds.reset(ids, start.qpos, start.qvel)
        worlds.slot("mirrored")[ids, -1] = self.symmetric & in_mirror(*clocks, cycle, self.clipping)
        worlds.measure(ids)
        state.phase[ids] = state.local_time[ids] / cycle % 1.0
        calibrated = self.environment.motion.height_calibration.enabled
        corners = starts.feet_on_ground(self.body, worlds, ids, self.edges, lift=calibrated)
        state.start_x[ids] = worlds.bind("subtree_com")[ids, 1, 0]
        self._first_steps(worlds, state, ids, corners, phase)

    def parameter_values(self, state: GaitNetState) -> Array:
        """Parameters of all worlds now (N, P), a copy."""
        values = [getattr(state, name) for name in self.parameter_names]
        return np.stack(values, axis=1) if values else np.zeros((len(state.stride), 0))

    def checked_parameters(self, values: Any, num_worlds: int) -> Array:
        """Values for some worlds as (num_worlds, P).

        Raises:
            InputError: they have another shape, or one is outside its range.
        """
        return checked_values(values, self.ranges, num_worlds)

    def set_parameters(
        self, worlds: Worlds[GaitNetBody], state: GaitNetState, ids: Array, values: Array
    ) -> None:
        """Give worlds (n,) a gait of parameters (n, P); phases, and steps already planned, stay."""
        before = self.cycle(state, ids)
        for name, column in zip(self.parameter_names, values.T, strict=True):
            getattr(state, name)[ids] = column
        after = self.cycle(state, ids)
        for clock in (state.global_time, state.local_time):
            clock[ids] *= after / before

    def tuple_draws(self, state: GaitNetState) -> Array:
        """Uniform numbers (N,), one for the step to come out of each world's own stream."""
        stream = state.seed, state.stream, state.episode
        return random.uniform(*stream, 1, TUPLES, first=state.episode_step)[:, 0]

    def _first_steps(
        self, worlds: Worlds[GaitNetBody], state: GaitNetState, ids: Array, corners: Array, phase: Array
    ) -> None:
        """Which foot stands first, where, and where the next one is to step."""
        level_right = state.phase[ids] < starts.RIGHT_UNTIL if self.quirks else ~gait.left_by_clock(phase)
        left, foot = starts.lowest_foot(corners, self.is_left, level_right)
        if not self.quirks:
            sides = [self.body.body_id[self.body.skeleton.index(name)] for name in ("TalusL", "TalusR")]
            foot = worlds.bind("xipos")[ids, np.where(left, *sides)].copy()
        state.left_stance[ids] = left
        state.machine[ids] = np.where(left, gait.LEFT_STANCE, gait.RIGHT_STANCE)
        state.current_foot[ids] = state.current_target[ids] = foot
        state.next_target[ids] = foot * (-1.0, 1.0, 1.0)
        state.next_target[ids, 2] += 0.5 * STRIDE_LENGTH * state.stride[ids]

    def _view(
        self, worlds: Worlds[GaitNetBody], state: GaitNetState, seen: Bodies, rows: Array | slice
    ) -> View:
        cycle = self.cycle(state, rows)
        clocks = [time[rows] / cycle % 1.0 for time in (state.global_time, state.local_time)]
        torques = [worlds.slot(name)[rows] for name in _TORQUES]
        if not self.environment.muscle.use_joint_state:
            torques = [np.zeros((len(cycle), 0))]
        values = [self._observed_parameter(name, state, rows) for name in self.varying]
        return View(
            seen,
            worlds.slot("mirrored")[rows, -1] > 0.0,
            np.stack(clocks, axis=1),
            state.next_target[rows, 2],
            np.concatenate(torques, axis=1),
            np.stack(values, axis=1) if values else np.zeros((len(cycle), 0)),
        )

    def _observed_parameter(self, name: str, state: GaitNetState, rows: Array | slice) -> Array:
        values, r = getattr(state, name)[rows], self.ranges[name]  # pyright: ignore[reportArgumentType]
        return (values - r.min) / (r.max - r.min) if self._normalized() else values

    def _walk(self, worlds: Worlds[GaitNetBody], state: GaitNetState, seen: Bodies) -> Walk:
        everyone, cycle = np.arange(worlds.num_worlds), self.cycle(state)
        speed = target_speed(state.stride, cycle)
        hz = self.environment.simulation.sim_hz
        window = (hz * cycle * self._window_mult()).astype(int)
        earlier = state.looked_up(state.com_log, window - 1, everyone)
        com = state.looked_up(state.com_log, 0, everyone)
        return Walk(
            head_velocity=state.looked_up(state.head_log, 0, everyone),
            head_velocity_before=state.looked_up(state.head_log, HEAD_LAG, everyone),
            head_known=state.logged > HEAD_LAG,
            head_rotation=seen.rotation[:, self.head],
            velocity=window_velocity(com, earlier, state.logged > window, speed, window / hz),
            speed=speed,
            foot_z=state.current_foot[:, 2],
            target_z=state.current_target[:, 2],
            x=seen.com[:, 0],
            start_x=state.start_x,
            stride_time=state.stride_time,
            cycle=cycle,
            metabolic=worlds.slot("effort_sum") / self.substeps,
            torque=worlds.slot("ideal_torque_sum") / self.substeps,
            knee_load=state.knee_load,
            knee_peak=state.knee_peak,
            episode_step=state.episode_step,
        )

    def _normalized(self) -> bool:
        return self.environment.advanced.use_normalized_param_state

    def _window_mult(self) -> float:
        return self.environment.reward.locomotion.avg_vel.window_mult

    def _least_cadence(self) -> float:
        cadence = self.ranges.get("cadence")
        return 1.0 if cadence is None else cadence.min

    def _weight(self) -> float:
        return self.body.mass * float(np.linalg.norm(self.body.spec().option.gravity))
