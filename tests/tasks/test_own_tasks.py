"""Tasks of a user's own: sections and state of their own, and mistakes in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, BatchEnvError, ConfigError, InputError, load_config
from batchenv.config.term_sections import default_terms
from batchenv.mdp.quantities import quantity
from batchenv.tasks import HumanTask
from batchenv.tasks.registry import task

HEAD = """
from dataclasses import dataclass
import numpy as np
from pydantic import Field
from batchenv import *
from batchenv.config import Environment
from batchenv.config.section import Section
from batchenv.mdp.task import Task
from batchenv.tasks import HumanTask
from batchenv.tasks.human_quantities import HumanState
"""
WAITING = """
class Waiting(Section):
    \"\"\"How long to stand.\"\"\"
    seconds: float = Field(default=1.0, gt=0, description="Time to stand [s].")


class WaitingEnvironment(Environment):
    waiting: Waiting = Field(default_factory=Waiting, description="How long to stand.")


@dataclass
class WaitingState(HumanState):
    waited: np.ndarray


class Own(HumanTask):
    Environment = WaitingEnvironment

    def new_state(self, num_worlds):
        return WaitingState(**vars(super().new_state(num_worlds)), waited=np.zeros(num_worlds))

    def advance(self, batch):
        super().advance(batch)
        batch.state.waited += self.control_dt

    def place(self, batch, ids, start):
        super().place(batch, ids, start)
        batch.state.waited[ids] = 0.0

    @quantity
    def waited(self, q):
        return q.batch.state.waited[q.rows] / self.environment.waiting.seconds


@observation_term()
def patience(waited):
    return waited
"""


def configuration(folder: Path, code: str, sections: str = "") -> Path:
    """A file that names the task `Own` of this code."""
    (folder / "own.py").write_text(HEAD + code)
    (folder / "own.yaml").write_text(
        "environment:\n  task: 'own.py:Own'\n  skeleton: {actuator: pd, kp: {default: 100}}\n"
        f"  reward: {{pose: {{weight: 1.0}}}}\n{sections}"
    )
    return folder / "own.yaml"


def plain_again(env: BatchEnv) -> dict[str, Any]:
    """What a configuration says after it was written and read."""
    return load_config(env.config.to_yaml()).model_dump()


def stepped(env: BatchEnv, count: int) -> np.ndarray:
    for _ in range(count):
        env.step(np.zeros((env.num_envs, env.action_dim)))
    return env.snapshot().obs


def test_a_task_has_a_section_and_state_of_its_own_that_snapshots_hold(tmp_path: Path):
    observed = "  waiting: {seconds: 0.5}\n  observation: {terms: [root_height, 'own.py:patience']}\n"
    path = configuration(tmp_path, WAITING, observed)
    with BatchEnv(path, 2, 1, seed=0) as env:
        assert "seconds: 0.5" in env.config.to_yaml() and plain_again(env) == env.config.model_dump()
        env.reset()
        assert stepped(env, 3)[:, 1] == pytest.approx(3 * env.control_dt / 0.5)
        snapshot = env.snapshot()
        later = stepped(env, 2)
        env.restore(snapshot)
        assert np.array_equal(stepped(env, 2), later)
        with (
            BatchEnv("torque", 2, 1, seed=0) as other,
            pytest.raises(InputError, match="of another environment"),
        ):
            other.restore(snapshot)
        obs = env.reset(mask=np.array([True, False]))
        assert obs[0, 1] == 0.0 and obs[1, 1] == later[1, 1]
    with pytest.raises(ConfigError, match="waiting.secons = 1: there is no such key. Did you mean 'seconds'"):
        load_config(configuration(tmp_path, WAITING, "  waiting: {secons: 1}\n"))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "class Own(HumanTask):\n    Environment = dict",
            "task Own: its class attribute Environment is <class 'dict'>",
        ),
        ("class Own(Task): pass", "task Own: its class attribute Environment is null; expected a subclass"),
        ("class Own(HumanTask):\n    default_terms = 3", "task Own: default_terms is 3; expected a mapping"),
        ("@task\nclass Own(HumanTask): pass", r"@task\(<class .*give a name"),
        ("@task('own')\nclass Own: pass", r"@task\('own'\) decorates .*expected a class that is a Task"),
        ("@task('walk')\nclass Own(HumanTask): pass", r"@task\('walk'\): batchenv has a task of this name"),
        ("class Own(HumanTask):\n    def __init__(self, *a): 1 / 0", "task Own raised ZeroDivisionError"),
        (
            "class Own(HumanTask):\n    def __init__(self, *a): pass",
            "task Own raised AttributeError: .*obs_layout",
        ),
        (
            "class Own(HumanTask):\n    def new_state(self, n): return None",
            "new_state of the task returned None",
        ),
        ("class Own(HumanTask):\n    def advance(self, batch): 1 / 0", "task Own raised ZeroDivisionError"),
        (
            WAITING.replace("waited=np.zeros(num_worlds)", "waited=np.zeros(5)"),
            r"waited in the state of the task \(WaitingState\) has shape \(5,\); expected a row for each",
        ),
        (
            WAITING.replace("waited=np.zeros(num_worlds)", "waited=[0.0]"),
            r"waited in the state of the task .* is \[0.0\]; expected an array of numbers",
        ),
    ],
)
def test_a_mistake_in_a_task_is_named(tmp_path: Path, code: str, message: str):
    path = configuration(tmp_path, code)
    with pytest.raises(BatchEnvError, match=message), BatchEnv(path, 2, 1, seed=0) as env:
        env.reset()
        stepped(env, 1)


def test_a_task_inherits_the_default_terms_of_kinds_that_it_leaves_out():
    class Own(HumanTask):
        default_terms = {"termination": {"fallen": {}}}  # noqa: RUF012

    found = default_terms(Own)
    assert list(found["termination", "terms"]) == ["fallen"]
    assert list(found["events",]) == ["draw_parameters", "start_on_reference"]
    assert "root_height" in found["observation", "terms"]


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"observations": {}}, "has the kind 'observations'. Did you mean 'observation'"),
        ({"reward": {"pose": {"weight": 1.0}}}, "lists rewards; they have no defaults"),
        ({"observation": ["phase"]}, "expected keywords of terms by name"),
        ({"termination": {"fallen": None}}, "expected keywords of terms by name"),
    ],
)
def test_default_terms_that_are_none_are_refused(defaults: Any, message: str):
    kind = type("Own", (HumanTask,), {"default_terms": defaults})
    with pytest.raises(ConfigError, match=f"task Own: default_terms.*{message}"):
        default_terms(kind)


def test_old_keys_of_terms_fit_a_task_without_default_terms(tmp_path: Path):
    path = configuration(
        tmp_path, "class Own(HumanTask):\n    default_terms = {}", "  termination: {max_tilt: 0.3}\n"
    )
    assert load_config(path).environment.termination.terms == {"fallen": {}, "tilted": {"max_tilt": 0.3}}


@pytest.mark.parametrize("name", ["", "a b", 3, None, HumanTask])
def test_a_task_is_registered_under_a_name(name: Any):
    with pytest.raises(ConfigError, match="give a name of letters, digits and underscores"):
        task(name)


def test_a_configuration_that_changes_its_task_gets_the_default_terms_of_the_other():
    @task("default_terms_of_its_own")
    class Own(HumanTask):
        pass

    for config in (load_config("torque"), "torque"):
        changed = load_config(config, task="default_terms_of_its_own").environment
        assert list(changed.termination.terms) == ["fallen", "tilted"], Own
    own = load_config("torque").replace({"environment.termination.terms": ["fallen"]})
    assert list(load_config(own, task="default_terms_of_its_own").environment.termination.terms) == ["fallen"]


def test_a_quantity_that_a_task_computes_otherwise_stays_its_own_in_any_order():
    @task("sideways")
    class Sideways(HumanTask):
        @quantity
        def root_up(self, q):
            return np.full((q.num_worlds, 3), 7.0)

    with BatchEnv("torque", 2, 1, seed=0, task=Sideways) as env:
        env.reset()
        q = env.task.quantities(env._batch)
        assert q["root_pos"].shape == (2, 3)  # which comes with all that is measured
        assert (q["root_up"] == 7.0).all()
