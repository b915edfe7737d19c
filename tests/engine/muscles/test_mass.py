import math

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet.curves import LMAX, LMIN, passive_peak
from batchenv.engine.muscles.mass import (
    exponential,
    force_length,
    force_velocity,
    mujoco_muscle_forces,
    muscle_forces,
    passive_force,
)
from tests.engine.small_worlds import build, stand


def plain_forces(f0, lm, lt, reference, length, velocity):
    """NumPy twin of `muscle_forces`."""
    fiber = (length / reference - lt) / lm
    active = f0 * np.exp(-((fiber - 1) ** 2) / 0.45)
    passive = f0 * np.where(fiber < 1, 0, (np.exp(5.5 * (fiber - 1) / 0.3) - 1) / (np.exp(5.5) - 1))
    if velocity is not None:
        v = velocity * 0.1 / reference * lm
        slow = np.where(v <= 0, (1 + v) / (1 - v / 0.25), (1 + v * 1.6 / 0.06) / (1 + v / 0.06))
        active = active * np.where(v <= -1, 0, slow)
    return active, passive


@pytest.mark.parametrize("moving", [False, True])
def test_forces_equal_their_plain_twins(moving):
    rng, n = np.random.default_rng(0), 400
    f0, lm, lt = rng.uniform(100, 2000, n), rng.uniform(0.5, 1.0, n), rng.uniform(0.0, 0.4, n)
    reference, velocity = rng.uniform(0.05, 0.5, n), rng.normal(0.0, 3.0, n)
    length = reference * rng.uniform(0.6, 1.4, n)
    active, passive = np.zeros((2, n))
    muscle_forces(f0, lm, lt, reference, length, velocity if moving else velocity[:0], active, passive)
    plain = plain_forces(f0, lm, lt, reference, length, velocity if moving else None)
    assert active == pytest.approx(plain[0], rel=1e-12, abs=1e-12)
    assert passive == pytest.approx(plain[1], rel=1e-12, abs=1e-10)
    assert (passive > 0).any() and (passive == 0).any()


@pytest.mark.parametrize("moving", [False, True])
def test_mujocos_forces_are_those_of_mujoco(moving):
    rng, n = np.random.default_rng(0), 200
    f0, lm, lt = rng.uniform(100, 2000, n), rng.uniform(0.5, 1.0, n), rng.uniform(0.0, 0.4, n)
    reference, velocity = rng.uniform(0.05, 0.5, n), rng.normal(0.0, 0.2, n)
    length = reference * rng.uniform(0.6, 1.4, n)
    active, passive = np.zeros((2, n))
    curves = np.array([0.0, 1.0, 1.0, 1.0, LMIN, LMAX, 1.5, passive_peak(), 1.2])
    speed = velocity if moving else velocity[:0]
    mujoco_muscle_forces(f0, lm, lt, reference, curves, length, speed, active, passive)
    for m in range(n):
        ends = reference[m] * np.array([lt[m], lt[m] + lm[m]])
        v = velocity[m] if moving else 0.0
        gain = mujoco.mju_muscleGain(length[m], v, ends, 1.0, curves)
        assert active[m] == pytest.approx(-f0[m] * gain, rel=1e-12)
        assert passive[m] == pytest.approx(
            -f0[m] * mujoco.mju_muscleBias(length[m], ends, 1.0, curves), rel=1e-12
        )
    assert (passive > 0).any() and (passive == 0).any()


def test_mujocos_curves_are_near_those_of_mass(small):
    worlds = [build(small, 1, actuator="muscle", muscle_model=name) for name in ("mass", "mujoco")]
    accelerations = []
    for world in worlds:
        stand(world, height=1.0)
        world.set_targets(np.full((1, 6), 0.4))
        world.step()
        accelerations.append(world.qvel[0].copy())
    difference = np.abs(accelerations[0] - accelerations[1]).max()
    assert 0.0 < difference < 0.1 * np.abs(accelerations[0]).max()


def test_the_exponential_is_that_of_libm_to_the_last_bits():
    x = np.concatenate([np.linspace(-700, 700, 20001), np.linspace(-3, 3, 20001)])
    assert np.array([exponential(v) for v in x]) == pytest.approx(np.exp(x), rel=3e-16, abs=0)
    assert math.isnan(exponential(math.nan))
    assert exponential(-1e300) == exponential(-700.0) > 0.0


def test_curves_pass_through_what_the_model_says():
    assert force_length(1.0) == 1.0
    assert passive_force(1.0) == 0.0 and passive_force(0.99) == 0.0
    assert passive_force(1.3) == pytest.approx(1.0, rel=1e-14)
    assert force_velocity(0.0) == 1.0 and force_velocity(-1.0) == 0.0
    assert force_velocity(1e9) == pytest.approx(1.6, rel=1e-6)
