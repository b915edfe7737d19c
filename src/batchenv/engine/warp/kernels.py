"""Kernels of the control law on a Warp device: each does for all worlds what compiled parts do for one.

Numbers are float32, as in MuJoCo Warp. Arrays of worlds are (N, ...). Sums are taken in the order of the
compiled parts, by one thread each.
"""

# Warp compiles annotations and calls that Pyright reads as plain Python.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportInvalidTypeForm=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# pyright: reportAssignmentType=false
# ruff: noqa: UP018 -- a number that a loop of Warp's changes must not be a literal

import warp as wp
from mujoco_warp._src.types import vec10
from mujoco_warp._src.util_misc import muscle_bias, muscle_gain

wp.set_module_options({"enable_backward": False})

MINVAL = wp.constant(1e-15)  # mjMINVAL


@wp.struct
class Block:
    """What all worlds share, named as in the shared record; fields at_* are columns of `userdata`.

    Lists of lists: list i has the items from place ptr[i] to before ptr[i + 1].
    """

    at_target: int
    at_target_rate: int
    at_target_acceleration: int
    at_target_ramp: int
    at_desired: int
    at_excitation: int
    at_activation: int
    at_effort_sum: int
    at_desired_sum: int
    at_achieved_sum: int
    at_residual_squared_sum: int
    at_foot_load_sum: int
    at_foot_load_peak: int
    has_desired: int
    # joints
    joint_qposadr: wp.array(dtype=int)
    joint_dofadr: wp.array(dtype=int)
    kp: wp.array(dtype=float)
    kv: wp.array(dtype=float)
    bound_dofadr: wp.array(dtype=int)
    bound_joint: wp.array(dtype=int)
    bound_driver_q0: wp.array(dtype=float)
    bound_coef: wp.array2d(dtype=float)
    joint_dof_ptr: wp.array(dtype=int)
    joint_dof: wp.array(dtype=int)
    # muscles and the joints that they cross
    n_muscle: int
    activation_dynamics: int
    crossing_muscle: wp.array(dtype=int)
    muscle_joint: wp.array(dtype=int)
    crossing_entry_ptr: wp.array(dtype=int)
    crossing_offset: wp.array(dtype=int)
    crossing_dof: wp.array(dtype=int)
    joint_crossing_ptr: wp.array(dtype=int)
    joint_crossing: wp.array(dtype=int)
    torque_scale: wp.array(dtype=float)
    # static optimisation
    n_joint: int
    sweeps: int
    sweep_width: int
    regularization: float
    sweep_muscle: wp.array(dtype=int)
    sweep_entry: wp.array2d(dtype=int)
    sweep_joint: wp.array2d(dtype=int)
    # recorders
    effort_power: int
    effort_divisor: float
    effort_weight: wp.array(dtype=float)
    foot_sensor_adr: wp.array(dtype=int)


@wp.kernel
def couple(block: Block, qpos: wp.array2d[float], slope: wp.array2d[float]):
    """dq_dof / dq_joint of bound dofs, for each (N, C); see `coupling_slope`."""
    world, b = wp.tid()
    x = qpos[world, block.joint_qposadr[block.bound_joint[b]]] - block.bound_driver_q0[b]
    c1, c2 = block.bound_coef[b, 1], block.bound_coef[b, 2]
    c3, c4 = block.bound_coef[b, 3], block.bound_coef[b, 4]
    slope[world, block.bound_dofadr[b]] = c1 + x * (2.0 * c2 + x * (3.0 * c3 + x * 4.0 * c4))


@wp.kernel
def record_joint_torques(
    block: Block, qfrc_actuator: wp.array2d[float], slope: wp.array2d[float], user: wp.array2d[float]
):
    """Add the torques of the substep before this one, for each joint (N, J)."""
    world, j = wp.tid()
    achieved = float(0.0)
    for k in range(block.joint_dof_ptr[j], block.joint_dof_ptr[j + 1]):
        dof = block.joint_dof[k]
        achieved += qfrc_actuator[world, dof] * slope[world, dof]
    user[world, block.at_achieved_sum + j] = user[world, block.at_achieved_sum + j] + achieved
    if block.has_desired != 0:
        desired = user[world, block.at_desired + j]
        missed = achieved - desired
        user[world, block.at_desired_sum + j] = user[world, block.at_desired_sum + j] + desired
        before = user[world, block.at_residual_squared_sum + j]
        user[world, block.at_residual_squared_sum + j] = before + missed * missed


@wp.kernel
def record_foot_loads(block: Block, sensordata: wp.array2d[float], user: wp.array2d[float]):
    """Add the loads of this substep [N], and keep the largest, for each foot (N, F)."""
    world, f = wp.tid()
    load = sensordata[world, block.foot_sensor_adr[f]]
    user[world, block.at_foot_load_sum + f] = user[world, block.at_foot_load_sum + f] + load
    user[world, block.at_foot_load_peak + f] = wp.max(user[world, block.at_foot_load_peak + f], load)


@wp.kernel
def muscle_strengths(
    # model
    block: Block,
    timestep: wp.array[float],
    dynprm: wp.array2d[vec10],
    gainprm: wp.array2d[vec10],
    biasprm: wp.array2d[vec10],
    lengthrange: wp.array2d[wp.vec2],
    acc0: wp.array2d[float],
    # data
    length: wp.array2d[float],
    velocity: wp.array2d[float],
    act: wp.array2d[float],
    # out
    gain: wp.array2d[float],
    bias: wp.array2d[float],
    lower: wp.array2d[float],
    upper: wp.array2d[float],
):
    """Force at full activation, passive force, and bounds of the activation, for each muscle (N, M)."""
    world, m = wp.tid()
    ends = lengthrange[world % lengthrange.shape[0], m]
    acc = acc0[world % acc0.shape[0], m]
    gain[world, m] = muscle_gain(
        length[world, m], velocity[world, m], ends, acc, gainprm[world % gainprm.shape[0], m]
    )
    bias[world, m] = muscle_bias(length[world, m], ends, acc, biasprm[world % biasprm.shape[0], m])
    lower[world, m] = 0.0
    upper[world, m] = 1.0
    if block.activation_dynamics != 0:
        prm = dynprm[world % dynprm.shape[0], m]
        dt = timestep[world % timestep.shape[0]]
        a = act[world, m]
        scale = 0.5 + 1.5 * a
        lower[world, m] = wp.max(0.0, a * (1.0 - dt * scale / wp.max(MINVAL, prm[1])))
        upper[world, m] = wp.min(1.0, a + dt / wp.max(MINVAL, prm[0] * scale) * (1.0 - a))


@wp.kernel
def crossing_torques(
    # model
    block: Block,
    # data
    moment: wp.array2d[float],
    rowadr: wp.array2d[int],
    slope: wp.array2d[float],
    gain: wp.array2d[float],
    bias: wp.array2d[float],
    # out
    jta: wp.array2d[float],
    passive: wp.array2d[float],
):
    """Torque at full activation, times the joint's scale, and passive torque, for each crossing (N, nnz).

    Args:
        rowadr: where the moments of each muscle begin (N, M): MuJoCo Warp gives rows out in the order of
            threads, which on a GPU differs from world to world and from substep to substep.
    """
    world, k = wp.tid()
    m = block.crossing_muscle[k]
    arm = float(0.0)
    for e in range(block.crossing_entry_ptr[k], block.crossing_entry_ptr[k + 1]):
        entry = rowadr[world, m] + block.crossing_offset[e]
        arm += moment[world, entry] * slope[world, block.crossing_dof[e]]
    passive[world, k] = arm * bias[world, m]
    jta[world, k] = arm * gain[world, m] * block.torque_scale[block.muscle_joint[k]]


@wp.kernel
def desired_torques(
    # model
    block: Block,
    elapsed: float,
    # data
    qpos: wp.array2d[float],
    qvel: wp.array2d[float],
    passive: wp.array2d[float],
    # out
    user: wp.array2d[float],
    required: wp.array2d[float],
):
    """Torques of the PD law, and what of them muscles must make, times the joint's scale (N, J).

    Args:
        elapsed: since the step began [s].
    """
    world, j = wp.tid()
    change = elapsed * user[world, block.at_target_acceleration + j]
    mean_rate = user[world, block.at_target_rate + j] + 0.5 * change
    target = user[world, block.at_target + j] + elapsed * (mean_rate + user[world, block.at_target_ramp + j])
    rate = user[world, block.at_target_rate + j] + change
    desired = block.kp[j] * (target - qpos[world, block.joint_qposadr[j]]) + block.kv[j] * (
        rate - qvel[world, block.joint_dofadr[j]]
    )
    user[world, block.at_desired + j] = desired
    resting = float(0.0)
    for k in range(block.joint_crossing_ptr[j], block.joint_crossing_ptr[j + 1]):
        resting += passive[world, block.joint_crossing[k]]
    required[world, j] = (desired - resting) * block.torque_scale[j]


@wp.kernel
def optimize(
    # problem
    block: Block,
    jta: wp.array2d[float],
    required: wp.array2d[float],
    lower: wp.array2d[float],
    upper: wp.array2d[float],
    # room
    arm: wp.array2d[float],
    inverse_curvature: wp.array2d[float],
    error: wp.array2d[float],
    # start and solution
    user: wp.array2d[float],
):
    """Static optimisation of each world (N,), as `static_optimization` does it.

    Args:
        arm, inverse_curvature, error: room (N, M * width), (N, M), (N, J).
        user: activations, start and solution.
    """
    world = wp.tid()
    n_joint, width = block.n_joint, block.sweep_width
    for j in range(n_joint):
        error[world, j] = -required[world, j]
    for t in range(block.n_muscle):
        m = block.sweep_muscle[t]
        at = block.at_activation + m
        a = wp.min(upper[world, m], wp.max(lower[world, m], user[world, at]))
        curvature = block.regularization
        for s in range(width):
            joint = block.sweep_joint[t, s]
            if joint < n_joint:
                force = jta[world, block.sweep_entry[t, s]]
                arm[world, t * width + s] = force
                error[world, joint] = error[world, joint] + force * a
                curvature += force * force
        inverse_curvature[world, t] = 1.0 / curvature
        user[world, at] = a
    for _sweep in range(block.sweeps):
        for t in range(block.n_muscle):
            m = block.sweep_muscle[t]
            at = block.at_activation + m
            before = user[world, at]
            gradient = block.regularization * before
            for s in range(width):
                joint = block.sweep_joint[t, s]
                if joint < n_joint:
                    gradient += arm[world, t * width + s] * error[world, joint]
            after = before - gradient * inverse_curvature[world, t]
            after = wp.min(upper[world, m], wp.max(lower[world, m], after))
            user[world, at] = after
            for s in range(width):
                joint = block.sweep_joint[t, s]
                if joint < n_joint:
                    error[world, joint] = error[world, joint] + arm[world, t * width + s] * (after - before)


@wp.kernel
def activate(
    # model
    block: Block,
    timestep: wp.array[float],
    dynprm: wp.array2d[vec10],
    # data
    user: wp.array2d[float],
    # out
    act: wp.array2d[float],
    ctrl: wp.array2d[float],
):
    """Carry each muscle (N, M) to its activation: through its dynamics, or at once."""
    world, m = wp.tid()
    target = user[world, block.at_activation + m]
    if block.activation_dynamics == 0:
        act[world, m] = target
        ctrl[world, m] = target
        return
    a = act[world, m]
    prm = dynprm[world % dynprm.shape[0], m]
    scale = 0.5 + 1.5 * a
    tau = prm[1] / scale
    if target > a:
        tau = prm[0] * scale
    excitation = a + (target - a) * tau / timestep[world % timestep.shape[0]]
    ctrl[world, m] = wp.min(1.0, wp.max(0.0, excitation))


@wp.kernel
def excite(block: Block, user: wp.array2d[float], ctrl: wp.array2d[float]):
    """Hand excitations to the muscles (N, M)."""
    world, m = wp.tid()
    ctrl[world, m] = user[world, block.at_excitation + m]


@wp.kernel
def record_effort(block: Block, act: wp.array2d[float], user: wp.array2d[float]):
    """Add the cost of the muscles' activations in each world (N,)."""
    world = wp.tid()
    cost = float(0.0)
    for m in range(block.n_muscle):
        a = act[world, m]
        if block.effort_power == 2:
            a = a * a
        cost += block.effort_weight[m] * a
    user[world, block.at_effort_sum] = user[world, block.at_effort_sum] + cost / block.effort_divisor
