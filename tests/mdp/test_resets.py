import numpy as np
import pytest

from batchenv.body import Body
from batchenv.mdp.resets import bound_state


def test_compiled_couplings_equal_those_of_the_body(body: Body):
    rng = np.random.default_rng(0)
    joint_pos, joint_vel = rng.uniform(0.0, 1.5, (2, 6, len(body.joint_names)))
    pos, vel = bound_state(
        joint_pos, joint_vel, body.bound_joint, body.bound_q0, body.bound_driver_q0, body.bound_coef
    )
    assert pos == pytest.approx(body.bound_pos(joint_pos), abs=1e-14)
    assert vel == pytest.approx(body.bound_slope(joint_pos) * joint_vel[:, body.bound_joint], abs=1e-14)
