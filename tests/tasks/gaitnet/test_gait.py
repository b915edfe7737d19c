"""The two ways of following the gait, step by step."""

import numpy as np

from batchenv.tasks.gaitnet import gait

DT, MASS = 0.01, 70.0


def first_state() -> dict[str, np.ndarray]:
    return {
        "left_stance": np.zeros(1, bool),
        "current_foot": np.array([[-0.1, 0.05, 0.0]]),
        "current_target": np.array([[-0.1, 0.05, 0.0]]),
        "next_target": np.array([[0.1, 0.05, 0.6]]),
        "stance_clock": np.full((1, 2), np.nan),
        "stride_time": np.full((1, 2), np.nan),
    }


def feet(left_z: float, right_z: float) -> np.ndarray:
    """One substep of both feet (1, 1, 2, 3)."""
    return np.array([[[[0.1, 0.04, left_z], [-0.1, 0.04, right_z]]]])


def follow_phase(state: dict[str, np.ndarray], phase: float, left_z: float, right_z: float) -> None:
    gait.follow_phase(
        np.array([[phase]]), feet(left_z, right_z), np.ones(1), np.array([1.2]), DT, *state.values()
    )


def test_clock_says_which_foot_stands_and_switching_moves_targets():
    state = first_state()
    follow_phase(state, 0.4, 0.3, 0.0)
    assert not state["left_stance"][0]
    np.testing.assert_array_equal(state["next_target"], [[0.1, 0.0, 0.6]])
    follow_phase(state, 0.84, 0.58, 0.01)
    assert state["left_stance"][0]
    np.testing.assert_array_equal(state["current_target"], [[0.1, 0.0, 0.6]])
    # A stride ahead of where the right foot stood.
    np.testing.assert_array_equal(state["next_target"], [[-0.1, 0.0, 1.2]])
    np.testing.assert_array_equal(state["current_foot"], [[0.1, 0.04, 0.58]])


def test_stride_time_is_from_one_stance_of_a_foot_to_its_next():
    state = first_state()
    for k in range(250):
        follow_phase(state, 0.4 + k * DT, 0.0, 0.0)
    np.testing.assert_allclose(state["stride_time"], 1.0, atol=1e-9)


def test_right_foot_stands_from_a_third_of_the_cycle_on_for_half_of_it():
    phase = np.array([0.0, 0.33, 0.34, 0.83, 0.84])
    np.testing.assert_array_equal(gait.left_by_clock(phase), [True, True, False, False, True])


class ByContact:
    """A walker whose feet touch as told."""

    def __init__(self) -> None:
        self.state = first_state()
        self.contact_phase, self.smoothed = np.zeros(1, int), np.full((1, 2), np.nan)
        self.strike_z = np.zeros((1, 2))

    def touch(self, left: bool, right: bool, load: tuple[float, float], left_z: float, right_z: float) -> int:
        """Five substeps with contacts as they are; the phase of contact."""
        for _ in range(5):
            gait.follow_contacts(
                np.array([[[float(left), float(right)]]]),
                feet(left_z, right_z),
                MASS * 9.81 * np.array([[[[0.6 * x, 0.8 * x, 0.0] for x in load]]]),
                np.array([MASS]),
                np.array([True, False]),
                np.array([1.2]),
                DT,
                self.contact_phase,
                self.smoothed,
                *self.state.values(),
                self.strike_z,
            )
        return int(self.contact_phase[0])


def test_contacts_lead_around_the_four_states():
    walker = ByContact()
    assert walker.touch(True, True, (0.5, 0.5), 0.0, 0.0) == gait.RIGHT_STANCE
    assert walker.touch(False, True, (0.0, 1.0), 0.1, 0.0) == gait.LEFT_TAKEOFF
    assert walker.touch(False, True, (0.0, 1.0), 0.9, 0.0) == gait.LEFT_TAKEOFF
    assert walker.touch(True, True, (0.5, 0.5), 0.9, 0.0) == gait.LEFT_STANCE
    assert walker.state["left_stance"][0]
    # Targets keep their height, and a foot stays where it struck.
    np.testing.assert_array_equal(walker.state["current_target"], [[0.1, 0.05, 0.6]])
    np.testing.assert_array_equal(walker.state["next_target"], [[-0.1, 0.05, 1.2]])
    assert walker.touch(True, False, (1.0, 0.0), 0.95, 0.2) == gait.RIGHT_TAKEOFF
    np.testing.assert_array_equal(walker.state["current_foot"], [[0.1, 0.04, 0.9]])
    assert walker.strike_z[0].tolist() == [0.9, 0.0]
    assert walker.touch(True, True, (0.5, 0.5), 0.9, 1.5) == gait.RIGHT_STANCE


def test_first_contact_counts_at_once():
    walker = ByContact()
    assert walker.touch(False, True, (0.0, 1.0), 0.1, 0.0) == gait.LEFT_TAKEOFF
    assert walker.smoothed[0].tolist() == [0.0, 1.0]


def test_foot_that_only_grazes_or_falls_short_has_not_struck():
    walker = ByContact()
    walker.touch(True, True, (0.5, 0.5), 0.0, 0.0)
    walker.touch(False, True, (0.0, 1.0), 0.1, 0.0)
    assert walker.touch(True, True, (0.1, 0.9), 0.9, 0.0) == gait.LEFT_TAKEOFF
    assert walker.touch(True, True, (0.5, 0.5), 0.3, 0.0) == gait.LEFT_TAKEOFF
