from dataclasses import replace

import numpy as np
import pytest

from batchenv.body.gaitnet.mechanism import leg_joints, named_bodies, upper_joints
from batchenv.errors import BodyError
from tests.body.gaitnet.small_gaitnet import small_body


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return small_body(tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (("Knee",), "no joint 'Knee' in the skeleton; its joints are Pelvis, FemurR"),
        (("FemurL", "TibiaL"), "'FemurL' carries 'TibiaL'"),
        (("TibiaL", "FemurL"), "'FemurL' carries 'TibiaL'"),
    ],
)
def test_loaded_joints_that_are_not_there_or_carry_each_other_are_refused(small, loaded, message):
    with pytest.raises(BodyError, match=message):
        replace(small, loaded=loaded).mechanism()


@pytest.mark.parametrize(
    ("joint", "kind", "message"),
    [
        ("Pelvis", "ball", "joint 'Pelvis' is ball: worlds of this kind take the first joint free"),
        ("TalusL", "free", "joint 'TalusL' is free: worlds of this kind take no free joint but the first"),
    ],
)
def test_a_body_without_a_free_root_or_with_another_free_joint_is_refused(small, joint, kind, message):
    kinds = list(small.skeleton.joint_type)
    kinds[small.skeleton.index(joint)] = kind
    other = replace(small, skeleton=replace(small.skeleton, joint_type=tuple(kinds)))
    with pytest.raises(BodyError, match=message):
        other.mechanism()


def test_coordinates_of_balls_have_no_place_of_their_own_in_qpos(small):
    mechanism = small.mechanism()
    names, adr = mechanism.joint_names, mechanism.joint_qposadr
    assert names[:5] == ("FemurR_x", "FemurR_y", "FemurR_z", "TibiaR", "TalusR")
    assert (adr[:3] == -1).all() and adr[3] == mechanism.model.joint("TibiaR").qposadr[0]
    assert mechanism.joint_dofadr[3] == mechanism.model.joint("TibiaR").dofadr[0]
    assert mechanism.ball_qposadr.tolist() == [
        mechanism.model.joint(name).qposadr[0] for name in ("FemurR", "FemurL")
    ]
    assert mechanism.ball_lower == pytest.approx(np.array([[-1.0, -0.5, -0.4]] * 2), rel=1e-6)


def test_twins_of_twins_are_themselves(small):
    mechanism, order = small.mechanism(), np.arange(10)
    assert np.array_equal(mechanism.mirror_joint[mechanism.mirror_joint], order)
    assert mechanism.joint_names[mechanism.mirror_joint[3]] == "TibiaL"
    muscles = mechanism.mirror_muscle
    assert [mechanism.muscle_names[m] for m in muscles[:2]] == ["R_Psoas", "L_Psoas"]


def test_joints_above_the_feet_are_legs_and_the_others_the_upper_body(small):
    assert leg_joints(small).tolist() == list(range(10)) and upper_joints(small) == ()


def test_an_unknown_body_is_refused_with_those_there_are(small):
    assert named_bodies(small, "Pelvis") == (int(small.body_id[0]),)
    with pytest.raises(BodyError, match="no body 'Head' in the skeleton; its bodies are Pelvis, FemurR"):
        named_bodies(small, "Pelvis", "Head")
