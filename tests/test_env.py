import gc
import os
import platform
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import batchenv
from batchenv import BatchEnv, ConfigError, InputError, UsageError
from batchenv.config import load_config
from tests.presets import EACH_PRESET

PRESET_FOLDER = Path(batchenv.__file__).parent / "presets"


def drive(env, steps, first=0):
    """Actions that depend on world and step alone; returns the rows of observations and rewards."""
    history = []
    for k in range(steps):
        rngs = [np.random.default_rng((k, first + i)) for i in range(env.num_envs)]
        actions = [rng.normal(0, 0.5, env.action_dim) for rng in rngs]
        obs, rewards, dones = env.step(np.array(actions, np.float32))
        history.append(np.c_[obs, rewards, dones])
    return np.array(history)


@pytest.fixture(scope="module")
def walk():
    with BatchEnv("walk", num_envs=4, num_threads=2, seed=0) as env:
        yield env


@pytest.mark.parametrize("preset", EACH_PRESET)
def test_the_seven_line_example_runs_with_the_text_of_any_preset(preset):
    yaml_content = (PRESET_FOLDER / f"{preset}.yaml").read_text()
    env = batchenv.BatchEnv(yaml_content, num_envs=32, seed=0)
    obs = env.reset()
    actions = np.zeros((32, env.action_dim))
    obs, rewards, dones = env.step(actions)
    assert obs.shape == (32, env.obs_dim) and rewards.shape == dones.shape == (32,)
    assert (obs.dtype, rewards.dtype, dones.dtype) == (np.float32, np.float32, np.bool_)
    assert np.isfinite(obs).all() and (rewards > 0).all() and not dones.any()
    assert obs.std(axis=0).max() > 0.1  # worlds start at different phases


def test_results_are_the_same_buffers_every_call(walk):
    first = (walk.reset(), *walk.step(np.zeros((4, 14)))[1:])
    second = walk.step(np.zeros((4, 14)))
    assert all(a is b for a, b in zip(first, second, strict=True))


def test_copies_are_new_arrays_that_last():
    with BatchEnv("walk", 2, 1, seed=0, copy=True) as env:
        first = env.reset()
        kept = first.copy()
        second, _, _ = env.step(np.zeros((2, 14)))
        assert not np.shares_memory(first, second) and np.array_equal(first, kept)
        assert not np.array_equal(first, second)


def test_the_layouts_name_every_column_with_a_unit(walk):
    assert len(walk.obs_layout) == walk.obs_dim and len(walk.action_layout) == walk.action_dim
    names = [column.name for column in walk.obs_layout]
    assert len(set(names)) == walk.obs_dim
    assert all(column.unit for column in walk.obs_layout + walk.action_layout)
    walk.reset()
    knee = names.index("joint_pos/knee_angle_l")
    expected = walk.worlds.qpos[:, walk.body.joint_qposadr[walk.body.joint_names.index("knee_angle_l")]]
    assert walk.step(np.zeros((4, 14)))[0][:, knee] == pytest.approx(expected, rel=1e-6)


def test_observations_and_actions_lie_in_their_spaces(walk):
    obs = walk.reset()
    assert walk.single_observation_space.contains(obs[0])
    assert walk.single_action_space.contains(np.zeros(walk.action_dim, np.float32))
    with BatchEnv("excite", 1, 1) as excite:
        assert excite.single_action_space.high.max() == 1.0 and excite.single_action_space.low.min() == 0.0


def test_same_seed_same_bits_at_any_number_of_threads_and_worlds():
    histories = []
    for num_envs, num_threads in ((3, 1), (8, 2), (32, 4), (1, 1)):
        with BatchEnv("walk", num_envs, num_threads, seed=5) as env:
            first = env.reset().copy()
            histories.append((first[:3], drive(env, 40)[:, :3]))
    assert histories[0][1][:, :, -1].sum() >= 3  # episodes end in between
    for first, history in histories[1:]:
        worlds = len(first)
        assert np.array_equal(first, histories[0][0][:worlds])
        assert np.array_equal(history, histories[0][1][:, :worlds])


def test_reset_with_the_same_seed_begins_the_same_again(walk):
    first, second = walk.reset(seed=3).copy(), walk.reset().copy()
    assert np.array_equal(walk.reset(seed=3), first)
    assert np.array_equal(walk.reset(), second)


def test_worlds_episodes_and_seeds_are_spread():
    with BatchEnv("walk", 64, 2, seed=0) as env:
        phases = []
        for seed in (0, None, 1):
            env.reset(seed)
            phases.append(env._state.phase.copy())
    values = np.concatenate(phases)
    assert len(np.unique(values)) == values.size
    for some in phases:  # 64 uniform numbers: each quarter of the cycle holds 16 +- 3.5
        counts = np.histogram(some, 4, (0, 1))[0]
        assert counts.min() >= 5
    assert abs(np.corrcoef(phases)[np.triu_indices(3, 1)]).max() < 0.5


def test_a_world_that_ends_shows_the_first_observation_of_its_next_episode(walk):
    walk.reset(seed=11)
    returns, lengths = np.zeros(4), np.zeros(4, int)
    while True:
        obs, rewards, dones = walk.step(np.zeros((4, 14)))
        returns, lengths = returns + rewards, lengths + 1
        if dones.any():
            break
    i = int(np.flatnonzero(dones)[0])
    kept = obs[i].copy(), walk.final_obs[i].copy()
    assert walk.terminated[i] and not walk.truncated[i]
    assert walk.episode_lengths[i] == lengths[i]
    assert walk.episode_returns[i] == pytest.approx(returns[i], rel=1e-5)
    height = walk.final_obs[i, 0]
    tilt = np.arccos(walk.final_obs[i, [c.name for c in walk.obs_layout].index("root_up/up")])
    heading = abs(walk.final_obs[i, [c.name for c in walk.obs_layout].index("heading")])
    terms = walk.config.environment.termination.terms
    limit = {key: value for keywords in terms.values() for key, value in keywords.items()}
    assert height < limit["min_height"] or tilt > limit["max_tilt"] or heading > limit["max_heading"]
    walk.reset(seed=11)
    assert np.array_equal(walk.reset()[i], kept[0])  # the second episode of the stream
    assert not np.array_equal(*kept)


def test_time_runs_out_as_truncation_not_as_failure():
    config = load_config("walk").replace({"environment.episode.max_seconds": 0.2})
    with BatchEnv(config, 2, 1, seed=0) as env:
        env.reset()
        for k in range(1, 7):
            _, _, dones = env.step(np.zeros((2, 14)))
            assert dones.all() == (k == 6)
        assert env.truncated.all() and not env.terminated.any() and (env.episode_lengths == 6).all()


def test_a_diverged_world_ends_alone(caplog):
    with BatchEnv("walk", 4, 2, seed=0) as env, BatchEnv("walk", 4, 2, seed=0) as quiet:
        for each in (env, quiet):
            each.reset()
            drive(each, 3)
        before = env._obs[2].copy()
        env.worlds.qvel[2, :3] = 1e14
        history, calm = drive(env, 1)[0], drive(quiet, 1)[0]
        assert env.terminated.tolist() == [False, False, True, False] and env.failures == 1
        assert np.array_equal(env.final_obs[2], before)
        assert env._rewards[2] == 0.0 and np.isfinite(history).all()
        assert "diverged" in caplog.text
        assert np.array_equal(np.delete(history, 2, axis=0), np.delete(calm, 2, axis=0))
        assert np.array_equal(drive(env, 5)[:, [0, 1, 3]], drive(quiet, 5)[:, [0, 1, 3]])


def test_a_snapshot_brings_the_same_future():
    with BatchEnv("walk", 3, 2, seed=0) as env:
        env.reset()
        drive(env, 10)
        snapshot = env.snapshot()
        future = drive(env, 40)
        obs = env.restore(snapshot)
        assert np.array_equal(obs, snapshot.obs)
        assert np.array_equal(drive(env, 40), future)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_actions_that_are_not_finite_are_refused_and_nothing_moves(walk, bad):
    walk.reset()
    actions = np.zeros((4, 14))
    actions[2, 3] = bad
    before = walk.worlds.batch.state.copy()
    with pytest.raises(InputError, match=r"for world 2, joint_target/knee_angle_r \(column 3\)"):
        walk.step(actions)
    assert np.array_equal(walk.worlds.batch.state, before)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=hnp.array_shapes(min_dims=0, max_dims=3, max_side=15).filter(lambda s: s != (4, 14)))
def test_actions_of_any_other_shape_are_refused(walk, shape):
    before = walk.worlds.batch.state.copy()
    with pytest.raises(InputError, match="expected .num_envs, action_dim. = .4, 14."):
        walk.reset() is not None and walk.step(np.zeros(shape))
    assert walk.worlds.batch.state.shape == before.shape


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_actions_of_any_memory_layout_and_type_are_read_right(walk, data):
    dtype = data.draw(st.sampled_from([np.float64, np.float32, np.float16, np.int8, np.uint16]))
    plain = data.draw(hnp.arrays(dtype, (4, 14), elements=st.integers(0, 1)))
    strided = np.zeros((8, 28), dtype)[::2, ::2]
    strided[:] = plain
    layouts = [plain.tolist(), np.asfortranarray(plain), strided, plain[::-1][::-1]]
    walk.reset(seed=0)
    expected = [x.copy() for x in walk.step(plain.astype(np.float64))]
    for actions in layouts:
        walk.reset(seed=0)
        assert all(np.array_equal(a, b) for a, b in zip(walk.step(actions), expected, strict=True))


@pytest.mark.parametrize(
    "actions", [np.full((4, 14), "x"), np.zeros((4, 14), complex), [[object()] * 14] * 4]
)
def test_actions_that_are_no_real_numbers_are_refused(walk, actions):
    walk.reset()
    with pytest.raises(InputError, match="expected real numbers"):
        walk.step(actions)


def test_calls_out_of_order_say_what_to_do():
    env = BatchEnv("walk", 1, 1)
    with pytest.raises(UsageError, match="call env.reset"):
        env.step(np.zeros((1, 14)))
    env.close()
    env.close()
    for call in (env.reset, lambda: env.step(np.zeros((1, 14))), env.snapshot):
        with pytest.raises(UsageError, match="is closed"):
            call()


@pytest.mark.parametrize("num_envs", [0, -1, 2.5, True, "3"])
def test_a_number_of_worlds_that_cannot_be_is_refused(num_envs):
    with pytest.raises(InputError, match="num_envs is"):
        BatchEnv("walk", num_envs)


@pytest.mark.parametrize("num_envs", [10**9, np.int64(10**15), 10**30])
def test_more_worlds_than_memory_holds_are_refused(num_envs):
    with pytest.raises(InputError, match=f"num_envs is {num_envs}; a world takes 0.25 MB at least, and this"):
        BatchEnv("walk", num_envs)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, True])
def test_a_seed_that_cannot_be_is_refused(walk, seed):
    with pytest.raises(InputError, match="seed is"):
        walk.reset(seed)


def test_a_reward_term_of_ones_own_file_is_used(tmp_path):
    (tmp_path / "my_terms.py").write_text(
        "from batchenv import reward_term\n\n"
        "@reward_term\n"
        "def knee_lift(joint_pos, *, joint: int = 3):\n"
        "    return joint_pos[:, joint]\n"
    )
    text = (PRESET_FOLDER / "walk.yaml").read_text()
    text = text.replace("  reward: ", "  reward:\n    my_terms.py:knee_lift: {weight: 2.0, joint: 10}  #", 1)
    (tmp_path / "mine.yaml").write_text(text)
    with BatchEnv(tmp_path / "mine.yaml", 2, 1, seed=0) as env, BatchEnv("walk", 2, 1, seed=0) as plain:
        for each in (env, plain):
            each.reset()
        rewards = env.step(np.zeros((2, 14)))[1]
        knee = env.worlds.qpos[:, env.body.joint_qposadr[10]]
        assert env.reward_terms["knee_lift"] == pytest.approx(knee)
        assert rewards == pytest.approx(plain.step(np.zeros((2, 14)))[1] + 2.0 * knee, rel=1e-5)


def test_torques_are_measured_for_a_term_that_asks_for_them(tmp_path):
    (tmp_path / "own.py").write_text(
        "from batchenv import reward_term\n\n"
        "@reward_term\n"
        "def knee(desired_torque, achieved_torque, residual_torque):\n"
        "    return (desired_torque - achieved_torque)[:, 3] / residual_torque[:, 3]\n"
    )
    config = load_config("walk").replace({"environment.reward": {f"{tmp_path}/own.py:knee": {"weight": 1.0}}})
    with BatchEnv(config, 3, 1, seed=0) as env:
        env.reset()
        ratio = env.step(np.zeros((3, 14)))[1]
        assert (np.abs(ratio) <= 1.0 + 1e-6).all() and ratio.any()  # a mean is within its root mean square


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poze": {"weight": 1.0}}, "no reward term 'poze'. Did you mean 'pose'?"),
        ({"pose": {"weight": 1.0, "scael": 2.0}}, "no such parameter. Did you mean 'scale'?"),
    ],
)
def test_a_reward_that_cannot_be_is_refused_by_name(changes, message):
    config = load_config("walk").replace({"environment.reward": changes})
    with pytest.raises(ConfigError, match=message.replace("?", r"\?").replace(".", r"\.")):
        BatchEnv(config, 1)


def test_parameters_are_drawn_for_each_world_and_episode():
    ranges = {
        "body": {"mass": {"all": {"min": 0.8, "max": 1.2, "default": 1.0}}},
        "ground": {"friction": {"min": 0.4, "max": 1.0, "default": 0.7, "sampling": "normal"}},
        "muscle": {"strength": {"all": {"min": 0.5, "max": 1.0, "default": 0.6, "sampling": "fixed"}}},
    }
    config = load_config("walk").replace({"environment.parameters": ranges})
    with BatchEnv(config, 16, 2, seed=0) as env:
        drawn = []
        for _ in range(2):
            env.reset()
            mass = env.worlds.expand("body_mass").sum(axis=1) / env.worlds.model.body_mass.sum()
            drawn.append(np.c_[mass, env.worlds.expand("geom_friction")[:, env.body.floor_geom, 0]])
        values = np.concatenate(drawn)
        assert len(np.unique(values[:, 0])) == 32 and np.ptp(values[:, 0]) > 0.2
        assert (values[:, 0] >= 0.8).all() and (values[:, 0] <= 1.2).all()
        assert (values[:, 1] >= 0.4).all() and (values[:, 1] <= 1.0).all() and np.ptp(values[:, 1]) > 0.1
        strength = env.worlds.expand("actuator_gainprm")[:, :, 2] / env.worlds.model.actuator_gainprm[:, 2]
        assert strength == pytest.approx(0.6)


def resident_mb():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


CONSTRUCTIONS = """
import ctypes, gc
from pathlib import Path
import numpy as np
from batchenv import BatchEnv, load_config

config = load_config("walk")

def construct(times):
    for _ in range(times):
        with BatchEnv(config, 4, 2, seed=0) as env:
            env.reset()
            env.step(np.zeros((4, env.action_dim)))

for _ in range(5):
    construct(10)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="reads what glibc holds")
def test_constructions_and_closings_leave_memory_flat():
    # By default glibc keeps freed blocks of 20 MB for a while; with these settings readings differ by 0.2 MB.
    glibc = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "1"}
    run = subprocess.run(
        [sys.executable, "-c", CONSTRUCTIONS], env=os.environ | glibc, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    _, first, *_, last = map(float, run.stdout.split())
    # A world takes 0.3 MB: a leak of one world at each of the 30 constructions between them would be 9 MB.
    assert last - first < 1.5


def test_a_closed_environment_is_freed_without_pythons_collector_of_cycles():
    for _ in range(2):  # the first one may leave frames of Numba's compiler behind
        env = BatchEnv("torque", 2, 1, seed=0)
        env.reset()
        env.step(np.zeros((2, env.action_dim)))
        kept = [weakref.ref(part) for part in (env, env.task, env.body, env.worlds)]
        env.close()
        del env
        alive = [part() is not None for part in kept]
    assert not any(alive)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_ten_thousand_steps_leave_memory_flat():
    config = load_config("walk").replace({"environment.simulation.sim_hz": 60})
    with BatchEnv(config, 1, 1, seed=0) as env:
        env.reset()
        actions = np.zeros((1, env.action_dim), np.float32)
        for _ in range(2_000):
            env.step(actions)
        before = resident_mb()
        for _ in range(10_000):
            env.step(actions)
    # An observation kept at each step would be 3 MB; `make soak` looks for smaller leaks.
    assert resident_mb() - before < 1.5


def test_a_part_of_a_batch_draws_what_its_worlds_would_draw_there():
    with BatchEnv("walk", 5, 1, seed=3) as whole, BatchEnv("walk", 2, 1, seed=3, first_world=3) as part:
        assert np.array_equal(whole.reset()[3:], part.reset())
        assert np.array_equal(whole.reset(8)[3:], part.reset(8))
    with pytest.raises(InputError, match="first_world is -1; expected a whole number from 0"):
        BatchEnv("walk", 2, first_world=-1)
