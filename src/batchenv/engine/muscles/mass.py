"""Forces of muscles without activation dynamics, compiled: the model of MASS (Lee et al. 2019).

The force is f0 cos(pennation) (a F_L F_V + F_P): a Gaussian force-length curve (width 0.45), an exponential
passive curve (shape 5.5, strain 0.3), and Hill's force-velocity curve as Thelen (2003) writes them.
"""

# Numba's intrinsics take a typing context that callers do not pass.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from batchenv.body.mechanism import Fibers
from batchenv.compiled import inner
from batchenv.engine.fields import shared_f64
from batchenv.engine.muscles.mujoco import muscle_bias, muscle_gain
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"velocity_force": np.int64, "mujoco_curves": np.int64},
    arrays={
        "peak_force": np.float64,
        "optimal_length": np.float64,
        "tendon_length": np.float64,
        "reference_length": np.float64,
        "muscle_curves": np.float64,
    },
)

WIDTH = 0.45
PASSIVE_SHAPE, PASSIVE_STRAIN = 5.5, 0.3
PASSIVE_SCALE = math.exp(PASSIVE_SHAPE) - 1.0

# ln 2 in two parts, the first of few bits (Cody and Waite 1980).
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(k) for k in range(14))


@intrinsic
def float_of_bits(typingctx, bits):
    """The float64 that 64 bits stand for."""
    signature = types.float64(types.int64)

    def generate(context, builder, sig, args):
        return builder.bitcast(args[0], context.get_value_type(types.float64))

    return signature, generate


@numba.njit(error_model="numpy")
def exponential(x):
    """e^x within 2e-16 for |x| <= 700, beyond which x is cut; NaN stays NaN. It can be vectorised."""
    x = 700.0 if x > 700.0 else x
    x = -700.0 if x < -700.0 else x
    power = math.floor(x * 1.4426950408889634 + 0.5)
    r = (x - power * _LN2_HIGH) - power * _LN2_LOW
    total = _INVERSE_FACTORIALS[13]
    for k in range(12, -1, -1):
        total = total * r + _INVERSE_FACTORIALS[k]
    return total * float_of_bits((np.int64(power) + 1023) << 52)


@numba.njit(error_model="numpy")
def force_length(length):
    """Active force at a normalised fibre length, as a fraction of the peak force."""
    return exponential(-(length - 1.0) * (length - 1.0) / WIDTH)


@numba.njit(error_model="numpy")
def passive_force(length):
    """Passive force at a normalised fibre length, as a fraction of the peak force."""
    if length < 1.0:
        return 0.0
    return (exponential(PASSIVE_SHAPE * (length - 1.0) / PASSIVE_STRAIN) - 1.0) / PASSIVE_SCALE


@numba.njit(error_model="numpy")
def force_velocity(velocity):
    """Factor on the active force at a normalised velocity, negative where the muscle shortens."""
    if velocity <= -1.0:
        return 0.0
    if velocity <= 0.0:
        return (1.0 + velocity) / (1.0 - velocity / 0.25)
    return (1.0 + velocity * 1.6 / 0.06) / (1.0 + velocity / 0.06)


@numba.njit(error_model="numpy")
def muscle_forces(
    # parameters
    peak_force,
    optimal_length,
    tendon_length,
    reference_length,
    # state
    length,
    velocity,
    # out
    active,
    passive,
):
    """Active force at full activation and passive force of each muscle (M,) [N].

    Args:
        peak_force: times the cosine of the pennation angle (M,) [N].
        optimal_length, tendon_length: as fractions of the reference length (M,).
        reference_length: of the path in the zero pose (M,) [m].
        length: of the path (M,) [m].
        velocity: its rate (M,) [m/s]; (0,) where velocity makes no difference.
    """
    for m in range(length.size):
        passive[m] = (length[m] / reference_length[m] - tendon_length[m]) / optimal_length[m]
    for m in range(length.size):
        active[m] = peak_force[m] * force_length(passive[m])
    for m in range(length.size):
        passive[m] = peak_force[m] * passive_force(passive[m])
    for m in range(velocity.size):
        active[m] *= force_velocity(velocity[m] * 0.1 / reference_length[m] * optimal_length[m])


@numba.njit(error_model="numpy")
def mujoco_muscle_forces(
    # parameters
    peak_force,
    optimal_length,
    tendon_length,
    reference_length,
    curves,
    # state
    length,
    velocity,
    # out
    active,
    passive,
):
    """As `muscle_forces`, by the curves of MuJoCo's muscles.

    Args:
        curves: MuJoCo's parameters of a muscle of 1 N between the ends of its optimal fibre (9,).
    """
    for m in range(length.size):
        slack, optimal = tendon_length[m] * reference_length[m], optimal_length[m] * reference_length[m]
        ends, v = (slack, slack + optimal), (velocity[m] if velocity.size else 0.0)
        active[m] = -peak_force[m] * muscle_gain(length[m], v, ends, 1.0, curves)
        passive[m] = -peak_force[m] * muscle_bias(length[m], ends, 1.0, curves)


def values(fibers: Fibers, velocity_force: bool, *, mujoco_curves: bool) -> Values:
    """Describe muscles whose forces the engine applies.

    Args:
        fibers: their parameters.
        velocity_force: whether active force depends on the muscle's velocity.
        mujoco_curves: use the curves of MuJoCo's muscles instead of those of MASS.
    """
    return Values(
        numbers={"velocity_force": velocity_force, "mujoco_curves": mujoco_curves},
        arrays={
            "peak_force": fibers.peak_force,
            "optimal_length": fibers.optimal_length,
            "tendon_length": fibers.tendon_length,
            "reference_length": fibers.reference_length,
            "muscle_curves": fibers.mujoco_curves,
        },
    )


@inner
def fiber_forces(block, length, velocity, active, passive):
    """Active force at full activation and passive force of each muscle (M,) [N].

    Args:
        length: of the paths (M,) [m].
        velocity: their rates (M,) [m/s]; (0,) where velocity makes no difference.
        active, passive: out.
    """
    n = block.n_muscle
    parameters = (
        shared_f64(block.peak_force, n),
        shared_f64(block.optimal_length, n),
        shared_f64(block.tendon_length, n),
        shared_f64(block.reference_length, n),
    )
    if block.mujoco_curves:
        curves = shared_f64(block.muscle_curves, 9)
        mujoco_muscle_forces(*parameters, curves, length, velocity, active, passive)
    else:
        muscle_forces(*parameters, length, velocity, active, passive)
