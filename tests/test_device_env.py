"""Worlds that stay on a device, on Warp's CPU device, beside those whose state the host keeps."""

import copy
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")
pytest.importorskip("rsl_rl", reason="needs the extra train")

import torch
from rsl_rl.runners import OnPolicyRunner
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from batchenv import BatchEnv, load_config, task
from batchenv.device_env import DeviceEnv
from batchenv.errors import InputError, UsageError
from batchenv.learn.rsl_rl_env import RslRlEnv
from batchenv.tasks.walk import WalkTask
from tests.learn.test_rsl_rl_env import runner_config


@task("own_clock")
class OwnClock(WalkTask):
    """Walking by another clock."""

    def advance(self, batch):
        super().advance(batch)


WORLDS, STEPS = 4, 3
WARP = {"environment.simulation.engine": "warp"}
CHANGES = WARP | {"environment.termination.terms.tilted.max_tilt": 0.03}  # some worlds fall over it


@pytest.fixture(scope="module")
def env() -> Iterator[DeviceEnv]:
    with DeviceEnv(load_config("walk").replace(CHANGES), WORLDS, seed=0, device="cpu") as env:
        yield env


def drawn_actions(action_dim: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0.0, 0.3, (STEPS, WORLDS, action_dim))


def test_worlds_do_as_those_of_the_host(env):
    """The same float32 physics, so that states are equal to the last bit; terms differ by rounding."""
    actions = drawn_actions(env.action_dim)
    with BatchEnv(load_config("walk").replace(CHANGES), WORLDS, seed=0, device="cpu") as host:
        np.testing.assert_allclose(env.reset(seed=0).numpy(), host.reset(), rtol=0, atol=1e-6)
        for each in (env, host):
            each.set_episode_steps([0, 0, env.max_episode_steps - 2, 0])
        ended = np.zeros(2, int)
        for action in actions:
            ours, theirs = env.step(torch.from_numpy(action)), host.step(action)
            assert np.array_equal(env.worlds.qpos.numpy(), host.worlds.qpos.astype(np.float32))
            assert np.array_equal(env.worlds.slot("activation").numpy(), host.worlds.slot("activation"))
            dones = theirs[2]
            assert np.array_equal(ours[2].numpy(), dones)
            assert np.array_equal(env.terminated.numpy(), host.terminated)
            assert np.array_equal(env.truncated.numpy(), host.truncated)
            for mine, other in zip(ours[:2], theirs[:2], strict=True):
                np.testing.assert_allclose(mine.numpy(), other, rtol=0, atol=1e-5)
            for name, values in host.reward_terms.items():
                np.testing.assert_allclose(env.reward_terms[name].numpy(), values, rtol=0, atol=1e-5)
            for name in ("final_obs", "episode_returns", "episode_lengths"):
                mine, other = getattr(env, name).numpy(), getattr(host, name)
                np.testing.assert_allclose(mine[dones], other[dones], rtol=0, atol=1e-5)
            ended += host.terminated.sum(), host.truncated.sum()
        assert ended[0] > 0 and ended[1] == 1
        assert np.array_equal(env.episode_steps.numpy(), host.episode_steps)


def test_results_outlive_the_next_step_and_are_repeated_from_a_snapshot(env):
    first = env.reset(seed=3)
    kept = first.clone()
    snapshot = env.snapshot()
    actions = torch.from_numpy(drawn_actions(env.action_dim))[:1]
    seen = [env.step(action)[0] for action in actions]
    assert torch.equal(first, kept)
    assert torch.equal(env.restore(snapshot), kept)
    assert all(torch.equal(env.step(action)[0], obs) for action, obs in zip(actions, seen, strict=True))


def test_worlds_stepped_in_inference_mode_are_reset_outside_of_it(env):
    env.reset(seed=0)
    with torch.inference_mode():
        env.step(torch.zeros(WORLDS, env.action_dim))
    env.reset(mask=np.arange(WORLDS) < 2)
    assert env.episode_steps.tolist() == [0, 0, 1, 1]


def test_a_mask_resets_some_worlds(env):
    env.reset(seed=0)
    env.step(torch.zeros(WORLDS, env.action_dim))
    before, obs = env.worlds.qpos.clone(), env._obs
    after = env.reset(mask=torch.tensor([False, True, False, False]))
    still = [0, 2, 3]
    assert torch.equal(env.worlds.qpos[still], before[still]) and torch.equal(after[still], obs[still])
    assert not torch.equal(env.worlds.qpos[1], before[1])
    assert env.episode_steps[1] == 0


def test_a_world_that_diverges_ends_its_episode_alone(env):
    env.reset(seed=0)
    start, zero, failures = env.snapshot(), torch.zeros(WORLDS, env.action_dim), env.failures
    env.step(zero)
    sound = env.worlds.qpos[1].clone()
    before = env.restore(start)
    env.worlds.qvel[0] = 1e15
    obs, rewards, dones = env.step(zero)
    assert env.diverged.tolist() == [True, False, False, False] and dones[0] and rewards[0] == 0.0
    assert torch.equal(env.final_obs[0], before[0]) and obs.isfinite().all()
    assert torch.equal(env.worlds.qpos[1], sound)
    assert env.failures == failures + 1 and not env.worlds.failed.any()


def test_wrong_actions_move_no_world(env):
    env.reset(seed=0)
    before = env.worlds.qpos.clone()
    wrong = torch.zeros(WORLDS, env.action_dim)
    wrong[2, 1] = torch.nan
    with pytest.raises(InputError, match=r"actions hold nan for world 2, joint_target/.* \(column 1\)"):
        env.step(wrong)
    with pytest.raises(InputError, match=r"actions have shape \(4, 2\), expected \(num_envs, action_dim\)"):
        env.step(torch.zeros(WORLDS, 2))
    with pytest.raises(InputError, match="actions have dtype complex64, expected real numbers"):
        env.step(torch.zeros(WORLDS, env.action_dim, dtype=torch.complex64))
    with pytest.raises(InputError, match="actions: no array can be made of this Tensor"):
        env.step(torch.zeros(WORLDS, env.action_dim).to_sparse())
    with pytest.raises(InputError, match="actions: no array can be made of this Tensor"):
        env.step(torch.zeros(WORLDS, env.action_dim, device="meta"))
    assert torch.equal(env.worlds.qpos, before)
    env.step(torch.zeros(WORLDS, env.action_dim))


class Asked(TorchFunctionMode):
    """Notes every method by which Torch hands numbers of a tensor to the host."""

    HANDS_OVER = (
        *("cpu", "numpy", "__array__", "__bool__", "__float__", "__index__", "__int__", "item", "tolist"),
        *("argwhere", "equal", "masked_select", "nonzero"),
    )

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if (name := getattr(func, "__name__", "")) in self.HANDS_OVER:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


class Masked(TorchDispatchMode):
    """Notes indices that are masks, which a GPU counts before it goes on."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in (torch.ops.aten.index, torch.ops.aten.index_put_):
            places = [index for index in args[1] if index is not None]
            self.found += [str(func) for index in places if index.dtype == torch.bool]
        return func(*args, **(kwargs or {}))


def test_a_step_hands_the_host_one_byte_of_each_world_alone(env):
    """On a GPU everything else would wait for it; the CPU device does the same work with the same code."""
    env.reset(seed=0)
    env.set_episode_steps([0, 0, env.max_episode_steps - 1, 0])  # an episode ends, and another one begins
    with Asked() as asked, Masked() as masked:
        dones = env.step(torch.zeros(WORLDS, env.action_dim))[2]
    assert dones.any() and not dones.all()
    assert asked.found == ["__bool__", "cpu", "numpy"]  # whether actions are finite; what the step tells
    assert masked.found == []


def test_a_closed_environment_says_so(env):
    with DeviceEnv(env.config, 1, seed=0, device="cpu") as closed:
        closed.reset()
        snapshot = closed.snapshot()
    closed.close()
    zero = torch.zeros(1, env.action_dim)
    for call in (closed.reset, closed.snapshot, lambda: closed.step(zero), lambda: closed.restore(snapshot)):
        with pytest.raises(UsageError, match="this DeviceEnv is closed: build a new one"):
            call()


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copies_and_pickles_say_what_to_do_instead(env, take):
    with pytest.raises(UsageError, match=r"copied nor pickled: build another one .* env.snapshot\(\)"):
        take(env)


def test_more_worlds_than_memory_holds_are_refused(env):
    with pytest.raises(InputError, match=r"num_envs is 1000000000; a world takes .* this machine has"):
        DeviceEnv(env.config, 10**9, seed=0, device="cpu")


def test_snapshots_travel_between_host_and_device_but_not_between_engines(env):
    env.reset(seed=0)
    env.step(torch.zeros(WORLDS, env.action_dim))
    snapshot = env.snapshot()
    with BatchEnv(env.config, WORLDS, seed=5, device="cpu") as host:
        host.restore(snapshot)
        assert np.array_equal(host.snapshot().worlds.state, snapshot.worlds.state)
        again = host.snapshot()
    env.reset()
    env.restore(again)
    assert np.array_equal(env.snapshot().worlds.state, snapshot.worlds.state)
    config = env.config.replace({"environment.simulation.engine": "numba"})
    refused = pytest.raises(InputError, match=r"simulation.engine is 'warp' there and 'numba' here")
    with BatchEnv(config, WORLDS, 1, seed=0) as numba, refused:
        numba.restore(snapshot)


@pytest.mark.slow
def test_rsl_rl_learns_from_tensors_of_the_device(env):
    adapter = RslRlEnv(env)
    runner = OnPolicyRunner(adapter, runner_config(), device=adapter.device)
    before = [parameter.clone() for parameter in runner.alg.actor.parameters()]
    runner.learn(2, init_at_random_ep_len=True)
    after = runner.alg.actor.parameters()
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert adapter.get_observations()["policy"].data_ptr() == env._obs.data_ptr()
    assert torch.equal(adapter.episode_length_buf, env.episode_steps)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"environment.task": "own_clock"}, "task 'own_clock', which has its own advance"),
        (
            {
                "environment.observation.noise": {"joint_pos": 0.1},
                "environment.events.push": {},
                "environment.curriculum": {},
            },
            "environment.curriculum, environment.observation.noise, environment.events.push",
        ),
        ({"environment.motion.smooth": True}, "does not support environment.motion.smooth;"),
        ({"environment.action.smooth": True}, "does not support environment.action.smooth;"),
        ({"environment.simulation.engine": "numba"}, "DeviceEnv needs environment.simulation.engine warp"),
    ],
)
def test_what_only_the_host_does_is_refused_by_name(changes, named):
    config = load_config("walk").replace(WARP | changes)
    with pytest.raises(UsageError, match=named):
        DeviceEnv(config, 1, seed=0, device="cpu")
