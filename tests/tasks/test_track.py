"""The task track: worlds imitate clips, each one of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, load_config
from batchenv.body import Body
from batchenv.motion import Clip, save_clip
from tests.motion.test_clip_table import circling

STRIDE = "@data/ref_gait_stride.csv"
CONFIG: dict[str, Any] = {
    "environment": {
        "task": "track",
        "skeleton": {"actuator": "pd", "kp": {"default": 250, "mtp_angle": 15}},
        "motion": {"files": [STRIDE], "loop": True},
        "reward": {
            "pose": {"weight": 0.3},
            "joint_velocity": {"weight": 0.1},
            "end_effectors": {"weight": 0.2},
            "root_place": {"weight": 0.2},
            "root_attitude": {"weight": 0.1},
            "root_velocity": {"weight": 0.1},
        },
    }
}
EXACT = {"environment.events": {"start_on_clip": {"joint_noise": 0.0, "velocity_noise": 0.0}}}


def built(num_envs: int = 3, seed: int = 2, **changes: Any) -> BatchEnv:
    changes = {f"environment.{path}": value for path, value in changes.items()}
    return BatchEnv(load_config(CONFIG).replace(EXACT | changes), num_envs, 1, seed=seed)


@pytest.fixture(scope="module")
def clips(body: Body, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Files of two clips: one goes straight for a second, the other around a circle, again and again."""
    folder: Path = tmp_path_factory.mktemp("clips")
    two = circling(body, 0.0, False), circling(body, 0.8, True)
    return [str(save_clip(clip, folder / f"{k}.npz")) for k, clip in enumerate(two)]


def test_walkers_begin_on_the_clip_anywhere_in_it():
    with built(16) as env:
        env.reset()
        q = env.task.quantities(env._batch)
        for own, wanted in (
            ("joint_pos", "reference_pos"),
            ("root_pos", "reference_root_pos"),
            ("root_linvel", "reference_root_linvel"),
            ("root_angvel", "reference_root_angvel"),
            ("heading", "reference_heading"),
        ):
            assert np.allclose(q[own], q[wanted], atol=1e-6), own
        assert np.allclose(q["root_turn"], 0.0, atol=1e-5)
        assert q["phase"].std() > 0.2
        for _ in range(2):
            _, rewards, dones = env.step(np.zeros((16, env.action_dim)))
        terms = env.reward_terms
        assert not dones.any() and (rewards > 0.5).all()
        assert {*terms} == {*CONFIG["environment"]["reward"]} and (terms["end_effectors"] > 0.8).all()


def test_policies_see_the_clip_ahead():
    with built(2, **{"motion.ahead": [0.2]}) as env:
        obs, names = env.reset(), [column.name for column in env.obs_layout]
        task, state = env.task, env.snapshot().task
        later = task.clips.at(state.clip, state.elapsed + 0.2)
        first = names.index(f"reference_ahead/0.2s/{task.joint_names[0]}")
        assert np.allclose(obs[:, first : first + 14], later[:, :14], atol=1e-6)
        assert obs[:, names.index("path_ahead/0s/forward")] == pytest.approx(0.0, abs=1e-6)
        speed = task.clips.gait.speed
        assert obs[:, names.index("path_ahead/0.2s/forward")] == pytest.approx(0.2 * speed, abs=1e-3)
        mirrored = task.mirror_obs(task.mirror_obs(obs))
        assert np.array_equal(mirrored, obs)


def test_joints_count_by_their_weights():
    with built(2, **{"motion.joint_weight": {"ankle_angle": 0.1}}) as light, built(2) as equal:
        ankles = [name.startswith("ankle") for name in light.task.joint_names]
        weights = [env.task.quantities(env._batch)["tracked"] for env in (light, equal)]
        assert (
            np.array_equal(weights[0], np.where(ankles, 0.1, 1.0) * weights[1]) and weights[1][ankles].all()
        )


def test_each_world_follows_a_clip_of_its_own(clips: list[str]):
    with built(12, **{"motion.files": clips, "motion.loop": False}) as env:
        env.reset()
        state = env.snapshot().task
        assert set(state.clip) == {0, 1}
        for _ in range(3):
            env.step(np.zeros((12, env.action_dim)))
        q = env.task.quantities(env._batch)
        turned = q["reference_heading"] - state.begun * np.where(state.clip == 1, 0.8, 0.0)
        turned += np.where(state.clip == 1, env.task.clips.course[1], 0.0)
        here = env.episode_steps == 3
        expected = np.where(state.clip == 1, 0.8, 0.0) * 3 * env.control_dt
        assert here.any() and np.allclose(turned[here], expected[here], atol=1e-6)


def test_episodes_end_with_clips_that_do_not_repeat(clips: list[str]):
    lenient = {"termination.terms": {"fallen": {"min_height": 0.0}}}
    with built(4, **{"motion.files": clips[:1], "motion.loop": False}, **lenient) as env:
        env.reset()
        begun, ends = env.snapshot().task.begun, np.zeros(4, int)
        for k in range(1, 32):
            env.step(np.zeros((4, env.action_dim)))
            ends = np.where((ends == 0) & env.truncated, k, ends)
        assert ends == pytest.approx((1.0 - begun) / env.control_dt, abs=1.0)


def test_a_world_draws_the_same_clips_whatever_the_number_of_worlds_and_after_a_restore(clips: list[str]):
    def history(env: BatchEnv) -> np.ndarray:
        found = []
        for _ in range(25):
            found.append(env.step(np.full((env.num_envs, env.action_dim), 0.5))[0][:2].copy())
        return np.array(found)

    files = {"motion.files": [*clips, STRIDE]}
    with built(2, **files) as few, built(5, **files) as many:
        few.reset(), many.reset()
        history(few), history(many)  # episodes have failed by then, and parts are weighed
        snapshot = few.snapshot()
        assert (snapshot.task.failures < 1.0).any()
        first = history(few)
        assert np.array_equal(first, history(many))
        few.restore(snapshot)
        assert np.array_equal(first, history(few))


_OTHERS = ("hip_adduction", "hip_rotation", "ankle_angle", "subtalar_angle", "mtp_angle")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"motion.files": []}, "environment.motion.files: name at least one clip"),
        ({"motion.joint_weight": {"mtp_angel": 0.1}}, "no joint .mtp_angel.. Did you mean .mtp_angle."),
        (
            {"motion.joint_weight": dict.fromkeys(("hip_flexion", "knee_angle", *_OTHERS), 0.0)},
            "joint_weight: every joint has the weight 0",
        ),
        ({"motion.files": ["@data/human_emg_onoff.csv"]}, "environment.motion.files: .*human_emg_onoff.csv"),
        ({"events": {"start_on_reference": {}}}, "begins episodes by the event start_on_clip"),
        ({"action.time_warping": 0.2}, "time_warping has no effect with the task track"),
        (
            {"parameters": {"gait": {"cadence": {"min": 0.8, "max": 1.2, "default": 1.0}}}},
            "follows clips as they are",
        ),
        (
            {"task": "walk", "events": {"start_on_reference": {}}},
            "motion.files has no effect with the task walk",
        ),
    ],
)
def test_what_the_task_cannot_follow_is_refused(changes: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        built(1, **changes)


def test_a_clip_of_another_body_is_named_by_its_own_file(tmp_path: Path):
    time = np.arange(3.0) / 10
    clip = Clip(
        times=time,
        joint_names=("knee_angle_r",),
        joint_pos=np.zeros((3, 1)),
        root_pos=np.zeros((3, 3)),
        root_quat=np.tile([1.0, 0.0, 0.0, 0.0], (3, 1)),
        source="walk.mot",
        body="another",
    )
    save_clip(clip, tmp_path / "fitted.npz")
    with pytest.raises(ConfigError, match=r"files: .*fitted.npz: walk.mot: the clip is fitted to another"):
        built(1, **{"motion.files": [str(tmp_path / "fitted.npz")]})
