"""Mistakes in terms of a user's own that once went unnoticed."""

from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, BatchEnvError, ConfigError, InputError, load_config
from batchenv.mdp.episodes import Episodes
from batchenv.mdp.quantities import Quantities

HEAD = "import numpy as np\nfrom batchenv import *\nfrom batchenv.mdp.columns import *\n"
WHERE = {
    "observation": "observation.terms.{}",
    "termination": "termination.terms.{}",
    "event": "events.{}",
}


def built(folder: Path, kind: str, code: str) -> BatchEnv:
    """Two worlds of the preset torque with a term `own`."""
    (folder / "own.py").write_text(f"{HEAD}{code}\n")
    key = f"{folder}/own.py:own"
    changes = {f"environment.{WHERE[kind].format(key)}": {}} if kind in WHERE else {}
    if kind == "reward":
        changes = {f"environment.reward.{key}": {"weight": 1.0}}
    if kind == "action":
        changes = {"environment.action.term": key}
    return BatchEnv(load_config("torque").replace(changes), 2, 1, seed=0)


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        (
            "observation",
            "def own(phase): return phase",
            r"own in .*own.py is no term \(decorate a function with",
        ),
        ("observation", "@observation_term\ndef own(phase): return phase", "is no term"),
        ("observation", "@reward_term\ndef own(phase): return phase", "is of the kind 'reward term'"),
        (
            "reward",
            "@reward_term\ndef own(phase, scale=1.0): return phase",
            r"after a star: def own\(\.\.\., \*, scale",
        ),
        ("reward", "@reward_term\ndef own(phase, *, weight=1.0): return phase", "has a keyword weight"),
        (
            "event",
            '@event_term("step")\ndef own(start): pass',
            "own.py:own: an event before every step has no 'start'",
        ),
        (
            "action",
            "@action_term(joints)\ndef own(action): return action",
            "own.scale: own has no such parameter",
        ),
    ],
)
def test_a_mistake_in_a_definition_is_found_when_the_task_is_composed(
    tmp_path: Path, kind: str, code: str, message: str
):
    with pytest.raises(ConfigError, match=message):
        built(tmp_path, kind, code)


@pytest.mark.parametrize(
    ("columns", "value", "message"),
    [
        ("vector", "root_pos[:, :2]", r"observation 'own' returned shape \(2, 2\), expected 3 columns"),
        ("scalar", "root_pos", r"'own' returned shape \(2, 3\), expected 1 columns"),
        ("scalar", "None", "'own' returned a NoneType"),
    ],
)
def test_an_observation_of_another_width_is_found_at_construction(
    tmp_path: Path, columns: str, value: str, message: str
):
    with pytest.raises(InputError, match=message):
        built(tmp_path, "observation", f"@observation_term({columns})\ndef own(root_pos): return {value}")


def test_an_observation_that_needs_an_episode_is_left_to_it(tmp_path: Path):
    code = "@observation_term()\ndef own(root_pos): return {0.0: None}.get(root_pos[0, 2], root_pos[:, 2])"
    with built(tmp_path, "observation", code.replace("None", "1 / 0 if root_pos[0, 2] == 0.0 else 1")) as env:
        assert np.isfinite(env.reset()).all()


def test_a_file_of_terms_is_run_once_in_a_construction(tmp_path: Path):
    log = tmp_path / "log"
    (tmp_path / "own.py").write_text(
        f"{HEAD}with open({str(log)!r}, 'a') as file: file.write('run ')\n"
        "@recorder()\ndef kept(out): out[0] += 1.0\n"
        "@reward_term\ndef gain(kept): return kept[:, 0]\n"
        "@termination_term\ndef end(kept): return kept[:, 0] > 1e9\n"
    )
    key = f"{tmp_path}/own.py"
    changes = {
        "environment.simulation.recorders": [f"{key}:kept"],
        f"environment.reward.{key}:gain": {"weight": 1.0},
        f"environment.termination.terms.{key}:end": {},
    }
    for times in (1, 2):
        with BatchEnv(load_config("torque").replace(changes), 2, 1, seed=0) as env:
            env.reset()
            env.step(np.zeros((2, env.action_dim)))
            assert (env.reward_terms["gain"] == env.worlds.substeps).all()
        assert log.read_text() == "run " * times


LATE = "np.where(episode_time > 0.05, np.nan, 1.0)"


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        (
            "termination",
            "@termination_term\ndef own(root_pos): return root_pos[:, 2]",
            "dtype float64, expected truth",
        ),
        (
            "observation",
            f"@observation_term()\ndef own(episode_time): return {LATE}",
            "observation 'own' is nan in world 0; expected a finite number",
        ),
        (
            "event",
            '@event_term("reset")\ndef own(start): start.phase[:] = 2.0',
            "start.phase 2; expected phases in",
        ),
        ("event", '@event_term("reset")\ndef own(start): start.qvel[:] = np.inf', "made start.qvel infinite"),
        (
            "event",
            '@event_term("reset")\ndef own(start): return start',
            "returned .*; expected it to change arrays",
        ),
        (
            "event",
            '@event_term("step")\ndef own(batch): batch.worlds.qvel[1] = np.nan',
            "made qvel of world 1 infinite",
        ),
        (
            "event",
            '@event_term("step")\ndef own(batch): batch.episodes.step[:] = 0',
            "'own' raised ValueError.*read-only",
        ),
        *(
            ("action", f"@action_term(joints)\ndef own(action, *, scale, residual): return {value}", message)
            for value, message in (
                ("action[:, :1]", r"action 'own' returned shape \(2, 1\), expected 14 columns"),
                ("action[0]", r"returned shape \(14,\), expected 14 columns"),
                ("None", "returned a NoneType, expected 14 columns"),
                ("action * 1j", "dtype complex128, expected real numbers"),
                ("action * np.nan", "action 'own' is infinite or not a number in world 0"),
            )
        ),
    ],
)
def test_a_mistake_in_what_a_term_does_is_named(tmp_path: Path, kind: str, code: str, message: str):
    with built(tmp_path, kind, code) as env, pytest.raises(BatchEnvError, match=message):
        env.reset()
        for _ in range(3):
            env.step(np.zeros((2, env.action_dim)))


def test_an_observation_that_is_wrong_fails_no_world(tmp_path: Path):
    with built(tmp_path, "observation", f"@observation_term()\ndef own(episode_time): return {LATE}") as env:
        env.reset()
        env.step(np.zeros((2, env.action_dim)))
        with pytest.raises(InputError, match="'own' is nan"):
            env.step(np.zeros((2, env.action_dim)))
        assert env.failures == 0


def test_views_of_episodes_are_read_only_and_live():
    episodes = Episodes.zeros(3, 2)
    seen = episodes.read_only()
    episodes.step += 4
    assert seen.step.tolist() == [4, 4, 4] and seen.copy().step.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        seen.step[:] = 0
    assert np.array_equal(seen.uniform(None, 3, 1), episodes.uniform(np.arange(3), 3, 1))


def test_a_quantity_that_raises_or_does_not_exist_is_named():
    functions = {
        "sway": lambda task, q: q["rot_pos"],
        "root_pos": lambda task, q: 1 / 0,
        "circle": lambda task, q: q["circle"],
    }
    q = Quantities(None, functions, None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(
        InputError, match="quantity 'sway' raised KeyError.* no quantity 'rot_pos'. Did you mean 'root_pos'"
    ):
        q["sway"]
    with pytest.raises(InputError, match="quantity 'root_pos' raised ZeroDivisionError"):
        q["root_pos"]
    with pytest.raises(InputError, match="quantity 'circle' raised RecursionError"):
        q["circle"]
    assert "rot_pos" not in q and "sway" in list(q)
