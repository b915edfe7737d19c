"""The exception tree and the hint at the nearest name."""

import doctest

import pytest

from batchenv import errors


def test_every_exception_of_the_module_is_a_batchenv_error():
    classes = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert len(classes) >= 6
    assert all(issubclass(kind, errors.BatchEnvError) for kind in classes)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.ConfigError, ValueError),
        (errors.BodyError, ValueError),
        (errors.InputError, ValueError),
        (errors.UsageError, RuntimeError),
        (errors.CheckpointError, RuntimeError),
    ],
)
def test_errors_are_caught_as_the_builtin_they_refine(kind: type[Exception], builtin: type[Exception]):
    with pytest.raises(builtin, match="offender"):
        raise kind("offender")


def test_nearest_names_the_closest_candidate_or_nothing():
    assert errors.nearest("mucsle", ["mass", "muscle", "pd"]) == " Did you mean 'muscle'?"
    assert errors.nearest("zzz", ["mass", "muscle", "pd"]) == ""
    assert errors.nearest("mass", []) == ""


def test_examples_in_docstrings_run():
    result = doctest.testmod(errors)
    assert result.attempted > 0
    assert result.failed == 0
