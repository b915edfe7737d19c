import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save

from batchenv.errors import CheckpointError, InputError
from batchenv.learn.policy import Policy, load_policy, make_policy
from batchenv.mdp.columns import Column


def small_policy(rng: np.random.Generator) -> Policy:
    return Policy(
        mean=rng.normal(size=3).astype(np.float32),
        scale=rng.uniform(0.5, 2.0, 3).astype(np.float32),
        weights=(rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(2, 5)).astype(np.float32)),
        biases=(rng.normal(size=5).astype(np.float32), rng.normal(size=2).astype(np.float32)),
        observations=("height", "speed", "phase"),
        actions=("hip", "knee"),
        steps=123,
    )


def test_output_is_the_formula_in_double_precision():
    rng = np.random.default_rng(0)
    policy = small_policy(rng)
    obs = rng.normal(size=(7, 3))
    x = (obs - policy.mean.astype(float)) / policy.scale
    hidden = x @ policy.weights[0].T.astype(float) + policy.biases[0]
    hidden[hidden < 0] = np.exp(hidden[hidden < 0]) - 1
    expected = hidden @ policy.weights[1].T + policy.biases[1]
    actions = policy(obs)
    assert actions.dtype == np.float32
    np.testing.assert_allclose(actions, expected, atol=1e-5)  # float32 against float64
    np.testing.assert_allclose(policy(obs[0]), expected[0], atol=1e-5)


def test_saved_policy_is_loaded_from_file_and_directory(tmp_path: Path):
    policy = small_policy(np.random.default_rng(1))
    policy.save(tmp_path / "policy.safetensors")
    obs = np.random.default_rng(2).normal(size=(4, 3))
    for path in (tmp_path, tmp_path / "policy.safetensors"):
        loaded = load_policy(path)
        np.testing.assert_array_equal(loaded(obs), policy(obs))
        assert (loaded.observations, loaded.actions, loaded.steps) == (
            policy.observations,
            policy.actions,
            123,
        )


def test_acting_needs_no_torch(tmp_path: Path):
    small_policy(np.random.default_rng(1)).save(tmp_path / "policy.safetensors")
    code = (
        "import sys; from batchenv.learn.policy import load_policy; "
        f"load_policy({str(tmp_path)!r})([0, 0, 0]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_observations_of_another_width_are_refused():
    with pytest.raises(InputError, match=r"obs has shape \(2, 4\); expected \(\.\.\., 3\)"):
        small_policy(np.random.default_rng(0))(np.zeros((2, 4)))


class Foreign:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")


@pytest.mark.parametrize(
    ("obs", "message"),
    [
        (Foreign(), r"obs: no array can be made of this Foreign \(RuntimeError: no array\)"),
        ([[1.0], [2.0, 3.0]], "obs: no array can be made of this list"),
        (np.full(3, "x"), "obs have dtype <U1; expected real numbers"),
        (np.full(3, 1j), "obs have dtype complex128"),
        (np.full(3, np.nan), "obs hold numbers that are not finite"),
        (np.full(3, 1e300), "obs hold numbers that are not finite, or too large for float32"),
    ],
)
def test_observations_that_are_no_finite_numbers_are_refused(obs, message: str):
    with pytest.raises(InputError, match=message):
        small_policy(np.random.default_rng(0))(obs)


def test_missing_and_broken_files_are_named(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"There is no policy at .*policy\.safetensors"):
        load_policy(tmp_path)
    file = tmp_path / "policy.safetensors"
    small_policy(np.random.default_rng(0)).save(file)
    whole = file.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="cannot be read as a policy"):
            load_policy(file)
    file.write_bytes(save({"mean": np.zeros(3)}))
    with pytest.raises(CheckpointError, match="no array 'scale'"):
        load_policy(file)


def test_layout_error_names_the_column_that_differs():
    policy = small_policy(np.random.default_rng(0))
    policy.check_layout(policy.observations, policy.actions)
    with pytest.raises(
        CheckpointError, match=r"observation column 1 is 'speeds' .* 'speed'\. Did you mean 'speeds'"
    ):
        policy.check_layout(("height", "speeds", "phase"), policy.actions)
    with pytest.raises(
        CheckpointError, match="3 observation columns, the checkpoint 2: 'phase' is only in this env"
    ):
        replace(policy, observations=("height", "speed")).check_layout(policy.observations, policy.actions)
    with pytest.raises(
        CheckpointError, match="1 action columns, the checkpoint 2: 'knee' is only in the checkpoint"
    ):
        policy.check_layout(policy.observations, ("hip",))


def test_layers_of_another_learner_become_a_policy():
    columns = [Column(name, "1") for name in ("height", "speed", "lean", "hip", "knee")]
    env = SimpleNamespace(obs_layout=columns[:3], action_layout=columns[3:])
    layers = [(np.ones((2, 3)), np.zeros(2))]
    policy = make_policy(layers, env, mean=[2.0, 2.0, 2.0], scale=[4.0, 4.0, 4.0], steps=7)
    assert policy([6.0, 6.0, 6.0]).tolist() == [3.0, 3.0]
    assert (policy.steps, policy.observations, policy.actions) == (
        7,
        ("height", "speed", "lean"),
        ("hip", "knee"),
    )
    assert make_policy(layers, env)([6.0, 6.0, 6.0]).tolist() == [18.0, 18.0]
    for wrong, message in (
        ([(np.ones((3, 2)), np.zeros(3))], "it has 3 outputs for 2 actions"),
        ([(np.ones((5, 4)), np.zeros(5)), (np.ones((2, 5)), np.zeros(2))], "weight_0"),
        ([(np.full((2, 3), np.nan), np.zeros(2))], "does not hold finite"),
        ([], "no array 'weight_0'"),
    ):
        with pytest.raises(InputError, match=f"no policy can be made of these layers: .*{message}"):
            make_policy(wrong, env)
