import numpy as np
import pytest

from batchenv.body.uneven_floor import HEIGHT_STEP, KINDS, PERIOD, height_level, relief


@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_uses_its_height_and_is_level_where_walkers_start(kind):
    heights = relief(kind)
    assert (heights.min(), heights.max()) == (0.0, 1.0)
    assert heights.mean() == pytest.approx(0.5, abs=0.05)
    reach = round(0.65 / (PERIOD / len(heights)))
    assert (heights[:reach, 0] == 0.5).all() and (heights[0, -reach:] == 0.5).all()
    assert (heights == 0.5).mean() < 0.05


def test_steps_are_level_and_bumps_are_not():
    across = {kind: np.diff(relief(kind), axis=1) for kind in KINDS}
    assert (across["steps"] == 0.0).mean() > 0.9 and (across["bumps"] == 0.0).mean() < 0.05


def test_heights_are_rounded_to_the_fields_that_there_are():
    assert height_level(np.array([0.0, 0.4 * HEIGHT_STEP, 0.03, 0.04])).tolist() == [0, 0, 12, 16]
