"""What the import command is made of: tendons, MJCF, symmetry, report."""

import json

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import (
    anchor_positions,
    follow,
    frames,
    length_gradients,
    load_motion,
    path_lengths,
)
from batchenv.body.gaitnet.mjcf import export_spec
from batchenv.body.gaitnet.report import import_report
from batchenv.body.gaitnet.symmetry import asymmetries
from batchenv.body.gaitnet.tendons import on_one_body, sample_poses, tendon_paths
from tests.body.gaitnet.small_gaitnet import MUSCLES, SKELETON, small_body
from tests.body.gaitnet.test_motion import BVH, FRAMES

# Turns GaitNet's axes into those of the MJCF file.
TURN = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return small_body(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def tendons(body):
    return tendon_paths(body.skeleton, body.paths)


@pytest.fixture(scope="module")
def exported(body, tendons, tmp_path_factory):
    """The model of the MJCF file, read back."""
    file = tmp_path_factory.mktemp("mjcf") / "body.xml"
    file.write_text(export_spec(body, tendons).to_xml())
    return mujoco.MjModel.from_xml_path(str(file))


def test_sampled_poses_keep_the_limits_and_come_in_mirrored_pairs(body):
    skeleton = body.skeleton
    poses = sample_poses(skeleton, 40)
    inside = (poses >= skeleton.lower - 1e-7) & (poses <= skeleton.upper + 1e-7)
    # The hips' limits are no mirror images of each other.
    hips = np.isin(np.array(skeleton.names)[skeleton.dof_joint], ["FemurR", "FemurL"])
    assert inside[:, ~hips].all() and inside[:20].all() and not poses[:, :6].any()
    np.testing.assert_array_equal(poses[20:], skeleton.mirror_sign * poses[:20, skeleton.mirror_dof])


def test_the_body_of_a_way_point_is_the_best_of_all(body, tendons):
    paths, skeleton = body.paths, body.skeleton
    at = frames(skeleton, sample_poses(skeleton))
    true_length = path_lengths(paths, anchor_positions(paths, at))[:, 2]
    true_arm = length_gradients(skeleton, paths, at)[:, 2]
    rows = range(paths.anchor_ptr[2], paths.anchor_ptr[3])
    first, (shank, thigh), last = ([*range(paths.entry_ptr[a], paths.entry_ptr[a + 1])] for a in rows)
    cost = {}
    for kept in (shank, thigh):
        one = on_one_body(paths, [np.array([*first, kept, *last])], np.array([2]))
        length = path_lengths(one, anchor_positions(one, at))[:, 0] - true_length
        arm = (length_gradients(skeleton, one, at)[:, 0] - true_arm)[:, 6:]
        cost[int(paths.entry_body[kept])] = (length**2).mean() + (arm**2).mean(
            axis=0
        ).sum() / skeleton.num_dof
        found = int(tendons.paths.entry_body[tendons.paths.anchor_ptr[2] + 1])
        if paths.entry_body[kept] == found:
            assert tendons.length_error[2] == pytest.approx(np.abs(length).max())
            assert tendons.arm_error[2] == pytest.approx(np.abs(arm).max())
    assert found == min(cost, key=lambda k: cost[k])


def test_rigid_paths_have_no_error_and_blended_ones_have(tendons):
    assert tendons.length_error[[0, 1, 4, 5]].max() < 1e-14 and tendons.arm_error[[0, 1, 4, 5]].max() < 1e-14
    assert tendons.length_error[2:4].min() > 1e-3
    np.testing.assert_allclose(tendons.length_error[2], tendons.length_error[3], rtol=1e-9)


def test_the_mjcf_stands_with_z_up_and_x_forward(body, exported):
    data = mujoco.MjData(exported)
    mujoco.mj_forward(exported, data)
    zero = frames(body.skeleton, np.zeros((1, body.skeleton.num_dof)))
    ids = [exported.body(name).id for name in body.skeleton.names]
    np.testing.assert_allclose(data.xipos[ids], zero.body_p[0] @ TURN.T, atol=1e-6)
    np.testing.assert_allclose(exported.opt.gravity, [0, 0, -9.8])
    assert exported.body_subtreemass[0] == pytest.approx(35.0)
    assert (exported.dof_damping == 0.4).all()
    # Both feet stand: four corners each, on a floor that lies.
    data.qpos[2] -= 0.001
    mujoco.mj_forward(exported, data)
    assert data.ncon == 8 and data.contact.frame[0, 2] == pytest.approx(1)


def test_the_tendons_of_the_mjcf_have_the_lengths_of_the_paths(body, tendons, exported):
    data = mujoco.MjData(exported)
    q = sample_poses(body.skeleton, 4)
    expected = path_lengths(tendons.paths, anchor_positions(tendons.paths, frames(body.skeleton, q)))
    for n, qpos in enumerate(body.to_qpos(q)):
        data.qpos[7:] = qpos[7:]
        mujoco.mj_forward(exported, data)
        np.testing.assert_allclose(data.ten_length, expected[n], atol=1e-5)
    assert [exported.tendon(m).name for m in range(6)] == list(body.paths.names)


def test_the_muscles_of_the_mjcf_have_the_force_and_the_lengths_of_gaitnets(body, exported):
    for m in range(6):
        optimal, slack = body.paths.lm[m] * body.paths.lmt_ref[m], body.paths.lt[m] * body.paths.lmt_ref[m]
        span, params = exported.actuator_lengthrange[m], exported.actuator_gainprm[m][:9]
        for length in (0.6, 0.8, 1.0, 1.2, 1.4):
            force = -mujoco.mju_muscleGain(slack + length * optimal, 0, span, 0, params)
            bell = np.exp(-((length - 1) ** 2) / 0.45)
            # MuJoCo's curve of four parabolas stays within 5 % of the bell.
            assert force / body.paths.f0[m] == pytest.approx(bell, abs=0.05)
        passive = -mujoco.mju_muscleBias(slack + 1.3 * optimal, span, 0, exported.actuator_biasprm[m][:9])
        assert passive / body.paths.f0[m] == pytest.approx(1, rel=1e-3)


def test_the_mjcf_can_be_simulated(exported):
    data = mujoco.MjData(exported)
    data.ctrl[:] = 0.1
    mujoco.mj_step(exported, data, 480)
    assert not data.warning.number.any() and np.isfinite(data.qpos).all()


def test_mirrored_limits_are_those_that_a_mirror_shows(body):
    # The hips go by 0.6 and -0.4 about the same z on both sides: no mirror images. The rest is one.
    assert [(item.name, item.what) for item in asymmetries(body)] == [("FemurL", "limits")]
    assert asymmetries(body)[0].amount == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('<Body type="Box" mass="7.5"', '<Body type="Box" mass="6"', ("FemurL", "mass", 0.2)),
        ('translation="-0.1 0.5 0.0"', 'translation="-0.1 0.52 0.0"', ("TibiaL", "joint", 0.02)),
        ('lower="-0.1" upper="2.3"', 'lower="-0.3" upper="2.3"', ("TibiaL", "limits", 0.2)),
        ('<Unit name="L_Psoas" f0="500"', '<Unit name="L_Psoas" f0="400"', ("L_Psoas", "f0", 0.2)),
        ('p="0.1 0.98 0.05"', 'p="0.1 0.98 0.06"', ("L_Rectus", "way-points", 0.01)),
        ('name="R_Psoas"', 'name="R_Iliacus"', ("R_Iliacus", "has no twin", 1.0)),
    ],
)
def test_differences_between_twins_are_found(tmp_path, old, new, expected):
    assert (SKELETON + MUSCLES).count(old)
    changed = small_body(tmp_path, SKELETON.replace(old, new, 1), MUSCLES.replace(old, new, 1))
    name, what, amount = expected
    found = {(item.name, item.what): item.amount for item in asymmetries(changed)}
    assert found[name, what] == pytest.approx(amount, abs=1e-5)


def test_the_report_says_it_all_in_lines_and_in_json(body, tendons, tmp_path):
    file = tmp_path / "walk.bvh"
    file.write_text(BVH + "\n".join(FRAMES) + "\n")
    report = import_report(body, tendons, follow(load_motion(file, body.skeleton)))
    text = "\n".join(report.lines())
    for expected in (
        "7 bodies, 35.0 kg: Pelvis, FemurR",
        "joints: 2 ball, 1 free, 4 revolute; 16 degrees of freedom",
        "6 muscles, 0 left out",
        "14 way-points, 2 blended over bodies",
        "left and right differ in 1 places",
        "FemurL: limits, 0.2 rad",
        "tendons: 2 muscles have blended way-points",
        "beyond its limits: TibiaL",
    ):
        assert expected in text
    data = json.loads(json.dumps(report.as_json()))
    assert data["mass"] == 35 and set(data["tendon_errors"]) == {"L_Rectus", "R_Rectus"}
    assert data["asymmetries"][0]["name"] == "FemurL" and data["motion"]["frames"] == 3
