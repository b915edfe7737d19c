"""N worlds of one body on a Warp device, whose state stays there as Torch tensors."""

from typing import Any

import mujoco
import numpy as np
import torch
import warp as wp
from numpy.typing import NDArray

from batchenv.engine.warp.device_worlds import (
    ALONE,
    CONTACTS_LOST,
    STATE,
    WORLD_FULL,
    DeviceWorlds,
)
from batchenv.engine.worlds import BodyType
from batchenv.errors import UsageError

Array = NDArray[np.float64]
Tensor = torch.Tensor


class TensorWorlds(DeviceWorlds[BodyType]):
    """N worlds of one body whose state never leaves the device: all arrays are Torch tensors, in float32.

    `qpos`, `qvel`, `act`, `time` and what `bind` and `slot` return are views of MuJoCo Warp's own arrays.
    Arguments are those of `DeviceWorlds`. Warp's stream waits for Torch's default one and that for Warp's;
    whoever changes Torch's stream orders them.

    Attributes:
        failed: worlds that diverged, lie at rest, and are not reset yet (N,) bool.
        crowded: worlds that lost contacts in the last step, for want of room (N,) bool.
        torch_device: Torch's name of the device.
    """

    failed: Tensor

    def _hold(self) -> None:
        self.torch_device = usable_device(str(wp.device_to_torch(self.device)))
        self._bound: dict[str, Tensor] = {}
        self.time, self.qpos, self.qvel, self.act, self._warmstart, self._user = map(self.bind, STATE)
        self._cleared_columns = self.tensor(self._cleared)
        self._first_qpos = self.tensor(self.model.qpos0).float()
        self.failed = torch.zeros(self.num_worlds, dtype=torch.bool, device=self.torch_device)
        self.crowded = self.failed.clone()

    def tensor(self, array: Any) -> Tensor:
        """Copy an array to the device."""
        return torch.from_numpy(np.array(array)).to(self.torch_device)

    def bind(self, name: str) -> Tensor:
        """Live (num_worlds, ...) view of a field of MuJoCo Warp's data, by MuJoCo's name."""
        if name not in self._bound:
            self._bound[name] = wp.to_torch(self._field(name))
        return self._bound[name]

    def step(self) -> None:
        """Advance all worlds by `substeps`; those whose state became bad fail, see `fail`."""
        self._user[:, self._cleared_columns] = 0.0
        with ALONE, wp.ScopedDevice(self.device), self._noticed():
            self._control.refresh()
            self._take_substeps()
        self._stepped = True
        full = self.bind("overflow")
        sound = (self.qpos.abs() < mujoco.mjMAXVAL).all(dim=1) & (self.qvel.abs() < mujoco.mjMAXVAL).all(
            dim=1
        )
        sound &= self.act.isfinite().all(dim=1) & self._user.isfinite().all(dim=1)
        sound &= (full & WORLD_FULL) == 0
        self.crowded = sound & ((full & CONTACTS_LOST) != 0)
        full.zero_()
        self.fail(~sound)

    def fail(self, mask: Tensor) -> None:
        """Flag worlds of a mask (N,) as failed, and put them at rest."""
        self.failed = self.failed | mask
        for name in STATE:
            field = self.bind(name)
            rest = self._first_qpos if name == "qpos" else field.new_zeros(())
            field.copy_(torch.where(mask.reshape(-1, *[1] * (field.ndim - 1)), rest, field))

    def reset(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Put worlds into states of the host, their muscles at rest; derived fields follow with a step.

        Args:
            ids: worlds (n,).
            qpos: (n, nq).
            qvel: (n, nv).
        """
        rows = self.tensor(ids)
        for name in STATE:
            self.bind(name)[rows] = 0.0
        self.qpos[rows], self.qvel[rows] = self.tensor(qpos).float(), self.tensor(qvel).float()
        self.failed[rows] = False

    def _read(self, name: str) -> Array:
        return self.bind(name).cpu().numpy().astype(np.float64)

    def _write(self, name: str, values: Array) -> None:
        self.bind(name).copy_(self.tensor(values))


def usable_device(name: str) -> torch.device:
    """Return Torch's device of a name.

    Raises:
        UsageError: Torch cannot use it, although Warp can.
    """
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(
            f"device {name!r}: Warp finds it, but Torch {torch.__version__} does not; install a build of "
            "Torch for CUDA, or give device 'cpu'"
        )
    return torch.device(name)
