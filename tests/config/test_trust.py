"""Python files that a configuration names are run only where somebody vouched for them."""

import pickle
from pathlib import Path

import gymnasium
import pytest

from batchenv import BatchEnv, BatchEnvError, ConfigError, Env, VectorEnv, load_config
from batchenv.cli import main
from batchenv.distributed.runner import MakeBatchEnv
from batchenv.evaluate.walker import load_walker
from batchenv.learn.policy import POLICY_FILE
from tests.evaluate.untrained import save_run, untrained

SENTENCE = "the code in terms.py would run, and a configuration may come from anybody"
TEXT = """
base: walk
environment: {reward: {"terms.py:calm": {weight: 1.0, scale: 2}}}
training: {num_envs: 2, num_steps_per_env: 4, mini_batches: 1}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a configuration and the code that it names."""
    (tmp_path / "terms.py").write_text(
        "from pathlib import Path\n"
        "from batchenv import reward_term\n"
        "(Path(__file__).parent / 'ran').touch()\n\n"
        "@reward_term\n"
        "def calm(root_angvel, *, scale: float = 1.0):\n"
        "    return scale * root_angvel[:, 0] ** 2\n"
    )
    (tmp_path / "config.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(folder: Path) -> bool:
    """Whether the code has run since this was last asked."""
    mark = folder / "ran"
    there = mark.exists()
    mark.unlink(missing_ok=True)
    return there


@pytest.mark.parametrize(
    "words",
    [
        ("check", "config.yaml"),
        ("train", "config.yaml", "--steps", "8", "--out", "run"),
        ("train", "config.yaml", "--env-runners", "1", "--steps", "8", "--out", "run"),
        ("bench", "config.yaml"),
        ("bench", "config.yaml", "--adapters"),
        ("pretrain-muscles", "config.yaml", "--minutes", "0.01"),
        ("compare-coordinators", "config.yaml"),
    ],
)
def test_no_command_runs_the_code_of_a_configuration_unasked(folder: Path, words: tuple[str, ...]):
    with pytest.raises(SystemExit) as stop:
        main([*words])
    assert SENTENCE in str(stop.value) and "add --trust" in str(stop.value)
    assert not ran(folder) and {file.name for file in folder.iterdir()} == {"terms.py", "config.yaml"}


def test_check_says_what_else_is_wrong_beside_the_code(folder: Path):
    (folder / "config.yaml").write_text(TEXT.replace("num_envs: 2", "num_envs: 0"))
    with pytest.raises(SystemExit) as stop:
        main(["check", "config.yaml"])
    assert SENTENCE in str(stop.value) and "training.num_envs = 0" in str(stop.value)


def test_check_runs_the_code_of_whom_it_is_told_to_trust(folder: Path, capsys: pytest.CaptureFixture[str]):
    main(["check", "config.yaml", "--trust"])
    assert ran(folder) and f"{folder}/terms.py:calm" in capsys.readouterr().out
    (folder / "config.yaml").write_text(TEXT.replace("scale: 2", "scale: true"))
    with pytest.raises(SystemExit, match="calm.scale = true: give a number"):
        main(["check", "config.yaml", "--trust"])


@pytest.fixture
def run_directory(folder: Path) -> Path:
    """A run of somebody's: a policy of the preset walk, and a configuration that names code."""
    run = save_run(untrained(), folder / "run")
    (run / "config.yaml").write_text(TEXT)
    (run / "terms.py").write_text((folder / "terms.py").read_text())
    return run


@pytest.mark.parametrize(
    "words",
    [
        ("play", "run", "--video", "v.gif"),
        ("evaluate", "run", "--out", "r"),
        ("rollout", "run", "--out", "r.h5"),
        ("compare-coordinators", "--policy", "run"),
    ],
)
def test_no_command_runs_the_code_of_a_run_directory_unasked(run_directory: Path, words: tuple[str, ...]):
    with pytest.raises(SystemExit) as stop:
        main([*words])
    assert SENTENCE in str(stop.value)
    assert not ran(run_directory)


def test_a_walker_is_trusted_only_where_the_call_says_so(run_directory: Path):
    assert (run_directory / POLICY_FILE).is_file()
    with pytest.raises(ConfigError, match=SENTENCE):
        load_walker(run_directory)
    assert not ran(run_directory)
    walker = load_walker(run_directory, trust=True)
    with walker.worlds(1, 1.0, 1) as env:
        assert "calm" in env.reward_terms
    assert ran(run_directory)


def test_a_call_that_names_a_configuration_trusts_it_unless_it_says_otherwise(folder: Path):
    for source in (
        TEXT,
        "config.yaml",
        folder / "config.yaml",
        {"environment": {"reward": {"terms.py:calm": {"weight": 1}}}},
    ):
        config = load_config(source)
        assert config.trusted and f"{folder}/terms.py:calm" in config.environment.reward
        for build in (load_config, lambda given, trust: BatchEnv(given, 1, 1, trust=trust)):
            with pytest.raises(ConfigError, match="code in .*terms.py would run"):
                build(source, trust=False)
            with pytest.raises(ConfigError, match="code in .*terms.py would run"):
                build(config, trust=False)
    assert not ran(folder)  # not even by the configuration that was trusted: no worlds were built


def test_gymnasium_s_environments_take_the_same_argument(folder: Path):
    for build in (Env, lambda **given: VectorEnv(num_threads=1, **given)):
        with pytest.raises(ConfigError, match=SENTENCE):
            build(config="config.yaml", trust=False)
        with pytest.raises(ConfigError, match=SENTENCE):
            build(config="walk", trust=False, environment={"reward": {"terms.py:calm": {"weight": 1}}})
    with pytest.raises(ConfigError, match=SENTENCE):
        gymnasium.make("batchenv/Walk-v0", config="config.yaml", trust=False)
    assert not ran(folder)
    env = gymnasium.make("batchenv/Walk-v0", config="config.yaml")
    env.reset(seed=0)
    assert "calm" in env.step(env.action_space.sample())[-1]["reward_terms"] and ran(folder)
    env.close()


def test_what_is_not_trusted_cannot_be_changed_into_what_names_code(folder: Path):
    change = {"environment.reward.terms.py:calm": {"weight": 1.0}}
    assert load_config("walk").replace(change).trusted
    careful = load_config("walk", trust=False)
    with pytest.raises(ConfigError, match=SENTENCE):
        careful.replace(change)
    assert not careful.replace({"training.steps": 3}).trusted


def test_trust_goes_to_the_processes_of_runners_with_the_configuration(folder: Path):
    make = pickle.loads(pickle.dumps(MakeBatchEnv(load_config("config.yaml"))))
    with make(0, 1, 1) as env:
        assert "calm" in env.reward_terms
    assert not pickle.loads(pickle.dumps(load_config("walk", trust=False))).trusted


@pytest.mark.parametrize("trust", ["no", 1, None])
def test_trust_is_true_or_false(trust: object):
    with pytest.raises(BatchEnvError, match="trust = .*: give True or False"):
        load_config("walk", trust=trust)  # pyright: ignore[reportArgumentType]


def test_a_run_that_is_gone_on_with_has_to_be_trusted_again(folder: Path):
    main(["train", "config.yaml", "--steps", "8", "--threads", "1", "--out", "run", "--trust"])
    assert ran(folder)
    with pytest.raises(SystemExit, match="terms.py would run"):
        main(["train", "--resume", "run", "--steps", "16"])
    assert not ran(folder)


def test_code_is_run_from_its_source_and_leaves_nothing_beside_it(folder: Path):
    with BatchEnv("config.yaml", 1, 1, seed=0) as env:
        env.reset()
        env.step([[0.0] * 14])
    assert not (folder / "__pycache__").exists()
