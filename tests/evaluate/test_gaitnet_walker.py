"""Walkers of GaitNet's world in all the rooms that judge and show walkers."""

from contextlib import closing

import numpy as np
import pytest

from batchenv import InputError, VectorEnv, load_config
from batchenv.body.gaitnet.clinical import ClinicalAngles
from batchenv.build import load_configured_body
from batchenv.cli import main
from batchenv.errors import ConfigError
from batchenv.evaluate import judge, load_recording
from batchenv.evaluate.disturbances import SWEEPS, Pushes, robustness
from batchenv.evaluate.drawing import ground_reactions
from batchenv.evaluate.gait_cycles import find_cycles
from batchenv.evaluate.human import JOINTS, human_angles, human_muscles, muscle_cycles
from batchenv.evaluate.judge import WEAKER
from batchenv.evaluate.mm_evalkit import export
from batchenv.evaluate.offscreen import BACKENDS, usable
from batchenv.evaluate.record import record
from batchenv.evaluate.rollout import roll_out
from batchenv.evaluate.stage import Stage
from batchenv.evaluate.sweep import Sweep, read_sweep
from batchenv.evaluate.video import film
from batchenv.evaluate.walker import load_walker
from batchenv.learn.walking_criterion import WalkingCriterion
from tests.evaluate.synthetic_walk import human_walk
from tests.evaluate.untrained import save_run, untrained
from tests.gaitnet_files import gaitnet_data
from tests.tasks.gaitnet.small_scene import write_scene

needs_opengl = pytest.mark.skipif(
    not any(usable(backend) for backend in BACKENDS),
    reason="needs OpenGL without a screen: apt-get install libegl1 or libosmesa6",
)


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    config = load_config(write_scene(tmp_path_factory.mktemp("scene")))
    return load_walker(save_run(untrained(config), tmp_path_factory.mktemp("runs") / "run"))


def test_worlds_draw_no_gait_and_last_as_long_as_asked(walker):
    with walker.worlds(3, 2.0, 1) as env:
        env.reset(0)
        assert env.max_episode_steps == 60
        assert (env.parameters == 1.0).all()
    assert walker.period() == pytest.approx(1.0)


def test_a_recording_is_judged_and_what_it_lacks_is_said(walker):
    recording = record(walker, 2, 1.5, num_threads=1)
    assert recording.gravity == pytest.approx(9.8) and recording.mass == pytest.approx(60.0)
    assert {"hip_flexion_r", "knee_angle_l", "ankle_angle_r"} <= set(recording.joint_names)
    assert recording.muscle_names[:2] == ("Psoas_l", "Psoas_r")
    assert np.abs(recording.root_quat[0]) == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=0.3)  # upright, ahead
    under = recording.cop - recording.foot_pos
    assert np.abs(under[recording.grf[:, :, 2] > 20.0])[:, :2].max() < 0.4  # [m]
    report = judge(recording, "small")
    notes = " ".join(report.numbers["notes"])
    assert "the metabolic cost is missing" in notes
    assert report.numbers["metabolic_j_kg_m"] is None
    assert 0.0 <= report.numbers["mean_activation"] <= 1.0


def test_a_rollout_is_a_file_with_angles_forces_and_activations(walker, tmp_path):
    sweep = Sweep(("friction", "mass"), np.array([[1.0, 1.0], [0.3, 1.2]]))
    ended = roll_out(walker, tmp_path / "walk.h5", 1, sweep, num_threads=1)
    read = load_recording(tmp_path / "walk.h5")
    assert read.ended == tuple(ended) and len(ended) == 2
    for name in ("joint_pos", "joint_torque", "grf", "activation"):
        assert read.measured(name) and np.isfinite(getattr(read, name)).all(), name
    assert read.grf[:, :, 2].max() > 100.0


def test_sweeps_of_what_this_world_lacks_are_refused_before_anything_is_written(walker, tmp_path):
    file = tmp_path / "walk.h5"
    with pytest.raises(ConfigError, match="speed"):
        roll_out(walker, file, 1, Sweep(("speed",), np.array([[1.0]])), num_threads=1)
    with pytest.raises(InputError, match="MyoFullBody has no 'FemurR'"):
        export(walker, tmp_path / "walk.npz", 1, num_threads=1)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_over_muscles_and_parameters_gives_each_row_its_own(walker, tmp_path):
    (tmp_path / "sweep.csv").write_text(
        "environment.parameters.gait.stride,Gastroc\n1,1\n1,0.01\n0.8,1\n", encoding="utf-8"
    )
    body = load_configured_body(walker.config)
    sweep = read_sweep(
        tmp_path / "sweep.csv", body.muscle_names, body.names, walker.config.environment.parameters.by_path
    )
    assert sweep.names == ("gait.stride", "Gastroc")
    ended = roll_out(walker, tmp_path / "walk.h5", 1, sweep, num_threads=1)
    read = load_recording(tmp_path / "walk.h5")
    usual, weak, short = (read.joint_pos[read.episode == k] for k in range(3))
    assert read.ended == tuple(ended) and len(ended) == 3
    assert np.abs(weak[5] - usual[5]).max() > 1e-4  # the same start, other muscles
    assert np.abs(short[0] - usual[0]).max() > 1e-4  # the first velocities are those of shorter steps
    (tmp_path / "sweep.csv").write_text("gait.stride\n1.5\n", encoding="utf-8")
    with pytest.raises(InputError, match="gait.stride is '1.5', expected 0.75 to 1.25"):
        read_sweep(tmp_path / "sweep.csv", (), body.names, walker.config.environment.parameters.by_path)


def test_what_it_withstands_includes_weaker_muscles(walker, monkeypatch):
    few = {condition: settings[:1] for condition, settings in SWEEPS.items()}
    monkeypatch.setattr("batchenv.evaluate.disturbances.SWEEPS", few)
    monkeypatch.setattr("batchenv.evaluate.disturbances.SECONDS", 0.2)
    found = robustness(walker, repeats=1, num_threads=2)
    assert set(found.survived) == {"push [N]", "ground friction", "body mass", WEAKER}
    del found.survived[WEAKER]
    report = judge(human_walk(), robustness=found.survived)
    assert any("walks with weaker ones are missing" in note for note in report.numbers["notes"])


def test_a_push_moves_the_walker_that_way(walker):
    with walker.worlds(2, 1.0, 1) as env:
        env.reset(0)
        env.restore(env.snapshot())
        env.worlds.qpos[1], env.worlds.qvel[1] = env.worlds.qpos[0], env.worlds.qvel[0]
        env.worlds.measure(np.arange(2))
        left = np.array([[0.0, 0.0, 0.0], [0.0, 150.0, 0.0]])
        pushes = Pushes(env, left, at=0.0, seconds=0.1)
        for step in range(3):
            pushes.before_step(step)
            env.step(np.zeros((2, env.action_dim)))
        speed = env.worlds.bind("cvel")[:, env.body.trunk_body, 3:] @ env.task.axes.T
    assert speed[1, 1] - speed[0, 1] > 0.1


def test_strands_of_a_muscle_are_one_group():
    """Soleus and Soleus1 stand for the soleus of the human data: the mean of both."""
    timing = next(timing for timing in human_muscles() if timing.title == "soleus")
    names = ("Soleus_r", "Soleus1_r", "Soleus_l", "Soleus1_l", "Soleus_Other_r", "Soleus_Other_l")
    activation = np.zeros((1600, 6))
    activation[:, :4] = 0.2, 0.4, 0.2, 0.4
    lacking = ("muscle_force", "fiber_length", "fiber_velocity", "muscle_peak_force", "optimal_fiber_length")
    recording = human_walk(activation=activation, muscle_names=names, **dict.fromkeys(lacking))
    groups = muscle_cycles(recording, find_cycles(recording))
    assert set(groups) == {timing.title}
    assert groups["soleus"] == pytest.approx(0.3)


def test_the_stage_keeps_up_with_walkers_and_starts_those_that_fall_again_in_their_lane(walker):
    with Stage(walker, grid=(1, 2), contacts=True, num_threads=1) as stage:
        pushed, first = 0, stage.middle()
        for _ in range(45):
            stage.step()
            stage.follow(stage.env.control_dt)
            for world in range(2):
                stage.pose(world)
                pushed += len(ground_reactions(stage.figure.look, stage.data))
                assert abs(stage.data.qpos[0] - stage.camera.mujoco.lookat[0]) < 2.0
                assert abs(abs(stage.data.qpos[1]) - 0.55) < 0.6
                assert 0.2 < stage.data.qpos[2] < 1.3  # z is up
        assert pushed > 10
        ahead = stage.middle()
        assert stage.camera.mujoco.lookat == pytest.approx(ahead, abs=0.7)
        assert ahead[0] - first[0] > 0.5 > abs(ahead[1] - first[1])  # x is forward


@needs_opengl
def test_a_picture_shows_the_walker_with_coloured_muscles(walker):
    with Stage(walker, num_threads=1) as stage:
        frames = [frame.copy() for frame in film(stage, 0.2, width=320, height=180)]
    assert len(frames) == 6
    last = frames[-1].astype(int)
    assert last[:30].mean() > last[150:].mean()  # sky above floor
    assert np.abs(last - frames[0]).mean() > 0.5
    blue = (last[..., 2] - last[..., 0] > 25).sum()
    red = (last[..., 0] - last[..., 2] > 60).sum()
    assert blue + red > 50  # muscles


@needs_opengl
def test_worlds_of_gymnasium_are_drawn(walker):
    with closing(VectorEnv(walker.config, 2, render_mode="rgb_array", width=160, height=120)) as env:
        env.reset(seed=0)
        before = env.render()
        for _ in range(5):
            env.step(np.zeros(env.action_space.shape, np.float32))
        after = env.render()
        assert len(after) == 2 and after[0].shape == (120, 160, 3)
        assert not np.array_equal(before[0], after[0]) and not np.array_equal(after[0], after[1])


def test_observations_stay_in_their_space(walker):
    with closing(VectorEnv(walker.config, 2)) as env:
        obs, _ = env.reset(seed=0)
        phase = [i for i, column in enumerate(env.batch.obs_layout) if column.name.startswith("phase")]
        assert (env.single_observation_space.low[phase] == -1.0).all()
        for _ in range(10):
            assert env.observation_space.contains(obs)
            obs, *_ = env.step(env.action_space.sample())


def test_whoever_falls_does_not_walk(walker):
    with closing(WalkingCriterion(walker.config, 1, episodes=2, seconds=3.0)) as walks:
        check = walks(walker.policy, 0)
        assert not check.passed and check.completed < 1.0
        assert walks.env.max_episode_steps == 90


def test_commands_train_judge_and_record_a_walker(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    scene, run, few = write_scene(tmp_path), tmp_path / "run", ["--strides", "1", "--threads", "1"]
    train = ["--steps", "64", "--envs", "2", "--threads", "1", "--until", "walks", "--out", str(run)]
    main(["train", str(scene), *train])
    short = ["--quick", "--seeds", "1", "--seconds", "0.5"]
    main(["evaluate", str(run), "--out", str(tmp_path / "report"), *few, *short])
    main(["rollout", str(run), "--out", str(tmp_path / "walk.h5"), *few])
    said = capsys.readouterr().out
    assert "episodes completed" in said and "1 rollout, " in said
    assert (tmp_path / "report" / "report.html").is_file()
    assert load_recording(tmp_path / "walk.h5").seconds > 0.1


@needs_opengl
def test_the_command_play_films_a_walker(walker, tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    run, film_file = save_run(walker, tmp_path / "run"), tmp_path / "walk.mp4"
    main(["play", str(run), "--video", str(film_file), "--seconds", "0.1", "--threads", "1"])
    count, _ = imageio_ffmpeg.count_frames_and_secs(film_file)
    assert count == 3


def test_its_own_files_are_drawn_with_bones_and_walk_like_humans(tmp_path):
    """A2_sep.yaml: bones where the files are there, and the reference's joints near those of humans."""
    data = gaitnet_data()
    walker = untrained(load_config(data / "A2_sep.yaml", data), scale=0.0)
    with walker.worlds(1, 1.0, 1) as env:
        env.reset(0)
        motion, clinical = env.task.motion, ClinicalAngles(env.body.skeleton)
        phase = np.arange(101) / 100
        found = dict(zip(clinical.names, np.rad2deg(clinical.angles(motion.pose(phase))).T, strict=True))
        look = env.task.figure(env.worlds).look
        assert look.model.ntendon == 164
        recording = record(walker, 1, 0.5, num_threads=1)
    assert recording.measured("activation") and len(recording.muscle_names) == 164
    for joint, name in JOINTS.items():
        band = human_angles()[joint].mean
        for side in "rl":
            # The cycle of the file begins anywhere; legs are half a cycle apart.
            errors = [
                np.corrcoef(np.roll(found[f"{name}_{side}"][:-1], k), band[:-1])[0, 1] for k in range(100)
            ]
            assert max(errors) > 0.8, (joint, side)
    groups = {name.rsplit("_", 1)[0].rstrip("0123456789") for name in recording.muscle_names}
    assert {muscle for timing in human_muscles() for muscle in timing.mass_muscles} <= groups
