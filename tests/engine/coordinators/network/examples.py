"""Layouts, parameters and inputs of muscle networks, and what they compute in plain NumPy and in Torch."""

import numpy as np
import pytest

from batchenv.engine.coordinators.network import MuscleNetLayout, init_state, muscle_network

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
