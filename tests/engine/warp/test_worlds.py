"""Worlds on Warp's CPU device, by themselves."""

import numpy as np
import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

from batchenv.body import Body
from batchenv.engine import ControlLaw, NetworkSpec, Worlds
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


def test_a_cascade_of_networks_gives_the_activations_of_numba(body):
    gains = body.default_gains(KP, None)
    plain = Worlds(body, ControlLaw("mass", *gains, network=NetworkSpec((24,), seed=1)), 2, 3, 1)
    spec = NetworkSpec((40, 16), base=plain.coordinator.network.state(), weight=0.5, seed=2)
    law = ControlLaw("mass", *gains, network=spec)
    both = Worlds(body, law, 2, 3, 1), WarpWorlds(body, law, 2, 3, "cpu")
    for seed in (2, 3):  # the second step runs as a graph, with parameters loaded since
        for each in both:
            state = {name: value * seed for name, value in each.coordinator.network.state().items()}
            each.coordinator.network.load(state)
            stand(each)
            each.step()
        numba, warp = both
        assert 0.0 < numba.slot("activation").mean() < 1.0
        np.testing.assert_allclose(warp.slot("activation"), numba.slot("activation"), rtol=0, atol=1e-4)
        np.testing.assert_allclose(warp.qpos, numba.qpos, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("actuator", "law"),
    [
        ("muscle", {}),
        (
            "mass",
            {
                "activation_dynamics": False,
                "inference_per_sim": 2,
                "torque_weight": np.linspace(0.5, 2.0, 14),
            },
        ),
    ],
)
def test_other_laws_move_worlds_as_numba_does(body, actuator, law):
    law = ControlLaw(actuator, *body.default_gains(KP, None), **law)
    both = Worlds(body, law, 2, 3, 1), WarpWorlds(body, law, 2, 3, "cpu")
    for each in both:
        stand(each)
        each.set_targets(np.full_like(each.slot("excitation" if actuator == "muscle" else "target"), 0.2))
        each.step()
    numba, warp = both
    np.testing.assert_allclose(warp.qpos, numba.qpos, rtol=0, atol=1e-5)
    np.testing.assert_allclose(warp.act, numba.act, rtol=0, atol=1e-4)
    for name, tolerance in {"effort_sum": 1e-5, "achieved_sum": 0.05, "foot_load_sum": 0.5}.items():
        np.testing.assert_allclose(warp.slot(name), numba.slot(name), rtol=0, atol=tolerance)


def test_targets_move_through_a_step_as_with_numba(body):
    law = ControlLaw("mass", *body.default_gains(KP, None))
    both = Worlds(body, law, 2, 3, 1), WarpWorlds(body, law, 2, 3, "cpu")
    for each in both:
        stand(each)
        each.set_targets(*(np.full((2, 14), value) for value in (0.2, 1.0, 40.0, -2.0)))
        each.step()
    numba, warp = both
    assert numba.slot("target_ramp").any() and numba.slot("target_acceleration").any()
    np.testing.assert_allclose(warp.slot("desired"), numba.slot("desired"), rtol=0, atol=0.05)
    np.testing.assert_allclose(warp.qpos, numba.qpos, rtol=0, atol=1e-5)
