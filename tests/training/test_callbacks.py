"""Following a fit and stopping it: each callback, each kind of loop, and the order of the calls."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import sys
import time
import types
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import DataError, MissingExtraError, SettingsError
from fillrank.models import Gibbs, Recipe
from fillrank.training.callbacks import (
    Callback,
    CSVLogger,
    EpochEnd,
    FitEnd,
    FitStart,
    JSONLLogger,
    LambdaCallback,
    Recorder,
    StageStart,
    StepEnd,
    TensorBoard,
    TimeBudget,
)

QUICK = {"dim": 3}
AS_LEARNT = {"neighbour_weight": 0.0, "popularity_beta": 0.0}
DECIDED = {
    "loss_settings": {"temperature": 0.2},
    "sampler_settings": {"n_negatives": 8},
    **AS_LEARNT,
    "batch_size": 256,
}
LOOPS: dict[str, Recipe] = {
    "trainer": fr.Contrastive(epochs=9, **DECIDED, **QUICK),
    "cmc": fr.CMC(epochs=9, rating_dim=2, temperature=0.2, batch_size=256, **AS_LEARNT, **QUICK),
    "als": fr.ALS(iterations=9, regularization=0.1, bias_regularization=2.0, **QUICK),
    "ials": fr.IALS(iterations=9, unobserved_weight=0.1, regularization=0.01, **QUICK),
    "sgd": fr.SGD(epochs=9, **QUICK),
    "gibbs": Gibbs(iterations=9, burn_in=1, n_chains=2, **QUICK),
}


def stop_at(epoch: int, stage: str = "fit") -> Callback:
    return LambdaCallback(on_epoch_end=lambda end: end.stage == stage and end.epoch == epoch)


class Order(Callback):
    """Notes every call."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.steps: list[StepEnd] = []

    def on_fit_start(self, start: FitStart) -> None:
        self.calls.append(f"start {start.model} {start.n_train} {start.n_valid}")

    def on_stage_start(self, start: StageStart) -> None:
        self.calls.append(f"begin {start.stage}")

    def on_step_end(self, end: StepEnd) -> None:
        self.steps.append(end)
        self.calls.append(f"step {end.epoch}.{end.step}")

    def on_epoch_end(self, end: EpochEnd) -> None:
        self.calls.append(f"{end.stage} {end.epoch}")

    def on_fit_end(self, end: FitEnd) -> None:
        self.calls.append("end" if end.error is None else "error")


@pytest.mark.parametrize("kind", LOOPS)
def test_a_callback_stops_every_kind_of_loop_and_the_best_is_kept(kind: str, parts: Split) -> None:
    heard = Recorder()
    model = LOOPS[kind].fit(parts.train, parts.valid, refit=False, callbacks=[stop_at(3), heard])
    assert [end.epoch for end in heard.of("fit")] == [1, 2, 3]
    assert len(model.history) == 3
    assert not any(end.interrupted for end in heard.epochs)
    (end,) = heard.ends
    assert (end.interrupted, set(end.stopped), end.error) == (False, {"fit"}, None)
    scores = [one.score for one in heard.of("fit")]
    if kind == "gibbs":
        assert scores == [None] * 3
        return
    best = 1 + max(range(3), key=lambda n: scores[n])
    assert [one.best_epoch for one in heard.of("fit")][-1] == best
    assert model.settings["iterations" if kind in {"als", "ials"} else "epochs"] == best
    assert model.recommend(k=3).height


@pytest.mark.parametrize("kind", LOOPS)
def test_ctrl_c_in_every_kind_of_loop_is_told(kind: str, parts: Split) -> None:
    pressed = False

    def press(end: EpochEnd) -> None:
        nonlocal pressed
        if end.epoch == 2 and not pressed:
            pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        elif pressed and kind == "gibbs":
            time.sleep(0.01)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    heard, recipe = Recorder(), LOOPS[kind]
    if kind == "gibbs":  # its chains run in threads, and the main thread has to wake up before it sees the signal
        recipe = recipe.model_copy(update={"iterations": 3000})
    try:
        model = recipe.fit(parts.train, parts.valid, callbacks=[LambdaCallback(on_epoch_end=press), heard])
    finally:
        signal.signal(signal.SIGINT, before)
    assert (heard.ends[0].interrupted, set(heard.ends[0].stopped)) == (True, set())
    assert [end.interrupted for end in heard.epochs] == [*[False] * (len(heard.epochs) - 1), True]
    if kind != "gibbs":
        assert [end.epoch for end in heard.epochs] == [1, 2, 3]
        assert len(model.history) == 3


@pytest.mark.parametrize("kind", LOOPS)
def test_an_error_in_a_callback_ends_the_fit_and_goes_on_to_the_caller(kind: str, parts: Split) -> None:
    class OwnError(Exception):
        pass

    def fail(end: EpochEnd) -> None:
        if end.epoch == 2:
            raise OwnError

    heard = Recorder()
    with pytest.raises(OwnError):
        LOOPS[kind].fit(parts.train, parts.valid, callbacks=[heard, LambdaCallback(on_epoch_end=fail)])
    assert len(heard.epochs) == 2
    assert isinstance(heard.ends[0].error, OwnError)


def test_the_order_of_the_calls(parts: Split) -> None:
    order = Order()
    fr.SGD(epochs=2, **QUICK).fit(parts.train, parts.valid, callbacks=[order])
    assert order.calls == [
        f"start sgd {len(parts.train)} {len(parts.valid)}",
        *("begin fit", "step 1.1", "fit 1", "step 2.1", "fit 2"),
        *("begin refit", "step 1.1", "refit 1", "step 2.1", "refit 2", "end"),
    ]
    assert order.steps[0].metrics.keys() == {"train_rmse"}


def test_a_step_of_the_trainer_is_a_batch(parts: Split) -> None:
    order = Order()
    LOOPS["trainer"].fit(parts.train, callbacks=[order, stop_at(2)])
    per_epoch = -(-len(parts.train) // 256)
    assert [(step.epoch, step.step, step.steps) for step in order.steps] == [
        (epoch, step, per_epoch) for epoch in (1, 2) for step in range(1, per_epoch + 1)
    ]
    assert all("contrastive" in step.metrics for step in order.steps)


def test_a_step_can_be_the_last(parts: Split) -> None:
    heard = Recorder()
    third = LambdaCallback(on_step_end=lambda end: end.step == 3)
    model = LOOPS["trainer"].fit(parts.train, parts.valid, refit=False, callbacks=[third, heard])
    assert [end.epoch for end in heard.epochs] == [1]
    assert heard.epochs[0].metrics.keys() >= {"contrastive", "valid_ndcg@20"}, "what was learnt is judged"
    assert model.settings["epochs"] == 1


def test_trials_are_told_of_and_are_provisional(parts: Split) -> None:
    heard = Recorder()
    fr.Contrastive(epochs=2, batch_size=256, sampler_settings={"n_negatives": 8}, **QUICK).fit(
        parts.train, parts.valid, callbacks=[heard]
    )
    assert {end.stage for end in heard.epochs} == {"trial", "fit", "refit"}
    assert all(end.provisional for end in heard.epochs), "what ranks is chosen after the training"
    assert [end.epoch for end in heard.of("fit")] == [1, 2]
    sparse = Recorder()
    fr.ALS(iterations=3, **QUICK).fit(parts.train, parts.valid, callbacks=[sparse])
    assert [end.provisional for end in sparse.of("fit")] == [False] * 3
    assert all("valid_rmse" in end.metrics for end in sparse.of("trial"))


def test_stopping_the_trials_leaves_the_training_whole(parts: Split) -> None:
    heard = Recorder()
    recipe = fr.Contrastive(epochs=2, **DECIDED | {"loss_settings": {}}, **QUICK)
    model = recipe.fit(parts.train, parts.valid, refit=False, callbacks=[stop_at(1, "trial"), heard])
    assert [(end.stage, end.epoch) for end in heard.epochs] == [("trial", 1), ("fit", 1), ("fit", 2)]
    assert isinstance(model.settings["loss_settings"]["temperature"], float)


def test_a_stage_can_be_left_out_but_not_the_first_fit(parts: Split) -> None:
    heard, never = Recorder(), LambdaCallback(on_stage_start=lambda _: True)
    for recipe in (fr.ALS(iterations=2, **QUICK), fr.BiasedSVD(), fr.NormalisedSVD(rank=4)):
        model = recipe.fit(parts.train, parts.valid, callbacks=[never, heard])
        assert model.refit is False
    assert {end.stage for end in heard.epochs} == {"fit"}


def test_a_stopped_refit_leaves_the_first_fit(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    recipe = fr.SGD(epochs=4, **QUICK)
    chosen = recipe.fit(parts.train, parts.valid, refit=False)
    model = recipe.fit(parts.train, parts.valid, callbacks=[stop_at(1, "refit")])
    assert model.refit is False
    assert torch.equal(model.predictor.users, chosen.predictor.users)
    assert "the second fit, on train and validation, was stopped by a callback; keeping the first" in caplog.text


def test_parts_of_a_blend_are_told_apart(parts: Split) -> None:
    heard = Recorder()
    blend = fr.Blended(parts=[LOOPS["trainer"], LOOPS["ials"]], weights=[1.0, 1.0])
    blend.fit(parts.train, callbacks=[stop_at(2), heard])
    assert [(end.model, end.epoch) for end in heard.epochs] == [
        *((f"blended.parts.{n}", epoch) for n in (0, 1) for epoch in (1, 2))
    ]
    assert len(heard.ends) == 1


@pytest.mark.parametrize("kind", ["trainer", "ials", "sgd", "gibbs"])
def test_same_bits_with_and_without_callbacks(kind: str, parts: Split) -> None:
    alone, followed = (
        LOOPS[kind].fit(parts.train, parts.valid, refit=False, callbacks=given) for given in ([], [Recorder(), Order()])
    )
    for one, other in zip(alone.scorer.tensors().values(), followed.scorer.tensors().values(), strict=True):
        assert torch.equal(one, other)


def ticking(step: float = 1.0) -> Any:
    """A clock that is a second later each time it is looked at."""
    ticks = count()
    return lambda: step * next(ticks)


@pytest.mark.parametrize("kind", LOOPS)
def test_a_time_budget_ends_the_fit_with_a_model(kind: str, parts: Split) -> None:
    heard, budget = Recorder(), TimeBudget(5, clock=ticking())
    model = LOOPS[kind].fit(parts.train, parts.valid, callbacks=[budget, heard])
    assert model.refit is not True or kind == "gibbs", "which has nothing to choose, and takes all rows at once"
    assert set(heard.ends[0].stopped) >= {"fit"}
    assert len(heard.epochs) < 9
    assert model.recommend(k=2).height


def test_a_time_budget_runs_over_all_stages_and_anew_for_each_fit(parts: Split) -> None:
    times = iter([0.0, *[1.0] * 11, *[99.0] * 50])
    budget, heard = TimeBudget("90s", clock=lambda: next(times)), Recorder()
    recipe = fr.SGD(epochs=5, **QUICK)  # start, stage, and two looks at the clock in each epoch
    model = recipe.fit(parts.train, parts.valid, callbacks=[budget, heard])
    assert len(heard.of("fit")) == 5
    assert heard.of("refit") == []
    assert model.refit is False
    budget._clock = lambda: 100.0
    assert recipe.fit(parts.train, parts.valid, callbacks=[budget]).refit is True


@pytest.mark.parametrize("span", [0, -1, float("nan"), float("inf"), "soon", "", "10x", True, "1m1h"])
def test_what_is_no_time_is_refused(span: Any) -> None:
    with pytest.raises(SettingsError, match="a time budget is a number of seconds above 0, or a text such as '10m'"):
        TimeBudget(span)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_log(parts: Split, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    fr.SGD(epochs=2, **QUICK).fit(parts.train, parts.valid, callbacks=[logger])
    fr.IALS(iterations=2, unobserved_weight=0.1, regularization=0.01, **QUICK).fit(
        parts.train, parts.valid, refit=False, callbacks=[logger]
    )
    rows = rows_of(path)
    assert [(row["fit"], row["model"], row["stage"], row["epoch"]) for row in rows] == [
        *(("1", "sgd", stage, epoch) for stage in ("fit", "refit") for epoch in "12"),
        *(("2", "ials", "fit", epoch) for epoch in "12"),
    ]
    assert [float(row["score"]) for row in rows[:2]] == [-float(row["valid_rmse"]) for row in rows[:2]]
    assert [row["score"] for row in rows[2:4]] == ["", ""], "nothing is judged in a second fit"
    assert [row["train_rmse"] for row in rows[4:]] == ["", ""]
    assert all(float(row["valid_ndcg@20"]) > 0 for row in rows[4:]), "a column that came up later"
    again = CSVLogger(path)  # such as the same command, gone on with
    fr.SGD(epochs=1, **QUICK).fit(parts.train, callbacks=[again])
    rows = rows_of(path)
    assert [row["fit"] for row in rows] == ["1", "1", "1", "1", "2", "2", "3"]


def test_a_jsonl_log(parts: Split, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for _ in range(2):
        LOOPS["trainer"].fit(parts.train, parts.valid, refit=False, callbacks=[JSONLLogger(path), stop_at(2)])
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(row["fit"], row["epoch"], row["interrupted"]) for row in rows] == [
        (fit, epoch, False) for fit in (1, 2) for epoch in (1, 2)
    ]
    assert all({"contrastive", "valid_ndcg@20", "seconds"} <= row.keys() for row in rows)


@pytest.mark.parametrize("logger", [CSVLogger, JSONLLogger])
@pytest.mark.parametrize("content", ["name,value\nx,1\n", "{}\n", "fit,model\n", "\x00\xff", "[1]\n"])
def test_a_file_of_something_else_is_left_alone(logger: Any, content: str, tmp_path: Path, parts: Split) -> None:
    path = tmp_path / "mine"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match="is there and no log of a training"):
        LOOPS["sgd"].fit(parts.train, callbacks=[logger(path)])
    assert path.read_text(encoding="latin-1") == content
    with pytest.raises(DataError, match="is a folder"):
        logger(tmp_path)


def test_a_figure_that_is_no_number_is_null(tmp_path: Path) -> None:
    logger = JSONLLogger(tmp_path / "log")
    logger.on_fit_start(FitStart("x"))
    logger.on_epoch_end(EpochEnd("fit", 1, 1, {"loss": float("nan")}, score=float("-inf")))
    row = json.loads((tmp_path / "log").read_text(encoding="utf-8"))
    assert (row["loss"], row["score"]) == (None, None)


class Writer:
    """What TensorBoard's writer takes."""

    made: ClassVar[list[Writer]] = []

    def __init__(self, log_dir: str) -> None:
        Path(log_dir).mkdir(parents=True)
        self.folder, self.scalars, self.closed = Path(log_dir).name, [], False
        Writer.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.append((name, value, step))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_tensorboard_gets_a_run_for_each_fit(parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    Writer.made.clear()
    board = TensorBoard(tmp_path / "runs")
    for _ in range(2):
        fr.SGD(epochs=2, **QUICK).fit(parts.train, parts.valid, refit=False, callbacks=[board])
    assert [(one.folder, one.closed) for one in Writer.made] == [("sgd-0", True), ("sgd-1", True)]
    assert {(name, step) for name, _, step in Writer.made[0].scalars} == {
        (f"fit/{name}", step) for name in ("train_rmse", "valid_rmse", "score") for step in (1, 2)
    }


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtraError, match=r'pip install "fillrank\[tensorboard\]"'):
        TensorBoard(tmp_path)


def test_of_several_processes_the_first_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fillrank.runtime.distributed import World

    monkeypatch.setattr(World, "current", classmethod(lambda cls: cls(1, 2)))
    for logger in (CSVLogger(tmp_path / "a"), JSONLLogger(tmp_path / "b")):
        logger.on_fit_start(FitStart("x"))
        logger.on_epoch_end(EpochEnd("fit", 1, 1))
    assert list(tmp_path.iterdir()) == []


def test_a_stop_in_the_last_round_of_the_second_fit_throws_nothing_away() -> None:
    parts = fr.split.random(fr.synthetic(60, 40, 900).interactions, valid=0.1)
    recipe = fr.ALS(dim=4, regularization=0.2, bias_regularization=5.0, iterations=3)

    def last(end: EpochEnd) -> bool:
        return end.stage == "refit" and end.epoch == end.total

    model = recipe.fit(parts.train, parts.valid, progress=False, callbacks=[LambdaCallback(on_epoch_end=last)])
    assert model.refit


def test_a_stop_by_the_time_budget_is_called_that(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="fillrank"):
        fr.SGD(epochs=4, **QUICK).fit(parts.train, parts.valid, callbacks=[TimeBudget(1e-9)])
    assert "stopped by its time budget in epoch 1" in caplog.text


def test_a_misspelt_method_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(
        SettingsError,
        match=r"Mine\.on_epoch_ended would never be called; did you mean on_epoch_end\? a callback has on_",
    ):

        class Mine(Callback):
            def on_epoch_ended(self, end: EpochEnd) -> None: ...


def test_a_fit_without_epochs_says_that_callbacks_have_nothing_to_do(
    parts: Split, caplog: pytest.LogCaptureFixture
) -> None:
    quiet = LambdaCallback(on_fit_end=lambda _: None)
    fr.PureSVD(rank=2).fit(parts.train, callbacks=[quiet], progress=False)
    assert "nothing to do" not in caplog.text
    fr.PureSVD(rank=2).fit(parts.train, callbacks=[Recorder(), TimeBudget(60), quiet], progress=False)
    said = "pure-svd was computed in one step, without epochs or trials, so these callbacks had nothing to do: "
    assert f"{said}Recorder, TimeBudget (--time-budget)" in caplog.text
    recorder = Recorder()
    fr.PureSVD().fit(parts.train, parts.valid, callbacks=[recorder], progress=False)
    assert recorder.of("trial")
    assert "nothing to do: Recorder\n" not in caplog.text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([Recorder], r"must be a list of Callback objects, .* Recorder is a class, .* of it is wanted: Recorder\(…\)"),
        (Recorder(), "must be a list of Callback objects, got a Recorder; write a list, also for a single one"),
        ([lambda _: True], "number 1 of them is a function, and must be a Callback"),
    ],
)
def test_what_is_no_callback_is_refused(given: Any, message: str, parts: Split) -> None:
    with pytest.raises(SettingsError, match=message):
        fr.SGD(epochs=1, **QUICK).fit(parts.train, callbacks=given)
