import numpy as np
import pytest

from batchenv.evaluate import robustness as suite
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.robustness import Pushes, Trial, largest_survived, robustness, trials
from tests.evaluate.untrained import untrained


def test_each_world_has_its_own_conditions():
    with untrained().worlds(3, 1.0, 1) as env:
        env.reset(0)
        before = env.worlds.batch.state.copy()
        nan = np.nan
        obs = set_conditions(
            env,
            friction=np.array([nan, 0.4, nan]),
            mass=np.array([nan, nan, 1.2]),
            muscle_strength=np.array([0.5, nan, nan]),
        )
        models = [env.worlds.batch.get_model(world) for world in range(3)]
        assert [m.geom_friction[env.body.floor_geom, 0] for m in models] == [1.0, 0.4, 1.0]
        assert [m.body_mass.sum() / env.body.mass for m in models] == pytest.approx([1.0, 1.0, 1.2])
        peak = env.body.model.actuator_gainprm[:, 2]
        assert [m.actuator_gainprm[0, 2] / peak[0] for m in models] == pytest.approx([0.5, 1.0, 1.0])
        assert np.array_equal(before, env.worlds.batch.state)
        assert np.array_equal(obs, env.reset(0))


def test_a_push_acts_on_the_trunk_for_its_time_in_the_walking_frame():
    forward = np.array([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    with untrained().worlds(2, 1.0, 1) as env:
        env.reset(0)
        applied, trunk = env.worlds.bind("xfrc_applied"), env.body.trunk_body
        pushes = Pushes(env, forward, at=0.1, seconds=0.2)
        acted = []
        for step in range(15):
            pushes.before_step(step)
            acted.append(bool(applied.any()))
            if acted[-1]:
                assert np.flatnonzero(applied[0].any(axis=1)).tolist() == [trunk]
                assert applied[0, trunk] == pytest.approx([0.0, -100.0, 0.0, 0.0, 0.0, 0.0])
                assert not applied[1].any()
            env.step(np.zeros((2, env.action_dim)))
    assert acted == [False] * 3 + [True] * 6 + [False] * 6


def test_trials_push_in_four_directions_and_change_one_thing_each():
    every = trials()
    pushed = [trial.push for trial in every if trial.condition == "push [N]"]
    assert len(pushed) == 40 and np.sum(pushed, axis=0).tolist() == [0.0, 0.0, 0.0]
    assert np.linalg.norm(pushed, axis=1).tolist() == np.repeat(range(20, 201, 20), 4).tolist()
    settings = {t.setting for t in every if t.condition == "body mass"}
    assert settings == {"-20%", "-10%", "+0%", "+10%", "+20%"}


@pytest.mark.parametrize(
    ("shares", "force"),
    [
        ({"20": 1.0, "40": 0.9, "60": 0.5}, 40.0),
        ({"20": 1.0, "40": 0.8, "60": 0.95}, 20.0),
        ({"20": 0.5}, 0.0),
        ({"20": 1.0, "200": 1.0}, 200.0),
    ],
)
def test_the_largest_push_counts_only_if_smaller_ones_were_survived_too(shares, force):
    assert largest_survived(shares) == force


def test_shares_are_of_the_walks_that_stayed_up(monkeypatch):
    """In half a second nobody falls but who is pushed hard, whatever the policy."""
    monkeypatch.setattr(suite, "SECONDS", 0.5)
    monkeypatch.setattr(suite, "PUSH_AT", 0.0)
    few = [Trial("push [N]", "20", push=(20.0, 0.0, 0.0)), Trial("push [N]", "9000", push=(0.0, 9000.0, 0.0))]
    monkeypatch.setattr(suite, "trials", lambda: [*few, Trial("ground friction", "0.8", friction=0.8)])
    found = robustness(untrained(), repeats=4, num_threads=1)
    assert found.survived == {"push [N]": {"20": 1.0, "9000": 0.0}, "ground friction": {"0.8": 1.0}}
    assert found.push_n == 20.0
