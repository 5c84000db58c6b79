"""Signals: what one block holds back, those around it and after it know."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from fillrank.runtime.interrupt import Interrupt, Terminated, exit_code, terminate
from fillrank.runtime.threads import share_out


@pytest.fixture(autouse=True)
def usual_handlers() -> Iterator[None]:
    """Those of a fresh program: a shell may have the one of SIGINT ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    Interrupt.last = signal.SIGINT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_held_back_and_the_second_is_not(number: signal.Signals) -> None:
    with Interrupt() as interrupt:
        signal.raise_signal(number)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt) as raised:
            signal.raise_signal(number)
    assert isinstance(raised.value, Terminated) == (number == signal.SIGTERM)
    assert exit_code() == 128 + number
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_those_around_know_and_those_after_begin_with_it() -> None:
    with Interrupt(holds=False) as fit:
        with Interrupt() as first:
            signal.raise_signal(signal.SIGINT)
            assert first.asked
        assert fit.asked
        with Interrupt() as second:
            assert second.asked
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    with Interrupt() as another:
        assert not another.asked


def test_a_block_that_only_notes_holds_nothing_back() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupt(holds=False):
        signal.raise_signal(signal.SIGINT)


def test_sigterm_outside_a_training_ends_the_program_in_its_own_way() -> None:
    signal.signal(signal.SIGTERM, terminate)  # as the command line has it
    with pytest.raises(Terminated), Interrupt(holds=False):
        signal.raise_signal(signal.SIGTERM)


def test_a_programs_own_handler_of_sigterm_is_left_alone() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGTERM)
    assert (heard, interrupt.asked) == ([signal.SIGTERM], False)


def test_another_thread_listens_to_no_signals() -> None:
    found: list[bool] = []

    def work() -> None:
        with Interrupt() as interrupt:
            found.append(interrupt.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_reaches_another_thread_is_noticed_while_work_is_shared_out() -> None:
    heard = threading.Event()

    def work(number: int) -> bool:
        if number == 0:
            time.sleep(0.3)  # until the main thread waits
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # does not wake it up
        return heard.wait(30.0)

    before = signal.signal(signal.SIGINT, lambda *_: heard.set())
    try:
        found = share_out(work, range(2), n_threads=2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert found == [True, True]


def test_parts_that_have_not_begun_are_left_out_after_an_error() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError(number)
        time.sleep(0.001)
        return number

    with pytest.raises(ValueError, match="1"):
        share_out(work, range(10_000), n_threads=2)
    assert len(begun) < 10_000
    assert share_out(work, [2, 3, 4], n_threads=2) == [2, 3, 4]
    assert share_out(work, [], n_threads=2) == []
