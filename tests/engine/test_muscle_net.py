import re

import numba
import numpy as np
import pytest

from batchenv.engine.muscle_net import MuscleNetLayout, MuscleNetwork, init_state, muscle_network
from batchenv.engine.muscle_net.kernel import count_blocks, positive_tanh
from batchenv.engine.muscle_net.packing import pack, unpack_scaled
from batchenv.errors import InputError

MUSCLES = ("glutmax", "recfem", "soleus")
JOINTS = ("hip", "knee", "ankle")


def small_layout(**changes):
    """Three muscles that cross hip; hip and knee; knee and ankle."""
    arguments = {
        "muscle_names": MUSCLES,
        "joint_names": JOINTS,
        "muscle_ptr": np.array([0, 1, 3, 5], np.int32),
        "muscle_joint": np.array([0, 0, 1, 1, 2], np.int32),
        "hidden": (7, 5),
    }
    return MuscleNetLayout(**arguments | changes)


def random_layout(n_muscle=80, n_joint=14, n_crossing=228, hidden=(256, 256, 256), cascaded=False):
    """As many muscles, joints and crossings as the legs of myo_sim have."""
    rng = np.random.default_rng(5)
    pairs = np.sort(rng.choice(n_muscle * n_joint, n_crossing, replace=False))
    ptr = np.searchsorted(pairs, np.arange(n_muscle + 1) * n_joint)
    return MuscleNetLayout(
        muscle_names=tuple(f"muscle {m}" for m in range(n_muscle)),
        joint_names=tuple(f"joint {j}" for j in range(n_joint)),
        muscle_ptr=ptr.astype(np.int32),
        muscle_joint=(pairs % n_joint).astype(np.int32),
        hidden=hidden,
        cascaded=cascaded,
    )


def random_state(layout, seed=0, bias=0.1):
    rng = np.random.default_rng(seed)
    state = init_state(layout, rng)
    return {k: v + rng.normal(0, bias, v.shape).astype(np.float32) * (v.ndim == 1) for k, v in state.items()}


def random_inputs(layout, seed=0, jta_scale=50.0, torque_scale=100.0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, jta_scale, layout.n_crossing), rng.normal(0, torque_scale, len(layout.joint_names))


def run(network, jta, torque, previous_z=(), weight=1.0):
    z, activation = np.empty(network.layout.n_muscle), np.empty(network.layout.n_muscle)
    muscle_network(
        network.packed.ctypes.data, network.bits, network.sizes,
        jta, torque, np.array(previous_z, float), weight,
        z, activation,
    )  # fmt: skip
    return z, activation


def numpy_twin(layout, state, jta, torque, previous_z=(), weight=1.0):
    """What `MuscleNetLayout` and `muscle_network` say, in float64."""
    x = np.concatenate([0.5 * np.array(previous_z), [weight] * layout.cascaded, jta / 200, torque / 200])
    n_layer = len(layout.sizes) - 1
    for layer in range(n_layer):
        x = state[f"fc.{2 * layer}.weight"].astype(float) @ x + state[f"fc.{2 * layer}.bias"]
        if layer < n_layer - 1:
            x = np.where(x > 0, x, 0.2 * x)
    z = weight * x + (np.array(previous_z) if layout.cascaded else 0.0)
    return z, np.maximum(np.tanh(z), 0)


def torch_twin(layout, state, jta, torque):
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.concatenate([jta, torque]), dtype=torch.float32) / 200
    n_layer = len(layout.sizes) - 1
    for layer in range(n_layer):
        weight, bias = (torch.tensor(state[f"fc.{2 * layer}.{part}"]) for part in ("weight", "bias"))
        x = torch.nn.functional.linear(x, weight, bias)
        if layer < n_layer - 1:
            x = torch.nn.functional.leaky_relu(x, 0.2)
    return torch.relu(torch.tanh(x)).numpy()


# ---------------------------------------------------------------- layout


def test_layout_names_every_column():
    layout = small_layout()
    assert layout.input_names == (
        "JtA[glutmax, hip]", "JtA[recfem, hip]", "JtA[recfem, knee]", "JtA[soleus, knee]",
        "JtA[soleus, ankle]",
        "torque[hip]", "torque[knee]", "torque[ankle]",
    )  # fmt: skip
    assert layout.output_names == ("z[glutmax]", "z[recfem]", "z[soleus]")
    assert layout.sizes == (8, 7, 5, 3)


def test_layout_of_a_cascade_begins_with_the_previous_output_and_the_weight():
    layout = small_layout(cascaded=True)
    assert layout.input_names[:4] == (
        "previous z[glutmax]",
        "previous z[recfem]",
        "previous z[soleus]",
        "weight",
    )
    assert layout.input_names[layout.jta][0] == "JtA[glutmax, hip]"
    assert layout.input_names[layout.torque] == ("torque[hip]", "torque[knee]", "torque[ankle]")
    assert layout.sizes[0] == len(layout.input_names) == 12


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


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(("bits", "step"), [(32, 0.0), (21, 2.0**-20), (16, 2.0**-15)])
def test_packing_round_trips_within_half_a_step_of_the_largest_weight(bits, step):
    layout = random_layout()
    network = MuscleNetwork(layout, bits)
    state = random_state(layout)
    state["fc.2.weight"][3] = 0.0
    state["fc.2.weight"][4] *= 1e-30
    state["fc.2.weight"][5] *= 1e6
    network.load(state)
    for key, value in network.effective_state().items():
        if key.endswith("bias"):
            assert np.array_equal(value, state[key])
        else:
            largest = np.abs(state[key]).max(axis=1, keepdims=True)
            # 2^-24 on top because the values are float32, and 1e-32 for weights that are below all meaning.
            assert (np.abs(value - state[key]) <= (0.501 * step + 2.0**-24) * largest + 1e-32).all()


def test_packed_weights_lie_on_a_cache_line_and_do_not_move():
    network = MuscleNetwork(small_layout())
    address = network.packed.ctypes.data
    network.load(random_state(network.layout))
    assert network.packed.ctypes.data == address
    assert address % 64 == 0


@pytest.mark.parametrize("bits", [32, 21])
def test_state_comes_back_as_it_was_loaded(bits):
    network = MuscleNetwork(small_layout(), bits)
    state = random_state(network.layout)
    network.load(state)
    for key, value in network.state().items():
        assert np.array_equal(value, state[key])
        value[...] = 0.0  # a copy
    assert network.state()["fc.0.weight"].any()


def test_loading_takes_torch_tensors_numbered_keys_and_other_floats():
    torch = pytest.importorskip("torch")
    network = MuscleNetwork(small_layout())
    state = random_state(network.layout)
    renamed = {
        f"fc{int(k[3]) // 2 + 1}{k[4:]}": torch.tensor(v, requires_grad=True) for k, v in state.items()
    }
    assert list(renamed)[:3] == ["fc1.weight", "fc1.bias", "fc2.weight"]
    network.load(renamed)
    assert np.array_equal(network.state()["fc.2.weight"], state["fc.2.weight"])
    network.load({k: torch.tensor(v).bfloat16() for k, v in state.items()})
    assert network.state()["fc.2.weight"] == pytest.approx(state["fc.2.weight"], rel=2**-8)
    network.load({k: v.astype(np.float64) for k, v in state.items()})
    assert np.array_equal(network.state()["fc.0.bias"], state["fc.0.bias"])


def bad_value(state, value):
    state["fc.2.weight"][1, 2] = value
    return state


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda s: s | {"fc.0.wieght": s["fc.0.bias"]},
            "unknown key 'fc.0.wieght'. Did you mean 'fc.0.weight'?",
        ),
        (lambda s: {k: v for k, v in s.items() if k != "fc.4.bias"}, "key 'fc.4.bias' is missing"),
        (lambda s: s | {"fc1.bias": s["fc.0.bias"]}, "unknown key 'fc1.bias'. Did you mean"),
        (
            lambda s: {"fc1.weight": s["fc.0.weight"]},
            "key 'fc1.bias' is missing; expected fc1.weight, fc1.bias",
        ),
        (
            lambda s: s | {"fc.0.weight": s["fc.0.weight"].T},
            "'fc.0.weight' has shape (8, 7), expected (7, 8)",
        ),
        (
            lambda s: s | {"fc.0.bias": np.zeros(7, int)},
            "'fc.0.bias' has dtype int64, expected floating-point",
        ),
        (lambda s: s | {"fc.0.bias": np.zeros(7, complex)}, "'fc.0.bias' has dtype complex128, expected"),
        (lambda s: bad_value(s, np.nan), "'fc.2.weight' holds nan at (1, 2), 1 such values in all"),
        (lambda s: bad_value(s, -np.inf), "'fc.2.weight' holds -inf at (1, 2)"),
        (
            lambda s: s | {"fc.2.bias": np.full(5, 1e300)},
            "'fc.2.bias' holds 1e+300 at (0,), 5 such values in all",
        ),
        (lambda s: list(s.items()), "list given, expected a mapping"),
    ],
)
def test_refused_state_names_what_is_wrong_and_leaves_the_old_one_working(spoil, message):
    network = MuscleNetwork(small_layout())
    jta, torque = random_inputs(network.layout)
    before = run(network, jta, torque)[0]
    with pytest.raises(InputError, match=re.escape(message)):
        network.load(spoil(random_state(network.layout)))
    assert np.array_equal(run(network, jta, torque)[0], before)


def test_unknown_number_of_bits_is_refused():
    with pytest.raises(InputError, match="weights of 8 bits: expected one of 32, 21, 16"):
        MuscleNetwork(small_layout(), 8)


def test_first_weights_are_xavier_uniform_and_follow_the_seed():
    layout = random_layout()
    state, same, other = (init_state(layout, seed) for seed in (0, 0, 1))
    for key, value in state.items():
        assert np.array_equal(value, same[key])
        if key.endswith("bias"):
            assert not value.any()
            continue
        bound = np.sqrt(6 / sum(value.shape))
        assert 0.99 * bound < np.abs(value).max() <= bound
        assert value.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)  # of a uniform distribution
        assert np.abs(np.corrcoef(value.ravel(), other[key].ravel())[0, 1]) < 0.05


def test_pack_needs_no_more_memory_than_its_bits():
    layout = random_layout()
    weights = sum(int(np.prod(shape)) for shape in layout.parameter_shapes.values())
    for bits in (32, 21, 16):
        state = list(random_state(layout).values())
        packed = pack(list(zip(state[::2], state[1::2], strict=True)), bits)
        assert packed.nbytes <= 1.03 * weights * (64 / 3 if bits == 21 else bits) / 8
