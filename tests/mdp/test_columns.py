"""Columns of terms: names and mirrors that cannot be are refused before any step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, action_term, event_term, load_config, observation_term
from batchenv.mdp.columns import Columns, Mirror, column_problem, columns, scalar, vector

TWO = ("a", "b")


@pytest.mark.parametrize(
    "found", [vector(None), scalar(None), columns()(None), columns(*TWO, twin=(1, 0))(None)]
)
def test_columns_whose_image_in_two_mirrors_is_the_original_are_taken(found: Columns):
    assert column_problem(found) is None
    rows = np.arange(1.0, len(found.parts) + 1.0)
    assert np.array_equal(found.mirror(found.mirror(rows)), rows)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (columns(*TWO, sign=(1,))(None), "2 columns, and its mirror 1 signs"),
        (columns(*TWO, sign=(1, 2))(None), "signs in its mirror are [1.0, 2.0]; expected 1 or -1"),
        (columns(*TWO, sign=(1, np.nan))(None), "signs in its mirror are [1.0, nan]"),
        (columns(*TWO, sign=(1, -1), twin=(1, 0))(None), "expected 1 or -1, the same for both twins"),
        (columns(*TWO, twin=(0,))(None), "2 columns, and its mirror 1 twins"),
        (columns(*TWO, twin=(0, 5))(None), "[0, 5]; expected numbers of columns from 0 to 1"),
        (columns(*TWO, twin=(0, -1))(None), "[0, -1]; expected numbers of columns from 0 to 1"),
        (columns(*TWO, twin=(0, 1.0))(None), "expected numbers of columns from 0 to 1"),  # pyright: ignore[reportArgumentType]
        (columns(*TWO, twin=(0, 0))(None), "expected each column to be the twin of its twin"),
        (columns("a", "b", "c", twin=(1, 2, 0))(None), "expected each column to be the twin of its twin"),
        (columns(1, 2)(None), "names and units of its columns are (1, 2); expected text"),  # pyright: ignore[reportArgumentType]
        (Columns(TWO, vector(None).mirror), "2 columns, and its mirror 3 twins"),
        (Columns(TWO, columns(*TWO)(None).mirror, ("m",)), "2 columns and 1 units"),
        (Columns(TWO, Mirror(np.arange(2), np.ones(2), (7,))), "phases in its mirror are [7]"),
        (None, "its columns are None; expected some of batchenv.mdp.columns"),
    ],
)
def test_columns_that_cannot_be_are_described(found: Any, message: str):
    assert message in str(column_problem(found))


@pytest.mark.parametrize(
    ("decorate", "message"),
    [
        (
            lambda: observation_term("a"),
            r"@observation_term\('a'\): expected columns of batchenv.mdp.columns",
        ),  # pyright: ignore[reportArgumentType]
        (lambda: action_term(("a", "b")), r"@action_term\(\('a', 'b'\)\): expected columns"),  # pyright: ignore[reportArgumentType]
        (lambda: observation_term(scalar, 3), "unit is 3 and prefix None; expected text"),  # pyright: ignore[reportArgumentType]
        (lambda: event_term("rest"), r"@event_term\('rest'\): expected @event_term\(\"reset\"\)"),  # pyright: ignore[reportArgumentType]
        (lambda: event_term(len), "@event_term.*: expected"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_a_decorator_refuses_arguments_of_another_kind(decorate: Any, message: str):
    with pytest.raises(ConfigError, match=message):
        decorate()


def observing(folder: Path, decorator: str, body: str = "root_pos[:, :2]") -> Any:
    """The preset torque with an observation of a user's own."""
    (folder / "own.py").write_text(
        "from batchenv import observation_term\nfrom batchenv.mdp.columns import columns\n"
        f"@observation_term({decorator})\ndef own(root_pos):\n    return {body}\n"
    )
    return load_config("torque").replace({f"environment.observation.terms.{folder}/own.py:own": {}})


@pytest.mark.parametrize(
    ("decorator", "message"),
    [
        ("columns('a', 'a')", "own.py:own: another column is called 'own/a', too"),
        (
            "columns('forward', 'b'), prefix='root_linvel'",
            "another column is called 'root_linvel/forward', too",
        ),
        ("columns('a', 'b', twin=(1, 1))", "own.py:own: twins in its mirror"),
        ("lambda task: task.nothing", "own.py:own: its columns raised AttributeError"),
    ],
)
def test_columns_are_checked_when_the_task_is_composed(tmp_path: Path, decorator: str, message: str):
    with pytest.raises(ConfigError, match=message):
        BatchEnv(observing(tmp_path, decorator), 1, 1)
