"""Contacts with bumps and steps, against MuJoCo's plane and MuJoCo's rays."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from batchenv.body import Body
from batchenv.body.uneven_floor import PERIOD, with_uneven_floor
from batchenv.engine import Worlds
from batchenv.engine.uneven_floor import keep_floor_below, lay_floor, set_relief
from batchenv.mdp.leg_loads import floor_contacts
from tests.engine.test_combinations import LAW, SUBSTEPS, walked

DOWN = np.array([0.0, 0.0, -1.0])


@pytest.fixture(scope="module")
def uneven(body: Body) -> Body:
    return with_uneven_floor(body, {"bumps": 0.02, "steps": 0.0025})


@pytest.fixture(scope="module")
def worlds(uneven: Body) -> Worlds[Body]:
    """Of a level floor, the clearing, bumps and steps, all with the same pose 5 mm deep in the floor."""
    worlds = Worlds(uneven, LAW, 4, SUBSTEPS, 1)
    set_relief(worlds, np.array([0.0, 0.02, 0.02, 0.001]), np.array([0.0, 0.0, 0.0, 0.0025]))
    lay_floor(
        worlds, np.arange(4), np.array([[0.0, 0.0], [0.0, 0.0], [1.5, 2.0], [2.0, 1.5]]), np.full(4, 0.1)
    )
    qpos = uneven.qpos(np.array([0.0, 0.0, 0.94]), np.array([1.0, 0.0, 0.0, 0.0]), np.full(14, 0.05))
    worlds.reset(np.arange(4), np.tile(qpos, (4, 1)), np.zeros((4, uneven.model.nv)))
    worlds.measure(np.arange(4))
    return worlds


def surface(worlds: Worlds[Body], world: int, place: np.ndarray) -> float:
    """Height of the floor of a world at a place (2,), where a ray of MuJoCo's meets it."""
    model, data = worlds.own_model(world), worlds.batch.get_data(world)
    seen = mujoco.mj_rayHfield(model, data, worlds.body.floor_geom, np.array([*place, 1.0]), DOWN, None)
    return 1.0 - seen


def test_the_clearing_is_touched_as_the_level_floor_is(worlds):
    level, clearing = (worlds.batch.get_data(world) for world in (0, 1))
    assert level.ncon == clearing.ncon > 5
    for one, other in zip(level.contact, clearing.contact, strict=True):
        assert (one.geom == other.geom).all() and (one.friction == other.friction).all()
        np.testing.assert_allclose(np.r_[other.dist, other.pos], np.r_[one.dist, one.pos], atol=1e-12)
        np.testing.assert_allclose(other.frame[:3], one.frame[:3], atol=1e-12)


@pytest.mark.parametrize("world", [2, 3])
def test_feet_touch_the_floor_where_a_ray_meets_it_and_sensors_feel_that(worlds, world):
    model, data, body = worlds.own_model(world), worlds.batch.get_data(world), worlds.body
    heights, errors = [], []
    for contact in data.contact:
        if body.floor_geom in contact.geom:
            # The contact lies in the middle between the surfaces, along the normal.
            place = contact.pos - 0.5 * contact.dist * contact.frame[:3]
            heights.append(place[2])
            errors.append(abs(surface(worlds, world, place[:2]) - place[2]))
    # A sphere touches the triangle below its middle, and the place is on the next one at times.
    assert np.median(errors) < 1e-9 and max(errors) < 1e-3 < np.ptp(heights)
    pressed = sum(contact.force for contact in floor_contacts(model, data, body.floor_geom))
    felt = data.sensordata[body.grf_sensor_adr[:, None] + np.arange(3)]
    assert felt.sum(axis=0) == pytest.approx(pressed) and pressed[2] > 100.0


def test_floors_follow_their_walkers_by_whole_periods_and_level_ones_stay(worlds):
    snapshot, floor = worlds.snapshot(), worlds.body.floor_geom
    before = worlds.expand("geom_pos")[:, floor].copy()
    worlds.qpos[:, :2] = [20.0, -33.0]
    keep_floor_below(worlds)
    after = worlds.expand("geom_pos")[:, floor].copy()
    worlds.restore(snapshot)
    cos, sin = np.cos(0.2 * np.pi), np.sin(0.2 * np.pi)
    turn = np.array([[cos, -sin], [sin, cos]])  # into the frame of the floor
    periods = (after - before)[1:, :2] @ turn / PERIOD
    np.testing.assert_allclose(periods, np.rint(periods), atol=1e-9)
    assert (np.abs(([20.0, -33.0] - after[1:, :2]) @ turn) < 0.5001 * PERIOD).all()
    assert np.array_equal(after[0], before[0]) and np.array_equal(after[:, 2], before[:, 2])


def test_the_active_set_stands_on_bumps_as_mujocos_solver_does(uneven):
    def bumpy(worlds):
        set_relief(worlds, np.full(2, 0.02), np.zeros(2))
        lay_floor(worlds, np.arange(2), np.array([[1.5, 2.0], [2.0, 1.5]]), np.array([0.1, 0.6]))

    plain = walked(uneven, LAW)[1]
    places, solved = (
        walked(uneven, replace(LAW, constraints=each), prepare=bumpy)[1] for each in ("mujoco", "active_set")
    )
    # MuJoCo's solver stops at a tolerance of 1e-8 of the cost.
    np.testing.assert_allclose(solved, places, atol=1e-9)
    assert np.abs(places - plain).max() > 1e-4


def test_height_fields_of_others_are_left_to_mujoco(worlds):
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><asset><hfield name="f" nrow="3" ncol="3" size="1 1 .1 .1" elevation="1 0 0 0 0 0 0 0 0"/>'
        '</asset><worldbody><geom type="hfield" hfield="f"/><body pos=".6 .6 .09"><freejoint/>'
        '<geom size=".1"/></body></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert data.ncon > 1  # prisms, each of which is touched
