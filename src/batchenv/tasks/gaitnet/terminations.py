"""When GaitNet's walker has failed."""

import numpy as np

from batchenv.mdp.marks import termination_term

Array = np.ndarray

# Fallen below this height of the centre of mass above the ground [m].
FALLEN = 0.6
# More than this in a knee ends an episode [kN] that is older than so many steps, where loads end episodes.
PAINFUL_LOAD, PAIN_FREE_STEPS = 8.0, 100


@termination_term
def fallen(com: Array, ratio: Array, *, height: float, ground: float) -> Array:
    """Whether the centre of mass is below a height [m] above the ground (n,), less for smaller bodies."""
    return com[:, 1] < ground + height * ratio


@termination_term
def overloaded(knee_peak: Array, episode_step: Array) -> Array:
    """Whether the load on a knee was too large (n,)."""
    return (knee_peak > PAINFUL_LOAD) & (episode_step > PAIN_FREE_STEPS)
