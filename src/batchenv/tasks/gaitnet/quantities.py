"""The quantities that terms of GaitNet's task are given."""

import numpy as np

from batchenv.body.gaitnet import GaitNetBody
from batchenv.body.gaitnet.reshaped import Growth, joint_frames
from batchenv.config.gaitnet import GaitNetEnvironment, GaitNetRange
from batchenv.mdp.quantities import Quantities, quantity
from batchenv.mdp.task import Task
from batchenv.tasks.gaitnet import imitation, observations, rewards
from batchenv.tasks.gaitnet.kinematics import Bodies, BodyMirror, bodies
from batchenv.tasks.gaitnet.state import HEAD_LAG, GaitNetState

Array = np.ndarray


class GaitNetQuantities(Task[GaitNetBody, GaitNetState]):
    """Quantities of a body of GaitNet; see `GaitNetTask`.

    Attributes:
        environment: the section of the configuration.
        in_mirror: the image of the bodies.
        comparison: compares bodies with the motion.
        first_phase: of the gait, at which the motion begins.
        substeps: of a control step.
        head: number of the body.
        ranges: of all parameters, by name.
        varying: names of the parameters that vary, and of twins of one-sided ones of muscles.
        varying_twin: place of each in the mirror among them.
        idle: names of parameters that change nothing.
    """

    environment: GaitNetEnvironment
    in_mirror: BodyMirror
    comparison: imitation.Imitation
    first_phase: float
    substeps: int
    head: int
    ranges: dict[str, GaitNetRange]
    varying: list[str]
    varying_twin: list[int]
    idle: frozenset[str]

    def cycle(self, state: GaitNetState, ids: Array | slice = slice(None)) -> Array:
        """Length of a gait cycle (n,) [s]."""
        raise NotImplementedError

    def way(self, state: GaitNetState, ids: Array | slice = slice(None)) -> Array:
        """Way of a gait cycle (n,) [m]."""
        return rewards.STRIDE_LENGTH * (state.stride[ids] * state.ratio[ids])

    def growth(self, state: GaitNetState, ids: Array | slice = slice(None)) -> Growth:
        """How the bodies of some worlds differ from the file's."""
        names = [name for name in self.ranges if "." in name]
        return Growth.of(self.body.skeleton, names, state.shape[ids])

    def values_of(self, name: str, state: GaitNetState, ids: Array | slice = slice(None)) -> Array:
        """A parameter's values in some worlds (n,), by its name."""
        if name not in self.ranges:  # the twin of a parameter of one side
            return np.ones(len(state.stride[ids]))
        shaped = [other for other in self.ranges if "." in other]
        return state.shape[ids, shaped.index(name)] if name in shaped else getattr(state, name)[ids]

    @property
    def warped(self) -> bool:
        """Whether an action drives the local clock."""
        return self.environment.action.time_warping > 0.0

    def _window_mult(self) -> float:
        return self.environment.reward.locomotion.avg_vel.window_mult

    def _seen(self, q: Quantities) -> observations.Seen:
        mirrored = q.batch.worlds.slot("mirrored")[q.rows, -1] > 0.0
        return observations.Seen(mirrored, self.in_mirror.twin, self.in_mirror.frame)

    def _bodies(self, q: Quantities) -> Bodies:
        """All bodies, computed once."""

        def found() -> Bodies:
            names = ("xipos", "ximat", "cvel", "subtree_com")
            xipos, ximat, cvel, subtree_com = (q.batch.worlds.bind(name)[q.rows] for name in names)
            mass = self.body.skeleton.mass
            if self.environment.parameters.reshaped:
                mass = q.batch.worlds.expand("body_mass")[q.rows][:, self.body.body_id]
            return bodies(xipos, ximat, cvel, subtree_com, self.body.body_id, mass)

        return q.once("all bodies", found)

    def _errors(self, q: Quantities) -> imitation.Errors:
        """Distances from the motion in all worlds, computed once."""

        def found() -> imitation.Errors:
            state, worlds = q.batch.state, q.batch.worlds
            cycle, time = self.cycle(state), state.reference_time
            phase, step = time / cycle - self.first_phase, self.control_dt / cycle
            joints = None
            if self.environment.parameters.reshaped:
                joints = joint_frames(self.body.skeleton, self.growth(state))
            return self.comparison.errors(
                self._bodies(q), worlds.qpos, worlds.qvel, phase, step, self.control_dt, joints
            )

        return q.once("all errors", found)

    # What is observed.
    @quantity
    def com(self, q: Quantities) -> Array:
        """Centre of mass (n, 3) [m]."""
        return self._bodies(q).com.copy()

    @quantity
    def seen_position(self, q: Quantities) -> Array:
        """Centres of mass of the bodies, relative to `com`, as seen (n, 3 B) [m]."""
        seen = self._bodies(q)
        return self._seen(q).vectors(seen.position, seen.com)

    @quantity
    def seen_rotation(self, q: Quantities) -> Array:
        """First two rows of the bodies' rotation matrices, as seen (n, 6 B)."""
        return self._seen(q).rotations(self._bodies(q).rotation)

    @quantity
    def seen_velocity(self, q: Quantities) -> Array:
        """Velocities of the bodies, relative to that of `com`, as seen (n, 3 B) [m/s]."""
        seen = self._bodies(q)
        return self._seen(q).vectors(seen.velocity, seen.com_velocity)

    @quantity
    def seen_com_velocity(self, q: Quantities) -> Array:
        """Velocity of the centre of mass, as seen (n, 3) [m/s]."""
        return self._seen(q).across(self._bodies(q).com_velocity)

    @quantity
    def seen_spin(self, q: Quantities) -> Array:
        """Angular velocities of the bodies, as seen (n, 3 B) [rad/s]."""
        return self._seen(q).vectors(self._bodies(q).spin, None, axial=True)

    @quantity
    def seen_phase(self, q: Quantities) -> Array:
        """Phases of the global and, where actions drive it, of the local clock, as seen (n, 2) or (n, 1)."""
        state, cycle = q.batch.state, self.cycle(q.batch.state, q.rows)
        times = (state.global_time, state.local_time)[: 2 if self.warped else 1]
        clocks = [time[q.rows] / cycle % 1.0 for time in times]
        return self._seen(q).phases(np.stack(clocks, axis=1))

    @quantity
    def next_target(self, q: Quantities) -> Array:
        """Where the next foot is to step (n, 3) [m]."""
        return q.batch.state.next_target[q.rows].copy()

    @quantity
    def muscle_torque(self, q: Quantities) -> Array:
        """Half the sums of the muscles' torques below and above zero, as seen (n, 2 J) [Nm]."""
        slots = [q.batch.worlds.slot(name)[q.rows] for name in ("negative_torque", "positive_torque")]
        return np.concatenate(slots, axis=1)

    @quantity
    def passive_torque(self, q: Quantities) -> Array:
        """Passive torques of the muscles, as seen (n, J) [Nm]."""
        return q.batch.worlds.slot("passive_torque")[q.rows].copy()

    @quantity
    def parameter(self, q: Quantities) -> Array:
        """Parameters that vary, as seen (n, P')."""
        state, mirrored = q.batch.state, q.batch.worlds.slot("mirrored")[q.rows, -1] > 0.0
        values = np.zeros((q.num_worlds, len(self.varying)))
        for k, name in enumerate(self.varying):
            values[:, k] = self.values_of(name, state, q.rows)
        values = np.where(mirrored[:, None], values[:, self.varying_twin], values)
        if self.environment.advanced.use_normalized_param_state:
            for k, name in enumerate(self.varying):
                r = self.ranges.get(name)
                if r is None or not r.varies:
                    r = self.ranges[self.varying[self.varying_twin[k]]]
                values[:, k] = (values[:, k] - r.min) / (r.max - r.min)
        return values

    # What rewards look at, of all worlds.
    @quantity
    def episode_step(self, q: Quantities) -> Array:
        """Control steps in the episode (n,)."""
        return q.batch.episodes.step[q.rows].copy()

    @quantity
    def cycle_time(self, q: Quantities) -> Array:
        """Length of a gait cycle (n,) [s]."""
        return self.cycle(q.batch.state, q.rows)

    @quantity
    def head_velocity(self, q: Quantities) -> Array:
        """Velocity of the head (N, 3) [m/s]."""
        state = q.batch.state
        return state.looked_up(state.head_log, 0, self._everyone(q))

    @quantity
    def head_velocity_before(self, q: Quantities) -> Array:
        """Velocity of the head 15 substeps ago (N, 3) [m/s]."""
        state = q.batch.state
        return state.looked_up(state.head_log, HEAD_LAG, self._everyone(q))

    @quantity
    def head_known(self, q: Quantities) -> Array:
        """Whether the episode is as old as that (N,)."""
        return q.batch.state.logged > HEAD_LAG

    @quantity
    def head_rotation(self, q: Quantities) -> Array:
        """Frame of the head (n, 3, 3)."""
        return self._bodies(q).rotation[:, self.head].copy()

    @quantity
    def target_speed(self, q: Quantities) -> Array:
        """Speed that stride and cadence make (n,) [m/s]."""
        state = q.batch.state
        return rewards.target_speed(self.way(state, q.rows), self.cycle(state, q.rows))

    @quantity
    def ratio(self, q: Quantities) -> Array:
        """Factor on the length of the whole body (n,)."""
        return q.batch.state.ratio[q.rows].copy()

    @quantity
    def window_steps(self, q: Quantities) -> Array:
        """Substeps of the window of the mean velocity (n,)."""
        hz = self.environment.simulation.sim_hz
        return (hz * self.cycle(q.batch.state, q.rows) * self._window_mult()).astype(int)

    @quantity
    def mean_velocity(self, q: Quantities) -> Array:
        """Velocity of the centre of mass, a mean over the window (N, 3) [m/s]."""
        state, hz = q.batch.state, self.environment.simulation.sim_hz
        window = (hz * self.cycle(state) * self._window_mult()).astype(int)
        earlier, now = (state.looked_up(state.com_log, back, self._everyone(q)) for back in (window - 1, 0))
        known = state.logged > window
        return rewards.window_velocity(now, earlier, known, q["target_speed"], window / hz)

    @quantity
    def foot_z(self, q: Quantities) -> Array:
        """Where the standing foot is, along the way (n,) [m]."""
        return q.batch.state.current_foot[q.rows, 2].copy()

    @quantity
    def target_z(self, q: Quantities) -> Array:
        """Where the standing foot ought to be, along the way (n,) [m]."""
        return q.batch.state.current_target[q.rows, 2].copy()

    @quantity
    def start_x(self, q: Quantities) -> Array:
        """Where the centre of mass was when the episode began, across the way (n,) [m]."""
        return q.batch.state.start_x[q.rows].copy()

    @quantity
    def stride_time(self, q: Quantities) -> Array:
        """From one stance of the left and of the right foot to its next (n, 2) [s]."""
        return q.batch.state.stride_time[q.rows].copy()

    @quantity
    def metabolic(self, q: Quantities) -> Array:
        """Cost of activations, a mean over substeps (n,)."""
        return q.batch.worlds.slot("effort_sum")[q.rows] / self.substeps

    @quantity
    def ideal_torque(self, q: Quantities) -> Array:
        """Sum of the magnitudes of torques that no muscle makes, a mean over substeps (n,) [Nm]."""
        return q.batch.worlds.slot("ideal_torque_sum")[q.rows] / self.substeps

    @quantity
    def knee_load(self, q: Quantities) -> Array:
        """Force in a knee, a mean over both (n,) [kN]; zero where it is not measured."""
        return q.batch.state.knee_load[q.rows].copy()

    @quantity
    def knee_peak(self, q: Quantities) -> Array:
        """The largest force in a knee in this cycle (n,) [kN]; zero where it is not measured."""
        return q.batch.state.knee_peak[q.rows].copy()

    @quantity
    def pose_error(self, q: Quantities) -> Array:
        """Mean squared error of all coordinates (N,) [rad^2], [m^2]."""
        return self._errors(q).pose

    @quantity
    def velocity_error(self, q: Quantities) -> Array:
        """Mean squared error of their velocities (N,) [rad^2/s^2], [m^2/s^2]."""
        return self._errors(q).velocity

    @quantity
    def com_error(self, q: Quantities) -> Array:
        """Mean squared error of the place of the centre of mass (N,) [m^2]."""
        return self._errors(q).com

    @quantity
    def end_effector_error(self, q: Quantities) -> Array:
        """Mean squared error of the places of hands, feet and head about the root (N,) [m^2]."""
        return self._errors(q).end_effector

    def _everyone(self, q: Quantities) -> Array:
        return np.arange(q.batch.worlds.num_worlds)
