"""The speed of the centre of mass, by the joint-space inertia."""

import mujoco
import numpy as np
import pytest

from batchenv.mdp.centre_of_mass import carried_dofs, com_velocity
from tests.body.small_bodies import FLOOR, biped

# Three links that swing beside the human, which none of its joints carries.
CHAIN = """
<body pos="3 0 2"><joint axis="0 1 0"/><geom size=".1" pos="0 0 -.3" mass="50"/>
  <body pos="0 0 -.5"><joint axis="0 1 0"/><geom size=".1" pos="0 0 -.3" mass="50"/>
    <body pos="0 0 -.5"><joint axis="0 1 0"/><geom size=".1" pos="0 0 -.3" mass="50"/></body>
  </body>
</body>
"""


@pytest.mark.parametrize("other", ["", CHAIN])
def test_it_is_mujocos_of_the_root_and_what_it_carries(other: str):
    model = mujoco.MjModel.from_xml_string(biped().replace("</worldbody>", other + "</worldbody>"))
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    data.qpos[7:], data.qvel[:] = rng.normal(0.0, 0.3, model.nq - 7), rng.normal(0.0, 2.0, model.nv)
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    root = model.body("pelvis").id
    dofs = carried_dofs(model, root)
    found = com_velocity(dofs, model.M_rowadr[dofs], data.M[None], data.qvel[None])[0]
    assert found == pytest.approx(data.subtree_linvel[root], rel=1e-12)
    assert np.abs(found - data.qvel[:3]).max() > 0.01


def test_before_the_inertia_is_known_it_is_the_roots():
    model = mujoco.MjModel.from_xml_string(biped(FLOOR))
    dofs = carried_dofs(model, model.body("pelvis").id)
    qvel = np.arange(float(model.nv))[None]
    unknown = np.zeros((1, len(mujoco.MjData(model).M)))
    assert com_velocity(dofs, model.M_rowadr[dofs], unknown, qvel) == pytest.approx(qvel[:, :3])
