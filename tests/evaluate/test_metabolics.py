import numpy as np
import pytest

from batchenv.evaluate.gait_cycles import find_cycles
from batchenv.evaluate.metabolics import (
    SLOW_TWITCH,
    energy_rate,
    force_length,
    metabolic_measures,
    muscle_mass,
    slow_twitch_fraction,
)
from tests.evaluate.synthetic_walk import MASS, OPTIMAL_LENGTH, PEAK_FORCE, SPEED, human_walk

SHORTENING = {"excitation": 0.6, "activation": 0.4, "force": 500.0, "velocity": -2.0, "length": 0.9}
LENGTHENING = {"excitation": 0.2, "activation": 0.6, "force": 1000.0, "velocity": 1.0, "length": 1.28}


def rate(state: dict[str, float], mass: float, optimal_length: float, fast: float, **options):
    return energy_rate(
        **{name: np.array([value]) for name, value in state.items()},
        mass=np.array([mass]),
        optimal_length=np.array([optimal_length]),
        fast=np.array([fast]),
        **options,
    )


def test_shortening_muscle_by_hand():
    # A = u = 0.6; h_AM = (64 + 25) 0.6^0.6 1.5 = 89 * 0.736022 * 1.5 = 98.2589
    # h_SL = (100/4.8 * 2 * 0.5 + 153/12 * 2 * 0.5) 0.36 * 1.5 = 33.58333 * 0.54 = 18.135
    # w_CE = 500 * 2 * 0.05 / 0.25 = 200
    found = rate(SHORTENING, mass=0.25, optimal_length=0.05, fast=0.5)
    assert found.activation_maintenance[0] == pytest.approx(98.2589, abs=1e-3)
    assert found.shortening_lengthening[0] == pytest.approx(18.135, abs=1e-9)
    assert found.work[0] == pytest.approx(200.0)
    assert found.total[0] == pytest.approx(316.3939, abs=1e-3)


def test_lengthening_muscle_beyond_its_optimum_by_hand():
    # F_iso = 1 - (0.28 / 0.56)^2 = 0.75; A = (0.2 + 0.6) / 2 = 0.4
    # h_AM = (128 * 0.2 + 25) 0.4^0.6 1.5 (0.4 + 0.6 * 0.75) = 50.6 * 0.577080 * 1.5 * 0.85 = 37.2303
    # h_SL = 4 * 100/4.8 * 1 * 0.4 * 1.5 * 0.75 = 37.5;  w_CE = -1000 * 1 * 0.1 / 0.5 = -200
    found = rate(LENGTHENING, mass=0.5, optimal_length=0.1, fast=0.2)
    assert found.activation_maintenance[0] == pytest.approx(37.2303, abs=1e-3)
    assert found.shortening_lengthening[0] == pytest.approx(37.5, abs=1e-9)
    assert found.work[0] == pytest.approx(-200.0)
    assert found.total[0] == pytest.approx(-125.2697, abs=1e-3)


def test_revision_of_2010_lengthens_at_less_cost_and_gets_no_work_back():
    # h_SL = 0.3 * 100/4.8 * 1 * 0.4 * 1.5 * 0.75 = 2.8125
    found = rate(LENGTHENING, mass=0.5, optimal_length=0.1, fast=0.2, version=2010)
    assert found.shortening_lengthening[0] == pytest.approx(2.8125, abs=1e-9)
    assert found.work[0] == 0.0
    assert found.total[0] == pytest.approx(40.0428, abs=1e-3)


def test_slow_fibers_give_no_more_than_100_watts_per_kilogram_of_shortening_heat():
    # 100/4.8 * 8 = 166.7 is cut to 100; fast fibers: 153/12 * 8 = 102
    fast_shortening = SHORTENING | {"excitation": 1.0, "velocity": -8.0}
    assert rate(fast_shortening, 0.25, 0.05, fast=0.0).shortening_lengthening[0] == pytest.approx(150.0)
    assert rate(fast_shortening, 0.25, 0.05, fast=1.0).shortening_lengthening[0] == pytest.approx(153.0)


def test_resting_muscle_costs_one_watt_per_kilogram():
    rest = {"excitation": 0.0, "activation": 0.0, "force": 0.0, "velocity": 0.0, "length": 1.0}
    assert rate(rest, 0.25, 0.05, fast=0.5).total[0] == 1.0


def test_muscle_mass_by_hand():
    # 3000 N / 0.6 MPa = 50 cm^2; times 5 cm times 1059.7 kg/m^3
    assert muscle_mass(np.array([3000.0]), np.array([0.05])) == pytest.approx([0.264925])


def test_force_length_is_one_at_the_optimum_and_never_negative():
    assert force_length(np.array([1.0, 1.28, 1.56, 2.0, 0.2])) == pytest.approx([1.0, 0.75, 0.0, 0.0, 0.0])


def test_fiber_types_know_their_muscle_on_either_side():
    assert slow_twitch_fraction("soleus_r") == slow_twitch_fraction("soleus_l") == SLOW_TWITCH["soleus"]
    assert slow_twitch_fraction("piri_r") == 0.5


def test_cost_of_transport_of_isometric_muscles_by_hand():
    walk = human_walk()
    shape = walk.activation.shape
    still = human_walk(
        activation=np.ones(shape),
        fiber_velocity=np.zeros(shape),
        fiber_length=np.ones(shape),
        muscle_force=np.full(shape, 500.0),
    )
    measures, power = metabolic_measures(still, find_cycles(still), SPEED)
    mass = PEAK_FORCE / 0.6e6 * 1059.7 * OPTIMAL_LENGTH
    fast = 1 - np.array([slow_twitch_fraction(name) for name in still.muscle_names])
    by_hand = mass * (128 * fast + 25) * 1.5
    assert power == pytest.approx(by_hand, rel=1e-9)
    assert measures["muscles_j_kg_m"] == pytest.approx(by_hand.sum() / (MASS * SPEED), rel=1e-9)
    assert measures["gross_j_kg_m"] - measures["muscles_j_kg_m"] == pytest.approx(1.2 / SPEED)


def test_a_walk_on_the_spot_has_no_cost_per_metre():
    walk = human_walk(seconds=6.0)
    costs, power = metabolic_measures(walk, find_cycles(walk), 0.0)
    assert np.isnan(costs["gross_j_kg_m"]) and np.isnan(costs["muscles_j_kg_m"])
    assert np.isfinite(power).all() and costs["muscle_mass_kg"] > 0
