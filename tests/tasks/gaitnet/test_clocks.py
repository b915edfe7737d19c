"""The two clocks of a world, by hand and against those of GaitNet's own program."""

import numpy as np
import pytest

from batchenv.tasks.gaitnet.clocks import CLIPPING, HARD_CLIPPING, SOFT_CLIPPING, in_mirror, run_clocks
from tests.gaitnet_files import oracle

SUBSTEPS, DT, CYCLE = 8, 1 / 480, 1.1


@pytest.mark.parametrize("clipping", ["hard", "none"])
def test_clocks_advance_and_keep_the_same_cycle_only_if_clipped(clipping: str):
    global_time, local_time = np.full(2, CYCLE - 4 * DT), np.array([CYCLE - 10 * DT, CYCLE - 1.5 * DT])
    log, mirrored, cycle = np.zeros((2, SUBSTEPS)), np.zeros((2, SUBSTEPS + 1)), np.full(2, CYCLE)
    clocks = np.zeros(2, np.int64), global_time, local_time
    run_clocks(np.array([0.0, 0.5]), cycle, DT, CLIPPING[clipping], *clocks, log, mirrored)
    whole = CYCLE + (SUBSTEPS - 4) * DT
    assert global_time == pytest.approx([whole, whole])
    free = [CYCLE + (SUBSTEPS - 10) * DT, CYCLE + (1.5 * SUBSTEPS - 1.5) * DT]
    if clipping == "none":
        assert local_time == pytest.approx(free)
    else:  # the late one leaps to the global clock, the early one waits for it at the border
        assert log[1, :3] == pytest.approx([CYCLE] * 3)
        assert local_time[0] == pytest.approx(whole)
        assert CYCLE < local_time[1] < free[1]
    assert np.array_equal(log[:, -1], local_time)


@pytest.mark.parametrize("clipping", ["hard", "none"])
def test_world_is_in_the_mirror_in_the_second_half_of_its_cycle_by_the_clock_that_counts(clipping: str):
    global_time, local_time = np.array([0.2, 0.7, 2.4, 2.6]) * CYCLE, np.array([0.7, 0.2, 2.6, 2.4]) * CYCLE
    by_global = np.array([False, True, False, True])
    expected = by_global if clipping == "hard" else ~by_global
    cycle = np.full(4, CYCLE)
    assert np.array_equal(in_mirror(global_time, local_time, cycle, CLIPPING[clipping]), expected)


def test_the_mirror_is_told_before_each_substep_and_after_the_last():
    """The middle of the cycle is passed in the third substep."""
    global_time = np.array([0.5 * CYCLE - 2.5 * DT])
    log, mirrored = np.zeros((1, SUBSTEPS)), np.zeros((1, SUBSTEPS + 1))
    clocks = np.zeros(1, np.int64), global_time, global_time.copy()
    run_clocks(np.zeros(1), np.array([CYCLE]), DT, HARD_CLIPPING, *clocks, log, mirrored)
    assert mirrored[0].tolist() == [0.0] * 3 + [1.0] * (SUBSTEPS - 2)


@pytest.mark.parametrize("episode", ["ep0", "ep1"])
def test_clocks_and_mirror_equal_those_of_an_episode(episode: str):
    stored = {
        name: oracle()[f"{episode}_{name}"] for name in ("global_time", "local_time", "mirror", "action")
    }
    cadence = oracle()[f"{episode}_param_state"][0, 1]
    global_time, local_time = (stored[name][:-1].astype(float) for name in ("global_time", "local_time"))
    n = global_time.size
    cycle = np.full(n, float(oracle()["s_cycle_time"]) / cadence)
    found = in_mirror(global_time, local_time, cycle, HARD_CLIPPING)
    assert np.array_equal(found, stored["mirror"][:-1] > 0)
    warp = np.maximum(0.001 * stored["action"][:, 50].astype(float), -1 / 30)
    log, mirrored = np.zeros((n, 16)), np.zeros((n, 17))
    clocks = np.zeros(n, np.int64), global_time, local_time
    run_clocks(warp, cycle, DT, HARD_CLIPPING, *clocks, log, mirrored)
    assert global_time == pytest.approx(stored["global_time"][1:], abs=1e-12)
    assert local_time == pytest.approx(stored["local_time"][1:], abs=1e-12)
    assert np.array_equal(mirrored[:, :16], oracle()[f"{episode}_mirror_sub"])
    assert np.array_equal(mirrored[:, 16], stored["mirror"][1:])


def test_soft_clipping_sets_the_global_clock_to_the_local_one_every_half_cycle():
    global_time, local_time = np.array([0.49 * CYCLE]), np.array([0.5 * CYCLE - 2.5 * DT])
    halves, log, mirrored = np.zeros(1, np.int64), np.zeros((1, SUBSTEPS)), np.zeros((1, SUBSTEPS + 1))
    late = global_time[0] - local_time[0]
    run_clocks(
        np.zeros(1), np.array([CYCLE]), DT, SOFT_CLIPPING, halves, global_time, local_time, log, mirrored
    )
    assert late != pytest.approx(0.0) and halves[0] == 1
    assert (
        global_time[0] == pytest.approx(local_time[0]) == pytest.approx(0.5 * CYCLE + (SUBSTEPS - 2.5) * DT)
    )
    assert mirrored[0].tolist() == [0.0] * 3 + [1.0] * (SUBSTEPS - 2)
