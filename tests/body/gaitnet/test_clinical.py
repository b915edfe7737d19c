import numpy as np
import pytest

from batchenv.body.gaitnet import load_skeleton, matrix_from_vector, vector_from_matrix
from batchenv.body.gaitnet.clinical import ClinicalAngles
from batchenv.body.gaitnet.kinematics import frames
from batchenv.errors import BodyError
from tests.body.gaitnet.small_gaitnet import SKELETON, small_body, write_files

X, Y, Z = np.eye(3)


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory):
    return small_body(tmp_path_factory.mktemp("body")).skeleton


def posed(skeleton, name, vector):
    q = np.zeros((1, skeleton.num_dof))
    start = skeleton.dof_start[skeleton.index(name)]
    count = skeleton.num_dofs[skeleton.index(name)]
    q[0, start : start + count] = vector if count > 1 else vector[:1]
    return q


def angles(skeleton, q):
    clinical = ClinicalAngles(skeleton)
    return dict(zip(clinical.names, clinical.angles(q)[0], strict=True))


def test_all_angles_are_zero_in_the_zero_pose(skeleton):
    found = angles(skeleton, np.zeros((1, skeleton.num_dof)))
    assert list(found)[:5] == ["hip_flexion_r", "hip_adduction_r", "hip_rotation_r", "knee_angle_r",
                               "ankle_angle_r"]  # fmt: skip
    assert set(found.values()) == {0.0}


def foot_moves(skeleton, q, side):
    """Which way the foot goes from the zero pose (3,), x to the left, y up, z forward."""
    foot = skeleton.index(f"Talus{side}")
    return frames(skeleton, q).body_p[0, foot] - frames(skeleton, 0 * q).body_p[0, foot]


@pytest.mark.parametrize("side", ["R", "L"])
def test_signs_are_those_of_gait_analysis_on_both_sides(skeleton, side):
    s, inward = side.lower(), 1.0 if side == "R" else -1.0
    swung = posed(skeleton, f"Femur{side}", -0.4 * X)
    assert angles(skeleton, swung)[f"hip_flexion_{s}"] == pytest.approx(0.4)
    assert foot_moves(skeleton, swung, side)[2] > 0.1  # a flexed hip brings the foot forward
    crossed = posed(skeleton, f"Femur{side}", 0.2 * inward * Z)
    assert angles(skeleton, crossed)[f"hip_adduction_{s}"] == pytest.approx(0.2)
    assert foot_moves(skeleton, crossed, side)[0] * inward > 0.1  # an adducted one to the other side
    turned = posed(skeleton, f"Femur{side}", 0.3 * inward * Y)
    assert angles(skeleton, turned)[f"hip_rotation_{s}"] == pytest.approx(0.3)
    bent = posed(skeleton, f"Tibia{side}", 0.8 * X)
    assert angles(skeleton, bent)[f"knee_angle_{s}"] == pytest.approx(0.8)
    assert foot_moves(skeleton, bent, side)[2] < -0.2  # a flexed knee brings it back
    raised = posed(skeleton, f"Talus{side}", -0.2 * X)
    assert angles(skeleton, raised)[f"ankle_angle_{s}"] == pytest.approx(0.2)
    toes = frames(skeleton, raised).body_R[0, skeleton.index(f"Talus{side}")] @ Z
    assert toes[1] > 0.1  # dorsiflexion lifts the toes


def test_angles_are_those_of_the_turns_that_are_made_one_after_another(skeleton):
    flexion, adduction, rotation = 0.7, -0.15, 0.25
    turn = (
        matrix_from_vector(-flexion * X)
        @ matrix_from_vector(adduction * Z)
        @ matrix_from_vector(rotation * Y)
    )
    found = angles(skeleton, posed(skeleton, "FemurR", vector_from_matrix(turn)))
    assert [found[f"hip_{name}_r"] for name in ("flexion", "adduction", "rotation")] == pytest.approx(
        [flexion, adduction, rotation]
    )


def test_mirrored_poses_swap_the_sides(skeleton):
    rng = np.random.default_rng(0)
    q = rng.uniform(-0.4, 0.4, (5, skeleton.num_dof))
    image = skeleton.mirror_sign * q[:, skeleton.mirror_dof]
    clinical = ClinicalAngles(skeleton)
    half = len(clinical.names) // 2
    swapped = np.roll(clinical.angles(image), half, axis=1)
    np.testing.assert_allclose(clinical.angles(q), swapped, atol=1e-12)
    torque = rng.normal(0.0, 50.0, q.shape)
    mirrored = skeleton.mirror_sign * torque[:, skeleton.mirror_dof]
    swapped = np.roll(clinical.torques(image, mirrored), half, axis=1)
    np.testing.assert_allclose(clinical.torques(q, torque), swapped, atol=1e-10)


def test_torques_do_the_same_work_on_the_angles_as_on_the_joints(skeleton):
    """Power: the sum of torque times rate over the angles is that of torque times spin over the joints."""
    rng = np.random.default_rng(1)
    clinical, step = ClinicalAngles(skeleton), 1e-6
    q = rng.uniform(-0.5, 0.5, (4, skeleton.num_dof))
    q[:, :6] = 0.0
    spin, torque = rng.normal(0.0, 1.0, q.shape), rng.normal(0.0, 40.0, q.shape)
    spin[:, :6] = torque[:, :6] = 0.0
    moved = q + step * spin
    for start, kind in zip(skeleton.dof_start[1:], skeleton.joint_type[1:], strict=True):
        if kind == "ball":
            place = slice(start, start + 3)
            turn = matrix_from_vector(q[:, place]) @ matrix_from_vector(step * spin[:, place])
            moved[:, place] = vector_from_matrix(turn)
    rate = (clinical.angles(moved) - clinical.angles(q)) / step
    power = (clinical.torques(q, torque) * rate).sum(axis=1)
    np.testing.assert_allclose(power, (torque * spin).sum(axis=1), rtol=1e-4)


def test_a_skeleton_with_other_names_is_refused(tmp_path):
    file, _ = write_files(tmp_path, SKELETON.replace("FemurR", "ThighR"))
    with pytest.raises(BodyError, match="no body 'FemurR' in the skeleton.*ThighR"):
        ClinicalAngles(load_skeleton(file))
