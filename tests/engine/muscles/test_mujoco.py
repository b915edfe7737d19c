import mujoco
import numpy as np
import pytest

from batchenv.engine.muscles import mujoco as muscles


def typical_prm(force):
    return np.array([0.75, 1.05, force, 200.0, 0.5, 1.6, 1.5, 1.3, 1.2, 0.0])


@pytest.mark.parametrize("force", [800.0, -1.0])
def test_gain_and_bias_equal_mujoco_bit_for_bit_over_a_grid(force):
    prm, lengthrange, acc0 = typical_prm(force), np.array([0.2, 0.4]), 3.0
    for length in np.linspace(0.05, 0.7, 131):
        expected = mujoco.mju_muscleBias(length, lengthrange, acc0, prm[:9])
        assert muscles.muscle_bias(length, lengthrange, acc0, prm) == expected
        for velocity in np.linspace(-2.0, 2.0, 41):
            expected = mujoco.mju_muscleGain(length, velocity, lengthrange, acc0, prm[:9])
            assert muscles.muscle_gain(length, velocity, lengthrange, acc0, prm) == expected


@pytest.mark.parametrize("activation", [0.0, 0.05, 0.3, 0.9, 1.0])
def test_reach_is_what_one_step_of_mujoco_dynamics_reaches(activation):
    timestep, dynprm = 1 / 300, np.array([0.01, 0.04, 0.0])
    lower, upper = muscles.activation_reach(activation, timestep, dynprm[0], dynprm[1])
    for excitation, reached in ((0.0, lower), (1.0, upper)):
        rate = mujoco.mju_muscleDynamics(excitation, activation, dynprm)
        assert reached == pytest.approx(np.clip(activation + timestep * rate, 0.0, 1.0), abs=1e-12)


@pytest.mark.parametrize("activation", [0.0, 0.05, 0.3, 0.9])
def test_excitation_carries_activation_to_a_target_in_reach(activation):
    timestep, dynprm = 1 / 300, np.array([0.01, 0.04, 0.0])
    lower, upper = muscles.activation_reach(activation, timestep, dynprm[0], dynprm[1])
    for target in np.linspace(lower, upper, 7):
        excitation = muscles.excitation_for(target, activation, timestep, dynprm[0], dynprm[1])
        rate = mujoco.mju_muscleDynamics(excitation, activation, dynprm)
        assert 0.0 <= excitation <= 1.0
        assert activation + timestep * rate == pytest.approx(target, abs=1e-12)


def test_coupling_slope_is_the_derivative_of_the_polynomial():
    coef = np.array([0.1, -0.4, 0.3, 0.2, -0.15])
    expected = np.polynomial.Polynomial(coef).deriv()(0.7)
    assert muscles.coupling_slope(0.7, coef) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("velocity", [-2.0, -0.5, 0.2, 0.9])
def test_gain_slope_is_the_derivative_of_the_gain(velocity):
    # Range, peak force, scale, lmin, lmax, vmax, fpmax, fvmax: all four pieces of the force-velocity curve.
    prm = np.array([0.75, 1.05, 500.0, 200.0, 0.5, 1.6, 1.5, 1.3, 1.4])
    ends, step = np.array([0.2, 0.4]), 1e-6
    high, low = (muscles.muscle_gain(0.3, velocity + sign * step, ends, 1.0, prm) for sign in (1, -1))
    slope = muscles.muscle_gain_slope(0.3, velocity, ends, 1.0, prm)
    assert slope == pytest.approx((high - low) / (2 * step), abs=1e-4)
    assert (slope < 0.0) == (-1.0 < velocity < 0.4)
