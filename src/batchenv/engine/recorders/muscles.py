"""Recorder of muscles, compiled: tension and fibre of each muscle in the last substep."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from batchenv.compiled import inner
from batchenv.engine.fields import GAINPRM, LENGTH, LENGTHRANGE, N_GAIN, VELOCITY, f64, f64_2d, shared_f64
from batchenv.engine.record import Part, Values

PART = Part(slots=("muscle_tension", "fiber_length", "fiber_velocity"))


def values(n_muscle: int) -> Values:
    """Describe the slots (M,): tension [N], and length and velocity of the fibre [optimal lengths], [1/s]."""
    return Values(slots=dict.fromkeys(PART.slots, (n_muscle,)))


@inner
def record_actuators(block, model, data, user, force):
    """Keep MuJoCo's muscles, with each world's own parameters; see `mju_muscleGain` for the lengths.

    Args:
        force: of each muscle, tension negative (M,) [N].
    """
    n = block.n_muscle
    length, velocity = f64(data, LENGTH, n), f64(data, VELOCITY, n)
    ends, gainprm = f64_2d(model, LENGTHRANGE, n, 2), f64_2d(model, GAINPRM, n, N_GAIN)
    for m in range(n):
        optimal = (ends[m, 1] - ends[m, 0]) / (gainprm[m, 1] - gainprm[m, 0])
        user[block.at_muscle_tension + m] = -force[m]
        user[block.at_fiber_length + m] = gainprm[m, 0] + (length[m] - ends[m, 0]) / optimal
        user[block.at_fiber_velocity + m] = velocity[m] / optimal


@inner
def record_fibers(block, user, length, velocity, force, sign):
    """Keep muscles whose forces the engine applies.

    Args:
        length, velocity: of the paths (M,) [m], [m/s].
        force: of each muscle (M,) [N]; times `sign` it is tension.
    """
    n = block.n_muscle
    optimal, slack = shared_f64(block.optimal_length, n), shared_f64(block.tendon_length, n)
    reference = shared_f64(block.reference_length, n)
    for m in range(n):
        user[block.at_muscle_tension + m] = sign * force[m]
        user[block.at_fiber_length + m] = (length[m] / reference[m] - slack[m]) / optimal[m]
        user[block.at_fiber_velocity + m] = velocity[m] / (reference[m] * optimal[m])
