"""Files that a configuration names are found, or it is said where they were looked for."""

import os
from pathlib import Path
from typing import Any

import pytest

import batchenv.config
from batchenv.config import load_config, resolve_path
from batchenv.errors import ConfigError
from tests.config.helpers import TERM, minimal, problems


@pytest.fixture
def no_data_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCHENV_DATA", raising=False)


def test_a_file_that_is_not_there_is_refused_with_where_it_was_looked_for(
    tmp_path: Path, no_data_variable: None
):
    message = problems(
        minimal(
            skeleton={"file": "body.xml"},
            motion={"file": "@data/ref_gait_myosuite.csv"},
            muscle={"network": {"file": str(tmp_path / "net.npz")}},
            reward={"mine.py:term": TERM},
        ),
        data_root=tmp_path,
    )
    assert f"there is no file {Path.cwd() / 'body.xml'}" in message
    assert (
        f"no data directory has ref_gait_myosuite.csv (looked in {resolve_path('@data/SOURCES.md').parent}, "
        in message
    )
    assert f"{tmp_path}). Did you mean 'ref_gait_myosuite_sym.csv'?" in message
    assert "environment.muscle.network.file = '" in message  # followed by the end of a long path
    assert f"there is no file {tmp_path}/net.npz." in message
    assert f"there is no file {Path.cwd() / 'mine.py'}" in message


def test_relative_paths_start_from_the_yaml_file_and_become_absolute(tmp_path: Path):
    (tmp_path / "body.xml").touch()
    (tmp_path / "mine.py").touch()
    file = tmp_path / "my.yaml"
    file.write_text(
        "environment: {skeleton: {file: body.xml}, reward: {'./mine.py:term': {weight: 1, k: 2}}}"
    )
    config = load_config(str(file))
    assert config.environment.skeleton.file == str(tmp_path / "body.xml")
    assert list(config.environment.reward) == [f"{tmp_path}/mine.py:term"]
    assert config.environment.reward[f"{tmp_path}/mine.py:term"].arguments == {"k": 2}
    assert config.resolve_path("mine.py") == tmp_path / "mine.py"
    assert load_config(config.to_yaml()) == config


def test_one_reward_term_under_two_names_is_refused(tmp_path: Path):
    (tmp_path / "mine.py").touch()
    reward = {f"{tmp_path}/mine.py:term": TERM, f"{tmp_path}/./mine.py:term": TERM}
    assert "two keys name the same file and function" in problems(minimal(reward=reward))


def test_data_is_looked_for_in_the_package_then_the_root_then_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    roots = tmp_path / "root", tmp_path / "variable"
    for root in roots:
        root.mkdir()
        (root / "human_emg_onoff.csv").touch()
        (root / "both.csv").touch()
    (roots[1] / "variable_only.csv").touch()
    monkeypatch.setenv("BATCHENV_DATA", str(roots[1]))
    find = lambda name: resolve_path(f"@data/{name}", data_root=roots[0]).parent  # noqa: E731
    assert find("human_emg_onoff.csv") == Path(batchenv.config.__file__).parent.parent / "data"
    assert find("both.csv") == roots[0]
    assert find("variable_only.csv") == roots[1]


def test_data_found_only_under_the_root_is_absolute_and_other_data_stays_as_written(tmp_path: Path):
    (tmp_path / "gait.csv").touch()
    config = load_config(minimal(motion={"file": "@data/gait.csv"}), data_root=tmp_path)
    assert config.environment.motion.file == str(tmp_path / "gait.csv")
    assert load_config("walk").environment.motion.file == "@data/ref_gait_myosuite_sym.csv"


def test_a_data_root_or_yaml_file_that_is_not_there_is_refused(tmp_path: Path):
    assert "data_root = '/nowhere': there is no such directory" in problems("walk", data_root="/nowhere")
    assert f"'{tmp_path}' is neither a file nor a preset." in problems(tmp_path)
    assert "'nowhere.yaml' is neither a file nor a preset." in problems("nowhere.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"base: walk\n# caf\xe9\n")
    assert f"{file} is not UTF-8 text: line 2 has the byte 0xe9; save it as UTF-8" in problems(file)
    file.write_bytes("base: walk".encode("utf-16"))
    assert f"{file} is not UTF-8 text: line 1 has the byte 0xff" in problems(file)
    file.write_bytes(b"base: walk\n\0")
    assert "line 2: the character '\\x00' cannot stand in YAML" in problems(file)
    file.write_bytes(b"#" * 1_000_000)
    assert f"{file} has more than 400,000 bytes" in problems(file)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfbase: walk\r\ntraining:\r\n  steps: 7\r\n")
    assert load_config(file).training.steps == 7


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "is neither a file nor a preset" in problems(tmp_path / "pipe.yaml")
    assert "there is no file /dev/zero" in problems(minimal(motion={"file": "/dev/zero"}))
    assert "there is no file" in problems(minimal(motion={"file": "a\0b"}))
    assert "there is no file" in problems(minimal(motion={"file": "x" * 5000}))
    assert "there is no file" in (
        message := problems({"base": "walk", "environment": {"motion": {"file": "\udc80"}}})
    )
    assert "\\udc80" in message


class _Path:
    def __init__(self, path: Any):
        self.path = path

    def __fspath__(self) -> Any:
        if self.path is None:
            raise RuntimeError
        return self.path


@pytest.mark.parametrize("root", [[], {}, 3, True, b"/", _Path(b"/"), _Path(None)])
def test_a_data_root_of_another_type_is_refused(root: Any):
    assert "data_root = " in (message := problems("walk", data_root=root))
    assert "give the path of a directory" in message


@pytest.mark.parametrize("root", ["", "a\0b", "x" * 5000])
def test_a_data_root_that_no_directory_can_have_is_refused(root: str):
    assert "there is no such directory" in problems("walk", data_root=root)


@pytest.mark.parametrize("source", [_Path(b"/"), _Path(None), _Path("a\0b")])
def test_a_path_that_is_none_is_refused(source: Any):
    assert "is neither a file nor a preset" in problems(source)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration in one directory, and the working directory beside it; both have all files."""
    for folder in ("file", "here"):
        (tmp_path / folder).mkdir()
        for name in ("gait.csv", "net.npz", "body.xml", "terms.py"):
            (tmp_path / folder / name).touch()
    (tmp_path / "file" / "my.yaml").write_text("base: walk\nenvironment: {motion: {file: gait.csv}}\n")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("motion.file", "gait.csv", lambda environment: environment.motion.file),
        ("muscle.network.file", "./net.npz", lambda environment: environment.muscle.network.file),
        ("skeleton.file", "../here/body.xml", lambda environment: environment.skeleton.file),
        ("reward.terms.py:f", TERM, lambda environment: [*environment.reward][-1].partition(":")[0]),
    ],
)
@pytest.mark.parametrize("source", ["walk", "../file/my.yaml", "base: walk"])
def test_a_relative_path_in_a_change_starts_in_the_working_directory(
    elsewhere: Path, source: str, key: str, value: Any, found: Any
):
    changed = load_config(source).replace({f"environment.{key}": value})
    path = Path(found(changed.environment))
    assert path.is_absolute() and path.parent == elsewhere / "here"
    again = changed.replace({"training.steps": 3})
    assert found(again.environment) == found(changed.environment)


def test_a_cascade_s_base_in_a_change_starts_in_the_working_directory(elsewhere: Path):
    network = {"cascaded": True, "base_file": "net.npz"}
    changed = load_config("walk_muscle_nn").replace({"environment.muscle.network": network})
    assert changed.environment.muscle.network.base_file == str(elsewhere / "here" / "net.npz")


def test_relative_paths_of_a_file_stay_those_of_the_file_whatever_is_changed(elsewhere: Path):
    config = load_config("../file/my.yaml")
    for each in (config, config.replace({"training.steps": 3})):
        assert each.environment.motion.file == str(elsewhere / "file" / "gait.csv")


def test_a_relative_data_root_starts_in_the_working_directory(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, no_data_variable: None
):
    for config in (
        load_config("base: walk\nenvironment: {motion: {file: '@data/gait.csv'}}", "."),
        load_config("walk", ".").replace({"environment.motion.file": "@data/gait.csv"}),
    ):
        assert config.environment.motion.file == str(elsewhere / "here" / "gait.csv")


def test_a_working_directory_that_is_gone_is_named(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    message = "'gait.csv' starts in the working directory, which was deleted"
    with pytest.raises(ConfigError, match=message):
        load_config("walk").replace({"environment.motion.file": "gait.csv"})
    assert load_config("walk").environment.motion.file
