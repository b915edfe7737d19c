import logging

import mujoco
import numpy as np
import pytest

from batchenv.body import load_body
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.health import FIRST_FATAL, NOBODY, inspect
from batchenv.engine.record import MAGIC_AT, RECORD_AT, SUBSTEP_AT
from batchenv.errors import EngineError
from batchenv.messages import mujoco_global
from tests.engine.bits import bits
from tests.engine.small_worlds import build, stand

SUBSTEPS = 4
MAGIC = 7.0


@pytest.fixture(scope="module")
def body():
    return load_body("myo_sim:myolegs", timestep=1 / 300)


@pytest.fixture
def worlds(body):
    """Three worlds in the air, driven by torques."""
    law = ControlLaw("tor", *body.default_gains(50.0, None))
    worlds = Worlds(body, law, 3, SUBSTEPS, 1)
    lift(worlds, np.arange(3))
    return worlds


def lift(worlds, ids):
    body = worlds.body
    qpos = body.qpos(
        np.array([0.0, 0.0, 2.0]), np.array([1.0, 0.0, 0.0, 0.0]), np.full(len(body.joint_names), 0.1)
    )
    worlds.reset(ids, np.tile(qpos, (len(ids), 1)), np.zeros((len(ids), body.model.nv)))


def push(worlds, torque):
    """A step under torques that are the same at all joints (num_worlds,) [Nm]."""
    worlds.set_targets(np.repeat(np.asarray(torque, float)[:, None], len(worlds.body.joint_names), 1))
    worlds.step()


def examined(**changes):
    """What `inspect` says of two worlds, the second of them changed."""
    user = np.zeros((2, 5))
    user[:, MAGIC_AT], user[:, SUBSTEP_AT] = MAGIC, SUBSTEPS
    arrays = {
        "warning": np.zeros((2, int(mujoco.mjtWarning.mjNWARNING), 2), np.int32),
        "user": user,
        "qpos": np.zeros((2, 3)),
        "qvel": np.zeros((2, 3)),
    }
    for name, (place, value) in changes.items():
        arrays[name][1][place] = value
    failed, mild = np.zeros(2, bool), np.zeros(FIRST_FATAL, np.int64)
    state = arrays["qpos"], arrays["qvel"]
    result = inspect(np.arange(2), arrays["warning"], arrays["user"], MAGIC, SUBSTEPS, *state, failed, mild)
    assert not arrays["warning"].any()
    return result, failed.tolist(), mild.tolist()


@pytest.mark.parametrize("kind", ["BADQPOS", "BADQVEL", "BADQACC", "BADCTRL"])
def test_every_warning_of_a_bad_state_fails_its_world(kind):
    result, failed, _ = examined(warning=((int(getattr(mujoco.mjtWarning, f"mjWARN_{kind}")), 1), 1))
    assert result == (True, False, NOBODY) and failed == [False, True]


@pytest.mark.parametrize("name", ["qpos", "qvel"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_state_that_is_not_finite_fails_its_world(name, value):
    assert examined(**{name: (2, value)})[:2] == ((True, False, NOBODY), [False, True])


def test_other_warnings_are_counted_and_fail_no_world():
    result, failed, mild = examined(warning=((int(mujoco.mjtWarning.mjWARN_CONTACTFULL), 1), 3))
    assert result == (False, True, NOBODY) and not any(failed) and mild == [0, 3, 0]


@pytest.mark.parametrize("place", [MAGIC_AT, SUBSTEP_AT])
def test_a_world_that_was_not_served_is_found(place):
    assert examined(user=(place, 1.0))[:2] == ((False, False, 1), [False, False])


def test_a_world_that_diverged_needs_no_control_any_more():
    """MuJoCo has reset it, userdata included."""
    result, failed, _ = examined(
        user=(MAGIC_AT, 0.0), warning=((int(mujoco.mjtWarning.mjWARN_BADQACC), 1), 1)
    )
    assert result == (True, False, NOBODY) and failed == [False, True]


def test_a_world_diverges_every_time(worlds):
    for _ in range(4):
        push(worlds, [0.0, 1e14, 0.0])
        assert worlds.failed.tolist() == [False, True, False]
        lift(worlds, np.array([1]))
        assert not worlds.failed.any()


def test_a_world_that_diverged_lies_at_rest_and_is_signed(worlds):
    push(worlds, [0.0, 1e14, 0.0])
    rest = worlds.batch.state[1].copy()
    assert np.array_equal(worlds.qpos[1], worlds.model.qpos0) and not worlds.qvel[1].any()
    assert worlds.bind("userdata")[1, MAGIC_AT] == worlds.bind("userdata")[0, MAGIC_AT]
    lift(worlds, np.array([1]))
    push(worlds, [0.0, 1e13, 0.0])
    assert np.array_equal(worlds.batch.state[1], rest)


def test_a_divergence_writes_no_file_and_prints_nothing(worlds, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        push(worlds, [0.0, 1e14, 0.0])
    assert list(tmp_path.iterdir()) == [] and capfd.readouterr() == ("", "")
    assert mujoco_global("mju_user_warning").value is None


def test_a_users_own_handler_of_warnings_is_left_to_them(worlds):
    messages = []
    mujoco.set_mju_user_warning(messages.append)
    try:
        push(worlds, [0.0, 1e14, 0.0])
        assert mujoco.get_mju_user_warning() == messages.append
    finally:
        mujoco.set_mju_user_warning(None)
    assert "QACC" in messages[0]


def test_a_warning_that_ends_no_episode_is_logged_once(worlds, caplog):
    kind = int(mujoco.mjtWarning.mjWARN_CONTACTFULL)
    for _ in range(2):
        worlds.batch.warning[2, kind, 1] = 1
        with caplog.at_level(logging.WARNING):
            push(worlds, np.zeros(3))
    assert len(caplog.records) == 1 and "contact" in caplog.text.lower() and not worlds.failed.any()


def test_a_row_that_something_wrote_over_is_named(worlds):
    worlds.bind("userdata")[1, MAGIC_AT] = 0.0
    with pytest.raises(EngineError, match="world 1 moved without control: something wrote over its row"):
        push(worlds, np.zeros(3))
    lift(worlds, np.arange(3))
    push(worlds, np.zeros(3))


def test_a_kernel_that_refuses_its_block_is_loud(worlds):
    worlds._record.record["digest"] = 0
    with pytest.raises(EngineError, match="its count is 0, expected 4"):
        push(worlds, np.zeros(3))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_that_numba_swallows_is_loud(body):
    law = ControlLaw("mass", *body.default_gains(50.0, None))
    worlds = Worlds(body, law, 1, SUBSTEPS, 1)
    lift(worlds, np.arange(1))
    worlds._record.record["inference_every"] = 0  # a division by zero in every substep
    worlds.set_targets(np.zeros((1, 14)), np.zeros((1, 14)))
    with pytest.raises(EngineError, match="The cause is an exception in compiled code"):
        worlds.step()


def test_address_of_the_block_is_signed_too(worlds):
    """A snapshot brings no address of another process."""
    snapshot = worlds.snapshot()
    column = np.flatnonzero(snapshot.state[0] == worlds.bind("userdata")[0, RECORD_AT])
    snapshot.state[:, column] = 12345.0
    worlds.restore(snapshot)
    assert (worlds.bind("userdata")[:, RECORD_AT] == worlds._record.addresses[0]).all()


def test_a_measured_world_diverges_every_time(small):
    quiet, hurt = build(small, 3, actuator="tor"), build(small, 3, actuator="tor")
    for k in range(4):
        for worlds in (quiet, hurt):
            stand(worlds)
            torque = np.ones_like(worlds.slot("target"))
            torque[1] = 1e14 if worlds is hurt else 1.0
            worlds.set_targets(torque)
            worlds.step()
        assert hurt.failed.tolist() == [False, True, False] and not quiet.failed.any(), k
        assert np.array_equal(bits(hurt, [0, 2]), bits(quiet, [0, 2]))
        assert np.isfinite(hurt.batch.state).all()
