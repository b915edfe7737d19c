"""State of episodes whose worlds live on a device: what every step changes is there, the rest on the host."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from batchenv.build import blaming
from batchenv.engine.warp.tensor_worlds import TensorWorlds
from batchenv.mdp.batch import Batch
from batchenv.mdp.episodes import Episodes
from batchenv.mdp.state import CommandState
from batchenv.mdp.task import Task
from batchenv.rng import Streams
from batchenv.snapshot import EnvSnapshot

# Arrays of `Episodes` that change in every step, and live on the device.
_STEPPED = ("step", "reward_sum", "action", "previous_action")


class DeviceState:
    """State of the episodes of N worlds on a device, and how episodes begin there.

    Args:
        task: draws first states, on the host.
        worlds: of its body.
        streams: of random numbers, one for each world.

    Attributes:
        episodes, task_state, commands: on the host; right for what draws first states.
        stepped: `Episodes` whose arrays that change in every step are tensors.
        batch: what terms on the device are given, with `stepped` and the clock of the reference as a tensor.
    """

    def __init__(self, task: Task[Any, Any], worlds: TensorWorlds[Any], streams: Streams):
        n = worlds.num_worlds
        self._task, self._worlds = task, worlds
        self.episodes = Episodes.zeros(n, len(task.action_layout))
        self.episodes.seed_worlds(streams, np.arange(n))
        self.task_state: Any = task.new_state(n)
        self.commands: CommandState = task.commands.new_state(n)
        tensors: dict[str, Any] = {name: worlds.tensor(getattr(self.episodes, name)) for name in _STEPPED}
        self.stepped: Any = replace(self.episodes, **tensors)
        self._moving: Any = replace(self.task_state, phase=worlds.tensor(self.task_state.phase))
        given: Any = worlds
        self._host = Batch(given, self.episodes.read_only(), self.task_state, self.commands)
        self.batch = Batch(given, self.stepped, self._moving, self.commands)

    def begin(self, ids: np.ndarray) -> torch.Tensor:
        """Begin episodes in worlds (n,): draw their first states, and upload those.

        Returns:
            The worlds, as a tensor (n,).
        """
        self.episodes.begin(ids)
        with blaming(type(self._task)):
            self._task.reset(self._host, ids)
        rows = self._worlds.tensor(ids)
        self._moving.phase[rows] = self._worlds.tensor(self.task_state.phase[ids])
        for name in _STEPPED:
            getattr(self.stepped, name)[rows] = 0
        return rows

    def snapshot(self) -> tuple[Episodes, Any, CommandState]:
        """Copy all of it to the host: episodes, state of the task, commands."""
        stepped = {name: getattr(self.stepped, name).cpu().numpy() for name in _STEPPED}
        phase = self._moving.phase.cpu().numpy()
        return (
            replace(self.episodes, **stepped).copy(),
            replace(self.task_state, phase=phase).copy(),
            self.commands.copy(),
        )

    def restore(self, snapshot: EnvSnapshot) -> None:
        """Put all of it back; the snapshot is of such worlds."""
        self.episodes.assign(snapshot.episodes)
        self.task_state.assign(snapshot.task)
        for name in _STEPPED:
            getattr(self.stepped, name).copy_(self._worlds.tensor(getattr(snapshot.episodes, name)))
        self._moving.phase.copy_(self._worlds.tensor(self.task_state.phase))


@contextmanager
def writable_tensors() -> Iterator[None]:
    """Compute without gradients, also in Torch's inference mode, whose tensors cannot be written to later."""
    with torch.inference_mode(False), torch.no_grad():
        yield
