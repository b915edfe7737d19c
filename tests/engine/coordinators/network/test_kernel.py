import re

import numba
import numpy as np
import pytest

from batchenv.engine.coordinators.network import MuscleNetwork, muscle_network
from batchenv.engine.coordinators.network.kernel import count_blocks, positive_tanh
from batchenv.engine.coordinators.network.packing import unpack_scaled
from batchenv.errors import InputError
from tests.engine.coordinators.network.examples import (
    numpy_twin,
    random_inputs,
    random_layout,
    random_state,
    run,
    small_layout,
    torch_twin,
)

# ---------------------------------------------------------------- layout


def test_inputs_are_crossings_and_torques():
    layout = small_layout()
    assert (layout.previous, layout.weight) == (slice(0, 0), slice(0, 0))
    assert (layout.jta, layout.torque) == (slice(0, 5), slice(5, 8))
    assert layout.sizes == (8, 7, 5, 3)


def test_layout_of_a_cascade_begins_with_the_previous_output_and_the_weight():
    layout = small_layout(cascaded=True)
    assert (layout.previous, layout.weight) == (slice(0, 3), slice(3, 4))
    assert (layout.jta, layout.torque) == (slice(4, 9), slice(9, 12))
    assert layout.sizes[0] == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"muscle_ptr": np.array([0, 1, 3])}, "muscle_ptr [0, 1, 3]: expected 4 offsets, for 3 muscles"),
        (
            {"muscle_joint": np.array([0, 0, 1, 1, 3])},
            "muscle_joint [0, 0, 1, 1, 3]: expected 5 indices below 3",
        ),
        ({"hidden": (256, 0)}, "a hidden layer of 0 units: expected between 1 and 4096"),
        ({"hidden": (5000,)}, "a hidden layer of 5000 units: expected between 1 and 4096"),
    ],
)
def test_layout_that_contradicts_itself_is_refused(change, message):
    with pytest.raises(InputError, match=re.escape(message)):
        small_layout(**change)


# ---------------------------------------------------------------- kernel


@pytest.mark.parametrize("bits", [32, 21])
@pytest.mark.parametrize("seed", range(5))
def test_kernel_equals_numpy_and_torch_on_random_inputs(bits, seed):
    layout = random_layout()
    state = random_state(layout, seed)
    network = MuscleNetwork(layout, bits)
    network.load(state)
    jta, torque = random_inputs(layout, seed)
    z, activation = run(network, jta, torque)
    expected_z, expected = numpy_twin(layout, state, jta, torque)
    assert 0.1 < expected.max() < 1.0
    # What the project promises; float32 rounding alone makes 5e-7 of it.
    assert z == pytest.approx(expected_z, abs=1e-5)
    assert activation == pytest.approx(expected, abs=1e-5)
    assert activation == pytest.approx(torch_twin(layout, state, jta, torque), abs=1e-5)


@pytest.mark.parametrize("bits", [32, 21])
@pytest.mark.parametrize(
    ("jta_scale", "torque_scale"), [(100, 1e3), (1e3, 100), (100, 1e4), (1e4, 1e4), (0, 0)]
)
def test_kernel_is_as_near_to_the_exact_network_as_torch_is_on_extreme_inputs(bits, jta_scale, torque_scale):
    layout = random_layout()
    state = random_state(layout)
    network = MuscleNetwork(layout, bits)
    network.load(state)
    torch_error, error = 0.0, 0.0
    for seed in range(20):
        jta, torque = random_inputs(layout, seed, jta_scale, torque_scale)
        exact = numpy_twin(layout, state, jta, torque)[1]
        torch_error = max(torch_error, np.abs(torch_twin(layout, state, jta, torque) - exact).max())
        error = max(error, np.abs(run(network, jta, torque)[1] - exact).max())
    # At 1e4 Nm float32 itself is off by some 1e-5: its own error, measured on Torch, is the yardstick then.
    assert error <= max(1e-5, 5 * torch_error)


def test_sixteen_bits_equal_the_network_they_say_they_are():
    layout = random_layout()
    network = MuscleNetwork(layout, 16)
    network.load(random_state(layout))
    jta, torque = random_inputs(layout)
    _, activation = run(network, jta, torque)
    assert activation == pytest.approx(
        numpy_twin(layout, network.effective_state(), jta, torque)[1], abs=1e-5
    )
    # 1 / 32767 of the largest weight, over the square root of the layers' width.
    assert activation == pytest.approx(numpy_twin(layout, network.state(), jta, torque)[1], abs=2e-4)


@pytest.mark.parametrize("bits", [32, 21, 16])
@pytest.mark.parametrize("hidden", [(), (1,), (16, 80), (33, 97, 144, 200), (640,)])
def test_kernel_equals_numpy_for_any_layer_sizes(bits, hidden):
    layout = small_layout(hidden=hidden)
    network = MuscleNetwork(layout, bits)
    network.load(random_state(layout))
    jta, torque = random_inputs(layout)
    z, activation = run(network, jta, torque)
    expected_z, expected = numpy_twin(layout, network.effective_state(), jta, torque)
    assert z == pytest.approx(expected_z, abs=1e-5)
    assert activation == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_cascade_corrects_the_previous_output(weight):
    layout = small_layout(cascaded=True)
    network = MuscleNetwork(layout)
    network.load(random_state(layout))
    jta, torque = random_inputs(layout)
    previous_z = np.array([-0.5, 0.2, 2.0])
    z, activation = run(network, jta, torque, previous_z, weight)
    expected_z, expected = numpy_twin(layout, network.state(), jta, torque, previous_z, weight)
    assert z == pytest.approx(expected_z, abs=1e-5)
    assert activation == pytest.approx(expected, abs=1e-5)
    if weight == 0.0:
        assert z == pytest.approx(previous_z, abs=1e-7)  # float32


def test_bits_do_not_depend_on_what_lay_on_the_stack():
    layout = random_layout()
    network = MuscleNetwork(layout, 21)
    jta, torque = random_inputs(layout)
    first = run(network, jta, torque)[0]
    run(network, np.full_like(jta, np.nan), torque)
    run(network, np.full_like(jta, 1e30), torque)
    assert np.array_equal(run(network, jta, torque)[0], first)


def test_bits_are_those_of_the_order_of_operations_written_down():
    layout = random_layout()
    network = MuscleNetwork(layout, 21, seed=1)
    one = np.arange(layout.n_crossing) % 7 * 8.0 - 20.0, np.arange(14) * 12.0 - 80.0
    z, _ = run(network, *one)
    twin = float32_twin(layout, network, *one)
    assert np.array_equal(z.astype(np.float32), twin)


def float32_twin(layout, network, jta, torque):
    """The kernel's own order of operations in NumPy: the sum is rounded to float32 after each input."""
    x = np.concatenate([jta, torque]).astype(np.float32) / np.float32(200)
    parameters = unpack_scaled(network.packed, layout.sizes, network.bits)
    for layer, (weight, scale, bias) in enumerate(parameters):
        total = np.zeros(weight.shape[0], np.float32)
        for i in range(x.size):
            total = fused(np.broadcast_to(x[i], total.shape), weight[:, i], total)
        x = fused(total, scale, bias)
        if layer < len(parameters) - 1:
            x = np.where(x > 0, x, np.float32(0.2) * x)
    return x


def fused(a, b, c):
    """a * b + c of float32, rounded once: long double holds the product, and all but always the sum."""
    return (a.astype(np.longdouble) * b.astype(np.longdouble) + c.astype(np.longdouble)).astype(np.float32)


def test_nan_input_makes_nan_activations_not_zeros():
    layout = small_layout()
    jta, torque = random_inputs(layout)
    jta[0] = np.nan
    assert np.isnan(run(MuscleNetwork(layout), jta, torque)[1]).all()


def test_tanh_is_accurate_and_saturates():
    z = np.linspace(-12.0, 30.0, 5001).astype(np.float32)
    values = np.array([positive_tanh(value) for value in z])
    assert values == pytest.approx(
        np.maximum(np.tanh(z.astype(float)), 0), abs=2e-7
    )  # three float32 roundings
    assert values.max() <= 1.0
    assert positive_tanh(np.float32(np.inf)) == 1.0
    assert positive_tanh(np.float32(-np.inf)) == 0.0


def test_kernel_allocates_nothing_on_the_heap():
    @numba.njit
    def loop(weights, bits, sizes, jta, torque, previous_z, z, activation):
        for _ in range(2):
            muscle_network(weights, bits, sizes, jta, torque, previous_z, 1.0, z, activation)

    network = MuscleNetwork(small_layout())
    jta, torque = random_inputs(network.layout)
    loop(network.packed.ctypes.data, 21, network.sizes, jta, torque, np.zeros(0), np.zeros(3), np.zeros(3))
    code = next(iter(loop.inspect_llvm().values()))
    assert "fma" in code
    assert not re.search(r"call.*NRT_(MemInfo_)?[Aa]lloc", code)


@pytest.mark.parametrize(
    ("units", "outputs"), [(1, 64), (64, 64), (80, 80), (81, 128), (144, 144), (256, 256)]
)
def test_blocks_hold_every_output_and_little_else(units, outputs):
    narrow, wide = count_blocks(units)
    assert 64 * narrow + 80 * wide == outputs
