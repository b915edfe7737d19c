import numpy as np
import pytest

from batchenv.evaluate.gait_cycles import PERCENT, find_cycles
from batchenv.evaluate.kinetics import grf_cycles, grf_measures, joint_moment_cycles, joint_power_cycles
from tests.evaluate.synthetic_walk import MASS, PERIOD, STANCE, human_walk


def test_human_ground_reaction_has_the_published_peaks_and_valley():
    walk = human_walk()
    cycles = find_cycles(walk)
    force = grf_cycles(walk, cycles)
    found = grf_measures(force["vertical"], force["fore_aft"], cycles)
    # Cycles start up to 1 % late, and the peaks are flat there.
    assert (found["peak1_bw"], found["valley_bw"], found["peak2_bw"]) == pytest.approx(
        (1.10, 0.79, 1.08), abs=5e-3
    )
    timing = (found["peak1_percent"], found["valley_percent"], found["peak2_percent"])
    assert timing == pytest.approx((14, 28, 46), abs=1)
    assert found["r"] > 0.99


def test_impulses_are_those_of_a_sine_by_hand():
    walk = human_walk(dt=0.002)
    cycles = find_cycles(walk)
    force = grf_cycles(walk, cycles)
    found = grf_measures(force["vertical"], force["fore_aft"], cycles)
    half_wave = 0.18 * STANCE * PERIOD / np.pi  # integral of one half of 0.18 sin(2 pi t / (STANCE PERIOD))
    # The trapezoid over 101 points and the start of the cycle cost less than 1 %.
    assert found["braking_bw_s"] == pytest.approx(-half_wave, rel=0.01)
    assert found["propulsive_bw_s"] == pytest.approx(half_wave, rel=0.01)


def test_impact_spike_is_seen_and_is_not_the_first_peak():
    walk = human_walk()
    cycles = find_cycles(walk)
    vertical = grf_cycles(walk, cycles)["vertical"]
    spiked = vertical + 1.2 * np.exp(-((PERCENT - 4) ** 2) / 2)
    found = grf_measures(spiked, np.zeros_like(spiked), cycles)
    assert found["spike_bw"] > 1.5
    assert found["peak1_bw"] == pytest.approx(1.10, abs=5e-3)


def test_single_hump_has_no_valley():
    cycles = find_cycles(human_walk())
    hump = np.tile(np.where(PERCENT < 59, np.sin(np.pi * PERCENT / 59), 0.0), (len(cycles), 1))
    found = grf_measures(hump, np.zeros_like(hump), cycles)
    assert found["valley_bw"] == pytest.approx(min(found["peak1_bw"], found["peak2_bw"]))
    assert found["valley_bw"] > 0.95


def test_lateral_force_is_medial_positive_on_either_foot():
    walk = human_walk()
    grf = walk.grf.copy()
    grf[:, 0, 1] = grf[:, 0, 2] * 0.05  # the right foot is pushed to the left
    grf[:, 1, 1] = -grf[:, 1, 2] * 0.05
    pushed = human_walk(grf=grf)
    cycles = find_cycles(pushed)
    force = grf_cycles(pushed, cycles)
    assert force["lateral"] == pytest.approx(0.05 * force["vertical"], abs=1e-12)


def test_moment_is_extension_positive_per_kilogram_and_power_is_torque_times_velocity():
    walk = human_walk()
    torque, velocity = np.full_like(walk.joint_pos, -30.0), np.full_like(walk.joint_pos, -2.0)
    walk = human_walk(joint_torque=torque, joint_vel=velocity)
    cycles = find_cycles(walk)
    for joint in ("hip", "knee", "ankle"):
        assert joint_moment_cycles(walk, cycles)[joint] == pytest.approx(30.0 / MASS)
        assert joint_power_cycles(walk, cycles)[joint] == pytest.approx(60.0 / MASS)
