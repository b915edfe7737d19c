"""Overlapping of simulation and policy: one half of the worlds steps while the policy acts on the other."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from batchenv import rng
from batchenv.arrays import numpy_array, shown, whole_number
from batchenv.calls import Process
from batchenv.config import Config
from batchenv.env import BatchEnv
from batchenv.errors import InputError, UsageError

Half = Literal[0, 1]
Step = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


class Steppable(Protocol):
    """An environment that can be stepped in a thread."""

    def step(self, actions: np.ndarray) -> Step: ...


Env = TypeVar("Env", bound=Steppable)


class ThreadedEnv(Generic[Env]):
    """An environment that steps in its own thread.

    Args:
        env: the environment; nothing of it may be read while it is in flight.
        name: name of the environment in messages.
    """

    def __init__(self, env: Env, name: str):
        self.env, self.name = env, name
        self._process = Process(name)
        self._thread = ThreadPoolExecutor(1, name)
        self._flight: Future[Step] | None = None
        self._sending = False  # stays true where Ctrl-C interrupts `send`

    def send(self, actions: Any) -> None:
        """Begin a step with actions, which are copied, and return at once.

        Raises:
            InputError: no array can be made of the actions.
            UsageError: it is in flight, or was built before a fork.
        """
        self.check_idle()
        actions = numpy_array("actions", actions).copy()
        self._sending = True
        self._flight = self._thread.submit(self.env.step, actions)
        self._sending = False

    def recv(self) -> Step:
        """Wait for the step; return its result or raise its exception.

        Raises:
            UsageError: nothing was sent.
        """
        self._process.check()
        if self._flight is None:
            raise UsageError(f"{self.name} is not in flight: send it actions first")
        # A caller that is interrupted while waiting may still receive it.
        wait([self._flight])
        flight, self._flight = self._flight, None
        return flight.result()

    def check_idle(self) -> None:
        """Refuse calls while a step is in flight.

        Raises:
            UsageError: it is in flight, or was built before a fork.
        """
        self._process.check()
        if self._sending:
            raise UsageError(f"sending {self.name} was interrupted: call reset() first")
        if self._flight is not None:
            raise UsageError(f"{self.name} is in flight: receive its step first")

    def discard_interrupted(self) -> None:
        """Wait for a step that an interrupted `send` may have begun, and discard it."""
        if self._sending:
            self._thread.submit(int).result()
            self._flight, self._sending = None, False

    def close(self) -> None:
        """Wait for a step in flight, and end the thread."""
        self._thread.shutdown()


class OverlappedEnv:
    """N worlds in two halves, each stepped in its own thread without the GIL.

    Given the same actions, the results equal those of one `BatchEnv` of N worlds, bit for bit: half 0 has
    worlds 0 to N/2 - 1, half 1 the rest. A step returns the buffers of its half, which its next step
    overwrites.

    Args:
        config: see `BatchEnv`.
        num_envs: N, an even number.
        num_threads: number of threads that step each half; see `BatchEnv`.
        seed: seed of all random draws; by default one from the operating system, stored in `seed`.
        data_root: see `BatchEnv`.

    Raises:
        InputError: N is not even.

    Attributes:
        envs: the environments of the two halves, with their `final_obs`, `truncated` and so on; do not read
            them while their half is in flight.

    Examples:
        >>> with OverlappedEnv("walk", num_envs=4, seed=0) as env:
        ...     first = env.reset()
        ...     for half in (0, 1):
        ...         env.send(np.zeros((2, env.envs[0].action_dim)), half)
        ...     obs, rewards, dones = env.recv(0)
        >>> first.shape == (4, env.envs[0].obs_dim), rewards.shape
        (True, (2,))
    """

    def __init__(
        self,
        config: Config | str | Path,
        num_envs: int,
        num_threads: int | None = None,
        seed: int | None = None,
        *,
        data_root: str | Path | None = None,
    ):
        number = whole_number(num_envs)
        if number is None or number < 2 or number % 2:
            raise InputError(f"num_envs is {shown(num_envs)}; expected an even number of at least 2")
        self.num_envs, self.seed, each = number, rng.checked_seed(seed), number // 2
        self.envs = tuple(
            BatchEnv(config, each, num_threads, self.seed, data_root=data_root, first_world=half * each)
            for half in (0, 1)
        )
        self._parts = tuple(ThreadedEnv(env, f"half {half}") for half, env in enumerate(self.envs))
        self._whole = True  # whether both halves are in the same reset

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """Begin a new episode in all worlds.

        Args:
            seed: seed that restarts all random streams; None continues with the next episodes.

        Returns:
            Observations of both halves, one below the other (N, obs_dim).

        Raises:
            InputError: the seed is invalid; no world is reset.
            UsageError: a half is in flight.
        """
        for part in self._parts:
            part.discard_interrupted()
            part.check_idle()
        seed = None if seed is None else rng.checked_seed(seed)
        self._whole = False
        obs = np.concatenate([env.reset(seed) for env in self.envs])
        self._whole = True
        return obs

    def send(self, actions: Any, half: Half) -> None:
        """Begin a step of one half, and return at once.

        Args:
            actions: actions of its worlds (N/2, action_dim); they are copied.
            half: number of the half.

        Raises:
            InputError: the actions are not an array, or there is no such half.
            UsageError: the half is in flight.
        """
        part = self._part(half)
        if not self._whole:
            raise UsageError("a reset of the halves was interrupted: call reset() again before send")
        part.send(actions)

    def recv(self, half: Half) -> Step:
        """Wait for the step of one half.

        Returns:
            Observations (N/2, obs_dim), rewards (N/2,), and whether the episode ended (N/2,).

        Raises:
            InputError: the actions sent were wrong; no world of the half has moved.
            UsageError: nothing was sent to the half.
        """
        return self._part(half).recv()

    def close(self) -> None:
        """Wait for steps in flight, and free the worlds."""
        for part in self._parts:
            part.close()
            part.env.close()

    def _part(self, half: Any) -> ThreadedEnv[BatchEnv]:
        if whole_number(half) not in (0, 1):
            raise InputError(f"half is {shown(half)}; expected 0 or 1")
        return self._parts[half]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
