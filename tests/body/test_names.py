"""What bodies call their parts."""

from pathlib import Path

import numpy as np
import pytest

from batchenv.body import Body, load_body, load_gait_cycle
from batchenv.body.muscle_groups import selection
from batchenv.body.names import COMMON_NAMES, BodyNames
from batchenv.errors import BodyError, ConfigError
from tests.body.small_bodies import biped

PREFIXED = BodyNames(sides=("right_", "left_"), joints={"knee_angle": "-knee", "hip_flexion": None})


def renamed(*pairs: tuple[str, str]) -> str:
    text = biped()
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def load(tmp_path: Path, text: str, **names: object) -> Body:
    (tmp_path / "body.xml").write_text(text)
    return load_body(tmp_path / "body.xml", timestep=0.002, names=BodyNames(**names))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("names", "right", "left"),
    [
        (COMMON_NAMES, "knee_r", "knee_l"),
        (BodyNames(sides=("_right", "_left")), "knee_right", "knee_left"),
        (PREFIXED, "right_knee", "left_knee"),
        (BodyNames(sides=("R", "L")), "kneeR", "kneeL"),
    ],
)
def test_sides_are_endings_or_beginnings(names: BodyNames, right: str, left: str):
    assert (names.twin(right), names.twin(left), names.twin("waist")) == (left, right, "waist")
    assert {names.without_side(name) for name in (right, left)} == {"knee"}
    assert [names.is_left(name) for name in (right, left, "waist")] == [False, True, False]


def test_recordings_have_the_names_of_the_reference():
    assert PREFIXED.common_joint("left_knee") == "knee_angle_l"
    assert PREFIXED.common_joint("right_elbow") == "elbow_r"
    assert PREFIXED.common_joint("waist") == "waist"
    assert PREFIXED.common_muscle("left_soleus") == "soleus_l"
    assert (PREFIXED.sign("knee_angle"), PREFIXED.sign("hip_flexion"), PREFIXED.sign("waist")) == (-1, 1, 1)


def test_a_renamed_body_is_the_same_body(tmp_path: Path):
    (tmp_path / "plain.xml").write_text(biped())
    plain = load_body(tmp_path / "plain.xml", timestep=0.002)
    text = renamed(("knee_angle", "bend"), ('calcn_r"', 'sole_r"'), ('calcn_l"', 'sole_l"'))
    text = text.replace('_r"', '.right"').replace('_l"', '.left"')
    body = load(
        tmp_path,
        text,
        feet=("sole.right", "sole.left"),
        sides=(".right", ".left"),
        joints={"knee_angle": "bend"},
    )
    # ".right" ends in no separator, so that it is an ending.
    assert body.joint_kinds == plain.joint_kinds == ("waist", "hip", "knee_angle", "hip", "knee_angle")
    for name in ("mirror_joint", "mirror_joint_sign", "joint_sign", "foot_body", "left", "grf_sensor_adr"):
        assert np.array_equal(getattr(body, name), getattr(plain, name)), name
    assert body.foot_body.size == 2
    (tmp_path / "gait.csv").write_text(
        "phase_pct,knee_angle_rad\n" + "".join(f"{p},{0.5}\n" for p in (0, 25, 50, 75, 100))
    )
    tables = [load_gait_cycle(tmp_path / "gait.csv", b, period=1.0, speed=1.0).table for b in (plain, body)]
    assert np.array_equal(*tables)


def test_a_joint_that_turns_the_other_way_follows_the_reference_with_its_sign(tmp_path: Path):
    text = renamed(('axis="0 1 0" range="0 2"', 'axis="0 -1 0" range="-2 0"'))
    body = load(tmp_path, text, joints={"knee_angle": "-knee_angle"})
    (tmp_path / "gait.csv").write_text(
        "phase_pct,knee_angle_rad\n" + "".join(f"{p},{0.5}\n" for p in (0, 25, 50, 75, 100))
    )
    gait = load_gait_cycle(tmp_path / "gait.csv", body, period=1.0, speed=1.0)
    knees = [body.joint_names.index(name) for name in ("knee_angle_r", "knee_angle_l")]
    assert gait.joint_pos_table[:, knees] == pytest.approx(-0.5, abs=1e-6)
    assert body.joint_sign[knees] == pytest.approx([-1.0, -1.0])


def test_columns_of_absent_joints_are_left_out(tmp_path: Path):
    (tmp_path / "gait.csv").write_text(
        "phase_pct,ankle_angle_rad,knee_angle_rad\n" + "".join(f"{p},9,{0.5}\n" for p in (0, 25, 50, 75, 100))
    )
    unnamed = load(tmp_path, biped())
    with pytest.raises(ConfigError, match="give the body's name for 'ankle_angle', or null"):
        load_gait_cycle(tmp_path / "gait.csv", unnamed, period=1.0, speed=1.0)
    body = load(tmp_path, biped(), joints={"ankle_angle": None})
    gait = load_gait_cycle(
        tmp_path / "gait.csv", body, period=1.0, speed=1.0, joint_scale={"ankle_angle": 0.5}
    )
    assert gait.tracked.tolist() == [0.0, 0.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"feet": ("calcn_r", "calc_l")}, "names.feet has 'calc_l'.* Did you mean 'calcn_l'"),
        ({"trunk": "chestt"}, "names.trunk has 'chestt'.* Did you mean 'chest'"),
        ({"head": "chesd"}, "names.head has 'chesd'.* Did you mean 'chest'"),
        ({"toes": ("toe_r", "toe_l")}, "names.toes has 'toe_r', and there is no such body"),
        ({"joints": {"hip_flexion": "hipp"}}, "names.joints.hip_flexion is 'hipp'.* Did you mean 'hip'"),
        ({"joints": {"hip_flexion": "hip_r"}}, "'hip_r', which is no joint of the body without its side"),
        ({"joints": {"a": "hip", "b": "-hip"}}, "are both 'hip'; expected one"),
        ({"joints": {"knee_angle": None}}, "names.joints.knee_angle is null, and the body has joint"),
        ({"joints": {"knee_angle": "hip"}}, "but the body has a joint 'knee_angle', too"),
    ],
)
def test_names_that_fit_nothing_are_refused(tmp_path: Path, names: dict[str, object], message: str):
    with pytest.raises(BodyError, match=message):
        load(tmp_path, biped(), **names)


def test_two_joints_may_exchange_their_names(tmp_path: Path):
    body = load(tmp_path, biped(), joints={"hip": "knee_angle", "knee_angle": "hip"})
    assert body.joint_kinds == ("waist", "knee_angle", "hip", "knee_angle", "hip")
    assert body.by_joint("kp", {"waist": 1, "hip": 2, "knee_angle": 3}).tolist() == [1, 3, 2, 3, 2]


def test_gains_go_by_either_name_and_default_serves_the_rest(tmp_path: Path):
    body = load(tmp_path, biped(), joints={"hip_flexion": "hip", "ankle_angle": None})
    assert body.by_joint("kp", {"default": 5.0, "hip": 7.0}).tolist() == [5, 7, 5, 7, 5]
    assert body.by_joint("kp", {"default": 5.0, "hip_flexion": 8.0}).tolist() == [5, 8, 5, 8, 5]
    both = {"default": 5.0, "hip_flexion": 8.0, "hip": 7.0, "ankle_angle": 1.0}
    assert body.by_joint("kp", both).tolist() == [5, 7, 5, 7, 5]
    with pytest.raises(BodyError, match="kp names 'ankle', which is not a joint of the body"):
        body.by_joint("kp", {"default": 5.0, "ankle": 1.0})
    with pytest.raises(BodyError, match="kp has no value for waist, knee_angle; .* or a 'default'"):
        body.by_joint("kp", {"hip": 1.0})


def test_muscles_and_segments_are_selected_by_the_body_s_own_sides():
    muscles = ("right_soleus", "left_soleus", "left_tibant")
    chosen = [
        selection(selector, muscles, "here", body_names=PREFIXED).tolist()
        for selector in ("left", "soleus", "left_soleus", "left_plantarflexors")
    ]
    assert chosen == [[False, True, True], [True, True, False], [False, True, False], [False, True, False]]
    with pytest.raises(ConfigError, match="Did you mean 'left_soleus'.*with right_ or left_, on one side"):
        selection("left_soleu", muscles, "here", body_names=PREFIXED)


def test_muscles_without_a_side_whose_twins_are_left_ones_are_right():
    muscles = ("DELT1", "DELT1_l", "EO1_r", "EO1_l", "rect_abd_r", "rect_abd_l")
    assert selection("right", muscles, "here").tolist() == [True, False] * 3
    assert selection("deltoid_r", muscles, "here").tolist() == [True] + [False] * 5
    assert selection("abdominals_l", muscles, "here").tolist() == [False, False, False, True, False, True]
