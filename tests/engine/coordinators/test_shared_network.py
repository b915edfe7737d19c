import numpy as np
import pytest

from tests.engine.small_worlds import build, stand, targets


def test_a_sample_is_the_problem_that_the_network_was_given(small):
    worlds = build(small, 2)
    stand(worlds)
    worlds.set_targets(targets(worlds, 0))
    worlds.choose_samples(np.array([0.0, 0.99]))
    seen = []
    worlds.step(lambda: seen.append(worlds.slot("activation").copy()))
    samples, coordinator = worlds.coordinator.samples, worlds.coordinator
    given = coordinator.activations(samples.jta_reduced.astype(float), samples.torque.astype(float))
    # The sample is in single precision, as are the sums of the network.
    assert given[0] == pytest.approx(seen[0][0], abs=1e-5)
    assert given[1] == pytest.approx(seen[-1][1], abs=1e-5)
    joint = small.paths.related_dof - 6
    assert np.array_equal(samples.jta[:, joint, small.paths.related_muscle], samples.jta_reduced)


def test_the_network_may_run_in_every_fourth_substep(small):
    worlds, seen = build(small, 1, inference_per_sim=4), []
    stand(worlds)
    worlds.set_targets(targets(worlds, 0))
    worlds.step(lambda: seen.append(worlds.slot("activation").copy()))
    assert len(np.unique(np.array(seen)[:, 0], axis=0)) == 2
