"""MuJoCo's batch, with a check of the process in which its threads run."""

import ctypes
from typing import Any

import mujoco
from mujoco.batch import Batch

from batchenv.calls import Process


class OwnedBatch(Batch):
    """A batch that refuses to step in a fork, where it would wait forever for threads that do not exist.

    Args:
        model: of all worlds.
        num_worlds: N.
        num_threads: that step them.
    """

    def __init__(self, model: mujoco.MjModel, num_worlds: int, num_threads: int):
        self.process = Process("this batch of worlds")
        super().__init__(model, num_worlds, num_threads, persistent=True)

    def __del__(self) -> None:
        batch = self.__dict__.get("_b")
        if batch is not None and not self.process.here:  # its end would wait for the threads, too
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(batch))

    def step(self, *args: Any, **options: Any) -> None:
        """Do as MuJoCo's batch does; raise UsageError in a fork."""
        self.process.check()
        super().step(*args, **options)

    def forward(self, *args: Any, **options: Any) -> None:
        """Do as MuJoCo's batch does; raise UsageError in a fork."""
        self.process.check()
        super().forward(*args, **options)

    def set_const(self, *args: Any, **options: Any) -> None:
        """Do as MuJoCo's batch does; raise UsageError in a fork."""
        self.process.check()
        super().set_const(*args, **options)
