"""Masses that a body wears: they move no centre of mass, and weaken no muscle."""

from pathlib import Path

import numpy as np
import pytest

from batchenv.body import Body, load_body
from batchenv.errors import BodyError
from tests.body.small_bodies import biped
from tests.body.test_held import MUSCLES


def loaded(folder: Path, text: str, **worn: float) -> Body:
    (folder / "body.xml").write_text(text)
    return load_body(str(folder / "body.xml"), timestep=1 / 300, worn=worn)


def test_masses_lie_at_the_centres_of_segments_on_both_sides(tmp_path: Path):
    bare, worn = loaded(tmp_path, biped()), loaded(tmp_path, biped(), calcn=0.5, thigh_r=0.2, chest=1.0)
    added = {"calcn_r": 0.5, "calcn_l": 0.5, "thigh_r": 0.2, "chest": 1.0}
    for i in range(bare.model.nbody):
        name = bare.model.body(i).name
        assert worn.model.body_mass[i] - bare.model.body_mass[i] == pytest.approx(added.get(name, 0.0))
    np.testing.assert_allclose(worn.model.body_ipos, bare.model.body_ipos, atol=1e-12)
    np.testing.assert_allclose(worn.model.body_inertia, bare.model.body_inertia, rtol=1e-9)
    assert worn.worn_mass == pytest.approx(2.2) and bare.worn_mass == 0.0
    assert worn.mass == pytest.approx(bare.mass + 2.2)


def test_muscles_whose_strength_follows_from_inertia_keep_it(tmp_path: Path):
    bare, worn = loaded(tmp_path, MUSCLES), loaded(tmp_path, MUSCLES, arm=2.0)
    strength = bare.model.actuator_gainprm[:, 3] / bare.model.actuator_acc0
    assert (bare.model.actuator_gainprm[:, 2] < 0.0).all()
    np.testing.assert_allclose(worn.model.actuator_gainprm[:, 2], strength)
    np.testing.assert_allclose(worn.model.actuator_lengthrange, bare.model.actuator_lengthrange)


def test_a_segment_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(BodyError, match=r"adds mass to 'tight', which is no segment .*Did you mean 'thigh'"):
        loaded(tmp_path, biped(), tight=1.0)
