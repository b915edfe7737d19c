"""Record walks: samples of worlds between their substeps, into memory or into a file.

A sample is taken after a substep. Joint angles, the pelvis, their velocities and activations are those of its
end; forces, torques, ground reactions, feet and fibers are those of its beginning, earlier by its length.
What is measured is the task's affair, see `mdp/capture.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from batchenv.env import BatchEnv
from batchenv.evaluate.numbers import MOST_WALKS, check_count, check_number, check_seconds, check_threads
from batchenv.evaluate.recording import Recording, from_arrays
from batchenv.evaluate.recording_layout import LAYOUT
from batchenv.evaluate.walker import Walker, as_walker
from batchenv.interrupts import held_back
from batchenv.rng import checked_seed

RATE = 100.0  # lowest rate at which ground reactions show their shape [Hz]

Policy = Callable[[np.ndarray], np.ndarray]


class Sink(Protocol):
    """What takes samples: a `RecordingBuilder`, or a `RecordingWriter`."""

    def append(self, **samples: Any) -> None: ...
    def end_episode(self, episode: int, ended: str, parameters: Any = None) -> None: ...


class Sampler:
    """Takes what a `Recording` holds of all worlds; hand it to `BatchEnv.step` as `watch`.

    Args:
        env: whose worlds.
        rate: of the samples at least [Hz]; they are as few as keep it and fit evenly into a control step.
        loads: whether to take centres of pressure and loads on joints, too, which takes a while.

    Attributes:
        dt: time between two samples [s].
        per_step: samples in a control step.
    """

    def __init__(self, env: BatchEnv, rate: float = RATE, *, loads: bool = False):
        self._env, self._worlds, self._with_loads = env, env.worlds, loads
        substeps = self._worlds.substeps
        fitting = [n for n in range(1, substeps + 1) if substeps % n == 0]
        kept = [n for n in fitting if 1.0 / (n * self._worlds.timestep) >= rate * (1 - 1e-9)]
        self._every = max(kept, default=1)
        self._substep = 0
        self.dt = self._every * self._worlds.timestep
        self.per_step = substeps // self._every
        self._capture = env.task.capture(self._worlds)
        count = (env.num_envs, self.per_step)
        self._samples = {
            name: np.zeros((*count, *value.shape[1:]), np.float64 if name == "time" else np.float32)
            for name, value in self._measure().items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arrays that it takes samples of."""
        return tuple(self._samples)

    @property
    def constants(self) -> dict[str, Any]:
        """What a recording holds that does not change over time, of worlds that have their parameters."""
        return {"dt": self.dt} | self._capture.constants

    def __call__(self) -> None:
        """Take a sample if one is due after this substep."""
        self._substep = self._substep % self._worlds.substeps + 1
        column, rest = divmod(self._substep, self._every)
        if rest == 0:
            with np.errstate(invalid="ignore", over="ignore"):  # a world may diverge; see `sound`
                for name, value in self._measure().items():
                    self._samples[name][:, column - 1] = value
        self._capture.keep()

    def sound(self, elapsed: float) -> np.ndarray:
        """Whether the last step's samples of each world are those of a body still in one piece (N,).

        Args:
            elapsed: time since the start of the episode [s]; MuJoCo sets a world that diverges back to zero.
        """
        possible = [
            _possible(name, values).all(axis=tuple(range(1, values.ndim)))
            for name, values in self._samples.items()
        ]
        turned = np.abs(self._samples["joint_pos"]).max(axis=(1, 2)) > 2 * np.pi
        on_time = np.abs(self._samples["time"][:, -1] - elapsed) < 0.5 * self.dt
        return np.all(possible, axis=0) & ~turned & on_time

    def samples(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """The last step's samples of some worlds (n,), one world after another (n * per_step, ...)."""
        return {name: values[ids].reshape(-1, *values.shape[2:]) for name, values in self._samples.items()}

    def _measure(self) -> dict[str, np.ndarray]:
        measured = self._capture.measure()
        return measured | self._capture.measure_loads() if self._with_loads else measured


def _possible(name: str, values: np.ndarray) -> np.ndarray:
    """Where values are finite and, of an array of `LAYOUT`, in its range."""
    finite, layout = np.isfinite(values), LAYOUT.get(name)
    return finite if layout is None else finite & (values >= layout.low) & (values <= layout.high)


class RecordingBuilder:
    """Samples in memory, of episodes that may interleave.

    Args:
        constants: those of the sampler.
        episodes: number of episodes to come; one that nobody ends counts as interrupted.
    """

    def __init__(self, constants: dict[str, Any], episodes: int):
        self._constants, self._ended = constants, ["interrupted"] * episodes
        self._parts: list[dict[str, np.ndarray]] = []

    @property
    def empty(self) -> bool:
        """Whether there is no sample yet."""
        return not self._parts

    def append(self, **samples: Any) -> None:
        """Keep samples (n, ...)."""
        self._parts.append(samples)

    def end_episode(self, episode: int, ended: str, parameters: Any = None) -> None:
        """Say how an episode ended; see `RecordingWriter.end_episode`."""
        self._ended[episode] = ended

    def recording(self) -> Recording:
        """All samples, episode after episode."""
        episode = np.concatenate([part["episode"] for part in self._parts])
        order = np.argsort(episode, kind="stable")
        arrays = {
            name: np.concatenate([part[name] for part in self._parts])[order] for name in self._parts[0]
        }
        return from_arrays({**self._constants, **arrays, "ended": tuple(self._ended)})


class Tape:
    """Records the first walk of some worlds, in memory, while somebody else steps them.

    Args:
        env: at the start of its episodes.
        worlds: how many, the first ones.
        rate: of the samples at least [Hz].

    Attributes:
        sampler: to be handed to `BatchEnv.step`.
    """

    def __init__(self, env: BatchEnv, worlds: int, rate: float = RATE):
        self.sampler, self._env, self._step = Sampler(env, rate), env, 0
        self._walking = np.arange(env.num_envs) < worlds
        self._builder = RecordingBuilder(self.sampler.constants, int(self._walking.sum()))

    def keep(self, dones: np.ndarray) -> None:
        """Keep the samples of the step just made, and note whose episode it ended (N,)."""
        self._step += 1
        ids = np.flatnonzero(self._walking & self.sampler.sound(self._step * self._env.control_dt))
        self._builder.append(episode=np.repeat(ids, self.sampler.per_step), **self.sampler.samples(ids))
        for world in np.flatnonzero(self._walking & dones):
            self._builder.end_episode(int(world), "fell" if self._env.terminated[world] else "completed")
        self._walking &= ~dones

    def recording(self) -> Recording:
        """What was recorded."""
        return self._builder.recording()


def record_walks(
    policy: Policy,
    env: BatchEnv,
    obs: np.ndarray,
    sampler: Sampler,
    sink: Sink,
    episodes: np.ndarray | None = None,
    parameters: np.ndarray | None = None,
    on_speed: Callable[[], np.ndarray] | None = None,
) -> list[str]:
    """Let every world walk to the end of its episode, without exploration.

    An episode that its environment terminates has "fell", one that reaches its end has "completed", or is
    "off speed".

    Args:
        policy: actions (N, A) from observations (N, O).
        env: at the start of its episodes.
        obs: first observations (N, O).
        sampler: of that environment.
        sink: what takes the samples.
        episodes: number of each world's episode in the sink (N,); by default that of the world.
        parameters: what the sink is told about each episode (N, k).
        on_speed: tells whether each world has kept the speed that it was asked (N,) bool; None for yes.

    Returns:
        How each episode ended (N,).

    Raises:
        Interrupted: SIGINT, SIGTERM or SIGHUP came; the sink has the samples of whole steps.
    """
    episodes = np.arange(env.num_envs) if episodes is None else episodes
    ended = ["interrupted"] * env.num_envs
    walking, step = np.ones(env.num_envs, bool), 0
    with held_back() as check:
        while walking.any():
            check()
            obs, _, dones = env.step(policy(obs), sampler)
            step += 1
            ids = np.flatnonzero(walking & sampler.sound(step * env.control_dt))
            samples = sampler.samples(ids)
            sink.append(episode=np.repeat(episodes[ids], sampler.per_step), **samples)
            for world in np.flatnonzero(walking & dones):
                kept = on_speed is None or on_speed()[world]
                ended[world] = "fell" if env.terminated[world] else "completed" if kept else "off speed"
                own = None if parameters is None else parameters[world]
                sink.end_episode(int(episodes[world]), ended[world], own)
            walking &= ~dones
    return ended


def record(
    walker: Walker | str | Path,
    walks: int = 20,
    seconds: float = 20.0,
    seed: int = 0,
    num_threads: int | None = None,
    rate: float = RATE,
    *,
    loads: bool = False,
) -> Recording:
    """Record walks side by side, each from a start of its own.

    Args:
        walker: from `load_walker`, or what it is loaded by.
        walks: how many.
        seconds: length of each, if the walker does not fall [s].
        seed: of the starts.
        num_threads: as for `BatchEnv`.
        rate: of the samples at least [Hz].
        loads: as for `Sampler`.

    Raises:
        InputError: a number is impossible; nothing is simulated.
        CheckpointError: there is no such walker.
        Interrupted: SIGINT, SIGTERM or SIGHUP came.
    """
    check_count("walks", walks, MOST_WALKS)
    check_seconds("seconds", seconds)
    check_threads("num_threads", num_threads)
    check_number("rate", rate, 0.001, 1e6, " Hz")
    checked_seed(seed)
    loaded = as_walker(walker)
    with loaded.worlds(walks, seconds, num_threads) as env:
        obs, sampler = env.reset(seed), Sampler(env, rate, loads=loads)
        builder = RecordingBuilder(sampler.constants, walks)
        record_walks(loaded.policy, env, obs, sampler, builder)
    return builder.recording()
