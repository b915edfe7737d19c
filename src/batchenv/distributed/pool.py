"""Runners behind one call, and those of one process."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from batchenv.distributed.runner import MakeEnv, Rollout, RolloutRequest, Runner


class Pool(ABC):
    """K runners with n worlds each.

    Attributes:
        size, num_envs: K and n.
        cpus: number of CPUs that step the worlds of a runner.
        replaced: runners that died and were replaced.
        late: rollouts that a round ended without; each was waited for in the next one.
    """

    size: int
    num_envs: int
    cpus: int
    replaced: int = 0
    late: int = 0

    @abstractmethod
    def begin(self, seed: int, *, staggered: bool = False) -> None:
        """Build the runners, if there are none, and begin their worlds with a seed.

        Args:
            seed: of the worlds.
            staggered: whether the first episodes are cut off at different times, see `stagger`.
        """

    @abstractmethod
    def collect(self, request: RolloutRequest) -> list[Rollout]:
        """Return rollouts ordered by runner, without those of runners that died or are late."""

    @abstractmethod
    def close(self) -> None:
        """End the runners."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LocalPool(Pool):
    """Runners of this process, one after the other: what any pool of as many runners must equal.

    Args:
        make_env: builds a runner's worlds.
        runners: K.
        num_envs: n, worlds of each.
        num_threads: number of threads that step them, one runner after the other.
        overlap: see `Runner`.
    """

    def __init__(
        self, make_env: MakeEnv, runners: int, num_envs: int, num_threads: int, overlap: bool = False
    ):
        self.make_env, self.size, self.num_envs, self.cpus = make_env, runners, num_envs, num_threads
        self._overlap = overlap
        self._runners: list[Runner] = []

    def begin(self, seed: int, *, staggered: bool = False) -> None:
        """See `Pool.begin`."""
        self.close()
        how = self.num_envs, self.cpus, seed, self._overlap, staggered
        self._runners = [Runner(self.make_env, i, *how) for i in range(self.size)]

    def collect(self, request: RolloutRequest) -> list[Rollout]:
        """Collect from every runner."""
        return [runner.collect(request) for runner in self._runners]

    def close(self) -> None:
        """Forget the runners and their worlds."""
        for runner in self._runners:
            runner.close()
        self._runners = []
