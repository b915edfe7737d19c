"""Where configurations come from, and how they are changed."""

import doctest
import re
from pathlib import Path
from typing import Any, get_args

import pydantic
import pytest

import batchenv.config
from batchenv.config import PRESETS, load_config
from batchenv.errors import ConfigError
from tests.config.helpers import sections


def test_presets_are_those_shipped():
    pathologies = {"crouch", "drop_foot", "weak_gluteus"}
    assert {"excite", "torque", "walk", "walk_gentle", "walk_muscle_nn"} | pathologies <= set(PRESETS)


def test_both_presets_of_the_whole_body_are_of_one():
    walker, tracker = (load_config(name).environment for name in ("full_body", "track_full_body"))
    assert walker.skeleton == tracker.skeleton and walker.muscle == tracker.muscle


def test_a_configuration_may_say_only_in_what_it_differs_from_a_preset():
    differing = load_config("base: walk\nenvironment: {skeleton: {kp: {knee_angle: 300}}}")
    assert differing == load_config("walk").replace({"environment.skeleton.kp.knee_angle": 300})
    with pytest.raises(ConfigError, match="base = 'wlak': is no preset. Did you mean 'walk'"):
        load_config("base: wlak\nenvironment: {}")


def test_a_preset_may_build_on_one_that_builds_on_another():
    economical, gentle, walk = (load_config(name) for name in ("walk_economical", "walk_gentle", "walk"))
    assert economical.environment.reward["effort"] == gentle.environment.reward["effort"]
    assert gentle.environment.reward["effort"] != walk.environment.reward["effort"]
    assert economical.environment.reward["ground_reaction"] != gentle.environment.reward["ground_reaction"]
    assert economical.environment.skeleton == walk.environment.skeleton


def over_walk(**environment: Any) -> dict[str, Any]:
    return {"base": "walk", "environment": environment}


def test_null_takes_a_key_out_of_the_base():
    walk = load_config("walk").environment
    changed = load_config(
        over_walk(
            skeleton={"kp": {"subtalar_angle": None}},
            reward={"impact": None, "pose": {"scale": None}},
            motion={"joint_scale": {"hip_rotation": None}},
            termination={"terms": {"fallen": {"min_height": None}, "drifted": None}},
        )
    ).environment
    assert changed.skeleton.kp == {
        joint: gain for joint, gain in dict(walk.skeleton.kp).items() if joint != "subtalar_angle"
    }
    assert changed.reward.keys() == walk.reward.keys() - {"impact"}
    assert changed.reward["pose"].arguments == {}
    assert changed.motion.joint_scale == {"hip_adduction": 0.4}
    assert walk.termination.terms["fallen"] == {"min_height": 0.8}
    assert changed.termination.terms == {
        "fallen": {},
        "tilted": {"max_tilt": 0.5},
        "turned": {"max_heading": 0.8},
    }


def test_null_keeps_its_meaning_where_it_is_a_value():
    network = {"base": "walk_muscle_nn", "environment": {"muscle": {"network": {"file": None}}}}
    assert load_config(network).environment.muscle.network.file is None
    assert load_config(over_walk(skeleton={"kv": None})).environment.skeleton.kv is None
    nullable = [
        field
        for _, model in sections()
        for field in model.model_fields.values()
        if type(None) in get_args(field.annotation)
    ]
    assert len(nullable) > 4
    assert all(field.default is None for field in nullable), "taking a key out must say the same as null"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"skeleton": {"kp": {"subtaler_angle": None}}},
            "skeleton.kp.subtaler_angle = null: the preset walk has no such key.*mean 'subtalar_angle'",
        ),
        (
            {"reward": {"inpact": None}},
            "reward.inpact = null: the preset walk has no .* Did you mean 'impact'",
        ),
        ({"motion": None}, "environment.motion = null: give a mapping"),
        ({"motions": None}, "environment.motions = null: there is no such key. Did you mean 'motion'"),
        (
            {"motions": {"file": None}},
            "environment.motions = .*: there is no such key. Did you mean 'motion'",
        ),
        ({"reward": {"pose": {"weight": None}}}, "environment.reward.pose.weight: is missing"),
    ],
)
def test_null_that_takes_nothing_out_is_refused(environment: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        load_config(over_walk(**environment))


def test_names_of_a_body_are_two_for_two_sides():
    names = {
        "feet": ["foot_right", "foot_left"],
        "sides": ["_right", "_left"],
        "joints": {"a": "b", "c": None},
    }
    config = load_config(over_walk(skeleton={"names": names}))
    assert config.environment.skeleton.names.feet == ("foot_right", "foot_left")
    assert load_config(config.to_yaml()) == config
    for wrong in (["a"], ["a", "a"], ["a", 1], "ab", ["a", "b", "c"], ["", "b"]):
        with pytest.raises(ConfigError, match="names.feet.*give two different names, right and left"):
            load_config(over_walk(skeleton={"names": {"feet": wrong}}))
    with pytest.raises(ConfigError, match="names.sides.*give two marks"):
        load_config(over_walk(skeleton={"names": {"sides": ["_r", "r"]}}))


@pytest.mark.parametrize(("preset", "actuator"), [("walk", "mass"), ("excite", "muscle"), ("torque", "pd")])
def test_a_preset_loads_by_name_and_as_text(preset: str, actuator: str):
    config = load_config(preset)
    assert config.environment.skeleton.actuator == actuator
    file = Path(batchenv.config.__file__).parent.parent / "presets" / f"{preset}.yaml"
    assert load_config(file.read_text()) == config
    assert load_config(file) == config


def test_excite_acts_on_the_muscles_without_a_reference():
    action = load_config("excite").environment.action
    assert (action.scale, action.residual) == (1.0, False)


def test_every_field_has_a_sentence_and_every_number_a_unit():
    for path, model in sections():
        for name, field in model.model_fields.items():
            description = field.description or ""
            assert description.endswith("."), f"{path}.{name}"
            kinds = {field.annotation, *get_args(field.annotation)}
            if kinds & {int, float}:
                assert re.search(r"\[[^\]]+\]", description), f"{path}.{name} has no unit"


def test_a_configuration_is_frozen():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        load_config("walk").training.steps = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_a_loaded_configuration_is_taken_as_it_is():
    config = load_config("walk")
    assert load_config(config) is config


@pytest.mark.parametrize("module", [batchenv.config.load, batchenv.config.paths])
def test_examples_in_docstrings_run(module: Any):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_replace_changes_values_by_path_and_leaves_the_original(tmp_path: Path):
    (tmp_path / "mine.py").touch()
    own = f"{tmp_path}/mine.py:term"
    walk = load_config("walk")
    changed = walk.replace(
        {
            "training.steps": 20_000,
            "environment.skeleton.kp.knee_angle": 300,
            "environment.reward.pose.weight": 2,
            f"environment.reward.{own}.weight": 3,
            "environment.parameters.body.mass.torso": {"min": 0.9, "max": 1.1, "default": 1},
        }
    )
    assert changed.training.steps == 20_000
    assert changed.environment.skeleton.kp == {
        **walk.model_dump()["environment"]["skeleton"]["kp"],
        "knee_angle": 300,
    }
    assert changed.environment.reward["pose"].weight == 2
    assert changed.environment.reward[own].weight == 3
    assert changed.replace({f"environment.reward.{own}.weight": 4}).environment.reward[own].weight == 4
    assert changed.environment.parameters.body.mass["torso"].max == 1.1
    assert walk == load_config("walk") != changed


def test_none_takes_out_a_key_as_null_does_in_a_file_with_a_base():
    walk = load_config("walk")
    changes = {
        "environment.reward.impact": None,
        "environment.skeleton.kp.mtp_angle": None,
        "environment.termination.terms.fallen": None,
        "training.desired_kl": None,
    }
    text = (
        "base: walk\nenvironment: {reward: {impact: null}, skeleton: {kp: {mtp_angle: null}}, "
        "termination: {terms: {fallen: null}}}\ntraining: {desired_kl: null}"
    )
    assert walk.replace(changes) == load_config(text) != walk
    for section in ("environment.motion", "training", "environment.reward.impakt"):
        with pytest.raises(ConfigError, match=f"{section} = null: give a mapping of keys to values"):
            walk.replace({section: None})


def test_replace_refuses_what_loading_refuses():
    with pytest.raises(ConfigError) as error:
        load_config("walk").replace({"training.stps": 1, "training.seed.x": 1})
    assert "training.stps = 1: there is no such key. Did you mean 'steps'?" in str(error.value)
    assert "training.seed = {'x': 1}: give a whole number." in str(error.value)
