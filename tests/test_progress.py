"""What is seen of a long training: a bar on a terminal, lines elsewhere, nothing where nothing is wanted."""

from __future__ import annotations

import io
import sys

import pytest

from fillrank.runtime import progress
from fillrank.runtime.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(shown: Progress) -> None:
    with shown as seen:
        for epoch in (1, 2):
            for _ in range(3):
                seen.step_done()
            seen.epoch_done({"epoch": epoch, "seconds": 1.0, "loss": 0.5, "valid_ndcg@10": 0.25}, best_epoch=1)


def test_a_terminal_gets_a_bar_with_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    shown = Progress(2, 3, unit="epoch", stage="refit")
    run(shown)
    assert shown._bar is not None
    (task,) = shown._bar.tasks
    assert (task.completed, task.total) == (6, 6)
    assert "epoch 2 (best 1)" in task.description
    assert "ndcg@10 0.25" in task.description
    assert "loss" not in task.description  # a narrow terminal has no room for it beside a metric


def test_elsewhere_the_last_line_is_said_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    run(Progress(2, 3))
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("epoch 2/2 (best 1)  loss 0.5")


def test_nothing_is_shown_where_nothing_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    run(Progress(2, 3, shown=False))
    assert capsys.readouterr().err == ""


def test_past_what_was_planned_no_total_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A search goes on while its best is at an end of what was tried."""
    run(Progress(1, 3, unit="trial"))
    assert capsys.readouterr().err.splitlines()[-1].startswith("trial 2 (best 1)")
