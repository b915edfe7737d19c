import mujoco
import numpy as np
import pytest

from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.record import MEASURED, SUBSTEP_AT
from batchenv.errors import EngineError
from tests.engine import walking_worlds
from tests.engine.bits import bits
from tests.engine.small_worlds import build, drive, stand, take_step, targets


def test_another_control_callback_is_not_overwritten(body):
    mujoco.set_mjcb_control(None)
    mujoco.set_mjcb_control(lambda model, data: None)
    try:
        with pytest.raises(RuntimeError, match="another mjcb_control is installed"):
            walking_worlds.build(body, 1, "pd")
    finally:
        mujoco.set_mjcb_control(None)


def test_worlds_of_both_kinds_live_side_by_side(small, body):
    alone = build(small, 2)
    stand(alone)
    drive(alone, 2)
    together = build(small, 2)
    other = Worlds(body, ControlLaw("pd", *body.default_gains(250.0, None)), 2, 4)
    stand(together)
    for k in range(2):
        other.step()
        take_step(together, k)
    assert np.array_equal(bits(alone), bits(together))


def test_a_record_of_other_sources_is_left_alone_and_the_step_says_so(small):
    worlds = build(small, 1, actuator="pd")
    stand(worlds)
    worlds._record.record["digest"] += 2
    worlds.set_targets(targets(worlds, 0))
    with pytest.raises(EngineError, match="its count is 0, expected -2"):
        worlds.step()
    assert not worlds.bind("qfrc_applied").any() and worlds.bind("userdata")[0, SUBSTEP_AT] == 0.0
    worlds._record.record["digest"] -= 2
    worlds.step()
    assert worlds.bind("qfrc_applied").any() and worlds.bind("userdata")[0, SUBSTEP_AT] == MEASURED
