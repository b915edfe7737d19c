"""Loads on the knees, from one step to the next."""

import numpy as np

Array = np.ndarray

KNEES = ("TibiaL", "TibiaR")


def follow_knees(
    load_log: Array, finished: Array, load: Array, peak: Array, cycled: Array, *, quirks: bool
) -> None:
    """Update the loads on the knees, in place.

    Args:
        load_log: forces in the knees in the substeps of a step (N, S, 2) [N].
        finished: whether a gait cycle was finished in this step (N,).
        load: mean over both knees, and over the substeps; of the last substep with `quirks` (N,) [kN].
        peak: largest force in either knee since the cycle began (N,) [kN].
        cycled: whether a cycle was finished in this episode (N,). With `quirks`, every substep then
            restarts the peak, because the original never clears the flag.
        quirks: whether to do as the original does.
    """
    cycled |= finished
    heard = load_log[:, -1:] if quirks else load_log
    load[:] = heard.mean(axis=(1, 2)) / 1000.0
    restarted = cycled if quirks else finished
    highest = np.where(restarted[:, None, None], heard, load_log).max(axis=(1, 2)) / 1000.0
    peak[:] = np.where(restarted, highest, np.maximum(peak, highest))
