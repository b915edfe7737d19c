"""The muscle network as the coordinator of a batch of worlds: its parameters, and what it learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
from numpy.typing import NDArray

from batchenv.engine.muscle_net import MuscleNetLayout, MuscleNetwork, muscle_network
from batchenv.engine.muscle_net.network import StateDict


@dataclass(frozen=True)
class NetworkLaw:
    """A muscle network that coordinates.

    Attributes:
        hidden: sizes of its hidden layers [units].
        state: its parameters; None for first ones drawn from the seed.
        base: parameters of a plain network, evaluated first, that it corrects; None where it stands alone.
        weight: of the correction: z = base z + weight * network.
        bits: in which the kernel holds a weight, see `MuscleNetwork`.
        seed: of first parameters.
        tuples: whether one problem of each step and world is kept to learn from.
    """

    hidden: tuple[int, ...] = (256, 256, 256)
    state: StateDict | None = None
    base: StateDict | None = None
    weight: float = 1.0
    bits: int = 21
    seed: int = 0
    tuples: bool = False


@dataclass(frozen=True)
class MuscleTuples:
    """One problem of the coordinator for each of N worlds, from a substep of the last step.

    Attributes:
        torque: that muscles were to make, passive torques subtracted (N, J) [Nm]; NaN where a world diverged.
        jta_reduced: torque of each muscle at full activation on each joint it crosses, in the order of
            `MuscleNetLayout` (N, nnz) [Nm].
        jta: the same by joint and muscle (N, J, M) [Nm].
    """

    torque: NDArray[np.float32]
    jta_reduced: NDArray[np.float32]
    jta: NDArray[np.float32]


class Named(Protocol):
    """What has muscles and joints: a body."""

    @property
    def muscle_names(self) -> Sequence[str]:
        """(M,)."""
        ...

    @property
    def joint_names(self) -> Sequence[str]:
        """(J,)."""
        ...


class Crossed(Protocol):
    """Muscle m crosses joint[ptr[m]:ptr[m + 1]] (M + 1,), (nnz,)."""

    @property
    def ptr(self) -> np.ndarray: ...

    @property
    def joint(self) -> np.ndarray: ...


class NetworkCoordinator:
    """The network that all worlds share, the one it corrects, and the tuples of each world.

    Args:
        law: sizes and parameters.
        body: names.
        moments: which muscle crosses which joint.
        num_worlds: N.

    Attributes:
        network: what `load` gives parameters to.
        base: the plain network that is evaluated before it in a cascade, or None.
        tuples: written by the substeps, or None.

    Raises:
        InputError: parameters do not fit.
    """

    def __init__(self, law: NetworkLaw, body: Named, moments: Crossed, num_worlds: int):
        self.law = law
        self.base = None if law.base is None else MuscleNetwork(_layout(body, moments, hidden_of(law.base)))
        if self.base is not None:
            self.base.load(law.base or {})
        layout = _layout(body, moments, law.hidden, cascaded=self.base is not None)
        self.network = MuscleNetwork(layout, law.bits, law.seed)
        if law.state is not None:
            self.network.load(law.state)
        n_joint, n_muscle = len(layout.joint_names), layout.n_muscle
        self.tuples = MuscleTuples(
            np.zeros((num_worlds, n_joint), np.float32),
            np.zeros((num_worlds, layout.n_crossing), np.float32),
            np.zeros((num_worlds, n_joint, n_muscle), np.float32),
        ) if law.tuples else None  # fmt: skip
        self._substep = np.zeros(num_worlds, np.int32)

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
    def arrays(self) -> dict[str, np.ndarray]:
        """For the `ControlBlock`: what it copies."""
        return {
            "network_sizes": self.network.sizes,
            "base_sizes": np.zeros(0, np.int32) if self.base is None else self.base.sizes,
        }

    @property
    def scalars(self) -> dict[str, float]:
        """For the `ControlBlock`: numbers."""
        return {
            "network_bits": self.network.bits,
            "base_bits": 0 if self.base is None else self.base.bits,
            "network_weight": self.law.weight,
            "network_sizes_size": self.network.sizes.size,
            "base_sizes_size": 0 if self.base is None else self.base.sizes.size,
            "tuples": self.tuples is not None,
        }

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        """For the `ControlBlock`: what it shares."""
        shared = {"network_weights": self.network.packed}
        if self.base is not None:
            shared["base_weights"] = self.base.packed
        if self.tuples is not None:
            shared["tuple_substep"] = self._substep
            shared |= {f"tuple_{name}": array for name, array in vars(self.tuples).items()}
        return shared


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
    body: Named, moments: Crossed, hidden: tuple[int, ...], cascaded: bool = False
) -> MuscleNetLayout:
    return MuscleNetLayout(
        muscle_names=tuple(body.muscle_names),
        joint_names=tuple(body.joint_names),
        muscle_ptr=moments.ptr,
        muscle_joint=moments.joint,
        hidden=hidden,
        cascaded=cascaded,
    )
