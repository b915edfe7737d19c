import numpy as np
import pytest

from batchenv import BatchEnv, UsageError, load_config
from batchenv.build import control_law, load_configured_body
from batchenv.engine.problems import Problems
from batchenv.evaluate.coordinator_plot import comparison_png
from batchenv.evaluate.coordinators import BINS, compare_coordinators, walking_states


@pytest.fixture(scope="module")
def comparison():
    return compare_coordinators(load_config("walk_muscle_nn"), num_envs=4, steps=12, num_threads=2)


def test_both_make_the_torques_of_walking_nearly(comparison):
    optimal, network = (comparison.coordinators[name] for name in ("static_optimization", "network"))
    hips_to_ankles = [j for j, name in enumerate(comparison.joint_names) if not name.startswith("mtp")]
    assert comparison.states == 4 * 12 * 10
    for made, bound in ((optimal, 20.0), (network, 40.0)):
        assert (made.rms[hips_to_ankles] < bound).all() and (made.rms > 0.1).all()
        assert (made.p95 > 0.1).all() and (made.p95 <= made.rms / np.sqrt(0.05)).all()  # Chebyshev's bound
        assert 0.003 < made.effort < 0.15 and 0.5 < made.microseconds < 200.0
    assert np.nanmax(np.abs(comparison.asked)) > 40.0


def test_curves_are_means_over_the_cycle(comparison):
    made = comparison.coordinators["static_optimization"]
    assert comparison.asked.shape == made.torque.shape == (BINS, 14) and made.activation.shape == (BINS, 80)
    seen = np.isfinite(comparison.asked[:, 0])
    assert seen.sum() > BINS / 2
    assert np.abs(made.torque[seen] - comparison.asked[seen]).mean() < 5.0
    assert ((made.activation[seen] >= 0) & (made.activation[seen] <= 1)).all()


def test_states_are_those_at_the_beginning_of_each_substep():
    config = load_config("walk").replace(
        {
            "environment.muscle.coordinator": "network",
            "environment.muscle.network.keep_samples": True,
            "environment.muscle.network.hidden": [8],
        }
    )
    with BatchEnv(config, 3, 1, seed=0) as env:
        states = walking_states(env, Problems(env.body, env.worlds.law, 1), None, 2)
        chosen, samples = env.worlds.coordinator._substep, env.muscle_samples()
        for i in range(3):
            substep = 10 + chosen[i]
            assert states.jta[substep, i] == pytest.approx(samples.jta_reduced[i])
            assert states.torque[substep, i] == pytest.approx(samples.torque[i], abs=1e-3)
        phases = np.diff(states.phase, axis=0) % 1.0
        assert phases == pytest.approx(1 / 300 / 1.12, abs=1e-9)


def test_the_plot_is_a_png(comparison):
    pytest.importorskip("matplotlib")
    png = comparison_png(comparison)
    assert png.startswith(b"\x89PNG") and len(png) > 20_000


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(UsageError, match="no trained weights"):
        compare_coordinators(load_config("walk"))
    with pytest.raises(UsageError, match="actuator 'muscle' needs no coordinator"):
        compare_coordinators(load_config("excite"))


def test_the_shipped_network_fits_the_shipped_body():
    config = load_config("walk_muscle_nn")
    law = control_law(config, load_configured_body(config))
    assert law.network is not None and law.network.state is not None
    assert {str(value.dtype) for value in law.network.state.values()} == {"float16"}
