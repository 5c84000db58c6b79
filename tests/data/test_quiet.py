"""The text of polars' panics stays off standard error; all else that is written there stays."""

from __future__ import annotations

import os
import threading

import pytest

from fillrank.data.io.quiet import without_panic_text

PANIC = b"\nthread 'polars-1' (7) panicked at crates/x.rs:1:2:\nindex out of bounds\nstack backtrace:\n  0: main\n"


@pytest.fixture(autouse=True)
def no_wish_for_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUST_BACKTRACE", raising=False)


def test_a_panic_is_dropped_and_a_note_stays(capfd: pytest.CaptureFixture[str]) -> None:
    def read() -> None:
        with without_panic_text():
            os.write(2, b"a note\n" + PANIC)
            raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        read()
    os.write(2, b"and after it\n")
    assert capfd.readouterr().err == "a note\nand after it\n"
    with without_panic_text():
        os.write(2, b"another\n")
    assert capfd.readouterr().err == "another\n"


def test_nothing_is_held_back_where_another_thread_could_write(capfd: pytest.CaptureFixture[str]) -> None:
    begun, end = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        end.wait(10)

    other = threading.Thread(target=wait)
    other.start()
    begun.wait(10)
    try:
        with without_panic_text():
            os.write(2, PANIC)
    finally:
        end.set()
        other.join()
    assert "panicked at" in capfd.readouterr().err


def test_who_asks_for_the_frames_gets_them(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    with without_panic_text():
        os.write(2, PANIC)
    assert "panicked at" in capfd.readouterr().err


def test_a_program_without_standard_error_reads_all_the_same() -> None:
    real = os.dup(2)
    os.close(2)
    try:
        with without_panic_text():
            found = 1
    finally:
        os.dup2(real, 2)
        os.close(real)
    assert found == 1
