"""Values of NumPy and Torch, paths and enumerations are taken for what they say."""

import enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from batchenv import load_config
from batchenv.config.plain import plain
from batchenv.errors import ConfigError
from tests.config.helpers import minimal, problems


class Rate(enum.IntEnum):
    FAST = 600


class Kind(enum.StrEnum):
    IDEAL = "pd"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("walk"), "walk"),
        (np.array(2), 2),
        (np.array([64, 32]), [64, 32]),
        (torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
        (torch.tensor([1, 2]), [1, 2]),
        (Rate.FAST, 600),
        (Kind.IDEAL, "pd"),
        (Path("a/b"), "a/b"),
        ((1, (2,)), [1, [2]]),
        ({"a": {"b": np.int32(1)}}, {"a": {"b": 1}}),
        (None, None),
    ],
)
def test_a_value_is_taken_as_python_s_own(given: Any, value: Any):
    found = plain(given)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "value", [np.timedelta64(3, "ns"), np.datetime64(3, "ns"), np.array([3], "m8[ns]"), np.ma.masked]
)
def test_lengths_of_time_and_masked_values_are_no_numbers(value: Any):
    kind = type(value).__name__
    with pytest.raises(ConfigError, match=f"max_seconds = a value of the type {kind}: give a number"):
        load_config("walk").replace({"environment.episode.max_seconds": value})


def test_such_values_mean_what_they_say_in_a_configuration():
    config = load_config("walk").replace(
        {
            "environment.ground.friction": np.float32(0.5),
            "environment.simulation.sim_hz": Rate.FAST,
            "training.hidden": np.array([64, 32]),
            "training.symmetry": np.bool_(False),
        }
    )
    assert config.environment.ground.friction == 0.5 and config.training.hidden == (64, 32)
    assert config.environment.simulation.sim_hz == 600 and config.training.symmetry is False
    assert load_config(config.to_yaml()) == config


def test_what_contains_itself_or_has_too_many_parts_is_refused():
    loop: dict[str, Any] = {}
    loop["environment"] = loop
    assert "nested deeper than 30 levels, or contains itself" in problems(loop)
    assert "a value has 5,001 parts; no configuration has so many" in problems({"a": [0] * 5001})
    huge = {**minimal(), "training": {"hidden": np.zeros(10**6, int)}}
    assert "a value has 1,000,000 parts; no configuration has so many" in problems(huge)


@pytest.mark.parametrize("changes", [None, [], "training.steps=3", {3: 1}, {"": 1}, {"training.": 1}])
def test_changes_that_are_no_mapping_of_paths_are_refused(changes: Any):
    with pytest.raises(ConfigError, match="give a mapping of dotted paths|is no path of a key"):
        load_config("walk").replace(changes)
