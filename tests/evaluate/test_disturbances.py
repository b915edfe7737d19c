import numpy as np
import pytest

from batchenv import load_config
from batchenv.errors import InputError
from batchenv.evaluate import disturbances as suite
from batchenv.evaluate.disturbances import DISTURBANCES, Disturbance, Withstood, withstand
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
    )
    found = withstand(walker, 2, 0, 1, chosen)
    assert [each.name for each in found] == [each.name for each in chosen]
    assert {each.survived for each in found} == {0.5}
    ahead = np.array(seen["gravity"])[:, 0]  # gravity pulls a walker back uphill
    assert ahead == pytest.approx([0, 0, -np.sin(np.radians(6)), -np.sin(np.radians(6)), *[0] * 6], abs=1e-3)
    assert seen["mass"] == pytest.approx([1] * 6 + [1.2] * 2 + [1] * 2)
    assert seen["friction"] == [1.0] * 8 + [0.4] * 2
    assert seen["delay"] == [0] * 4 + [2] * 2 + [0] * 4
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


def test_a_policy_that_observes_parameters_is_not_delayed():
    observing = load_config("walk").replace({"environment.observation.terms.parameters": {}})
    assert not suite._can_delay(untrained(observing))


def test_a_page_shows_in_red_what_is_not_withstood():
    rows = [Withstood("calm", 20, 1.0).numbers, Withstood("blow", 20, 0.5).numbers]
    page = render_page(judge(human_walk(episodes=1, seconds=4.0), withstood=rows), {})
    assert '<tr class="good"><td>calm</td>' in page and '<tr class="bad"><td>blow</td>' in page


def test_there_are_as_many_disturbances_as_the_table_has_rows():
    assert len({each.name for each in DISTURBANCES}) == len(DISTURBANCES) == 16


def test_no_walks_are_refused(walker):
    with pytest.raises(InputError, match="walks is 0; expected a whole number"):
        withstand(walker, 0)
