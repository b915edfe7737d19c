"""The bits of whole environments, pinned: a redesign must not move one without saying why.

`python -m tests.test_frozen` prints the hashes of the code as it stands, and `--write` stores them. They are
computed without NumPy's kernels for AVX-512, whose exp and sin differ in the last bit from those for AVX2,
and with those of OpenBLAS for AVX2, which add in another order than its others.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from tests.gaitnet_files import gaitnet_data
from tests.tasks.gaitnet.small_scene import write_scene

HASHES = Path(__file__).with_name("frozen_hashes.json")
WORLDS, STEPS, SEED = 4, 60, 5
PRESETS = ("walk", "excite", "torque", "walk_muscle_nn", "weak_gluteus")


def _preset(name: str) -> Callable[[], BatchEnv]:
    return lambda: BatchEnv(name, WORLDS, 2, SEED)


def _small_gaitnet() -> BatchEnv:
    with tempfile.TemporaryDirectory() as folder:
        return BatchEnv(write_scene(Path(folder)), WORLDS, 2, SEED)


def _a2_sep(**changes: object) -> BatchEnv:
    config = load_config(gaitnet_data() / "A2_sep.yaml", gaitnet_data())
    return BatchEnv(config.replace(changes), WORLDS, 2, SEED)


BUILD: dict[str, Callable[[], BatchEnv]] = {
    **{name: _preset(name) for name in PRESETS},
    "small_gaitnet": _small_gaitnet,
    "A2_sep": _a2_sep,
    "A2_sep_quirks": lambda: _a2_sep(**{"environment.advanced.quirks": True}),
    "A2_sep_mass_static_optimization": lambda: _a2_sep(
        **{"environment.skeleton.actuator": "mass", "environment.muscle.coordinator": "static_optimization"}
    ),
}


def hashes(env: BatchEnv) -> dict[str, str]:
    """SHA-256 of what N worlds come to under actions drawn from a fixed seed, resets and all."""
    found = {name: hashlib.sha256() for name in ("qpos", "qvel", "observations", "rewards", "dones")}
    rng = np.random.default_rng(11)
    with env:
        found["observations"].update(env.reset().tobytes())
        for _ in range(STEPS):
            obs, rewards, dones = env.step(rng.normal(0.0, 1.0, (env.num_envs, env.action_dim)))
            values = (env.worlds.qpos, env.worlds.qvel, obs, rewards, dones)
            for digest, array in zip(found.values(), values, strict=True):
                digest.update(np.ascontiguousarray(array).tobytes())
    return {name: digest.hexdigest() for name, digest in found.items()}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, str]]:
    """Hashes from a process in which NumPy and OpenBLAS leave AVX-512 alone."""
    variables = os.environ | {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        "OPENBLAS_CORETYPE": "Haswell",
    }
    command = [sys.executable, "-m", "tests.test_frozen"]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", BUILD)
def test_bits_are_those_pinned(name: str, found: dict[str, dict[str, str]]):
    if name not in found:
        pytest.skip("GaitNet's files are not here")
    assert found[name] == json.loads(HASHES.read_text())[name]


def _found() -> dict[str, dict[str, str]]:
    found = {}
    for name, build in BUILD.items():
        with contextlib.suppress(pytest.skip.Exception):
            found[name] = hashes(build())
    return found


if __name__ == "__main__":
    text = json.dumps(_found(), indent=1) + "\n"
    print(text, end="")
    if "--write" in sys.argv:
        HASHES.write_text(text)
