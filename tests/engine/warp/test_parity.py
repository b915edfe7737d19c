"""An environment on Warp's CPU device beside the same one on MuJoCo and Numba.

MuJoCo Warp computes in float32. Both begin in the same state; what differs later is rounding and what
contacts make of it.
"""

import numpy as np
import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

from batchenv import BatchEnv, load_config
from tests.engine.warp.side_by_side import PRESETS, WORLDS, Run, check_results, check_states, run, run_both


@pytest.fixture(scope="module", params=PRESETS)
def runs(request: pytest.FixtureRequest) -> tuple[Run, Run]:
    return run_both(request.param, "cpu")


def test_states_and_activations_stay_together_for_thirty_substeps(runs):
    check_states(*runs)


def test_rewards_ends_and_resets_are_the_same(runs):
    check_results(*runs)


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
