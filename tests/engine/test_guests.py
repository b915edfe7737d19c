"""Coordinators and recorders of a user's own: what they are given, and what becomes of mistakes."""

from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, load_config
from batchenv.errors import EngineError

HEAD = "import numpy as np\nfrom batchenv import coordinator, recorder\n"


def with_recorder(folder: Path, body: str, **changes: object):
    (folder / "own.py").write_text(f"{HEAD}{body}\n")
    recorders = {"environment.simulation.recorders": [f"{folder}/own.py:own"]}
    return load_config("torque").replace(recorders | changes)


def with_coordinator(folder: Path, body: str, actuator: str = "mass"):
    (folder / "own.py").write_text(f"{HEAD}@coordinator\n{body}\n")
    coordinator = {"environment.muscle.coordinator": f"{folder}/own.py:own"}
    return load_config("walk").replace(coordinator | {"environment.skeleton.actuator": actuator})


def test_a_recorder_sees_the_state_at_the_start_of_every_substep(tmp_path: Path):
    body = "@recorder(10, 2)\ndef own(out, substep, qpos, xpos):\n    out[substep] = qpos[2], xpos[1, 2]"
    with BatchEnv(with_recorder(tmp_path, body), 3, 2, seed=0) as env:
        env.reset()
        heights = [env.worlds.qpos[:, 2].copy()]
        env.step(np.zeros((3, env.action_dim)), lambda: heights.append(env.worlds.qpos[:, 2].copy()))
        kept = env.worlds.slot("own")
        assert kept.shape == (3, 10, 2)
        assert np.array_equal(kept[:, :, 0], np.array(heights[:10]).T)
        assert kept[:, :, 1] == pytest.approx(kept[:, :, 0], abs=1e-9)


def test_a_recorder_changes_no_bits(tmp_path: Path):
    body = "@recorder()\ndef own(out, qvel):\n    out[0] += np.abs(qvel).sum()"
    places = []
    for config in (with_recorder(tmp_path, body), load_config("torque")):
        with BatchEnv(config, 2, 1, seed=0) as env:
            env.reset()
            for _ in range(5):
                env.step(np.zeros((2, env.action_dim)))
            places.append(env.worlds.qpos.copy())
    assert np.array_equal(*places)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("@recorder()\ndef own(out, qpoz):\n    pass", "'qpoz' names nothing. Did you mean 'qpos'"),
        ("@recorder()\ndef own(out):\n    out[0] = open", "recorder own: Numba cannot compile it"),
        ("def own(out):\n    pass", "own is not a recorder; decorate it"),
        ("other = 1", "has no function own"),
    ],
)
def test_a_recorder_that_is_none_is_refused(tmp_path: Path, body: str, message: str):
    with pytest.raises(ConfigError, match=message):
        BatchEnv(with_recorder(tmp_path, body), 1, 1)


def test_two_recorders_of_one_name_are_refused(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(f"{HEAD}@recorder()\ndef own(out):\n    pass\n")
    keys = [f"{tmp_path}/{name}.py:own" for name in ("a", "b")]
    with pytest.raises(ConfigError, match="two recorders have one name"):
        BatchEnv(load_config("torque").replace({"environment.simulation.recorders": keys}), 1, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("netwrok", "give 'static_optimization', 'network'"),
        ("own.py:own", "there is no file"),
        ("a:b", "give"),
    ],
)
def test_a_coordinator_that_is_none_is_refused(name: str, message: str):
    with pytest.raises(ConfigError, match=message):
        load_config("walk").replace({"environment.muscle.coordinator": name})


def test_a_coordinator_is_code_and_needs_trust(tmp_path: Path):
    (tmp_path / "own.py").write_text(f"{HEAD}@coordinator\ndef own(activation):\n    activation[:] = 0.1\n")
    text = f"base: walk\nenvironment: {{muscle: {{coordinator: '{tmp_path}/own.py:own'}}}}\n"
    with pytest.raises(ConfigError, match="would run.*--trust"):
        load_config(text, trust=False)
    assert load_config(text).environment.muscle.coordinator.endswith("own.py:own")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_in_a_recorder_ends_the_step_with_an_error(tmp_path: Path):
    body = "@recorder()\ndef own(out, substep):\n    if substep == 3:\n        raise ValueError('three')"
    with BatchEnv(with_recorder(tmp_path, body), 1, 1, seed=0) as env:
        env.reset()
        with pytest.raises(
            EngineError, match="recorder 'own' raised an exception, .* in world 0; call env.reset"
        ):
            env.step(np.zeros((1, env.action_dim)))
        obs = env.reset()
        assert np.isfinite(obs).all() and not env.worlds.slot("guest_fault").any()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_in_a_coordinator_ends_the_step_with_an_error(tmp_path: Path):
    body = "def own(activation, qpos):\n    if qpos[2] != 0.0:\n        raise ValueError('no')"
    with BatchEnv(with_coordinator(tmp_path, body), 2, 1, seed=0) as env:
        env.reset()
        with pytest.raises(EngineError, match="coordinator 'own' raised an exception, .* in world"):
            env.step(np.zeros((2, env.action_dim)))


def test_a_coordinator_that_writes_nan_is_named_with_the_muscle_and_the_world(tmp_path: Path):
    body = "def own(activation, qvel):\n    activation[:] = 0.1\n    activation[3] = np.sqrt(5.0 - qvel[0])"
    with BatchEnv(with_coordinator(tmp_path, body), 2, 1, seed=0) as env:
        env.reset()
        env.step(np.zeros((2, env.action_dim)))
        env.worlds.qvel[1, 0] = 9.0
        muscle = env.body.muscle_names[3]
        with pytest.raises(
            EngineError, match=f"coordinator 'own' wrote nan as the activation of '{muscle}' in world 1; call"
        ):
            env.step(np.zeros((2, env.action_dim)))
        env.reset()
        env.step(np.zeros((2, env.action_dim)))


def test_a_coordinator_where_nothing_is_coordinated_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="own.py:own coordinates nothing with actuator 'pd'; give .*'mass'"):
        BatchEnv(with_coordinator(tmp_path, "def own(activation):\n    pass", actuator="pd"), 1, 1)
