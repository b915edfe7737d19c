"""Newton's method along the tree: its matrices, and the forces in whole worlds at their optimum."""

import mujoco
import numpy as np
import pytest

from batchenv.body import Body, load_body
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.constraints.active_set import padded
from batchenv.engine.constraints.tree_newton import add_row, elimination_tree, factorise, solve, values
from batchenv.engine.law import Records
from batchenv.engine.record import SUBSTEP_AT
from batchenv.errors import UsageError
from tests.body.small_bodies import biped

SUBSTEPS, WORLDS = 10, 6
# A waist that rubs, feet that touch the floor in several points, and legs that touch each other.
TEXT = (
    biped()
    .replace('name="waist"', 'name="waist" frictionloss="1"')
    .replace('size=".03"/>', 'size=".03"/><geom type="box" pos="0 0 -.4" size=".1 .08 .02"/>')
)


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    file = tmp_path_factory.mktemp("biped") / "biped.xml"
    file.write_text(TEXT)
    return load_body(str(file), timestep=1 / 300)


def build(
    body: Body, constraints: str = "tree_newton", num_worlds: int = WORLDS, threads: int = 1
) -> Worlds[Body]:
    law = ControlLaw("pd", *body.default_gains(60.0, None), constraints=constraints)  # pyright: ignore[reportArgumentType]
    worlds = Worlds(body, law, num_worlds, SUBSTEPS, threads)
    poses = [pose(body, world) for world in range(num_worlds)]
    worlds.reset(np.arange(num_worlds), *(np.array(x) for x in zip(*poses, strict=True)))
    return worlds


def pose(body: Body, world: int) -> tuple[np.ndarray, np.ndarray]:
    """A pose low over the floor; with every second one, the legs cross."""
    rng = np.random.default_rng(world)
    joints = dict.fromkeys(body.joint_names, 0.1)
    joints |= {"hip_r": 0.25, "hip_l": 0.25} if world % 2 else {"hip_r": -0.1, "hip_l": -0.1}
    joints["knee_angle_r"] = -0.01  # beyond its limit
    places = np.array([joints[name] for name in body.joint_names]) + rng.normal(0.0, 0.01, len(joints))
    qpos = body.qpos(np.array([0.0, 0.0, 0.92]), np.array([1.0, 0.0, 0.0, 0.0]), places)
    return qpos, rng.normal(0.0, 0.3, body.model.nv)


def drive(worlds: Worlds[Body], steps: int, push: float = 0.0) -> None:
    n, joints = worlds.num_worlds, len(worlds.body.joint_names)
    for k in range(steps):
        targets = [np.random.default_rng((k, world)).uniform(-0.3, 0.3, joints) for world in range(n)]
        worlds.set_targets(np.array(targets), np.zeros((n, joints)))
        worlds.bind("xfrc_applied")[0, worlds.body.foot_body[0]] = push * np.array([1, 0.5, 0, 0, 0.1, 0])
        worlds.step()


def rows(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """The Jacobian of all constraints (nefc, nv)."""
    dense = np.zeros((data.nefc, model.nv))
    mujoco.mju_sparse2dense(dense, data.efc_J, data.efc_J_rownnz, data.efc_J_rowadr, data.efc_J_colind)
    return dense


def test_forces_are_those_of_the_optimum(body: Body):
    """A row's force follows from the acceleration by MuJoCo's law, f = clip((aref - J acc) / R, bounds)."""
    worlds = build(body)
    model, crossed, kinds = worlds.model, 0, set()
    data = mujoco.MjData(model)
    for k in range(3 * SUBSTEPS):
        worlds.batch.bind("userdata")[:, SUBSTEP_AT] = 0.0
        places, velocities = worlds.qpos.copy(), worlds.qvel.copy()
        worlds.batch.step(nstep=1)
        assert not worlds.bind("qfrc_constraint").any()
        for world in range(WORLDS):
            data.qpos[:], data.qvel[:] = places[world], velocities[world]
            mujoco.mj_fwdPosition(model, data)
            mujoco.mj_fwdVelocity(model, data)
            jacobian, kind = rows(model, data), data.efc_type
            push = (data.efc_aref - jacobian @ worlds.bind("qacc")[world]) / data.efc_R
            rubs, joined = (
                kind == mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF,
                kind == mujoco.mjtConstraint.mjCNSTR_EQUALITY,
            )
            lower = np.where(joined, -np.inf, np.where(rubs, -data.efc_frictionloss, 0.0))
            force = np.clip(push, lower, np.where(rubs, data.efc_frictionloss, np.inf))
            others = data.qfrc_passive - data.qfrc_bias + worlds.bind("qfrc_applied")[world]
            total = worlds.bind("qfrc_smooth")[world]
            assert total == pytest.approx(others + jacobian.T @ force, abs=1e-7 * np.abs(total).max())
            kinds |= set(kind.tolist())
            left, right = (body.model.joint(f"hip_{side}").dofadr[0] for side in "lr")
            crossed += bool((jacobian[:, left] * jacobian[:, right]).any())
        if k % SUBSTEPS == SUBSTEPS - 1:
            drive(worlds, 1)
    assert crossed > 5  # legs that touch: the tree is a chain then
    assert len(kinds) == 4  # couplings, friction, limits, contacts


def test_worlds_move_as_with_mujocos_solver(body: Body):
    ours, theirs = build(body), build(body, "mujoco")
    theirs.model.opt.tolerance = 1e-12
    for worlds in (ours, theirs):
        drive(worlds, 1)
    assert ours.qpos == pytest.approx(theirs.qpos, abs=1e-6)


def test_a_world_that_is_pushed_moves_as_with_mujocos_solver(body: Body):
    ours, theirs, alone = build(body), build(body, "mujoco"), build(body)
    theirs.model.opt.tolerance = 1e-12
    for worlds, push in ((ours, 100.0), (theirs, 100.0), (alone, 0.0)):
        drive(worlds, 1, push)
    assert not ours.bind("qfrc_constraint").any()
    assert ours.qpos == pytest.approx(theirs.qpos, abs=1e-6)
    assert np.abs(ours.qpos[0] - alone.qpos[0]).max() > 1e-3


def test_the_bits_depend_on_no_other_world(body: Body):
    all_, two = build(body, threads=2), build(body, num_worlds=2)
    for worlds in (all_, two):
        drive(worlds, 3)
    assert np.array_equal(all_.qpos[:2], two.qpos)


def test_coupled_joints_stand_above_one_another(body: Body):
    model, parent = body.model, elimination_tree(body.model)
    patella, knee = (int(model.joint(name).dofadr[0]) for name in ("patella_r", "knee_angle_r"))
    above = [patella]
    while parent[above[-1]] >= 0:
        above.append(int(parent[above[-1]]))
    assert knee in above and len(above) == len(set(above))
    for k in range(model.nv):  # what carries a dof stays above it
        path = set(values(body.mechanism()).arrays["tree_path"][k].tolist())
        assert set(model.M_colind[model.M_rowadr[k] :][: model.M_rownnz[k]].tolist()) <= path


def test_equations_are_solved_along_the_tree(body: Body):
    described = values(body.mechanism())
    depth, path, place = (described.arrays[f"tree_{name}"] for name in ("depth", "path", "inertia"))
    model, data, rng = body.model, mujoco.MjData(body.model), np.random.default_rng(0)
    mujoco.mj_forward(model, data)
    (nv, width), n = path.shape, model.nv
    assert width == padded(int(depth.max()) + 1)
    matrix, dense = np.zeros((nv, width)), np.zeros((n, n))
    matrix.ravel()[place] = data.M
    for column, unit in zip(dense, np.eye(n), strict=True):
        mujoco.mj_mulM(model, data, column, unit)
    knee, patella = (int(model.joint(name).dofadr[0]) for name in ("knee_angle_r", "patella_r"))
    for column in (
        np.array([min(knee, patella), max(knee, patella)], np.int32),
        path[knee, : depth[knee] + 1],
    ):
        value = rng.normal(size=column.size)
        add_row(depth, column, value, 30.0, matrix, np.zeros(width))
        dense[np.ix_(column, column)] += 30.0 * np.outer(value, value)
    right, factor = rng.normal(size=n), np.zeros((nv, width))
    x = right.copy()
    factorise(depth, path, matrix, factor)
    solve(depth, path, factor, x)
    assert dense @ x == pytest.approx(right, abs=1e-10)


def test_what_needs_the_forces_of_all_rows_is_refused(body: Body):
    gains = body.default_gains(60.0, None)
    law = ControlLaw("pd", *gains, constraints="tree_newton", records=Records(loaded=(body.root_body,)))
    with pytest.raises(UsageError, match="give constraints 'mujoco' or 'active_set'"):
        Worlds(body, law, 1, SUBSTEPS, 1)
