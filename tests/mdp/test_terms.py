"""Reward terms of a user's own: what they are given, what they may return, and what YAML may set."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, BatchEnvError, ConfigError, InputError, load_config
from batchenv.mdp.quantities import Quantities
from batchenv.mdp.terms import check_finite
from tests.mdp.test_rewards import OF_WALK, on_the_reference, resolved, term_of


def written(folder: Path, body: str, head: str = "", name: str = "own.py") -> str:
    """The key of a term `own` in a file with this body."""
    text = (
        f"import numpy as np\nfrom typing import *\nfrom batchenv import reward_term\n{head}\n@reward_term\n"
    )
    (folder / name).write_text(f"{text}{body}\n")
    return f"{folder / name}:own"


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchEnv]:
    """Three worlds after a step, in which all quantities are measured."""
    torques = "desired_torque, achieved_torque, residual_torque"
    key = written(tmp_path_factory.mktemp("terms"), f"def own({torques}):\n    return desired_torque[:, 0]")
    changes = {
        f"environment.reward.{key}": {"weight": 0.0},
        "environment.commands.walking_velocity": {"speed": [0.0, 2.0]},
    }
    with BatchEnv(load_config("walk").replace(changes), 3, 1, seed=0) as env:
        env.reset()
        env.step(np.zeros((3, env.action_dim)))
        yield env


@pytest.fixture
def quantities(env: BatchEnv) -> Quantities:
    return env.task.quantities(env._batch)


def rewarded(task: Any, quantities: Quantities, key: str, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Values that a term has in the task (N,), checked as a step checks them."""
    monkeypatch.setattr(task, "reward_terms", resolved({key: {}}))
    monkeypatch.setattr(task, "_weights", np.ones((1, 1), np.float32))
    rows, out = np.zeros((1, 3), np.float32), np.zeros(3, np.float32)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        task.compute_rewards(quantities, rows, out)
    check_finite(out, rows, ("own",))
    return out


@pytest.mark.parametrize("quantity", OF_WALK)
def test_a_term_cannot_write_into_a_quantity(tmp_path: Path, quantities: Quantities, quantity: str):
    term = term_of(written(tmp_path, f"def own({quantity}):\n    {quantity}[...] = 0.0"))
    with pytest.raises(InputError, match=r"'own' raised ValueError: .*read-only.*copy first"):
        term(quantities)


def test_no_quantity_shares_memory_with_the_state_of_the_task_or_the_worlds(
    env: BatchEnv, quantities: Quantities
):
    kept = [
        *vars(env._state).values(),
        *vars(env._episodes).values(),
        *vars(env._commands).values(),
        env.worlds.qpos,
        env.worlds.qvel,
        env.worlds.bind("userdata"),
    ]
    kept += [env.task.gait.table, env.task.gait.tracked]
    for name, array in quantities.items():
        assert not array.flags.writeable, name
        assert not any(np.shares_memory(array, other) for other in kept), name


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("np.full(len(phase), np.nan)", "'own' is nan in world 0; expected a finite number"),
        ("np.where(np.arange(len(phase)) == 2, np.inf, phase)", "'own' is inf in world 2"),
        ("-1e300 * np.ones(len(phase))", "'own' is -inf in world 0; expected a finite number that float32"),
        ("np.exp(1e4 + phase)", "'own' is inf in world 0"),
        ("phase / (0 * phase)", "'own' is (inf|nan) in world 0"),
        ("phase[:, None]", r"'own' returned shape \(3, 1\), expected one value for each world, \(3,\)"),
        ("phase.mean()", r"'own' returned shape \(\), expected"),
        ("1.0", "'own' returned a float, expected"),
        ("None", "'own' returned a NoneType, expected"),
        ("list(phase)", "'own' returned a list, expected"),
        ("phase * 1j", "'own' returned values of dtype complex128, expected real numbers"),
        ("phase.astype(object)", "'own' returned values of dtype object, expected real numbers"),
        ("phase.astype(str)", "'own' returned values of dtype <U"),
        ("phase[7]", "'own' raised IndexError: index 7 is out of bounds"),
    ],
)
def test_a_term_that_returns_no_finite_number_for_each_world_is_named(
    tmp_path: Path,
    env: BatchEnv,
    quantities: Quantities,
    monkeypatch: pytest.MonkeyPatch,
    value: str,
    message: str,
):
    key = written(tmp_path, f"def own(phase):\n    return {value}")
    with pytest.raises(InputError, match=message):
        rewarded(env.task, quantities, key, monkeypatch)


def test_a_step_names_the_term_that_returns_nan(tmp_path: Path):
    key = written(tmp_path, "def own(phase):\n    return np.where(np.arange(len(phase)) == 1, np.nan, phase)")
    config = load_config("walk").replace({f"environment.reward.{key}": {"weight": 0.0}})
    with BatchEnv(config, 2, 1, seed=0) as env:
        env.reset()
        with pytest.raises(InputError, match="reward term 'own' is nan in world 1"):
            env.step(np.zeros((2, env.action_dim)))


def test_truth_values_are_numbers(
    tmp_path: Path, env: BatchEnv, quantities: Quantities, monkeypatch: pytest.MonkeyPatch
):
    key = written(tmp_path, "def own(phase):\n    return phase >= 0.0")
    assert np.array_equal(rewarded(env.task, quantities, key, monkeypatch), np.ones(3))


def test_rewards_that_overflow_in_their_sum_are_refused():
    rows = np.array([[3e38, 1.0], [3e38, 1.0]], np.float32)
    check_finite(np.ones(2), rows, ("a", "b"))
    with pytest.raises(InputError, match="the reward of world 0 is inf: its weighted terms overflow float32"):
        check_finite(np.array([np.inf, 1.0]), rows, ("a", "b"))


@pytest.mark.parametrize("value", ["fast", True, -1.0, 1e300, 2**62, "1.0"])
def test_a_keyword_of_a_shipped_term_is_checked_before_any_step(value: Any):
    with pytest.raises(ConfigError, match="environment.reward.pose.scale = .*: give a number"):
        term_of("pose", scale=value)


@pytest.mark.parametrize(
    ("parameter", "given", "message"),
    [
        ("k: int", 2.5, "own.k = 2.5: give a whole number."),
        ("k: float = 1.0", True, "own.k = true: give a number."),
        ("k=1.0", "x", "own.k = 'x': give a number."),
        ("k: bool", 1, "own.k = 1: give true or false."),
        ("k: str", 3, "own.k = 3: give text."),
        ("k: Literal['a', 'b'] = 'a'", "c", "own.k = 'c': give 'a' or 'b'."),
        ("k: float | None = None", "x", "own.k = 'x': give a number."),
    ],
)
def test_a_keyword_of_another_type_than_its_parameter_is_refused(
    tmp_path: Path, parameter: str, given: Any, message: str
):
    key = written(tmp_path, f"def own(phase, *, {parameter}):\n    return phase")
    with pytest.raises(ConfigError) as error:
        resolved({key: {"k": given}})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("parameter", "given", "head"),
    [
        ("k: float", 3, ""),
        ("k", "anything", ""),
        ("k: 'Unknown' = 0", 3, ""),
        ("k: Odd = None", 3, "class Odd: pass\n"),
        ("k: np.ndarray = None", 3, ""),
        ("k: 'float'", 3.0, ""),
    ],
)
def test_a_keyword_is_given_to_the_function(tmp_path: Path, parameter: str, given: Any, head: str):
    key = written(tmp_path, f"def own(phase, *, {parameter}):\n    return phase + 0.5", head)
    (term,) = resolved({key: {"k": given}})
    assert term.keywords == {"k": given} and term(on_the_reference()).shape == (5,)


def test_two_terms_of_one_name_are_refused(tmp_path: Path):
    keys = [written(tmp_path, "def own(phase):\n    return phase", name=name) for name in ("a.py", "b.py")]
    with pytest.raises(ConfigError, match=r"a.py:own: another term is called 'own', too"):
        resolved({key: {} for key in keys})


def test_a_file_changed_within_a_second_is_read_anew(tmp_path: Path):
    for factor in (2.0, 3.0):
        key = written(tmp_path, f"def own(phase):\n    return {factor} + 0 * phase")
        term = term_of(key)
        assert np.array_equal(term(on_the_reference()), np.full(5, factor))
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"raise SystemExit(3)", "raised SystemExit: 3"),
        (b"x = '\xe9'", "raised SyntaxError"),
        (b"\0", "raised (SyntaxError|ValueError)"),
        (b"def (", "raised SyntaxError"),
        (b"import no_such_module", "raised ModuleNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_run_is_refused(tmp_path: Path, code: bytes, message: str):
    (tmp_path / "own.py").write_bytes(code)
    with pytest.raises(BatchEnvError, match=message):
        resolved({f"{tmp_path}/own.py:own": {}})
