"""Events: when they happen, what they are given, and that they are the same in any batch."""

from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, InputError, load_config

PUSH = {"environment.events.push": {"newtons": 60.0, "seconds": 0.2, "every": 0.5}}


def pushed(num_envs: int, threads: int, steps: int = 40, **options) -> tuple[np.ndarray, np.ndarray]:
    """Forces on the trunks (steps, N, 3) of walkers in their first episodes, and their last positions."""
    config = load_config("torque").replace(PUSH)
    with BatchEnv(config, num_envs, threads, seed=3, autoreset="disabled", **options) as env:
        env.reset()
        force = env.worlds.bind("xfrc_applied")[:, env.body.trunk_body, :3]
        forces = []
        for _ in range(steps):
            env.step(np.zeros((num_envs, env.action_dim)))
            forces.append(force.copy())
            if env.waiting.any():
                env.reset(mask=env.waiting)
        return np.array(forces), env.worlds.qpos.copy()


def test_pushes_are_horizontal_of_their_size_and_last_as_long_as_said():
    forces, _ = pushed(4, 1, 14)
    size = np.linalg.norm(forces, axis=2)
    assert np.isin(np.round(size, 9), [0.0, 60.0]).all() and (forces[..., 2] == 0.0).all()
    # 0.2 s are six steps, in the first window of 15 steps.
    assert (np.count_nonzero(size, axis=0) <= 6).all() and size.any()
    directions = forces[size > 0.0]
    assert np.ptp(np.arctan2(directions[:, 1], directions[:, 0])) > 0.5


def test_pushes_do_not_depend_on_threads_or_on_other_worlds():
    forces, places = pushed(6, 1)
    again, same = pushed(6, 3)
    assert np.array_equal(forces, again) and np.array_equal(places, same)
    alone, place = pushed(1, 1, first_world=4)
    assert np.array_equal(alone[:, 0], forces[:, 4]) and np.array_equal(place[0], places[4])


def test_a_restored_walker_is_pushed_again_in_the_same_way():
    with BatchEnv(load_config("torque").replace(PUSH), 3, 1, seed=0) as env:
        env.reset()
        zeros = np.zeros((3, env.action_dim))
        for _ in range(7):
            env.step(zeros)
        snapshot = env.snapshot()
        first = [env.step(zeros)[0].copy() for _ in range(8)]
        env.restore(snapshot)
        assert all(np.array_equal(obs, env.step(zeros)[0]) for obs in first)


def test_without_events_walkers_begin_in_the_first_pose_of_the_body():
    with BatchEnv(load_config("torque").replace({"environment.events": {}}), 2, 1, seed=0) as env:
        env.reset()
        assert np.array_equal(env.worlds.qpos, np.tile(env.body.model.qpos0, (2, 1)))
        assert not env.worlds.qvel.any()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "def own(phase):\n    pass",
            "'phase' names no quantity. .*batch, draw, ids, start, task",
        ),
        ("def own(start):\n    start.qpos[:, 99]", "event 'own' raised IndexError"),
        (
            "def own(draw):\n    draw(1, np.array([0.5, 1.5]))",
            r"'own' raised InputError: draw was given a key of shape \(2,\) and dtype float64; expected",
        ),
        ("def own(draw):\n    draw(1, np.zeros(3, int))", r"a key of shape \(3,\) .* whole numbers, \(2,\)"),
        ("def own(start):\n    start.qpos[:] = np.nan", "'own' made start.qpos infinite or not a number"),
    ],
)
def test_an_event_that_goes_wrong_is_named(tmp_path: Path, body: str, message: str):
    head = 'import numpy as np\nfrom batchenv import event_term\n@event_term("reset")\n'
    (tmp_path / "own.py").write_text(f"{head}{body}\n")
    config = load_config("torque").replace({f"environment.events.{tmp_path}/own.py:own": {}})
    with pytest.raises((ConfigError, InputError), match=message):
        BatchEnv(config, 2, 1, seed=0).reset()


def test_an_unknown_event_is_refused_with_the_nearest_name():
    config = load_config("walk").replace({"environment.events.pushh": {}})
    with pytest.raises(ConfigError, match="events.pushh: .*no event 'pushh'. Did you mean 'push'"):
        BatchEnv(config, 1, 1)
