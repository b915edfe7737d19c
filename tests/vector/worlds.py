"""Short episodes and actions for the tests of adapters."""

import numpy as np

SHORT = {"environment": {"episode": {"max_seconds": 0.5}, "termination": {"max_tilt": 0.25}}}


def actions_of(step, num_envs, action_dim=14):
    """Actions (num_envs, action_dim) under which some worlds fall before time runs out, others not."""
    return np.random.default_rng(step).uniform(-1.0, 1.0, (num_envs, action_dim)).astype(np.float32)


def same(a, b):
    """Whether infos of two environments are equal, arrays bit for bit, masks and all."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray) and a.dtype == object:
        return a.shape == b.shape and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a is b is None or (np.asarray(a).dtype == np.asarray(b).dtype and np.array_equal(a, b))
