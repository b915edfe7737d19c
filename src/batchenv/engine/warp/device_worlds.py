"""Worlds on a Warp device, wherever their state is read: model, data, and the launch of all substeps."""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, NoReturn

import mujoco
import mujoco_warp as mjw
import numpy as np
import warp as wp
from mujoco_warp._src.types import OverflowType
from numpy.typing import NDArray

from batchenv.engine.law import ControlLaw, adapt_model, check_law, describe, network_coordinator
from batchenv.engine.record import Layout
from batchenv.engine.snapshot import Snapshot, check_snapshot
from batchenv.engine.warp.control import Control
from batchenv.engine.warp.support import (
    CONTACTS,
    bare_worlds,
    check_supported,
    chosen_device,
    compiling,
    taken,
)
from batchenv.engine.worlds import BodyType
from batchenv.errors import EngineError, UsageError

Array = NDArray[np.float64]

# Fields of a world's state, in the order of a snapshot's rows.
STATE = ("time", "qpos", "qvel", "act", "qacc_warmstart", "userdata")
# What `mujoco_warp.Data.overflow` says: a world is lost, or contacts of some world are.
WORLD_FULL = int(OverflowType.NEFC | OverflowType.NJMAX_NNZ)
CONTACTS_LOST = int(OverflowType.BROADPHASE | OverflowType.NARROWPHASE)
# Warp captures whatever any thread launches meanwhile, so worlds of several batches step one after another.
ALONE = threading.RLock()


class DeviceWorlds(ABC, Generic[BodyType]):
    """N worlds of one body on a Warp device, stepped by MuJoCo Warp with the control law in every substep.

    Args:
        body: what moves.
        law: how targets become forces.
        num_worlds: N.
        substeps: physics steps in one `step`, at least 2.
        device: "cpu" or "cuda"; by default a CUDA device if there is one.
        measured: as of `Worlds`; not supported.

    Attributes:
        failed: worlds that diverged, lie at rest, and are not reset yet (N,).
        coordinator: the muscle network, or None where none coordinates.
        layout: where the slots of `userdata` lie.
        num_threads: of the host that step worlds: 1.

    Raises:
        BodyError: the body cannot be steered.
        UsageError: the law asks for parts that do not go together or are not supported, or there is no such
            device.
    """

    failed: Any

    def __init__(
        self,
        body: BodyType,
        law: ControlLaw,
        num_worlds: int,
        substeps: int,
        device: str | None = None,
        *,
        measured: bool = False,
    ):
        self.body, self.law, self.num_worlds, self.substeps = body, law, num_worlds, substeps
        self.num_threads, self.measured = 1, measured
        self.device = chosen_device(device)
        mechanism = body.mechanism()
        check_law(mechanism, law)
        check_supported(mechanism, law, measured=measured)
        adapt_model(mechanism, law)
        self.coordinator = network_coordinator(mechanism, law, num_worlds)
        values = describe(mechanism, law, substeps, self.coordinator, measured=measured)
        self.layout = Layout.of(values.slots)
        self._cleared = self.layout.cleared(values.cleared)
        mechanism = body.mechanism(self.layout.size)
        adapt_model(mechanism, law)
        self.model = mechanism.model
        with wp.ScopedDevice(self.device):
            self._control = Control(mechanism, law, values, self.layout, num_worlds, self.coordinator)
            self._m, self._d = bare_worlds(self.model, num_worlds)
        self._m.callback.control = self._control
        self._stepped, self._graph = False, None
        self._slots: dict[str, Any] = {}
        self._hold()

    @property
    def timestep(self) -> float:
        """Length of a substep [s]."""
        return float(self.model.opt.timestep)

    @property
    def bytes_per_world(self) -> float:
        """Memory on the device that a world takes, without what MuJoCo Warp allocates within a step [B]."""
        return (taken(self._d) + taken(self._control)) / self.num_worlds

    @abstractmethod
    def bind(self, name: str) -> Any:
        """Array (num_worlds, ...) of an MjData field, by MuJoCo's name, up to date after each step."""

    def slot(self, name: str) -> Any:
        """Live view of a slot of `userdata` (num_worlds, ...), by the name that its part declares."""
        if name not in self._slots:
            rows = self.bind("userdata")[:, self.layout.columns(name)]
            self._slots[name] = rows.reshape((self.num_worlds, *self.layout.shapes[name]))
        return self._slots[name]

    def mean_of(self, name: str) -> Any:
        """Return a sum that is known one substep late as a mean over the step's substeps but the last."""
        return self.slot(name) / (self.substeps - 1)

    def set_targets(self, target: Any, rate: Any = None, acceleration: Any = None, ramp: Any = None) -> None:
        """Set the targets of all actuators for the next step; see `Worlds.set_targets`."""
        self.slot("excitation" if self.law.actuator == "muscle" else "target")[:] = target
        given = {"target_rate": rate, "target_acceleration": acceleration, "target_ramp": ramp}
        for name, values in given.items():
            if values is not None:
                self.slot(name)[:] = values

    def choose_samples(self, draws: np.ndarray) -> None:
        """Do nothing: no samples are kept."""

    def snapshot(self) -> Snapshot:
        """Copy the state of all worlds, for `restore`."""
        return Snapshot(np.hstack([self._read(name).reshape(self.num_worlds, -1) for name in STATE]))

    def check_snapshot(self, snapshot: Any) -> None:
        """Refuse a snapshot that `restore` cannot take over completely.

        Raises:
            InputError: it is no snapshot, of another number of worlds or another body, or damaged.
        """
        check_snapshot(snapshot, self.snapshot().state, self.model, {})

    def restore(self, snapshot: Snapshot) -> None:
        """Restore all worlds from a snapshot.

        Raises:
            InputError: it is no snapshot, of another number of worlds or another body, or damaged.
        """
        self.check_snapshot(snapshot)
        start = 0
        for name in STATE:
            shape = self._read(name).shape
            width = int(np.prod(shape[1:]))
            self._write(name, snapshot.state[:, start : start + width].reshape(shape))
            start += width
        self.failed[:] = False

    def own_model(self, world: int) -> mujoco.MjModel:
        """Return the model of one world, which is that of all."""
        return self.model

    @property
    def batch(self) -> NoReturn:
        """Refuse MuJoCo's batch, which this engine does not have."""
        self._refuse("MuJoCo's data of single worlds")

    def is_expanded(self, name: str) -> bool:
        """Whether worlds have their own values of a model field: never."""
        return False

    def expand(self, name: str) -> NoReturn:
        """Refuse fields of the model of each world's own."""
        self._refuse(f"{name} of each world's own")

    def own(self, name: str) -> NoReturn:
        """Refuse parts of each world's own."""
        self._refuse(f"{name} of each world's own")

    def measure(self, ids: np.ndarray) -> NoReturn:
        """Refuse derived fields that are brought up to a state."""
        self._refuse("derived fields at the end of a step")

    @abstractmethod
    def _hold(self) -> None:
        """Bind the fields of the state, where it is read and written; the last part of the constructor."""

    @abstractmethod
    def _read(self, name: str) -> Array:
        """Field of the state of all worlds (N, ...)."""

    @abstractmethod
    def _write(self, name: str, values: Array) -> None:
        """Set a field of the state of all worlds (N, ...)."""

    def _field(self, name: str) -> Any:
        """Warp's array of a field (N, ...).

        Raises:
            UsageError: there is none.
        """
        array = getattr(self._d, name, None)
        if not isinstance(array, wp.array) or array.shape[0] != self.num_worlds:
            raise UsageError(f"engine 'warp' has no field {name!r} of worlds; give engine 'numba'")
        return array

    def _refuse(self, what: str) -> NoReturn:
        raise UsageError(f"engine 'warp' does not support {what}; give environment.simulation.engine 'numba'")

    def _take_substeps(self) -> None:
        """Launch all substeps: the first time one by one, which loads all kernels, then as one graph."""
        if self._graph is None and self._stepped:
            with wp.ScopedCapture() as capture:
                deque(self._launched(), maxlen=0)
            self._graph = capture.graph
        if self._graph is None:
            deque(self._launched(), maxlen=0)
        else:
            wp.capture_launch(self._graph)

    def _launched(self) -> Iterator[None]:
        """Launch one substep after another."""
        for k in range(self.substeps):
            self._control.substep = k
            mjw.step(self._m, self._d)
            if k < self.substeps - 1:  # sums are over all substeps but the last, as those of `Worlds`
                self._control.after(self._d)
            yield

    def _noticed(self) -> AbstractContextManager[None]:
        """Announce the first step alone, see `compiling`."""
        return nullcontext() if self._stepped else compiling()


def crowded() -> EngineError:
    """Return the error of worlds that have lost contacts."""
    return EngineError(
        f"the worlds have more than {CONTACTS} contacts each, which is more than there is room for: "
        "give environment.simulation.engine 'numba'"
    )
