"""The muscle network as the coordinator of a batch of worlds: its parameters, and what it learns from."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from batchenv.engine.coordinators.network import MuscleNetLayout, MuscleNetwork, muscle_network
from batchenv.engine.coordinators.network.network import StateDict
from batchenv.engine.fields import shared_i32
from batchenv.engine.memory import carray, f32_pointer, stack_f64
from batchenv.engine.record import WORLD_AT, Part, Values

PART = Part(
    numbers={
        "network_bits": np.int64,
        "base_bits": np.int64,
        "network_weight": np.float64,
        "network_sizes_size": np.int64,
        "base_sizes_size": np.int64,
        "samples": np.int64,
    },
    arrays={"network_sizes": np.int32, "base_sizes": np.int32},
    buffers=(
        "network_weights",
        "base_weights",
        "taught",
        "sample_substep",
        "sample_torque",
        "sample_jta_reduced",
        "sample_jta",
    ),
)


@dataclass(frozen=True)
class NetworkSpec:
    """Specification of a muscle network that coordinates the muscles.

    Attributes:
        hidden: sizes of the hidden layers [units].
        state: parameters; None for initial ones drawn from the seed.
        base: parameters of a plain network that this one corrects; None for a network that stands alone.
        weight: weight of the correction: z = base z + weight * network.
        bits: bits in which the kernel holds a weight, see `MuscleNetwork`.
        seed: seed of initial parameters.
        keep_samples: whether one training sample of each step and world is kept.
    """

    hidden: tuple[int, ...] = (256, 256, 256)
    state: StateDict | None = None
    base: StateDict | None = None
    weight: float = 1.0
    bits: int = 21
    seed: int = 0
    keep_samples: bool = False


@dataclass(frozen=True)
class MuscleSamples:
    """Training samples of the muscle network: one of each of N worlds, from a substep of the last step.

    Attributes:
        torque: required torque, without that of passive muscles (N, J) [Nm]; NaN where a world diverged.
        jta_reduced: torque of each muscle at full activation on each joint it crosses, in the order of
            `MuscleNetLayout` (N, nnz) [Nm].
        jta: the same torques by joint and muscle (N, J, M) [Nm].
    """

    torque: NDArray[np.float32]
    jta_reduced: NDArray[np.float32]
    jta: NDArray[np.float32]


class NetworkCoordinator:
    """The network that all worlds share, the one it corrects, and the samples of each world.

    Args:
        law: sizes and parameters.
        muscle_names, joint_names: (M,), (J,).
        ptr, joint: muscle m crosses joint[ptr[m]:ptr[m + 1]] (M + 1,), (nnz,).
        num_worlds: N.

    Attributes:
        network: the network; its `load` sets the parameters.
        base: the plain network that is evaluated before it in a cascade, or None.
        samples: training samples, written by the substeps, or None.
        taught: whether static optimisation coordinates in its place, so that it can learn in the meantime.

    Raises:
        InputError: parameters do not fit.
    """

    def __init__(
        self,
        law: NetworkSpec,
        muscle_names: Sequence[str],
        joint_names: Sequence[str],
        ptr: np.ndarray,
        joint: np.ndarray,
        num_worlds: int,
    ):
        self.law = law
        crossings = (tuple(muscle_names), tuple(joint_names), ptr, joint)
        self.base = None if law.base is None else MuscleNetwork(_layout(*crossings, hidden_of(law.base)))
        if self.base is not None:
            self.base.load(law.base or {})
        layout = _layout(*crossings, law.hidden, cascaded=self.base is not None)
        self.network = MuscleNetwork(layout, law.bits, law.seed)
        if law.state is not None:
            self.network.load(law.state)
        n_joint, n_muscle = len(layout.joint_names), layout.n_muscle
        self.samples = MuscleSamples(
            np.zeros((num_worlds, n_joint), np.float32),
            np.zeros((num_worlds, layout.n_crossing), np.float32),
            np.zeros((num_worlds, n_joint, n_muscle), np.float32),
        ) if law.keep_samples else None  # fmt: skip
        self._substep, self._taught = np.zeros(num_worlds, np.int32), np.zeros(1, np.int32)

    @property
    def taught(self) -> bool:
        return bool(self._taught[0])

    @taught.setter
    def taught(self, taught: bool) -> None:
        self._taught[0] = taught

    def choose(self, draws: np.ndarray, substeps: int, every: int) -> None:
        """Choose which substep of the next step each world keeps, out of those in which the network runs.

        Args:
            draws: uniform numbers in [0, 1) (N,).
            substeps: in a step.
            every: the network runs in every so many of them.
        """
        self._substep[:] = (draws * -(-substeps // every)).astype(np.int32) * every

    def activations(self, jta: NDArray[np.float64], torque: NDArray[np.float64]) -> NDArray[np.float64]:
        """Activations (n, M) that the network gives, without bounds but 0 and 1.

        Args:
            jta: JtA_reduced (n, nnz) [Nm].
            torque: that muscles are to make, passive torques subtracted (n, J) [Nm].
        """
        shape = (len(jta), self.network.layout.n_muscle)
        previous, activation = np.empty((len(jta), 0)), np.empty(shape)
        chain = [(self.network, self.law.weight)] if self.base is None else [
            (self.base, 1.0), (self.network, self.law.weight)
        ]  # fmt: skip
        for network, weight in chain:
            z = np.empty(shape)
            given = (network.packed.ctypes.data, network.bits, network.sizes)
            _evaluate(*given, jta, torque, previous, weight, z, activation)
            previous = z
        return activation

    @property
    def values(self) -> Values:
        """Values of the network in the shared record."""
        base = self.base
        buffers = {"network_weights": self.network.packed, "taught": self._taught}
        if base is not None:
            buffers["base_weights"] = base.packed
        if self.samples is not None:
            buffers["sample_substep"] = self._substep
            buffers |= {f"sample_{name}": array for name, array in vars(self.samples).items()}
        return Values(
            numbers={
                "network_bits": self.network.bits,
                "base_bits": 0 if base is None else base.bits,
                "network_weight": self.law.weight,
                "network_sizes_size": self.network.sizes.size,
                "base_sizes_size": 0 if base is None else base.sizes.size,
                "samples": self.samples is not None,
            },
            arrays={
                "network_sizes": self.network.sizes,
                "base_sizes": np.zeros(0, np.int32) if base is None else base.sizes,
            },
            buffers=buffers,
        )


@numba.njit
def _evaluate(weights, bits, sizes, jta, torque, previous_z, weight, z, activation):
    """Rows of `muscle_network`."""
    for i in range(jta.shape[0]):
        muscle_network(
            weights, bits, sizes,
            jta[i], torque[i], previous_z[i], weight,
            z[i], activation[i],
        )  # fmt: skip


def hidden_of(state: StateDict) -> tuple[int, ...]:
    """Sizes of the hidden layers of a network, by the biases among its parameters [units]."""
    biases = [np.shape(value) for key, value in state.items() if str(key).endswith("bias")]
    return tuple(shape[0] for shape in biases[:-1] if shape)


def _layout(
    muscle_names: tuple[str, ...],
    joint_names: tuple[str, ...],
    ptr: np.ndarray,
    joint: np.ndarray,
    hidden: tuple[int, ...],
    cascaded: bool = False,
) -> MuscleNetLayout:
    return MuscleNetLayout(
        muscle_names=muscle_names,
        joint_names=joint_names,
        muscle_ptr=ptr,
        muscle_joint=joint,
        hidden=hidden,
        cascaded=cascaded,
    )


@numba.njit
def is_taught(block):
    """Whether static optimisation coordinates in the network's place."""
    return shared_i32(block.taught, 1)[0] != 0


@numba.njit
def evaluate_network(block, jta, required, lower, upper, activation):
    """Activations that the muscle network gives, cut to what the muscles' dynamics let them reach."""
    n, n_base = activation.size, block.base_sizes_size - 1
    z = carray(stack_f64(n), (n,))
    previous_z = carray(stack_f64(n), (n if n_base > 0 else 0,))
    if n_base > 0:
        muscle_network(
            block.base_weights,
            block.base_bits,
            shared_i32(block.base_sizes, n_base + 1),
            jta,
            required,
            previous_z[:0],
            1.0,
            previous_z,
            activation,
        )
    muscle_network(
        block.network_weights,
        block.network_bits,
        shared_i32(block.network_sizes, block.network_sizes_size),
        jta,
        required,
        previous_z,
        block.network_weight,
        z,
        activation,
    )
    for m in range(n):
        activation[m] = min(upper[m], max(lower[m], activation[m]))


@numba.njit
def store_sample(block, user, substep, required, jta):
    """Keep the coordinator's problem, in the substep drawn for this world, for a network to learn from."""
    world = np.int64(user[WORLD_AT])
    if substep != shared_i32(block.sample_substep, world + 1)[world]:
        return
    n, nj, nnz = block.n_muscle, block.n_joint, block.n_crossing
    ptr, joint = shared_i32(block.muscle_ptr, n + 1), shared_i32(block.muscle_joint, nnz)
    torque = carray(f32_pointer(block.sample_torque), (world + 1, nj))[world]
    reduced = carray(f32_pointer(block.sample_jta_reduced), (world + 1, nnz))[world]
    dense = carray(f32_pointer(block.sample_jta), (world + 1, nj, n))[world]
    for j in range(nj):
        torque[j] = np.float32(required[j])
    for m in range(n):
        for k in range(ptr[m], ptr[m + 1]):
            reduced[k] = dense[joint[k], m] = np.float32(jta[k])
