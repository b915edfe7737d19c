"""Runners as Ray actors, on one machine or many; they may die, and be late."""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray  # pyright: ignore[reportMissingImports]
from ray.exceptions import RayError, RayTaskError  # pyright: ignore[reportMissingImports]

from batchenv.distributed.pool import Pool
from batchenv.distributed.runner import MakeEnv, Rollout, RolloutRequest, Runner
from batchenv.engine import available_cpus
from batchenv.errors import BatchEnvError

_log = logging.getLogger(__name__)

SLACK = 3.0
"""A round ends when it has taken so many times as long as half of its runners needed."""
MOST_MISSED = 2
"""Rounds that may end without a runner before it is taken for dead."""
MOST_DEATHS = 5
"""Times that a runner may die in a row without a rollout in between."""
_OBJECT_STORE = 512 * 2**20
"""Memory for rollouts on their way, where Ray is started here [bytes]; a round of 4096 worlds takes 90 MB."""


@dataclass
class _RunnerSlot:
    """One of the K runners, and the actor that plays it at the moment.

    Attributes:
        number: number of the runner.
        actor: Ray's handle.
        ready: reference that Ray fulfils when the actor has built its worlds; None once it has.
        task: reference of the rollout that it is collecting; None when it is idle.
        missed: rounds in a row that ended without it.
        deaths: deaths in a row without a rollout in between.
    """

    number: int
    actor: Any
    ready: Any
    task: Any = None
    missed: int = 0
    deaths: int = 0


class RayPool(Pool):
    """Runners as Ray actors, each on CPUs of its own; Ray places them, spread over the nodes.

    A round waits for every runner that has its worlds, up to a bound: three times as long as the faster half
    needed, and at least `least_wait`. A rollout that is later counts in the next round; a runner that two
    rounds ended without, or that died, is replaced by one in new episodes, which joins when it has its
    worlds. While nobody dies or is late, the results are those of `LocalPool`, to the last bit.

    Args:
        make_env: builds a runner's worlds, in the process of the runner.
        runners: K.
        num_envs: n, worlds of each.
        cpus: of each runner, and threads that step its worlds; by default as many as the nodes have for K.
        address: of a running cluster, "auto" to find it; None to start Ray on this machine, until `close`.
            Where this process is connected to Ray already, that connection is taken, and left open.
        overlap: see `Runner`.
        least_wait: see above [s].
        most_wait: bound of a round in which not even half of the runners deliver [s].
        start_wait: within it, all runners must have their worlds at the beginning, and one at any time [s].

    Raises:
        BatchEnvError: there is no cluster at the address.
    """

    def __init__(
        self,
        make_env: MakeEnv,
        runners: int,
        num_envs: int,
        *,
        cpus: int | None = None,
        address: str | None = None,
        overlap: bool = False,
        least_wait: float = 15.0,
        most_wait: float = 300.0,
        start_wait: float = 300.0,
    ):
        self.size, self.num_envs, self._overlap = runners, num_envs, overlap
        self.least_wait, self.most_wait, self.start_wait = least_wait, most_wait, start_wait
        self._connected_here = not ray.is_initialized()
        if self._connected_here:
            _connect(address, runners * (cpus or max(1, available_cpus() // runners)))
        self.cpus = cpus or largest_share(_node_cpus(), runners)
        self._make_env = ray.put(make_env)
        # A runner that dies is replaced here rather than restarted by Ray, which knows no new episodes.
        options = {
            "num_cpus": self.cpus,
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        self._actor_class: Any = ray.remote(_RunnerActor).options(**options)
        self._slots: list[_RunnerSlot] = []
        self._seed, self._staggered = 0, False

    def begin(self, seed: int, *, staggered: bool = False) -> None:
        """See `Pool.begin`.

        Raises:
            BatchEnvError: not all runners had their worlds in time, or one failed to build them.
        """
        self._kill_all()
        self._seed, self._staggered = seed, staggered
        self._slots = [_RunnerSlot(i, *self._start(i, seed)) for i in range(self.size)]
        missing = self.size * self.cpus - sum(_node_cpus())
        if missing > 0:
            _log.warning("Ray has %d CPUs too few for all runners: waiting for more nodes", missing)
        self._await_ready(self.size)

    def collect(self, request: RolloutRequest) -> list[Rollout]:
        """Collect a round of rollouts.

        Raises:
            BatchEnvError: a runner failed, or keeps dying, or none is left and none comes up in time.
        """
        sent = ray.put(request)
        delivered: dict[int, Rollout] = {}
        while not delivered:  # once, unless all die or are late
            self._await_ready(1)
            for slot in self._slots:
                if slot.ready is None and slot.task is None:
                    slot.task = slot.actor.collect.remote(sent)
            self._await_round(delivered)
        return [rollout for _, rollout in sorted(delivered.items())]

    def close(self) -> None:
        """End the runners, and Ray if it was started here."""
        self._kill_all()
        if self._connected_here and ray.is_initialized():
            ray.shutdown()

    def _start(self, number: int, seed: int) -> tuple[Any, Any]:
        worlds = self._make_env, number, self.num_envs, self.cpus, seed, self._overlap, self._staggered
        actor = self._actor_class.remote(*worlds)
        return actor, actor.ready.remote()

    def _at_work(self) -> list[_RunnerSlot]:
        return [slot for slot in self._slots if slot.task is not None]

    def _await_round(self, delivered: dict[int, Rollout]) -> None:
        """Receive rollouts until all have arrived or the time bound has passed; count the late runners."""
        begun, half = time.monotonic(), (len(self._at_work()) + 1) // 2
        bound = self.most_wait
        while waited_for := self._at_work():
            left = begun + bound - time.monotonic()
            done, _ = ray.wait([slot.task for slot in waited_for], timeout=max(0.0, left))
            for slot in waited_for:
                if slot.task in done:
                    self._take(slot, delivered)
            if bound == self.most_wait and len(delivered) >= half:
                bound = min(bound, max(self.least_wait, SLACK * (time.monotonic() - begun)))
            if not done:
                break
        for slot in self._at_work():
            self._miss(slot)

    def _take(self, slot: _RunnerSlot, delivered: dict[int, Rollout]) -> None:
        """Receive a rollout, or replace the runner that failed to deliver it."""
        task, slot.task = slot.task, None
        try:
            delivered[slot.number] = ray.get(task)
            slot.missed = slot.deaths = 0
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, BatchEnvError) else repr(error.cause)
            raise BatchEnvError(f"runner {slot.number} failed: {cause}") from error
        except RayError as error:
            self._replace(slot, type(error).__name__)

    def _miss(self, slot: _RunnerSlot) -> None:
        slot.missed += 1
        if slot.missed >= MOST_MISSED:
            self._replace(slot, f"{slot.missed} rounds without a rollout")
            return
        self.late += 1
        _log.warning("runner %d is late: its rollout counts in the next round", slot.number)

    def _replace(self, slot: _RunnerSlot, reason: str) -> None:
        """Start a new actor in a slot, with a seed that no other runner started with."""
        self._retire(slot, reason)
        self.replaced += 1
        _log.warning("runner %d died (%s) and is replaced, %d so far", slot.number, reason, self.replaced)
        slot.actor, slot.ready = self._start(slot.number, self._seed + self.replaced)

    def _retire(self, slot: _RunnerSlot, reason: str) -> None:
        """Kill an actor, and raise BatchEnvError after too many deaths in its slot."""
        slot.task, slot.missed, slot.deaths = None, 0, slot.deaths + 1
        if slot.deaths > MOST_DEATHS:
            raise BatchEnvError(
                f"runner {slot.number} died {slot.deaths} times in a row, the last time: {reason}"
            )
        ray.kill(slot.actor)

    def _await_ready(self, least: int) -> None:
        """Wait until at least `least` runners have built their worlds; note all that have."""
        deadline = time.monotonic() + self.start_wait
        while True:
            building = {slot.ready: slot for slot in self._slots if slot.ready is not None}
            enough = self.size - len(building) >= least
            left = 0.0 if enough else max(0.0, deadline - time.monotonic())
            done, _ = ray.wait(list(building), timeout=left) if building else ([], [])
            for reference in done:
                self._note_ready(building[reference])
            if enough and not done:
                return
            if not enough and not done:
                raise BatchEnvError(
                    f"only {self.size - len(building)} of {self.size} runners, each of {self.cpus} CPUs, "
                    f"had their worlds within {self.start_wait:g} s; Ray has nodes of {_node_cpus()} CPUs"
                )

    def _note_ready(self, slot: _RunnerSlot) -> None:
        try:
            ray.get(slot.ready)
            slot.ready = None
        except RayError as error:
            if self.replaced == 0:
                raise BatchEnvError(f"runner {slot.number} could not build its worlds: {error}") from error
            # It may have been sent to a node that is dead and not yet known to be.
            reason = str(error).strip().splitlines()[-1]
            self._retire(slot, reason)
            _log.warning(
                "runner %d could not build its worlds (%s) and is started again", slot.number, reason
            )
            slot.actor, slot.ready = self._start(slot.number, self._seed + self.replaced)

    def _kill_all(self) -> None:
        for slot in self._slots if ray.is_initialized() else []:
            ray.kill(slot.actor)
        self._slots = []


class _RunnerActor:
    """A `Runner` with a method that returns once its worlds are built."""

    def __init__(self, *args: Any):
        self._runner = Runner(*args)

    def ready(self) -> None:
        """Return once all earlier calls are done."""

    def collect(self, request: RolloutRequest) -> Rollout:
        """See `Runner.collect`."""
        return self._runner.collect(request)


def _connect(address: str | None, cpus: int) -> None:
    """Connect to a cluster, or start one here with as many CPUs as the runners take."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or Ray warns of its own future
    if address is None:
        ray.init(
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE,
            logging_level=logging.ERROR,
        )
        return
    try:
        ray.init(address=address, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BatchEnvError(
            f"no Ray cluster at address {address!r} ({error}); start one with: ray start --head. "
            "To one that asks for a token, connect with RAY_AUTH_MODE=token in the environment"
        ) from error


def largest_share(cpus: Sequence[int], runners: int) -> int:
    """How many CPUs each runner can have, whole runners to a node, and at least one.

    Args:
        cpus: of each node.
        runners: K.

    >>> largest_share([16, 8], 3)
    8
    """
    shares = range(max(cpus, default=1), 0, -1)
    return next((share for share in shares if sum(cpu // share for cpu in cpus) >= runners), 1)


def _node_cpus() -> list[int]:
    return [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
