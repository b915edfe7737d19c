"""Every environment of GaitNet's own data: loads, steps, stays finite, and says what does nothing."""

import logging
from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.body.gaitnet import load_muscles, load_npz_motion, load_skeleton
from batchenv.config import GaitNetConfig
from batchenv.errors import ConfigError
from tests.gaitnet_files import original_data, original_environments

STEPS, WORLDS = 50, 2
CASCADED = ("ankle_lonly.xml", "env_merge.xml", "hip_lonly.xml", "lower.xml")
SKELETON = ("skeleton.kp", "skeleton.kv", "skeleton.damping")
# Keys that have no effect, beside those of all files.
IDLE = {
    "A_sep_ni_act.yaml": ["noise_injection"],
    "A_sep_ni_force.yaml": ["noise_injection"],
    "A_sep_ni_pos.yaml": ["noise_injection"],
    "A_ni_force2.yaml": ["noise_injection"],
    "MA2_ni_force2.yaml": ["noise_injection"],
}
MULTIPLICATIVE, SCALE = "reward.knee_pain.multiplicative", "reward.knee_pain.scale"
IDLE |= {
    "A2_knee_term.yaml": [MULTIPLICATIVE, SCALE],
    "A_knee.yaml": [MULTIPLICATIVE],
    "MA2_knee_term.yaml": [MULTIPLICATIVE, SCALE],
}
WARNINGS = {"A_shortleg.yaml": 2, "A_shortleg_bvh.yaml": 2, "A2_skel.yaml": 2, "A_skel.yaml": 2}
WARNINGS |= {"A_tau20.yaml": 2, "MA2_skel.yaml": 2}


def keys_of(remarks: list[str]) -> list[str]:
    """The keys that remarks are about."""
    assert all("has no effect, as in the original" in remark for remark in remarks)
    return [remark.partition(" ")[0].removeprefix("environment.") for remark in remarks]


def runs(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file loads, resets and steps, with the remarks expected."""
    config = load_config(original_data() / "env" / name, original_data())
    assert isinstance(config, GaitNetConfig)
    with caplog.at_level(logging.WARNING), BatchEnv(config, WORLDS, 2, seed=1) as env:
        rng, obs = np.random.default_rng(3), env.reset()
        for _ in range(STEPS):
            assert np.isfinite(obs).all()
            obs, rewards, _ = env.step(rng.normal(0.0, 1.0, (WORLDS, env.action_dim)))
            assert np.isfinite(rewards).all() and np.isfinite(env.worlds.qpos).all()
    assert keys_of(config.remarks) == ["muscle.pose_optimization", *SKELETON, *IDLE.get(name, [])]
    told = [record.getMessage() for record in caplog.records if "has no effect" in record.getMessage()]
    assert len(told) == WARNINGS.get(name, 0)


# Its actuator has a kernel of its own, which takes a minute to compile.
SLOW = ("base.xml",)
RUNNING = [
    pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
    for name in original_environments()
    if name not in CASCADED
]


@pytest.mark.parametrize("name", RUNNING)
def test_environment_runs(name: str, caplog: pytest.LogCaptureFixture):
    runs(name, caplog)


def test_all_files_load():
    """63 in YAML and the 4 of 8 in XML that the original runs."""
    names = original_environments() or pytest.skip("GaitNet's files are not here")
    loaded = [load_config(original_data() / "env" / n, original_data()) for n in names if n not in CASCADED]
    assert len(loaded) == 67 and all(isinstance(config, GaitNetConfig) for config in loaded)


@pytest.mark.parametrize("name", CASCADED)
def test_environment_of_cascaded_networks_is_refused(name: str):
    with pytest.raises(ConfigError, match="<cascading>: cascaded networks need trained ones"):
        load_config(original_data() / "env" / name, original_data())


def test_stray_word_before_the_muscles_is_told():
    data = original_data()
    skeleton = load_skeleton(data / "skeleton" / "base.xml")
    for name in ("weak_abd2.xml", "weak_abddd2.xml"):
        paths = load_muscles(data / "muscle" / name, skeleton)
        assert any("'from' stands before the first element" in remark for remark in paths.remarks)


def test_motion_files_of_pathologies_are_followed():
    data = original_data()
    skeleton = load_skeleton(data / "skeleton" / "base.xml")
    files = sorted(Path(data / "motion" / "npz").glob("*.npz"))
    assert len(files) == 6
    for file in files:
        motion = load_npz_motion(file, skeleton)
        assert motion.poses.shape == (60, 56) and motion.period == 1.0
        np.testing.assert_allclose(motion.pose(np.arange(59) / 59), motion.poses[:59], atol=1e-9)
