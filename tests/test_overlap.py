import threading

import numpy as np
import pytest

from batchenv.env import BatchEnv
from batchenv.errors import InputError, UsageError
from batchenv.overlap import OverlappedEnv


def test_halves_in_flight_give_the_bits_of_the_plain_loop():
    generator, ended = np.random.default_rng(0), 0
    with BatchEnv("walk", 6, 2, seed=4) as env, OverlappedEnv("walk", 6, 2, seed=4) as halves:
        assert np.array_equal(env.reset(), halves.reset())
        for step in range(60):
            actions = generator.normal(0.0, 0.3, (6, env.action_dim)).astype(np.float32)
            plain = [array.copy() for array in env.step(actions)]
            order = (0, 1) if step % 2 else (1, 0)
            for half in order:
                halves.send(actions[3 * half : 3 * half + 3], half)
            landed = {half: [array.copy() for array in halves.recv(half)] for half in order}
            for whole, first, second in zip(plain, landed[0], landed[1], strict=True):
                assert np.array_equal(whole, np.concatenate([first, second]))
            ended += plain[2].sum()
            kept = np.concatenate([part.final_obs[part.terminated] for part in halves.envs])
            assert np.array_equal(env.final_obs[env.terminated], kept)
        assert ended > 0
        assert np.array_equal(env.reset(7), halves.reset(7))


def test_send_returns_while_the_worlds_step(monkeypatch):
    gate = threading.Event()
    with OverlappedEnv("walk", 4, 1, seed=0) as halves:
        halves.reset()
        step = halves.envs[0].step
        monkeypatch.setattr(halves.envs[0], "step", lambda actions: (gate.wait(60.0), step(actions))[1])
        still = np.zeros((2, halves.envs[0].action_dim))
        halves.send(still, 0)
        for _ in range(3):  # the other half goes on meanwhile
            halves.send(still, 1)
            halves.recv(1)
        gate.set()
        assert halves.recv(0)[1].shape == (2,)


def test_actions_may_be_overwritten_once_sent():
    with OverlappedEnv("walk", 4, 1, seed=0) as a, OverlappedEnv("walk", 4, 1, seed=0) as b:
        a.reset(), b.reset()
        actions = np.full((2, a.envs[0].action_dim), 0.2)
        a.send(actions, 0)
        b.send(actions.copy(), 0)
        actions[:] = np.nan
        assert np.array_equal(a.recv(0)[0], b.recv(0)[0])


def test_calls_out_of_turn_are_refused():
    with OverlappedEnv("walk", 2, 1, seed=0) as halves:
        halves.reset()
        with pytest.raises(UsageError, match="half 1 is not in flight: send it actions first"):
            halves.recv(1)
        halves.send(np.zeros((1, halves.envs[0].action_dim)), 0)
        for call in (lambda: halves.send(np.zeros((1, 1)), 0), halves.reset):
            with pytest.raises(UsageError, match="half 0 is in flight: receive its step first"):
                call()
        halves.recv(0)


def test_wrong_actions_are_refused_when_they_are_received():
    with OverlappedEnv("walk", 2, 1, seed=0) as halves:
        halves.reset()
        halves.send(np.zeros((1, 1)), 0)
        with pytest.raises(InputError, match="actions have shape"):
            halves.recv(0)
        halves.send(np.zeros((1, halves.envs[0].action_dim)), 0)
        halves.recv(0)


def test_an_odd_number_of_worlds_has_no_halves():
    with pytest.raises(InputError, match="num_envs is 3; expected an even number"):
        OverlappedEnv("walk", 3)
