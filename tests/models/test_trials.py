"""What the choice of settings costs, and CMC's choice of its temperature."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fillrank.data import Interactions, Split
from fillrank.errors import DataError, SettingsError
from fillrank.losses import LOSSES
from fillrank.models import BPRMF, CCL, CMC, MMCL, Contrastive, LightGCN, Recipe
from fillrank.models.trials import Allowance
from fillrank.training import Autograd, LoopSettings, TableContrast
from fillrank.training.callbacks import EpochEnd, LambdaCallback, Recorder

SMALL = {"dim": 8}
AS_LEARNT = {"neighbour_weight": 0.0, "popularity_beta": 0.0, "popularity_weight": 0.0}
QUICK = {**SMALL, "rating_dim": 4, "epochs": 3, "batch_size": 256}
COSTLY: dict[str, Recipe] = {
    "contrastive": Contrastive(**SMALL),
    "psl": Contrastive(loss="psl", **SMALL),
    "mmcl": MMCL(**SMALL),
    "ccl": CCL(**SMALL),
    "bpr": BPRMF(**SMALL),
    "lightgcn": LightGCN(**SMALL),
    "cmc": CMC(**SMALL, **AS_LEARNT),
    "a short training": MMCL(**SMALL, epochs=2),
    "no patience": CMC(**SMALL, **AS_LEARNT, patience=1),
    "looks now and then": CCL(**SMALL, patience=2, eval_every=3),
}


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The rows of each step that is taken inside the block."""
    rows: list[int] = []
    with monkeypatch.context() as patch:
        for kind in (TableContrast, Autograd):

            def learn(self: Any, batch: Any, generator: Any, learn: Any = kind.learn) -> Any:
                rows.append(len(batch))
                return learn(self, batch, generator)

            patch.setattr(kind, "learn", learn)
        yield rows


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in {"cmc", "no patience"} else ()) for kind in COSTLY]
)
def test_a_fit_that_chooses_costs_at_most_two_trainings(
    kind: str, parts: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = COSTLY[kind]
    with counting(monkeypatch) as whole:
        chosen = recipe.fit(parts.train, parts.valid, refit=False).settings
    names = ("temperature",) if isinstance(recipe, CMC) else ("loss_settings", "regularization")
    given = recipe.model_dump() | {name: chosen[name] for name in names}
    with counting(monkeypatch) as one:
        assert type(recipe)(**given).fit(parts.train, parts.valid, refit=False).settings == chosen
    assert len(one) <= len(whole) <= 2 * len(one)
    assert sum(whole) <= 2 * sum(one)


@pytest.mark.parametrize("n_rows", [1, 50, 7_000, 80_000, 1_000_000])
@pytest.mark.parametrize("loss", [name for name, kind in LOSSES.items() if kind.ladders])
def test_the_trials_cost_no_more_than_the_least_of_a_training(loss: str, n_rows: int) -> None:
    for settings in (
        LoopSettings(epochs=100, batch_size=512, patience=5),
        LoopSettings(epochs=3, batch_size=64, patience=5),
        LoopSettings(epochs=100, batch_size=512, patience=2, eval_every=4),
    ):
        allowed = Allowance.of(settings, n_rows, LOSSES[loss].ladders)
        least = min(settings.epochs, (settings.patience + 1) * settings.eval_every) * -(-n_rows // settings.batch_size)
        assert allowed.trials * allowed.steps <= least
        rows = min(settings.epochs, (settings.patience + 1) * settings.eval_every) * n_rows
        assert allowed.trials * allowed.steps * min(settings.batch_size, n_rows) <= rows, (
            "an epoch's last batch is smaller"
        )
        cut = allowed.loop(settings, n_rows)
        assert cut.steps == allowed.steps <= cut.epochs * -(-n_rows // settings.batch_size)


def test_where_there_is_one_step_nothing_is_tried(parts: Split) -> None:
    model = Contrastive(**SMALL, epochs=1, batch_size=100_000).fit(parts.train, parts.valid)
    assert model.settings["loss_settings"] == {"temperature": 0.2}


def test_the_temperature_of_cmc_that_was_chosen_is_plain_and_fits_the_same_again(parts: Split) -> None:
    chosen = CMC(**QUICK).fit(parts.train, parts.valid)
    assert "auto" not in {value for name, value in chosen.settings.items() if name != "device"}
    again = CMC(**chosen.settings).fit(parts.train.union(parts.valid))
    everybody = torch.arange(parts.train.n_users)
    assert torch.equal(chosen.scorer.score(everybody), again.scorer.score(everybody))
    assert torch.equal(chosen.predictor.score(everybody), again.predictor.score(everybody))
    assert again.settings == chosen.settings


def test_a_temperature_that_is_given_stays(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fillrank.models.cmc.training.climb_ladders", _never)
    assert CMC(**QUICK, temperature=0.37).fit(parts.train, parts.valid).settings["temperature"] == 0.37


def test_without_a_validation_part_a_tenth_decides_or_on_a_tiny_log_a_rule(parts: Split) -> None:
    model = CMC(**QUICK).fit(parts.train)
    assert model.refit
    assert isinstance(model.settings["temperature"], float)
    tiny = Interactions.from_arrays([0, 0, 1], [0, 1, 1], values=[1.0, 2.0, 3.0])
    assert CMC(**QUICK).fit(tiny).settings["temperature"] == 0.14
    with pytest.raises(SettingsError, match=r"has settings to choose \('auto'\) and no valid"):
        CMC(**QUICK, temperature="auto").fit(parts.train)


@pytest.mark.parametrize("word", ["best", "Auto", ""])
def test_other_words_are_no_temperature(word: str) -> None:
    with pytest.raises(SettingsError, match="temperature = "):
        CMC(temperature=word)


def test_cmc_takes_the_temperature_that_its_monitor_likes(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def liked(training: Any) -> float:
        tried.append(training.recipe.temperature)
        return -tried[-1]

    monkeypatch.setattr("fillrank.models.cmc.training.CMCTraining.reached", liked)
    model = CMC(**QUICK | {"epochs": 1}).fit(parts.train, parts.valid)
    assert tried == [0.14, 0.07, 0.28, 0.035, 0.025, 0.05][: len(tried)]
    assert model.settings["temperature"] == min(tried)


def test_ctrl_c_in_the_trials_of_cmc_keeps_the_best(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []
    heard, trials = Recorder(), Recorder()

    def stopped(training: Any) -> float:
        tried.append(training.recipe.temperature)
        if len(tried) == 2:
            signal.raise_signal(signal.SIGINT)
        return -tried[-1]

    CMC(**QUICK, temperature=0.1).fit(parts.train, parts.valid, refit=False, callbacks=[heard])
    CMC(**QUICK).fit(parts.train, parts.valid, refit=False, callbacks=[trials])
    assert [end.epoch for end in trials.of("fit")] == [end.epoch for end in heard.of("fit")]
    assert trials.of("trial")
    assert all(end.provisional for end in trials.of("trial")), "no search may prune by a trial"
    monkeypatch.setattr("fillrank.models.cmc.training.CMCTraining.reached", stopped)
    model = CMC(**QUICK).fit(parts.train, parts.valid)
    assert (tried, model.settings["temperature"]) == ([0.14, 0.07], 0.07)
    assert not model.refit


def test_a_cmc_that_was_stopped_goes_on_without_choosing_again(
    parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = CMC(**QUICK).fit(parts.train, parts.valid)
    recipe = CMC(**QUICK)

    class KilledError(Exception):
        pass

    def kill(end: EpochEnd) -> None:
        if end.stage == "fit" and end.epoch == 2:
            raise KilledError

    state = {"checkpoint": tmp_path / "state"}
    with pytest.raises(KilledError):
        recipe.fit(parts.train, parts.valid, callbacks=[LambdaCallback(on_epoch_end=kill)], **state)
    monkeypatch.setattr("fillrank.models.cmc.training.climb_ladders", _never)
    resumed = recipe.fit(parts.train, parts.valid, **state)
    assert resumed.settings == whole.settings
    everybody = torch.arange(parts.train.n_users)
    assert torch.equal(resumed.scorer.score(everybody), whole.scorer.score(everybody))
    with pytest.raises(DataError, match="belongs to another training"):
        CMC(**QUICK, seed=1, temperature=0.1).fit(parts.train, parts.valid, **state)


def test_products_get_the_penalty_that_the_validation_part_likes(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def liked(training: Any, watch: Any) -> float:
        tried.append(training.recipe.regularization)
        return tried[-1]

    as_learnt = {**SMALL, **AS_LEARNT, "popularity_weight": 0.0}
    assert BPRMF(**as_learnt, epochs=1).fit(parts.train).settings["regularization"] == 3e-5, "nobody says which is best"
    assert BPRMF(**as_learnt, regularization=0.0).fit(parts.train, parts.valid).settings["regularization"] == 0
    monkeypatch.setattr("fillrank.models.contrastive.training.ContrastiveTraining.reached", liked)
    model = BPRMF(**as_learnt).fit(parts.train, parts.valid)
    assert tried == [3e-5, 1e-5, 1e-4, 3e-4]
    assert model.settings["regularization"] == 3e-4
    assert Contrastive(**as_learnt).fit(parts.train, parts.valid).settings["regularization"] == 0


def test_a_log_without_ratings_has_a_temperature_too() -> None:
    draws = np.random.default_rng(0)
    log = Interactions.from_arrays(*np.unique(draws.integers(0, 30, (400, 2)), axis=0).T)
    assert isinstance(CMC(**QUICK).fit(log).settings["temperature"], float)


def _never(*_: object, **__: object) -> None:
    raise AssertionError("nothing is to be chosen")
