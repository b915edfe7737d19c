"""DeviceEnv: worlds that stay on a device with their targets, terms and results."""

import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from batchenv import inputs, rng
from batchenv.build import blaming, build_scene, on_warp
from batchenv.calls import Calls
from batchenv.config import Config, load_config
from batchenv.described import Described
from batchenv.device_state import DeviceState, writable_tensors
from batchenv.engine.callback import callbacks
from batchenv.engine.warp.device_worlds import crowded
from batchenv.engine.warp.tensor_worlds import TensorWorlds
from batchenv.errors import ConfigError, InputError, UsageError
from batchenv.mdp.terms import check_finite, code_run_once
from batchenv.rng import Streams
from batchenv.snapshot import EnvSnapshot, check_snapshot, identity
from batchenv.tasks.on_device import DeviceTask

_log = logging.getLogger(__name__)

Tensor = torch.Tensor
# Bits of the byte of each world that the host reads after a step.
_DONE, _FAILED, _CROWDED, _UNFOUNDED, _NO_REWARD = 1, 2, 4, 8, 16
# As of `BatchEnv`: positions and velocities of a walker that has not diverged are far below.
_ORDINARY = 1e6


class DeviceEnv(Described):
    """N worlds of one walking human, stepped together on a device: all results are Torch tensors there.

    The same worlds as those of `BatchEnv` with the engine warp, which keeps state and terms on the host. Here
    state, targets, rewards, terminations and observations stay on the device; after a step the host reads one
    byte of each world, draws the first states of the episodes that begin, from the same streams as
    `BatchEnv`, and uploads those. A world whose episode ends is reset within the same step. Results are new
    tensors in every call.

    Args:
        config: YAML text, a path, the name of a preset, or a `Config`; its engine must be warp.
        num_envs: number of worlds N.
        seed: seed of all random draws; by default one from the operating system, stored in `seed`.
        device: "cpu" or "cuda"; by default a GPU if there is one.
        data_root, first_world, trust: as of `BatchEnv`.

    Raises:
        ConfigError: the configuration is invalid, or names code and is not trusted.
        UsageError: it asks for what the engine warp does not support; names all of it.
        HostOnlyError: it asks for what a `BatchEnv` with that engine computes on the host; names all of it.

    Attributes:
        num_envs, obs_dim, action_dim: sizes.
        config, body, worlds, task: as of `BatchEnv`; arrays of the worlds are tensors.
        device: Torch's device of all tensors.
        final_obs: where `dones` is true, last observation of the episode that ended (N, obs_dim).
        terminated, truncated: whether an episode ended early or by time (N,) bool; diverged: whether the
            physics failed.
        episode_returns, episode_lengths: where `dones` is true, return and number of steps of the episode
            that ended (N,).
        reward_terms: unweighted values of the last step, (N,) for each term.
        failures: number of episodes that ended because their world diverged.
    """

    def __init__(
        self,
        config: Config | str | Path,
        num_envs: int,
        seed: int | None = None,
        *,
        device: Literal["cpu", "cuda"] | None = None,
        data_root: str | Path | None = None,
        first_world: int = 0,
        trust: bool = True,
    ):
        self.num_envs = num_envs = inputs.checked_whole_number("num_envs", num_envs, 1)
        inputs.check_memory(num_envs)
        self.first_world = inputs.checked_whole_number("first_world", first_world, 0, 2**62)
        if device is not None:
            inputs.check_choice("device", device, ("cpu", "cuda"))
        self.seed = rng.checked_seed(seed)
        with code_run_once():
            self.config = load_config(config, data_root, trust=trust)
            if not on_warp(self.config):
                raise UsageError("DeviceEnv needs environment.simulation.engine warp; numba is for BatchEnv")
            scene = build_scene(self.config, num_envs, None, self.seed, device, tensors=True)
        self._calls = Calls("this DeviceEnv")
        self.body, self.task = scene.body, scene.task
        worlds: Any = scene.worlds
        self.worlds: TensorWorlds[Any] = worlds
        self.device = self.worlds.torch_device
        with blaming(type(self.task)):
            self._terms = DeviceTask(self.task, self.worlds)
        self.obs_dim, self.action_dim = len(self.task.obs_layout), len(self.task.action_layout)
        self.failures, self._whole, self._closed = 0, False, False
        self._identity = identity(self.config, "same_step", self.worlds.model.signature)
        held = DeviceState(self.task, self.worlds, Streams.of(self.seed, num_envs, self.first_world))
        self._held, self._stepped = held, held.stepped
        self._episodes, self._state, self._commands = held.episodes, held.task_state, held.commands
        self._obs = torch.zeros((num_envs, self.obs_dim), device=self.device)
        self.final_obs = self._obs
        self._rows = torch.zeros((len(self.task.reward_names), num_envs), device=self.device)
        self.terminated = self.truncated = self.diverged = torch.zeros_like(self.worlds.failed)
        self.episode_returns = torch.zeros(num_envs, device=self.device)
        self.episode_lengths = self._stepped.step.clone()

    @property
    def reward_terms(self) -> dict[str, Tensor]:
        """Unweighted values of the last step, (N,) for each term."""
        return dict(zip(self.task.reward_names, self._rows, strict=True))

    @property
    def episode_steps(self) -> Tensor:
        """Control steps of each world's episode so far (N,), a copy."""
        return self._stepped.step.clone()

    def reset(
        self, seed: int | Sequence[int | None] | None = None, mask: NDArray[np.bool_] | Tensor | None = None
    ) -> Tensor:
        """Begin a new episode; see `BatchEnv.reset`.

        Args:
            seed: seed that restarts the random streams of these worlds.
            mask: worlds to reset (N,) bool; by default all.

        Returns:
            Observations (N, obs_dim).

        Raises:
            InputError: a seed or the mask is invalid; no world is reset.
            UsageError: after `close`, or some worlds were never reset and are not in the mask.
        """
        with self._calls, writable_tensors():
            self._check_open()
            ids = inputs.masked_ids(mask, self.num_envs)
            streams = None if seed is None else Streams.of(seed, self.num_envs, self.first_world)
            if len(ids) < self.num_envs:
                self._check_whole()
            callbacks().install()
            self._whole = False
            if streams is not None:
                self._episodes.seed_worlds(streams, ids)
                if streams.one is not None and mask is None:
                    self.seed = streams.one
            self._obs = self._begun(ids, self._obs)
            if not bool(self._obs.isfinite().all()):
                row, column = (int(place) for place in torch.argwhere(~self._obs.isfinite())[0])
                raise ConfigError(
                    f"world {row} begins with {float(self._obs[row, column])} for "
                    f"{self.obs_layout[column].name}: what the configuration asks for is too large, or no "
                    "number"
                )
            self._whole = True
            return self._obs

    def step(self, actions: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Advance every world by one control step.

        Args:
            actions: (N, action_dim), finite; columns as in `action_layout`. A tensor on the device is not
                copied to the host.

        Returns:
            Observations (N, obs_dim), rewards (N,), and whether the episode ended (N,).

        Raises:
            InputError: the actions have a wrong shape, or are not finite numbers; no world has moved.
            UsageError: before `reset` or after `close`; no world has moved.
        """
        with self._calls, writable_tensors():
            self._check_whole()
            actions = self._checked(actions)
            self._whole = False
            with blaming(type(self.task)):
                result = self._advance(actions)
            self._whole = True
            return result

    def set_episode_steps(self, steps: Any) -> None:
        """Set the number of steps that each episode has lasted; see `BatchEnv.set_episode_steps`."""
        with self._calls:
            self._check_whole()
            checked = inputs.checked_steps(steps, self.num_envs, self.max_episode_steps)
            self._stepped.step.copy_(self.worlds.tensor(checked))

    def snapshot(self) -> EnvSnapshot:
        """Copy all state to the host, for `restore`."""
        with self._calls:
            self._check_whole()
            return self._snapshot()

    def restore(self, snapshot: EnvSnapshot) -> Tensor:
        """Restore all worlds from a snapshot; subsequent steps repeat the same bits on the CPU device.

        Returns:
            The observations at that moment (N, obs_dim).

        Raises:
            InputError: the snapshot belongs to another configuration; nothing is changed.
            UsageError: after `close`.
        """
        with self._calls, writable_tensors():
            self._check_open()
            check_snapshot(snapshot, self._snapshot())
            self.worlds.check_snapshot(snapshot.worlds)
            self._whole = False
            self.worlds.restore(snapshot.worlds)
            self._held.restore(snapshot)
            self.seed, self._obs = int(snapshot.seed), self.worlds.tensor(snapshot.obs)
            self._whole = not (self._episodes.number < 0).any()
            return self._obs

    def close(self) -> None:
        """Let no further call begin; memory is freed with the last reference."""
        self._closed = True

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise UsageError(
            "a DeviceEnv lives on its device, and can be neither copied nor pickled: build another one from "
            "env.config, and restore env.snapshot() in it"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _advance(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A step under actions (N, A) that were checked."""
        episodes = self._stepped
        episodes.previous_action.copy_(episodes.action)
        episodes.action.copy_(actions)
        self.worlds.set_targets(*self._terms.targets(self._held.batch))
        self.worlds.step()
        self._terms.advance(self._held.batch)
        episodes.step += 1
        rewards, dones, flags = self._judged()
        told = flags.cpu().numpy()  # no other result goes to the host
        self._check(told, rewards)
        ended = np.flatnonzero(told & _DONE)
        if ended.size:
            self._end(np.flatnonzero(told & _FAILED))
            self._obs = self._begun(ended, self._obs)
        return self._obs, rewards, dones

    def _judged(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rewards, ends, and what the host must know; a failed world keeps its last good observation."""
        worlds, episodes = self.worlds, self._stepped
        quantities = self._terms.quantities(self._held.batch)
        seen = self._terms.observations(quantities)
        known = seen.isfinite().all(dim=1)
        unfounded = ~known & ~worlds.failed & self._ordinary()
        failed = worlds.failed | ~known
        self._rows, rewards = self._terms.rewards(quantities)
        terminated = self._terms.terminations(quantities) | failed
        worlds.fail(~known)
        self._rows = torch.where(failed, 0.0, self._rows)
        rewards = torch.where(failed, 0.0, rewards)
        episodes.reward_sum += rewards
        truncated = (episodes.step >= self.max_episode_steps) & ~terminated
        dones = terminated | truncated
        self._obs = torch.where(failed[:, None], self._obs, seen)
        self.terminated, self.truncated, self.diverged = terminated, truncated, failed
        flags = dones * _DONE + failed * _FAILED + worlds.crowded * _CROWDED + unfounded * _UNFOUNDED
        flags += ~rewards.isfinite() * _NO_REWARD
        return rewards, dones, flags.to(torch.uint8)

    def _ordinary(self) -> Tensor:
        """Whether the state of each world is none of a walker that diverged (N,) bool."""
        return (self.worlds.qpos.abs() < _ORDINARY).all(dim=1) & (self.worlds.qvel.abs() < _ORDINARY).all(
            dim=1
        )

    def _check(self, told: np.ndarray, rewards: Tensor) -> None:
        """Raise an error where terms are not finite, or contacts were lost.

        Raises:
            EngineError: some world has lost contacts.
            InputError: an observation or a reward is not finite, and the physics is not at fault.
        """
        if not (told >= _CROWDED).any():
            return
        if (told & _CROWDED).any():
            raise crowded()
        check_finite(rewards.cpu().numpy(), self._rows.cpu().numpy(), self.task.reward_names)
        world = int(np.flatnonzero(told & _UNFOUNDED)[0])
        raise InputError(
            f"an observation is not finite in world {world}, whose physics is sound; expected finite numbers "
            "that float32 can hold"
        )

    def _end(self, failed: np.ndarray) -> None:
        """Record how episodes ended, in those worlds that failed (n,) and in others."""
        if failed.size:
            self.failures += failed.size
            _log.warning("the physics of %d world(s) diverged, first world %d", failed.size, failed[0])
        self.final_obs = self._obs
        self.episode_returns = self._stepped.reward_sum.float()
        self.episode_lengths = self._stepped.step.clone()

    def _begun(self, ids: np.ndarray, obs: Tensor) -> Tensor:
        """Begin episodes in worlds (n,), and return the observations of all, theirs new."""
        rows = self._held.begin(ids)
        obs = obs.clone()
        obs[rows] = self._terms.observations(self._terms.quantities(self._held.batch, rows))
        return obs

    def _checked(self, actions: Any) -> Tensor:
        """Actions (N, A) as a tensor on the device."""
        if not isinstance(actions, Tensor) or actions.is_complex() or actions.is_meta or actions.is_sparse:
            return self.worlds.tensor(inputs.checked_actions(actions, self.num_envs, self.action_layout))
        shape = (self.num_envs, self.action_dim)
        if actions.shape != shape:
            raise InputError(
                f"actions have shape {(*actions.shape,)}, expected (num_envs, action_dim) = {shape}"
            )
        actions = actions.detach().to(self.device, torch.float64)
        if not bool((actions.abs() <= inputs.LARGEST_ACTION).all()):  # not-a-number is not, either
            inputs.checked_actions(actions, self.num_envs, self.action_layout)
        return actions

    def _snapshot(self) -> EnvSnapshot:
        return EnvSnapshot(
            self.worlds.snapshot(),
            *self._held.snapshot(),
            self.seed,
            self._obs.cpu().numpy().copy(),
            self._identity,
        )

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this DeviceEnv is closed: build a new one")

    def _check_whole(self) -> None:
        self._check_open()
        if not self._whole:
            raise UsageError(
                "worlds wait for a reset: this DeviceEnv was never reset, or its last call was cut short; "
                "call env.reset()"
            )
