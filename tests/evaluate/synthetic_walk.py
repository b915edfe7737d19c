"""A walk made of published human data: angles of BioCV, vertical force of Schwartz, muscles on and off."""

from typing import Any

import numpy as np

from batchenv.body.ground_reaction import SCHWARTZ_BW, SCHWARTZ_PERCENT, pchip
from batchenv.evaluate.human import (
    JOINTS,
    Band,
    human_angles,
    human_muscles,
)
from batchenv.evaluate.recording import Recording, from_arrays

PERIOD, SPEED, MASS = 1.08, 1.24, 75.0  # [s], [m/s], [kg]
STANCE = SCHWARTZ_PERCENT[-1] / 100
HALF_WIDTH = 0.06  # lateral distance of a foot from the line of travel [m]
PEAK_FORCE, OPTIMAL_LENGTH = 2000.0, 0.08  # of every muscle [N], [m]


def over_cycle(curve: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Return a curve (101,) at `phase` (T,), wrapped around."""
    return np.interp(100 * (phase % 1.0), np.arange(101.0), curve)


def vertical_force(phase: np.ndarray) -> np.ndarray:
    """Return Schwartz's force [body weights] at `phase` (T,)."""
    percent = 100 * (phase % 1.0)
    return np.where(percent < 100 * STANCE, pchip(SCHWARTZ_PERCENT, SCHWARTZ_BW, percent), 0.0)


def foot_forward(strides: np.ndarray, stride_length: float) -> np.ndarray:
    """Return where a foot is [m] that stands until foot off and swings evenly to the next place."""
    swing = np.clip((strides % 1.0 - STANCE) / (1 - STANCE), 0.0, 1.0)
    return stride_length * (np.floor(strides) + swing)


def episode_arrays(
    seconds: float, dt: float, bands: dict[str, Band], noise: float, seed: int
) -> dict[str, Any]:
    """Return the per-sample arrays of one episode, without `episode`."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds / dt)) * dt
    ahead = np.array([0.9, 0.4])  # of the right and the left leg at the start [cycles]
    strides = time[:, None] / PERIOD + ahead
    stride_length = SPEED * PERIOD
    grf = np.zeros((len(time), 2, 3))
    foot_pos = np.zeros((len(time), 2, 3))
    joint_pos, activation = [], []
    for side in (0, 1):
        phase = strides[:, side]
        grf[:, side, 2] = MASS * 9.81 * vertical_force(phase)
        inside = phase % 1.0 < STANCE
        grf[:, side, 0] = np.where(
            inside, -0.18 * MASS * 9.81 * np.sin(2 * np.pi * (phase % 1.0) / STANCE), 0.0
        )
        foot_pos[:, side, 0] = foot_forward(phase, stride_length) - ahead[side] * stride_length
        foot_pos[:, side, 1] = HALF_WIDTH * (2 * side - 1)
        offset = noise * rng.standard_normal(len(bands))
        joint_pos += [
            np.deg2rad(over_cycle(b.mean, phase) + e) for b, e in zip(bands.values(), offset, strict=True)
        ]
        for timing in human_muscles():
            activation += [0.02 + 0.3 * over_cycle(timing.on.astype(float), phase)] * len(timing.muscles)
    activation = np.stack(activation, axis=1)
    wave = 2 * np.pi * strides[:, :1] + np.linspace(0, 6, activation.shape[1])
    return {
        "time": time,
        "joint_pos": np.stack(joint_pos, axis=1),
        "joint_torque": 20 * np.sin(2 * np.pi * np.repeat(strides, 3, axis=1)),
        "grf": grf,
        "foot_pos": foot_pos,
        "root_pos": np.stack([SPEED * time, np.zeros(len(time)), np.full(len(time), 0.95)], axis=1),
        "activation": activation,
        "muscle_force": PEAK_FORCE * activation,
        "fiber_length": 1 + 0.1 * np.sin(wave),
        "fiber_velocity": 0.1 * 2 * np.pi / PERIOD * np.cos(wave),
    }


def constants() -> dict[str, Any]:
    """Return the arrays that do not change over time."""
    muscles = [m for timing in human_muscles() for m in timing.muscles]
    names = tuple(f"{muscle}_{side}" for side in "rl" for muscle in muscles)
    return {
        "mass": MASS,
        "joint_names": tuple(f"{joint}_{side}" for side in "rl" for joint in JOINTS.values()),
        "muscle_names": names,
        "muscle_peak_force": np.full(len(names), PEAK_FORCE),
        "optimal_fiber_length": np.full(len(names), OPTIMAL_LENGTH),
    }


def human_walk(
    episodes: int = 1, seconds: float = 8.0, dt: float = 0.005, noise: float = 0.0, **changes: Any
) -> Recording:
    """Return a recording of a human walk.

    Args:
        episodes: how many.
        seconds: length of each [s].
        dt: [s].
        noise: standard deviation of a constant error of each joint angle in each episode [deg].
        changes: arrays of the recording to replace; None leaves one out.
    """
    parts = [episode_arrays(seconds, dt, human_angles(), noise, seed) for seed in range(episodes)]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    arrays |= {"dt": dt, "ended": ("completed",) * episodes, **constants()}
    arrays["episode"] = np.repeat(np.arange(episodes), len(parts[0]["time"]))
    arrays |= changes
    return from_arrays({name: value for name, value in arrays.items() if value is not None})


def falling_walk(seconds: float = 0.8, dt: float = 0.005) -> Recording:
    """Return a walk that falls before its second stride: not one gait cycle."""
    return human_walk(episodes=2, seconds=seconds, dt=dt, ended=("fell", "fell"))
