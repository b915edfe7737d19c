"""Files that a configuration names are found, or it is said where they were looked for."""

from pathlib import Path

import pytest

import batchenv.config
from batchenv.config import load_config, resolve_path
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
    assert (
        f"environment.muscle.network.file = '{tmp_path}/net.npz': there is no file {tmp_path}/net.npz."
        in message
    )
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
    file.write_bytes(b"\xff\xfe\x00")
    assert f"{file} is not UTF-8 text" in problems(file)
