"""An environment on Warp's CPU device beside the same one on MuJoCo and Numba.

MuJoCo Warp computes in float32. Both begin in the same state; what differs later is rounding and what
contacts make of it.
"""

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

from batchenv import BatchEnv, load_config
from tests.engine.warp.side_by_side import CHANGES, PRESETS, WORLDS, Run, run


@pytest.fixture(scope="module", params=PRESETS)
def runs(request: pytest.FixtureRequest) -> Iterator[tuple[Run, Run]]:
    config = load_config(request.param).replace(CHANGES | PRESETS[request.param])
    on_warp = config.replace({"environment.simulation.engine": "warp"})
    with (
        BatchEnv(config, WORLDS, 1, seed=0) as numba,
        BatchEnv(on_warp, WORLDS, seed=0, device="cpu") as warp,
    ):
        yield run(numba), run(warp)


def test_states_and_activations_stay_together_for_thirty_substeps(runs):
    numba, warp = runs
    assert len(numba.qpos) == len(warp.qpos) == 30
    np.testing.assert_allclose(warp.qpos, numba.qpos, rtol=0, atol=1e-5)
    np.testing.assert_allclose(warp.act, numba.act, rtol=0, atol=1e-4)
    np.testing.assert_allclose(warp.activation, numba.activation, rtol=0, atol=1e-4)


def test_rewards_ends_and_resets_are_the_same(runs):
    numba, warp = runs
    assert np.array_equal(warp.first, numba.first)  # drawn from the same streams, on the host
    np.testing.assert_allclose(warp.rewards, numba.rewards, rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        warp.obs, numba.obs, rtol=0, atol=1e-3
    )  # velocities [rad/s] and loads among them
    assert np.array_equal(warp.terminated, numba.terminated)
    assert np.array_equal(warp.truncated, numba.truncated)
    assert np.sum(numba.terminated) > 0 and np.sum(numba.truncated) == 1
    for ours, theirs in zip(warp.starts, numba.starts, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.slow
def test_after_a_hard_impact_activations_differ_by_the_states_alone():
    """Contacts turn float32 differences of positions into larger ones of velocities, which activations
    follow. Neither polynomial paths nor the solver is what differs."""
    config = load_config("walk").replace({"environment.muscle.paths": "polynomial"})
    on_warp = config.replace({"environment.simulation.engine": "warp"})
    by_mujoco = config.replace({"environment.simulation.constraints": "mujoco"})
    with BatchEnv(on_warp, WORLDS, seed=0, device="cpu") as env:
        warp = run(env, fall=2.0)
    with BatchEnv(config, WORLDS, 1, seed=0) as env:
        numba, one_substep = run(env, fall=2.0), run(env, fall=2.0, states=warp)
    with BatchEnv(by_mujoco, WORLDS, 1, seed=0) as env:
        solved_by_mujoco = run(env, fall=2.0)
    np.testing.assert_allclose(warp.qpos, numba.qpos, rtol=0, atol=1e-5)
    np.testing.assert_allclose(warp.activation, numba.activation, rtol=0, atol=2e-4)
    np.testing.assert_allclose(warp.qpos, one_substep.qpos, rtol=0, atol=2e-6)
    np.testing.assert_allclose(warp.activation, one_substep.activation, rtol=0, atol=3e-5)
    np.testing.assert_allclose(solved_by_mujoco.activation, numba.activation, rtol=0, atol=1e-11)
