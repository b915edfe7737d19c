"""Environments that take the same steps, on whatever engine and device."""

from dataclasses import dataclass, field

import numpy as np

from batchenv import BatchEnv

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
