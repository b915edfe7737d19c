"""The quantities that terms of a human are given."""

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mujoco
import numpy as np

from batchenv.body import Body, GaitCycle
from batchenv.config import Environment
from batchenv.engine import Worlds
from batchenv.errors import ConfigError, nearest
from batchenv.mdp.batch import Batch
from batchenv.mdp.centre_of_mass import carried_dofs, com_velocity
from batchenv.mdp.measure import measure, measured_columns
from batchenv.mdp.parameters import ParameterSet
from batchenv.mdp.quantities import Function, Quantities, quantity
from batchenv.mdp.root_state import made_upright, seen_by_walker
from batchenv.mdp.state import TaskState
from batchenv.mdp.task import Task
from batchenv.tasks.human_law import own_recorders

Array = np.ndarray
_GRAVITY = "opt.gravity"


@dataclass
class HumanState(TaskState):
    """State of N worlds.

    Attributes:
        phase: of the reference, in [0, 1) (N,).
        parameters: of each world (N, P).
        difficulty: of each world, from 0 to 1 (N,).
        lasted: control steps since the last reset (N,).
        delay: of actions, in control steps (N,).
        sent: the actions before the last one, the latest first (N, D, A).
        missed: failures of the parameters that are drawn adaptively (N, A, BINS), see `AdaptiveRanges`.
        added: what the last action added to the reference pose (N, J) [rad]; (N, 0) without `action.smooth`.
    """

    phase: Array
    parameters: Array
    difficulty: Array
    lasted: Array
    delay: Array
    sent: Array
    missed: Array
    added: Array


class HumanQuantities(Task[Body, HumanState]):
    """Quantities of a human; see `HumanTask`.

    These come out of one pass over the worlds. Vectors are in the walking frame (x forward, y left, z up), or
    in the heading frame, which turns about the vertical with the root:

    - `joint_pos`, `joint_vel`: primary joints (N, J) [rad], [rad/s],
    - `reference_pos`, `reference_vel`: those of the reference at this phase,
    - `reference_root_height` and its rate `reference_root_height_rate` (N,) [m], [m/s],
    - `reference_foot_pos`: heels relative to the root, in the heading frame (N, 2, 3) [m],
    - `reference_foot_load`: humans' vertical force on right and left foot (N, 2) [body weights],
    - `root_pos`: in the walking frame (N, 3) [m]; its second column is the lateral drift,
    - `root_linvel`, `root_angvel`: in the heading frame (N, 3) [m/s], [rad/s],
    - `root_up`: the root's vertical axis against gravity, in the heading frame made upright (N, 3),
    - `heading`: angle of the root about the vertical, positive to the left (N,) [rad],
    - `foot_pos`: heels relative to the root, in the heading frame (N, 2, 3) [m]; of the beginning of the last
      substep, and of the last step before a reset,
    - `foot_load`, `foot_load_peak`: mean and peak vertical force on right and left foot in the last step
      (N, 2) [body weights],
    - `activation_squared`: mean over muscles and substeps of the last step (N,).

    Where there are commands, `command` is all their columns (N, C), and `commanded_NAME` is one (N,).

    Attributes:
        environment: configuration of the worlds.
        gait: the reference.
        parameter_set: what differs from world to world.
        columns: of `measured`, by quantity.
        own_quantities: those of `measured` that functions of the class compute otherwise.
        tracked_weights: of joints (J,), see `tracked`.
    """

    environment: Environment
    gait: GaitCycle
    parameter_set: ParameterSet
    columns: dict[str, Any]
    tracked_weights: Array
    _sums: tuple[Array, Array] | None = None
    own_quantities: Set[str] = frozenset()

    @property
    def one_reference(self) -> bool:
        """Whether all worlds follow one cycle."""
        raise NotImplementedError

    def reference_rows(self, batch: Batch[Body, HumanState], ids: Array | None, phase: Array) -> Array:
        """Rows of the reference's table (n, t) at phases (n,), in some worlds; None for all."""
        raise NotImplementedError

    def reference_speed(self, batch: Batch[Body, HumanState], ids: Array | slice | None) -> Array:
        """Speed of the reference in some worlds (n,) [m/s]; None for all."""
        raise NotImplementedError

    def _measure_in_one_pass(self) -> None:
        """Add the quantities of `measured` to the others."""
        n_joint, n_foot = len(self.body.joint_names), len(self.body.foot_body)
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
        self._width = self.columns["activation_squared"] + 1
        first, last = self.columns["reference_pos"], self.columns["reference_foot_load"]
        self._reference_columns = slice(first.start, last.stop)
        self.tracked_weights = self.gait.tracked * self._joint_weights()
        own = {each.name: _recorded(each.name) for each in own_recorders(self.config)}
        for name in own:
            if name in self.functions or name in self.columns:
                raise ConfigError(
                    f"environment.simulation.recorders: {name} is a quantity, too; rename the recorder"
                )
        self.own_quantities = self.functions.keys() & self.columns.keys()
        self.functions = own | {name: measured_quantity(name) for name in self.columns} | self.functions

    def _joint_weights(self) -> Array:
        """Weights of `environment.motion.joint_weight` (J,)."""
        weights, kinds = self.environment.motion.joint_weight, self.body.joint_kinds
        for name in weights:
            if name not in kinds:
                raise ConfigError(
                    f"environment.motion.joint_weight: the body has no joint {name!r}.{nearest(name, kinds)}"
                    f" There are: {', '.join(dict.fromkeys(kinds))}"
                )
        found = np.array([weights.get(kind, 1.0) for kind in kinds])
        if weights and not found.any():
            raise ConfigError(
                "environment.motion.joint_weight: every joint has the weight 0; expected some above"
            )
        return found

    def measured(self, q: Quantities) -> dict[str, Array]:
        """All that one pass over the worlds measures, by name; see `measured_columns`."""
        worlds, state, body = q.batch.worlds, q.batch.state, self.body
        slots, factors = self._sums = self._sums or _sums(worlds, body.weight)
        ids = np.arange(worlds.num_worlds) if q.ids is None else q.ids
        values, room = np.empty((len(ids), self._width)), np.empty((6 + len(body.foot_body), 3))
        measure(
            ids,
            state.phase,
            worlds.qpos,
            worlds.qvel,
            worlds.bind("xpos"),
            worlds.bind("userdata"),
            body.joint_qposadr,
            body.joint_dofadr,
            body.root_body,
            body.foot_body,
            self.axes,
            self.gait.table,
            slots,
            factors,
            room,
            values,
        )
        if not self.one_reference:
            values[:, self._reference_columns] = self.reference_rows(q.batch, q.ids, state.phase[q.rows])
        up = self.against_gravity(worlds, q.rows, values[:, self.columns["heading"]])
        if up is not None:
            for place in (self.columns["root_up"], self.columns["foot_pos"]):
                vectors = values[:, place].reshape(len(values), -1, 3)
                vectors[:] = made_upright(vectors, up)
        values.flags.writeable = False  # and with it all views of it
        found = {name: values[:, place] for name, place in self.columns.items()}
        for name in ("foot_pos", "reference_foot_pos"):
            found[name] = found[name].reshape(len(values), -1, 3)
        return found

    @quantity
    def tracked(self, q: Quantities) -> Array:
        """Weights of joints that the reference speaks of, 0 for others (J,)."""
        return self.tracked_weights.copy()

    @quantity
    def joint_range(self, q: Quantities) -> Array:
        """Least and greatest joint positions (J, 2) [rad]; infinite where a joint has no limit."""
        return self.body.joint_range.copy()

    @quantity
    def yaw_rate(self, q: Quantities) -> Array:
        """Rate at which the root turns about the vertical, positive to the left (N,) [rad/s]."""
        return q["root_angvel"][:, 2].copy()

    @quantity
    def com_linvel(self, q: Quantities) -> Array:
        """Velocity of the centre of mass, in the heading frame (N, 3) [m/s], for terms of the reward.

        The inertia by which it is computed is as old as `foot_pos`, so before the first step of an episode
        it is that of another one.
        """
        worlds, model = q.batch.worlds, self.body.model
        dofs = carried_dofs(model, self.body.root_body)
        inertia = worlds.bind("M")[q.rows]
        velocity = com_velocity(dofs, model.M_rowadr[dofs], inertia, worlds.qvel[q.rows])
        return seen_by_walker(velocity, q["heading"], self.axes)

    @quantity
    def head_pos(self, q: Quantities) -> Array:
        """Place of the head relative to the root, in the heading frame, as old as `foot_pos` (N, 3) [m]."""
        places = q.batch.worlds.bind("xpos")[q.rows]
        offset = places[:, self.body.head_body] - places[:, self.body.root_body]
        return seen_by_walker(offset, q["heading"], self.axes)

    @quantity
    def trunk_up(self, q: Quantities) -> Array:
        """The trunk's axis that is vertical in the zero pose, seen as `root_up` is (N, 3)."""
        turned = q.batch.worlds.bind("xmat")[q.rows][:, self.body.trunk_body].reshape(-1, 3, 3)
        seen = seen_by_walker(turned @ self._trunk_axis, q["heading"], self.axes)
        up = self.against_gravity(q.batch.worlds, q.rows, q["heading"])
        return seen if up is None else made_upright(seen[:, None], up)[:, 0]

    @cached_property
    def _trunk_axis(self) -> Array:
        """What is vertical in the zero pose, in the trunk's frame (3,)."""
        data = mujoco.MjData(self.body.model)
        mujoco.mj_kinematics(self.body.model, data)
        return data.xmat[self.body.trunk_body].reshape(3, 3).T @ self.axes[2]

    @quantity
    def slope(self, q: Quantities) -> Array:
        """Rise of the floor ahead of the walker and to its left, by how gravity leans (N, 2) [rad]."""
        up = self.against_gravity(q.batch.worlds, q.rows, q["heading"])
        return np.zeros((len(q["heading"]), 2)) if up is None else np.arctan(up[:, :2] / up[:, 2:])

    def against_gravity(self, worlds: Worlds[Body], rows: Array | slice, heading: Array) -> Array | None:
        """Unit vectors against gravity in some worlds, each in the frame of its heading (n,) [rad] (n, 3).

        None where no world has a slope.
        """
        if not worlds.is_expanded(_GRAVITY):
            return None
        gravity = worlds.expand(_GRAVITY)[rows]
        return seen_by_walker(-gravity / np.linalg.norm(gravity, axis=1, keepdims=True), heading, self.axes)

    @quantity
    def target_speed(self, q: Quantities) -> Array:
        """Speed of the reference (N,) [m/s]."""
        return self.reference_speed(q.batch, q.rows)

    @quantity
    def phase(self, q: Quantities) -> Array:
        """Phase of the reference, 0 at right heel strike (N,), in [0, 1)."""
        return q.batch.state.phase[q.rows].copy()

    @quantity
    def action(self, q: Quantities) -> Array:
        """The last action (N, A)."""
        return q.batch.episodes.action[q.rows].copy()

    @quantity
    def previous_action(self, q: Quantities) -> Array:
        """The action before the last one (N, A)."""
        return q.batch.episodes.previous_action[q.rows].copy()

    @quantity
    def action_delay(self, q: Quantities) -> Array:
        """Mean time from sending an action to its effect (N,) [s]."""
        within_step = 0.5 if self.environment.action.smooth else 0.0
        return (q.batch.state.delay[q.rows] + within_step) * self.control_dt

    @quantity
    def episode_time(self, q: Quantities) -> Array:
        """Time since the episode began (N,) [s]."""
        return q.batch.episodes.step[q.rows] * self.control_dt

    @quantity
    def parameters(self, q: Quantities) -> Array:
        """Parameters of the worlds, in the order of `BatchEnv.parameter_names` (N, P)."""
        return q.batch.state.parameters[q.rows].copy()

    @quantity
    def difficulty(self, q: Quantities) -> Array:
        """How hard it is made for each world, from 0 to 1; see `environment.curriculum` (N,)."""
        return q.batch.state.difficulty[q.rows].copy()

    @quantity
    def shown_parameters(self, q: Quantities) -> Array:
        """Parameters of the worlds, and 1 for twins that are no parameters (N, P')."""
        drawn = q.batch.state.parameters[q.rows]
        return np.hstack([drawn, np.ones((len(drawn), len(self.parameter_set.shown) - drawn.shape[1]))])

    @quantity
    def desired_torque(self, q: Quantities) -> Array:
        """Mean over the last step (N, J) [Nm]."""
        return q.batch.worlds.mean_of("desired_sum")[q.rows]

    @quantity
    def achieved_torque(self, q: Quantities) -> Array:
        """Mean over the last step (N, J) [Nm]."""
        return q.batch.worlds.mean_of("achieved_sum")[q.rows]

    @quantity
    def residual_torque(self, q: Quantities) -> Array:
        """Root mean square of the torque error over the last step (N, J) [Nm]."""
        return np.sqrt(q.batch.worlds.mean_of("residual_squared_sum")[q.rows])

    @quantity
    def device_torque(self, q: Quantities) -> Array:
        """Torques of devices, mean over the last step (N, K) [Nm], as the body's joints turn."""
        return q.batch.worlds.slot("device_torque")[q.rows].mean(axis=1)


def measured_quantity(name: str, owner: Any = None) -> Function:
    """A quantity that the task, or another owner, measures with others, which are known with it."""

    def value(task: HumanQuantities, q: Quantities) -> Any:
        found = (owner or task).measured(q)
        value = found[name]
        for own in task.own_quantities:
            del found[own]
        q.know(found)
        return value

    return value


def _recorded(name: str) -> Function:
    """What a recorder of a user's own has kept of the last step (N, ...)."""
    return lambda task, q: q.batch.worlds.slot(name)[q.rows].copy()


def _sums(worlds: Worlds[Body], weight: float) -> tuple[Array, Array]:
    """Slots of `userdata` that every step reads, and the factors that make quantities of them."""
    substeps, columns = worlds.substeps, worlds.layout.columns
    names = ("foot_load_sum", "foot_load_peak", "effort_sum")
    slots = [np.r_[columns(name)] for name in names]
    per_weight = 1.0 / weight
    factors = (per_weight / (substeps - 1), per_weight, 1.0 / substeps)
    return np.concatenate(slots), np.repeat(factors, [len(slot) for slot in slots])
