import h5py
import numpy as np
import pytest

from batchenv.errors import InputError, OutputError
from batchenv.evaluate import load_recording
from batchenv.evaluate.rollout import roll_out
from batchenv.evaluate.sweep import Sweep, read_sweep
from batchenv.evaluate.told import told_columns
from batchenv.evaluate.walker import load_walker
from tests.evaluate.untrained import untrained

MUSCLES = ("soleus_r", "soleus_l", "tibant_r")


def sweep_of(tmp_path, text, muscles=MUSCLES):
    (tmp_path / "sweep.csv").write_text(text)
    return read_sweep(tmp_path / "sweep.csv", muscles)


def test_a_rollout_is_as_long_as_its_strides_unless_the_walker_falls(tmp_path):
    assert roll_out(untrained(), tmp_path / "r.h5", strides=50, num_threads=1) == ["fell"]
    recording = load_recording(tmp_path / "r.h5")
    assert recording.ended == ("fell",) and 0.3 < recording.seconds < 10
    with h5py.File(tmp_path / "r.h5") as file:
        assert file.attrs["walker"] == "untrained" and "actuator: mass" in file.attrs["config"]
        assert file["joint_torque"].attrs["units"] == "Nm"
    for name in ("root_quat", "cop", "free_moment", "joint_center", "joint_load"):
        assert recording.measured(name), name
    heel = recording.cop - recording.foot_pos
    assert np.abs(heel[recording.grf[:, :, 2] > 20.0]).max() < 0.35  # [m]


def test_a_rollout_for_opensim_has_a_file_for_each_row(tmp_path):
    sweep = Sweep(("mass",), np.array([[1.0], [1.1]]))
    ended = roll_out(untrained(), tmp_path / "r.mot", 1, sweep, num_threads=1)
    names = {f"r_00{i}{rest}" for i in range(2) for rest in (".mot", "_grf.mot", "_grf.xml")}
    assert {file.name for file in tmp_path.iterdir()} == names
    recording = load_recording(tmp_path / "r_001.mot")
    assert recording.ended == (ended[1],)
    assert recording.root_pos[:, 2].mean() == pytest.approx(0.9, abs=0.1)


def test_every_row_of_a_sweep_is_a_rollout_under_its_own_parameters(tmp_path):
    walker = untrained()
    muscles = tuple(f"{muscle}_{side}" for muscle in ("soleus", "tibant") for side in "rl")
    text = "speed,mass,muscle_strength,soleus\n1.24,1,1,1\n0.9,1.2,0.8,1\n1.24,0.9,1,0.001\n"
    sweep = sweep_of(tmp_path, text, muscles)
    assert len(roll_out(walker, tmp_path / "r.h5", 1, sweep, num_threads=1)) == 3
    recording = load_recording(tmp_path / "r.h5")
    assert np.unique(recording.episode).tolist() == [0, 1, 2]
    with h5py.File(tmp_path / "r.h5") as file:
        assert file["parameters"][()] == pytest.approx(sweep.values)
        assert file["parameters"].attrs["names"].tolist() == list(sweep.names)
    rows = [rows for _, rows in recording.episodes()]
    soleus, _ = recording.muscle_columns("soleus")
    assert recording.muscle_force[rows[0], soleus].max() > 50.0
    assert recording.muscle_force[rows[2], soleus].max() < 10.0
    start = [recording.root_vel[r, 0][0] for r in rows]
    assert start[0] == pytest.approx(1.24, abs=0.1) and start[1] == pytest.approx(0.9, abs=0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frction\n0.5\n", "unknown column 'frction'. Did you mean 'friction'?"),
        ("solus\n0.5\n", "unknown column 'solus'. Did you mean 'soleus'?"),
        ("mass,mass\n1,1\n", "column 'mass' occurs twice"),
        ("mass\n", "1 lines, expected a header and at least one row"),
        ("mass,speed\n1\n", "line 2: 1 values, expected 2"),
        ("mass\n1\n\n\nheavy\n", "line 5: mass is 'heavy', expected a positive number"),
        ("mass\n1e300\n", "line 2: mass is '1e300', expected 0.1 to 10"),
        ("soleus\n1e9\n", "line 2: soleus is '1e9', expected 0.001 to 1000"),
        ("speed\n-1\n", "line 2: speed is '-1', expected a positive number"),
        ("mass\n1\0\n", "mass is '1\\x00', expected a positive number"),
        ('mass\n"1\n', "not a readable CSV file in UTF-8 (unexpected end of data)"),
        ("mass\n1\nheavy\n", "line 3: mass is 'heavy', expected a positive number"),
        ("mass\n-1\n", "line 2: mass is '-1'"),
        ("mass\nnan\n", "line 2: mass is 'nan'"),
    ],
)
def test_a_sweep_that_cannot_be_meant_is_refused(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        sweep_of(tmp_path, text)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "strides"), [("r.npz", 1), ("no/r.h5", 1), ("r.h5", 0), ("no/r.mot", 1), ("r.c3d", 0)]
)
def test_a_rollout_that_cannot_be_written_is_refused_before_it_begins(tmp_path, name, strides):
    with pytest.raises(InputError, match="expected"):
        roll_out(untrained(), tmp_path / name, strides)
    assert not list(tmp_path.iterdir())


def test_a_sweep_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "sweep.csv").write_bytes("mass;größe\n".encode("latin-1"))
    with pytest.raises(InputError, match="sweep.csv: not a readable CSV file in UTF-8"):
        read_sweep(tmp_path / "sweep.csv", MUSCLES)


def test_a_link_at_the_name_of_a_rollout_is_refused_before_it_begins(tmp_path):
    (tmp_path / "r.h5").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="it is a symbolic link"):
        roll_out(untrained(), tmp_path / "r.h5", 1)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("strides", [-1, 0, 2.5, float("nan"), True, "3", 10**30])
def test_strides_that_cannot_be_are_named(tmp_path, strides):
    with pytest.raises(
        InputError, match=f"strides is {strides!r}; expected a whole number from 1 to 100,000"
    ):
        roll_out(untrained(), tmp_path / "r.h5", strides)


def test_a_walk_at_another_speed_than_asked_is_not_completed(tmp_path):
    """The shipped walker knows one speed, whatever it is asked."""
    sweep = Sweep(("speed",), np.array([[1.24], [1.8]]))
    ended = roll_out(load_walker("walk"), tmp_path / "walks.h5", strides=4, sweep=sweep, num_threads=2)
    assert ended == ["completed", "off speed"]
    assert load_recording(tmp_path / "walks.h5").ended == ("completed", "off speed")


def test_a_walker_that_is_told_where_to_go_is_told_what_a_sweep_asks(tmp_path):
    walker = load_walker("command")
    told = told_columns(walker.config)
    (tmp_path / "sweep.csv").write_text("speed,yaw_rate,mass\n0.9,0,1\n0.9,0.5,1\n0,0,1.1\n")
    sweep = read_sweep(tmp_path / "sweep.csv", MUSCLES, told=told)
    assert roll_out(walker, tmp_path / "r.h5", 4, sweep, num_threads=1) == ["completed"] * 3
    recording = load_recording(tmp_path / "r.h5")
    walks = [recording.root_pos[rows] for _, rows in recording.episodes()]
    seconds = [recording.time[rows][-1] for _, rows in recording.episodes()]
    assert (walks[0][-1] - walks[0][0])[0] / seconds[0] == pytest.approx(0.9, abs=0.1)
    assert walks[1][-1, 1] - walks[1][0, 1] > 0.5  # to the left
    assert np.abs(walks[2][-1] - walks[2][0])[:2].max() < 0.2


def test_who_is_told_another_speed_than_it_walks_is_off_speed(tmp_path):
    sweep = Sweep(("speed",), np.array([[0.5]]))
    walker = untrained("command")
    assert roll_out(walker, tmp_path / "r.h5", 1, sweep, num_threads=1) == ["off speed"]
    dizzy = Sweep(("yaw_rate",), np.array([[1.5]]))
    assert roll_out(load_walker("command"), tmp_path / "r.h5", 3, dizzy, num_threads=1) == ["off speed"]
    (tmp_path / "sweep.csv").write_text("yaw_rate\nleft\n")
    with pytest.raises(InputError, match="line 2: yaw_rate is 'left', expected a number"):
        read_sweep(tmp_path / "sweep.csv", MUSCLES, told=told_columns(walker.config))
    (tmp_path / "sweep.csv").write_text("period\n1\n")
    with pytest.raises(InputError, match="unknown column 'period'.* Expected speed, yaw_rate, friction"):
        read_sweep(tmp_path / "sweep.csv", MUSCLES, told=told_columns(walker.config))
    with pytest.raises(InputError, match="asks for the period of the reference.* or ask for speed, yaw_rate"):
        roll_out(walker, tmp_path / "s.h5", 1, Sweep(("period",), np.array([[1.0]])))
    assert not (tmp_path / "s.h5").exists()
