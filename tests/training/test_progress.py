"""What long work shows where there is no terminal."""

from __future__ import annotations

import io
import logging

import pytest

import fillrank as fr
from fillrank.runtime import progress
from fillrank.runtime.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_soon_then_now_and_then_and_one_at_the_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(100, 1) as shown:
        for epoch in range(1, 26):
            clock[0] += 1
            shown.step_done()
            shown.epoch_done({"epoch": epoch, "seconds": 1.0, "loss": 1 / epoch}, epoch)
    said, errors = capsys.readouterr()
    assert said == ""
    assert errors.splitlines() == [
        "epoch 1/100 (best 1)  loss 1",
        "epoch 11/100 (best 11)  loss 0.09091",
        "epoch 21/100 (best 21)  loss 0.04762",
        "epoch 25/100 (best 25)  loss 0.04",
    ]


def test_a_long_epoch_tells_of_its_steps(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2, 4000) as shown:
        for _ in range(3000):
            clock[0] += 0.005
            shown.step_done()
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1/2, step 100 of 4,000",
        "epoch 1/2, step 2,100 of 4,000",
        "epoch 1/2, step 3,000 of 4,000",
    ]


def test_quick_work_is_one_line_and_silence_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    log = fr.synthetic(40, 30, 400).interactions
    fr.SGD(dim=2, epochs=3).fit(log, progress=False)
    assert capsys.readouterr().err == ""
    fr.SGD(dim=2, epochs=3).fit(log)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("epoch 3/3 (best 3)")


def test_who_listens_to_the_logger_gets_the_lines_there(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "fillrank"), Progress(1, 1) as shown:
        shown.epoch_done({"epoch": 1}, 1)
    assert caplog.messages == ["epoch 1/1 (best 1)  "]
    assert capsys.readouterr().err == ""


def test_colours_make_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of builds set FORCE_COLOR; a bar would fill them with control characters."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    monkeypatch.setattr(progress.sys, "stderr", stream)
    with Progress(2, 1) as shown:
        shown.epoch_done({"epoch": 1}, 1)
    assert stream.getvalue() == "epoch 1/2 (best 1)  \n"
