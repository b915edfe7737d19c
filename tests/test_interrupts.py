import contextlib
import os
import signal
import threading

import pytest

from batchenv.interrupts import Interrupted, ending_at_once, held_back


def send(signum: int) -> None:
    os.kill(os.getpid(), signum)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_for_the_end_of_a_step(signum):
    done = []
    with pytest.raises(Interrupted) as stop, held_back() as check:
        for step in range(3):
            check()
            if step == 1:
                send(signum)
            done.append(step)
    assert done == [0, 1] and stop.value.signum == signum


def test_a_signal_in_the_last_step_is_not_lost():
    with pytest.raises(Interrupted), held_back():
        send(signal.SIGINT)


def test_a_second_signal_acts_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        send(signal.SIGINT)
        done.append("first")
        send(signal.SIGINT)
        done.append("second")
    assert done == ["first"]


def test_a_signal_that_somebody_swallowed_ends_the_next_loop():
    with pytest.raises(Interrupted), ending_at_once():
        with contextlib.suppress(KeyboardInterrupt):  # as destructors and callbacks of C libraries do
            send(signal.SIGTERM)
        with held_back() as check:
            check()


def test_handlers_are_restored_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_at_once(), held_back() as check:
            send(signal.SIGHUP)
            check()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_are_left_alone():
    ended = []

    def work() -> None:
        with held_back() as check:
            check()
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]


def test_a_block_within_another_knows_the_signal_that_the_outer_one_holds_back():
    done = []
    with pytest.raises(Interrupted) as stop, ending_at_once(), held_back():
        send(signal.SIGTERM)
        done.append("outer")
        with held_back() as check:
            check()
            done.append("inner")
    assert done == ["outer"] and stop.value.signum == signal.SIGTERM
    with held_back() as check:
        check()  # it is over
