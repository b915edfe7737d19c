import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.engine.problems import Problems

CONFIG = load_config("walk").replace(
    {
        "environment.muscle.coordinator": "network",
        "environment.muscle.network.hidden": [8],
        "environment.muscle.network.keep_samples": True,
    }
)


@pytest.fixture(scope="module")
def walked():
    """States of 150 worlds after a few steps, and the samples of the substep that began in them."""
    with BatchEnv(CONFIG, 150, 2, seed=0) as env:
        env.reset()
        for _ in range(3):
            env.step(np.random.default_rng(0).normal(0, 0.5, (150, env.action_dim)))
        worlds = env.worlds
        state = worlds.qpos.copy(), worlds.qvel.copy()
        worlds.set_targets(*env.task.targets(env._batch))
        worlds.choose_samples(np.zeros(150))
        worlds.step()
        position, velocity = state[0][:, env.body.joint_qposadr], state[1][:, env.body.joint_dofadr]
        target, rate = worlds.slot("target")[:, :14], worlds.slot("target_rate")
        desired = worlds.law.kp * (target - position) + worlds.law.kv * (rate - velocity)
        yield Problems(env.body, worlds.law, 1), state, desired, env.muscle_samples()


def test_problems_are_those_that_the_worlds_have_in_the_same_states(walked):
    problems, state, desired, samples = walked
    jta, passive = problems.solve(*state)
    # float32 of the same float64 sums, and the desired torques of a NumPy that may round otherwise.
    assert np.array_equal(jta, samples.jta_reduced) and np.abs(jta).max() > 100.0
    assert samples.torque == pytest.approx(desired - passive, abs=1e-3)


def test_rows_do_not_depend_on_how_many_there_are(walked):
    problems, (qpos, qvel), _, _ = walked
    together = problems.solve(qpos, qvel)
    for some in (slice(0, 1), slice(100, 140)):
        alone = problems.solve(qpos[some], qvel[some])
        assert all(np.array_equal(a, b[some]) for a, b in zip(alone, together, strict=True))


def test_static_optimisation_of_rows_converges_to_the_torques_that_can_be_made(walked):
    problems, state, _, _ = walked
    jta, _ = problems.solve(*state)
    crossing = np.repeat(np.arange(80), np.diff(problems.ptr))
    to_joint = np.eye(14)[problems.joint]
    activation = np.random.default_rng(0).uniform(0.1, 0.5, (150, 80))
    torque = (jta * activation[:, crossing]) @ to_joint
    found = problems.optimize(jta, torque, 1.0, 1000)
    assert ((found >= 0) & (found <= 1)).all()
    assert np.abs((jta * found[:, crossing]) @ to_joint - torque).max() < 2.0  # what the effort is worth
    assert (found**2).mean() < 0.9 * (activation**2).mean()
    again = problems.optimize(jta, torque, 1.0, 1, start=found)
    assert again == pytest.approx(found, abs=0.02)
