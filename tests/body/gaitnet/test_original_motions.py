"""Motions and way-points as GaitNet reads them: BVH with its changes, NPZ, and weights by meshes."""

import math
from pathlib import Path

import numpy as np
import pytest

from batchenv.body.gaitnet import (
    foot_meshes,
    load_motion,
    load_muscles,
    load_npz_motion,
    load_skeleton,
    matrix_from_vector,
)
from batchenv.body.gaitnet.bvh_original import _damped
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.errors import BodyError, ConfigError
from tests.body.gaitnet.small_gaitnet import MUSCLES, SKELETON, write_files
from tests.gaitnet_files import original_data


def numbers_of(skeleton: Skeleton, poses: np.ndarray) -> np.ndarray:
    """Frames of a file in NPZ that hold poses (F, D)."""
    columns = []
    for start, kind in zip(skeleton.dof_start, skeleton.joint_type, strict=True):
        if kind == "revolute":
            columns.append(poses[:, start : start + 1])
            continue
        columns.append(matrix_from_vector(poses[:, start : start + 3])[:, :2].reshape(len(poses), 6))
        if kind == "free":
            columns.append(poses[:, start + 3 : start + 6])
    return np.concatenate(columns, axis=1)


def test_motion_in_npz_has_the_poses_of_its_first_two_rows(tmp_path: Path):
    skeleton = load_skeleton(write_files(tmp_path)[0])
    rng = np.random.default_rng(0)
    poses = rng.uniform(-0.5, 0.5, (12, skeleton.num_dof))
    file = tmp_path / "walk.npz"
    numbers = numbers_of(skeleton, poses)
    np.savez(file, motions=np.stack([numbers.ravel(), np.ones(numbers.size)]))
    motion = load_npz_motion(file, skeleton)
    np.testing.assert_allclose(motion.poses, poses, atol=1e-12)
    assert motion.period == pytest.approx(12 / 60)
    np.testing.assert_allclose(motion.pose(np.array([3.0 + 4 / 11])), poses[4:5], atol=1e-12)
    # Between frames, the numbers lie on straight lines.
    halfway = motion.pose(np.array([4.5 / 11]))
    knee = int(skeleton.dof_start[skeleton.index("TibiaL")])
    assert halfway[0, knee] == pytest.approx(poses[4:6, knee].mean())
    hip = slice(*(skeleton.dof_start[skeleton.index("FemurL")] + np.array([0, 3])))
    row = matrix_from_vector(poses[4:6, hip])[:, 0].mean(axis=0)
    np.testing.assert_allclose(matrix_from_vector(halfway[:, hip])[0, 0], row / np.linalg.norm(row))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"poses": np.zeros(3)}, "has no array 'motions'"),
        ({"motions": np.zeros((1, 30))}, r"motions has the shape \(1, 30\); expected finite numbers"),
        ({"motions": np.full((1, 58), np.nan)}, "expected finite numbers"),
    ],
)
def test_npz_of_another_skeleton_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str):
    skeleton = load_skeleton(write_files(tmp_path)[0])
    np.savez(tmp_path / "walk.npz", **arrays)
    with pytest.raises(ConfigError, match=message):
        load_npz_motion(tmp_path / "walk.npz", skeleton)


def test_a_tenth_of_a_rotation_matrix_is_read_as_a_quaternion_that_is_none():
    angle = 0.4
    found = _damped(matrix_from_vector(np.array([[angle, 0.0, 0.0]])))
    real = 0.5 * math.sqrt(1.0 + 0.1 * (1.0 + 2.0 * math.cos(angle)))
    imaginary = 0.1 * 2.0 * math.sin(angle) / (4.0 * real)
    np.testing.assert_allclose(found, [[2.0 * math.atan2(imaginary, real), 0.0, 0.0]], atol=1e-15)


def test_walk_in_bvh_is_changed_by_hand_as_in_the_original():
    data = original_data()
    skeleton = load_skeleton(data / "skeleton" / "base.xml")
    file = data / "motion" / "walk.bvh"
    plain = load_motion(file, skeleton)
    motion = load_motion(file, skeleton, original=True)
    assert motion.period == pytest.approx(132 / 120, rel=1e-3) and len(motion.poses) == 133
    start = {name: int(k) for name, k in zip(skeleton.names, skeleton.dof_start, strict=True)}
    for side, sign in (("R", 1.0), ("L", -1.0)):
        np.testing.assert_allclose(motion.poses[:, start[f"Arm{side}"] + 2], sign * 0.42 * math.pi)
        np.testing.assert_array_equal(motion.poses[:, start[f"Talus{side}"] + 2], 0.0)
        thigh = start[f"Femur{side}"] + 2
        np.testing.assert_allclose(motion.poses[:-1, thigh], 0.4 * plain.poses[:, thigh], atol=1e-9)
    assert (motion.poses >= skeleton.lower - 1e-12).all() and (motion.poses <= skeleton.upper + 1e-12).all()
    assert np.ptp(motion.poses[:, 3]) < 0.02 < np.ptp(plain.poses[:, 3])
    joints = np.r_[0:3, 6:56]
    np.testing.assert_allclose(motion.poses[-1, joints[3:]], motion.poses[0, joints[3:]])


def test_symmetric_motion_is_its_own_image_half_a_cycle_on():
    data = original_data()
    skeleton = load_skeleton(data / "skeleton" / "base.xml")
    motion = load_motion(data / "motion" / "walk.bvh", skeleton, original=True, symmetry=True)
    later = motion.poses[66:132]
    image = skeleton.mirror_sign * motion.poses[:66, skeleton.mirror_dof]
    turns = np.r_[6:56]
    np.testing.assert_allclose(later[:, turns], image[:, turns], atol=1e-9)


def test_meshes_weigh_way_points_of_muscles_of_the_feet(tmp_path: Path):
    skeleton_text = SKELETON
    for name in ("Femur", "Tibia", "Talus"):
        for side in "LR":
            at = skeleton_text.index(f'<Node name="{name}{side}"')
            body = skeleton_text.index("<Body ", at)
            skeleton_text = f'{skeleton_text[:body]}<Body obj="{name}{side}.obj" {skeleton_text[body + 6 :]}'
    for side, x in (("L", 10.0), ("R", -10.0)):
        # A vertex [cm] 1 cm above the way-point, and one 4 cm below it.
        (tmp_path / f"Femur{side}.obj").write_text(f"v {x} 53 4\nv {x} 99 4\n", encoding="utf-8")
        (tmp_path / f"Tibia{side}.obj").write_text(f"v {x} 48 4\nv {x} 0 4\n", encoding="utf-8")
        (tmp_path / f"Talus{side}.obj").write_text(f"v {x} 5 4\n", encoding="utf-8")
    # Rectus becomes a muscle of the foot.
    muscles = MUSCLES.replace('body="TibiaL" p="0.1 0.4', 'body="TalusL" p="0.1 0.05').replace(
        'body="TibiaR" p="-0.1 0.4', 'body="TalusR" p="-0.1 0.05'
    )
    files = write_files(tmp_path, skeleton_text, muscles)
    skeleton = load_skeleton(files[0])
    paths = load_muscles(files[1], skeleton, mesh_weights=True)
    rectus = paths.names.index("L_Rectus")
    middle = int(paths.anchor_ptr[rectus] + 1)
    pairs = slice(int(paths.entry_ptr[middle]), int(paths.entry_ptr[middle + 1]))
    bodies = [skeleton.names[b] for b in paths.entry_body[pairs]]
    shares = dict(zip(bodies, paths.entry_weight[pairs].tolist(), strict=True))
    assert shares["FemurL"] / shares["TibiaL"] == pytest.approx(
        2.0, rel=1e-5
    )  # 1 / sqrt(distance), 1 cm and 4 cm
    (tmp_path / "TibiaL.obj").write_text("nothing", encoding="utf-8")
    foot_meshes._vertices.cache_clear()
    with pytest.raises(BodyError, match="TibiaL.obj: the mesh has no vertices"):
        load_muscles(files[1], skeleton, mesh_weights=True)
