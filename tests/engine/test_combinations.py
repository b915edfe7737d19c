"""Parts that are not together in any shipped preset: they go together all the same."""

from collections.abc import Callable
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from batchenv.body import Body
from batchenv.engine import ControlLaw, Records, Worlds

SUBSTEPS = 4
LAW = ControlLaw("mass", kp=np.full(14, 200.0), kv=np.full(14, 16.0), records=Records(muscles=True))


def walked(
    body: Body, law: ControlLaw, steps: int = 3, prepare: Callable[[Worlds[Body]], None] = lambda _: None
) -> tuple[Worlds[Body], np.ndarray]:
    """Two worlds on the floor, and the positions they come to."""
    rng, n = np.random.default_rng(0), 2
    worlds = Worlds(body, law, n, SUBSTEPS, 1)
    prepare(worlds)
    upright = np.tile([1.0, 0.0, 0.0, 0.0], (n, 1))
    qpos = body.qpos(np.tile([0.0, 0.0, 0.95], (n, 1)), upright, rng.uniform(-0.05, 0.1, (n, 14)))
    worlds.reset(np.arange(n), qpos, np.zeros((n, body.model.nv)))
    target, seen = rng.uniform(-0.1, 0.2, (n, 14)), []
    for _ in range(steps):
        worlds.set_targets(target, np.zeros((n, 14)))
        worlds.step()
        seen.append(worlds.qpos.copy())
    assert not worlds.failed.any() and worlds.slot("foot_load_sum").sum(axis=1).min() > 100.0
    return worlds, np.array(seen)


@pytest.fixture(scope="module")
def plain(body: Body) -> tuple[Worlds[Body], np.ndarray]:
    return walked(body, LAW)


def test_the_active_set_moves_a_body_with_couplings_as_mujocos_solver_does(body: Body, plain):
    worlds, places = walked(body, replace(LAW, constraints="active_set"))
    # MuJoCo's solver stops at a tolerance of 1e-8 of the cost.
    assert places == pytest.approx(plain[1], abs=1e-9)
    assert worlds.slot("foot_load_sum") == pytest.approx(plain[0].slot("foot_load_sum"), rel=1e-6)


def test_tension_is_the_force_of_mujocos_actuators(plain):
    worlds = plain[0]
    assert worlds.slot("muscle_tension") == pytest.approx(-worlds.bind("actuator_force"), rel=1e-9, abs=1e-9)
    assert worlds.slot("fiber_length").min() > 0.3 and worlds.slot("fiber_length").max() < 1.8


def test_recording_changes_no_bit(body: Body, plain):
    knees = tuple(int(body.model.body(name).id) for name in ("tibia_r", "tibia_l"))
    records = Records(joint_torques=False, foot_loads=True, muscles=False, loaded=knees)
    assert np.array_equal(walked(body, replace(LAW, records=records))[1], plain[1])


@pytest.mark.parametrize("constraints", ["mujoco", "active_set"])
def test_nothing_holds_the_root_but_the_floor(body: Body, constraints: str):
    """The root joint carries all, muscles included: by Newton's law its load is nothing."""
    law = replace(LAW, constraints=constraints, records=Records(loaded=(body.root_body,)))
    worlds = Worlds(body, law, 1, 20)
    qpos = body.qpos(np.array([[0.0, 0.0, 0.95]]), np.array([[1.0, 0, 0, 0]]), np.full((1, 14), 0.05))
    worlds.reset(np.arange(1), qpos, np.zeros((1, body.model.nv)))
    for _ in range(2):
        worlds.set_targets(np.zeros((1, 14)), np.zeros((1, 14)))
        worlds.step()
    # The centre of mass turns through a substep of 1/300 s, in which the momentum changes by second order.
    assert worlds.slot("load_log").max() < 0.02 * body.weight < worlds.slot("foot_load_sum").sum() / 20


def test_loads_of_knees_equal_mujocos_reactions_where_no_muscle_pulls(body: Body):
    knees = tuple(int(body.model.body(name).id) for name in ("tibia_r", "tibia_l"))
    law = replace(LAW, actuator="tor", records=Records(loaded=knees))
    worlds, seen = Worlds(body, law, 1, 20), []
    qpos = body.qpos(np.array([[0.0, 0.0, 0.95]]), np.array([[1.0, 0, 0, 0]]), np.full((1, 14), 0.05))
    worlds.reset(np.arange(1), qpos, np.zeros((1, body.model.nv)))
    worlds.set_targets(np.zeros((1, 14)), np.zeros((1, 14)))

    def watch():
        data = worlds.batch.get_data(0)
        mujoco.mj_rnePostConstraint(worlds.model, data)
        seen.append(np.linalg.norm(data.cfrc_int[list(knees), 3:], axis=1))

    worlds.step(watch)
    # Row k is of the substep before k. Ours is a mean over a substep, MuJoCo's of its beginning.
    assert worlds.slot("load_log")[0, 5:] == pytest.approx(
        np.array(seen)[4:-1], rel=0.06, abs=0.02 * body.weight
    )
    assert np.max(seen) > 0.3 * body.weight


def test_muscles_of_mass_move_on_mujocos_tendons(body: Body):
    law = replace(LAW, muscle_model="mass", records=Records(joint_torques=False, muscles=True))
    worlds, _ = walked(body, law)
    tension = worlds.slot("muscle_tension")
    assert tension.max() > 50.0 and tension.min() >= 0.0
    assert not worlds.bind("actuator_force").any() and worlds.bind("qfrc_applied").any()
