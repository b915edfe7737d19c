"""Which muscles there are, and which joints they cross."""

# Pyright does not see what Numba makes of functions.
# pyright: reportCallIssue=false

import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"n_muscle": np.int64, "n_crossing": np.int64},
    arrays={"muscle_ptr": np.int32, "muscle_joint": np.int32, "crossing_muscle": np.uint32},
    slots=("excitation", "activation"),
)


def values(mechanism: Mechanism) -> Values:
    """Describe the muscles of a body."""
    n, ptr, joint = len(mechanism.muscle_names), mechanism.crossing_ptr, mechanism.crossing_joint
    return Values(
        numbers={"n_muscle": n, "n_crossing": joint.size},
        arrays={
            "muscle_ptr": ptr,
            "muscle_joint": joint,
            "crossing_muscle": np.repeat(np.arange(n), np.diff(ptr)),
        },
        slots={"excitation": (n,), "activation": (n,)},
    )


@inner
def take_excitations(block, user):
    """Activations are the excitations themselves, between 0 and 1."""
    for m in range(block.n_muscle):
        user[block.at_activation + m] = min(1.0, max(0.0, user[block.at_excitation + m]))
