"""Checkpoints and policies that are damaged, or written by somebody who means harm."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from batchenv.errors import CheckpointError
from batchenv.learn.checkpoints import CHECKPOINT_FILE, load_checkpoint
from batchenv.learn.policy import POLICY_FILE, load_policy
from batchenv.learn.training import train
from tests.learn.examples import checkpoint_of, small_config, small_ppo
from tests.learn.point_mass import PointMass
from tests.learn.test_policy import small_policy


def flipped(whole: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(whole)))
    return whole[:place] + bytes([whole[place] ^ 1 << int(rng.integers(8))]) + whole[place + 1 :]


@pytest.mark.parametrize(("name", "load"), [(CHECKPOINT_FILE, load_checkpoint), (POLICY_FILE, load_policy)])
def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path, name: str, load: Callable[[Path], Any]):
    checkpoint_of(1).save(tmp_path)
    small_policy(np.random.default_rng(0)).save(tmp_path / POLICY_FILE)
    whole, rng = (tmp_path / name).read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        (tmp_path / name).write_bytes(flipped(whole, rng))
        with pytest.raises(CheckpointError, match=f"{name} cannot be read as a"):
            load(tmp_path)
    (tmp_path / name).write_bytes(whole)
    assert load(tmp_path) is not None


def test_files_of_older_versions_without_digests_are_read(tmp_path: Path, caplog):
    policy = small_policy(np.random.default_rng(0))
    policy.save(tmp_path / POLICY_FILE)
    texts = {"observations": '["height", "speed", "phase"]', "actions": '["hip", "knee"]', "steps": "123"}
    save_file(load_file(tmp_path / POLICY_FILE), tmp_path / "old.safetensors", texts)
    assert load_policy(tmp_path / "old.safetensors").observations == policy.observations
    assert "old.safetensors has no digest" in caplog.text
    torch.save(fields(), tmp_path / CHECKPOINT_FILE)
    assert load_checkpoint(tmp_path).steps == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": np.zeros(3, np.float32)}, "array 'scale' holds 0, expected positive numbers"),
        ({"scale": -np.ones(3, np.float32)}, "array 'scale' holds -1, expected positive"),
        ({"mean": np.full(3, np.nan, np.float32)}, "'mean' of float32 does not hold finite float32"),
        ({"bias_1": np.full(2, np.inf, np.float32)}, "'bias_1' of float32 does not hold finite"),
        ({"weight_0": np.ones((5, 3))}, "'weight_0' of float64 does not hold finite float32"),
        ({"weight_0": np.ones((5, 4), np.float32)}, r"'weight_0' has shape \(5, 4\), expected \(5, 3\)"),
        ({"mean": np.ones(4, np.float32)}, r"'mean' has shape \(4,\), expected \(3,\)"),
        ({"bias_1": np.ones(7, np.float32)}, "it has 7 outputs for 2 actions"),
        ({"other": np.ones(7, np.float32)}, "an unknown array 'other'"),
        ({"observations": "[1, 2, 3]"}, "the text 'observations' is no list of names"),
        ({"actions": '"ab"'}, "the text 'actions' is no list of names"),
        ({"actions": "[" * 100_000}, "cannot be read as a policy"),
        ({"steps": "-1"}, "the text 'steps' is -1, expected a whole number"),
        ({"steps": "NaN"}, "the text 'steps' is nan"),
        ({"steps": "1" * 5000}, "cannot be read as a policy"),
        ({"author": '"me"'}, "an unknown text 'author'"),
    ],
)
def test_a_policy_that_nobody_could_have_trained_is_refused(tmp_path: Path, change, message: str):
    small_policy(np.random.default_rng(0)).save(tmp_path / POLICY_FILE)
    arrays = load_file(tmp_path / POLICY_FILE)
    texts = {"observations": '["height", "speed", "phase"]', "actions": '["hip", "knee"]', "steps": "123"}
    for name, value in change.items():
        (texts if isinstance(value, str) else arrays)[name] = value
    save_file(arrays, tmp_path / POLICY_FILE, texts)
    with pytest.raises(CheckpointError, match=message):
        load_policy(tmp_path)


def fields(**changes: Any) -> dict[str, Any]:
    return {"format": 1, **vars(checkpoint_of(1)), **changes}


def learner(**changes: Any) -> dict[str, Any]:
    return {"learner": checkpoint_of(1).learner | changes}


def actor(**changes: Any) -> dict[str, Any]:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return learner(actor_state_dict=checkpoint_of(1).learner["actor_state_dict"] | named)


def random(**changes: Any) -> dict[str, Any]:
    return {"random": checkpoint_of(1).random | changes}


def muscles(**changes: Any) -> dict[str, Any]:
    network = {
        "fc.0.weight": torch.ones(3, 4),
        "fc.0.bias": torch.ones(3),
        "fc.2.weight": torch.ones(2, 3),
        "fc.2.bias": torch.ones(2),
    }
    state = {"network": network, "optimizer": {}, "random": torch.Generator().get_state()}
    return {"muscles": state | changes}


def layer(**changes: Any) -> dict[str, Any]:
    return muscles(network=muscles()["muscles"]["network"] | changes)


NUMPY = checkpoint_of(1).random["numpy"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": -1}, "its steps is -1, expected a number from 0 to"),
        ({"steps": True}, "its steps is of type bool, expected int"),
        ({"num_envs": 0}, "its num_envs is 0, expected a number from 1 to"),
        ({"steps": 10**30}, "its steps is 10+, expected a number from 0 to 10"),
        ({"seed": 2**63}, "its seed is 9223372036854775808, expected"),
        ({"config": 3}, "its config is of type int"),
        ({"config": "a: ["}, "its configuration is not YAML"),
        ({"config": "training: {hidden: 3}"}, "its configuration does not give training.hidden"),
        ({"config": "training: {hidden: [4096, 4096]}"}, r"mlp.0.weight .* expected \(4096, 3\)"),
        ({"observations": ("a", "b", 3)}, "its observations are not all names"),
        (
            {"observations": ("a", "b")},
            r"_mean of its actor_state_dict has shape \(1, 3\), expected \(1, 2\)",
        ),
        ({"learner": {}}, "its learner lacks actor_state_dict"),
        (actor(mlp__0__bias=torch.zeros(3)), r"mlp.0.bias .* has shape \(3,\), expected \(2,\)"),
        (actor(mlp__0__bias="x"), r"mlp.0.bias .* has shape None"),
        (actor(mlp__0__bias=torch.tensor([0.0, torch.nan])), "mlp.0.bias holds a number that is not finite"),
        (actor(obs_normalizer___std=-torch.ones(1, 3)), "_std of its actor_state_dict is negative"),
        (actor(distribution__std_param=-torch.ones(2)), "std_param of its actor_state_dict is negative"),
        (learner(optimizer_state_dict={"lr": torch.inf}), "learner.optimizer_state_dict.lr holds a number"),
        (actor(mlp__0__bias=torch.zeros(2).double()), r"mlp.0.bias .* holds torch.float64"),
        ({"muscles": {"network": {}}}, "its muscles are not the state of a muscle network's learner"),
        (muscles(network={}), "its muscle network holds , not the layers of one"),
        (muscles(network="x"), "its muscles lack the weights"),
        (muscles(optimizer=[]), "its muscles lack the weights of the network, or its optimiser"),
        (muscles(random=torch.zeros(7, dtype=torch.uint8)), "state of the muscle network's learner is none"),
        (muscles(random="x"), "state of the muscle network's learner is none"),
        (layer(**{"fc.2.weight": "x"}), r"fc.2.weight of its muscle network has shape None"),
        (layer(**{"fc.2.weight": torch.ones(2, 4)}), r"fc.2.weight .* \(2, 4\), expected \(2, 3\)"),
        (layer(**{"fc.0.bias": torch.ones(2)}), r"fc.0.bias .* \(2,\), expected \(3,\)"),
        (layer(**{"fc.0.weight": torch.ones(3)}), r"fc.0.weight .* \(3,\), expected \(1, 1\)"),
        (layer(**{"fc.0.bias": torch.ones(3).double()}), r"fc.0.bias .* holds torch.float64"),
        (layer(**{"fc.1.bias": torch.ones(3)}), "fc.1.bias, not the layers of one"),
        (random(torch=torch.zeros(5056, dtype=torch.uint8)), "its random state of Torch is none"),
        (random(numpy=("MT19937", torch.zeros(624, dtype=torch.uint32), *NUMPY[2:])), "of NumPy is none"),
        (random(torch=[1, 2]), "its random state of Torch is none"),
        (random(numpy=("MT19937",)), "its random state of NumPy is none"),
        (random(numpy=(*NUMPY[:2], 10**9, *NUMPY[3:])), "its random state of NumPy is none"),
        (random(numpy=("PCG64", *NUMPY[1:])), "its random state of NumPy is none"),
    ],
)
def test_a_checkpoint_that_no_run_could_have_saved_is_refused(tmp_path: Path, changes, message: str):
    torch.save(fields(**changes), tmp_path / CHECKPOINT_FILE)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path)


def test_a_checkpoint_that_could_not_be_loaded_is_not_saved(tmp_path: Path):
    checkpoint_of(1).save(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for changes, message in (
        (muscles(network={"fc.0.weight": "x"}), "at 2 steps is not saved: its muscle network holds"),
        (
            actor(mlp__0__bias=torch.full((2,), torch.nan)),
            "not saved: .*mlp.0.bias holds a number that is not",
        ),
    ):
        with pytest.raises(CheckpointError, match=message):
            replace(checkpoint_of(2), **changes).save(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    replace(checkpoint_of(2), **muscles()).save(tmp_path)
    assert load_checkpoint(tmp_path).muscles is not None


def test_an_optimiser_of_other_parameters_is_refused_before_learning(tmp_path: Path):
    _, ppo = small_ppo(4)
    state = ppo.save()
    moments = {0: {"step": torch.ones(()), "exp_avg": torch.zeros(7), "exp_avg_sq": torch.zeros(7)}}
    for changes, message in (
        ({"state": moments}, "moments of parameter 0: exp_avg is not a float32 tensor of shape"),
        ({"state": {99: {}}}, "no moments of 7 parameters"),
        ({"state": {0: {}}}, "moments of parameter 0 are not step, exp_avg, exp_avg_sq"),
        ({"param_groups": [{"lr": -1.0}]}, r"learning rates are \[-1.0\]"),
        ({"param_groups": [{"lr": "fast"}]}, "learning rates are"),
        ({"param_groups": 7}, "does not fit the networks as configured"),
    ):
        optimizer = state["optimizer_state_dict"]
        optimizer = optimizer | {"actor": optimizer["actor"] | changes}
        checkpoint = replace(checkpoint_of(0), learner=state | {"optimizer_state_dict": optimizer})
        with pytest.raises(CheckpointError, match=message):
            checkpoint.load_into(ppo)


def test_a_state_of_the_worlds_of_another_kind_is_refused(tmp_path: Path):
    config = small_config()
    train(PointMass(32), config, tmp_path, steps=512)
    checkpoint = load_checkpoint(tmp_path)
    for env, message in (
        (checkpoint.env | {"position": "far"}, r"holds str .* has float32 \(32, 2\)"),
        (checkpoint.env | {"random": 3}, "holds int .* has dict"),
        ([1, 2], "holds list .* has dict"),
    ):
        with pytest.raises(CheckpointError, match=message):
            train(PointMass(32), config, tmp_path, steps=1024, resume=replace(checkpoint, env=env))
    for episodes in ({"ended": 3}, checkpoint.episodes | {"ended": [(1, 2)]}, [1]):
        with pytest.raises(CheckpointError, match="episodes"):
            train(PointMass(32), config, tmp_path, steps=1024, resume=replace(checkpoint, episodes=episodes))
    assert load_checkpoint(tmp_path).steps == 512
