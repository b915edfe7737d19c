"""BatchEnv: N muscle-driven humans behind one call."""

import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from batchenv import random
from batchenv.body.gait_cycle import load_gait_cycle
from batchenv.config import Config, load_config
from batchenv.engine import MuscleTuples, Snapshot, Worlds
from batchenv.engine.configured import control_law, load_configured_body
from batchenv.engine.coordinator import NetworkCoordinator
from batchenv.errors import InputError, UsageError
from batchenv.mdp.observations import Column, Mirror
from batchenv.mdp.task import TaskState, WalkingTask

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EnvSnapshot:
    """State of a BatchEnv: of its worlds, its task, and its seed."""

    worlds: Snapshot
    task: TaskState
    seed: int
    obs: np.ndarray


class BatchEnv:
    """N independent worlds of one walking human, stepped together.

    Results are the same float32 buffers at every call, overwritten by the next: copy what must last, or set
    `copy`. A world that ends is reset within the step that ended it: its row of the observations is then the
    first of its next episode, and `final_obs`, `terminated`, `truncated`, `episode_returns` and
    `episode_lengths` tell, in the rows where `dones`, how the old one ended. The same seed and actions give
    the same bits at any number of threads and of worlds.

    Args:
        config: YAML text, a path, the name of a preset, or a `Config`.
        num_envs: N.
        num_threads: threads that step the worlds; by default the CPUs that this process may use.
        seed: of all random draws; by default one from the operating system, found in `seed`.
        copy: return new arrays instead of the same buffers.
        data_root: where `@data/` files are looked for after the package's own.

    Raises:
        ConfigError: the configuration cannot be meant.
        BodyError: the body lacks what the task needs.

    Attributes:
        num_envs, num_threads, obs_dim, action_dim: sizes.
        config: resolved.
        body, worlds: what moves, and the engine that moves it.
        obs_layout, action_layout: name and unit of every column.
        single_observation_space, single_action_space: of one world, as Gymnasium has them.
        mirror_obs, mirror_action: images of the columns in the sagittal plane.
        control_dt: length of a step [s]; max_episode_steps: when episodes are truncated.
        final_obs: last observation of the episodes that ended (N, obs_dim).
        terminated, truncated: why they ended (N,) bool.
        episode_returns, episode_lengths: of the episodes that ended (N,).
        reward_terms: unweighted values of the last step, by term (N,) each.
        failures: number of episodes that ended because their world diverged.

    Example:
        >>> with BatchEnv("walk", num_envs=2, seed=0) as env:
        ...     obs = env.reset()
        ...     obs, rewards, dones = env.step(np.zeros((2, env.action_dim)))
        >>> obs.shape == (2, env.obs_dim), rewards.dtype
        (True, dtype('float32'))
    """

    def __init__(
        self,
        config: Config | str | Path,
        num_envs: int,
        num_threads: int | None = None,
        seed: int | None = None,
        *,
        copy: bool = False,
        data_root: str | Path | None = None,
    ):
        for name, value in (("num_envs", num_envs), ("num_threads", num_threads or 1)):
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
                raise InputError(f"{name} is {value!r}; expected a whole number of at least 1")
        self.seed = random.checked_seed(seed)
        self.config = config if isinstance(config, Config) else load_config(config, data_root)
        self.body = load_configured_body(self.config)
        motion = self.config.environment.motion
        gait = load_gait_cycle(
            self.config.resolve_path(motion.file), self.body, period=motion.period, speed=motion.speed
        )
        self.task = WalkingTask(self.config, self.body, gait)
        simulation = self.config.environment.simulation
        self.worlds = Worlds(
            self.body,
            control_law(self.config, self.body, self.seed),
            int(num_envs),
            simulation.sim_hz // simulation.control_hz,
            num_threads,
        )
        self.num_envs, self.num_threads = int(num_envs), self.worlds.num_threads
        self.obs_dim, self.action_dim = len(self.task.obs_layout), len(self.task.action_layout)
        self._has_tuples = self.worlds.coordinator is not None and self.worlds.coordinator.tuples is not None
        self.failures = 0
        self._copy, self._ready, self._closed = copy, False, False
        self._state = TaskState.zeros(self.num_envs, self.action_dim)
        self._obs = np.zeros((self.num_envs, self.obs_dim), np.float32)
        self._rewards = np.zeros(self.num_envs, np.float32)
        self._dones = np.zeros(self.num_envs, bool)
        self.final_obs = np.zeros_like(self._obs)
        self.terminated, self.truncated = np.zeros_like(self._dones), np.zeros_like(self._dones)
        self.episode_returns = np.zeros(self.num_envs, np.float32)
        self.episode_lengths = np.zeros(self.num_envs, np.int64)
        self._reward_rows = np.zeros((len(self.task.terms), self.num_envs), np.float32)
        self._reward_weights = np.array([[term.weight] for term in self.task.terms], np.float32)
        self.reward_terms = {t.name: row for t, row in zip(self.task.terms, self._reward_rows, strict=True)}

    @property
    def obs_layout(self) -> tuple[Column, ...]:
        """Name and unit of every observation column (obs_dim,)."""
        return self.task.obs_layout

    @property
    def action_layout(self) -> tuple[Column, ...]:
        """Name and unit of every action column (action_dim,)."""
        return self.task.action_layout

    @property
    def mirror_obs(self) -> Mirror:
        """Image of observations in the sagittal plane."""
        return self.task.mirror_obs

    @property
    def mirror_action(self) -> Mirror:
        """Image of actions in the sagittal plane."""
        return self.task.mirror_action

    @property
    def single_observation_space(self) -> Box:
        """Observations of one world (obs_dim,)."""
        return Box(-np.inf, np.inf, (self.obs_dim,), np.float32)

    @property
    def single_action_space(self) -> Box:
        """Actions of one world (action_dim,): excitations are cut to [0, 1], others are taken as they are."""
        low, high = (0.0, 1.0) if self.task.actuator == "muscle" else (-np.inf, np.inf)
        return Box(low, high, (self.action_dim,), np.float32)

    @property
    def control_dt(self) -> float:
        """Length of a step [s]."""
        return self.task.control_dt

    @property
    def max_episode_steps(self) -> int:
        """Steps after which an episode is truncated."""
        return self.task.max_episode_steps

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """Begin a new episode in every world.

        Args:
            seed: begin the streams of all worlds anew; None goes on with their next episodes.

        Returns:
            Observations (N, obs_dim).
        """
        self._check_open()
        if seed is not None:
            self.seed = random.checked_seed(seed)
            self._state.episode[:] = -1
        everyone = np.arange(self.num_envs)
        self._begin(everyone)
        self._ready = True
        return self._result(self._obs)

    def step(
        self, actions: Any, watch: Callable[[], None] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Advance every world by one control step.

        Args:
            actions: (N, action_dim), finite, of any real type and memory layout; columns as in
                `action_layout`.
            watch: called after every substep, before any world is reset; see `Worlds.step`. Results do not
                change.

        Returns:
            Observations (N, obs_dim), rewards (N,), and whether the episode ended (N,).

        Raises:
            InputError: actions of another shape, not numbers, or not finite; no world has moved.
            UsageError: before `reset` or after `close`.
        """
        self._check_open()
        if not self._ready:
            raise UsageError("step was called before reset: call env.reset() first")
        actions = self._checked_actions(actions)
        state = self._state
        state.previous_action[:], state.action[:] = state.action, actions
        self.worlds.set_targets(*self.task.targets(state))
        if self._has_tuples:
            self.worlds.choose_tuples(self.task.tuple_draws(state, self.seed))
        self.worlds.step(watch)
        self.task.advance(state)
        self._judge()
        ended = np.flatnonzero(self._dones)
        if ended.size:
            self._end(ended)
        return self._result(self._obs), self._result(self._rewards), self._result(self._dones)

    def snapshot(self) -> EnvSnapshot:
        """Copy all state, for `restore`."""
        self._check_open()
        return EnvSnapshot(self.worlds.snapshot(), self._state.copy(), self.seed, self._obs.copy())

    def restore(self, snapshot: EnvSnapshot) -> NDArray[np.float32]:
        """Put all worlds back into a snapshot; what follows has the bits it would have had.

        Returns:
            The observations at that moment (N, obs_dim).
        """
        self._check_open()
        self.worlds.restore(snapshot.worlds)
        self._state.assign(snapshot.task)
        self.seed, self._obs[:], self._ready = snapshot.seed, snapshot.obs, True
        return self._result(self._obs)

    def set_muscle_network(self, state_dict: Mapping[str, Any]) -> None:
        """Give all worlds new weights of the muscle network, from their next substep on.

        Args:
            state_dict: Torch tensors or arrays by the keys "fc.0.weight", "fc.0.bias", "fc.2.weight", ..., or
                "fc1.weight", "fc1.bias", "fc2.weight", ...; of a cascade, those of the correcting network.

        Raises:
            InputError: a key, shape, dtype or value is wrong; the old weights stay.
            UsageError: no muscle network coordinates.
        """
        self._networked().network.load(state_dict)

    def muscle_network(self) -> dict[str, NDArray[np.float32]]:
        """The weights that the worlds compute with: those last set, rounded to the kernel's 21 bits.

        They are settings, not state: `restore` leaves them as they are.
        """
        return self._networked().network.effective_state()

    def muscle_tuples(self) -> MuscleTuples:
        """What a muscle network can learn from: views of one problem of every world out of the last step.

        Each world draws the substep from its own stream, out of those in which the network runs.

        Raises:
            UsageError: `environment.muscle.network.tuples` is not set, or no network coordinates.
        """
        tuples = self._networked().tuples
        if tuples is None:
            raise UsageError("no muscle tuples are kept: set environment.muscle.network.tuples to true")
        return tuples

    def close(self) -> None:
        """Free the worlds; only `close` may be called after."""
        if not self._closed:
            self._closed = True
            del self.worlds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _judge(self) -> None:
        """Rewards, ends and observations after a step; a failed world keeps its last good observation."""
        failed = self.worlds.failed
        any_failed = bool(failed.any())
        kept = self._obs[failed] if any_failed else None
        # The rows of failed worlds are replaced below.
        with np.errstate(invalid="ignore", over="ignore") if any_failed else nullcontext():
            quantities = self.task.measure(self.worlds, self._state)
            for term, row in zip(self.task.terms, self._reward_rows, strict=True):
                row[:] = term(quantities)
            np.logical_or(self.task.terminated(quantities), failed, out=self.terminated)
            self.task.observe(quantities, self._obs)
        if any_failed:
            self._obs[failed], self._reward_rows[:, failed] = kept, 0.0
        self._rewards[:] = (self._reward_weights * self._reward_rows).sum(axis=0)
        self._state.episode_return += self._rewards
        np.greater(self._state.episode_step >= self.max_episode_steps, self.terminated, out=self.truncated)
        np.logical_or(self.terminated, self.truncated, out=self._dones)

    def _end(self, ids: np.ndarray) -> None:
        """Keep how episodes ended, and begin their worlds' next ones."""
        failed = ids[self.worlds.failed[ids]]
        if failed.size:
            self.failures += failed.size
            _log.warning("the physics of %d world(s) diverged, first world %d", failed.size, failed[0])
        self.final_obs[ids] = self._obs[ids]
        self.episode_returns[ids] = self._state.episode_return[ids]
        self.episode_lengths[ids] = self._state.episode_step[ids]
        self._begin(ids)

    def _begin(self, ids: np.ndarray) -> None:
        self.task.begin(self.worlds, self._state, ids, self.seed)
        first = np.empty((len(ids), self.obs_dim), np.float32)
        self._obs[ids] = self.task.observe(self.task.measure(self.worlds, self._state, ids), first)

    def _checked_actions(self, actions: Any) -> np.ndarray:
        array, expected = np.asarray(actions), (self.num_envs, self.action_dim)
        if array.shape != expected:
            raise InputError(
                f"actions have shape {array.shape}, expected (num_envs, action_dim) = {expected}"
            )
        if array.dtype.kind not in "fiub":
            raise InputError(f"actions have dtype {array.dtype}, expected real numbers")
        finite = np.isfinite(array)
        if not finite.all():
            world, column = np.argwhere(~finite)[0]
            raise InputError(
                f"actions hold {array[world, column]} for world {world}, "
                f"{self.action_layout[column].name} (column {column}); expected finite numbers"
            )
        return array

    def _networked(self) -> NetworkCoordinator:
        self._check_open()
        if self.worlds.coordinator is None:
            raise UsageError(
                "no muscle network coordinates here: set environment.muscle.coordinator to network, and "
                "environment.skeleton.actuator to mass"
            )
        return self.worlds.coordinator

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this BatchEnv is closed: build a new one")

    def _result(self, buffer: np.ndarray) -> np.ndarray:
        return buffer.copy() if self._copy else buffer
