"""Text that is no YAML, no mapping or no configuration is refused with the line."""

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from batchenv.config import PRESETS
from tests.config.helpers import problems


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the YAML text is empty; give a mapping"),
        ("# nothing\n", "the YAML text is empty; give a mapping"),
        ("- 1\n- 2\n", "the YAML text is a list; give a mapping"),
        ("[1, 2]", "the YAML text is a list; give a mapping"),
        ("42\n", "the YAML text is one value, 42; give a mapping"),
        ("environment:\n  a: b: c\n", "the YAML text is not YAML: line 2, column 7: mapping values are not"),
        ("a: 1\nb: \x00\n", "the YAML text is not YAML: line 2: the character '\\x00' cannot stand in YAML"),
        ("b:\n  c: 1\n  d: 2\n  c: 3\n", "the YAML text, line 4: b.c is said twice, first in line 2"),
        ("{a: 1, a: 2}", "the YAML text, line 1: a is said twice, first in line 1"),
        ("a: [{b: 1, b: 2}]", "the YAML text, line 1: a.b is said twice, first in line 1"),
        ("a: &a {b: *a}", "the YAML text, line 1: a.b contains itself"),
        ("? [1]\n: 2\n", "the YAML text, line 1: a key is text, not a list or a mapping"),
        ("1: 2\n", "1: not a key that can stand here: keys are text."),
        ("a: !!python/name:os.system x\n", "could not determine a constructor for the tag"),
        ("a: 2020-99-99\n", "the YAML text has a value that cannot be read: month must be in 1..12"),
        ("a: {" * 5000, "the YAML text is nested too deeply to be read"),
        ("environment:\ntraining:\n", "environment = null: give a mapping of keys to values"),
    ],
)
def test_text_that_is_no_configuration_is_refused(text: str, message: str):
    assert message in problems(text)


@pytest.mark.parametrize("source", [None, 3, b"walk", ["walk"]])
def test_a_source_of_another_kind_is_refused(source: Any):
    assert f"not a {type(source).__name__}" in problems(source)


@given(st.text())
@example("x" * 5000)
@example("a\0b")
@example("~nobody")
@example("~\0")
def test_no_text_raises_anything_but_a_config_error(text: str):
    assume(text not in PRESETS)
    problems(text)
