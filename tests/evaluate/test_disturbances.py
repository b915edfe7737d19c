import numpy as np
import pytest

from batchenv import load_config
from batchenv.errors import InputError
from batchenv.evaluate import disturbances as suite
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.disturbances import (
    DIRECTIONS,
    DISTURBANCES,
    PUSH,
    SWEEPS,
    Disturbance,
    Pushes,
    Withstood,
    largest_survived,
    pushed,
    robustness,
    withstand,
)
from batchenv.evaluate.judge import judge
from batchenv.evaluate.page import render_page
from tests.evaluate.synthetic_walk import human_walk
from tests.evaluate.untrained import untrained


@pytest.fixture(scope="module")
def walker():
    return untrained()


def test_every_world_is_under_its_own_disturbance(walker, monkeypatch):
    seen = {}

    def look(walker, env, obs, pushes):
        models = [env.worlds.batch.get_model(world) for world in range(env.num_envs)]
        seen["gravity"] = [model.opt.gravity @ env.task.axes.T / 9.81 for model in models]
        seen["mass"] = [model.body_mass.sum() / env.body.mass for model in models]
        seen["friction"] = [model.geom_friction[env.body.floor_geom, 0] for model in models]
        bumps = env.parameter_names.index("relief.bumps")
        seen["bumps"] = env.parameters[:, bumps].tolist()
        seen["uneven"] = [model.geom_type[env.body.floor_geom] for model in models]
        seen["delay"] = (env.parameters[:, env.parameter_names.index("action.delay")] * 30).round().tolist()
        seen["pushed"] = pushes._force @ env.task.axes.T
        return np.arange(env.num_envs) % 2 == 0

    monkeypatch.setattr(suite, "stay_up", look)
    chosen = (
        Disturbance("none"),
        Disturbance("uphill", slope=(6.0, 0.0)),
        Disturbance("late", delay=0.066),
        Disturbance("heavy", mass=1.2, push=(0.0, 150.0, 0.0)),
        Disturbance("slippery", friction=0.4),
        Disturbance("bumpy", bumps=0.03),
    )
    found = withstand(walker, 2, 0, 1, chosen)
    assert [each.name for each in found] == [each.name for each in chosen]
    assert {each.survived for each in found} == {0.5}
    ahead = np.array(seen["gravity"])[:, 0]  # gravity pulls a walker back uphill
    assert ahead == pytest.approx([0, 0, -np.sin(np.radians(6)), -np.sin(np.radians(6)), *[0] * 8], abs=1e-3)
    assert seen["mass"] == pytest.approx([1] * 6 + [1.2] * 2 + [1] * 4)
    assert seen["friction"] == [1.0] * 8 + [0.4] * 2 + [1.0] * 2
    assert seen["delay"] == [0] * 4 + [2] * 2 + [0] * 6
    assert seen["bumps"] == [0] * 10 + [0.03] * 2 and seen["uneven"] == [0] * 10 + [1] * 2
    assert seen["pushed"][6:8] == pytest.approx(np.array([[0.0, 150.0, 0.0]] * 2))


def test_in_half_a_second_nobody_falls_but_who_is_pushed_hard(walker, monkeypatch):
    monkeypatch.setattr(suite, "SECONDS", 0.5)
    monkeypatch.setattr(suite, "PUSH_AT", 0.0)
    monkeypatch.setattr(suite, "_MOST_WORLDS", 6)
    chosen = (DISTURBANCES[0], Disturbance("blow", push=(0.0, 9000.0, 0.0)), Disturbance("late", delay=0.033))
    calm, blow, late = withstand(walker, 3, 0, 1, chosen)
    assert (calm.survived, blow.survived, late.survived) == (1.0, 0.0, 1.0)
    assert blow.numbers["survived_95"] == pytest.approx([0.0, 0.5615], abs=1e-4)
    assert calm.numbers["passed"] and not blow.numbers["passed"]


def test_a_policy_that_observes_parameters_meets_no_other_parameters(walker):
    observing = untrained(load_config("walk").replace({"environment.observation.terms.parameters": {}}))
    kept = [each.name for each in DISTURBANCES if suite._can_meet(observing, each)]
    assert set(kept) == {each.name for each in DISTURBANCES} - {
        *("actions 33 ms late", "actions 66 ms late", "bumps of 3 cm", "steps of 3 cm")
    }
    assert all(suite._can_meet(walker, each) for each in DISTURBANCES)


def test_a_page_shows_in_red_what_is_not_withstood():
    rows = [Withstood("calm", 20, 1.0).numbers, Withstood("blow", 20, 0.5).numbers]
    page = render_page(judge(human_walk(episodes=1, seconds=4.0), withstood=rows), {})
    assert '<tr class="good"><td>calm</td>' in page and '<tr class="bad"><td>blow</td>' in page


def test_there_are_as_many_disturbances_as_the_table_has_rows():
    assert len({each.name for each in DISTURBANCES}) == len(DISTURBANCES) == 18


def test_no_walks_are_refused(walker):
    with pytest.raises(InputError, match="walks is 0; expected a whole number"):
        withstand(walker, 0)


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


def test_sweeps_push_in_four_directions_and_change_one_thing_each():
    pushes = [each.push for each in SWEEPS[PUSH]]
    assert len(pushes) == 40 and np.sum(pushes, axis=0).tolist() == [0.0, 0.0, 0.0]
    assert np.linalg.norm(pushes, axis=1).tolist() == np.repeat(range(20, 201, 20), 4).tolist()
    assert [each.name for each in SWEEPS["body mass"]] == ["-20%", "-10%", "+0%", "+10%", "+20%"]


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


def test_shares_are_of_the_walks_that_stayed_up(walker, monkeypatch):
    """In half a second nobody falls but who is pushed hard, whatever the policy."""
    monkeypatch.setattr(suite, "SECONDS", 0.5)
    monkeypatch.setattr(suite, "PUSH_AT", 0.0)
    pushes = [pushed(force, each, str(force)) for force in (20, 9000) for each in DIRECTIONS]
    monkeypatch.setattr(
        suite, "SWEEPS", {PUSH: pushes, "ground friction": (Disturbance("0.8", friction=0.8),)}
    )
    found = robustness(walker, repeats=4, num_threads=1)
    assert found.survived == {PUSH: {"20": 1.0, "9000": 0.0}, "ground friction": {"0.8": 1.0}}
    assert found.push_n == 20.0
