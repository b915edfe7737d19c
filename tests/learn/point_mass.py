"""A small real environment with the interface of BatchEnv: point masses that must not leave a disc."""

from dataclasses import dataclass
from typing import Any

import numpy as np

_DT = 0.1
_RADIUS = 1.5


@dataclass(frozen=True)
class Column:
    name: str
    unit: str
    term: str = "state"


@dataclass(frozen=True)
class Mirror:
    index: np.ndarray
    sign: np.ndarray


@dataclass(frozen=True)
class Snapshot:
    position: np.ndarray
    velocity: np.ndarray
    length: np.ndarray
    returned: np.ndarray
    random: dict[str, Any]


class PointMass:
    """N unit masses in a plane, pushed by forces (N, 2), pulled outwards by an unstable spring.

    The same buffers are returned at every call, as BatchEnv does. Mirroring swaps the sign of y.
    """

    obs_layout = tuple(
        Column(*column)
        for column in (("x", "m", "place"), ("y", "m", "place"), ("vx", "m/s", "way"), ("vy", "m/s", "way"))
    )
    action_layout = (Column("fx", "N"), Column("fy", "N"))
    mirror_obs = Mirror(np.arange(4), np.array([1.0, -1.0, 1.0, -1.0]))
    mirror_action = Mirror(np.arange(2), np.array([1.0, -1.0]))
    asymmetry = None
    max_episode_steps = 50
    control_dt = _DT
    obs_dim = 4
    action_dim = 2

    def __init__(self, num_envs: int):
        self.num_envs = num_envs
        self._obs = np.zeros((num_envs, 4), np.float32)
        self._position, self._velocity = self._obs[:, :2], self._obs[:, 2:]
        self._length, self._returned = np.zeros(num_envs, np.int64), np.zeros(num_envs)
        self._rewards, self._dones = np.zeros(num_envs, np.float32), np.zeros(num_envs, bool)
        self.final_obs = np.zeros_like(self._obs)
        self.terminated, self.truncated = np.zeros(num_envs, bool), np.zeros(num_envs, bool)
        self.episode_returns, self.episode_lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self.reward_terms = {"near": np.zeros(num_envs, np.float32)}
        self._random = np.random.default_rng(0)

    def reset(self, seed: int | None = None) -> np.ndarray:
        if seed is not None:
            self._random = np.random.default_rng(seed)
        self._begin(np.arange(self.num_envs))
        return self._obs

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self._velocity += _DT * (5.0 * np.clip(actions, -1.0, 1.0) + 2.0 * self._position)
        self._position += _DT * self._velocity
        distance = np.linalg.norm(self._position, axis=1)
        self._length += 1
        self._rewards[:] = self.reward_terms["near"][:] = np.exp(-4.0 * distance**2)
        self._returned += self._rewards
        self.terminated[:] = distance > _RADIUS
        self.truncated[:] = ~self.terminated & (self._length >= self.max_episode_steps)
        self._dones[:] = self.terminated | self.truncated
        ended = np.flatnonzero(self._dones)
        self.final_obs[ended] = self._obs[ended]
        self.episode_returns[ended], self.episode_lengths[ended] = self._returned[ended], self._length[ended]
        self._begin(ended)
        return self._obs, self._rewards, self._dones

    @property
    def episode_steps(self) -> np.ndarray:
        return self._length.copy()

    def set_episode_steps(self, steps: np.ndarray) -> None:
        self._length[:] = steps

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self._position.copy(),
            self._velocity.copy(),
            self._length.copy(),
            self._returned.copy(),
            dict(self._random.bit_generator.state),
        )

    def restore(self, snapshot: Snapshot) -> np.ndarray:
        self._position[:], self._velocity[:] = snapshot.position, snapshot.velocity
        self._length[:], self._returned[:] = snapshot.length, snapshot.returned
        self._random.bit_generator.state = snapshot.random
        return self._obs

    def _begin(self, ids: np.ndarray) -> None:
        self._position[ids] = self._random.uniform(-0.8, 0.8, (len(ids), 2))
        self._velocity[ids] = self._random.uniform(-0.5, 0.5, (len(ids), 2))
        self._length[ids], self._returned[ids] = 0, 0.0
