"""Sections that list terms: lists and mappings, additions to a preset, and keys of earlier versions."""

import pytest

from batchenv import ConfigError, load_config

OLD = {
    "base": "torque",
    "environment": {
        "termination": {"max_tilt": 0.4, "min_height": None},
        "reset": {"joint_noise": 0.1},
        "observation": {"parameters": True},
    },
}


def test_a_term_is_added_to_those_of_a_preset_and_another_dropped():
    observed = {"observation": {"terms": {"heading": None, "parameters": {}}}}
    walk, changed = load_config("walk"), load_config({"base": "walk", "environment": observed})
    expected = [name for name in walk.environment.observation.terms if name != "heading"]
    assert list(changed.environment.observation.terms) == [*expected, "parameters"]


def test_without_a_preset_the_list_is_the_whole_list():
    environment = {"reward": {"pose": {"weight": 1.0}}, "observation": {"terms": ["phase", "joint_pos"]}}
    config = load_config({"environment": environment})
    assert config.environment.observation.terms == {"phase": {}, "joint_pos": {}}
    assert list(config.environment.termination.terms) == ["fallen", "tilted", "turned", "drifted"]


@pytest.mark.parametrize("terms", [["phase", "phase"], ["phase", 3], [], "phase", {"phase": 1}])
def test_what_is_no_list_of_terms_is_refused(terms):
    with pytest.raises(ConfigError, match="environment.observation.terms"):
        load_config({"base": "walk", "environment": {"observation": {"terms": terms}}})


def test_keys_of_earlier_versions_are_keywords_of_terms_now():
    environment = load_config(OLD).environment
    assert environment.termination.terms["tilted"] == {"max_tilt": 0.4}
    assert environment.events["start_on_reference"] == {"joint_noise": 0.1}
    assert list(environment.observation.terms)[-1] == "parameters"
    changed = load_config("walk").replace({"environment.termination.max_heading": 0.3})
    assert changed.environment.termination.terms["turned"] == {"max_heading": 0.3}
    assert changed.environment.termination.terms["fallen"] == {"min_height": 0.8}


def test_keys_of_no_version_are_refused():
    with pytest.raises(ConfigError, match="termination.max_tild"):
        load_config({"base": "walk", "environment": {"termination": {"max_tild": 1.0}}})
    with pytest.raises(ConfigError, match="environment.reset"):
        load_config({"base": "walk", "environment": {"reset": {"noise": 1.0}}})


def test_the_samples_of_a_muscle_network_have_another_key_now():
    changed = load_config({"base": "walk", "environment": {"muscle": {"network": {"tuples": True}}}})
    assert changed.environment.muscle.network.keep_samples


def test_keys_of_earlier_versions_are_kept_beside_a_list_of_terms():
    environment = {
        "termination": {"max_tilt": 0.4, "terms": ["fallen"]},
        "reset": {"joint_noise": 0.3},
        "events": ["push"],
    }
    found = load_config({"base": "walk", "environment": environment}).environment
    assert found.termination.terms == {"fallen": {}, "tilted": {"max_tilt": 0.4}}
    assert found.events == {"push": {}, "start_on_reference": {"joint_noise": 0.3}}


def test_parameters_are_observed_no_more_where_the_earlier_key_says_so():
    seen = load_config("walk").replace({"environment.observation.parameters": True})
    unseen = seen.replace({"environment.observation.parameters": False})
    assert list(seen.environment.observation.terms)[-1] == "parameters"
    assert unseen == load_config("walk")
