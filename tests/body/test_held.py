"""Joints that are held: what stays of a body without them."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from batchenv.body import load_body
from batchenv.body.indices import mirror_permutation
from batchenv.body.names import COMMON_NAMES
from batchenv.errors import BodyError
from tests.body.small_bodies import biped

# One muscle across the waist, one across the elbow, and one that crosses both.
MUSCLES = """
<mujoco><worldbody><geom type="plane" size="0 0 1"/>
  <body name="pelvis" pos="0 0 1"><freejoint/><geom size=".1"/><site name="a"/>
    <body name="chest" pos="0 0 .3"><joint name="waist" axis="1 0 0" range="-1 1"/><geom size=".1"/>
      <site name="b" pos=".05 .05 0"/>
      <body name="arm" pos="0 0 .2"><joint name="elbow" axis="1 0 0" range="-1 1"/><geom size=".1"/>
        <site name="c" pos=".05 .1 0"/></body></body></body></worldbody>
  <tendon>
    <spatial name="ab"><site site="a"/><site site="b"/></spatial>
    <spatial name="bc"><site site="b"/><site site="c"/></spatial>
    <spatial name="ac"><site site="a"/><site site="c"/></spatial>
  </tendon>
  <actuator>
    <muscle name="ab" tendon="ab"/><muscle name="bc" tendon="bc"/><muscle name="ac" tendon="ac"/>
  </actuator>
  <sensor><framelinvel name="chest" objtype="body" objname="chest"/></sensor>
</mujoco>
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("held") / "biped.xml"
    path.write_text(biped())
    return str(path)


def test_held_joints_are_welded_and_what_follows_them_too(file: str):
    free, held = (load_body(file, timestep=0.002, held=held) for held in ((), ("waist", "knee*")))
    assert set(free.joint_names) - set(held.joint_names) == {"waist", "knee_angle_r", "knee_angle_l"}
    assert free.bound_joint.size == 1 and held.bound_joint.size == 0  # the patella follows the knee
    assert held.mass == pytest.approx(free.mass, rel=1e-12)
    assert free.model.nbody - held.model.nbody == 2  # chest and patella; feet keep their sensors
    centres = []
    for body in (free, held):
        data, joint_pos = mujoco.MjData(body.model), body.model.qpos0[body.joint_qposadr]
        data.qpos[:] = body.qpos(np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]), joint_pos)
        mujoco.mj_forward(body.model, data)
        centres.append(data.subtree_com[body.root_body])
    assert np.allclose(*centres, atol=1e-5)  # the coupling moves the patella of some grams by a centimetre


def test_muscles_that_move_nothing_else_are_left_out(tmp_path: Path):
    path = tmp_path / "muscles.xml"
    path.write_text(MUSCLES)
    body = load_body(path, timestep=0.002, held=("waist",))
    assert body.muscle_names == ("bc", "ac") and body.joint_names == ("elbow",)
    assert [body.model.body(i).name for i in range(body.model.nbody)] == ["world", "pelvis", "arm"]


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (
            ("waste",),
            r"held has 'waste', which matches no joint of the body. Did you mean 'waist'\? Joints: waist",
        ),
        (("*",), "held leaves the body no joint to move"),
    ],
)
def test_what_cannot_be_held_is_refused(file: str, held: tuple[str, ...], message: str):
    with pytest.raises(BodyError, match=message):
        load_body(file, timestep=0.002, held=held)


def test_a_name_without_side_is_the_twin_of_a_left_one_without_another():
    names = ("ANC", "ANC_l", "soleus_r", "soleus_l", "waist", "neck_l")
    assert mirror_permutation(names, COMMON_NAMES).tolist() == [1, 0, 3, 2, 4, 5]
