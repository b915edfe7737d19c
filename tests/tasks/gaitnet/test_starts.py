"""How parameters and first phases are drawn."""

import numpy as np
import pytest

from batchenv.config.gaitnet import GaitNetRange
from batchenv.config.gaitnet.parameters import TorsionRange
from batchenv.mdp.adaptive import AdaptiveRanges
from batchenv.tasks.gaitnet import starts

COUNT = 4000


def drawn(name: str, given: GaitNetRange) -> np.ndarray:
    """Many draws of one parameter."""
    u = np.random.default_rng(0).random((COUNT, 4))
    ranges = AdaptiveRanges.of([given])
    return starts.draw_parameters({name: given}, u, ranges, ranges.unknown(COUNT))[name]


@pytest.mark.parametrize(("sampling", "places"), [("ends", 2), ("grid", 5)])
def test_ends_and_grid_are_places_of_the_range_with_a_little_noise(sampling: str, places: int):
    found = drawn("stride", GaitNetRange(min=1.0, max=3.0, sampling=sampling))
    assert found.min() == 1.0 and found.max() == 3.0
    place = np.round((found - 1.0) / 2.0 * (places - 1))
    off = found - (1.0 + 2.0 * place / (places - 1))
    assert np.abs(off).max() < 6 * 0.025
    inside = (place > 0) & (place < places - 1)
    if inside.any():
        assert off[inside].std() == pytest.approx(0.025, rel=0.1)
    counts = np.unique(place, return_counts=True)[1]
    assert len(counts) == places and counts.min() > 0.85 * COUNT / places


def test_no_twist_is_drawn_twice_as_often_as_other_places_of_a_grid():
    found = drawn("torsion.FemurL", TorsionRange(min=-0.4, max=0.4, sampling="grid"))
    share = (np.abs(found) < 0.1).mean()
    assert share == pytest.approx(2 / 6, abs=0.03)


def test_where_a_range_has_no_default_the_usual_value_is_brought_into_it():
    assert drawn("skeleton.global", GaitNetRange(min=0.8, max=0.9, sampling="fixed"))[0] == 0.9
    assert drawn("torsion.FemurL", TorsionRange(min=-0.4, max=0.4, sampling="fixed"))[0] == 0.0
    assert drawn("stride", GaitNetRange(min=0.8, max=1.2, default=1.1, sampling="fixed"))[0] == 1.1


def test_episodes_of_imitation_begin_anywhere_or_at_the_beginning():
    u = np.random.default_rng(1).random((COUNT, 2))
    anywhere = starts.draw_phase("deepmimic", u)
    assert anywhere.min() < 0.01 and anywhere.max() > 0.99 and abs(anywhere.mean() - 0.5) < 0.02
    assert (starts.draw_phase("scadiver", u) == 0.0).all()
    halves = starts.draw_phase("gaitnet", u)
    assert ((halves % 0.5 >= 0.02) & (halves % 0.5 <= 0.12)).all()
