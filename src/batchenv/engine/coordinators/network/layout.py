"""Layout of the muscle network's columns, shared by the kernel and the trainer."""

import functools
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batchenv.errors import InputError

# Torques are divided by this before the first layer [Nm]; Park et al. (SIGGRAPH 2022).
TORQUE_SCALE = 200.0
# Slope of LeakyReLU for negative values.
LEAKY_SLOPE = 0.2
# What a previous network's z is multiplied by among the inputs of a cascade.
PREVIOUS_SCALE = 0.5
MAX_UNITS = 4096


@dataclass(frozen=True, eq=False, kw_only=True)
class MuscleNetLayout:
    """Columns of a network that turns desired joint torques into activations of M muscles.

    Inputs, in this order: for a cascade, the previous network's z (M,) times 0.5 and this network's weight
    (1,); then JtA_reduced (nnz,) / 200 Nm, the torque of each muscle at full activation on each joint it
    crosses, muscle after muscle; then the torques that the muscles are to make (J,) / 200 Nm. Outputs: z
    (M,); the activation is relu(tanh(z)). The order is that of Park et al. (SIGGRAPH 2022).

    Attributes:
        muscle_names: (M,).
        joint_names: primary joints (J,).
        muscle_ptr: muscle m crosses the joints muscle_joint[muscle_ptr[m]:muscle_ptr[m + 1]] (M + 1,).
        muscle_joint: index into joint_names (nnz,).
        hidden: sizes of the hidden layers [units].
        cascaded: whether the network corrects a previous network's output.
    """

    muscle_names: tuple[str, ...]
    joint_names: tuple[str, ...]
    muscle_ptr: NDArray[np.int32]
    muscle_joint: NDArray[np.int32]
    hidden: tuple[int, ...] = (256, 256, 256)
    cascaded: bool = False

    def __post_init__(self) -> None:
        ptr, joint = np.asarray(self.muscle_ptr), np.asarray(self.muscle_joint)
        if ptr.shape != (len(self.muscle_names) + 1,) or ptr[0] != 0 or (np.diff(ptr) < 0).any():
            raise InputError(
                f"muscle_ptr {ptr.tolist()}: expected {len(self.muscle_names) + 1} offsets, for "
                f"{len(self.muscle_names)} muscles, that start at 0 and never fall"
            )
        if joint.shape != (ptr[-1],) or ((joint < 0) | (joint >= len(self.joint_names))).any():
            raise InputError(
                f"muscle_joint {joint.tolist()}: expected {ptr[-1]} indices below {len(self.joint_names)}"
            )
        for units in self.hidden:
            if not 0 < units <= MAX_UNITS:
                raise InputError(f"a hidden layer of {units} units: expected between 1 and {MAX_UNITS}")

    @property
    def n_muscle(self) -> int:
        """M."""
        return len(self.muscle_names)

    @property
    def n_crossing(self) -> int:
        """Number of pairs of a muscle and a joint that it crosses, nnz."""
        return len(self.muscle_joint)

    @property
    def previous(self) -> slice:
        """Input columns of the previous network's z; empty unless cascaded."""
        return slice(0, self.n_muscle if self.cascaded else 0)

    @property
    def weight(self) -> slice:
        """Input column of this network's weight in the cascade; empty unless cascaded."""
        start = self.previous.stop
        return slice(start, start + int(self.cascaded))

    @property
    def jta(self) -> slice:
        """Input columns of JtA_reduced."""
        return slice(self.weight.stop, self.weight.stop + self.n_crossing)

    @property
    def torque(self) -> slice:
        """Input columns of the torques that muscles are to make."""
        return slice(self.jta.stop, self.jta.stop + len(self.joint_names))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Columns of the input, units of the hidden layers, and columns of the output."""
        return (self.torque.stop, *self.hidden, self.n_muscle)

    @functools.cached_property
    def crossing_muscle(self) -> NDArray[np.int32]:
        """Muscle of each entry of JtA_reduced (nnz,)."""
        return np.repeat(np.arange(self.n_muscle, dtype=np.int32), np.diff(self.muscle_ptr))

    @functools.cached_property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter by its key "fc.0.weight", "fc.0.bias", "fc.2.weight", ... as in Torch."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(self.sizes)):
            shapes[f"fc.{2 * layer}.weight"] = (n_out, n_in)
            shapes[f"fc.{2 * layer}.bias"] = (n_out,)
        return shapes
