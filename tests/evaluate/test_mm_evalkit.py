import json

import numpy as np
import pytest

from batchenv.cli import main
from batchenv.errors import InputError
from batchenv.evaluate.mm_evalkit import CHANNELS_FILE, _resampled, export
from batchenv.evaluate.record import record
from batchenv.evaluate.walker import load_walker
from tests.evaluate.untrained import untrained


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    file = tmp_path_factory.mktemp("mm") / "walk.npz"
    assert export(load_walker("walk"), file, strides=5, walks=2, num_threads=2) == ["completed"] * 2
    return file


def test_the_channels_are_those_of_mm_evalkit():
    names = pytest.importorskip("mm_evalkit.workflows.gait.channels", reason="mm-evalkit is not installed")
    channels = json.loads(CHANNELS_FILE.read_text())
    assert channels == {"joints": names.joint_names_myo, "muscles": names.muscle_names_myo}


def test_mm_evalkit_reads_the_archive_and_finds_every_stride(archive):
    pytest.importorskip("mm_evalkit", reason="mm-evalkit is not installed")
    from mm_evalkit.workflows.gait.loading import build_channels
    from mm_evalkit.workflows.gait.policy_data import extract_trajectory_data

    channels = build_channels("Wang")
    found = extract_trajectory_data(channels, str(archive), subject_based=False)
    cycles = [record["n_gaits"] for record in found.episode_gait_records]
    assert len(cycles) == 2 and min(cycles) >= 4 and not found.skipped_episodes  # of 5 strides, whole ones
    period = np.median(found.all_gait_lengths) * float(np.load(archive)["dt"])
    assert period == pytest.approx(1.12, rel=0.03)  # [s]
    knee = found.profiles.avg_joint_gaits[channels.joint_names.index("knee_angle_r")]
    wanted = found.profiles.avg_joint_gaits_ref[channels.joint_names.index("knee_angle_r")]
    assert 45.0 < knee.max() < 80.0 and 60 < knee.argmax() < 85  # [deg], [% of the cycle]: swing
    assert np.corrcoef(knee, wanted)[0, 1] > 0.9
    soleus = found.profiles.avg_muscle_gaits[channels.muscle_names.index("soleus_r")]
    assert soleus[30:50].mean() > 2 * soleus[70:90].mean()  # it pushes off, and rests in swing


def test_mm_evalkits_own_loader_takes_the_archive_as_a_policy(archive):
    pytest.importorskip("mm_evalkit", reason="mm-evalkit is not installed")
    from mm_evalkit.policies import PolicySpec
    from mm_evalkit.workflows.gait.loading import build_channels
    from mm_evalkit.workflows.gait.policy_data import load_policy_run
    from mm_evalkit.workflows.gait.rollout_validation import validate_policy_rollouts

    policy = PolicySpec(id="walk", label="walk", trajectory_path=archive, color="#000000")
    channels = json.loads(CHANNELS_FILE.read_text())
    validate_policy_rollouts(
        [policy],
        subject_based=False,
        motion_count=None,
        expected_joint_names=tuple(channels["joints"]),
        expected_joint_width=89,
        expected_activation_width=354,
        expected_motion_group=None,
    )
    run = load_policy_run(build_channels("Wang"), policy, subject_based=False)
    assert np.isfinite(run.profiles.avg_muscle_gaits).all()


def test_mm_evalkit_accepts_the_kinetics(archive):
    validation = pytest.importorskip("mm_evalkit.workflows.gait.rollout_validation")
    with np.load(archive) as file:
        assert validation.has_embedded_kinetics(file, archive)
        assert (
            validation.validate_rollout_archive(
                file,
                archive,
                subject_based=False,
                motion_count=None,
                expected_joint_names=tuple(json.loads(CHANNELS_FILE.read_text())["joints"]),
                expected_joint_width=89,
                expected_activation_width=354,
            )
            == 2
        )


def test_signals_are_those_of_a_recording_of_the_same_walk(archive):
    walker = load_walker("walk")
    recording = record(walker, 2, 5 * walker.config.environment.motion.period, num_threads=1, rate=300.0)
    rows = dict(recording.episodes())[1]
    rows = slice(rows.start + 2, rows.stop, 3)  # each third substep is 0.01 s on
    channels = json.loads(CHANNELS_FILE.read_text())
    with np.load(archive) as file:
        assert file["dt"] == 0.01 and file["model_mass_kg"] == recording.mass
        positions, activations = file["episode_1_joint_positions"], file["episode_1_muscle_activations"]
        names = [str(name) for name in file["generalized_actuator_force_joint_names"]]
        torque, load = file["episode_1_generalized_actuator_forces"], file["episode_1_force_sensor_values"]
    for j, name in enumerate(recording.joint_names):
        assert np.array_equal(positions[:, channels["joints"].index(name) + 6], recording.joint_pos[rows, j])
        assert np.array_equal(torque[:, names.index(name)], recording.joint_torque[rows, j])
    columns = [channels["muscles"].index(name) for name in recording.muscle_names]
    assert np.array_equal(activations[:, columns], recording.activation[rows])
    assert not np.delete(activations, columns, axis=1).any()
    vertical = recording.grf[rows, :, 2]
    assert np.c_[load[:, :2].sum(axis=1), load[:, 2:].sum(axis=1)] == pytest.approx(vertical, abs=1e-3)
    assert load.min() >= 0.0 and (load[:, [1, 3]].max(axis=0) > 100.0).all()  # [N], pushing off


def test_samples_are_where_time_says_whatever_the_rate_of_the_physics():
    for rate in (300, 240, 100, 90):
        time = np.arange(1, rate + 1)[:, None] / rate
        found = _resampled(2.0 * time, 1 / rate)[:, 0]
        first = int(np.ceil(100 / rate - 1e-9)) - 1  # nothing was taken before the first substep
        assert len(found) == 100 and found[first:] == pytest.approx(
            0.02 * np.arange(1, 101)[first:], rel=1e-5
        )


def test_a_walk_that_falls_is_shorter_than_its_reference(tmp_path):
    assert export(untrained(), tmp_path / "fall.npz", strides=20, num_threads=1) == ["fell"]
    with np.load(tmp_path / "fall.npz") as file:
        assert len(file["episode_0_joint_positions"]) < file["episode_0_traj_length"]
        assert len(file["episode_0_traj_qpos"]) == file["episode_0_traj_length"]


def test_the_command_writes_the_archive(tmp_path, capsys):
    file = tmp_path / "walk.npz"
    main(
        ["rollout", "walk", "--format", "mm-evalkit", "--strides", "1", "--out", str(file), "--threads", "1"]
    )
    assert f"completed: {file}" in capsys.readouterr().out and file.is_file()
    with pytest.raises(SystemExit, match="--sweep and --format mm-evalkit exclude each other"):
        main(["rollout", "walk", "--format", "mm-evalkit", "--out", str(file), "--sweep", "s.csv"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"file": "walk.h5"}, "expected the name of an .npz file"),
        ({"file": "walk.npz", "strides": 0}, "strides is 0; expected a whole number from 1"),
        ({"file": "walk.npz", "walks": 0}, "walks is 0; expected a whole number from 1"),
    ],
)
def test_what_cannot_be_exported_is_refused(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        export(untrained(), **arguments)
    assert not list(tmp_path.iterdir())


def test_a_walker_without_muscles_is_refused(tmp_path):
    with pytest.raises(InputError, match="mm-evalkit reads walks of the muscles of myo_sim:myolegs"):
        export(untrained("torque"), tmp_path / "walk.npz", strides=1)
