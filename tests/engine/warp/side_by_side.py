"""Environments that take the same steps, on whatever engine and device."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from batchenv import BatchEnv, load_config

WORLDS, STEPS = 4, 3
CHANGES = {"environment.termination.terms.tilted.max_tilt": 0.03}  # some worlds fall over it, others do not
# Static optimisation and a muscle network, without what the engine warp refuses.
PRESETS = {"walk": {}, "walk_muscle_nn": {"environment.muscle.network.keep_samples": False}}


@dataclass
class Run:
    """What an environment did: states at the end of every substep, and results of every step."""

    first: np.ndarray
    qpos: list[np.ndarray] = field(default_factory=list)
    qvel: list[np.ndarray] = field(default_factory=list)
    act: list[np.ndarray] = field(default_factory=list)
    activation: list[np.ndarray] = field(default_factory=list)
    obs: list[np.ndarray] = field(default_factory=list)
    rewards: list[np.ndarray] = field(default_factory=list)
    terminated: list[np.ndarray] = field(default_factory=list)
    truncated: list[np.ndarray] = field(default_factory=list)
    starts: list[np.ndarray] = field(default_factory=list)


def run(env: BatchEnv, fall: float = 0.0, states: Run | None = None) -> Run:
    """Three steps, under the same actions for any environment; the time of one world is over after two.

    Args:
        env: begins in its first states.
        fall: speed downwards that is added to those [m/s].
        states: of another run, from which every substep begins instead of from its own.
    """
    found, worlds, rng = Run(env.reset(seed=0).copy()), env.worlds, np.random.default_rng(1)
    worlds.qvel[:, 2] -= fall
    arrays = {name: getattr(worlds, name) for name in ("qpos", "qvel", "act")}
    arrays["activation"] = worlds.slot("activation")
    env.set_episode_steps([0, 0, env.max_episode_steps - 2, 0])

    def watch() -> None:
        for name, now in arrays.items():
            log = getattr(found, name)
            log.append(now.copy())
            if states is not None:
                now[:] = getattr(states, name)[len(log) - 1]

    for _ in range(STEPS):
        obs, rewards, dones = env.step(rng.normal(0.0, 0.3, (WORLDS, env.action_dim)), watch)
        found.obs.append(obs.copy())
        found.rewards.append(rewards.copy())
        found.terminated.append(env.terminated.copy())
        found.truncated.append(env.truncated.copy())
        found.starts.append(worlds.qpos[dones].copy())
    return found


def run_both(preset: str, device: Literal["cpu", "cuda"]) -> tuple[Run, Run]:
    """Runs of one of `PRESETS` with the engine numba, and with warp on a device."""
    config = load_config(preset).replace(CHANGES | PRESETS[preset])
    on_warp = config.replace({"environment.simulation.engine": "warp"})
    with (
        BatchEnv(config, WORLDS, 1, seed=0) as numba,
        BatchEnv(on_warp, WORLDS, seed=0, device=device) as warp,
    ):
        return run(numba), run(warp)


def check_states(numba: Run, warp: Run) -> None:
    """States and activations stay together for thirty substeps."""
    assert len(numba.qpos) == len(warp.qpos) == 30
    np.testing.assert_allclose(warp.qpos, numba.qpos, rtol=0, atol=1e-5)
    np.testing.assert_allclose(warp.act, numba.act, rtol=0, atol=1e-4)
    np.testing.assert_allclose(warp.activation, numba.activation, rtol=0, atol=1e-4)


def check_results(numba: Run, warp: Run) -> None:
    """Rewards, ends and resets are the same."""
    assert np.array_equal(warp.first, numba.first)  # drawn from the same streams, on the host
    np.testing.assert_allclose(warp.rewards, numba.rewards, rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        warp.obs, numba.obs, rtol=0, atol=1e-3
    )  # velocities [rad/s] and loads among them
    assert np.array_equal(warp.terminated, numba.terminated)
    assert np.array_equal(warp.truncated, numba.truncated)
    assert np.sum(numba.terminated) > 0 and np.sum(numba.truncated) == 1
    for ours, theirs in zip(warp.starts, numba.starts, strict=True):
        assert np.array_equal(ours, theirs)
