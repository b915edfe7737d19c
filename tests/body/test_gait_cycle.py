import dataclasses
import logging
import os
from pathlib import Path

import mujoco
import numpy as np
import pytest

import batchenv
from batchenv.body import Body, GaitCycle, load_body, load_gait_cycle
from batchenv.body.foot_geometry import foot_geoms, lowest_point, relative_positions
from batchenv.body.gait_cycle import TABLE_SIZE
from batchenv.body.sides import unlike_legs
from batchenv.errors import BodyError, ConfigError
from tests.body.small_bodies import biped

FILE = Path(batchenv.__file__).parent / "data" / "ref_gait_myosuite_sym.csv"
UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])
PHASE = np.random.default_rng(0).uniform(size=300)


@pytest.fixture(scope="module")
def gait(body: Body) -> GaitCycle:
    return load_gait_cycle(FILE, body, period=1.12, speed=1.24, joint_scale={"hip_rotation": 0.0})


def column(name: str) -> np.ndarray:
    with FILE.open() as stream:
        names = stream.readline().strip().split(",")
    return np.loadtxt(FILE, delimiter=",", skiprows=1)[:, names.index(name)]


@pytest.mark.parametrize("joint", ["hip_flexion", "hip_adduction", "ankle_angle"])
def test_cycle_goes_through_the_angles_of_the_file(body: Body, gait: GaitCycle, joint: str):
    angles = gait.joint_pos(np.arange(101) / 100)
    right, left = (angles[:, body.joint_names.index(f"{joint}_{side}")] for side in "rl")
    # The file is rounded to 1e-6; linear interpolation between 512 phases adds 3e-5.
    np.testing.assert_allclose(right, column(f"{joint}_rad"), atol=1e-4)
    np.testing.assert_allclose(
        left, np.roll(column(f"{joint}_rad")[:-1], 50)[np.arange(101) % 100], atol=1e-4
    )
    assert gait.fit_error < 2e-6


def test_knee_is_bent_to_its_lower_bound_and_unread_joints_rest(body: Body, gait: GaitCycle):
    angles = gait.joint_pos(np.arange(101) / 100)
    knee = angles[:, body.joint_names.index("knee_angle_r")]
    assert column("knee_angle_rad").min() < 0 < 0.02 <= knee.min()
    # The bend is a softplus 0.01 rad wide: log(2) of it at the bound.
    np.testing.assert_allclose(knee, np.maximum(column("knee_angle_rad"), 0.02), atol=0.0071)
    for joint in ("hip_rotation", "subtalar_angle", "mtp_angle"):
        assert (angles[:, body.joint_names.index(f"{joint}_r")] == 0).all()


def test_options_keep_the_turning_of_the_hip_and_the_straight_knee(body: Body):
    gait = load_gait_cycle(FILE, body, period=1.12, speed=1.24, min_knee=-1.0)
    angles = gait.joint_pos(np.arange(101) / 100)
    for joint in ("hip_rotation", "knee_angle"):
        index = body.joint_names.index(f"{joint}_r")
        np.testing.assert_allclose(angles[:, index], column(f"{joint}_rad"), atol=1e-4)


def test_a_scale_acts_on_angles_and_velocities_of_its_joint_alone(body: Body, gait: GaitCycle):
    scale = {"hip_rotation": 0.0, "hip_adduction": 0.4}
    scaled = load_gait_cycle(FILE, body, period=1.12, speed=1.24, joint_scale=scale)
    factor = np.array([0.4 if "adduction" in joint else 1.0 for joint in body.joint_names])
    np.testing.assert_allclose(scaled.joint_pos_table, factor * gait.joint_pos_table, atol=1e-14)
    np.testing.assert_allclose(scaled.joint_vel_table, factor * gait.joint_vel_table, atol=1e-13)


def test_the_left_leg_may_have_angles_of_its_own(tmp_path: Path, body: Body, gait: GaitCycle):
    header, *rows = FILE.read_text().splitlines()
    knee = header.split(",").index("knee_angle_rad")
    own = [f"{row},{0.5 * float(row.split(',')[knee]) + 0.1:.6f}" for row in rows]
    (tmp_path / "limp.csv").write_text("\n".join([f"{header},knee_angle_l_rad", *own]))
    limp = load_gait_cycle(
        tmp_path / "limp.csv", body, period=1.12, speed=1.24, joint_scale={"hip_rotation": 0.0}
    )
    right, left = (body.joint_names.index(f"knee_angle_{side}") for side in "rl")
    others = np.arange(len(body.joint_names)) != left
    assert np.array_equal(limp.joint_pos_table[:, others], gait.joint_pos_table[:, others])
    # Over the same phase, not half a cycle later. Near a straight knee, the floor below knees bends curves.
    knees = gait.joint_pos_table[:, right]
    bent = knees > 0.1
    np.testing.assert_allclose(limp.joint_pos_table[bent, left], 0.5 * knees[bent] + 0.1, atol=0.002)
    assert (unlike_legs(body, gait.joint_pos_table), unlike_legs(body, limp.joint_pos_table)) == (
        None,
        "knee_angle_l of the reference has a motion of its own",
    )


def test_a_scale_may_be_of_one_leg(body: Body, gait: GaitCycle):
    scale = {"hip_rotation": 0.0, "knee_angle": 0.8, "knee_angle_l": 0.5}
    scaled = load_gait_cycle(FILE, body, period=1.12, speed=1.24, joint_scale=scale)
    factor = [{"knee_angle_l": 0.5, "knee_angle_r": 0.8}.get(joint, 1.0) for joint in body.joint_names]
    np.testing.assert_allclose(scaled.joint_pos_table, factor * gait.joint_pos_table, atol=1e-14)


def test_a_scale_of_a_joint_that_the_file_has_not_is_refused(body: Body):
    with pytest.raises(ConfigError, match=r"joint_scale\.hip_aduction: .* Did you mean 'hip_adduction'"):
        load_gait_cycle(FILE, body, period=1.12, speed=1.24, joint_scale={"hip_aduction": 0.4})


def test_angles_stay_within_the_limits_of_the_joints(body: Body, gait: GaitCycle):
    assert (gait.joint_pos_table > body.joint_range[:, 0] - 1e-12).all()
    assert (gait.joint_pos_table < body.joint_range[:, 1]).all()


def test_half_a_cycle_later_the_pose_is_mirrored(body: Body, gait: GaitCycle):
    np.testing.assert_allclose(
        gait.joint_pos(PHASE + 0.5), gait.joint_pos(PHASE)[:, body.mirror_joint], atol=1e-12
    )
    feet = gait.foot_pos(PHASE + 0.5)[:, ::-1] * [1, -1, 1]
    # myo_sim's legs face 0.8 mrad away from -Y: a mirror turns that into 1.6 mm at 1 m.
    np.testing.assert_allclose(feet, gait.foot_pos(PHASE), atol=1.6e-3)


def test_velocity_is_the_rate_of_the_position(gait: GaitCycle):
    step = 1 / TABLE_SIZE
    rate = (gait.joint_pos(PHASE + step) - gait.joint_pos(PHASE - step)) / (2 * step * gait.period)
    # Differences over two steps: step^2 / 6 times the third derivative, at the bend of the knee 3e4 rad.
    np.testing.assert_allclose(gait.joint_vel(PHASE), rate, atol=0.06)
    smooth = np.abs(gait.joint_vel(PHASE) - rate).max(axis=0)
    assert np.delete(smooth, [3, 10]).max() < 5e-3


def test_root_height_lets_the_lowest_foot_touch_the_floor(body: Body, gait: GaitCycle):
    data = mujoco.MjData(body.model)
    for k in range(0, TABLE_SIZE, 16):
        phase = np.array([k / TABLE_SIZE])
        root = np.array([0.0, 0.0, gait.root_height(phase)[0]])
        data.qpos = body.qpos(root, UPRIGHT, gait.joint_pos(phase)[0])
        mujoco.mj_kinematics(body.model, data)
        gaps = [
            mujoco.mj_geomDistance(body.model, data, body.floor_geom, geom, 1.0, None)
            for geom in foot_geoms(body)
        ]
        # MuJoCo's own distance of ellipsoid and plane is exact, too.
        assert min(gaps) == pytest.approx(0, abs=1e-9)


def test_root_height_rate_adds_up_to_the_height(gait: GaitCycle):
    phase = np.linspace(0, 1, 20 * TABLE_SIZE, endpoint=False)
    rate, height = gait.root_height_rate(phase), gait.root_height(phase)
    assert np.isfinite(rate).all() and np.abs(rate).max() < 1.0
    travelled = np.cumsum(rate) * gait.period / len(phase)
    # At a kink the central difference smears the rate over one step, about 0.6 m/s for 2 ms.
    np.testing.assert_allclose(travelled, height - height[0], atol=1e-3)


def test_feet_are_where_kinematics_puts_them(body: Body, gait: GaitCycle):
    data = mujoco.MjData(body.model)
    phase = np.array([37 / TABLE_SIZE])
    root = np.array([3.0, -2.0, 0.9])
    data.qpos = body.qpos(root, UPRIGHT, gait.joint_pos(phase)[0])
    mujoco.mj_kinematics(body.model, data)
    away = data.xpos[body.foot_body] - root
    expected = np.stack([away @ body.forward, away @ body.left, away @ body.up], axis=1)
    np.testing.assert_allclose(gait.foot_pos(phase)[0], expected, atol=1e-12)
    assert gait.foot_pos(np.zeros(1))[0, 0, 0] > 0.2 > 0 > gait.foot_pos(np.zeros(1))[0, 1, 0]


def foot_slip(gait: GaitCycle, body: Body) -> float:
    """How fast the ball of the standing foot slides forward on the ground [m/s], mean over the cycle."""
    heel_strikes = gait.joint_pos(np.array([0.0, 0.5]))
    right, left = relative_positions(body, body.toe_body, heel_strikes)[..., 0].T
    return gait.speed - float(right[0] - right[1] + left[1] - left[0]) / gait.period


def test_a_period_of_1_12_s_fits_1_24_m_per_s(body: Body, gait: GaitCycle):
    slip = {
        period: foot_slip(dataclasses.replace(gait, period=period), body)
        for period in (1.0, 1.06, 1.12, 1.18, 1.24)
    }
    assert min(slip, key=lambda period: abs(slip[period])) == 1.12
    assert abs(slip[1.12]) < 0.01
    assert slip[1.0] < -0.1 < 0.1 < slip[1.24]


def test_phases_wrap_around(gait: GaitCycle):
    edge = np.array([0.0, 1.0, -1.0, np.nextafter(1.0, 0.0)])
    height = gait.root_height(edge)
    assert height[0] == height[1] == height[2] == pytest.approx(height[3], abs=1e-12)
    np.testing.assert_allclose(gait.joint_pos(PHASE - 3), gait.joint_pos(PHASE), atol=1e-9)


def test_a_sample_holds_what_each_look_up_gives(gait: GaitCycle):
    sample = gait.sample(PHASE)
    for field in dataclasses.fields(sample) if dataclasses.is_dataclass(sample) else sample._fields:
        name = getattr(field, "name", field)
        assert np.array_equal(getattr(sample, name), getattr(gait, name)(PHASE)), name


def test_torch_phases_give_torch_poses(gait: GaitCycle):
    torch = pytest.importorskip("torch")
    pose = gait.joint_pos(torch.asarray(PHASE, dtype=torch.float32))
    assert pose.dtype == torch.float32
    # float32 phases: 6e-8 cycles at up to 8 rad per cycle.
    np.testing.assert_allclose(pose, gait.joint_pos(PHASE), atol=1e-5)
    assert gait.foot_pos(torch.zeros(2)).shape == (2, 2, 3)


GEOMS = {
    "sphere": 'size=".1"',
    "capsule": 'size=".05 .2"',
    "ellipsoid": 'size=".1 .2 .3"',
    "box": 'size=".1 .2 .3"',
    "cylinder": 'size=".1 .2"',
    "mesh": 'mesh="wedge"',
}


@pytest.mark.parametrize("kind", GEOMS)
def test_lowest_point_is_where_mujoco_sees_a_floor_closest(kind: str):
    model = mujoco.MjModel.from_xml_string(f"""
      <mujoco><asset><mesh name="wedge" vertex="0 0 0 .3 0 0 0 .2 0 0 0 .4"/></asset><worldbody>
        <geom name="floor" type="plane" size="0 0 1"/>
        <body><freejoint/><geom name="it" type="{kind}" {GEOMS[kind]} pos=".1 .2 .3" euler="10 20 30"/></body>
      </worldbody></mujoco>""")
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    for quat in rng.normal(size=(20, 4)):
        data.qpos = [0, 0, 2, *quat / np.linalg.norm(quat)]
        mujoco.mj_kinematics(model, data)
        point = lowest_point(model, data, model.geom("it").id)
        fromto = np.zeros(6)
        gap = mujoco.mj_geomDistance(model, data, 0, model.geom("it").id, 5.0, fromto)
        # Mesh vertices are float32.
        assert point[2] == pytest.approx(gap, abs=1e-6)


def table(n: int = 100, **columns: np.ndarray) -> str:
    phase = np.linspace(0, 100, n + 1)
    rows = np.column_stack([phase, *columns.values()])
    header = ",".join(["phase_pct", *columns])
    return "\n".join([header, *(",".join(map(str, row.tolist())) for row in rows)])


def wave(n: int = 100) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * np.arange(n + 1) / n)


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "gait.csv").write_text(text)
    return tmp_path / "gait.csv"


REFUSED = {
    "": r"first column must be 'phase_pct', not \[\]",
    "time,knee_angle_rad\n0,1": r"first column must be 'phase_pct', not \['time'\]",
    table(
        knee_angel_rad=wave()
    ): r"column 'knee_angel_rad' .* Did you mean 'knee_angle_rad'\? Expected some of hip",
    table(knee_angle_deg=wave()): r"column 'knee_angle_deg' is not a joint of the body",
    table(knee_angle_rad=wave()).replace(
        "0.0", "zero", 2
    ): r"line 2, column 'phase_pct' is 'zero'; expected a finite",
    table(knee_angle_rad=wave()) + "\n100": r"line 103 has 1 values; expected 2",
    table(knee_angle_rad=wave() * np.nan): r"line 2, column 'knee_angle_rad' is 'nan'; expected a finite",
    "phase_pct,knee_angle_rad\n0,1\n100,1": r"at least 4 rows of finite numbers",
    table(knee_angle_rad=wave()).replace("\n50.0,", "\n50.5,"): r"evenly spaced from 0 to 100",
    table(knee_angle_rad=wave() + np.linspace(0, 0.1, 101)): r"not cyclic: its last row is 0.100 rad from",
}


REFUSED |= {
    table(
        knee_angle_rad=np.degrees(0.5 + wave())
    ): r"column 'knee_angle_rad' reaches 45.8.* rad, far outside the "
    r"range of the joint, 0 to 2.09 rad. Are the angles in degrees",
    table(
        knee_angle_rad=-1 - wave()
    ): r"reaches -1.3 rad, far outside .* or their signs the other way round\?",
    table(knee_angle_rad=np.full(101, 1e308)): r"column 'knee_angle_rad' reaches 1e\+308 rad",
    "phase_pct\n0\n25\n50\n75\n100": r"expected columns of joints after 'phase_pct'",
    table(knee_angle_rad=wave()).replace(
        "rad\n", "rad,knee_angle_rad\n", 1
    ): r"a second column 'knee_angle_rad'",
    table(knee_angle_rad=wave()).replace("\n50.0,", "\n50.0;"): r"line 52 has 1 values; expected 2",
    table(knee_angle_rad=wave()).replace(
        ",", ";"
    ): r"must be 'phase_pct', not \['phase_pct;knee_angle_rad'\]",
    "phase_pct,knee_angle_rad\n0,0\n" + '"' + "9" * 200_000 + '",0': r"line 3 is not CSV: field larger than",
    "phase_pct,knee_angle_rad\n0,\0": r"it holds NUL characters",
    "phase_pct,knee_angle_rad\n" + "0,0\n" * 1_000_001: r"larger than 4 MB; expected a CSV file",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=range(len(REFUSED)))
def test_file_that_is_no_cycle_of_the_body_is_refused(tmp_path: Path, body: Body, text: str, message: str):
    with pytest.raises(ConfigError, match=r"gait.csv'.*" + message):
        load_gait_cycle(write(tmp_path, text), body, period=1.0, speed=1.0)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_text_in_another_encoding_is_refused(tmp_path: Path, body: Body, encoding: str):
    (tmp_path / "gait.csv").write_bytes(("phase_pct,knee_angle_rad\n0,0 \u00b0\n").encode(encoding))
    with pytest.raises(ConfigError, match=r"gait.csv': line [12] is not UTF-8 text"):
        load_gait_cycle(tmp_path / "gait.csv", body, period=1.0, speed=1.0)


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text + "\n\n \n",
        lambda text: text.replace(",", " , "),
        lambda text: text.replace("phase_pct", '"phase_pct"').replace("50.0,", '"50.0",'),
    ],
)
def test_table_is_read_however_its_text_was_saved(tmp_path: Path, body: Body, changed):
    text = table(knee_angle_rad=wave())
    usual = load_gait_cycle(write(tmp_path, text), body, period=1.0, speed=1.0)
    (tmp_path / "gait.csv").write_bytes(changed(text).encode())
    other = load_gait_cycle(tmp_path / "gait.csv", body, period=1.0, speed=1.0)
    assert np.array_equal(usual.table, other.table)


@pytest.mark.parametrize(
    ("path", "message"),
    [("folder", "a directory"), ("pipe", "no regular file"), ("/dev/zero", "no regular file")],
)
def test_path_that_is_no_file_is_refused_without_waiting(tmp_path: Path, body: Body, path: str, message: str):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=message):
        load_gait_cycle(tmp_path / path, body, period=1.0, speed=1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"period": 1120.0}, r"environment.motion.period = 1120.0: expected a number from 0.05 to 60 s"),
        ({"period": float("nan")}, r"environment.motion.period = nan"),
        ({"speed": 1e308}, r"environment.motion.speed = 1e\+308: expected a number from 0 to 50 m/s"),
        (
            {"joint_scale": {"knee_angle": 1e300}},
            r"joint_scale.knee_angle = 1e\+300: expected a number from -100",
        ),
        (
            {"joint_scale": {"hip_flexion_l": 57.3}},
            r"joint_scale.hip_flexion_l = 57.3 takes the joint to 28.* far outside",
        ),
        (
            {"joint_scale": {"knee_angle_x": 0.5}},
            r"joint_scale.knee_angle_x: motion file .* has no such joint",
        ),
        (
            {"joint_scale": {"hip_flexion": 57.3}},
            r"joint_scale.hip_flexion = 57.3 takes the joint to 28.* far outside",
        ),
        ({"min_knee": True}, r"min_knee = True"),
    ],
)
def test_numbers_that_no_human_walks_with_are_refused(body: Body, changes: dict, message: str):
    with pytest.raises(ConfigError, match=message):
        load_gait_cycle(FILE, body, **{"period": 1.12, "speed": 1.24, **changes})


def test_file_that_is_not_there_is_refused(tmp_path: Path, body: Body):
    with pytest.raises(ConfigError, match=r"nowhere.csv' does not exist"):
        load_gait_cycle(tmp_path / "nowhere.csv", body, period=1.0, speed=1.0)


def test_body_without_feet_is_refused(tmp_path: Path):
    (tmp_path / "body.xml").write_text(biped().replace("calcn", "shank"))
    body = load_body(str(tmp_path / "body.xml"), timestep=0.002)
    with pytest.raises(BodyError, match="a gait cycle needs feet"):
        load_gait_cycle(FILE, body, period=1.0, speed=1.0)


def test_smoothing_that_moves_a_joint_is_reported(tmp_path: Path, body: Body, caplog):
    jump = np.where(np.arange(101) % 100 < 50, 0.0, 0.3)
    with caplog.at_level(logging.WARNING):
        gait = load_gait_cycle(write(tmp_path, table(hip_flexion_rad=jump)), body, period=1.0, speed=1.0)
    assert gait.fit_error > 0.1
    assert "smoothing the cycle moves a joint by" in caplog.text
