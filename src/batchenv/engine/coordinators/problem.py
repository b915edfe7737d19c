"""The coordinator's problem, compiled: the torques that muscles must make, and each muscle's capacity."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numba
import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.fields import shared_f64, shared_u32
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"inference_every": np.int64, "foresee_passive": np.int64},
    arrays={
        "mirror_muscle": np.uint32,
        "mirror_joint": np.uint32,
        "mirror_sign": np.float64,
        "mirror_crossing": np.uint32,
        "mirror_crossing_sign": np.float64,
    },
    slots=("mirrored",),
)


def values(mechanism: Mechanism, inference_every: int, foresee_passive: bool, substeps: int) -> Values:
    """Describe when the coordinator runs, and the image of its problem in the sagittal plane.

    The slot `mirrored` says for every substep of a step, and for what is measured after it, whether the
    coordinator sees the world in the mirror.
    """
    joint, sign = np.asarray(mechanism.mirror_joint), np.asarray(mechanism.mirror_joint_sign, float)
    muscle = np.repeat(np.arange(len(mechanism.muscle_names)), np.diff(mechanism.crossing_ptr))
    crossed = mechanism.crossing_joint
    place = {pair: k for k, pair in enumerate(zip(muscle.tolist(), crossed.tolist(), strict=True))}
    twins = zip(mechanism.mirror_muscle[muscle].tolist(), joint[crossed].tolist(), strict=True)
    found = np.array([place.get(twin, -1) for twin in twins], np.int64)
    return Values(
        numbers={"inference_every": inference_every, "foresee_passive": foresee_passive},
        arrays={
            "mirror_muscle": mechanism.mirror_muscle,
            "mirror_joint": joint,
            "mirror_sign": sign,
            "mirror_crossing": np.maximum(found, 0),
            "mirror_crossing_sign": np.where(found < 0, 0.0, sign[crossed]),
        },
        slots={"mirrored": (substeps + 1,)},
    )


@numba.njit(error_model="numpy")
def required_torques(block, wanted, jtp, required):
    """Subtract passive torques of the muscles from the wanted (J,), unless the controller has done so."""
    for j in range(block.n_joint):
        required[j] = wanted[j]
        if not block.foresee_passive:
            required[j] -= jtp[j]


@numba.njit(error_model="numpy")
def copy(values, out):
    """Copy numbers (n,): an assigned slice would compile the message about its shape, too."""
    for i in range(out.size):
        out[i] = values[i]


@inner
def mirror_joints(block, values, out):
    """The mirror image of a number for each joint coordinate (J,)."""
    joint, sign = shared_u32(block.mirror_joint, block.n_joint), shared_f64(block.mirror_sign, block.n_joint)
    for j in range(block.n_joint):
        out[j] = sign[j] * values[joint[j]]


@inner
def mirror_crossings(block, values, out):
    """The mirror image of a number for each pair of a muscle and a joint coordinate (nnz,)."""
    crossing = shared_u32(block.mirror_crossing, block.n_crossing)
    sign = shared_f64(block.mirror_crossing_sign, block.n_crossing)
    for k in range(block.n_crossing):
        out[k] = sign[k] * values[crossing[k]]


@inner
def mirror_muscles(block, values, out):
    """The mirror image of a number for each muscle (M,)."""
    twin = shared_u32(block.mirror_muscle, block.n_muscle)
    for m in range(block.n_muscle):
        out[m] = values[twin[m]]
