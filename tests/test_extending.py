"""What docs/extending.md shows, run as it stands there, from files of a user's own."""

import re
from pathlib import Path

import numpy as np
import pytest

import batchenv
from batchenv.body import Body

DOCS = Path(__file__).parent.parent / "docs" / "extending.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def docs():
    if not DOCS.exists():
        pytest.skip("installed without its documents")


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    (tmp_path / "my_robot.xml").write_text(blocks("xml")[0])
    (tmp_path / "my_robot.yaml").write_text(blocks("yaml")[0])
    return tmp_path / "my_robot.yaml"


def names_of(body: Body, ids: np.ndarray) -> list[str]:
    return [body.model.body(i).name for i in ids]


def test_the_example_of_a_body_runs(robot: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(robot.parent)
    names = {}
    exec(blocks("python")[0], names)
    assert names["obs"].shape == (4, names["env"].obs_dim) and np.isfinite(names["obs"]).all()
    assert np.isfinite(names["rewards"]).all()
    names["env"].close()


def test_a_body_with_other_names_has_feet_trunk_twins_and_gains(robot: Path):
    with batchenv.BatchEnv(robot, 2, 1) as env:
        body, law = env.body, env.worlds.law
        assert names_of(body, body.foot_body) == ["foot_right", "foot_left"]
        assert names_of(body, body.toe_body) == ["toe_right", "toe_left"]
        assert names_of(body, np.array([body.trunk_body, body.head_body])) == ["chest", "skull"]
        assert np.array_equal(body.left, [0.0, 1.0, 0.0])
        assert [body.joint_names[j] for j in body.mirror_joint[:4]] == [
            *("waist", "hip_pitch_left", "hip_roll_left", "knee_left")
        ]
        gains = dict(zip(body.joint_names, law.kp, strict=True))
        assert gains["waist"] == 60.0 and gains["knee_left"] == 200.0 and gains["ankle_right"] == 150.0


def test_a_body_with_other_names_follows_the_reference_and_carries_its_weight(robot: Path):
    with batchenv.BatchEnv(robot, 4, 1) as env:
        body, gait = env.body, env.task.gait
        feet = gait.foot_pos(np.array([0.0, 0.5]))[..., 0]
        assert feet[0, 0] > feet[0, 1] + 0.3, "at its heel strike the right foot is in front"
        assert feet[1, 1] > feet[1, 0] + 0.3, "and half a cycle later the left one"
        assert gait.tracked[body.joint_names.index("knee_left")] == 1.0
        assert gait.tracked[body.joint_names.index("waist")] == 0.0
        env.reset()
        env.step(np.zeros((4, env.action_dim)))
        head = env.task.quantities(env._batch)["head_pos"]
        assert np.linalg.norm(head, axis=1) == pytest.approx(0.75, abs=0.01) and (head[:, 2] > 0.7).all()
        loads = []
        for _ in range(30):
            env.step(np.zeros((4, env.action_dim)))
            loads.append(env.worlds.bind("sensordata")[:, body.grf_sensor_adr + 2] / body.weight)
        assert 0.5 < np.mean(np.sum(loads, axis=-1)) < 1.5, "mean over feet, steps and worlds [body weights]"
        assert (np.max(loads, axis=(0, 1)) > 0.3).all(), "each foot bears load"


@pytest.mark.parametrize(("block", "joints", "muscles"), [(1, 12, 26), (2, 17, 86)])
def test_other_models_of_myo_sim_walk_from_a_short_file(block: int, joints: int, muscles: int):
    text = blocks("yaml")[block]
    assert len(text.strip().splitlines()) == 5
    with batchenv.BatchEnv(text, 2, 1) as env:
        assert (len(env.body.joint_names), len(env.body.muscle_names)) == (joints, muscles)
        feet = env.task.gait.foot_pos(np.array([0.0, 0.5]))[..., 0]
        assert feet[0, 0] > feet[0, 1] + 0.3 and feet[1, 1] > feet[1, 0] + 0.3
        env.reset()
        for _ in range(3):
            assert np.isfinite(env.step(np.zeros((2, env.action_dim)))[0]).all()


def written(folder: Path, *names: str) -> None:
    """Write the files that the document shows, each of which says its name in its first line."""
    shown = {text.partition("\n")[0][2:]: text for text in blocks("python") + blocks("yaml")}
    for name in names:
        (folder / name).write_text(shown[name])


def test_terms_of_a_users_own_are_observed_end_episodes_and_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written(tmp_path, "my_terms.py", "my_walk.yaml")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(next(text for text in blocks("python") if "my_walk.yaml" in text), names)
    with names["env"] as env:
        assert [column.name for column in env.obs_layout[-4:]] == [
            *("foot_height/right", "foot_height/left", "speed_error/forward", "speed_error/left")
        ]
        assert [column.unit for column in env.obs_layout[-4:]] == ["m", "m", "m/s", "m/s"]
        assert "lateral_drift" not in [column.name for column in env.obs_layout]
        start = env.reset(seed=0)[:, -2].copy()
        obs = env.step(np.zeros((4, env.action_dim)))[0].copy()  # places of feet are known after a step
        # One foot stands on the ground, and the other is not far above it; walkers begin faster than usual.
        assert (obs[:, -4:-2].min(axis=1) < 0.15).all() and (obs[:, -4:-2] > -0.05).all()
        assert (start > -0.01).all() and (start < 1.05).all() and np.ptp(start) > 0.05
        image = env.mirror_obs(obs)
        assert np.array_equal(image[:, [-4, -3]], obs[:, [-3, -4]])
        assert np.array_equal(image[:, -1], -obs[:, -1]) and np.array_equal(image[:, -2], obs[:, -2])


def test_a_termination_of_a_users_own_ends_the_episode(tmp_path: Path):
    written(tmp_path, "my_terms.py", "my_walk.yaml")
    config = batchenv.load_config(tmp_path / "my_walk.yaml")
    limit = {f"environment.termination.terms.{tmp_path}/my_terms.py:too_fast": {"limit": -1.0}}
    with batchenv.BatchEnv(config.replace(limit), 2, 1, seed=0) as env:
        env.reset()
        _, _, dones = env.step(np.zeros((2, env.action_dim)))
        assert dones.all() and env.terminated.all()


def test_a_command_of_a_users_own_is_drawn_seen_judged_and_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written(tmp_path, "my_commands.py", "my_course.yaml")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(next(text for text in blocks("python") if "my_course.yaml" in text), names)
    with names["env"] as env:
        assert [(column.name, column.unit) for column in env.command_layout] == [
            *(("speed", "m/s"), ("yaw_rate", "rad/s"), ("side_speed", "m/s"))
        ]
        assert env.commands[0, :2].tolist() == [1.2, 0.0] and env.commands[1, 0] != 1.2
        assert names["obs"][:, -3:] == pytest.approx(env.commands)
        env.reset(seed=1)
        side = env.commands[:, 2]
        assert np.ptp(side) > 0.1 and np.abs(side).max() <= 0.2
        obs, _, _ = env.step(np.zeros((4, env.action_dim)))
        error = obs[:, [c.name for c in env.obs_layout].index("root_linvel/left")] - side
        assert env.reward_terms["track_side_speed"] == pytest.approx(np.exp(-10.0 * error**2), abs=1e-5)
        assert np.array_equal(env.mirror_obs(obs)[:, -3:], obs[:, -3:] * [1.0, -1.0, -1.0])


def test_a_task_of_a_users_own_stands(tmp_path: Path):
    written(tmp_path, "stand.py", "stand.yaml")
    with batchenv.BatchEnv(tmp_path / "stand.yaml", 3, 1, seed=0) as env:
        assert type(env.task).__name__ == "Stand" and "phase/sin" not in [c.name for c in env.obs_layout]
        env.reset()
        for _ in range(5):
            _, rewards, dones = env.step(np.zeros((3, env.action_dim)))
        assert (rewards > 0.9).all() and not dones.any()
        assert set(env.reward_terms) == {"still", "pose", "upright"}
        # Ideal torques hold the pose, and yet nobody balances: it falls in the end, forwards or backwards.
        for _ in range(100):
            env.step(np.zeros((3, env.action_dim)))
        assert (env.episode_lengths > 20).any()


def test_a_task_is_named_in_python_as_a_class_or_by_its_registered_name(tmp_path: Path):
    names = {}
    exec(next(text for text in blocks("python") if text.startswith("# stand.py")), names)
    for task in ("stand", names["Stand"]):
        with batchenv.BatchEnv("torque", 1, 1, seed=0, task=task) as env:
            assert isinstance(env.task, names["Stand"]) and env.config.environment.task == "stand"
            assert list(env.config.environment.termination.terms) == ["fallen", "tilted"]
    with pytest.raises(batchenv.InputError, match="expected the name of a task, or a class"):
        batchenv.BatchEnv("torque", 1, 1, task=dict)
    with pytest.raises(batchenv.ConfigError, match="there is no such task. Did you mean 'stand'"):
        batchenv.BatchEnv("torque", 1, 1, task="stend")


def test_a_coordinator_and_a_recorder_of_a_users_own_work_in_every_substep(tmp_path: Path):
    written(tmp_path, "my_parts.py", "my_muscles.yaml")
    with batchenv.BatchEnv(tmp_path / "my_muscles.yaml", 3, 2, seed=0) as env:
        env.reset()
        power = env.worlds.slot("power")
        env.step(np.zeros((3, env.action_dim)))
        activation = env.worlds.slot("activation").copy()
        assert ((activation >= 0.0) & (activation <= 1.0)).all() and activation.max() > 0.01
        assert (power[:, 0] > 0.0).all() and (power[:, 1] < 0.0).all()
        assert env.reward_terms["economy"] == pytest.approx(np.exp(-1e-4 * power[:, 0]))
        assert not np.allclose(activation, optimised(env.config))


def optimised(config: batchenv.Config) -> np.ndarray:
    """Activations of the same worlds with static optimisation."""
    changes = {"environment.muscle.coordinator": "static_optimization"}
    with batchenv.BatchEnv(config.replace(changes), 3, 1, seed=0) as env:
        env.reset()
        env.step(np.zeros((3, env.action_dim)))
        return env.worlds.slot("activation").copy()
