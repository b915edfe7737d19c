import re

import numpy as np
import pytest

from batchenv.engine.coordinators.network import MuscleNetwork, init_state
from batchenv.engine.coordinators.network.packing import pack
from batchenv.errors import InputError
from tests.engine.coordinators.network.examples import (
    random_inputs,
    random_layout,
    random_state,
    run,
    small_layout,
)


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
