"""KEY=VALUE on a command line is read as a configuration's file is."""

import doctest

import pytest

import batchenv.config.changes
from batchenv import BatchEnvError, load_config
from batchenv.config import parse_changes


def test_values_are_those_of_a_configuration_file():
    changes = parse_changes(
        ["environment.episode.max_seconds=2e1", " environment.skeleton.kv = null", "training.hidden=[64, 64]"]
    )
    config = load_config("walk").replace(changes)
    assert config.environment.episode.max_seconds == 20.0 and config.training.hidden == (64, 64)
    assert config.environment.skeleton.kv is None


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["sim_hz"], "--set sim_hz: expected KEY=VALUE"),
        (["=3"], "--set =3: expected KEY=VALUE"),
        (["training.steps="], "--set training.steps=: the value is missing"),
        (["training.steps=[1"], "--set training.steps=[1 is not YAML: line 1"),
        (["training.steps=!!python/name:os.system x"], "has no tags such as !!python/name:os.system"),
        (["training.steps=1", "training.steps=2"], "training.steps is changed twice; give it once"),
        (["training.steps={a: 1, a: 2}"], "a appears twice"),
        (["training.steps=" + "[" * 99], "nested deeper than 30 levels"),
    ],
)
def test_what_is_no_change_is_refused(pairs: list[str], message: str):
    with pytest.raises(BatchEnvError) as error:
        parse_changes(pairs)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("training.stps=3", "training.stps = 3: there is no such key. Did you mean 'steps'?"),
        ("training.settling.after_stps=3", "there is no such key. Did you mean 'after_steps'?"),
        ("training.steps=a=b", "training.steps = 'a=b': give a whole number."),
        ("training.steps=1,5", "training.steps = '1,5': give a whole number."),
        ("training.steps.=5", "'training.steps.' is no path of a key"),
    ],
)
def test_a_change_that_no_configuration_takes_is_refused_by_its_key(pair: str, message: str):
    with pytest.raises(BatchEnvError) as error:
        load_config("walk").replace(parse_changes([pair]))
    assert message in str(error.value)


@pytest.mark.parametrize("written", ["1e6", "1_000_000", "1.0e+6", "1000000.0"])
def test_whole_numbers_may_be_written_as_floats(written: str):
    training = load_config("walk").replace(parse_changes([f"training.steps={written}"])).training
    assert training.steps == 1_000_000 and isinstance(training.steps, int)
    text = f"base: walk\ntraining: {{steps: {written}, checkpoint_iterations: 1e1}}"
    assert load_config(text).training.steps == 1_000_000
    assert load_config(text).training.checkpoint_iterations == 10


@pytest.mark.parametrize("written", ["1.5", "1e-3", "1.0000001e6"])
def test_a_fraction_is_no_whole_number(written: str):
    with pytest.raises(BatchEnvError, match="training.steps = .*: give a whole number"):
        load_config("walk").replace(parse_changes([f"training.steps={written}"]))


@pytest.mark.parametrize("pair", ["base=walk", "base=null", "base.environment=1"])
def test_a_base_is_no_change(pair: str):
    with pytest.raises(BatchEnvError, match="a base is merged when a configuration is loaded"):
        load_config("torque").replace(parse_changes([pair]))


def test_examples_in_docstrings_run():
    assert doctest.testmod(batchenv.config.changes).failed == 0
