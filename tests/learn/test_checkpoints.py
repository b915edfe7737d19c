import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from batchenv.errors import CheckpointError
from batchenv.learn.checkpoints import (
    load_checkpoint,
    pack,
    package_versions,
    random_state,
    set_random_state,
    unpack,
)
from batchenv.learn.policy import load_policy
from tests.learn.examples import checkpoint_of, small_ppo

KILLS = 20


@dataclass(frozen=True)
class State:
    array: np.ndarray
    parts: dict[str, Any]
    seed: int


def test_saved_checkpoint_is_loaded_from_file_and_directory(tmp_path: Path):
    saved = checkpoint_of(7)
    path = saved.save(tmp_path)
    for source in (tmp_path, path):
        loaded = load_checkpoint(source)
        assert (loaded.steps, loaded.observations, loaded.actions) == (7, ("a", "b", "c"), ("u", "v"))
        assert torch.equal(loaded.learner["last"], saved.learner["last"])
        assert loaded.versions == package_versions()
        assert {"batchenv", "mujoco", "numpy", "torch"} < loaded.versions.keys()


def test_process_killed_while_saving_leaves_a_whole_checkpoint(tmp_path: Path):
    rng = np.random.default_rng(0)
    saver = subprocess.Popen(
        [sys.executable, "-m", "tests.learn.save_forever"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with saver:
        assert saver.stdin is not None and saver.stdout is not None
        assert saver.stdout.readline() == "ready\n"
        for attempt in range(KILLS):
            run_dir = tmp_path / str(attempt)
            run_dir.mkdir()
            saver.stdin.write(f"{run_dir}\n")
            saver.stdin.flush()
            child = int(saver.stdout.readline())
            while not (run_dir / "policy.safetensors").exists():
                time.sleep(0.001)
            time.sleep(rng.uniform(0.0, 0.05))
            os.kill(child, signal.SIGKILL)
            assert saver.stdout.readline() == "killed\n"
            loaded, policy = load_checkpoint(run_dir), load_policy(run_dir)
            assert torch.all(loaded.learner["first"] == loaded.steps)
            assert torch.all(loaded.learner["last"] == loaded.steps)
            assert policy.steps in (loaded.steps, loaded.steps - 1)
            assert np.all(policy.weights[0] == policy.steps)
        saver.stdin.close()


def test_truncated_and_foreign_files_are_refused(tmp_path: Path):
    with pytest.raises(
        CheckpointError, match=r"There is no checkpoint at .*checkpoint\.pt; expected the directory"
    ):
        load_checkpoint(tmp_path)
    path = checkpoint_of(1).save(tmp_path)
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=r"checkpoint\.pt cannot be read as a checkpoint"):
            load_checkpoint(tmp_path)
    torch.save({"format": 99}, path)
    with pytest.raises(CheckpointError, match="checkpoint format 99; this batchenv reads format 1"):
        load_checkpoint(tmp_path)
    torch.save({"format": 1, "steps": 3}, path)
    with pytest.raises(CheckpointError, match=r"lacks a part of a checkpoint.*'seed'"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("privileged", "message"),
    [
        (5, "its privileged is of type int, expected tuple"),
        ((1,), "its privileged are not all names"),
        (("d",), "its privileged columns are not some of its observations"),
        (("a", "b", "c"), "its privileged columns are not some of its observations"),
    ],
)
def test_columns_that_no_policy_could_miss_are_refused(tmp_path: Path, privileged, message: str):
    path = checkpoint_of(1).save(tmp_path)
    contents = torch.load(path, weights_only=True)
    torch.save(contents | {"privileged": privileged}, path)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path)


def test_code_in_a_file_is_not_run(tmp_path: Path):
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"format": 1, "steps": Payload()}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        load_checkpoint(tmp_path)
    assert not (tmp_path / "made").exists()


def test_numpy_policy_equals_the_torch_policy(tmp_path: Path):
    env, ppo = small_ppo(64)
    obs = env.get_observations()
    for _ in range(20):
        obs, *_ = env.step(ppo.actor(obs))
        ppo.actor.update_normalization(obs)
    columns, config = ("x", "y", "vx", "vy"), "training: {hidden: [32, 32]}"
    replace(checkpoint_of(0), learner=ppo.save(), observations=columns, config=config).save(tmp_path)
    with torch.no_grad():
        expected = ppo.actor(obs).numpy()
    actual = load_policy(tmp_path)(obs["policy"].numpy())
    np.testing.assert_allclose(actual, expected, atol=1e-5)  # float32, sums in another order
    assert np.abs(expected).max() > 1e-4


def test_learner_of_another_size_is_refused():
    _, small = small_ppo(4)
    _, large = small_ppo(4, hidden=[64, 32])
    with pytest.raises(CheckpointError, match="does not fit the networks as configured"):
        replace(checkpoint_of(0), learner=small.save()).load_into(large)


def test_run_of_other_columns_is_pointed_to_a_warm_start():
    run = checkpoint_of(0)
    with pytest.raises(CheckpointError, match="is only in this environment.*--warm-start begins a new run"):
        run.check_layout((*run.observations, "slope"), run.actions)


def test_packed_state_is_unpacked_bit_for_bit(tmp_path: Path):
    state = State(
        np.random.default_rng(0).normal(size=(3, 2)), {"ids": np.arange(3, dtype=np.uint64)}, 2**63 + 1
    )
    replace(checkpoint_of(0), env=pack(state)).save(tmp_path)
    blank = State(np.zeros((3, 2)), {}, 0)
    loaded = unpack(load_checkpoint(tmp_path).env, blank)
    assert isinstance(loaded, State) and loaded.seed == state.seed
    np.testing.assert_array_equal(loaded.array, state.array)
    np.testing.assert_array_equal(loaded.parts["ids"], state.parts["ids"])
    with pytest.raises(CheckpointError, match=r"float64 \(3, 2\) of .* has float64 \(4, 2\)"):
        unpack(pack(state), State(np.zeros((4, 2)), {}, 0))
    packed = pack(state)
    del packed["seed"]
    with pytest.raises(CheckpointError, match="lacks seed of the environment's state: another version"):
        unpack(packed, blank)
    packed = pack(state)
    del packed["array"]  # of a version that did not know it
    assert unpack(packed, State(np.zeros((3, 0)), {}, 0)).array.shape == (3, 0)


def test_restored_generators_draw_the_same_numbers(tmp_path: Path):
    checkpoint_of(0).save(tmp_path)
    before = random_state()
    try:
        set_random_state(load_checkpoint(tmp_path).random)
        first = torch.rand(3).tolist(), np.random.rand(3).tolist()
        set_random_state(load_checkpoint(tmp_path).random)
        assert (torch.rand(3).tolist(), np.random.rand(3).tolist()) == first
    finally:
        set_random_state(before)
