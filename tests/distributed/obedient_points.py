"""Point masses that can be told, by a file, to wait, to fail, or to die."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from tests.learn.point_mass import PointMass


class Obedient(PointMass):
    """Point masses that do what a file says: "fail", "die" or "wait", until a file `go` is beside it."""

    def __init__(self, num_envs: int, first_world: int, orders: Path | None):
        super().__init__(num_envs)
        self._first_world, self._orders = first_world, orders

    def reset(self, seed: int | None = None) -> np.ndarray:
        return super().reset(None if seed is None else seed + 1000 * self._first_world)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self._orders is not None and self._orders.exists():
            word = self._orders.read_text()
            if word == "die":
                os._exit(1)  # and so do all that come after
            self._orders.unlink()
            if word == "fail":
                raise InputError("told to fail")
            while not self._orders.with_name("go").exists():
                time.sleep(0.05)
        return super().step(actions)


@dataclass(frozen=True)
class MakePoints:
    """Builds point masses; those of one runner read their orders from a file, or die unbuilt by "stillborn".

    Args:
        orders: the file; None for no orders.
        obedient: first world of the runner that reads it.
    """

    orders: Path | None = None
    obedient: int = 16

    def __call__(self, first_world: int, num_envs: int, num_threads: int) -> Obedient:
        reads = self.orders if first_world == self.obedient else None
        if reads is not None and reads.exists() and reads.read_text() == "stillborn":
            reads.unlink()
            os._exit(1)
        return Obedient(num_envs, first_world, reads)
