"""BatchEnv: N muscle-driven humans behind one call."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from batchenv import inputs, rng
from batchenv.arrays import numpy_array
from batchenv.build import blaming, build_scene
from batchenv.calls import Calls
from batchenv.config import Config, load_config
from batchenv.described import Described
from batchenv.engine import MuscleSamples, Worlds
from batchenv.engine.callback import callbacks
from batchenv.engine.coordinators.shared_network import NetworkCoordinator
from batchenv.errors import ConfigError, InputError, UsageError
from batchenv.mdp.batch import Batch
from batchenv.mdp.episodes import SAMPLES, Episodes
from batchenv.mdp.state import check_state
from batchenv.mdp.task import Task
from batchenv.mdp.terms import check_finite, code_run_once
from batchenv.rng import Streams
from batchenv.snapshot import EnvSnapshot, check_snapshot, identity
from batchenv.tasks.registry import name_of

_log = logging.getLogger(__name__)

Autoreset = Literal["same_step", "next_step", "disabled"]
_NOBODY = np.zeros(0, np.intp)
# Stands for an interrupted call before the first reset.
_NEVER = "never reset"
_MOST_THREADS = 1024
# Positions and velocities of a walker that has not diverged are far below [m], [rad], [m/s], [rad/s].
_ORDINARY = 1e6


class BatchEnv(Described):
    """N independent worlds of one walking human, stepped together.

    Every call returns the same float32 buffers and overwrites them: copy results that must last, or set
    `copy`. A world whose episode ends is reset within the same step. Its row of the observations is then the
    first of its next episode; in the rows where `dones` is true, `final_obs`, `terminated`, `truncated`,
    `episode_returns` and `episode_lengths` describe the episode that ended. The same seed and actions give
    the same bits with any number of threads and worlds.

    Args:
        config: YAML text, a path, the name of a preset, or a `Config`.
        num_envs: number of worlds N.
        num_threads: number of threads that step the worlds; by default all CPUs available to this process.
        seed: seed of all random draws; by default one from the operating system, stored in `seed`.
        copy: return new arrays instead of the same buffers.
        autoreset: when a world whose episode ended is reset. "same_step": as described above. "next_step":
            the last step of an episode returns its last observation, and the next step resets the world
            instead of moving it, with reward 0. "disabled": the world must be reset before the next step.
        data_root: directory to search for `@data/` files after the package's own data.
        first_world: number of the first world if this is part of a larger batch; world i then draws the same
            numbers as world `first_world` + i of that batch.
        trust: whether the configuration may name Python files, whose code then runs; see `load_config`.
        task: name of a task, or a class made with `batchenv.task`; by default the task of the configuration.
        device: where the worlds of `environment.simulation.engine: warp` live: "cpu" or "cuda"; by default on
            a GPU if there is one.

    Raises:
        ConfigError: the configuration is invalid, or names code and is not trusted.
        BodyError: the body lacks what the task needs.

    Attributes:
        num_envs, num_threads, obs_dim, action_dim: sizes.
        config: the complete configuration.
        body, worlds: the body, and the engine that moves it.
        obs_layout, action_layout: name and unit of every column.
        parameter_names, parameters: names of the parameters that differ between worlds, and values (N, P).
        command_layout, commands: name and unit of every command column, and current values (N, C).
        single_observation_space, single_action_space: Gymnasium spaces of one world.
        mirror_obs, mirror_action: functions that mirror columns in the sagittal plane.
        control_dt: length of a step [s]; max_episode_steps: number of steps after which an episode is
            truncated.
        final_obs: last observation of the episodes that ended (N, obs_dim).
        terminated, truncated: whether an episode ended early or by time (N,) bool; diverged: whether the
            physics failed.
        episode_returns, episode_lengths: return and number of steps of the episodes that ended (N,).
        reward_terms: unweighted values of the last step, (N,) for each term.
        failures: number of episodes that ended because their world diverged.

    Examples:
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
        autoreset: Autoreset = "same_step",
        data_root: str | Path | None = None,
        first_world: int = 0,
        trust: bool = True,
        task: str | type[Task[Any, Any]] | None = None,
        device: Literal["cpu", "cuda"] | None = None,
    ):
        num_envs = inputs.checked_whole_number("num_envs", num_envs, 1)
        inputs.check_memory(num_envs)
        if num_threads is not None:
            num_threads = inputs.checked_whole_number("num_threads", num_threads, 1, _MOST_THREADS)
        self.first_world = inputs.checked_whole_number("first_world", first_world, 0, 2**62)
        inputs.check_choice("autoreset", autoreset, get_args(Autoreset))
        if device is not None:
            inputs.check_choice("device", device, ("cpu", "cuda"))
        inputs.check_flag("copy", copy)
        self.seed, self.autoreset = rng.checked_seed(seed), autoreset
        name = task if task is None or isinstance(task, str) else name_of(task)
        with code_run_once():
            self.config = load_config(config, data_root, trust=trust, task=name)
            scene = build_scene(self.config, num_envs, num_threads, self.seed, device)
        self._calls = Calls("this BatchEnv")
        self.body, self.task = scene.body, scene.task  # of the classes that the configuration asks for
        self.worlds: Worlds[Any] = scene.worlds
        self.num_envs, self.num_threads = num_envs, self.worlds.num_threads
        with blaming(type(self.task)):
            self.obs_dim, self.action_dim = len(scene.task.obs_layout), len(scene.task.action_layout)
        self._has_samples = (
            self.worlds.coordinator is not None and self.worlds.coordinator.samples is not None
        )
        self.failures = 0
        self._copy, self._closed = copy, False
        # The call since which worlds and episodes do not belong together; None where they do.
        self._unfinished: str | None = _NEVER
        self._identity = identity(self.config, autoreset, self.worlds.model.signature)
        self._episodes = Episodes.zeros(self.num_envs, self.action_dim)
        everyone = np.arange(self.num_envs)
        self._episodes.seed_worlds(Streams.of(self.seed, self.num_envs, self.first_world), everyone)
        with blaming(type(self.task)):
            self._state = self.task.new_state(self.num_envs)
            check_state(self._state, self.num_envs)
            self._commands = self.task.commands.new_state(self.num_envs)
        # Of the bookkeeping, tasks and events see views: it is kept here alone.
        self._batch = Batch(self.worlds, self._episodes.read_only(), self._state, self._commands.read_only())
        with blaming(type(self.task)), np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            self.task.check_widths(self._batch)
        self._obs = np.zeros((self.num_envs, self.obs_dim), np.float32)
        self._seen = np.zeros_like(self._obs)
        self._rewards = np.zeros(self.num_envs, np.float32)
        self._dones = np.zeros(self.num_envs, bool)
        self.final_obs = np.zeros_like(self._obs)
        self.terminated, self.truncated = np.zeros_like(self._dones), np.zeros_like(self._dones)
        self.diverged = np.zeros_like(self._dones)
        self.episode_returns = np.zeros(self.num_envs, np.float32)
        self.episode_lengths = np.zeros(self.num_envs, np.int64)
        names = self.task.reward_names
        self._reward_rows = np.zeros((len(names), self.num_envs), np.float32)
        self.reward_terms = dict(zip(names, self._reward_rows, strict=True))

    def reset(
        self, seed: int | Sequence[int | None] | None = None, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float32]:
        """Begin a new episode.

        Args:
            seed: seed that restarts the random streams of these worlds; None continues with their next
                episodes. One number gives every world a separate stream. With one number for each world,
                (N,), each world draws as world 0 does with this seed; worlds with None continue.
            mask: worlds to reset (N,) bool; by default all.

        Returns:
            Observations (N, obs_dim).

        Raises:
            InputError: a seed or the mask is invalid; no world is reset.
            UsageError: some worlds were never reset and are not in the mask.
        """
        with self._calls:
            self._check_open()
            ids = inputs.masked_ids(mask, self.num_envs)
            streams = None if seed is None else Streams.of(seed, self.num_envs, self.first_world)
            if len(ids) < self.num_envs:
                self._check_whole("a reset mask")
            callbacks().install()
            self._unfinished = "reset"
            if streams is not None:
                self._episodes.seed_worlds(streams, ids)
                if streams.one is not None and mask is None:
                    self.seed = streams.one
            with blaming(type(self.task)):
                self._begin(ids)
            self._unfinished = None
            return self._result(self._obs)

    def step(
        self, actions: Any, watch: Callable[[], None] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Advance every world by one control step.

        Args:
            actions: (N, action_dim), finite, of any real type and memory layout; columns as in
                `action_layout`.
            watch: function to call after every substep, before any world is reset; see `Worlds.step`. It
                does not change the results.

        Returns:
            Observations (N, obs_dim), rewards (N,), and whether the episode ended (N,).

        Raises:
            InputError: the actions have a wrong shape, or are not finite numbers; no world has moved.
            UsageError: before `reset`, after `close`, or while worlds wait for a reset; no world has moved.
        """
        with self._calls:
            self._check_open()
            self._check_whole("step")
            if self.autoreset == "disabled" and self._episodes.ended.any():
                ended = np.flatnonzero(self._episodes.ended).tolist()
                raise UsageError(f"the episodes of worlds {ended} are over: reset(mask=...) them before step")
            actions = inputs.checked_actions(actions, self.num_envs, self.action_layout)
            inputs.check_callable("watch", watch)
            callbacks().check()
            self._unfinished = "step"
            with blaming(type(self.task)):
                self._advance(actions, None if watch is None else self._calls.lend(watch))
            self._unfinished = None
            return self._result(self._obs), self._result(self._rewards), self._result(self._dones)

    def set_parameters(self, ids: Any, values: Any) -> NDArray[np.float32]:
        """Set the parameters of some worlds, from their next substep on.

        The values last until parameters are drawn again: parameters per episode at the next reset, parameters
        per world and fixed ones when the world receives a new seed.

        Args:
            ids: worlds, each named once (n,).
            values: (n, P), columns as in `parameter_names`, each in its range.

        Returns:
            The observations (N, obs_dim), of the same states.

        Raises:
            InputError: a world or a value is invalid; nothing is changed.
            UsageError: before `reset` or after `close`.
        """
        with self._calls:
            self._check_open()
            self._check_whole("set_parameters")
            ids = inputs.checked_ids(ids, self.num_envs)
            values = self.task.checked_parameters(numpy_array("parameters", values), len(ids))
            callbacks().check()
            self._unfinished = "set_parameters"
            self.task.set_parameters(self._batch, ids, values)
            self._observe(ids)
            self._unfinished = None
            return self._result(self._obs)

    def set_command(self, ids: Any, values: Mapping[str, Any] | None) -> NDArray[np.float32]:
        """Set the commands of some worlds until their episode ends.

        A command that is set, even in a single column, is not drawn again in this episode.

        Args:
            ids: worlds, each named once (n,).
            values: one number, or one for each world (n,), for columns named as in `command_layout`; other
                columns do not change. None draws the commands that were set, and resumes drawing them.

        Returns:
            The observations (N, obs_dim), of the same states.

        Raises:
            InputError: a world, a name or a value is invalid; nothing is changed.
            UsageError: before `reset` or after `close`, or where there are no commands.
        """
        with self._calls:
            self._check_open()
            self._check_whole("set_command")
            ids, commands = inputs.checked_ids(ids, self.num_envs), self.task.commands
            checked = self.task.checked_commands(values, len(ids))
            callbacks().check()
            self._unfinished = "set_command"
            if checked is None:
                commands.release(self._commands, self.task, self._batch, ids)
            else:
                commands.hold(self._commands, ids, checked)
            if (going := ids[~self._episodes.ended[ids]]).size:
                self._observe(going)
            self._unfinished = None
            return self._result(self._obs)

    @property
    def episode_steps(self) -> NDArray[np.int64]:
        """Control steps of each world's episode so far (N,), a copy."""
        return self._episodes.step.copy()

    def set_episode_steps(self, steps: Any) -> None:
        """Set the number of steps that each episode has lasted, which determines its truncation.

        Args:
            steps: control steps (N,), whole numbers from 0 to below `max_episode_steps`.

        Raises:
            InputError: the steps are invalid; nothing is changed.
            UsageError: before `reset` or after `close`.
        """
        with self._calls:
            self._check_open()
            self._check_whole("set_episode_steps")
            self._episodes.step[:] = inputs.checked_steps(steps, self.num_envs, self.max_episode_steps)

    def snapshot(self) -> EnvSnapshot:
        """Copy all state, for `restore`.

        Raises:
            UsageError: after `close`, or after an interrupted call.
        """
        with self._calls:
            self._check_open()
            if self._unfinished != _NEVER:
                self._check_whole("snapshot")
            return self._snapshot()

    def restore(self, snapshot: EnvSnapshot) -> NDArray[np.float32]:
        """Restore all worlds from a snapshot; subsequent steps repeat the same bits.

        Returns:
            The observations at that moment (N, obs_dim).

        Raises:
            InputError: the snapshot belongs to another configuration; nothing is changed.
            UsageError: after `close`.
        """
        with self._calls:
            self._check_open()
            check_snapshot(snapshot, self._snapshot())
            self.worlds.check_snapshot(snapshot.worlds)
            callbacks().install()
            self._unfinished = "restore"
            self.worlds.restore(snapshot.worlds)
            self._episodes.assign(snapshot.episodes)
            self._state.assign(snapshot.task)
            self._commands.assign(snapshot.commands)
            self.seed, self._obs[:] = int(snapshot.seed), snapshot.obs
            self._unfinished = _NEVER if (self._episodes.number < 0).any() else None
            return self._result(self._obs)

    def set_muscle_network(self, state_dict: Mapping[str, Any]) -> None:
        """Set the weights of the muscle network in all worlds, from their next substep on.

        Args:
            state_dict: Torch tensors or arrays by the keys "fc.0.weight", "fc.0.bias", "fc.2.weight", ..., or
                "fc1.weight", "fc1.bias", "fc2.weight", ...; of a cascade, those of the correcting network.

        Raises:
            InputError: a key, shape, dtype or value is wrong; the old weights stay.
            UsageError: the coordinator is not a muscle network.
        """
        with self._calls:
            self._networked().network.load(state_dict)

    def muscle_network(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights that the worlds use: the last ones set, rounded to the kernel's 21 bits.

        Weights are settings, not state: `restore` does not change them.
        """
        return self._networked().network.effective_state()

    def muscle_samples(self) -> MuscleSamples:
        """Return training samples for a muscle network: views of one problem per world from the last step.

        Each world draws the substep from its own stream, out of those in which the network runs.

        Raises:
            UsageError: `environment.muscle.network.keep_samples` is not set, or the coordinator is not a
                network.
        """
        samples = self._networked().samples
        if samples is None:
            raise UsageError(
                "no muscle samples are kept: set environment.muscle.network.keep_samples to true"
            )
        return samples

    def close(self) -> None:
        """Free the worlds; only `close` may be called after."""
        if not self._calls.process.here:  # nobody steps in a fork
            self._closed = True
        if not self._closed:
            with self._calls:
                self._closed = True
                del self.worlds

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise UsageError(
            "a BatchEnv lives in the process that built it, and can be neither copied nor pickled: build "
            "another one from env.config, and restore env.snapshot() in it"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _advance(self, actions: np.ndarray, watch: Callable[[], None] | None) -> None:
        """A step under actions (N, A) that were checked."""
        episodes = self._episodes
        episodes.previous_action[:], episodes.action[:] = episodes.action, actions
        self.task.apply_actions(self._batch)
        self.task.before_step(self._batch)
        if self._has_samples:
            self.worlds.choose_samples(episodes.uniform(None, 1, SAMPLES, episodes.step)[:, 0])
        late = np.flatnonzero(episodes.ended) if self.autoreset == "next_step" else _NOBODY
        self.worlds.step(watch, np.flatnonzero(~episodes.ended) if late.size else None)
        self.task.advance(self._batch)
        episodes.step += 1
        self._judge()
        if late.size:
            self._begin_late(late)
        ended = np.flatnonzero(self._dones)
        if ended.size:
            self._end(ended)
        # Rewards were for the commands that the policy saw; it sees those drawn now before it acts again.
        if self.task.commands:
            drawn = self.task.commands.draw_due(self._commands, self.task, self._batch)
            if drawn.size:
                self._observe(drawn)

    def _judge(self) -> None:
        """Compute rewards, ends and observations; a failed world keeps its last good observation."""
        # NumPy need not warn of what is not finite: it is found below.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            quantities = self.task.quantities(self._batch)
            self.task.compute_observations(quantities, self._seen)
            # A state may be one that MuJoCo would go on from, and yet no float32.
            if not np.isfinite(self._seen).all():
                sound = np.isfinite(self._seen).all(axis=1)
                self._refuse_unfounded(np.flatnonzero(~sound & ~self.worlds.failed))
                self.worlds.fail(np.flatnonzero(~sound))
            failed = self.worlds.failed
            self.task.compute_rewards(quantities, self._reward_rows, self._rewards)
            np.logical_or(self.task.compute_terminations(quantities), failed, out=self.terminated)
        self.diverged[:] = failed
        if not failed.any():
            self._obs[:] = self._seen
        else:
            np.copyto(self._obs, self._seen, where=~failed[:, None])
            self._reward_rows[:, failed], self._rewards[failed] = 0.0, 0.0
        check_finite(self._rewards, self._reward_rows, self.task.reward_names)
        self._episodes.reward_sum += self._rewards
        np.greater(self.task.timed_out(self._batch), self.terminated, out=self.truncated)
        np.logical_or(self.terminated, self.truncated, out=self._dones)

    def _refuse_unfounded(self, ids: np.ndarray) -> None:
        """Name the column that is not finite in a world (n,) whose state is an ordinary one.

        Raises:
            InputError: there is such a world: its physics did not diverge, and the term is wrong.
        """
        for world in ids:
            state = np.concatenate([self.worlds.qpos[world], self.worlds.qvel[world]])
            if np.abs(state).max() < _ORDINARY:
                column = int(np.flatnonzero(~np.isfinite(self._seen[world]))[0])
                raise InputError(
                    f"observation {self.obs_layout[column].name!r} is {self._seen[world, column]} in world "
                    f"{world}; expected a finite number that float32 can hold"
                )

    def _end(self, ids: np.ndarray) -> None:
        """Record how episodes ended, and begin the next ones or leave their worlds waiting."""
        failed = ids[self.worlds.failed[ids]]
        if failed.size:
            self.failures += failed.size
            _log.warning("the physics of %d world(s) diverged, first world %d", failed.size, failed[0])
        self.final_obs[ids] = self._obs[ids]
        self.episode_returns[ids] = self._episodes.reward_sum[ids]
        self.episode_lengths[ids] = self._episodes.step[ids]
        if self.autoreset == "same_step":
            self._begin(ids)
        else:
            self._episodes.ended[ids] = True

    def _begin_late(self, ids: np.ndarray) -> None:
        """Begin episodes in worlds that ended a step ago, and discard their results since."""
        self._begin(ids)
        self._rewards[ids], self._reward_rows[:, ids] = 0.0, 0.0
        for flags in (self._dones, self.terminated, self.truncated, self.diverged):
            flags[ids] = False

    def _begin(self, ids: np.ndarray) -> None:
        self._episodes.begin(ids)
        self.task.commands.begin(self._commands, self.task, self._batch, ids)
        self.task.reset(self._batch, ids)
        self._observe(ids)

    def _observe(self, ids: np.ndarray) -> None:
        seen = np.empty((len(ids), self.obs_dim), np.float32)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            self.task.compute_observations(self.task.quantities(self._batch, ids), seen)
        if not np.isfinite(seen).all():
            row, column = (int(place) for place in np.argwhere(~np.isfinite(seen))[0])
            raise ConfigError(
                f"world {ids[row]} begins with {seen[row, column]} for {self.obs_layout[column].name}: "
                "what the configuration asks for is too large, or no number"
            )
        self._obs[ids] = seen

    def _networked(self) -> NetworkCoordinator:
        self._check_open()
        if self.worlds.coordinator is None:
            raise UsageError(
                "no muscle network coordinates here: set environment.muscle.coordinator to network, and "
                "environment.skeleton.actuator to mass"
            )
        return self.worlds.coordinator

    def _snapshot(self) -> EnvSnapshot:
        return EnvSnapshot(
            self.worlds.snapshot(),
            self._episodes.copy(),
            self._state.copy(),
            self._commands.copy(),
            self.seed,
            self._obs.copy(),
            self._identity,
        )

    def _check_whole(self, call: str) -> None:
        """Refuse a call that would continue from incomplete states.

        Raises:
            UsageError: they were never reset, or a call was cut short.
        """
        if self._unfinished == _NEVER:
            raise UsageError(f"{call} came before all worlds were reset: call env.reset() first")
        if self._unfinished is not None:
            raise UsageError(
                f"the last call of {self._unfinished} was cut short (Ctrl-C, or an error), so that worlds "
                f"and episodes no longer match: call env.reset() or env.restore() before {call}"
            )

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("this BatchEnv is closed: build a new one")

    def _result(self, buffer: np.ndarray) -> np.ndarray:
        return buffer.copy() if self._copy else buffer
