import numpy as np
import pytest

from batchenv import BatchEnv


@pytest.fixture(scope="module")
def env():
    with BatchEnv("walk", 6, 1, seed=0) as env:
        env.reset()
        rng = np.random.default_rng(0)
        for _ in range(8):
            env.step(rng.normal(0, 0.5, (6, 14)))
        yield env


def mirrored(q, body):
    """The same walkers as a mirror in the sagittal plane shows them, half a cycle later."""
    joints = {"joint_pos", "joint_vel", "reference_pos", "reference_vel", "action", "previous_action"}
    left = np.array([1.0, -1.0, 1.0])
    image = dict(q)
    image |= {name: image[name][:, body.mirror_joint] for name in joints}
    image |= {name: image[name] * left for name in ("root_pos", "root_linvel", "root_up")}
    image |= {name: image[name][:, ::-1] * left for name in ("foot_pos", "reference_foot_pos")}
    image |= {name: image[name][:, ::-1] for name in ("foot_load", "foot_load_peak")}
    image |= {
        "root_angvel": -image["root_angvel"] * left,
        "heading": -q["heading"],
        "phase": (q["phase"] + 0.5) % 1.0,
    }
    return image


def test_mirrored_walkers_give_mirrored_observations(env):
    q = env.task.quantities(env._batch)
    seen, image = np.zeros((2, 6, env.obs_dim))
    env.task.compute_observations(q, seen)
    env.task.compute_observations(mirrored(q, env.body), image)
    assert env.mirror_obs(seen) == pytest.approx(image, abs=1e-12)


def test_mirroring_twice_changes_nothing(env):
    for mirror, n in ((env.mirror_obs, env.obs_dim), (env.mirror_action, env.action_dim)):
        row = np.arange(1.0, n + 1.0)
        assert np.array_equal(mirror(mirror(row)), row)
        assert not np.array_equal(mirror(row), row)


def test_mirrored_walkers_earn_the_same(env):
    q = env.task.quantities(env._batch)
    image = mirrored(q, env.body)
    for term in env.task.reward_terms:
        assert term(image) == pytest.approx(term(q), abs=1e-12)
    for term in env.task.termination_terms:
        assert np.array_equal(term(image), term(q))


def test_the_reference_is_its_own_mirror_image_half_a_cycle_later(env):
    phase, gait, body = np.linspace(0, 1, 50), env.task.gait, env.body
    assert gait.joint_pos(phase + 0.5)[:, body.mirror_joint] == pytest.approx(gait.joint_pos(phase), abs=1e-9)
    # The two legs of the body itself differ by up to a millimetre.
    assert gait.root_height(phase + 0.5) == pytest.approx(gait.root_height(phase), abs=1e-3)
    feet = gait.foot_pos(phase + 0.5)[:, ::-1] * [1.0, -1.0, 1.0]
    assert feet == pytest.approx(gait.foot_pos(phase), abs=1e-3)
