"""Text that is no YAML, no mapping or no configuration is refused with the line."""

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from batchenv.config import PRESETS
from batchenv.config.yaml_text import dump_yaml, parse_value, parse_yaml
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
        ("b:\n  c: 1\n  d: 2\n  c: 3\n", "the YAML text, line 4: b.c appears twice, first in line 2"),
        ("{a: 1, a: 2}", "the YAML text, line 1: a appears twice, first in line 1"),
        ("a: [{b: 1, b: 2}]", "the YAML text, line 1: a.b appears twice, first in line 1"),
        ("a: &a {b: *a}", "the YAML text, line 1: a.b contains itself"),
        ("? [1]\n: 2\n", "the YAML text, line 1: a key is text, not a list or a mapping"),
        ("1: 2\n", "1: is refused as a key: keys are text."),
        ("a: !!python/name:os.system x\n", "a configuration has no tags such as !!python/name:os.system"),
        ("a: !!timestamp x\n", "line 1, column 4: a configuration has no tags such as !!timestamp"),
        ("a: !!int ''\n", "a configuration has no tags such as !!int"),
        ("a: 2020-99-99\n", "a = '2020-99-99': there is no such key"),
        (
            "a: {" * 5000,
            "the YAML text cannot be read: line 1, column 117: it is nested deeper than 30 levels",
        ),
        ("[" * 50_000 + "\n", "it is nested deeper than 30 levels"),
        ("- 1\n" * 5000, "line 5000, column 3: it has more than 5,000 values"),
        (f"a: {'x' * 10**6}", "the YAML text has 1,000,003 characters; a configuration has at most 100,000"),
        (f"a: {'9' * 5000}", "9999999999... is a whole number of 5000 digits; give a smaller one"),
        (f"a: 0x{'f' * 5000}", "is a whole number of 5002 digits"),
        ("a: &a 1\nb: &a 2\n", "line 2, column 4: an anchor has the name of one before it"),
        ("a: *b\n", "line 1, column 4: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: but found another document"),
        ("environment:\ntraining:\n", "environment = null: give a mapping of keys to values"),
    ],
)
def test_text_that_is_no_configuration_is_refused(text: str, message: str):
    assert message in problems(text)


def test_aliases_that_write_out_to_more_than_any_configuration_are_refused():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    assert "line 5: a4 has more than 100,000 characters with its aliases written out" in problems(
        "\n".join(lines)
    )
    merged = ["a0: &a0 {k: 1}"]
    merged += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 30)]
    assert "characters with its aliases written out" in problems("\n".join(merged))


def test_a_few_aliases_are_what_they_stand_for():
    text = "x: &a {weight: 1}\ny: {<<: *a, scale: 2}\nz: [*a, *a]\n"
    assert parse_yaml(text, "it") == {
        "x": {"weight": 1},
        "y": {"weight": 1, "scale": 2},
        "z": [{"weight": 1}, {"weight": 1}],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.5e3", 1500.0),
        ("-.5", -0.5),
        (".5e1", 5.0),
        ("4_000_000", 4_000_000),
        ("0x1F", 31),
        ("-0", 0),
        ("+7", 7),
        ("010", "010"),
        ("1:30", "1:30"),
        ("0o17", "0o17"),
        ("2001-01-01", "2001-01-01"),
        ("1,5", "1,5"),
        ("1e400", float("inf")),
        ("yes", True),
        ("~", None),
        ("'1'", "1"),
    ],
)
def test_a_number_is_read_as_people_write_it_and_what_is_ambiguous_is_text(text: str, value: Any):
    found = parse_value(text, "it")
    assert found == value and type(found) is type(value)


@given(st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text() | st.booleans() | st.none())
@example("010")
@example("1e3")
@example("1:30")
@example("2001-01-01")
@example(1e16)
@example(5e-324)
def test_a_value_written_is_read_as_the_same(value: Any):
    found = parse_yaml(dump_yaml({"a": value}), "it")["a"]
    assert found == value and type(found) is type(value)


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
