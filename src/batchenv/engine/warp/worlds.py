"""N worlds of one body on a Warp device, whose state lies on the host."""

from collections.abc import Callable

import mujoco
import numpy as np
import warp as wp
from numpy.typing import NDArray

from batchenv.engine.warp.device_worlds import (
    ALONE,
    CONTACTS_LOST,
    STATE,
    WORLD_FULL,
    DeviceWorlds,
    crowded,
)
from batchenv.engine.worlds import BodyType

Array = NDArray[np.float64]

# Fields beside the state that may be written between steps.
APPLIED = ("qfrc_applied", "xfrc_applied")


class WarpWorlds(DeviceWorlds[BodyType]):
    """N worlds of one body on a Warp device; stands in for `Worlds` where its parts are supported.

    The state of the worlds lives in float64 arrays of the host, as that of `Worlds` does. A step copies it to
    the device, takes all substeps there, and copies the results back: one transfer each way in a control
    step. The physics is MuJoCo Warp's, in float32. Arguments are those of `DeviceWorlds`.
    """

    failed: NDArray[np.bool_]

    def _hold(self) -> None:
        self.failed = np.zeros(self.num_worlds, bool)
        self._host: dict[str, np.ndarray] = {}
        self.time, self.qpos, self.qvel, self.act, self._warmstart, self._user = map(self.bind, STATE)

    def bind(self, name: str) -> np.ndarray:
        """Array (num_worlds, ...) of an MjData field, by MuJoCo's name, up to date after each step.

        What is written to fields of the state, and to applied forces, acts in the next step.
        """
        if name not in self._host:
            self._host[name] = self._field(name).numpy().astype(np.float64)
        return self._host[name]

    def step(self, watch: Callable[[], None] | None = None, ids: np.ndarray | None = None) -> None:
        """Advance worlds by `substeps`.

        Worlds whose state became bad are flagged in `failed` and lie at rest until they are reset.

        Args:
            watch: called after every substep, as of `Worlds.step`.
            ids: which worlds (n,); None for all. All of them are computed.

        Raises:
            EngineError: the worlds have more contacts together than there is room for.
        """
        self._user[:, self._cleared] = 0.0
        with ALONE, wp.ScopedDevice(self.device), self._noticed():
            for name in (*STATE, *(name for name in APPLIED if name in self._host)):
                getattr(self._d, name).assign(self._host[name])
            self._control.refresh()
            if watch is None:
                self._take_substeps()
                self._fetch(ids)
            else:
                for _ in self._launched():
                    self._fetch(ids)
                    watch()
        self._stepped = True
        self._inspect()

    def reset(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Put worlds into a state, their muscles at rest; derived fields follow with a step.

        Args:
            ids: worlds (n,).
            qpos: (n, nq).
            qvel: (n, nv).
        """
        self._lay_down(ids)
        self.qpos[ids], self.qvel[ids] = qpos, qvel
        self.failed[ids] = False

    def fail(self, ids: np.ndarray) -> None:
        """Flag worlds (n,) as failed, and put them at rest."""
        self.failed[ids] = True
        self._lay_down(ids)

    def _read(self, name: str) -> Array:
        return self._host[name]

    def _write(self, name: str, values: Array) -> None:
        self._host[name][:] = values

    def _fetch(self, ids: np.ndarray | None) -> None:
        """Copy what is bound from the device."""
        rows = slice(None) if ids is None else ids
        for name, host in self._host.items():
            if name not in APPLIED:
                host[rows] = getattr(self._d, name).numpy()[rows]

    def _inspect(self) -> None:
        """Fail the worlds that diverged, by the bounds of `mj_checkPos` and `mj_checkVel`, or that had more
        constraints than there is room for.

        Raises:
            EngineError: some world has lost contacts.
        """
        full = self._d.overflow.numpy().copy()
        self._d.overflow.zero_()
        with np.errstate(invalid="ignore"):
            sound = (np.abs(self.qpos) < mujoco.mjMAXVAL).all(axis=1)
            sound &= (np.abs(self.qvel) < mujoco.mjMAXVAL).all(axis=1)
        sound &= np.isfinite(self.act).all(axis=1) & np.isfinite(self._user).all(axis=1)
        sound &= full & WORLD_FULL == 0
        if not sound.all():
            self.fail(np.flatnonzero(~sound))
        elif (full & CONTACTS_LOST).any():
            raise crowded()

    def _lay_down(self, ids: np.ndarray) -> None:
        """Put worlds (n,) at rest in the first pose of the model."""
        for name in STATE:
            self._host[name][ids] = 0.0
        self.qpos[ids] = self.model.qpos0
