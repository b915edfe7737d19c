"""A policy that learns from a teacher, also where its actions come late."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from batchenv import BatchEnv, load_config
from batchenv.config.training import Settling, Training
from batchenv.errors import CheckpointError, ConfigError
from batchenv.learn.apprentice import Apprentice, build_learner
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.policy import Policy, load_policy
from batchenv.learn.rsl_rl_env import RslRlEnv
from batchenv.learn.training import train
from batchenv.learn.warm_start import load_networks
from batchenv.shipped import WALKERS
from tests.learn.examples import small_ppo

SENT = ("previous_action", "earlier_action")

LATE = load_config("command_late").replace(
    {"training.num_envs": 12, "training.num_steps_per_env": 8, "training.learn_threads": 1}
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks learn fastest on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def own_policy(env: RslRlEnv, seed: int = 0) -> Policy:
    """A policy of one layer for these worlds."""
    random, layout = np.random.default_rng(seed), env.env.obs_layout
    n, m = len(layout), env.num_actions
    return Policy(
        np.zeros(n, np.float32),
        np.ones(n, np.float32),
        (random.normal(size=(m, n)).astype(np.float32),),
        (np.zeros(m, np.float32),),
        tuple(column.name for column in layout),
        tuple(column.name for column in env.env.action_layout),
        0,
    )


def rollout_of(env: RslRlEnv, apprentice: Apprentice, steps: int) -> list[torch.Tensor]:
    """Fill the storage; the observations before each step, and after the last one."""
    obs = env.get_observations()
    seen = [obs["policy"].clone()]
    with torch.inference_mode():
        for _ in range(steps):
            obs, rewards, dones, extras = env.step(apprentice.act(obs))
            apprentice.process_env_step(obs, rewards, dones, extras)
            seen.append(obs["policy"].clone())
    return seen


def test_an_apprentice_comes_to_act_as_its_teacher():
    env, _ = small_ppo(32)
    teacher = own_policy(env)
    apprentice = small_ppo(32, kind=Apprentice, init_std=0.1, epochs=10)[1]
    assert isinstance(apprentice, Apprentice)
    apprentice.attend(teacher, env.env)
    apprentice.heed(Training(learning_rate=3e-3))
    losses = []
    for _ in range(15):
        rollout_of(env, apprentice, 16)
        losses.append(apprentice.update()["imitation"])
    assert losses[-1] < 0.02 * losses[0]


def weights_of(apprentice: Apprentice) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(apprentice.actor.parameters()).detach().clone()


def test_an_apprentice_settles_to_smaller_steps():
    env, _ = small_ppo(32)
    apprentice = small_ppo(32, kind=Apprentice)[1]
    assert isinstance(apprentice, Apprentice)
    apprentice.attend(own_policy(env), env.env)
    training = Training(learning_rate=3e-3, settling=Settling(after_steps=100, learning_rate=1e-9))
    moved = []
    for steps in (99, 100):
        apprentice.heed(training.after(steps))
        before = weights_of(apprentice)
        rollout_of(env, apprentice, 16)
        apprentice.update()
        moved.append(float((weights_of(apprentice) - before).abs().max()))
    assert moved[0] > 1e-3 and moved[1] < 1e-5


@pytest.mark.parametrize("smooth", [False, True])
def test_what_is_sent_late_is_what_the_teacher_does_when_it_comes_into_force(smooth: bool):
    with BatchEnv(LATE.replace({"environment.action.smooth": smooth}), 12, 1, seed=0) as worlds:
        env = RslRlEnv(worlds)
        torch.manual_seed(0)
        apprentice = build_learner(env, LATE.training, env.reset(0))
        assert isinstance(apprentice, Apprentice)
        names = [column.name for column in worlds.obs_layout]
        seen = [obs.numpy() for obs in rollout_of(env, apprentice, 8)]
        told = seen[0][:, names.index("action_delay")] / worlds.control_dt
        late = np.rint(told - (0.5 if smooth else 0.0)).astype(int)
        assert set(late) == {0, 1, 2} and not apprentice.storage.dones.any()
        then, advice = apprentice.lessons()
    teacher = load_policy(WALKERS / "command")
    own = [names.index(name) for name in teacher.observations]
    sent = [i for i, name in enumerate(teacher.observations) if name.split("/")[0] in SENT]
    expected_then, expected = [], []
    for delay in range(3):
        for step in range(8 - delay):
            for world in np.flatnonzero(late == delay):
                view = seen[step + delay][world, own].copy()
                view[sent] = seen[step][world, own][sent]
                undelayed = 0.5 * worlds.control_dt if smooth else 0.0
                view[[name == "action_delay" for name in teacher.observations]] = undelayed
                expected_then.append(seen[step][world])
                expected.append(teacher(view))
    np.testing.assert_array_equal(then.numpy(), np.array(expected_then))
    np.testing.assert_allclose(advice.numpy(), np.array(expected), atol=1e-5)


def test_nothing_is_learned_from_what_an_end_has_cut_off():
    env, _ = small_ppo(3)
    apprentice = small_ppo(3, kind=Apprentice, num_steps_per_env=4)[1]
    assert isinstance(apprentice, Apprentice)
    apprentice.attend(own_policy(env), env.env)
    apprentice._delay = 0  # the first column stands for a delay
    storage = apprentice.storage
    seen = storage.observations["policy"]
    seen[:] = torch.arange(4.0)[:, None, None] + 10.0 * torch.arange(3.0)[:, None]
    seen[..., 0] = torch.tensor([0.0, 1.0, 2.0]) * env.env.control_dt
    storage.dones[1] = 1  # all worlds begin again after their second step
    then, _ = apprentice.lessons()
    # On time, all steps teach; one step late, those whose next is of the same episode; two steps late, none.
    assert then[:, 1].tolist() == [0.0, 1.0, 2.0, 3.0, 10.0, 12.0]


def test_a_walker_teaches_itself_to_act_late(tmp_path: Path):
    """From the shipped walker's networks, a few updates bring the loss down, and the run can be resumed."""
    losses = []
    with BatchEnv(LATE, 12, 1) as worlds:
        networks = load_networks(WALKERS / "command")
        result = train(
            worlds,
            LATE,
            tmp_path,
            96 * 4,
            warm_start=networks,
            progress=lambda report: losses.append(report.losses["imitation"]),
        )
        checkpoint = load_checkpoint(tmp_path)
        again = train(worlds, LATE, tmp_path, 96 * 5, resume=checkpoint)
    assert result.steps == 384 and again.steps == 480
    assert min(losses[1:]) < losses[0]
    assert "action_delay" in load_policy(tmp_path).observations


def test_teachers_that_do_not_fit_are_refused():
    with BatchEnv(LATE, 2, 1, seed=0) as worlds:
        env = RslRlEnv(worlds)
        obs = env.reset(0)
        nobody = LATE.replace({"training.teacher": "nobody"}).training
        with pytest.raises(CheckpointError, match="There is no policy at /.*/nobody"):
            build_learner(env, nobody, obs)
        preset = LATE.replace({"training.teacher": "command_exact"}).training
        with pytest.raises(CheckpointError, match="There is no policy at command_exact, which is a preset"):
            build_learner(env, preset, obs)
        blind = LATE.replace({"training.privileged": ["action_delay"]}).training
        with pytest.raises(ConfigError, match="has to know how late: .* and leave it out of training.privil"):
            build_learner(env, blind, obs)
        other = LATE.replace({"training.teacher": "full_body"}).training
        with pytest.raises(ConfigError, match="training.teacher observes 'joint_pos/.* has no such column"):
            build_learner(env, other, obs)
        seeing = LATE.replace({"training.teacher": "walk"}).training
        with pytest.raises(
            ConfigError, match="observes 'heading.*; add heading to environment.observation.terms"
        ):
            build_learner(env, seeing, obs)
    terms = LATE.environment.observation.terms
    seen = {name: keywords for name, keywords in terms.items() if name != "action_delay"}
    blind = LATE.replace({"environment.observation.terms": seen})
    with BatchEnv(blind, 2, 1, seed=0) as worlds:
        env = RslRlEnv(worlds)
        with pytest.raises(ConfigError, match="add action_delay to environment.observation.terms"):
            build_learner(env, blind.training, env.reset(0))
