"""The loop: what it keeps, when it stops, and that the same seed gives the same bits."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from fillrank.data import Split
from fillrank.errors import TrainingError
from fillrank.models import CMC
from fillrank.runtime.interrupt import Interrupt
from fillrank.training import Autograd, Batch, LoopSettings, train
from fillrank.training.ema import Average


class Line(nn.Module):
    """One number that a quadratic pulls to 3."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.zeros(()))


ROWS = Batch(torch.zeros(8).long(), torch.zeros(8).long(), None, torch.ones(8, dtype=torch.bool))
SETTINGS = LoopSettings(epochs=20, batch_size=4, ema_span=0.0, patience=2)


def pull(line: Line):
    def step(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        return {"pull": (line.x - 3).square()}

    return step


def learner(step, line: Line) -> Autograd:
    return Autograd(step, [line], [0.2])


def test_it_learns() -> None:
    line = Line()
    history = train(learner(pull(line), line), ROWS, SETTINGS)
    assert line.x.item() == pytest.approx(3, abs=0.3)
    assert history.best_epoch == 20
    assert [epoch["epoch"] for epoch in history.epochs] == list(range(1, 21))


def test_the_best_epoch_is_put_back_and_patience_ends_the_loop() -> None:
    line, seen = Line(), []

    def monitor() -> tuple[float, dict[str, float]]:
        seen.append(line.x.item())
        return -abs(line.x.item() - 1), {"x": line.x.item()}

    history = train(learner(pull(line), line), ROWS, SETTINGS, monitor)
    best = min(range(len(seen)), key=lambda n: abs(seen[n] - 1))
    assert history.best_epoch == best + 1
    assert len(history.epochs) == best + 1 + SETTINGS.patience
    assert line.x.item() == pytest.approx(seen[best])


def test_a_loss_that_is_no_number_stops_with_its_place() -> None:
    line, calls = Line(), []

    def step(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        calls.append(1)
        return {"fine": line.x * 0, "broken": line.x * (math.nan if len(calls) == 4 else 1)}

    with pytest.raises(TrainingError, match="the loss is nan in its part 'broken' at epoch 2, step 2"):
        train(learner(step, line), ROWS, SETTINGS)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as a terminal has it: what a shell puts into the background begins with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_what_was_learnt() -> None:
    line, calls = Line(), []

    def step(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        calls.append(1)
        if len(calls) == 10:
            signal.raise_signal(signal.SIGINT)
        return {"pull": (line.x - 3).square()}

    history = train(learner(step, line), ROWS, SETTINGS)
    assert history.interrupted
    assert len(calls) == 10  # the step in hand was the last
    assert len(history.epochs) == 5
    assert line.x.item() > 0.5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # as it was before


def test_a_second_ctrl_c_is_taken_at_its_word() -> None:
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_average_is_a_plain_mean_at_first() -> None:
    line = Line()
    average = Average(line, span=100)
    for value in (2.0, 4.0, 9.0):
        with torch.no_grad():
            line.x.fill_(value)
        average.update()
    with average.applied():
        assert line.x.item() == pytest.approx(5)
    assert line.x.item() == 9


@pytest.mark.parametrize("negatives", ["uniform", "in-batch"])
def test_same_seed_same_bits_whatever_the_number_of_threads(parts: Split, negatives: str) -> None:
    recipe = CMC(dim=8, rating_dim=4, epochs=2, batch_size=256, negatives=negatives, n_negatives=32)
    threads, vectors = torch.get_num_threads(), []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            vectors.append(recipe.fit(parts.train, parts.valid).predictor.users)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*vectors)
    other = recipe.model_copy(update={"seed": 1}).fit(parts.train, parts.valid).predictor.users
    assert not torch.equal(vectors[0], other)
