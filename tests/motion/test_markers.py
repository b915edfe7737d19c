"""Markers of a synthetic subject, whose segments have other lengths than the body's, back to its angles."""

import copy
import dataclasses

import mujoco
import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.motion import Clip, Steps, common_clip, fit_clip, import_motion, read_motion
from batchenv.motion.inverse_kinematics import solve_markers
from batchenv.motion.marker_set import GAIT_MARKERS, MarkerSet, load_marker_set

SIZES = {"pelvis": 1.05, "thigh": 1.08, "shank": 0.94, "foot": 1.05, "trunk": 1.02}
HALF_A_DEGREE = np.radians(0.5)


@pytest.fixture(scope="module")
def worn(body) -> MarkerSet:
    return load_marker_set(GAIT_MARKERS, body)


@pytest.fixture(scope="module")
def walk(body, stroll) -> Clip:
    """A motion that stays within the joints' limits (14 samples)."""
    calm = dataclasses.replace(stroll, joint_pos=0.5 * stroll.joint_pos).resampled(13)
    return fit_clip(calm, body, scale=1.0)


def on_subject(body, worn: MarkerSet, clip: Clip, noise: float = 0.0) -> Clip:
    """Markers on a subject of other sizes that moves as a clip does."""
    model, size = copy.copy(body.model), np.ones(body.model.nbody)
    for name, factor in SIZES.items():
        size[worn.segments[name]] = factor
    model.body_pos[:] = body.model.body_pos * size[model.body_parentid, None]
    data, count = mujoco.MjData(model), len(clip.times)
    places = np.empty((count, len(worn.names), 3))
    for qpos, out in zip(body.qpos(clip.root_pos, clip.root_quat, clip.joint_pos), places, strict=True):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        for i, (bone, at) in enumerate(zip(worn.bodies, worn.places, strict=True)):
            out[i] = data.xpos[bone] + data.xmat[bone].reshape(3, 3) @ (size[bone] * at)
    places = places @ np.stack([body.forward, body.left, body.up], axis=1)
    places += noise * np.random.default_rng(3).standard_normal(places.shape)
    return Clip(
        times=clip.times,
        joint_names=(),
        joint_pos=np.zeros((count, 0)),
        root_pos=np.zeros((count, 3)),
        root_quat=np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        source="subject",
        markers={names[0]: places[:, i] for i, names in enumerate(worn.names)},
    )


def standing(clip: Clip) -> Clip:
    return dataclasses.replace(
        clip,
        joint_pos=np.zeros_like(clip.joint_pos),
        root_pos=np.tile([0.3, 0.1, 1.0], (len(clip.times), 1)),
        root_quat=np.tile([1.0, 0.0, 0.0, 0.0], (len(clip.times), 1)),
    )


def worst(found: Clip, walk: Clip, body, left_out: str = "mtp") -> float:
    """Largest error of an angle [rad]; no marker of the set tells how toes bend."""
    wanted = common_clip(walk, body)
    kept = [i for i, name in enumerate(wanted.joint_names) if left_out not in name]
    return float(np.abs(found.joint_pos - wanted.joint_pos)[:, kept].max())


@pytest.mark.parametrize("is_static", [True, False])
def test_markers_lead_back_to_angles_and_sizes(body, worn, walk, is_static):
    subject = on_subject(body, worn, walk)
    static = on_subject(body, worn, standing(walk)) if is_static else None
    found = solve_markers(subject, body, worn, static)
    assert worst(found.clip, walk, body) < HALF_A_DEGREE
    assert found.sizes == pytest.approx(SIZES, abs=2e-3)
    assert np.nanmax(found.residual) < 1e-3
    assert found.clip.root_pos == pytest.approx(common_clip(walk, body).root_pos, abs=2e-3)


def test_markers_that_sit_elsewhere_are_learned_from_the_static_trial(body, worn, walk):
    """Each marker 1 cm from where the set has it, alike in both trials; the segments are not scaled."""
    draw = np.random.default_rng(5).standard_normal(worn.places.shape)
    elsewhere = dataclasses.replace(
        worn, places=worn.places + 0.01 * draw / np.linalg.norm(draw, axis=1)[:, None]
    )
    subject, static = (on_subject(body, elsewhere, clip) for clip in (walk, standing(walk)))
    found = solve_markers(subject, body, worn, static)
    # The standing pose cannot be told better than to 1 cm over the length of a segment.
    assert worst(found.clip, walk, body) < np.radians(6.0)
    blind = solve_markers(subject, body, worn)
    assert np.nanmean(found.residual) < 0.3 * np.nanmean(blind.residual)


def test_markers_may_be_hidden_for_a_while(body, worn, walk):
    subject = on_subject(body, worn, walk, noise=2e-4)
    gaps = {name: place.copy() for name, place in subject.markers.items()}
    gaps["RKNE"][3:6] = gaps["LHEE"][5:9] = gaps["T10"][:] = np.nan
    found = solve_markers(dataclasses.replace(subject, markers=gaps), body, worn)
    assert worst(found.clip, walk, body, "_angle") < HALF_A_DEGREE
    assert np.isnan(found.residual[3:6, found.markers.index("RKNE")]).all()
    assert "36 markers followed" in found.lines()[0]
    assert found.lines()[-1] == "markers that are not followed: T10"
    for place in gaps.values():
        place[7] = np.nan
    with pytest.raises(InputError, match="subject: no marker is seen in sample 7"):
        solve_markers(dataclasses.replace(subject, markers=gaps), body, worn)


def write_trc(path, clip: Clip, unit: float = 1000.0, names=None):
    """A TRC file of OpenSim: y up, z to the right, millimetres; hidden markers are empty."""
    names = names or list(clip.markers)
    rate, count = f"{clip.rate:g}", len(clip.times)
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{count}\t{len(names)}\tmm\t{rate}\t1\t{count}",
        "Frame#\tTime\t" + "\t\t\t".join(names),
        "\t\t" + "\t".join(f"{axis}{i}" for i in range(1, len(names) + 1) for axis in "XYZ"),
    ]
    for k, time in enumerate(clip.times):
        cells = [str(k + 1), f"{time:.6f}"]
        for x, y, z in (unit * place[k] for place in clip.markers.values()):
            cells += ["", "", ""] if np.isnan(x) else [f"{x:.5f}", f"{z:.5f}", f"{-y:.5f}"]
        lines.append("\t".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_trc_file_is_followed_from_the_file_to_the_clip(tmp_path, body, worn, walk):
    subject = on_subject(body, worn, walk)
    gaps = {name: place.copy() for name, place in subject.markers.items()}
    gaps["C7"][2] = np.nan
    file = write_trc(tmp_path / "walk.trc", dataclasses.replace(subject, markers=gaps))
    read = read_motion(file)
    for name, place in gaps.items():
        np.testing.assert_allclose(read.markers[name], place, atol=1e-7)
    static = write_trc(tmp_path / "static.trc", on_subject(body, worn, standing(walk)))
    clip = import_motion(file, body, Steps(static=static, scale=1.0))
    assert clip.body == body.file
    errors = np.abs(clip.joint_pos - walk.joint_pos)
    assert (
        errors[:, [i for i, name in enumerate(walk.joint_names) if "mtp" not in name]].max() < HALF_A_DEGREE
    )
    with pytest.raises(InputError, match="holds markers; name the body that follows them with --body"):
        import_motion(file, None, Steps())


def test_trc_files_that_say_something_odd_are_refused(tmp_path, body, worn, walk, caplog):
    subject = on_subject(body, worn, walk)
    file = write_trc(tmp_path / "a.trc", subject)
    whole = file.read_text()
    file.write_text(whole.replace("\tmm\t", "\tparsec\t"))
    with pytest.raises(InputError, match="its unit is 'parsec', expected one of mm, cm"):
        read_motion(file)
    file.write_text(whole.replace("\n1\t0.000000\t", "\n1\t0.000000\tx", 1))
    with pytest.raises(InputError, match=r"a.trc:6: could not convert string to float: 'x"):
        read_motion(file)
    file.write_text(whole.replace("\tmm\t", "\tm\t"))
    with pytest.raises(InputError, match=r"the markers are \d+.* m apart; is its unit of lengths right"):
        read_motion(file)
    file.write_text(whole.replace("LASI", "RASI"))
    with pytest.raises(InputError, match="marker 'RASI' occurs twice"):
        read_motion(file)
    file.write_text(whole.replace("LASI", " "))
    with pytest.raises(InputError, match=r"its header says \d+ markers, and names \d+ in its fourth line"):
        read_motion(file)
    file.write_text(whole.replace("\n1\t0.000000\t", "\n1\t0.000000\tinf\t", 1))
    with pytest.raises(
        InputError, match=r"a.trc:6: a value is not finite; expected an empty cell for a hidden"
    ):
        read_motion(file)
    file.write_text(f"\ufeff{whole}")  # as editors on Windows begin a file
    assert len(read_motion(file).times) == len(subject.times)
    file.write_text("\n".join(whole.splitlines()[:-2]))
    assert len(read_motion(file).times) == len(subject.times) - 2
    assert f"its header says {len(subject.times)} frames, and there are" in caplog.text
    file.write_text(whole)
    with pytest.raises(InputError, match="and z is taken for up; say which it is with --up"):
        read_motion(file, up="z")
    other = write_trc(tmp_path / "b.trc", subject, names=[f"M{i}" for i in range(len(subject.markers))])
    with pytest.raises(
        InputError, match="0 of its markers are in the set .*The file has M0, M1.*the set RASI"
    ):
        import_motion(other, body, Steps())


def test_points_of_a_c3d_file_are_read(tmp_path, body, worn, walk, caplog):
    ezc3d = pytest.importorskip("ezc3d")
    subject = on_subject(body, worn, walk)
    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [subject.rate]
    content["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    content["parameters"]["POINT"]["LABELS"]["value"] = tuple(f"Subject:{name}" for name in subject.markers)
    places = 1000.0 * np.stack(list(subject.markers.values()), axis=1).transpose(2, 1, 0)
    content["data"]["points"] = np.concatenate([places, np.ones_like(places[:1])])
    content.write(str(tmp_path / "walk.c3d"))
    read = read_motion(tmp_path / "walk.c3d")
    for name, place in subject.markers.items():
        assert read.markers[name] == pytest.approx(place, abs=1e-6)
    assert not caplog.messages
    whole = (tmp_path / "walk.c3d").read_bytes()
    (tmp_path / "half.c3d").write_bytes(whole[: -len(whole) // 3])
    half = read_motion(tmp_path / "half.c3d")
    assert 2 <= len(half.times) < len(read.times)
    assert f"its header says {len(read.times)} frames, and there are {len(half.times)}" in caplog.text
    (tmp_path / "bad.c3d").write_bytes(b"\x02P" + b"x" * 600)
    (tmp_path / "head.c3d").write_bytes(whole[:1536])
    for name in ("bad.c3d", "head.c3d"):
        with pytest.raises(InputError, match=f"{name}: not a C3D file that can be read, or only its"):
            read_motion(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("markers: 3\n", "expected 'markers', a list of {names, body, at}, and 'segments'"),
        ("markers:\n- {names: [A], body: pelvis}\n", r"markers\[0\] is {'names': \['A'\], 'body': 'pelvis'}"),
        ("markers:\n- {names: [A], body: pelvis, at: [0, 0, 0], twins: true}\n", "Did you mean 'twin'"),
        ("markers:\n- {names: [A], body: pelvis, at: [0, 0, 90]}\n", "a place of three numbers in metres"),
        ("markers:\n- {names: [A], body: hip, at: [0, 0, 0]}\n", "has none of hip"),
    ],
)
def test_marker_sets_are_checked(tmp_path, body, text, message):
    (tmp_path / "set.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_marker_set(tmp_path / "set.yaml", body)
