"""The muscle network on a Warp device: one matrix product for each layer, over all worlds at once."""

# Warp compiles annotations and calls that Pyright reads as plain Python.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportInvalidTypeForm=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# pyright: reportAssignmentType=false

from itertools import pairwise
from typing import Any

import numpy as np
import warp as wp

from batchenv.engine.coordinators.network import MuscleNetwork
from batchenv.engine.coordinators.network.layout import LEAKY_SLOPE, PREVIOUS_SCALE, TORQUE_SCALE
from batchenv.engine.coordinators.shared_network import NetworkCoordinator

wp.set_module_options({"enable_backward": False})

# Worlds, units and inputs that a block of threads multiplies at once, and its threads.
TILE_WORLDS, TILE_UNITS, TILE_INPUTS, THREADS = 16, 16, 32, 64


@wp.kernel
def fill_inputs(
    jta: wp.array2d[float],
    torque: wp.array2d[float],
    previous: wp.array2d[float],
    weight: float,
    inputs: wp.array2d[float],
):
    """The columns of `MuscleNetLayout` (N, I); `previous` has none unless the network is cascaded."""
    world, k = wp.tid()
    n_previous, n_crossing = previous.shape[1], jta.shape[1]
    start = wp.where(n_previous > 0, n_previous + 1, 0)
    if k < n_previous:
        inputs[world, k] = PREVIOUS_SCALE * previous[world, k]
    elif k < start:
        inputs[world, k] = weight
    elif k < start + n_crossing:
        inputs[world, k] = jta[world, k - start] / TORQUE_SCALE
    else:
        inputs[world, k] = torque[world, k - start - n_crossing] / TORQUE_SCALE


@wp.kernel
def multiply(x: wp.array2d[float], weights: wp.array2d[float], y: wp.array2d[float]):
    """y = x weights, a tile of worlds and units by each block; what lies outside the arrays counts as 0.

    Args:
        x: (N, I).
        weights: (I, U).
        y: out (N, U).
    """
    i, j = wp.tid()
    total = wp.tile_zeros(shape=(TILE_WORLDS, TILE_UNITS), dtype=float)
    for k in range((x.shape[1] + TILE_INPUTS - 1) // TILE_INPUTS):
        a = wp.tile_load(x, shape=(TILE_WORLDS, TILE_INPUTS), offset=(i * TILE_WORLDS, k * TILE_INPUTS))
        b = wp.tile_load(weights, shape=(TILE_INPUTS, TILE_UNITS), offset=(k * TILE_INPUTS, j * TILE_UNITS))
        wp.tile_matmul(a, b, total)
    wp.tile_store(y, total, offset=(i * TILE_WORLDS, j * TILE_UNITS))


@wp.kernel
def rectify(bias: wp.array[float], y: wp.array2d[float]):
    """LeakyReLU of y + bias, in place (N, U)."""
    world, unit = wp.tid()
    value = y[world, unit] + bias[unit]
    y[world, unit] = wp.max(value, LEAKY_SLOPE * value)


@wp.kernel
def add_outputs(
    y: wp.array2d[float],
    bias: wp.array[float],
    weight: float,
    previous: wp.array2d[float],
    z: wp.array2d[float],
):
    """z = previous z + weight * (y + bias) (N, M)."""
    world, m = wp.tid()
    value = weight * (y[world, m] + bias[m])
    if previous.shape[1] > 0:
        value += previous[world, m]
    z[world, m] = value


@wp.kernel
def bound_outputs(
    at_activation: int,
    z: wp.array2d[float],
    lower: wp.array2d[float],
    upper: wp.array2d[float],
    user: wp.array2d[float],
):
    """Activations relu(tanh(z)), cut to what the muscles' dynamics let them reach (N, M)."""
    world, m = wp.tid()
    activation = wp.max(0.0, wp.tanh(z[world, m]))
    user[world, at_activation + m] = wp.min(upper[world, m], wp.max(lower[world, m], activation))


class DeviceNetworks:
    """The networks of a coordinator on the current device, and room for what they compute.

    Args:
        coordinator: owns the parameters.
        num_worlds: N.
    """

    def __init__(self, coordinator: NetworkCoordinator, num_worlds: int):
        chain = [(coordinator.network, coordinator.law.weight)]
        if coordinator.base is not None:
            chain.insert(0, (coordinator.base, 1.0))
        self._stages = [_Stage(network, weight, num_worlds) for network, weight in chain]
        self._none = wp.zeros((num_worlds, 0), dtype=float)

    def refresh(self) -> None:
        """Take over parameters that were loaded since."""
        for stage in self._stages:
            stage.refresh()

    def evaluate(self, jta: Any, torque: Any, bounds: tuple[Any, Any], at_activation: int, user: Any) -> None:
        """Launch the networks.

        Args:
            jta: (N, nnz) [Nm].
            torque: required (N, J) [Nm].
            bounds: of activations, lower and upper (N, M).
            at_activation: first column of the activations in `user`.
            user: out, rows of `userdata`.
        """
        z = self._none
        for stage in self._stages:
            z = stage.evaluate(jta, torque, z)
        wp.launch(bound_outputs, z.shape, [at_activation, z, *bounds], [user])


class _Stage:
    """One network of the chain."""

    def __init__(self, network: MuscleNetwork, weight: float, num_worlds: int):
        self._network, self._weight = network, float(weight)
        sizes = network.layout.sizes
        self._units = [wp.zeros((num_worlds, size), dtype=float) for size in sizes]
        self._weights = [wp.zeros(shape, dtype=float) for shape in pairwise(sizes)]
        self._biases = [wp.zeros(size, dtype=float) for size in sizes[1:]]
        self._z = wp.zeros((num_worlds, sizes[-1]), dtype=float)
        self._packed = np.zeros_like(network.packed)

    def refresh(self) -> None:
        """Copy the parameters, rounded as the kernel for one world has them, if they have changed."""
        if np.array_equal(self._packed, self._network.packed):
            return
        self._packed[:] = self._network.packed
        values = [*self._network.effective_state().values()]
        for matrix, bias, own, own_bias in zip(
            values[::2], values[1::2], self._weights, self._biases, strict=True
        ):
            own.assign(np.ascontiguousarray(matrix.T))
            own_bias.assign(bias)

    def evaluate(self, jta: Any, torque: Any, previous: Any) -> Any:
        """Launch the layers; return z (N, M)."""
        wp.launch(fill_inputs, self._units[0].shape, [jta, torque, previous, self._weight], [self._units[0]])
        for x, weights, bias, y in zip(
            self._units, self._weights, self._biases, self._units[1:], strict=False
        ):
            tiles = [-(-y.shape[0] // TILE_WORLDS), -(-y.shape[1] // TILE_UNITS)]
            wp.launch_tiled(multiply, dim=tiles, inputs=[x, weights], outputs=[y], block_dim=THREADS)
            if y is not self._units[-1]:
                wp.launch(rectify, y.shape, [bias], [y])
        given = [self._units[-1], self._biases[-1], self._weight, previous]
        wp.launch(add_outputs, self._z.shape, given, [self._z])
        return self._z
