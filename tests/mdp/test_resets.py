import numpy as np
import pytest

from batchenv.body import Body
from batchenv.mdp.resets import bound_state


def test_compiled_couplings_equal_those_of_the_body(body: Body):
    rng = np.random.default_rng(0)
    joint_pos = rng.uniform(0.0, 1.5, (6, len(body.joint_names)))
    for b, driver in enumerate(body.bound_joint):
        coupling = body.bound_q0[b], body.bound_driver_q0[b], body.bound_coef[b]
        states = [bound_state(x, *coupling) for x in joint_pos[:, driver]]
        assert states == pytest.approx(
            np.c_[body.bound_pos(joint_pos)[:, b], body.bound_slope(joint_pos)[:, b]], abs=1e-14
        )
