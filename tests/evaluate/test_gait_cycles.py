import numpy as np
import pytest

from batchenv.evaluate.gait_cycles import LEFT, RIGHT, ContactRule, find_contact, find_cycles
from tests.evaluate.synthetic_walk import PERIOD, STANCE, human_walk

WEIGHT, DT = 700.0, 0.01


def loaded(*spans: tuple[int, int], rows: int = 300) -> np.ndarray:
    """Return a vertical force (rows,) that is the body weight in `spans` and zero elsewhere."""
    force = np.zeros(rows)
    for start, stop in spans:
        force[start:stop] = WEIGHT
    return force


def test_contact_is_where_the_force_is():
    contact = find_contact(loaded((50, 110), (150, 210)), WEIGHT, DT)
    assert np.array_equal(np.flatnonzero(np.diff(contact.astype(int))) + 1, [50, 110, 150, 210])


def test_bounce_at_heel_strike_is_one_contact():
    bounced = find_contact(loaded((50, 53), (57, 110)), WEIGHT, DT)
    assert np.array_equal(bounced, find_contact(loaded((50, 110)), WEIGHT, DT))


def test_scuff_in_swing_is_no_contact():
    scuffed = find_contact(loaded((50, 110), (130, 135), (150, 210)), WEIGHT, DT)
    assert np.array_equal(scuffed, find_contact(loaded((50, 110), (150, 210)), WEIGHT, DT))


def test_force_between_the_thresholds_keeps_the_state():
    rule = ContactRule(on=0.05, off=0.03)
    force = loaded((50, 110))
    force[110:150] = force[20:50] = 0.0
    force[110:125] = 0.04 * WEIGHT  # above off: still loaded
    force[30:50] = 0.04 * WEIGHT  # below on: not yet loaded
    contact = find_contact(force, WEIGHT, DT, rule)
    assert np.array_equal(np.flatnonzero(contact), np.arange(50, 125))


def test_no_rows_give_no_contact():
    assert find_contact(np.zeros(0), WEIGHT, DT).shape == (0,)


def test_cycles_run_from_heel_strike_to_heel_strike_of_either_leg():
    walk = human_walk(seconds=8.0)
    cycles = find_cycles(walk)
    assert {RIGHT, LEFT} == set(cycles.side.tolist())
    # The force is sampled at 5 ms and rises to its threshold within 1 % of the cycle.
    assert cycles.seconds == pytest.approx(np.full(len(cycles), PERIOD), abs=1e-3)
    assert cycles.stance == pytest.approx(np.full(len(cycles), STANCE), abs=0.01)
    right = cycles.start[cycles.side == RIGHT] * walk.dt
    assert (right / PERIOD + 0.9) % 1 == pytest.approx(np.zeros(len(right)), abs=0.01)


def test_transient_and_incomplete_cycles_are_dropped():
    seconds = 8.0
    walk = human_walk(seconds=seconds)
    strikes = np.arange(0.1 * PERIOD, seconds, PERIOD)  # of the right leg
    for transient in (0, 2, 3):
        cycles = find_cycles(walk, ContactRule(transient=transient))
        assert np.sum(cycles.side == RIGHT) == len(strikes) - 1 - transient


def test_no_cycle_spans_two_episodes():
    walk = human_walk(episodes=3, seconds=5.0)
    cycles = find_cycles(walk)
    rows = len(walk.time) // 3
    assert np.array_equal(cycles.start // rows, cycles.stop // rows)
    assert np.array_equal(cycles.start // rows, cycles.episode)


def test_standing_still_has_no_cycles():
    grf = np.zeros((1600, 2, 3))
    grf[:, :, 2] = 375.0
    cycles = find_cycles(human_walk(seconds=8.0, grf=grf))
    assert len(cycles) == 0
    assert not cycles.rows_within().any()


def test_resampled_cycle_has_101_points_and_keeps_a_straight_line():
    walk = human_walk()
    cycles = find_cycles(walk)
    resampled = cycles.resample(walk.root_pos)
    assert resampled.shape == (len(cycles), 101, 3)
    # Linear interpolation of a line is exact but for rounding.
    assert np.diff(resampled[:, :, 0], axis=1) == pytest.approx(
        np.broadcast_to(1.24 * cycles.seconds[:, None] / 100, (len(cycles), 100)), abs=1e-12
    )


def test_rows_within_cover_the_cycles_once():
    walk = human_walk(episodes=2)
    cycles = find_cycles(walk)
    rows = cycles.rows_within()
    covered = np.zeros(len(rows), dtype=bool)
    for start, stop in zip(cycles.start, cycles.stop, strict=True):
        covered[int(np.ceil(start)) : int(np.ceil(stop))] = True
    assert np.array_equal(rows, covered)
