import math
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as wrappers

import batchenv
from batchenv import BatchEnv, ConfigError, Env, InputError, UsageError, VectorEnv
from batchenv.registration import preset_id
from tests.presets import EACH_PRESET
from tests.tasks.test_command import CONFIG
from tests.vector.worlds import SHORT, actions_of


@pytest.fixture(scope="module")
def envs():
    env = VectorEnv("walk", 4, num_threads=2, **SHORT)
    yield env
    env.close()


def test_a_seed_gives_the_same_bits_again_and_another_seed_another_start_in_every_world(envs):
    first, second = (envs.reset(seed=5)[0] for _ in range(2))
    assert np.array_equal(first, second) and first is not second
    step_one = envs.step(actions_of(0, 4))[:4]
    envs.reset(seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(envs.step(actions_of(0, 4))[:4], step_one, strict=True))
    other = envs.reset(seed=6)[0]
    assert not np.isclose(first, other).all(axis=1).any()
    assert not (first[:, None, :] == other[None]).all(axis=-1).any()  # nor the start of another world


def test_a_list_of_seeds_begins_each_world_as_world_0_of_that_seed(envs):
    listed = envs.reset(seed=[8, 9, 8, 10])[0]
    assert np.array_equal(listed[0], listed[2]) and not np.array_equal(listed[0], listed[1])
    for world, seed in enumerate((8, 9, 8, 10)):
        assert np.array_equal(envs.reset(seed=seed)[0][0], listed[world])
    again = envs.reset(seed=[None, 9, None, None])[0]
    assert np.array_equal(again[1], listed[1]) and not np.array_equal(again[0], listed[0])


def test_without_a_seed_the_next_episodes_follow(envs):
    episodes = [envs.reset(seed=2)[0], envs.reset()[0]]
    assert not (episodes[0] == episodes[1]).all(axis=1).any()
    envs.reset(seed=2)
    assert np.array_equal(envs.reset()[0], episodes[1])


@pytest.mark.parametrize(
    ("seed", "message"),
    [([1, 2], "seed holds 2 numbers, expected one for each of 4 worlds"), ([1, 2, 3, -4], "seed is -4")],
)
def test_seeds_that_cannot_be_meant_are_refused_and_no_world_is_reset(envs, seed, message):
    envs.reset(seed=0)
    before = envs.batch.worlds.batch.state.copy()
    with pytest.raises(InputError, match=message):
        envs.reset(seed=seed)
    with pytest.raises(InputError, match="unknown option 'reset_musk' of reset; expected reset_mask"):
        envs.reset(options={"reset_musk": np.ones(4, bool)})
    assert np.array_equal(envs.batch.worlds.batch.state, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"copy": "yes"}, "copy is 'yes'; expected True or False"),
        (
            {"autoreset_mode": np.zeros((2, 2))},
            r"autoreset_mode is array\(\[\[0., 0.\], \[0., 0.\]\]\); expected",
        ),
        ({"action_limit": np.timedelta64(3)}, r"action_limit is np.timedelta64\(3\); expected a number"),
    ],
)
def test_options_of_a_wrong_kind_are_refused_in_one_line(options, message):
    with pytest.raises(InputError, match=message) as caught:
        VectorEnv("torque", 1, num_threads=1, **options)
    assert "\n" not in str(caught.value)


def test_bits_are_those_of_batch_env_where_actions_have_no_limit():
    env = VectorEnv("walk", 3, autoreset_mode="SameStep", num_threads=1, action_limit=math.inf)
    assert env.single_action_space == env.batch.single_action_space
    with BatchEnv("walk", 3, 1) as plain:
        assert np.array_equal(env.reset(seed=1)[0], plain.reset(1))
        for step in range(40):
            actions = 2.0 * actions_of(step, 3)
            obs, rewards, terminations, truncations, _ = env.step(actions)
            expected = plain.step(actions)
            assert np.array_equal(obs, expected[0]) and np.array_equal(rewards, expected[1])
            assert np.array_equal(terminations | truncations, expected[2])
    env.close()


def test_actions_are_cut_to_the_bounds_of_their_space(envs):
    results = []
    for scale in (1.0, 50.0):
        envs.reset(seed=0)
        results.append(envs.step(scale * np.sign(actions_of(3, 4)))[0])
    assert np.array_equal(*results)
    excite = VectorEnv("excite", 1, num_threads=1, action_limit=7.0)
    assert excite.single_action_space == gymnasium.spaces.Box(0.0, 1.0, (80,))
    excite.close()


def test_observations_stay_in_a_space_whose_bounds_are_those_of_their_quantities(envs):
    space, names = envs.single_observation_space, [column.name for column in envs.batch.obs_layout]
    assert envs.observation_space.shape == (4, len(names))
    bounds = {
        "joint_vel/knee_angle_r": (-np.inf, np.inf),
        "root_linvel/forward": (-np.inf, np.inf),
        "foot_load/right": (-np.inf, np.inf),
        "heading": (-np.float32(np.pi), np.float32(np.pi)),
        "root_up/up": (-1, 1),
        "phase/sin": (-1, 1),
        "previous_action/joint_target/hip_flexion_r": (-1, 1),
    }
    for name, (low, high) in bounds.items():
        column = names.index(name)
        assert (space.low[column], space.high[column]) == (low, high)
    knee = names.index("reference_pos/knee_angle_r")
    assert space.low[knee] > -0.2 and 0.8 < space.high[knee] < 1.6  # [rad]
    obs, _ = envs.reset(seed=0)
    seen = [obs]
    for step in range(60):
        obs = envs.step(1.5 * actions_of(step, 4))[0]
        assert envs.observation_space.contains(obs)
        seen.append(obs)
    reached = np.concatenate(seen)
    assert (
        reached[:, knee].min() < space.low[knee] + 0.02 and reached[:, knee].max() > space.high[knee] - 0.02
    )


def test_the_reference_s_bounds_hold_for_every_stride_that_worlds_may_have():
    ranges = {"gait": {"stride": {"min": 0.5, "max": 1.5, "default": 1.5, "sampling": "fixed"}}}
    env = VectorEnv("walk", 8, num_threads=1, environment={"parameters": ranges})
    assert all(env.observation_space.contains(env.reset(seed=seed)[0]) for seed in range(20))
    env.close()


def test_wrappers_that_need_bounds_refuse_observations_that_have_none():
    with pytest.raises(ValueError, match="unbounded"):
        gymnasium.wrappers.RescaleObservation(Env("walk"), np.float32(-1), np.float32(1))


def test_actions_can_be_rescaled_to_the_bounds_of_their_space():
    env, plain = gymnasium.wrappers.RescaleAction(Env("excite"), np.float32(-1), np.float32(1)), Env("excite")
    env.reset(seed=0)
    plain.reset(seed=0)
    action = np.linspace(-1, 1, 80, dtype=np.float32)
    assert np.array_equal(env.step(action)[0], plain.step((action + 1) / 2)[0])
    env.close()
    plain.close()


def test_a_clock_beside_excitations_may_run_slow_and_weak_actions_reach_full_excitation():
    env = VectorEnv("excite", 1, num_threads=1, environment={"action": {"time_warping": 0.2, "scale": 0.5}})
    space, whole = env.single_action_space, env.batch.single_action_space
    assert (space.low[0], space.high[0], space.low[80], space.high[80]) == (0.0, 1.0, -1.0, 1.0)
    assert (whole.high[0], whole.low[80], whole.high[80]) == (2.0, -np.inf, np.inf)
    env.close()


def test_a_relative_path_in_a_call_starts_in_the_working_directory(tmp_path, monkeypatch):
    shipped = Path(batchenv.__file__).parent / "data" / "ref_gait_myosuite_sym.csv"
    (tmp_path / "gait.csv").write_text(shipped.read_text())
    monkeypatch.chdir(tmp_path)
    env = gymnasium.make("batchenv/Walk-v0", environment={"motion": {"file": "gait.csv"}})
    assert env.unwrapped.batch.config.environment.motion.file == str(tmp_path / "gait.csv")
    env.close()


def test_returned_arrays_last_unless_copies_are_declined(envs):
    envs.reset(seed=0)
    kept = envs.step(actions_of(0, 4))
    frozen = [np.copy(part) for part in kept[:4]]
    later = envs.step(actions_of(1, 4))
    assert all(np.array_equal(a, b) for a, b in zip(kept[:4], frozen, strict=True))
    assert not any(np.shares_memory(a, b) for a, b in zip(kept[:4], later[:4], strict=True))
    assert kept[4]["reward_terms"]["pose"] is not later[4]["reward_terms"]["pose"]
    live = VectorEnv("walk", 2, num_threads=1, copy=False)
    assert live.reset()[0] is live.step(np.zeros((2, 14)))[0]
    live.close()


def test_reward_terms_in_infos_add_up_to_the_reward(envs):
    envs.reset(seed=0)
    _, rewards, _, _, infos = envs.step(actions_of(0, 4))
    weights = {name: term.weight for name, term in envs.batch.config.environment.reward.items()}
    total = sum(weight * infos["reward_terms"][name] for name, weight in weights.items())
    assert total == pytest.approx(rewards, rel=1e-5)
    assert infos["_reward_terms"].all() and infos["reward_terms"]["_pose"].all()


@pytest.mark.parametrize("mode", list(AutoresetMode), ids=lambda mode: mode.name)
def test_gymnasiums_statistics_wrapper_counts_the_episodes(mode):
    env = wrappers.RecordEpisodeStatistics(
        VectorEnv("walk", 4, autoreset_mode=mode, num_threads=1, **SHORT), buffer_length=1000
    )
    env.reset(seed=0)
    returns, lengths = [], []
    for step in range(40):
        _, _, terminations, truncations, infos = env.step(actions_of(step, 4))
        ended = terminations | truncations
        if ended.any():
            assert np.array_equal(infos["_episode"], ended)
            returns += env.unwrapped.batch.episode_returns[ended].tolist()
            lengths += env.unwrapped.batch.episode_lengths[ended].tolist()
            if mode is AutoresetMode.DISABLED:
                env.reset(options={"reset_mask": ended})
    assert len(lengths) >= 8 and list(env.length_queue) == lengths
    assert list(env.return_queue) == pytest.approx(returns, rel=1e-5)
    env.close()


def test_gymnasiums_other_wrappers_work_on_it():
    env = gymnasium.make_vec("batchenv/Walk-v0", num_envs=4, num_threads=1)
    env = wrappers.NormalizeObservation(wrappers.ClipReward(env, max_reward=0.5))
    env = wrappers.NormalizeReward(wrappers.FlattenObservation(env))
    env = (
        wrappers.NumpyToTorch(wrappers.ClipAction(env))
        if "torch" in sys.modules
        else wrappers.ClipAction(env)
    )
    obs, _ = env.reset(seed=0)
    for _ in range(30):
        obs, _, _, _, _ = env.step(env.action_space.sample() if "torch" not in sys.modules else obs[:, :14])
    assert np.abs(np.asarray(obs)).max() < 100.0  # normalised
    env.close()


@pytest.mark.parametrize("preset", EACH_PRESET)
def test_every_preset_has_an_id_for_one_world_and_for_many(preset):
    many = gymnasium.make_vec(preset_id(preset), num_envs=2, num_threads=1)
    one = gymnasium.make(preset_id(preset))
    assert isinstance(many, VectorEnv) and many.spec.id == preset_id(preset)
    obs, single = many.reset(seed=3)[0], one.reset(seed=3)[0]
    assert np.array_equal(obs[0], single)
    for _ in range(3):
        actions = many.action_space.sample()
        obs, rewards, terminations, truncations, _ = many.step(actions)
        single, reward, terminated, truncated, _ = one.step(actions[0])
        assert np.array_equal(obs[0], single) and rewards[0] == reward
        assert (terminations[0], truncations[0]) == (terminated, truncated)
    many.close()
    one.close()


def test_keywords_override_values_of_the_preset():
    env = gymnasium.make_vec(
        "batchenv/Walk-v0",
        num_envs=1,
        environment={"episode": {"max_seconds": 3.0}, "reward": {"pose": {"weight": 1.5}}},
        **{"environment.simulation.sim_hz": 600},
    )
    changed = env.batch.config.environment
    assert (changed.episode.max_seconds, changed.simulation.sim_hz) == (3.0, 600)
    assert changed.reward["pose"].weight == 1.5 and changed.reward["upright"].weight == 0.1
    env.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_thread": 2}, InputError, "unknown keyword 'num_thread'. Did you mean 'num_threads'?"),
        ({"enviroment": {}}, InputError, "Did you mean 'environment'?"),
        ({"environment": {"episode": {"max_second": 1.0}}}, ConfigError, "Did you mean 'max_seconds'?"),
        (
            {"action_limit": 0.0},
            InputError,
            "action_limit is 0.0; expected a number from 1e-12 to 1e+12, or math",
        ),
        ({"action_limit": 1e39}, InputError, "action_limit is 1e+39; expected a number from"),
        ({"action_limit": math.nan}, InputError, "action_limit is nan; expected a number from"),
        ({"action_limit": True}, InputError, "action_limit is true; expected a number from"),
        ({"action_limit": "1"}, InputError, "action_limit is '1'; expected a number from"),
        ({"action_limit": [1.0] * 99}, InputError, "action_limit is [1.0, 1.0"),
        ({"data_root": []}, ConfigError, "data_root = []: give the path of a directory"),
        ({"trust": 1}, ConfigError, "trust = 1: give True or False"),
        ({"environment": 3}, ConfigError, "environment = 3: give a mapping of keys to values"),
        (
            {"environment": {"ground": {"friction": np.float32(-1)}}},
            ConfigError,
            "friction = -1.0: give a number",
        ),
        ({"environment.": {}}, ConfigError, "'environment.' is no path of a key"),
        (
            {"training": {"hidden": [10**9]}},
            ConfigError,
            "training.hidden.0 = 1000000000: give a number of at",
        ),
        ({"render_mode": "human"}, InputError, "render_mode is 'human'; expected None or one of rgb_array"),
        ({"num_envs": 0}, InputError, "num_envs is 0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(arguments, error, message):
    with pytest.raises(error) as caught:
        VectorEnv("walk", **arguments)
    assert message in str(caught.value)


def test_a_closed_environment_can_be_closed_again_and_refuses_the_rest():
    env = VectorEnv("walk", 1, num_threads=1)
    with pytest.raises(UsageError, match="call env.reset"):
        env.step(np.zeros((1, 14)))
    env.close()
    env.close()
    with pytest.raises(UsageError, match="is closed"):
        env.reset()


@pytest.mark.parametrize(
    "actions", [np.zeros((4, 13)), np.full((4, 14), np.nan), np.full((4, 14), "x"), None]
)
def test_actions_that_cannot_be_meant_are_refused(envs, actions):
    envs.reset(seed=0)
    with pytest.raises(InputError, match="actions h(ave|old)"):
        envs.step(actions)


def test_gymnasium_imports_the_package_that_an_id_names():
    code = (
        "import gymnasium, sys\n"
        "env = gymnasium.make('batchenv:batchenv/Walk-v0')\n"
        "loaded = [name in sys.modules for name in ('torch', 'stable_baselines3')]\n"
        "print(env.reset(seed=0)[0] in env.observation_space, *loaded)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


def test_the_package_names_its_environments():
    assert {"BatchEnv", "Env", "VectorEnv"} <= set(batchenv.__all__)
    assert all(hasattr(batchenv, name) for name in batchenv.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'VecEnv'"):
        _ = batchenv.VecEnv


def test_a_snapshot_that_the_batch_restores_brings_back_which_worlds_wait():
    envs = VectorEnv("torque", 2, environment={"episode": {"max_seconds": 0.1}})
    with closing(envs):
        envs.reset(seed=0)
        fresh = envs.batch.snapshot()
        zeros = np.zeros(envs.action_space.shape)
        while not envs.step(zeros)[3].any():
            pass
        waiting = envs.batch.snapshot()
        assert envs.batch.waiting.all()
        envs.batch.restore(fresh)  # nobody waits, so that the step tells of both worlds
        assert envs.step(zeros)[4]["_reward_terms"].all()
        envs.batch.restore(waiting)  # the step resets both, and has nothing to tell
        assert envs.step(zeros)[4] == {}


def test_commands_are_set_as_in_the_batch_that_steps():
    with closing(VectorEnv(CONFIG, 3, num_threads=1)) as envs:
        before = envs.reset(seed=0)[0]
        obs = envs.set_command([0, 2], {"speed": [0.5, 1.5]})
        names = [column.name for column in envs.batch.obs_layout]
        assert obs[[0, 2], names.index("command/speed")].tolist() == [0.5, 1.5]
        assert np.array_equal(obs[1], before[1]) and obs is not envs.batch._obs
        with pytest.raises(InputError, match="there is no command 'sped'. Did you mean 'speed'"):
            envs.set_command([0], {"sped": 1.0})
