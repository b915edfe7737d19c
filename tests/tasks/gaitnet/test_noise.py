"""Noise of GaitNet's files: smooth, of each world's own stream, or shared as in the original."""

from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.config import Config
from batchenv.errors import ConfigError
from tests.tasks.gaitnet.small_scene import CONFIG, write_scene

NOISE = """
noise_injection:
  enabled: true
  position: {enabled: true, amplitude: 0.005, frequency: 3.0, target_nodes: ["TalusR", "FemurL"]}
  force: {enabled: true, amplitude: 40.0, frequency: 0.25, target_nodes: ["TalusR", "Pelvis"]}
  activation: {enabled: true, amplitude: 0.1, frequency: 2.0}
"""
NAMES = ("angle_noise", "force_noise", "activation_noise")


def noisy(folder: Path, noise: str = NOISE, **changes: object) -> Config:
    """The small scene with a file of noise."""
    (folder / "noise.yaml").write_text(noise, encoding="utf-8")
    text = CONFIG.replace("  parameters:\n", "  noise_injection: {file: noise.yaml}\n  parameters:\n")
    return load_config(write_scene(folder, text)).replace(changes)


def blown(env: BatchEnv, steps: int) -> dict[str, np.ndarray]:
    """Noise in every substep of some steps (N, steps * S, channels)."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in NAMES}
    env.reset()
    for _ in range(steps):
        _, _, dones = env.step(np.zeros((env.num_envs, env.action_dim)))
        assert not dones.any()  # whose slots would be cleared
        for name in NAMES:
            slot = env.worlds.slot(name)
            found[name].append(slot.reshape(env.num_envs, slot.shape[1], -1).copy())
    return {name: np.concatenate(values, axis=1) for name, values in found.items()}


def test_noise_is_smooth_bounded_and_each_world_s_own(tmp_path: Path):
    config = noisy(tmp_path, Horizon=10_000)
    with BatchEnv(config, 3, 2, seed=4) as env, BatchEnv(config, 1, 1, seed=4) as one:
        found, alone = blown(env, 6), blown(one, 6)
    for name, most in zip(NAMES, (0.005, 40.0, 0.1), strict=True):
        values = found[name]
        np.testing.assert_array_equal(values[:1], alone[name])
        assert 0.0 < np.abs(values).max() <= most
        assert not np.allclose(values[0], values[1])
        # Activations have the magnitude of the noise, which has a corner where it is zero.
        change = np.abs(np.diff(values, axis=1)).max()
        assert change < 0.25 * most
    assert found["activation_noise"].min() >= 0.0
    assert found["angle_noise"].shape[2] == 1 + 3 and found["force_noise"].shape[2] == 6


@pytest.mark.slow  # another kernel to compile
def test_worlds_share_the_noise_under_quirks_and_its_clock_runs_on(tmp_path: Path):
    config = noisy(tmp_path, **{"environment.advanced.quirks": True})
    with BatchEnv(config, 2, 1, seed=4) as env:
        found = np.concatenate([blown(env, 4)["force_noise"] for _ in range(2)], axis=1)
    np.testing.assert_array_equal(found[0], found[1])
    steps = np.diff(found[0, :, 0])
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.05)


def test_noise_disturbs_the_walk_and_file_that_is_off_does_not(tmp_path: Path):
    still = noisy(tmp_path, NOISE.replace("  enabled: true", "  enabled: false", 1))
    assert any("noise_injection has no effect, as in the original" in remark for remark in still.remarks)
    ends = []
    (tmp_path / "on").mkdir()
    for config in (still, noisy(tmp_path / "on"), load_config(write_scene(tmp_path))):
        with BatchEnv(config, 2, 1, seed=4) as env:
            env.reset()
            for _ in range(5):
                env.step(np.zeros((2, env.action_dim)))
            ends.append(env.worlds.qpos.copy())
    np.testing.assert_array_equal(ends[0], ends[2])
    assert np.abs(ends[1] - ends[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"TalusR", "FemurL"', '"TalusX"', "there is no body 'TalusX'. Did you mean 'Talus"),
        ('"TalusR", "FemurL"', '"Pelvis"', "Pelvis is the root, which hangs on no joint"),
        ("amplitude: 40.0", "amplitude: -1", "noise_injection.force.amplitude = -1"),
        ("frequency: 2.0", "frequancy: 2.0", "Did you mean 'frequency'"),
    ],
)
def test_files_that_are_invalid_are_refused(tmp_path: Path, old: str, new: str, message: str):
    assert old in NOISE
    with pytest.raises(ConfigError) as error:
        BatchEnv(noisy(tmp_path, NOISE.replace(old, new, 1)), 1)
    assert message in str(error.value)
