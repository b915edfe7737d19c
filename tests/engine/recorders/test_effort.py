import numpy as np
import pytest

from batchenv.tasks.gaitnet.law import gaitnet_records
from tests.engine import walking_worlds
from tests.engine.small_worlds import SUBSTEPS, build, stand


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("power", [1, 2])
def test_the_cost_of_activations_is_summed_over_substeps(small, power, weighted):
    records = gaitnet_records(small, small.paths.mass if weighted else None, power)
    worlds = build(small, 1, actuator="muscle", records=records)
    stand(worlds)
    activation = np.linspace(-0.5, 1.5, 6)
    worlds.set_targets(activation[None])
    worlds.step()
    weight = small.paths.mass if weighted else 1.0
    expected = (weight * np.clip(activation, 0, 1) ** power).sum()
    assert worlds.slot("effort_sum")[0] / SUBSTEPS == pytest.approx(expected, rel=1e-12)


def test_sums_are_of_the_last_step_alone(body):
    worlds = walking_worlds.build(body, 1, "muscle", activation_dynamics=True)
    walking_worlds.stand(worlds)
    worlds.set_targets(np.ones((1, 80)))
    for _ in range(5):
        worlds.step()
    mean_square = worlds.slot("effort_sum") / walking_worlds.SUBSTEPS
    assert mean_square[0] == pytest.approx(1.0, abs=0.02)
    worlds.set_targets(np.zeros((1, 80)))
    for _ in range(12):
        worlds.step()
    assert worlds.slot("effort_sum")[0] / walking_worlds.SUBSTEPS < 0.01
