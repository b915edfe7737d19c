from math import comb

import mujoco
import numpy as np
import pytest

from batchenv.body.path_pieces import graded_exponents, path_pieces

ARM = """
<mujoco>
  <worldbody>
    <site name="root"/>
    <body name="upper">
      <joint name="shoulder" axis="0 1 0"/><geom size="0.05 0.1" type="capsule"/>
      <site name="above" pos="0.05 0 -0.1"/>
      <body name="lower" pos="0 0 -0.3">
        <joint name="elbow" axis="0 1 0"/><geom size="0.05 0.1" type="capsule"/>
        <geom name="pulley" type="cylinder" size="0.02 0.1" euler="90 0 0" contype="0"/>
        <site name="below" pos="0.05 0 -0.1"/>
        <body name="hand" pos="0 0 -0.3">
          <joint name="wrist" axis="0 1 0"/><geom size="0.05"/><site name="palm" pos="0.02 0 -0.05"/>
        </body>
      </body>
    </body>
  </worldbody>
  <tendon>
    <spatial name="by parts">
      <site site="root"/><site site="above"/><site site="below"/><site site="palm"/>
    </spatial>
    <spatial name="over all"><site site="root"/><site site="palm"/></spatial>
    <spatial name="round"><site site="above"/><geom geom="pulley"/><site site="palm"/></spatial>
    <spatial name="branched">
      <site site="root"/><site site="above"/><pulley divisor="2"/><site site="below"/><site site="palm"/>
    </spatial>
  </tendon>
</mujoco>
"""


@pytest.mark.parametrize(
    ("tendon", "pieces"),
    [
        ("by parts", ((0,), (1,), (2,))),
        ("over all", ((0, 1, 2),)),
        ("round", ((1, 2),)),
        ("branched", ((0,), (2,))),
    ],
)
def test_a_piece_has_the_joints_between_two_sites_of_the_path(tendon, pieces):
    model = mujoco.MjModel.from_xml_string(ARM)
    assert path_pieces(model, model.tendon(tendon).id, np.arange(3), {0, 1, 2}) == pieces


def test_a_joint_that_the_muscle_does_not_cross_is_in_no_piece():
    model = mujoco.MjModel.from_xml_string(ARM)
    assert path_pieces(model, model.tendon("over all").id, np.arange(3), {0, 2}) == ((0, 2),)


def test_a_path_that_no_driven_joint_moves_has_no_pieces():
    model = mujoco.MjModel.from_xml_string(ARM)
    assert path_pieces(model, model.tendon("over all").id, np.array([0, -1, 1]), {0, 1}) == ()


@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_exponents_are_all_of_a_degree_each_once_by_degree(dimension):
    exponents = graded_exponents(dimension, 5)
    assert len({*map(tuple, exponents.tolist())}) == len(exponents) == comb(dimension + 5, 5)
    assert (np.diff(exponents.sum(1)) >= 0).all() and exponents.sum(1).max() == 5
