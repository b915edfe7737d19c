import logging

import numpy as np
import pytest

from batchenv.body import polynomial_paths
from batchenv.body.polynomial_fit import MARGIN, fit_paths, measure_paths, random_poses
from batchenv.body.polynomial_paths import path_errors, with_polynomial_paths
from batchenv.config import load_config
from batchenv.tasks.registry import task_named


def test_polynomials_follow_all_tendons_of_the_legs_within_the_tolerance(body, polynomial_body):
    assert (polynomial_body.polynomials.degree > 0).all()
    length, largest, arm = np.max(path_errors(polynomial_body, random_poses(body, 4000, seed=11)), axis=0)
    assert length < 0.00025 and largest < 0.002 and arm < 0.001


def test_polynomials_follow_the_tendons_in_the_poses_of_a_gait(polynomial_body):
    config = load_config("walk")
    gait = task_named("walk").of(config, task_named("walk").load_body(config)).gait
    errors = path_errors(polynomial_body, gait.sample(np.linspace(0.0, 0.99, 100)).joint_pos)
    length, _, arm = np.max(errors, axis=0)
    assert length < 0.00025 and arm < 0.001


def test_moment_arms_are_the_exact_gradient_of_the_length(body, polynomial_body):
    paths, step = polynomial_body.polynomials, 1e-6
    poses = random_poses(body, 20, seed=3)
    for muscle in range(0, 80, 7):
        _, arms = paths.evaluate(muscle, poses)
        for joint, arm in arms.items():
            ends = [
                paths.evaluate(muscle, poses + sign * step * np.eye(poses.shape[1])[joint])[0]
                for sign in (1, -1)
            ]
            assert arm == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)


def test_a_joint_beyond_its_range_changes_the_length_no_more(body, polynomial_body):
    paths, knee = polynomial_body.polynomials, body.joint_names.index("knee_angle_r")
    muscle = body.muscle_names.index("vasint_r")
    poses = np.zeros((2, len(body.joint_names)))
    poses[:, knee] = body.joint_range[knee, 1] + MARGIN + np.array([1e-9, 0.5])
    length, arms = paths.evaluate(muscle, poses)
    assert length[0] == length[1] and not arms[knee].any()


def test_stand_ins_keep_what_mujoco_derives_from_a_path(body, polynomial_body):
    old, new = body.model, polynomial_body.model
    for name in ("actuator_lengthrange", "actuator_gainprm", "actuator_biasprm", "actuator_dynprm"):
        assert np.array_equal(getattr(old, name), getattr(new, name))
    assert new.nJmom == body.moments.joint.size and new.nsite < old.nsite
    assert np.array_equal(new.jnt_qposadr, old.jnt_qposadr)
    assert [new.actuator(m).name for m in range(new.nu)] == list(body.muscle_names)


def test_muscles_beyond_the_tolerance_keep_their_tendon(body, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("batchenv.body.polynomial_fit.MOST_DEGREE", 4)
    with caplog.at_level(logging.INFO):
        strict = with_polynomial_paths(body, 0.0002)
    kept = [name for name, d in zip(body.muscle_names, strict.polynomials.degree, strict=True) if not d]
    assert 0 < len(kept) < 80 and f"{len(kept)} of 80 muscles keep" in caplog.text and kept[0] in caplog.text
    measured = measure_paths(strict, random_poses(body, 5, seed=0))
    original = measure_paths(body, random_poses(body, 5, seed=0))
    ids = [body.muscle_names.index(name) for name in kept]
    assert measured.length[:, ids] == pytest.approx(original.length[:, ids], abs=1e-12)


def test_polynomials_are_fitted_once_and_again_if_their_file_is_damaged(body, monkeypatch, tmp_path):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    fitted = []

    def fit(*arguments):
        fitted.append(1)
        return fit_paths(*arguments)

    monkeypatch.setattr(polynomial_paths, "fit_paths", fit)
    monkeypatch.setattr("batchenv.body.polynomial_fit.MOST_DEGREE", 2)
    first, second = (with_polynomial_paths(body, 0.001).polynomials for _ in range(2))
    assert len(fitted) == 1
    assert np.array_equal(first.degree, second.degree) and first.pieces == second.pieces
    assert all(map(np.array_equal, first.coefficients, second.coefficients))
    (file,) = tmp_path.rglob("*.npz")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    third = with_polynomial_paths(body, 0.001).polynomials
    assert len(fitted) == 2 and all(map(np.array_equal, first.coefficients, third.coefficients))
