import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.motion import Clip, Reader, read_motion, register_reader, registry, write_motion
from batchenv.motion.opensim_table import write_table
from tests.gaitnet_files import original_data
from tests.motion.actors import ACTOR, HANGING, trajectory, write_actor, write_amc

BENT = HANGING | {
    "RightUpLeg": {"X": -30.0},
    "RightLeg": {"X": 50.0},
    "LeftUpLeg": {"Z": 12.0},  # away from the middle
    "LeftForeArm": {"Y": -40.0},
    "Spine": {"X": 8.0},
    "Hips": {"Y": 25.0},
}
FORWARD = [1.0, 0.0, 0.0, 0.0]


def degrees(clip: Clip, name: str) -> float:
    return float(np.degrees(clip.joint(name)[0]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": "XYZ", "ends": False},
        {"order": "YZX", "scale": 0.01, "prefix": "mixamorig:"},
        {"scale": 10.0, "prefix": "Character1_"},
        {"z_up": True, "scale": 0.01},
    ],
)
def test_an_actor_in_bvh_bends_as_anatomy_says(tmp_path, options):
    clip = read_motion(write_actor(tmp_path / "actor.bvh", BENT, **options))
    assert degrees(clip, "hip_flexion_r") == pytest.approx(30.0, abs=0.01)
    assert degrees(clip, "knee_angle_r") == pytest.approx(50.0, abs=0.2)  # an axis 4 degrees off level
    assert degrees(clip, "hip_adduction_l") == pytest.approx(-12.0, abs=0.01)
    assert degrees(clip, "lumbar_extension") == pytest.approx(-8.0, abs=0.01)
    assert degrees(clip, "elbow_flex_l") == pytest.approx(39.0, abs=1.0)  # an axis 13 degrees off level
    assert degrees(clip, "elbow_flex_r") == pytest.approx(0.0, abs=0.01)
    for name in ("arm_flex_r", "arm_add_r", "arm_rot_l", "hip_flexion_l", "ankle_angle_l"):
        assert degrees(clip, name) == pytest.approx(0.0, abs=0.01), name
    w, _, _, z = clip.root_quat[0]
    assert np.degrees(2 * np.arctan2(z, w)) == pytest.approx(25.0)  # to the left
    # Legs of 83 cm, on which the pelvis of a body with legs of 80.4 cm is 92 cm high in the hips.
    assert clip.root_pos[0, 2] == pytest.approx(0.92 + 0.0785 * 0.83 / 0.804, abs=1e-4)


def test_an_actor_with_names_of_its_own_is_read_with_a_table(tmp_path):
    names = {"RightUpLeg": "thigh.right"}
    file = write_actor(tmp_path / "actor.bvh", BENT, names=names)
    with pytest.raises(
        InputError, match=r"no joint is known for femur_r. It has Hips, .*thigh.right.*--joints"
    ):
        read_motion(file)
    clip = read_motion(file, joints={"femur_r": "thigh.right"})
    assert degrees(clip, "hip_flexion_r") == pytest.approx(30.0, abs=0.01)
    with pytest.raises(
        InputError, match=r"has no joint 'thigh_right', given for femur_r. Did you mean 'thigh"
    ):
        read_motion(file, joints={"femur_r": "thigh_right"})
    with pytest.raises(InputError, match=r"joints: 'femur' is no segment. Did you mean 'femur_r'"):
        read_motion(file, joints={"femur": "Hips"})


def test_bandai_namco_names_are_known(tmp_path):
    parts = {"Arm": "UpperArm", "ForeArm": "LowerArm", "UpLeg": "UpperLeg", "Leg": "LowerLeg"}
    names = {"Spine1": "Chest"}
    for name in ACTOR:
        for side, letter in (("Left", "L"), ("Right", "R")):
            if name.startswith(side):
                part = name.removeprefix(side).replace("ToeBase", "Toes")
                names[name] = f"{parts.get(part, part)}_{letter}"
    clip = read_motion(write_actor(tmp_path / "actor.bvh", BENT, names=names))
    assert degrees(clip, "hip_flexion_r") == pytest.approx(30.0, abs=0.01)
    assert degrees(clip, "lumbar_extension") == pytest.approx(-8.0, abs=0.01)


def test_a_frame_may_stand_for_the_rest_pose(tmp_path):
    turns = {"RightUpLeg": {"X": -90.0}, "LeftUpLeg": {"X": -90.0}}  # as if sitting
    file = write_actor(tmp_path / "actor.bvh", turns)
    assert degrees(read_motion(file), "hip_flexion_r") == pytest.approx(90.0, abs=0.01)
    with pytest.raises(InputError, match="its rest pose is none of a person who stands"):
        read_motion(file, rest_frame=0)
    standing = write_actor(tmp_path / "standing.bvh", HANGING)
    assert degrees(read_motion(standing, rest_frame=1), "arm_add_r") == pytest.approx(0.0, abs=0.01)


def test_a_unit_is_told_by_the_legs_or_has_to_be_given(tmp_path):
    file = write_actor(tmp_path / "actor.bvh", {}, scale=0.3)
    with pytest.raises(InputError, match="its legs are 24.9 long, which is no human's in metres"):
        read_motion(file)
    height = 0.92 + 0.0785 * 0.83 / 0.804
    assert read_motion(file, unit=0.01 / 0.3).root_pos[0, 2] == pytest.approx(height, abs=1e-4)


def test_an_actor_in_amc_bends_about_the_axes_of_its_bones(tmp_path):
    clip = read_motion(write_amc(tmp_path, knee=50.0, hip=30.0))
    # Thighs are drawn 20 degrees aside, which is an abduction that stays in the straight leg.
    assert degrees(clip, "knee_angle_r") == pytest.approx(50.0, abs=0.2)
    assert degrees(clip, "hip_adduction_l") == pytest.approx(-20.0, abs=0.2)
    for name in ("hip_flexion_l", "ankle_angle_l", "subtalar_angle_l"):
        assert degrees(clip, name) == pytest.approx(0.0, abs=0.2), name
    assert (len(clip.times), clip.rate) == (3, pytest.approx(120.0))
    assert clip.root_pos[0, 2] == pytest.approx(17 * 0.0254 / 0.45, abs=0.1)


def test_a_trajectory_of_loco_mujoco_is_read_with_its_root_upright(tmp_path):
    np.savez(tmp_path / "walk.npz", **trajectory(), allow_pickle=True)
    clip = read_motion(tmp_path / "walk.npz", episode=1)
    assert (len(clip.times), clip.joint_names) == (6, ("hip_flexion_r", "knee_angle_r"))
    assert clip.joint("knee_angle_r") == pytest.approx(0.5)  # flexion is positive here
    turned = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]  # faces y, along which it walks
    assert clip.root_quat == pytest.approx(np.tile(turned, (6, 1)))
    old = {"q_pelvis_tx": 0.012 * np.arange(4), "q_hip_flexion_r": np.full(4, 0.2)}
    old |= {f"q_pelvis_{name}": np.zeros(4) for name in ("ty", "tz", "tilt", "list", "rotation")}
    np.savez(tmp_path / "old.npz", **old)
    assert read_motion(tmp_path / "old.npz", rate=100.0).root_quat == pytest.approx(np.tile(FORWARD, (4, 1)))
    with pytest.raises(InputError, match=r"does not say its rate; give it with --hz"):
        read_motion(tmp_path / "old.npz")


def test_csv_may_be_in_degrees_and_says_so_in_its_names(tmp_path):
    pelvis = ["pelvis_tx", "pelvis_ty", "pelvis_tz", "pelvis_tilt", "pelvis_list", "pelvis_rotation"]
    file = tmp_path / "walk.csv"
    rows = "".join(f"{0.01 * k},{0.012 * k},0.9,0,0,0,0,30\n" for k in range(3))
    file.write_text(f"time_s,{','.join(pelvis)},hip_flexion_r_deg\n{rows}")
    assert degrees(read_motion(file), "hip_flexion_r") == pytest.approx(30.0)
    file.write_text(f"time_s,{','.join(pelvis)},hip_flexion_r\n{rows}")
    with pytest.raises(InputError, match=r"'hip_flexion_r' reaches 30; expected radians.*end with _deg"):
        read_motion(file)


@pytest.mark.parametrize(
    ("motion", "skeleton"),
    [
        ("walk.h5", "base.xml"),
        ("shortLleg_mean.h5", "base.xml"),
        ("npz/Sim_Healthy.npz", "base.xml"),
        ("walk.bvh", None),
    ],
)
def test_gaitnets_motions_walk(motion, skeleton):
    data = original_data()
    options = {} if skeleton is None else {"skeleton": data / "skeleton" / skeleton}
    clip = read_motion(data / "motion" / motion, **options)
    for side in "rl":
        hip, knee = (np.degrees(clip.joint(f"{joint}_{side}")) for joint in ("hip_flexion", "knee_angle"))
        assert 30.0 < np.ptp(hip) < 65.0
        assert -5.0 < knee.min() < 10.0
        assert 45.0 < knee.max() < 75.0
    assert 0.9 < clip.duration < 1.2
    if skeleton is not None:
        with pytest.raises(InputError, match="holds poses of a skeleton of GaitNet; name its file"):
            read_motion(data / "motion" / motion)


def test_a_reader_of_one_more_format_is_added(tmp_path, stroll, monkeypatch):
    monkeypatch.setattr(registry, "_READERS", list(registry._READERS))
    register_reader(Reader("a stroll", (".stroll",), lambda path, options: stroll))
    (tmp_path / "a.STROLL").touch()
    assert read_motion(tmp_path / "a.STROLL") is stroll
    with pytest.raises(InputError, match="expected a Reader with suffixes such as '.bvh'"):
        register_reader(Reader("a stroll", ("stroll",), lambda path, options: stroll))


def test_ground_forces_beside_a_motion_of_opensim_come_along(tmp_path, stroll, caplog):
    write_motion(stroll, tmp_path / "walk.mot")
    names = [f"ground_force_{side}_{kind}{axis}" for side in "rl" for kind in "vp" for axis in "xyz"]
    columns = {name: np.full(41, 700.0 if name.endswith("vy") else 0.5) for name in names}
    write_table(tmp_path / "walk_grf.mot", stroll.times, columns)
    clip = read_motion(tmp_path / "walk.mot")
    assert clip.forces["grf"][7] == pytest.approx(np.tile([0.5, -0.5, 700.0], (2, 1)))  # forward, left, up
    assert set(clip.forces) == {"grf", "cop"}
    write_table(tmp_path / "walk_grf.mot", stroll.times[:20], {name: v[:20] for name, v in columns.items()})
    assert not read_motion(tmp_path / "walk.mot").forces
    assert "does not cover all of" in caplog.text
