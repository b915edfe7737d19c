"""Damping of MuJoCo's muscles, compiled: what `implicitfast` makes of them, with places listed in advance.

That integrator solves

    (M + dt D - dt sum_m b_m J_m^T J_m) a = f,

where D is the damping of the joints, J_m are a muscle's moment arms, and b_m <= 0 is the slope of its force
over its velocity. It searches sparse rows for the place of each product, which in a whole body takes longer
than the tendons. Here the sum over muscles is added to M at the end of the callback, and Euler's method with
implicit damping of joints (`mj_Euler`) factorises M + dt D. Accelerations come from the factors of M that
MuJoCo has made before.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import mujoco
import numba
import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.engine.fields import (
    ACC0,
    ACT,
    CTRL,
    DYNPRM,
    GAINPRM,
    INERTIA,
    LENGTH,
    LENGTHRANGE,
    MOMENT,
    N_DYN,
    N_GAIN,
    NEFC,
    VELOCITY,
    f64,
    f64_2d,
    shared_i32,
    timestep_of,
)
from batchenv.engine.memory import carray, i32_pointer, stack_f64
from batchenv.engine.muscles.mujoco import muscle_gain_slope, next_activation
from batchenv.engine.record import Part, Values

PART = Part(numbers={"n_product": np.int64}, arrays={"product_place": np.int32})

_NO_DAMPING = mujoco.mjtDisableBit.mjDSBL_EULERDAMP | mujoco.mjtDisableBit.mjDSBL_DAMPER
# What else `implicitfast` differentiates, beside muscles and linear damping of joints.
_OTHERS = (
    "dof_dampingpoly",
    "tendon_damping",
    "tendon_dampingpoly",
    "actuator_damping",
    "actuator_dampingpoly",
)


def is_all_that_is_implicit(model: mujoco.MjModel) -> bool:
    """Whether `implicitfast` differs from Euler's method by the damping of muscles alone."""
    return bool(
        model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        and not model.opt.disableflags & int(_NO_DAMPING)
        and model.dof_damping.any()
        and not any(getattr(model, name).any() for name in _OTHERS)
        and not model.actuator_forcelimited.any()
        and model.opt.density == 0.0 == model.opt.viscosity
        and model.nflex == 0
    )


def values(mechanism: Mechanism) -> Values:
    """Describe where the products of each muscle's moments lie in M; those of two branches lie behind it."""
    model, moments = mechanism.model, mechanism.moments
    assert moments is not None
    place = np.full((model.nv, model.nv), model.nC)
    place[np.repeat(np.arange(model.nv), model.M_rownnz), model.M_colind] = np.arange(model.nC)
    found = [np.zeros(0, int)]
    for dofs in np.split(moments.kept_dof, np.cumsum(moments.kept_number)[:-1]):
        one, other = (dofs[i] for i in np.tril_indices(dofs.size))
        found.append(place[np.maximum(one, other), np.minimum(one, other)])
    places = np.concatenate(found)
    return Values(numbers={"n_product": places.size}, arrays={"product_place": places})


@numba.njit(error_model="numpy")
def damp_muscles(block, model, data):
    """Add the damping of all muscles over a substep to M, excitations being set.

    Where constraints are left to MuJoCo's solver, which needs M itself, muscles go undamped for a substep.
    """
    if carray(i32_pointer(data + NEFC), (1,))[0] != 0:
        return
    n, n_inertia, timestep = block.n_muscle, block.n_inertia, timestep_of(model)
    act, ctrl, dynprm = f64(data, ACT, n), f64(data, CTRL, n), f64_2d(model, DYNPRM, n, N_DYN)
    length, velocity = f64(data, LENGTH, n), f64(data, VELOCITY, n)
    lengthrange, acc0 = f64_2d(model, LENGTHRANGE, n, 2), f64(model, ACC0, n)
    gainprm = f64_2d(model, GAINPRM, n, N_GAIN)
    moment, number = f64(data, MOMENT, block.n_kept), shared_i32(block.kept_number, n)
    place = shared_i32(block.product_place, block.n_product)
    total = carray(stack_f64(n_inertia + 1), (n_inertia + 1,))
    for k in range(n_inertia + 1):
        total[k] = 0.0
    first = product = 0
    for m in range(n):
        a = act[m]
        if block.early_activation:
            a = next_activation(ctrl[m], a, timestep, dynprm[m, 0], dynprm[m, 1])
        slope = muscle_gain_slope(length[m], velocity[m], lengthrange[m], acc0[m], gainprm[m])
        end = first + number[m]
        for i in range(first, end):
            scaled = timestep * a * slope * moment[i]
            for j in range(first, i + 1):
                total[place[product]] += scaled * moment[j]
                product += 1
        first = end
    inertia = f64(data, INERTIA, n_inertia)
    for k in range(n_inertia):
        inertia[k] -= total[k]
