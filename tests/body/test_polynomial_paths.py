import logging

import numpy as np
import pytest

from batchenv.body import load_body, polynomial_paths
from batchenv.body.polynomial_fit import MARGIN, fit_paths, measure_paths, random_poses
from batchenv.body.polynomial_paths import path_errors, with_polynomial_paths
from batchenv.config import load_config
from batchenv.errors import BodyError
from batchenv.tasks.registry import task_named
from tests.body.small_bodies import biped


def test_polynomials_follow_all_tendons_of_the_legs_within_the_tolerance(body, polynomial_body):
    assert (polynomial_body.polynomials.degree > 0).all()
    length, largest, arm = np.max(path_errors(polynomial_body, random_poses(body, 4000, seed=11)), axis=0)
    assert length < 0.00025 and largest < 0.0015 and arm < 0.001


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
    more, room = polynomial_body.polynomials.bound.muscle.size, polynomial_body.moments
    assert room.kept.size == body.moments.joint.size + more and more > 0 and new.nsite < old.nsite
    assert np.array_equal(room.ptr, body.moments.ptr) and np.array_equal(room.joint, body.moments.joint)
    assert np.array_equal(new.jnt_qposadr, old.jnt_qposadr)
    assert [new.actuator(m).name for m in range(new.nu)] == list(body.muscle_names)


def test_muscles_beyond_the_tolerance_keep_their_tendon(body, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("batchenv.body.polynomial_fit.MOST_DEGREE", 4)
    with caplog.at_level(logging.INFO):
        strict = with_polynomial_paths(body, 0.0002)
    kept = [name for name, d in zip(body.muscle_names, strict.polynomials.degree, strict=True) if not d]
    assert 0 < len(kept) < 80 and f"{len(kept)} of 80 muscles keep" in caplog.text and kept[0] in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        with_polynomial_paths(body, 0.0002)
    assert "keep" not in caplog.text  # said once for each body
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
    for name in ("muscle", "bound", "driver", "coefficients"):
        assert np.array_equal(getattr(first.bound, name), getattr(second.bound, name))
    (file,) = tmp_path.rglob("*.npz")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    third = with_polynomial_paths(body, 0.001).polynomials
    assert len(fitted) == 2 and all(map(np.array_equal, first.coefficients, third.coefficients))


def with_muscles(path, first="", tendons="", more="", waist='range="-1 1"'):
    """A biped with a muscle at each knee, and whatever else a file may say."""
    text = biped().replace('range="-1 1"', waist)
    for side, y in (("r", "-.1"), ("l", ".1")):
        text = text.replace(
            f'<body name="calcn_{side}" pos="0 0 -.5">',
            f'<site name="above_{side}" pos=".05 0 -.3"/><body name="calcn_{side}" pos="0 0 -.5">'
            f'<site name="below_{side}" pos=".05 0 -.1"/>',
        ).replace('mass="10"/>', f'mass="10"/><site name="hip_{side}" pos=".05 {y} 0"/>', 1)
    spatial = "".join(
        f'<spatial name="path_{side}" {extra}>'
        f'<site site="above_{side}"/><site site="below_{side}"/></spatial>'
        for side, extra in (("r", first), ("l", ""))
    )
    muscles = "".join(f'<muscle name="knee_{side}" tendon="path_{side}" force="500"/>' for side in "rl")
    parts = f"<tendon>{spatial}{tendons}</tendon><actuator>{muscles}</actuator>{more}"
    path.write_text(text.replace("</mujoco>", f"{parts}</mujoco>"))
    return load_body(path, timestep=1 / 300)


@pytest.mark.parametrize(
    "changes",
    [
        {"first": 'armature="5"'},
        {"first": 'stiffness="5"'},
        {"first": 'actuatorfrclimited="true" actuatorfrcrange="-1 1"'},
        {
            "tendons": '<fixed name="other"><joint joint="waist" coef="1"/></fixed>',
            "more": '<equality><tendon tendon1="other" tendon2="path_r" active="false"/></equality>',
        },
        {"more": '<custom><tuple name="x"><element objtype="tendon" objname="path_r"/></tuple></custom>'},
        {"more": '<sensor><actuatorpos actuator="knee_r"/></sensor>'},
        {"more": '<sensor><tendonpos tendon="path_r"/></sensor>'},
    ],
)
def test_a_tendon_that_does_or_serves_more_stays(tmp_path, monkeypatch, changes):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    body = with_polynomial_paths(with_muscles(tmp_path / "body.xml", **changes), 0.00025)
    assert body.polynomials.degree[0] == 0 < body.polynomials.degree[1]
    for field in ("armature", "stiffness", "actfrclimited"):
        name = f"tendon_{field}"
        assert getattr(body.model, name).any() == getattr(body.tendon_body.model, name).any()


def test_a_body_may_use_any_names_and_compiler_options(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    body = with_muscles(
        tmp_path / "body.xml",
        tendons='<fixed name="batchenv_joints_1"><joint joint="waist" coef="1"/></fixed>',
        more='<compiler><lengthrange useexisting="false"/></compiler>',
    )
    new = with_polynomial_paths(body, 0.00025)
    assert (new.polynomials.degree > 0).all()
    assert np.array_equal(new.model.actuator_lengthrange, body.model.actuator_lengthrange)
    assert new.model.site("hip_r").id >= 0  # a marker that no muscle uses


def test_a_joint_beyond_half_a_turn_is_sampled_in_its_own_range(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    body = with_muscles(tmp_path / "body.xml", waist='range="3.5 5" ref="4"')
    waist = body.joint_names.index("waist")
    paths = with_polynomial_paths(body, 0.00025).polynomials
    assert paths.center[waist] == pytest.approx(4.25) and paths.half[waist] == pytest.approx(0.75 + MARGIN)


def test_an_actuator_that_is_no_muscle_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    body = with_muscles(tmp_path / "body.xml", more='<actuator><motor name="mo" joint="waist"/></actuator>')
    with pytest.raises(BodyError, match="actuators mo are not muscles"):
        with_polynomial_paths(body, 0.00025)


@pytest.mark.parametrize(
    "change",
    [
        {"degree": np.full(2, 99, np.int32)},
        {"degree": np.zeros(2)},
        {"coefficients": np.zeros(3)},
        {"coefficients": "nan"},
        {"error": np.zeros((2, 2))},
        {"bound_muscle": np.array([1]), "bound_joint": np.array([0])},
        {"bound_coefficients": np.zeros((1, 4))},
    ],
)
def test_a_file_of_other_numbers_is_made_again(tmp_path, monkeypatch, change):
    monkeypatch.setenv("BATCHENV_CACHE_DIR", str(tmp_path))
    body = with_muscles(tmp_path / "body.xml")
    first = with_polynomial_paths(body, 0.00025).polynomials
    (file,) = tmp_path.rglob("*.npz")
    with np.load(file) as stored:
        arrays = dict(stored) | change
    if isinstance(arrays["coefficients"], str):
        arrays["coefficients"] = np.full(sum(own.size for own in first.coefficients), np.nan)
    np.savez(file, **arrays)
    again = with_polynomial_paths(body, 0.00025).polynomials
    assert np.array_equal(again.degree, first.degree)
    assert all(map(np.array_equal, again.coefficients, first.coefficients))
