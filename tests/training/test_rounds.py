"""The one loop: the best round and its ties, patience, what is said when it is stopped."""

from __future__ import annotations

import math

import pytest

from fillrank.training import FitOptions, World
from fillrank.training.callbacks import LambdaCallback, Recorder
from fillrank.training.context import FitContext
from fillrank.training.rounds import Rounds


def gone(scores: list[float | None], *, patience: int | None = None, context: FitContext | None = None) -> Rounds[int]:
    with Rounds[int](context or FitContext(), len(scores), patience=patience) as rounds:
        for number, score in zip(rounds.numbers(), scores, strict=False):
            rounds.epoch_end({"figure": float(number)}, score=score, keep=lambda number=number: number)
    return rounds


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([1.0, 2.0, 2.0, 1.0], 2),  # of equals the first
        ([2.0, 1.0, 3.0], 3),
        ([None, None, None], 3),  # nothing is judged
        ([math.nan, 1.0, math.nan], 2),
        ([math.nan, math.nan], 1),
        ([-math.inf, -math.inf], 1),
    ],
)
def test_strictly_better_replaces(scores: list[float | None], best: int) -> None:
    rounds = gone(scores)
    assert (rounds.best, rounds.best_epoch) == (best, best)
    assert [row["epoch"] for row in rounds.history] == list(range(1, len(scores) + 1))


def test_patience_counts_from_the_best() -> None:
    assert len(gone([1.0, 2.0, 2.0, 2.0, 9.0], patience=2).history) == 4
    assert len(gone([None] * 5, patience=2).history) == 5
    assert len(gone([1.0] * 5).history) == 5


def test_rounds_that_ran_out_are_told_from_others() -> None:
    assert gone([1.0, 2.0]).ran_out
    assert gone([None, None]).ran_out
    assert not gone([2.0, 1.0]).ran_out
    assert not gone([1.0]).ran_out
    stops = FitContext(FitOptions(progress=False, callbacks=[LambdaCallback(on_epoch_end=lambda end: end.epoch == 2)]))
    assert not gone([1.0, 2.0], context=stops).ran_out


def test_it_goes_on_from_an_earlier_time() -> None:
    with Rounds[str](FitContext(), 5, patience=2) as rounds:
        rounds.go_on_from([{"epoch": 1, "seconds": 1.0}, {"epoch": 2, "seconds": 1.0}], "old", 1, 3.0)
        for _ in rounds.numbers():
            rounds.epoch_end({}, score=3.0, keep=lambda: "new")
    assert (rounds.best, len(rounds.history)) == ("old", 3)
    with Rounds[str](FitContext(), 5, patience=1) as settled:
        settled.go_on_from([{"epoch": 1, "seconds": 1.0}, {"epoch": 2, "seconds": 1.0}], "old", 1, 3.0)
        assert list(settled.numbers()) == []


def test_all_callbacks_are_told_whatever_the_first_says() -> None:
    heard = Recorder()
    stop = LambdaCallback(on_epoch_end=lambda _: True)
    rounds = gone([1.0, 2.0], context=FitContext(FitOptions(progress=False, callbacks=[stop, heard])))
    assert len(heard.epochs) == 1
    assert (rounds.stopped, rounds.interrupted) == (True, False)


def test_what_another_process_stops_stops_here_too() -> None:
    class Second(World):
        def any(self, flag: bool) -> bool:  # noqa: ARG002
            return next(answers)

    heard = Recorder()
    answers = iter([False, False, False, False, False, True])  # interrupted and stopped before, stopped after
    context = FitContext(FitOptions(progress=False, callbacks=[heard]))
    with Rounds[None](context, 9, world=Second(1, 2)) as rounds:
        for _ in rounds.numbers():
            rounds.epoch_end({})
    assert (len(rounds.history), rounds.stopped) == (2, True)
