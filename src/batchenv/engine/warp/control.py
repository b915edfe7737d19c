"""The control law of worlds on a Warp device, called by MuJoCo Warp between velocity and actuation."""

from itertools import accumulate
from typing import Any

import mujoco
import numpy as np
import warp as wp

from batchenv.body.mechanism import Mechanism
from batchenv.engine.coordinators.shared_network import NetworkCoordinator
from batchenv.engine.law import ControlLaw
from batchenv.engine.record import Layout, Values
from batchenv.engine.warp import kernels
from batchenv.engine.warp.network import DeviceNetworks
from batchenv.engine.warp.paths import DevicePaths

Array = np.ndarray


class Control:
    """The control law of N worlds, which is `mujoco_warp.Model.callback.control`, and its working arrays.

    Args:
        mechanism: its model already adapted.
        law: how targets become forces.
        values: of all parts, see `batchenv.engine.law.describe`.
        layout: of `userdata`.
        num_worlds: N.
        coordinator: the muscle network, or None.

    Attributes:
        substep: number of the substep that comes next; whoever steps the worlds sets it.
    """

    def __init__(
        self,
        mechanism: Mechanism,
        law: ControlLaw,
        values: Values,
        layout: Layout,
        num_worlds: int,
        coordinator: NetworkCoordinator | None,
    ):
        self.substep = 0
        self._law, self._timestep = law, float(mechanism.model.opt.timestep)
        self._networks = None if coordinator is None else DeviceNetworks(coordinator, num_worlds)
        self._paths = None if mechanism.polynomials is None else DevicePaths(mechanism, num_worlds)
        self._block = make_block(mechanism, values, layout, scaled=coordinator is None)
        n_joint, n_muscle = len(mechanism.joint_names), len(mechanism.muscle_names)
        n_crossing, width = len(mechanism.crossing_joint), int(values.numbers.get("sweep_width", 0))
        n_foot = len(mechanism.foot_sensor_adr)
        self._joints, self._muscles = (num_worlds, n_joint), (num_worlds, n_muscle)
        self._crossings, self._feet = (num_worlds, n_crossing), (num_worlds, n_foot)
        self._worlds, self._bound = (num_worlds,), (num_worlds, len(mechanism.bound_joint))
        self._slope = wp.ones((num_worlds, mechanism.model.nv), dtype=float)
        self._gain, self._bias, self._lower, self._upper = (
            wp.zeros(self._muscles, dtype=float) for _ in range(4)
        )
        self._jta, self._passive = (wp.zeros(self._crossings, dtype=float) for _ in range(2))
        self._required = wp.zeros(self._joints, dtype=float)
        self._room = (
            wp.zeros((num_worlds, n_muscle * width), dtype=float),
            wp.zeros(self._muscles, dtype=float),
            wp.zeros(self._joints, dtype=float),
        )

    def __call__(self, m: Any, d: Any) -> None:
        """Launch the parts of a substep on worlds `d` of a model `m`, both MuJoCo Warp's."""
        block, user, records = self._block, d.userdata, self._law.records
        wp.launch(kernels.couple, self._bound, [block, d.qpos], [self._slope])
        if self._paths is not None:
            self._paths(d, self._slope)
        if self.substep > 0 and records.joint_torques:
            wp.launch(
                kernels.record_joint_torques, self._joints, [block, d.qfrc_actuator, self._slope], [user]
            )
        if self._law.actuator == "muscle":
            wp.launch(kernels.excite, self._muscles, [block, user], [d.ctrl])
        else:
            self._coordinate(m, d)
            given = [block, m.opt.timestep, m.actuator_dynprm, user]
            wp.launch(kernels.activate, self._muscles, given, [d.act, d.ctrl])
        wp.launch(kernels.record_effort, self._worlds, [block, d.act], [user])

    def refresh(self) -> None:
        """Take over parameters of the muscle network that were loaded since the last step."""
        if self._networks is not None:
            self._networks.refresh()

    def after(self, d: Any) -> None:
        """Record what the next substep cannot: MuJoCo Warp clears sensors when it begins."""
        if self._law.records.foot_loads:
            wp.launch(kernels.record_foot_loads, self._feet, [self._block, d.sensordata], [d.userdata])

    def _coordinate(self, m: Any, d: Any) -> None:
        """Launch the desired torques of the joints, and the activations that make them."""
        block, user = self._block, d.userdata
        bounds = (self._lower, self._upper)
        wp.launch(
            kernels.muscle_strengths,
            self._muscles,
            [
                *(block, m.opt.timestep, m.actuator_dynprm, m.actuator_gainprm, m.actuator_biasprm),
                *(m.actuator_lengthrange, m.actuator_acc0, d.actuator_length, d.actuator_velocity, d.act),
            ],
            [self._gain, self._bias, *bounds],
        )
        wp.launch(
            kernels.crossing_torques,
            self._crossings,
            [block, d.actuator_moment, d.moment_rowadr, self._slope, self._gain, self._bias],
            [self._jta, self._passive],
        )
        wp.launch(
            kernels.desired_torques,
            self._joints,
            [block, self.substep * self._timestep, d.qpos, d.qvel, self._passive],
            [user, self._required],
        )
        if self.substep % self._law.inference_per_sim != 0:
            return
        if self._networks is not None:
            self._networks.evaluate(self._jta, self._required, bounds, block.at_activation, user)
        else:
            problem = [block, self._jta, self._required, *bounds]
            wp.launch(kernels.optimize, self._worlds, [*problem, *self._room], [user])


def make_block(mechanism: Mechanism, values: Values, layout: Layout, *, scaled: bool) -> Any:
    """Copy what all worlds share to the current device.

    Args:
        mechanism: the body.
        values: of all parts.
        layout: of `userdata`.
        scaled: whether torques are scaled by joint, as static optimisation weighs them.
    """
    moments = mechanism.moments
    assert moments is not None
    n_joint, n_crossing = len(mechanism.joint_names), len(mechanism.crossing_joint)
    by_crossing = np.argsort(moments.place, kind="stable")
    joint_crossing = np.argsort(mechanism.crossing_joint, kind="stable")
    joint_dof = np.argsort(moments.dof_joint, kind="stable")[np.count_nonzero(moments.dof_joint < 0) :]
    rows = moment_rows(mechanism.model)
    muscle = np.repeat(np.arange(len(mechanism.muscle_names)), np.diff(moments.ptr))[moments.place]
    block, has_problem = kernels.Block(), "torque_scale" in values.arrays
    arrays = {
        "torque_scale": values.arrays["torque_scale"] if scaled and has_problem else np.ones(n_joint),
        "crossing_entry_ptr": starts(moments.place, n_crossing),
        "crossing_offset": (moments.entry - rows[muscle])[by_crossing],
        "crossing_dof": moments.dof[by_crossing],
        "joint_crossing_ptr": starts(mechanism.crossing_joint, n_joint),
        "joint_crossing": joint_crossing,
        "joint_dof_ptr": starts(moments.dof_joint, n_joint),
        "joint_dof": joint_dof,
        "bound_coef": np.reshape(mechanism.bound_coef, (-1, 5)),
    }
    for name, variable in kernels.Block.vars.items():
        kind = variable.type
        if isinstance(kind, wp.array):
            array = np.asarray(arrays.get(name, values.arrays.get(name, ())))
            array = array if array.size else np.zeros((0,) * kind.ndim)
            setattr(block, name, wp.array(array, dtype=kind.dtype))
        elif name.startswith("at_"):
            setattr(block, name, layout.starts.get(name.removeprefix("at_"), 0))
        else:
            setattr(block, name, values.numbers.get(name, 0))
    return block


def moment_rows(model: mujoco.MjModel) -> Array:
    """Return the place of each actuator's first moment in MuJoCo's `actuator_moment` (nu,)."""
    data = mujoco.MjData(model)
    mujoco.mj_fwdPosition(model, data)
    return data.moment_rowadr.copy()


def starts(groups: Array, number: int) -> Array:
    """Return where each of `number` groups starts among items sorted by group, and the end (number + 1,).

    Args:
        groups: of each item; items of negative groups are left out (n,).
    """
    return np.array([0, *accumulate(np.bincount(groups[groups >= 0], minlength=number).tolist())])
