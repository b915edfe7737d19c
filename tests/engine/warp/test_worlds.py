"""Worlds on Warp's CPU device, by themselves."""

import numpy as np
import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

from batchenv.body import Body
from batchenv.engine import ControlLaw
from batchenv.engine.warp.worlds import WarpWorlds
from tests.engine.walking_worlds import KP, stand


@pytest.fixture(scope="module")
def worlds(body: Body) -> WarpWorlds[Body]:
    return WarpWorlds(body, ControlLaw("mass", *body.default_gains(KP, None)), 2, 3, "cpu")


def test_a_graph_of_substeps_repeats_the_bits_of_single_ones(worlds):
    stand(worlds)
    start = worlds.snapshot()
    moved = []
    for watch in (None, None, lambda: None):  # one after another, captured as a graph, and watched
        worlds.restore(start)
        worlds.step(watch)
        moved.append(worlds.snapshot().state)
    assert not np.array_equal(moved[0], start.state)
    assert np.array_equal(moved[0], moved[1])
    assert np.array_equal(moved[0], moved[2])


def test_a_world_fails_alone(worlds):
    stand(worlds)
    start = worlds.snapshot()
    worlds.step()
    sound = worlds.qpos[1].copy()
    worlds.restore(start)
    worlds.qvel[0] = 1e15
    worlds.step()
    assert worlds.failed.tolist() == [True, False]
    assert np.array_equal(worlds.qpos[0], worlds.model.qpos0)
    assert np.array_equal(worlds.qpos[1], sound)


def test_worlds_that_are_not_stepped_keep_their_state(worlds):
    stand(worlds)
    before = worlds.snapshot().state
    worlds.step(ids=np.array([1]))
    after = worlds.snapshot().state
    cleared = 1 + worlds.model.nq  # time and positions
    assert np.array_equal(after[0, :cleared], before[0, :cleared])
    assert not np.array_equal(after[1, :cleared], before[1, :cleared])
