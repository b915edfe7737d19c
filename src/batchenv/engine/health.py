"""Compiled passes over all worlds: clear slots, find divergence, find worlds that moved without control."""

import math

import mujoco

from batchenv.compiled import compiled
from batchenv.engine.record import MAGIC_AT, SUBSTEP_AT

# MuJoCo's warnings from this one on tell of a state, or of controls, that are not to be trusted.
FIRST_FATAL = int(mujoco.mjtWarning.mjWARN_BADQPOS)
# In place of the number of a world.
NOBODY = -1


@compiled(allocates=False)
def clear(rows, columns):
    """Set some columns (K,) of all rows (N, n) to zero."""
    for i in range(rows.shape[0]):
        for column in columns:
            rows[i, column] = 0.0


@compiled(allocates=False)
def inspect(ids, warning, user, magic, substep, qpos, qvel, failed, mild):
    """Flag worlds that diverged since the last call, and find one that the control callback did not serve.

    MuJoCo resets a world that diverges within a step, and with it `userdata` and the numbers of its warnings
    but the one that tells of it. They are cleared here, so that every divergence is a first one.

    Args:
        ids: worlds that were stepped (n,).
        warning: MuJoCo's warnings, what they are about and how often they came (N, W, 2); cleared.
        user: rows of `userdata` (N, k).
        magic: what a row begins with that the callback serves.
        substep: what the kernel leaves where it counts substeps, once it came to its end in all of them.
        qpos, qvel: (N, nq), (N, nv).
        failed: out, only ever set (N,).
        mild: out, how often each warning came that does not tell of divergence (`FIRST_FATAL`,).

    Returns:
        Whether any world failed; whether `mild` has grown; and a world that did not fail, and was not
        served, or `NOBODY`.
    """
    any_failed, any_mild, neglected = False, False, NOBODY
    for i in ids:
        for w in range(warning.shape[1]):
            if warning[i, w, 1] != 0:
                if w < FIRST_FATAL:
                    mild[w] += warning[i, w, 1]
                    any_mild = True
                else:
                    failed[i] = True
                warning[i, w, 1] = 0
        checked = 0.0
        for k in range(qpos.shape[1]):
            checked += qpos[i, k]
        for k in range(qvel.shape[1]):
            checked += qvel[i, k]
        if not math.isfinite(checked):
            failed[i] = True
        if failed[i]:
            any_failed = True
        elif user[i, MAGIC_AT] != magic or user[i, SUBSTEP_AT] != substep:
            neglected = i
    return any_failed, any_mild, neglected
