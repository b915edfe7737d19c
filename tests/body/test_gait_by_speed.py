"""The gait of humans by speed: between what was measured, and at its ends."""

import csv
from importlib.resources import files

import numpy as np
import pytest

from batchenv.body import Body, load_body
from batchenv.body.gait_by_speed import GaitBySpeed, leg_length, load_gait_by_speed
from batchenv.body.sides import unlike_legs
from batchenv.errors import ConfigError


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("myo_sim:myolegs", timestep=0.002)


@pytest.fixture(scope="module")
def gaits(body: Body) -> GaitBySpeed:
    return load_gait_by_speed(body)


def at(gaits: GaitBySpeed, speed: float, count: int = 200) -> np.ndarray:
    """Rows over a cycle at one speed."""
    return gaits.rows(np.arange(count) / count, np.full(count, speed))


def test_five_measured_speeds_are_those_of_a_leg_of_this_length(body: Body, gaits: GaitBySpeed):
    length = leg_length(body)
    assert 0.8 < length < 1.0
    assert gaits.speeds[1:] / np.sqrt(9.81 * length) == pytest.approx(
        [0.1721, 0.2902, 0.4294, 0.5599, 0.6938]
    )
    # Length of a step over the leg's, as it was measured.
    steps = gaits.speeds[1:] / (2 * gaits.cadences[1:]) / length
    assert steps == pytest.approx([0.5099, 0.64, 0.7596, 0.8497, 0.922], rel=0.02)
    assert gaits.usual.speed == gaits.speeds[3]


def test_angles_at_free_speed_are_those_measured(body: Body, gaits: GaitBySpeed):
    rows = np.degrees(at(gaits, gaits.speeds[3]))
    names = list(body.joint_names)
    knee, ankle, hip = (
        rows[:, names.index(name)] for name in ("knee_angle_r", "ankle_angle_r", "hip_flexion_r")
    )
    assert (knee.max(), ankle.min()) == pytest.approx((59.1, -19.8), abs=1.0)
    assert (hip.max(), hip.min()) == pytest.approx((36.7 - 11.6, -5.8 - 11.6), abs=0.7), (
        "less the pelvis's tilt"
    )
    left = rows[:, names.index("knee_angle_l")]
    assert np.roll(left, 100) == pytest.approx(knee, abs=1e-6)
    load = at(gaits, gaits.speeds[3])[:, -2:]
    assert load.max() == pytest.approx(1.10, abs=0.02) and load.sum(axis=1).mean() == pytest.approx(
        1.0, abs=0.02
    )


def test_velocities_are_those_of_the_positions_at_any_speed(body: Body, gaits: GaitBySpeed):
    n = len(body.joint_names)
    for speed in (0.3, 0.9, 1.5):
        rows, cadence = at(gaits, speed, 512), gaits.cadence(np.array([speed]))[0]
        slope = (np.roll(rows, -1, axis=0) - np.roll(rows, 1, axis=0)) * 256 * cadence
        assert rows[:, n : 2 * n] == pytest.approx(slope[:, :n], abs=0.05)


def test_who_stands_rests_and_who_is_slow_swings_less(body: Body, gaits: GaitBySpeed):
    n = len(body.joint_names)
    still = at(gaits, 0.0)
    assert np.ptp(still[:, : 2 * n], axis=0).max() == 0.0 and not still[:, n : 2 * n].any()
    assert (still[:, -2:] == 0.5).all()
    assert gaits.cadence(np.array([0.0, 0.1, gaits.speeds[1]])).tolist() == [0.0, *[gaits.cadences[1]] * 2]
    half, slowest = (
        np.ptp(at(gaits, speed)[:, :n], axis=0) for speed in (gaits.speeds[1] / 2, gaits.speeds[1])
    )
    assert half == pytest.approx(slowest / 2)
    beyond, fastest = (at(gaits, speed) for speed in (9.0, gaits.speeds[-1]))
    assert np.array_equal(beyond, fastest) and np.array_equal(at(gaits, -1.0), still)


def test_faster_walkers_take_longer_and_more_frequent_steps(gaits: GaitBySpeed):
    assert (np.diff(gaits.cadences[1:]) > 0.0).all()
    feet = [np.ptp(at(gaits, speed)[:, -8]) for speed in gaits.speeds]  # the right heel, fore and aft
    assert (np.diff(feet) > 0.0).all()


def test_the_pelvis_is_its_own_mirror_image_half_a_cycle_later(gaits: GaitBySpeed):
    phase, speed = np.arange(100) / 100, np.full(100, 1.2)
    pelvis, later = gaits.pelvis_rows(phase, speed), gaits.pelvis_rows(phase + 0.5, speed)
    assert later == pytest.approx(pelvis * [1.0, -1.0, -1.0])
    assert np.abs(pelvis[:, 0].mean()) < 0.02, "upright on the average at free speed"
    assert 3.0 < np.degrees(np.ptp(pelvis[:, 1])) < 10.0
    # The side that bears the weight is up, and at its heel strike the right side is in front.
    assert pelvis[5:20, 1].min() > 0.02 and pelvis[0, 2] > 0.02


def test_rows_do_not_depend_on_how_many_are_asked_for(gaits: GaitBySpeed):
    rng = np.random.default_rng(0)
    phase, speed = rng.uniform(size=20), rng.uniform(0, 2, 20)
    together = gaits.rows(phase, speed)
    alone = np.concatenate([gaits.rows(phase[i : i + 1], speed[i : i + 1]) for i in range(20)])
    assert np.array_equal(together, alone)


def test_the_centre_of_mass_speeds_up_and_brakes_as_the_measured_force_makes_it(gaits: GaitBySpeed):
    with files("batchenv.data").joinpath("human_gait_by_speed.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["speed_group"] == "free"]
    leg = np.array([float(row["fore_aft_force_bw"]) for row in rows[:-1]])
    measured = leg + np.roll(leg, 25)
    phase, free, cadence = np.arange(50) / 50, np.full(50, gaits.speeds[3]), gaits.cadences[3]
    ahead, back = (gaits.com_speed(phase + step, free) for step in (0.005, -0.005))
    force = (ahead - back) * cadence / 0.01 / 9.81
    assert force == pytest.approx(measured - measured.mean(), abs=0.01) and np.abs(measured).max() > 0.1
    assert gaits.com_speed(phase, free).mean() == pytest.approx(gaits.speeds[3])
    assert not gaits.com_speed(phase, np.zeros(50)).any()


def test_feet_point_as_measured_and_as_the_body_has_them_where_it_stands(body: Body, gaits: GaitBySpeed):
    phase = np.arange(50) / 50
    with files("batchenv.data").joinpath("human_gait_by_speed.csv").open() as file:
        free = [
            float(row["foot_progression_deg"]) for row in csv.DictReader(file) if row["speed_group"] == "free"
        ]
    feet = np.degrees(gaits.progression_rows(phase, np.full(50, gaits.speeds[3])))
    assert feet[:, 0] == pytest.approx(free[:50], abs=0.7) and np.ptp(feet[:, 0]) > 5.0
    assert np.roll(feet[:, 1], 25) == pytest.approx(feet[:, 0], abs=1e-9)
    standing = gaits.progression_rows(phase, np.zeros(50))
    assert not np.ptp(standing, axis=0).any() and np.degrees(np.abs(standing)).max() < 15.0
    assert standing[:, 0] == pytest.approx(standing[:, 1], abs=0.01)


def test_one_leg_may_move_otherwise(body: Body, gaits: GaitBySpeed):
    stiff = load_gait_by_speed(body, {"knee_angle_l": 0.3})
    knees = [body.joint_names.index(f"knee_angle_{side}") for side in "rl"]
    usual, own = at(gaits, 1.3)[:, knees], at(stiff, 1.3)[:, knees]
    assert own == pytest.approx(usual * [1.0, 0.3], abs=1e-9)
    assert unlike_legs(body, gaits.usual.joint_pos_table) is None
    assert (
        unlike_legs(body, stiff.usual.joint_pos_table)
        == "knee_angle_l of the reference has a motion of its own"
    )


def test_a_factor_on_a_joint_that_humans_have_not_is_refused(body: Body):
    with pytest.raises(
        ConfigError, match=r"joint_scale\.knee_angle_x: the gait of humans by speed has no such"
    ):
        load_gait_by_speed(body, {"knee_angle_x": 0.3})
