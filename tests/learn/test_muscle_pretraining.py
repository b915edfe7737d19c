import functools
import itertools

import numpy as np
import pytest
import torch

from batchenv import BatchEnv, load_config
from batchenv.body.gait_cycle import load_gait_cycle
from batchenv.build import control_law, load_configured_body
from batchenv.engine.problems import Problems
from batchenv.learn import muscle_pretraining
from batchenv.learn.muscle_pretraining import pretrain, save_network
from batchenv.learn.muscle_problems import Pool, draw_activations, draw_states, draw_torques

CONFIG = load_config("walk").replace(
    {"environment.muscle.coordinator": "network", "environment.muscle.network.hidden": [32, 32]}
)


@pytest.fixture(scope="module")
def problems():
    body = load_configured_body(CONFIG)
    return Problems(body, control_law(CONFIG, body), 1)


@pytest.fixture(scope="module")
def gait(problems):
    motion = CONFIG.environment.motion
    file = CONFIG.resolve_path(motion.file)
    return load_gait_cycle(file, problems.body, period=motion.period, speed=motion.speed)


def test_states_fill_the_ranges_of_the_joints_and_keep_to_them(problems, gait):
    body = problems.body
    qpos, qvel = draw_states(problems, gait, 2000, np.random.default_rng(0))
    pos, vel = qpos[:, body.joint_qposadr], qvel[:, body.joint_dofadr]
    low, high = body.joint_range.T
    assert (pos >= low).all() and (pos <= high).all()
    assert (np.ptp(pos, axis=0) > 0.95 * (high - low)).all()
    assert ((vel.std(axis=0) > 2.0) & (vel.std(axis=0) < 4.0)).all()
    assert qpos[:, body.bound_qposadr] == pytest.approx(body.bound_pos(pos))


def test_activations_are_some_random_muscles_or_agonists_of_torques(problems):
    jta = torch.randn(3000, problems.joint.size, generator=torch.Generator().manual_seed(1)) * 50
    crossing = torch.from_numpy(np.repeat(np.arange(80), np.diff(problems.ptr)))
    joint = torch.from_numpy(problems.joint).long()
    a = draw_activations(jta, crossing, joint, torch.Generator().manual_seed(0))
    assert a.shape == (3000, 80) and a.min() >= 0.0 and a.max() <= 1.0
    sparse = (a == 0).float().mean(1)
    assert sparse.min() < 0.4 and sparse.max() > 0.9
    torque = draw_torques(jta, joint, torch.Generator().manual_seed(0))
    assert torque.shape == (3000, 14) and 20.0 < torque.std() < 500.0


def test_a_pool_replaces_its_oldest_states(problems, gait):
    pool = Pool(problems, functools.partial(draw_states, problems, gait), 50, np.random.default_rng(0))
    before = pool.jta.clone()
    pool.replace(30)
    pool.replace(30)
    assert pool.drawn == 110 and torch.isfinite(pool.jta).all()
    assert (pool.jta != before).any(1).all()


def test_pretrained_weights_are_better_than_first_ones_and_load(tmp_path, monkeypatch):
    monkeypatch.setattr(muscle_pretraining, "_POOL", 2000)
    monkeypatch.setattr(muscle_pretraining, "_HELD_OUT", 500)
    monkeypatch.setattr(muscle_pretraining, "_REFRESH", 50)
    ticks = itertools.count()  # a clock of 10 ms an update, so that the machine's load decides nothing
    monkeypatch.setattr(muscle_pretraining.time, "monotonic", lambda: 0.01 * next(ticks))
    results, reports = [], []
    for minutes in (0.001, 0.1):
        network, result = pretrain(CONFIG, minutes, seed=1, progress=reports.append)
        results.append(result)
    first, last = results
    assert (last.network < 0.5 * first.network)[[0, 3, 4]].all() and (last.optimization < 2.0).all()
    assert last.asked == pytest.approx(first.asked, rel=0.3) and last.asked[:5].min() > 5.0
    assert (first.updates, last.updates, last.states) == (6, 600, 2300)
    assert reports and all(0 < report.share <= 1.0 for report in reports)
    for name, half, tolerance in (("single.npz", False, 0.0), ("half.npz", True, 2.0**-11)):
        save_network(tmp_path / name, network, half=half)
        config = CONFIG.replace({"environment.muscle.network.file": str(tmp_path / name)})
        with BatchEnv(config, 1, 1) as env:
            for key, value in env.muscle_network().items():
                largest = np.abs(network[key]).max()
                assert np.abs(value - network[key]).max() <= (tolerance + 2.0**-20) * largest
