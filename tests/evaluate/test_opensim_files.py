"""OpenSim's files, read by a parser of the test's own, by OpenSim itself where it is, and back."""

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.evaluate import judge, load_recording, save_recording
from batchenv.motion.opensim_frame import from_opensim, pelvis_angles, pelvis_quat, to_opensim
from tests.evaluate.open_walk import open_walk
from tests.evaluate.synthetic_walk import human_walk


@pytest.fixture(scope="module")
def walk():
    return open_walk()


@pytest.fixture(scope="module")
def folder(walk, tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    save_recording(walk, folder / "walk.mot")
    save_recording(walk, folder / "walk.sto")
    return folder


def parsed(file: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Header and columns of one of OpenSim's tables."""
    lines = file.read_text().splitlines()
    end = lines.index("endheader")
    rows = np.array([[float(word) for word in line.split("\t")] for line in lines[end + 2 :]])
    header = dict(line.split("=") for line in lines[1:end])
    return header, dict(zip(lines[end + 1].split("\t"), rows.T, strict=True))


def rotation(axis: str, angle: float) -> np.ndarray:
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i], matrix[i, j] = np.sin(angle), -np.sin(angle)
    return matrix


def rotated(quat: np.ndarray, vector: np.ndarray) -> np.ndarray:
    w, v = quat[0], quat[1:]
    return vector + 2 * np.cross(v, np.cross(v, vector) + w * vector)


def test_the_pelvis_turns_about_z_then_x_then_y_of_opensim():
    angles = np.array([[0.3, -0.2, 0.5], [-1.0, 1.2, 3.0], [2.5, 0.1, -2.9]])
    for row, quat in zip(angles, pelvis_quat(angles), strict=True):
        expected = rotation("z", row[0]) @ rotation("x", row[1]) @ rotation("y", row[2])
        for vector in np.eye(3):
            own = to_opensim(rotated(quat, from_opensim(vector)))
            assert own == pytest.approx(expected @ vector, abs=1e-12)


def test_leaning_back_the_right_side_down_and_turning_left_are_positive():
    cos, sin = np.cos(0.25), np.sin(0.25)
    for axis, quat in enumerate(([cos, 0, -sin, 0], [cos, sin, 0, 0], [cos, 0, 0, sin])):
        expected = np.zeros(3)
        expected[axis] = 0.5
        assert pelvis_angles(np.array([quat]))[0] == pytest.approx(expected, abs=1e-6)


def test_turning_goes_on_beyond_half_a_turn():
    turning = np.zeros((100, 3))
    turning[:, 2] = np.linspace(0.0, 9.0, 100)
    assert pelvis_angles(pelvis_quat(turning)) == pytest.approx(turning, abs=1e-12)


def test_a_motion_comes_back_as_it_was(walk, folder, tmp_path):
    read = load_recording(folder / "walk.mot")
    assert (read.mass, read.ended, read.joint_names) == (walk.mass, walk.ended, walk.joint_names)
    assert read.dt == pytest.approx(walk.dt)
    for name, tolerance in (("joint_pos", 1e-9), ("root_pos", 1e-9), ("grf", 1e-6), ("cop", 1e-9)):
        assert getattr(read, name) == pytest.approx(getattr(walk, name), abs=tolerance), name
    assert read.free_moment == pytest.approx(walk.free_moment, abs=1e-9)
    same = np.sign((read.root_quat * walk.root_quat).sum(axis=1, keepdims=True))
    assert read.root_quat * same == pytest.approx(walk.root_quat, abs=1e-9)
    save_recording(read, tmp_path / "walk.mot")
    for name in ("walk.mot", "walk_grf.mot"):
        _, first = parsed(folder / name)
        _, again = parsed(tmp_path / name)
        assert first.keys() == again.keys()
        for column in first:
            assert again[column] == pytest.approx(first[column], abs=np.rad2deg(1e-4)), column


def test_columns_have_opensims_names_axes_and_units(walk, folder):
    header, motion = parsed(folder / "walk.mot")
    assert header["inDegrees"] == "yes" and int(header["nRows"]) == len(walk.time)
    assert int(header["nColumns"]) == len(motion) == 1 + 6 + len(walk.joint_names)
    assert motion["pelvis_tx"] == pytest.approx(walk.root_pos[:, 0])
    assert motion["pelvis_ty"] == pytest.approx(walk.root_pos[:, 2])
    assert motion["pelvis_tz"] == pytest.approx(-walk.root_pos[:, 1])
    assert motion["pelvis_rotation"][0] == pytest.approx(np.rad2deg(0.2))
    assert motion["knee_angle_r"] == pytest.approx(np.rad2deg(walk.joint_pos[:, 1]))
    header, forces = parsed(folder / "walk_grf.mot")
    assert header["inDegrees"] == "no"
    assert forces["ground_force_r_vy"] == pytest.approx(walk.grf[:, 0, 2])
    assert forces["ground_force_l_pz"] == pytest.approx(-walk.cop[:, 1, 1])
    assert forces["ground_torque_l_y"] == pytest.approx(walk.free_moment[:, 1])


def test_external_loads_name_columns_of_the_file_of_forces(folder):
    loads = ElementTree.parse(folder / "walk_grf.xml").getroot()
    assert loads.findtext(".//datafile") == "walk_grf.mot"
    _, forces = parsed(folder / "walk_grf.mot")
    bodies = [force.findtext("applied_to_body") for force in loads.iter("ExternalForce")]
    assert bodies == ["calcn_r", "calcn_l"]
    for force in loads.iter("ExternalForce"):
        for kind in ("force", "point", "torque"):
            assert {force.findtext(f"{kind}_identifier") + axis for axis in "xyz"} <= set(forces)


def test_sto_files_hold_activations_forces_moments_and_loads(walk, folder):
    _, activations = parsed(folder / "walk_activations.sto")
    assert activations["/forceset/soleus_r/activation"] == pytest.approx(
        walk.activation[:, walk.muscle_columns("soleus")[0]]
    )
    _, forces = parsed(folder / "walk_muscle_forces.sto")
    assert max(forces["/forceset/soleus_r"]) == pytest.approx(walk.muscle_force.max(), rel=0.2)
    _, moments = parsed(folder / "walk_moments.sto")
    assert moments["knee_angle_l_moment"] == pytest.approx(walk.joint_torque[:, 4], abs=1e-6)
    _, loads = parsed(folder / "walk_joint_loads.sto")
    assert loads["knee_r_on_tibia_r_in_ground_fy"] == pytest.approx(walk.joint_load[:, 1, 2])
    assert loads["hip_l_on_femur_l_in_ground_pz"] == pytest.approx(-walk.joint_center[:, 3, 1])


def test_each_episode_has_files_of_its_own(tmp_path):
    files = save_recording(open_walk(episodes=2, seconds=1.0), tmp_path / "walk.mot")
    assert [file.name for file in files[::3]] == ["walk_000.mot", "walk_001.mot"]
    assert load_recording(tmp_path / "walk_001.mot").ended == ("completed",)


def test_a_motion_is_judged_as_the_recording_was(folder):
    expected = judge(open_walk()).numbers
    found = judge(load_recording(folder / "walk.mot")).numbers
    for measure in ("speed_m_s", "cadence_steps_min", "stance_percent", "stride_length_m", "step_width_m"):
        assert found[measure] == pytest.approx(expected[measure], rel=0.02), measure
    assert found["grf"]["peak1_bw"] == pytest.approx(expected["grf"]["peak1_bw"])
    assert found["joints"]["knee"]["rmse_deg"] == pytest.approx(expected["joints"]["knee"]["rmse_deg"])
    assert found["symmetry_percent"] == pytest.approx(0.0, abs=2.0)
    assert any("activations were not recorded" in note for note in found["notes"])


def changed(folder: Path, out: Path, *edits: tuple[str, str], file: str = "walk.mot") -> Path:
    """Copy the motion and the forces, with words of one of them replaced; return the motion."""
    for name in ("walk.mot", "walk_grf.mot"):
        text = (folder / name).read_text()
        for old, new in edits if name == file else ():
            assert old in text
            text = text.replace(old, new)
        (out / name).write_text(text)
    return out / "walk.mot"


@pytest.mark.parametrize(
    ("file", "edits", "message"),
    [
        ("walk.mot", [("endheader", "end")], "walk.mot: no line 'endheader' after a header"),
        ("walk.mot", [("pelvis_ty", "pelvis_t")], "walk.mot: lacks the columns 'pelvis_ty'"),
        ("walk.mot", [("pelvis_tilt", "tilt")], "walk.mot: lacks the columns 'pelvis_tilt'"),
        (
            "walk.mot",
            [("mass=75.0\n", "")],
            "walk.mot does not say the mass of the body; give it with --mass",
        ),
        ("walk.mot", [("mass=75.0", "mass=heavy")], "mass='heavy', expected a positive number"),
        ("walk.mot", [("ended=completed", "ended=wel")], "ended='wel', expected one of ('completed'"),
        ("walk.mot", [("nRows=400", "nRows=500")], "its header says nRows=500, and there are 400"),
        ("walk.mot", [("knee_angle_r", "hip_flexion_r")], "column 'hip_flexion_r' occurs twice"),
        ("walk.mot", [("pelvis_tx", "x"), ("pelvis_tz", "pelvis_tx"), ("\tx", "\tpelvis_tz")], "along X"),
        ("walk.mot", [("inDegrees=yes", "inDegrees=no")], "exceeds 2 pi, expected angles in radians"),
        ("walk_grf.mot", [("force_r_v", "force_v")], "lacks a force of the right and one of the left foot"),
        ("walk_grf.mot", [("ground_force_l_px", "px")], "lacks the columns 'ground_force_l_px'"),
        ("walk_grf.mot", [("time\t", "t\t")], "walk_grf.mot: 19 columns, the first 't'; expected 'time'"),
    ],
)
def test_what_a_file_lacks_is_said(folder, tmp_path, file, edits, message):
    with pytest.raises(InputError) as refused:
        load_recording(changed(folder, tmp_path, *edits, file=file))
    assert message in str(refused.value)


def test_damage_is_refused_with_a_sentence(folder, tmp_path):
    text = (folder / "walk.mot").read_text()
    for damaged, message in (
        (text[: len(text) // 2], "its rows are no table of numbers"),
        (text.replace("\n0.02\t", "\nnan\t"), "column 'time' is nan in row"),
        (text.replace("\n0.02\t", "\n7.02\t"), "expected at least two rows of increasing time"),
        ("endheader", "no line 'endheader'"),
        ("x\nendheader\ntime\ta\n", "no rows after the names of columns"),
        ("x\nendheader\n", "0 columns; expected 'time'"),
    ):
        motion = changed(folder, tmp_path)
        motion.write_text(damaged)
        with pytest.raises(InputError, match=message):
            load_recording(motion)
    motion.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a readable text in UTF-8"):
        load_recording(motion)


def test_forces_are_asked_for_where_none_are_beside_the_motion(folder, tmp_path):
    motion = changed(folder, tmp_path)
    other = (tmp_path / "walk_grf.mot").rename(tmp_path / "plates.mot")
    with pytest.raises(InputError, match="has no ground forces beside it, as walk_grf.mot; name their file"):
        load_recording(motion)
    assert load_recording(motion, forces=other, mass=80).mass == 80.0
    with pytest.raises(InputError, match="forces is for a motion of OpenSim"):
        load_recording(save_recording(human_walk(), tmp_path / "w.npz")[0], forces=other)


def test_files_of_opensims_examples_are_understood(folder, tmp_path, walk, caplog):
    """Feet called ground_force_v and 1_ground_force_v, and knees that flex towards negative angles."""
    motion = changed(
        folder,
        tmp_path,
        ("ground_force_r_", "ground_force_"),
        ("ground_force_l_", "1_ground_force_"),
        ("ground_torque_r_", "ground_torque_"),
        ("ground_torque_l_", "1_ground_torque_"),
        file="walk_grf.mot",
    )
    turned = dataclasses.replace(walk, joint_pos=walk.joint_pos * [1, -1, 1, 1, -1, 1], joint_vel=None)
    save_recording(turned, tmp_path / "turned.mot")
    (tmp_path / "turned.mot").rename(motion)
    read = load_recording(motion)
    assert read.joint_pos == pytest.approx(walk.joint_pos, abs=1e-9)
    assert "knees flex towards negative angles" in caplog.text
    assert read.free_moment == pytest.approx(walk.free_moment, abs=1e-9)
    assert read.grf == pytest.approx(walk.grf, abs=1e-6)


def test_a_recording_that_lacks_what_a_format_needs_is_refused(tmp_path):
    for name, array in (
        ("walk.mot", "'root_quat', 'cop', 'free_moment'"),
        ("walk.c3d", "'cop', 'free_moment'"),
    ):
        if name.endswith("c3d"):
            pytest.importorskip("ezc3d")
        with pytest.raises(InputError, match=f"{name}: the recording lacks the arrays {array}"):
            save_recording(human_walk(), tmp_path / name)
    with pytest.raises(InputError, match="walk.txt: expected a name that ends with .npz, .mot, .sto"):
        save_recording(human_walk(), tmp_path / "walk.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_opensim_itself_reads_the_files(walk, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where it leaves a log
    opensim = pytest.importorskip("opensim", reason="pip install opensim==4.6")
    for name in ("walk.mot", "walk_grf.mot", "walk_activations.sto", "walk_joint_loads.sto"):
        table = opensim.TimeSeriesTable(str(folder / name))
        _, expected = parsed(folder / name)
        assert ["time", *table.getColumnLabels()] == list(expected)
        assert table.getNumRows() == len(walk.time)
        for label in table.getColumnLabels():
            assert table.getDependentColumn(label).to_numpy() == pytest.approx(expected[label]), label
    assert opensim.Storage(str(folder / "walk.mot")).isInDegrees()
    loads = opensim.ExternalLoads(str(folder / "walk_grf.xml"), True)
    assert loads.getSize() == 2 and loads.get(0).get_force_identifier() == "ground_force_r_v"


PELVIS = {
    "pelvis_tilt": "0 0 1",
    "pelvis_list": "1 0 0",
    "pelvis_rotation": "0 1 0",
    "pelvis_tx": "1 0 0",
    "pelvis_ty": "0 1 0",
    "pelvis_tz": "0 0 1",
}
"""Axes of the coordinates, in their order."""


def pelvis_model() -> str:
    coordinates = "".join(f'<Coordinate name="{name}"/>' for name in PELVIS)
    axis = (
        '<TransformAxis name="{kind}{number}"><coordinates>{name}</coordinates><axis>{axis}</axis>'
        "<LinearFunction><coefficients>1 0</coefficients></LinearFunction></TransformAxis>"
    )
    axes = "".join(
        axis.format(kind=("rotation", "translation")[i // 3], number=i % 3 + 1, name=name, axis=along)
        for i, (name, along) in enumerate(PELVIS.items())
    )
    return f"""
    <OpenSimDocument Version="40000"><Model name="pelvis">
      <BodySet><objects><Body name="pelvis"><mass>1</mass><mass_center>0 0 0</mass_center>
        <inertia>1 1 1 0 0 0</inertia></Body></objects></BodySet>
      <JointSet><objects><CustomJoint name="ground_pelvis">
        <socket_parent_frame>/ground</socket_parent_frame>
        <socket_child_frame>/bodyset/pelvis</socket_child_frame>
        <coordinates>{coordinates}</coordinates><SpatialTransform>{axes}</SpatialTransform>
      </CustomJoint></objects></JointSet></Model></OpenSimDocument>"""


@pytest.mark.slow
def test_opensims_own_pelvis_stands_and_turns_as_the_recordings(walk, folder, tmp_path, monkeypatch):
    """A joint with the axes of the pelvis of gait2392 and Rajagopal2016, posed by the motion."""
    opensim = pytest.importorskip("opensim", reason="pip install opensim==4.6")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pelvis.osim").write_text(pelvis_model())
    model = opensim.Model("pelvis.osim")
    state, pelvis = model.initSystem(), model.getBodySet().get("pelvis")
    table = opensim.TimeSeriesTable(str(folder / "walk.mot"))
    columns = {name: table.getDependentColumn(name).to_numpy() for name in PELVIS}
    for t in range(0, len(walk.time), 37):
        for name, values in columns.items():
            factor = 1.0 if name in ("pelvis_tx", "pelvis_ty", "pelvis_tz") else np.pi / 180
            model.getCoordinateSet().get(name).setValue(state, factor * values[t])
        model.realizePosition(state)
        placed = pelvis.getTransformInGround(state)
        place, turned = placed.p(), placed.R().asMat33()
        assert [place.get(i) for i in range(3)] == pytest.approx(to_opensim(walk.root_pos[t]))
        for i, vector in enumerate(np.eye(3)):
            expected = to_opensim(rotated(walk.root_quat[t], from_opensim(vector)))
            assert [turned.get(j, i) for j in range(3)] == pytest.approx(expected, abs=1e-6)
