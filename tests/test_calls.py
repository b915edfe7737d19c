"""Calls that overlap, that a fork makes, or that do not come to their end."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from batchenv import BatchEnv, UsageError, VectorEnv, load_config
from batchenv.calls import Calls, Process
from batchenv.overlap import OverlappedEnv

WAIT = 20.0  # longest that a child or a thread may take [s]


@pytest.fixture
def env():
    with BatchEnv("torque", 2, 2, seed=0) as env:
        env.reset()
        yield env


def zeros(env):
    return np.zeros((env.num_envs, env.action_dim))


def in_fork(function):
    """Exit code of a fork that calls a function: 0 where it raised UsageError, and that is all it did."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except UsageError as error:
            os._exit(0 if "its fork" in str(error) else 3)
        except BaseException:
            os._exit(2)
        os._exit(1)
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        if (done := os.waitpid(child, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(done[1])
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


@pytest.mark.parametrize("name", ["reset", "step", "snapshot", "restore", "set_parameters", "set_command"])
def test_every_call_in_a_fork_raises_at_once(env, name):
    arguments = {"step": (zeros(env),), "restore": (env.snapshot(),), "set_parameters": ([0], [[]])}
    arguments["set_command"] = ([0], None)
    assert in_fork(lambda: getattr(env, name)(*arguments.get(name, ()))) == 0
    env.step(zeros(env))


def test_a_batch_of_mujocos_own_raises_in_a_fork_too(env):
    assert in_fork(env.worlds.step) == 0
    assert in_fork(env.worlds.batch.forward) == 0


def test_halves_raise_in_a_fork():
    with OverlappedEnv("torque", 2, 1, seed=0) as halves:
        halves.reset()
        assert in_fork(lambda: halves.send(np.zeros((1, 14)), 0)) == 0
        assert in_fork(lambda: halves.recv(0)) == 0


def test_a_fork_can_close_and_forget_an_environment(env):
    def forget():
        other = env.worlds.batch
        env.close()
        vars(env).clear()
        del other
        Process("nothing").check()
        raise UsageError("its fork came to its end")

    assert in_fork(forget) == 0


def test_a_fork_can_build_its_own(env):
    def build():
        with BatchEnv("torque", 2, 2, seed=0) as own:
            own.reset()
            own.step(zeros(own))
        raise UsageError("its fork came to its end")

    assert in_fork(build) == 0


def test_a_second_thread_is_refused_while_a_call_runs(env):
    refused, began, end = [], threading.Event(), threading.Event()

    def watch():
        began.set()
        end.wait(WAIT)

    def other():
        began.wait(WAIT)
        for call in (env.reset, env.snapshot, env.close, lambda: env.step(zeros(env))):
            try:
                call()
            except UsageError as error:
                refused.append(str(error))
        end.set()

    thread = threading.Thread(target=other)
    thread.start()
    env.step(zeros(env), watch)
    thread.join()
    assert len(refused) == 4 and all("in a call of another thread" in text for text in refused)
    env.step(zeros(env))


def test_threads_leave_worlds_and_episodes_together():
    with BatchEnv("torque", 16, 2, seed=0) as env:
        env.reset()

        def go():
            for _ in range(10):
                try:
                    env.step(zeros(env))
                except UsageError:
                    time.sleep(0.001)

        threads = [threading.Thread(target=go) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert env.worlds.time == pytest.approx(env._episodes.step * env.control_dt, abs=1e-9)


def test_who_watches_a_step_may_not_call_the_environment(env):
    with pytest.raises(UsageError, match="in a call of this thread, by the function that watches the step"):
        env.step(zeros(env), lambda: env.reset())
    env.reset()
    env.step(zeros(env))


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["step", "snapshot", "set_parameters", "set_command", "reset"])
def test_after_an_interrupted_step_only_a_whole_reset_or_restore_is_taken(env, name):
    snapshot = env.snapshot()
    expected = env.step(zeros(env))[0].copy()
    with pytest.raises(KeyboardInterrupt):
        env.step(zeros(env), interrupt)
    arguments = {
        "step": (zeros(env),),
        "set_parameters": ([0], [[]]),
        "set_command": ([0], None),
        "reset": (None, np.array([True, False])),
    }
    with pytest.raises(UsageError, match="the last call of step was cut short"):
        getattr(env, name)(*arguments.get(name, ()))
    env.restore(snapshot)
    assert np.array_equal(env.step(zeros(env))[0], expected)


@pytest.mark.parametrize("name", ["reset", "set_parameters", "set_command", "restore"])
def test_any_interrupted_call_leaves_the_environment_refusing(name, monkeypatch):
    ranges = {"ground": {"friction": {"min": 0.4, "max": 1.0, "default": 0.7}}}
    asked = {"environment.commands.walking_velocity": {"speed": [0.0, 1.0]}}
    config = load_config("torque").replace({"environment.parameters": ranges} | asked)
    with BatchEnv(config, 2, 1, seed=0) as env:
        env.reset()
        snapshot = env.snapshot()
        arguments = {
            "set_command": ([0], {"speed": 1.0}),
            "restore": (snapshot,),
            "set_parameters": ([0], [[0.5]]),
        }
        owner, method = (env.worlds, "_sign") if name == "restore" else (env.task, "compute_observations")
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(owner, method, lambda *_: interrupt())
            getattr(env, name)(*arguments.get(name, ()))
        with pytest.raises(UsageError, match=f"the last call of {name} was cut short"):
            env.step(zeros(env))
        env.reset()
        env.step(zeros(env))


def test_a_real_signal_in_a_step_is_an_interrupted_step():
    with BatchEnv("torque", 64, 1, seed=0) as env:
        env.reset()
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            for _ in range(2000):
                env.step(zeros(env))
        timer.join()
        together = env._unfinished is None
        if not together:
            with pytest.raises(UsageError, match="was cut short"):
                env.step(zeros(env))
        env.reset()
        env.step(zeros(env))


def test_what_is_refused_at_the_door_interrupts_nothing(env):
    for spoil in (lambda: env.step(np.zeros(3)), lambda: env.reset(-1), lambda: env.restore(None)):
        with pytest.raises(ValueError):
            spoil()
        env.step(zeros(env))


def test_whoever_is_interrupted_on_the_way_out_can_come_in_again():
    calls = Calls("this thing")
    calls.__enter__()  # and no exit
    with calls:
        pass
    refused = []

    def other():
        try:
            with calls:
                pass
        except UsageError:
            refused.append(True)

    with calls:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert refused == [True]


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copies_and_pickles_say_what_to_do_instead(env, take):
    with pytest.raises(UsageError, match="build another one from env.config, and restore env.snapshot"):
        take(env)


@pytest.mark.parametrize("take", [copy.deepcopy, pickle.dumps])
def test_what_holds_an_environment_is_neither_copied_nor_pickled(take):
    vector = VectorEnv("torque", 1)
    with closing(vector), OverlappedEnv("torque", 2, 1) as halves:
        for holder in (vector, halves):
            with pytest.raises(UsageError, match="can be neither copied nor pickled"):
                take(holder)


def test_a_daemon_that_steps_to_the_end_takes_nothing_with_it():
    code = (
        "import threading, numpy as np, batchenv\n"
        "env = batchenv.BatchEnv('torque', 16, 1, 0)\n"
        "env.reset()\n"
        "def run():\n"
        "    while True:\n"
        "        env.step(np.zeros((16, 14)))\n"
        "threading.Thread(target=run, daemon=True).start()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
