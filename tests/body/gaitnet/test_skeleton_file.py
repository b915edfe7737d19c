import logging

import numpy as np
import pytest

from batchenv.body.gaitnet import load_ground, load_skeleton
from batchenv.errors import BodyError
from tests.body.gaitnet.small_gaitnet import SKELETON, write_files

YAML = """
skeleton:
  name: Two
  nodes:
    - {name: Pelvis, parent: None, ee: false,
       body: {type: Box, mass: 7, size: [0.2, 0.1, 0.1], contact: false,
              R: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], t: [0, 1, 0]},
       joint: {type: Free, bvh: Hips, R: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], t: [0, 1, 0]}}
    - {name: FemurR, parent: Pelvis, ee: false,
       body: {type: Sphere, mass: 2.5, radius: 0.1, contact: true,
              R: [[0, -1, 0], [1, 0, 0], [0, 0, 1]], t: [0.1, -0.2, 0]},
       joint: {type: Revolute, axis: [0, 0, 2], lower: [-0.1], upper: [2.3], kp: [50.0],
               R: [[0, -1, 0], [1, 0, 0], [0, 0, 1]], t: [0.1, -0.1, 0]}}
    - {name: TibiaR, parent: FemurR, ee: true,
       body: {type: Cylinder, mass: 1, radius: 0.05, height: 0.3, contact: false,
              R: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], t: [-0.3, 0, 0]},
       joint: {type: Ball, R: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], t: [-0.2, 0, 0]}}
"""


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory):
    return load_skeleton(write_files(tmp_path_factory.mktemp("small"))[0])


def refused(tmp_path, old, new, count=1):
    """The message with which a skeleton is refused, after the name of its file."""
    assert old in SKELETON
    file = write_files(tmp_path, SKELETON.replace(old, new, count))[0]
    with pytest.raises(BodyError) as caught:
        load_skeleton(file)
    message = str(caught.value)
    assert message.startswith(f"{file}:")
    return message.removeprefix(f"{file}:")


def test_bodies_and_coordinates_are_in_the_order_of_the_file(skeleton):
    assert skeleton.names == ("Pelvis", "FemurR", "TibiaR", "TalusR", "FemurL", "TibiaL", "TalusL")
    assert skeleton.parent.tolist() == [-1, 0, 1, 2, 0, 4, 5]
    assert skeleton.dof_start.tolist() == [0, 6, 9, 10, 11, 14, 15]
    assert skeleton.num_dof == 16
    assert skeleton.dof_names[4:10] == (
        "Pelvis_pos_y",
        "Pelvis_pos_z",
        "FemurR_x",
        "FemurR_y",
        "FemurR_z",
        "TibiaR",
    )
    assert skeleton.contact.tolist() == [False, False, False, True, False, False, True]


def test_vectors_are_single_and_masses_double_precision(skeleton):
    assert skeleton.lower[9] == float(np.float32(-0.1)) != -0.1
    assert skeleton.size[0, 0] == float(np.float32(0.26))
    assert skeleton.mass[1] == 7.5


def test_gains_that_are_not_given_follow_from_those_that_are(skeleton):
    assert (skeleton.kp[9], skeleton.kv[9]) == (250, np.sqrt(500))
    assert (skeleton.kp[10], skeleton.kv[10]) == (200, 40)
    assert not skeleton.kp[:6].any() and not skeleton.kv[:6].any()
    assert (skeleton.damping == 0.4).all()


def test_a_mirrored_pose_swaps_sides_and_turns_what_is_not_about_x(skeleton):
    probe = skeleton.mirror_sign * (skeleton.mirror_dof + 1)
    assert probe.tolist() == [1, -2, -3, -4, 5, 6, 12, -13, -14, 15, 16, 7, -8, -9, 10, 11]


def test_frames_that_are_no_rotation_are_made_one_and_remarked_on(tmp_path):
    crooked = SKELETON.replace('linear="1 0 0 0 0.8 0.6 0 -0.6 0.8"', 'linear="1 0 0 0 1 0 -0.2 0 1"', 1)
    found = load_skeleton(write_files(tmp_path, crooked)[0])
    rotation = found.T_body[1, :3, :3]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(rotation[:, 0], np.array([1, 0, -0.2]) / np.sqrt(1.04), atol=1e-7)
    assert (
        "body of 'FemurR' is not a rotation by 0.2" in found.remarks[0] and "11 degrees" in found.remarks[0]
    )


def test_yaml_has_transformations_in_the_frame_of_the_parents_body(tmp_path):
    file = tmp_path / "two.yaml"
    file.write_text(YAML)
    found = load_skeleton(file)
    np.testing.assert_allclose(found.T_body[2, :3, 3], [0.1, 0.8 - 0.3, 0], atol=1e-15)
    np.testing.assert_allclose(found.T_joint[2, :3, 3], [0.1, 0.8 - 0.2, 0], atol=1e-15)
    np.testing.assert_allclose(found.T_joint[2, :3, 0], [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(found.parent_from_joint[2, :3, 3], [-0.2, 0, 0], atol=1e-15)
    assert found.lower[6] == -0.1 and found.axis[1].tolist() == [0, 0, 1]
    assert found.bvh == (("Hips",), (), ()) and np.isinf(found.upper[7])


def test_attributes_without_meaning_are_remarked_on(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        found = load_skeleton(
            write_files(tmp_path, SKELETON.replace('contact="On"', 'contact="On" glow="3"', 1))[0]
        )
    assert "'glow' of body means nothing here" in found.remarks[0]
    assert found.remarks[0] in caplog.text


def test_limits_that_may_be_in_degrees_are_remarked_on(tmp_path):
    text = SKELETON.replace('lower="-0.1" upper="2.3"', 'lower="-5" upper="130"', 1)
    remarks = load_skeleton(write_files(tmp_path, text)[0]).remarks
    assert [remark.split(": ", 1)[1] for remark in remarks] == [
        "limits of the joint of 'TibiaR' are beyond a whole turn; they are radians."
    ]


def test_too_many_bodies_are_refused(tmp_path):
    node = SKELETON[SKELETON.index('  <Node name="FemurR"') : SKELETON.index('  <Node name="TibiaR"')]
    more = "".join(node.replace("FemurR", f"Leg{k}") for k in range(100))
    assert refused(tmp_path, node, node + more) == "1: the skeleton has 107 nodes; expected at most 100."


def test_a_missing_joint_is_refused_with_its_line(tmp_path):
    start = SKELETON.index('    <Joint type="Revolute"')
    end = SKELETON.index("</Joint>", start) + len("</Joint>\n")
    assert refused(tmp_path, SKELETON[start:end], "") == "18: node 'TibiaR' has no joint; expected one."


def test_an_unknown_parent_is_refused_with_the_nearest_name(tmp_path):
    message = refused(tmp_path, 'parent="FemurR"', 'parent="FemrR"')
    assert message.startswith(
        "18: parent = 'FemrR' of node 'TibiaR' is not a body above it. Did you mean 'FemurR'?"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('mass="7.5"', 'mass="-7.5"', "11: mass = '-7.5' of body: expected a number above 0."),
        ('mass="7.5"', 'mass="1e5"', "11: mass = '1e5' of body: expected at most 10000."),
        ('mass="7.5"', 'mass="1e-9"', "11: mass = '1e-9' of body: expected at least 1e-06."),
        (
            "-0.1 0.9 0.0",
            "-10 90 0",
            "10: node 'FemurR' is 89 m from the root, or long; are lengths in metres?",
        ),
        ('size="0.12 0.4 0.14"', 'size="12 40 14"', "10: node 'FemurR' is 40 m from the root, or long;"),
        ('mass="7.5"', 'mass="nan"', "11: mass = 'nan' of body: expected a finite number."),
        ('mass="7.5"', "", "11: body has no 'mass'."),
        (
            "0.12 0.4 0.14",
            "0.12 0.4",
            "11: size = '0.12 0.4' of body has 2 values; expected 3 finite numbers.",
        ),
        (
            "0.12 0.4 0.14",
            "0.12 0 0.14",
            "11: size = '0.12 0 0.14' of body 'FemurR': expected three edges above 0.",
        ),
        (
            'type="Ball"',
            'type="Bal"',
            "14: type = 'Bal' of joint: expected free, ball, revolute. Did you mean 'ball'?",
        ),
        (
            'type="Ball"',
            'type="Free"',
            "14: type = 'Free' of the joint of 'FemurR': expected Ball or Revolute;",
        ),
        (
            'lower="-1 -0.5 -0.4"',
            'lower="-1 9 0"',
            "14: lower = '-1 9 0' of the joint of 'FemurR' is above its upper.",
        ),
        (
            "0 -0.6 0.8",
            "0 -0.6",
            "12: linear = '1 0 0 0 0.8 0.6 0 -0.6' of transformation has 8 values; expected 9",
        ),
        ("0 -0.6 0.8", "0 -0.6 x", "12: linear = 'x' of transformation: expected 9 finite numbers."),
        (
            "0 -0.6 0.8",
            "0 0.6 -0.8",
            "12: linear = '1 0 0 0 0.8 0.6 0 0.6 -0.8' of the body of 'FemurR' is not a rotation;",
        ),
        ('axis="1 0 0"', 'axis="0 0 0"', "22: axis of the joint of 'TibiaR' is zero; expected a direction."),
        (
            'name="TibiaR"',
            'name="FemurR"',
            "18: there is a second node 'FemurR'; names of bodies have to differ.",
        ),
        (
            'kp="250 50 200"',
            'kp="250 -50 200"',
            "14: kp = '250 -50 200' of the joint of 'FemurR': expected no number",
        ),
        (
            'kp="250 50 200"',
            'kp="1e99 50 200"',
            "14: kp = '1e99' of joint: expected 3 finite numbers, none beyond 1e+06.",
        ),
        (
            'parent="FemurR"',
            'parent="None"',
            "18: node 'TibiaR' is a second root beside 'Pelvis'; expected a parent.",
        ),
        ('contact="On"', 'contact="Maybe"', "27: contact = 'Maybe' of body: expected on, off, true, false."),
    ],
)
def test_what_is_invalid_is_refused_with_its_line(tmp_path, old, new, message):
    assert refused(tmp_path, old, new).startswith(message)


def test_a_ground_is_a_level_box_on_a_weld(tmp_path):
    text = """<Skeleton name="Ground"><Node name="ground" parent="None">
      <Body type="Box" mass="15" size="100 10 500" contact="On">
        <Transformation linear="1 0 0 0 1 0 0 0 1" translation="0 -4.5 245"/></Body>
      <Joint type="Weld"/></Node></Skeleton>"""
    file = tmp_path / "ground.xml"
    file.write_text(text)
    assert load_ground(file) == 0.5
    file.write_text(text.replace("1 0 0 0 1 0 0 0 1", "0 0 1 0 1 0 -1 0 0"))
    assert load_ground(file) == 0.5
    file.write_text(text.replace("1 0 0 0 1 0 0 0 1", "0 1 0 -1 0 0 0 0 1"))
    with pytest.raises(BodyError, match="ground.xml:3: linear = .* the ground is not level"):
        load_ground(file)
    file.write_text(text.replace("Weld", "Free"))
    with pytest.raises(BodyError, match="ground.xml:4: type = 'Free' of joint: expected weld."):
        load_ground(file)
