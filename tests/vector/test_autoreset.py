"""When worlds are reset: each mode against Gymnasium's own `SyncVectorEnv` of single worlds."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from batchenv import BatchEnv, Env, InputError, UsageError, VectorEnv, load_config
from tests.vector.worlds import SHORT, actions_of, same

N = 6
SEEDS = list(range(100, 100 + N))


@pytest.fixture(scope="module", params=list(AutoresetMode), ids=lambda mode: mode.name)
def both(request):
    ours = VectorEnv("walk", N, autoreset_mode=request.param, num_threads=2, **SHORT)
    theirs = SyncVectorEnv([lambda: Env("walk", **SHORT)] * N, autoreset_mode=request.param)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_every_mode_is_that_of_gymnasiums_own_vector_environment(both):
    ours, theirs = both
    assert np.array_equal(ours.reset(seed=SEEDS)[0], theirs.reset(seed=SEEDS)[0])
    kinds = np.zeros((2, N), int)
    for step in range(70):
        actions = actions_of(step, N)
        obs, rewards, terminations, truncations, infos = ours.step(actions)
        expected = theirs.step(actions)
        assert np.array_equal(obs, expected[0]) and np.array_equal(rewards, expected[1])
        assert np.array_equal(terminations, expected[2]) and np.array_equal(truncations, expected[3])
        assert same(infos, expected[4])
        kinds += [terminations, truncations]
        ended = terminations | truncations
        if ours.autoreset_mode is AutoresetMode.DISABLED and ended.any():
            first = [env.reset(options={"reset_mask": ended.copy()})[0] for env in both]
            assert np.array_equal(*first)
    assert (kinds.sum(axis=0) >= 3).all() and kinds.sum(axis=1).min() >= 3  # falls and time limits, in all


def history_of_episodes(env, steps=60):
    """Rows that world 1 showed, episode by episode, however its resets came: observation, reward, ends."""
    obs, _ = env.reset(seed=4)
    episodes, k = [[obs[1].copy()]], 0
    over = False
    while k < steps:
        actions = np.zeros((3, env.single_action_space.shape[0]), np.float32)
        actions[1] = actions_of(len(episodes[-1]), 1)[0]
        obs, rewards, terminations, truncations, infos = env.step(actions)
        k += 1
        if env.autoreset_mode is AutoresetMode.NEXT_STEP and over:
            assert rewards[1] == 0.0 and not terminations[1] and not truncations[1]
            assert not infos.get("_reward_terms", np.zeros(3, bool))[1]
            episodes.append([obs[1].copy()])
            over = False
            continue
        over = bool(terminations[1] or truncations[1])
        last = infos["final_obs"][1] if over and "final_obs" in infos else obs[1]
        episodes[-1].append(np.r_[last, rewards[1], terminations[1], truncations[1]])
        ended = terminations | truncations
        if env.autoreset_mode is AutoresetMode.DISABLED and ended.any():
            obs, _ = env.reset(options={"reset_mask": ended})
        if over and env.autoreset_mode is not AutoresetMode.NEXT_STEP:
            episodes.append([obs[1].copy()])
    return episodes


def test_all_modes_show_the_same_episodes():
    found = []
    for mode in AutoresetMode:
        env = VectorEnv("walk", 3, autoreset_mode=mode, num_threads=1, **SHORT)
        found.append(history_of_episodes(env))
        env.close()
    assert min(map(len, found)) >= 3
    for episodes in zip(*[each[:-1] for each in found], strict=False):
        for other in episodes[1:]:
            assert len(other) == len(episodes[0])
            assert all(np.array_equal(a, b) for a, b in zip(other, episodes[0], strict=True))


def test_next_step_shows_the_last_observation_and_then_the_first():
    with BatchEnv("walk", 4, 1, seed=3, autoreset="next_step") as late, BatchEnv("walk", 4, 1, seed=3) as env:
        late.reset(), env.reset()
        dones = np.zeros(4, bool)
        while not dones.any():
            obs, _, dones = env.step(np.zeros((4, 14)))
            late_obs, _, late_dones = late.step(np.zeros((4, 14)))
        assert np.array_equal(dones, late_dones)
        assert np.array_equal(late_obs[dones], env.final_obs[dones])
        first = obs[dones].copy()
        late_obs, rewards, late_dones = late.step(np.ones((4, 14)))
        assert (
            np.array_equal(late_obs[dones], first)
            and not rewards[dones].any()
            and not late_dones[dones].any()
        )
        assert not late.diverged.any() and rewards[~dones].all()


def test_a_snapshot_holds_which_worlds_wait_to_be_reset():
    config = load_config("walk").replace({"environment.episode.max_seconds": 0.2})
    with BatchEnv(config, 2, 1, seed=0, autoreset="next_step") as env:
        env.reset()
        while not env.step(np.zeros((2, 14)))[2].any():
            pass
        snapshot = env.snapshot()
        futures = []
        for _ in range(2):
            env.restore(snapshot)
            futures.append([env.step(actions_of(k, 2))[0].copy() for k in range(4)])
        assert np.array_equal(*futures)
        env.reset(3)
        env.step(np.zeros((2, 14)))
        env.restore(snapshot)
        assert not env.step(np.ones((2, 14)))[1].any()  # both begin anew


def test_disabled_refuses_to_step_an_ended_world_and_resets_a_mask_alone():
    env = VectorEnv("walk", 3, autoreset_mode="Disabled", num_threads=1, **SHORT)
    env.reset(seed=0)
    for _ in range(15):
        _, _, terminations, truncations, _ = env.step(np.zeros((3, 14)))
        ended = terminations | truncations
        if ended.any():
            break
    before = env.batch.worlds.batch.state.copy()
    with pytest.raises(UsageError, match=r"the episodes of worlds \[.*\] are over"):
        env.step(np.zeros((3, 14)))
    assert np.array_equal(env.batch.worlds.batch.state, before)
    env.reset(options={"reset_mask": ended})
    after = env.batch.worlds.batch.state
    assert np.array_equal(after[~ended], before[~ended]) and not np.array_equal(after[ended], before[ended])
    assert not any(end.any() for end in env.step(np.zeros((3, 14)))[2:4]) or not ended.all()
    env.close()


def test_a_diverged_world_is_told_of_and_reset_like_any_other(caplog):
    env = VectorEnv("walk", 3, autoreset_mode="NextStep", num_threads=1, seed=0)
    env.reset()
    env.batch.worlds.qvel[2, :3] = 1e14
    _, rewards, terminations, _, infos = env.step(np.zeros((3, 14)))
    assert terminations.tolist() == infos["diverged"].tolist() == [False, False, True] and rewards[2] == 0.0
    _, _, terminations, _, infos = env.step(np.zeros((3, 14)))
    assert not terminations.any() and not infos["diverged"].any() and not infos["_diverged"][2]
    assert env.batch.failures == 1 and caplog.text.count("diverged") == 1
    env.close()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.array([True, False]), r"shape \(2,\), dtype bool .* expected \(num_envs,\) = \(3,\) of bool"),
        (np.array([1, 0, 0]), "dtype int64"),
        (np.zeros(3, bool), "0 worlds in it"),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(mask, message):
    env = VectorEnv("walk", 3, autoreset_mode="Disabled", num_threads=1)
    env.reset(seed=0)
    with pytest.raises(InputError, match=message):
        env.reset(options={"reset_mask": mask})
    env.close()


def test_a_mask_before_the_first_reset_is_refused():
    env = VectorEnv("walk", 2, autoreset_mode=AutoresetMode.DISABLED, num_threads=1)
    with pytest.raises(UsageError, match="before all worlds were reset"):
        env.reset(options={"reset_mask": np.array([True, False])})
    env.close()


@pytest.mark.parametrize("mode", ["sometimes", None])
def test_a_mode_that_does_not_exist_is_refused(mode):
    with pytest.raises(InputError, match=r"autoreset_mode is .* expected one of AutoresetMode.NEXT_STEP"):
        VectorEnv("walk", 1, autoreset_mode=mode)
    with pytest.raises(InputError, match="autoreset is 'next_stap'.*Did you mean 'next_step'"):
        BatchEnv("walk", 1, autoreset="next_stap")


def test_the_mode_is_in_the_metadata_where_wrappers_look_for_it():
    env = gymnasium.make_vec("batchenv/Walk-v0", num_envs=1, autoreset_mode="SameStep")
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    env.close()
