"""BatchEnv on GaitNet's world, with a small body."""

import json
from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.cli import main
from batchenv.errors import ConfigError
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.tasks.gaitnet.rewards import ENERGY, LOCOMOTION
from tests.gaitnet_files import gaitnet_data
from tests.tasks.gaitnet.small_scene import CONFIG, FIRST_PHASE, PERIOD, write_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene"))


def actions(env: BatchEnv, step: int) -> np.ndarray:
    """Actions that differ from world to world by its number alone."""
    rows = [np.random.default_rng((step, i)).normal(0.0, 1.0, env.action_dim) for i in range(env.num_envs)]
    return np.array(rows, np.float32)


def walked(env: BatchEnv, steps: int) -> list[np.ndarray]:
    """Observations, rewards and ends of some steps, side by side."""
    found = []
    for k in range(steps):
        obs, rewards, dones = env.step(actions(env, k))
        found.append(np.column_stack([obs, rewards, dones]))
    return found


def test_worlds_draw_and_step_the_same_bits_in_any_batch_and_on_any_threads(scene: Path):
    with BatchEnv(scene, 5, 1, seed=3) as one, BatchEnv(scene, 2, 2, seed=3) as other:
        first, second = one.reset().copy(), other.reset().copy()
        np.testing.assert_array_equal(first[:2], second)
        assert not np.array_equal(first[0], first[1])
        for five, two in zip(walked(one, 45), walked(other, 45), strict=True):
            np.testing.assert_array_equal(five[:2], two)


def test_snapshot_goes_on_with_the_same_bits(scene: Path):
    with BatchEnv(scene, 3, 2, seed=0) as env:
        env.reset()
        walked(env, 7)
        snapshot = env.snapshot()
        once = walked(env, 40)
        env.restore(snapshot)
        for first, second in zip(once, walked(env, 40), strict=True):
            np.testing.assert_array_equal(first, second)


def test_reward_is_the_product_of_its_factors(scene: Path):
    with BatchEnv(scene, 4, 1, seed=0) as env:
        env.reset()
        _, rewards, _ = env.step(actions(env, 0))
        assert tuple(env.reward_terms) == (*LOCOMOTION, *ENERGY)
        product = np.prod([env.reward_terms[name] for name in env.reward_terms], axis=0)
        np.testing.assert_allclose(rewards, product, rtol=1e-6)
        assert (rewards > 0).all() and (rewards < 1).all()


def test_loads_on_the_knees_are_factors_where_they_are_asked_for(scene: Path):
    pain = {"use": True, "use_max": True, "weight": 0.5, "max_weight": 0.2}
    config = load_config(scene).replace({f"environment.reward.knee_pain.{k}": v for k, v in pain.items()})
    with BatchEnv(scene, 3, 1, seed=0) as plain, BatchEnv(config, 3, 1, seed=0) as env:
        plain.reset()
        env.reset()
        for k in range(3):
            _, without, _ = plain.step(actions(plain, k))
            _, rewards, _ = env.step(actions(env, k))
            load = env.worlds.slot("load_log") / 1000.0
            mean, peak = env.reward_terms["knee_load"], env.reward_terms["knee_peak"]
            np.testing.assert_allclose(mean, np.exp(-0.5 * load.mean(axis=(1, 2))), rtol=1e-6)
            assert (peak <= np.exp(-0.2 * load.max(axis=(1, 2))) * (1 + 1e-6)).all() and (peak > 0).all()
            np.testing.assert_allclose(rewards, without * mean * peak, rtol=1e-5)
        assert (mean < 0.999).all()


def test_costs_that_are_added_stand_beside_loads_that_multiply(scene: Path):
    keys = {
        "environment.reward.knee_pain.use": True,
        "environment.reward.metabolic.multiplicative": False,
        "environment.reward.metabolic.scale": 0.25,
    }
    with BatchEnv(load_config(scene).replace(keys), 2, 1, seed=0) as env:
        env.reset()
        _, rewards, _ = env.step(actions(env, 0))
        terms = env.reward_terms
        walk, costs = np.prod([terms[n] for n in LOCOMOTION], axis=0), sum(terms[n] for n in ENERGY)
        np.testing.assert_allclose(rewards, walk * terms["knee_load"] + 0.25 * costs, rtol=1e-6)


def test_reward_is_clipped_before_a_step(scene: Path):
    keys = {"environment.reward.clip": {"step": 3, "value": 0.125}}
    with BatchEnv(load_config(scene).replace(keys), 2, 1, seed=0) as env:
        env.reset()
        found = [env.step(np.zeros((2, env.action_dim)))[1].copy() for _ in range(3)]
        assert (np.array(found[:2]) == 0.125).all() and (found[2] > 0.125).all()


def test_world_that_ends_shows_the_first_observation_of_its_next_episode(scene: Path):
    with BatchEnv(scene, 3, 1, seed=1) as env:
        env.reset()
        for k in range(60):
            obs, _, dones = env.step(actions(env, k))
            if dones.any():
                break
        assert dones.any()
        world = int(np.flatnonzero(dones)[0])
        assert env.final_obs[world, 1] < obs[world, 1]
        assert env.terminated[world] or env.episode_lengths[world] == 40
        names = [column.name for column in env.obs_layout]
        phase = obs[world, names.index("phase/local")] % 0.5
        assert 0.02 - 1e-6 <= phase <= 0.12 + 1e-6


def test_episode_is_truncated_after_horizon(scene: Path):
    config = load_config(scene).replace({"Horizon": 3})
    with BatchEnv(config, 2, 1, seed=0) as env:
        env.reset()
        for _ in range(3):
            assert not env.truncated.any()
            _, _, dones = env.step(np.zeros((2, env.action_dim)))
        assert dones.all() and env.truncated.all() and not env.terminated.any()


def test_time_of_an_episode_is_over_by_the_clock_of_its_phase_under_quirks(scene: Path):
    keys = {"environment.reward.eoe_type": "time", "environment.advanced.quirks": True}
    with BatchEnv(load_config(scene).replace(keys), 3, 1, seed=0) as env:
        env.reset()
        env._state.global_time[:] = 10.0 - env.control_dt * np.array([0.5, 1.5, 2.5])
        ended = []
        for _ in range(3):
            env.step(np.zeros((3, env.action_dim)))
            assert not env.terminated.any()
            ended.append(env.truncated.tolist())
        assert ended == [[True, False, False], [False, True, False], [False, False, True]]


def test_mirror_of_observations_is_its_own_inverse_and_swaps_sides(scene: Path):
    with BatchEnv(scene, 2, 1, seed=0) as env:
        obs = env.reset().copy()
        names = [column.name for column in env.obs_layout]
        image = env.mirror_obs(obs)
        np.testing.assert_allclose(env.mirror_obs(image), obs, atol=1e-6)
        left, right = names.index("position/TalusL/up"), names.index("position/TalusR/up")
        np.testing.assert_array_equal(image[:, left], obs[:, right])
        across = names.index("position/TalusL/left"), names.index("position/TalusR/left")
        np.testing.assert_array_equal(image[:, across[0]], -obs[:, across[1]])
        action = actions(env, 0)
        np.testing.assert_array_equal(env.mirror_action(env.mirror_action(action)), action)


def test_world_in_the_mirror_is_the_image_of_itself_half_a_cycle_on(scene: Path):
    config = load_config(scene).replace({"environment.advanced.enforce_symmetry": False})
    with BatchEnv(scene, 2, 1, seed=0) as env, BatchEnv(config, 2, 1, seed=0) as plain:
        seen, unseen = env.reset(), plain.reset()
        flipped = env.worlds.slot("mirrored")[:, -1] > 0
        assert not plain.worlds.slot("mirrored").any()
        expected = np.where(flipped[:, None], plain.mirror_obs(unseen.copy()), unseen)
        np.testing.assert_allclose(seen, expected, atol=2e-6)


def test_stride_and_cadence_are_drawn_and_seen(scene: Path):
    with BatchEnv(scene, 50, 1, seed=0) as env:
        obs = env.reset()
        assert [column.name for column in env.obs_layout[-2:]] == ["parameter/stride", "parameter/cadence"]
        stride, cadence = obs[:, -2], obs[:, -1]
        assert stride.min() < 0.85 and stride.max() > 1.15
        assert cadence.min() > 0.8 and cadence.max() < 1.25
        np.testing.assert_allclose(env.task.cycle(env._state), PERIOD * (60 / 60) / cadence, rtol=0.02)


def test_quirks_start_the_local_clock_at_zero_and_draw_no_parameters(scene: Path):
    quirky = load_config(scene).replace({"environment.advanced.quirks": True})
    with BatchEnv(scene, 8, 1, seed=0) as env, BatchEnv(quirky, 8, 1, seed=0) as original:
        env.reset()
        obs = original.reset()
        np.testing.assert_array_equal(env._state.local_time, env._state.global_time)
        assert (original._state.local_time == 0).all() and (original._state.global_time > 0).all()
        assert (obs[:, -2:] == 1.0).all()
        assert env.task.first_phase == pytest.approx(FIRST_PHASE) and original.task.first_phase == 0.0


def test_masked_reset_starts_the_clocks_of_its_worlds_alone(scene: Path):
    with BatchEnv(scene, 3, 1, seed=0) as env:
        env.reset()
        walked(env, 4)
        clocks = env._state.global_time, env._state.local_time
        before = [clock.copy() for clock in clocks]
        env.reset(mask=np.array([False, True, False]))
        for clock, was in zip(clocks, before, strict=True):
            np.testing.assert_array_equal(clock[[0, 2]], was[[0, 2]])
            assert clock[1] != was[1]


def test_feet_start_just_above_a_ground_of_any_height(tmp_path: Path):
    with BatchEnv(write_scene(tmp_path, ground_y=-4.5), 4, 1, seed=0) as env:
        env.reset()
        assert env.body.ground_height == pytest.approx(0.5)
        assert (env.worlds.bind("xipos")[:, env.body.body_id[env.body.contact_body], 1] > 0.5).all()
        env.step(np.zeros((4, env.action_dim)))
        assert not env.failures


def test_muscle_network_takes_weights_and_keeps_problems(scene: Path):
    with BatchEnv(scene, 3, 1, seed=0) as env:
        env.reset()
        env.step(actions(env, 0))
        samples = env.muscle_samples()
        assert np.isfinite(samples.torque).all() and np.abs(samples.jta_reduced).max() > 0
        resting = {name: np.zeros_like(values) for name, values in env.muscle_network().items()}
        env.set_muscle_network(resting)
        env.step(actions(env, 1))
        assert (env.worlds.slot("activation") == 0).all()


@pytest.mark.parametrize("kind", ["deepmimic", "scadiver"])
def test_imitation_pays_most_for_the_motion_itself(scene: Path, kind: str):
    changes = {"environment.reward.type": kind, "environment.parameters.gait": {}}
    with BatchEnv(load_config(scene).replace(changes), 4, 1, seed=0) as env:
        env.reset()
        rows, start = np.empty((len(env.reward_terms), 4)), np.empty(4)
        env.task.compute_rewards(env.task.quantities(env._batch), rows, start)
        most = 1.5 if kind == "deepmimic" else 1.0
        assert (start > 0.9 * most).all() and (start <= most).all()
        for k in range(8):
            _, rewards, _ = env.step(5.0 * actions(env, k))
        assert (rewards < start).all() and (rewards >= 0).all()


def test_policy_sees_what_it_has_to_do_with(scene: Path):
    def seen(**changes: object) -> list[str]:
        config = load_config(scene).replace({key.replace("__", "."): new for key, new in changes.items()})
        with BatchEnv(config, 2, 1, seed=0) as env:
            assert env.reset().shape[1] == len(env.obs_layout)
            return [column.name for column in env.obs_layout]

    imitating = {"environment__reward__type": "deepmimic"}
    both = seen()
    assert [name for name in both if name not in seen(**imitating)] == ["next_foothold"]
    unwarped = seen(environment__action__time_warping=-1.0)
    assert [name for name in both if name not in unwarped] == ["phase/local"]
    original = seen(**imitating, environment__advanced__quirks=True)
    assert original[:3] == ["place/left", "place/up", "place/forward"]


def test_gait_by_contact_runs(scene: Path):
    config = load_config(scene).replace({"environment.action.gait_phase_mode": "contact"})
    with BatchEnv(config, 4, 1, seed=0) as env:
        env.reset()
        _, _, dones = env.step(actions(env, 0))
        assert not dones.any()
        # All that pushes on the body are the contacts of its feet.
        pushed, total = env.worlds.slot("force_log")[:, -1].sum(axis=1), env.worlds.slot("constraint_force")
        assert np.abs(pushed).max() > 10.0
        np.testing.assert_allclose(pushed, total[:, :3], atol=1e-6)
        assert np.isfinite(np.concatenate(walked(env, 12))).all()


@pytest.mark.parametrize("actuator", ["mass_lower", "mass", "pd", "tor", "muscle"])
def test_every_actuator_moves_the_body(scene: Path, actuator: str):
    config = load_config(scene).replace({"environment.skeleton.actuator": actuator})
    with BatchEnv(config, 2, 1, seed=0) as env:
        first = env.reset().copy()
        obs, _, _ = env.step(np.full((2, env.action_dim), 0.5))
        assert np.isfinite(obs).all() and not np.array_equal(first, obs)


def test_motion_of_another_type_is_refused(tmp_path: Path):
    config = load_config(write_scene(tmp_path, CONFIG.replace("type: h5", "type: bvh")))
    with pytest.raises(ConfigError, match="environment.motion.type = 'bvh': walk.h5 is h5; give that"):
        BatchEnv(config, 1)


def test_training_learns_with_the_muscle_network_and_goes_on_from_its_checkpoint(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def train(*words: object) -> str:
        main([str(word) for word in ("train", *words, "--threads", 1)])
        return capsys.readouterr().out

    assert "finished at 256 steps" in train(scene, "--steps", 256, "--envs", 8, "--out", tmp_path / "run")
    before = load_checkpoint(tmp_path / "run")
    assert before.muscles is not None
    assert "finished at 512 steps" in train("--resume", tmp_path / "run", "--steps", 512)
    after = load_checkpoint(tmp_path / "run")
    name = next(iter(before.muscles["network"]))
    assert not np.array_equal(before.muscles["network"][name], after.muscles["network"][name])
    std = after.learner["actor_state_dict"]["distribution.std_param"].numpy()
    assert std == pytest.approx(2.7)


def test_check_prints_what_is_without_effect_and_then_a_configuration_that_means_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = write_scene(tmp_path, CONFIG.replace("actuator: mass_lower", "actuator: mass_lower, kv: 40"))
    main(["check", str(file), "--data", str(tmp_path)])
    printed = capsys.readouterr().out
    assert printed.startswith("# environment.muscle.pose_optimization has no effect")
    assert "# environment.skeleton.kv has no effect" in printed
    assert load_config(printed) == load_config(file)


def test_bench_measures_and_compares_with_no_constant(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "rows.json"
    main(["bench", str(scene), "--envs", "2", "--threads", "1", "--alternations", "5", "--json", str(file)])
    assert "times as fast" not in capsys.readouterr().out
    row = json.loads(file.read_text())["rows"][0]
    assert row["envs"] == 2 and row["cpu_ms_per_step"] > 0
    assert 0 < row["serial_share"] < 1


def test_original_s_own_files_run_unchanged():
    data = gaitnet_data()
    with BatchEnv((data / "A2_sep.yaml").read_text(), num_envs=32, data_root=data, seed=0) as env:
        obs = env.reset()
        assert obs.shape == (32, 506) and env.action_dim == 51 and env.max_episode_steps == 600
        obs, rewards, _ = env.step(np.zeros((32, 51)))
        assert np.isfinite(obs).all() and (rewards > 0.3).all()
