from pathlib import Path

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.evaluate.recording import LAYOUT, describe_layout, from_arrays, load_npz, save_npz
from tests.evaluate.open_walk import open_walk
from tests.evaluate.synthetic_walk import human_walk


def test_npz_round_trip_keeps_every_array(tmp_path: Path):
    walk = open_walk(episodes=2, seconds=2.0)
    save_npz(walk, tmp_path / "walk.npz")
    again = load_npz(tmp_path / "walk.npz")
    for name in LAYOUT:
        before, after = getattr(walk, name), getattr(again, name)
        assert np.array_equal(before, after), name


def test_walker_without_muscles_round_trips(tmp_path: Path):
    walk = without_muscles()
    assert not walk.measured("activation")
    save_npz(walk, tmp_path / "walk.npz")
    assert "activation" not in np.load(tmp_path / "walk.npz").files
    assert load_npz(tmp_path / "walk.npz").muscle_names == ()


def without_muscles(**changes):
    return human_walk(
        seconds=2.0,
        muscle_names=(),
        **dict.fromkeys(("activation", "muscle_force", "fiber_length", "fiber_velocity")),
        **dict.fromkeys(("muscle_peak_force", "optimal_fiber_length")),
        **changes,
    )


def test_velocities_that_are_missing_are_the_difference_of_positions():
    walk = human_walk(episodes=2, seconds=2.0)
    assert walk.root_vel[:, 0] == pytest.approx(np.full(len(walk.time), 1.24), abs=1e-9)  # also at the seam
    torque_free = human_walk(seconds=2.0, joint_torque=None)
    assert not torque_free.measured("joint_torque")
    assert np.isnan(torque_free.joint_torque).all()


def test_excitation_that_is_missing_is_the_activation():
    walk = human_walk(seconds=2.0)
    assert walk.excitation is walk.activation


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grf": np.zeros((400, 2))}, r"'grf': shape \(400, 2\), expected \(T, 2, 3\) = \(400, 2, 3\)"),
        ({"joint_pos": np.full((400, 6), 63.0)}, r"'joint_pos': 63 exceeds 2 pi, expected angles in radians"),
        (
            {"joint_pos": np.full((400, 6), np.nan)},
            r"'joint_pos': 2400 values are not finite, the first at \(0, 0\)",
        ),
        (
            {"grf": np.full((400, 2, 3), -700.0)},
            r"'grf': vertical force of -700 N, expected the force ON the foot",
        ),
        ({"time": np.arange(400) * 0.01}, r"'time': advances by 0.01 s, expected 'dt' = 0.005 s"),
        ({"ended": ("fallen",)}, r"'ended': 'fallen' at 0, .* Did you mean 'fell'\?"),
        (
            {"episode": np.full(400, 3)},
            r"'episode': values 3 to 3, expected indices into 'ended' \(1 episodes\)",
        ),
        ({"episode": np.zeros(400)}, r"'episode': shape \(400,\) of float64, expected \(T,\) of integers"),
        ({"mass": -75.0}, r"'mass' is -75.0, expected one positive number"),
        ({"joint_names": ("a",) * 6}, r"'joint_names': 'a' occurs twice"),
        ({"joint_names": "knee_angle_r"}, r"'joint_names': shape \(\) of <U12, expected \(J,\) of texts"),
        ({"joint_names": np.arange(6)}, r"'joint_names': shape \(6,\) of int64, expected \(J,\) of texts"),
        ({"joint_names": [f"j{i}" for i in range(20_000)]}, "20,000 texts, expected at most 10,000"),
        ({"mass": 1e300}, r"'mass' is 1e\+300, expected one positive number from 0.001 to 1e\+06 kg"),
        ({"dt": 5.0}, "'dt' is 5.0, expected one positive number from 1e-06 to 0.1 s"),
        ({"gravity": [9.81, 9.81]}, "'gravity' is .*expected one positive number"),
        ({"pelvis_tilt": 7.0}, "'pelvis_tilt' is 7.0, expected one number from -1 to 1 rad"),
        ({"root_pos": np.full((400, 3), -1e200)}, r"'root_pos': -1e\+200 at \(0, 0\), expected -1e\+06 to"),
        ({"activation": np.full((400, 2), 7.0), "muscle_names": ("a", "b")}, "'activation': "),
        ({"root_pos": [[0.0], [1.0, 2.0]]}, "'root_pos' is no array"),
        ({"foot_pos": np.full((400, 2, 3), "x")}, r"'foot_pos': type <U1, expected numbers \[m\]"),
        (
            {"joint_torque": np.where(np.arange(6) < 3, np.nan, np.ones((400, 6)))},
            "or NaN throughout where not",
        ),
    ],
)
def test_wrong_array_is_named(changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        human_walk(seconds=2.0, **changes)


def test_unknown_array_gets_the_nearest_name():
    with pytest.raises(InputError, match=r"unknown array 'joint_position'. Did you mean 'joint_pos'\?"):
        human_walk(seconds=2.0, joint_position=np.zeros(3))


def test_missing_array_is_named_with_the_layout():
    with pytest.raises(
        InputError, match=r"lacks the arrays 'grf'[^$]*ground reaction on the right and left foot"
    ):
        human_walk(seconds=2.0, grf=None)


def test_missing_joint_is_named():
    walk = human_walk(seconds=2.0)
    with pytest.raises(
        InputError, match=r"'joint_names' lacks 'hip_flexon_r'. Did you mean 'hip_flexion_r'\?"
    ):
        walk.joint_columns("hip_flexon")


def test_file_that_is_no_npz_is_refused(tmp_path: Path):
    path = tmp_path / "walk.npz"
    path.write_text("not an archive")
    with pytest.raises(InputError, match=r"walk.npz: not a readable NPZ file"):
        load_npz(path)


def test_empty_recording_is_a_recording():
    empty = from_arrays(
        {
            "dt": 0.01,
            "mass": 75.0,
            "joint_names": [],
            "ended": [],
            "episode": np.zeros(0, int),
            "time": [],
            "joint_pos": np.zeros((0, 0)),
            "grf": np.zeros((0, 2, 3)),
            "foot_pos": np.zeros((0, 2, 3)),
            "root_pos": np.zeros((0, 3)),
        }
    )
    assert empty.seconds == 0.0
    assert list(empty.episodes()) == []


def test_layout_names_every_field_of_a_recording():
    assert set(LAYOUT) == set(human_walk(seconds=2.0).__dataclass_fields__)
    assert "grf                   (T, 2, 3)    [N]" in describe_layout()


def test_a_recording_of_python_objects_or_of_more_than_memory_is_refused(tmp_path: Path):
    path = tmp_path / "walk.npz"
    np.savez(path, joint_pos=np.array([{}], object))
    with pytest.raises(InputError, match="walk.npz: not a readable NPZ file .*Python objects"):
        load_npz(path)
    np.savez_compressed(path, joint_pos=np.zeros(2**28, np.int8))
    assert path.stat().st_size < 1e6
    with pytest.raises(InputError, match="walk.npz: not a readable NPZ file .*268,435,584 bytes, more than"):
        load_npz(path)


def test_errors_of_a_file_name_it(tmp_path: Path):
    path = tmp_path / "walk.npz"
    save_npz(human_walk(seconds=1.0), path)
    with np.load(path) as stored:
        np.savez(path, **{**stored, "mass": -1.0})
    with pytest.raises(InputError, match=r"walk.npz: Recording value 'mass' is"):
        load_npz(path)
    with pytest.raises(InputError, match="no.npz: no such file"):
        load_npz(tmp_path / "no.npz")
