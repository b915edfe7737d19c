"""Compiled passes over all worlds before and after a step: what is cleared, and who diverged."""

import math

import numba


@numba.njit(cache=True)
def clear(rows, columns):
    """Set some columns (K,) of all rows (N, n) to zero."""
    for i in range(rows.shape[0]):
        for column in columns:
            rows[i, column] = 0.0


@numba.njit(cache=True)
def flag_diverged(warnings, counted, qpos, qvel, failed):
    """Flag worlds that MuJoCo has warned of since the last call, or whose state is not finite.

    Args:
        warnings: numbers of the warnings that tell of divergence (N, W).
        counted: their sums at the last call (N,), brought up to date.
        qpos, qvel: (N, nq), (N, nv).
        failed: out, only ever set (N,).

    Returns:
        Whether any world is flagged.
    """
    any_failed = False
    for i in range(failed.size):
        total = 0
        for w in range(warnings.shape[1]):
            total += warnings[i, w]
        checked = 0.0
        for k in range(qpos.shape[1]):
            checked += qpos[i, k]
        for k in range(qvel.shape[1]):
            checked += qvel[i, k]
        if total != counted[i] or not math.isfinite(checked):
            failed[i] = True
        counted[i] = total
        any_failed |= failed[i]
    return any_failed
