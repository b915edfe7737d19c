"""Forces of contacts and limits in whole worlds against MuJoCo's own solver, and the rows of limits alone."""

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import GaitNetBody, quat_from_vector, quat_product, vector_from_quat
from batchenv.body.gaitnet.mechanism import ROOT_DOFS
from batchenv.engine.constraints.rows import coordinate_rates, limit_rows
from batchenv.engine.record import SUBSTEP_AT
from tests.body.gaitnet.small_gaitnet import small_body
from tests.engine.small_worlds import WITH_HEAD, adapted_model, build, drive, pose, stand

SPEC = int(mujoco.mjtState.mjSTATE_INTEGRATION)


def mujocos_own(worlds, state, applied):
    """Constraint forces (nv,) that MuJoCo finds for a state row, and the number of rows."""
    model = worlds.model
    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, state, SPEC)
    data.userdata[:] = 0.0  # the callback takes it for no world of ours
    data.qfrc_applied[:] = applied
    mujoco.mj_forward(model, data)
    return data.qfrc_constraint, data.nefc


@pytest.mark.parametrize("friction", ["", ' friction="3"'])
def test_forces_equal_those_of_mujocos_solver(tmp_path, friction):
    """MuJoCo's cones for ball joints are not ours: they are taken out, the limits of hinges stay."""
    text = WITH_HEAD.replace('type="Ball" ', 'type="Ball"' + friction + " ")
    body = small_body(tmp_path, text)
    worlds = build(body, 6, actuator="mass_lower")
    worlds.model.opt.tolerance = 1e-15
    worlds._record.arrays["ball_lower"][:], worlds._record.arrays["ball_upper"][:] = -np.inf, np.inf
    stand(worlds)
    applied, counts = worlds.bind("qfrc_applied"), []
    for _ in range(25):
        worlds.batch.bind("userdata")[:, SUBSTEP_AT] = 0.0
        states = worlds.batch.state.copy()
        worlds.batch.step(nstep=1)
        ours = worlds.slot("constraint_force").copy()
        for world, state in enumerate(states):
            expected, rows = mujocos_own(worlds, state, applied[world] - ours[world])
            assert ours[world] == pytest.approx(expected, abs=1e-7 * np.abs(expected).max() + 1e-9)
            counts.append(rows)
        drive(worlds, 1)
    assert max(counts) > 15 and len(set(counts)) > 4


def test_coordinates_change_with_velocity_as_the_exponential_says():
    rng, step, rates = np.random.default_rng(0), 1e-6, np.zeros((3, 3))
    for vector in [*rng.uniform(-1.7, 1.7, (20, 3)), np.zeros(3), np.full(3, 1e-5)]:
        coordinate_rates(*vector, rates)
        quat = quat_from_vector(vector)
        turns = [quat_product(quat, quat_from_vector(s * step * e)) for e in np.eye(3) for s in (1, -1)]
        ends = np.array([vector_from_quat(turn) for turn in turns])
        slopes = (ends[::2] - ends[1::2]) / (2 * step)
        assert slopes == pytest.approx(rates.T, abs=1e-8)


def test_limits_of_balls_are_as_soft_as_those_of_hinges(small):
    """A turn about one axis alone is that of a hinge."""
    model = adapted_model(small)
    knee = small.skeleton.index("TibiaR")
    data, dof = mujoco.MjData(model), small.dofadr[knee]
    worlds = build(small, 1)
    softness, limit = worlds._record.arrays["limit_softness"], float(model.jnt_range[knee, 1])
    for depth in (1e-5, 3e-4, 7e-4, 0.02):
        q = np.zeros((1, small.skeleton.num_dof))
        q[0, 3:6], q[0, small.skeleton.dof_start[knee]] = (0, 2, 0), limit + depth
        data.qpos[:], data.qvel[dof] = small.to_qpos(q)[0], 0.4
        mujoco.mj_forward(model, data)
        row = int(np.flatnonzero(data.efc_type == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT)[0])
        lower, upper = np.full((1, 3), -np.inf), np.full((1, 3), np.inf)
        upper[0, 0] = limit
        ptr, column, value = np.zeros(2, np.int64), np.zeros(3, np.int64), np.zeros(3)
        regulariser, reference = np.zeros(1), np.zeros(1)
        limit_rows(
            softness, lower, upper, model.dof_invweight0[[dof]], np.array([dof]),
            np.array([[limit + depth, 0, 0]]), data.qvel, 0, ptr, column, value, regulariser, reference,
        )  # fmt: skip
        assert value.tolist() == [-1.0, 0.0, 0.0] and column.tolist() == [dof, dof + 1, dof + 2]
        assert regulariser[0] == pytest.approx(data.efc_R[row], rel=1e-12)
        assert reference[0] == pytest.approx(data.efc_aref[row], rel=1e-9)


def test_each_coordinate_of_a_ball_has_its_own_limit(small):
    """A torque about one axis of the hip presses it to that limit, whatever its other coordinates may."""
    hip = int(small.dofadr[small.skeleton.index("FemurR")])
    lower, upper = small.skeleton.lower[hip : hip + 3], small.skeleton.upper[hip : hip + 3]
    assert upper[1] < 0.6 * upper[0]
    worlds = build(small, 3, actuator="tor")
    q, dq = np.zeros((2, 3, small.skeleton.num_dof))
    q[:, 4] = 20.0
    qpos = small.to_qpos(q)
    worlds.reset(np.arange(3), qpos, small.to_qvel(qpos, dq))
    torque = np.zeros((3, small.skeleton.num_dof))
    torque[range(3), [hip, hip + 1, hip + 2]] = 60.0, 60.0, -60.0
    worlds.set_targets(torque[:, ROOT_DOFS:])
    for _ in range(48):
        worlds.step()
    reached = small.from_qpos(worlds.qpos)[:, hip : hip + 3]
    pressed = np.array([upper[0], upper[1], lower[2]])
    assert np.abs(np.diag(reached) - pressed).max() < 0.05
    assert (reached < upper + 0.1).all() and (reached > lower - 0.1).all()


@pytest.mark.parametrize("flag", ["mjDSBL_CONSTRAINT", "mjDSBL_LIMIT"])
def test_mujocos_flags_switch_limits_off(small, monkeypatch, flag):
    compiled = GaitNetBody.model

    def flagged(body, nuserdata=0):
        model = compiled(body, nuserdata)
        model.opt.disableflags |= getattr(mujoco.mjtDisableBit, flag)
        return model

    q, _ = pose(small, 0, height=5.0)
    q[small.skeleton.dof_start[small.skeleton.index("FemurR")] + 1] = 0.8
    felt = []
    for model in (compiled, flagged):
        monkeypatch.setattr(GaitNetBody, "model", model)
        worlds = build(small, 1, actuator="tor")
        worlds.reset(np.arange(1), small.to_qpos(q[None]), np.zeros((1, worlds.model.nv)))
        worlds.set_targets(np.zeros((1, small.skeleton.num_dof - ROOT_DOFS)))
        worlds.step()
        felt.append(worlds.slot("constraint_force").any())
    assert felt == [True, False]
