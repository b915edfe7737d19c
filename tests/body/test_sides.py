"""Whether the two sides of a body are alike, and what is refused where they are not."""

from pathlib import Path

import pytest

from batchenv import ConfigError, load_config
from batchenv.body import Body, load_body
from batchenv.body.sides import unlike_sides
from batchenv.build import check_scene
from tests.body.small_bodies import biped

HALF = {"min": 0.25, "max": 1.0, "default": 0.5}


def loaded(folder: Path, text: str, **options: object) -> Body:
    (folder / "body.xml").write_text(text)
    return load_body(str(folder / "body.xml"), timestep=1 / 300, **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("scale", [{}, {"all": 0.8}, {"thigh": 0.9}, {"thigh_r": 1.1, "thigh_l": 1.1}])
def test_what_is_changed_on_both_sides_is_alike(tmp_path: Path, scale: dict[str, float]):
    assert unlike_sides(loaded(tmp_path, biped(), scale=scale, worn={"calcn": 1.0})) is None


def test_the_legs_of_myo_sim_are_alike(body: Body):
    assert unlike_sides(body) is None


def test_segments_of_other_mass_are_named(tmp_path: Path):
    short = loaded(tmp_path, biped(), scale={"thigh_l": 0.9})
    one, other = (short.model.body(f"thigh_{side}").mass[0] for side in "lr")
    found = f"the mass of thigh_l is {one:.3g} kg, and of thigh_r {other:.3g} kg"
    assert unlike_sides(short) == found
    assert "mass of calcn_l" in (unlike_sides(loaded(tmp_path, biped(), worn={"calcn_r": 0.1})) or "")


def test_segments_that_are_further_away_are_named(tmp_path: Path):
    text = biped().replace('name="thigh_l" pos="0 .1 0"', 'name="thigh_l" pos="0 .12 0"')
    found = unlike_sides(loaded(tmp_path, text))
    assert found == "the distance from its parent of thigh_l is 0.12 m, and of thigh_r 0.1 m"


def test_a_joint_of_one_side_alone_is_named(tmp_path: Path):
    text = biped().replace('<joint name="knee_angle_l" axis="0 1 0" range="0 2"/>', "")
    assert unlike_sides(loaded(tmp_path, text)) == "joint knee_angle_r has no twin on the other side"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"environment.skeleton.scale": {"thigh_l": 0.9}}, "the mass of femur_l"),
        (
            {
                "environment.devices": {
                    "exo": {"joints": ["ankle_angle"], "torque": [[0, 0], [50, 1]], "mass": {"tibia_r": 1}}
                }
            },
            "the mass of tibia_l",
        ),
        (
            {"environment.parameters": {"muscle": {"strength": {"soleus_r": HALF}}}},
            r"environment\.parameters\.muscle\.strength\.soleus_r is of one side",
        ),
    ],
)
def test_mirror_images_of_unlike_sides_are_refused(changes: dict[str, object], named: str):
    config = load_config("walk").replace(changes)
    with pytest.raises(
        ConfigError, match=rf"training\.symmetry is true, but {named}.*set training\.symmetry"
    ):
        check_scene(config)
    check_scene(config.replace({"training.symmetry": False}))


def test_parameters_of_one_side_are_learned_in_the_mirror_where_policies_observe_them():
    both = {"soleus_r": HALF, "soleus_l": HALF}
    for strength, terms in (({"soleus_r": HALF}, {"parameters": {}}), (both, {})):
        changes = {"environment.parameters": {"muscle": {"strength": strength}}}
        config = load_config("walk").replace(changes)
        seen = {name: {} for name in config.environment.observation.terms} | terms
        check_scene(config.replace({"environment.observation.terms": seen}))
