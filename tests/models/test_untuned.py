"""What a contrastive recipe chooses where nothing is said: by the size of the log, and by short trainings."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from fillrank.data import Interactions, Split
from fillrank.errors import SettingsError
from fillrank.losses import LOSSES, open_ladders, usual_settings
from fillrank.models import BPRMF, CCL, MMCL, USUAL_NEIGHBOUR_WEIGHT, Contrastive, LightGCN, NeuMF, Recipe
from fillrank.models.sizing import Sizes
from fillrank.training.callbacks import EpochEnd, LambdaCallback, Recorder

QUICK = {"dim": 8, "epochs": 3, "batch_size": 256, "sampler_settings": {"n_negatives": 20}}
KINDS: dict[str, Recipe] = {
    "contrastive": Contrastive(**QUICK),
    "softmax": Contrastive(loss="infonce", **QUICK),
    "psl": Contrastive(loss="psl", **QUICK),
    "mmcl": MMCL(**QUICK),
    "ccl": CCL(**QUICK),
    "bpr": BPRMF(**QUICK),
    "lightgcn": LightGCN(**QUICK),
    "neumf": NeuMF(**QUICK),
}


def without_auto(settings: object) -> bool:
    if isinstance(settings, dict):
        return all(without_auto(value) for value in settings.values())
    return settings != "auto"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_chosen_is_plain_and_fits_the_same_again(kind: str, parts: Split) -> None:
    chosen = KINDS[kind].fit(parts.train, parts.valid)
    assert without_auto({name: value for name, value in chosen.settings.items() if name not in {"device", "route"}})
    again = type(KINDS[kind])(**chosen.settings).fit(parts.train.union(parts.valid))
    everybody = torch.arange(parts.train.n_users)
    assert torch.equal(chosen.scorer.score(everybody), again.scorer.score(everybody))
    assert again.settings == chosen.settings


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_validation_part_a_rule_decides(kind: str, parts: Split) -> None:
    given = {"neighbour_weight": 0.0, "popularity_beta": 0.0}  # what is to be chosen holds a tenth out
    settings = type(KINDS[kind])(progress=False, epochs=1, **given).fit(parts.train).settings
    assert without_auto({name: value for name, value in settings.items() if name not in {"device", "route"}})
    loss = settings["loss"]
    assert settings["loss_settings"] == usual_settings(loss, {})
    rows = len(parts.train)
    assert settings["batch_size"] == Sizes.of(rows, watched=False).batch_size


def test_by_default_a_tenth_is_held_out_to_choose_and_learnt_from_in_the_end(parts: Split) -> None:
    model = Contrastive(**QUICK).fit(parts.train)
    assert model.refit
    assert len(model.interactions) == len(parts.train)
    assert any("valid_ndcg@20" in epoch for epoch in model.history)


def test_a_log_too_small_to_hold_anything_out_goes_by_the_rule() -> None:
    model = Contrastive(epochs=1).fit(Interactions.from_arrays([0, 0, 1], [0, 1, 1]))
    assert model.settings["neighbour_weight"] == USUAL_NEIGHBOUR_WEIGHT
    assert model.settings["loss_settings"] == {"temperature": 0.2}


@pytest.mark.parametrize("name", ["neighbour_weight", "popularity_beta", "learning_rate", "batch_size", "epochs"])
def test_auto_by_name_is_the_default(name: str) -> None:
    assert getattr(Contrastive(), name) == "auto" == getattr(Contrastive(**{name: "auto"}), name)


def test_settings_of_the_loss_that_are_given_stay(parts: Split) -> None:
    model = CCL(**QUICK, loss_settings={"margin": 0.37}).fit(parts.train, parts.valid)
    assert model.settings["loss_settings"]["margin"] == 0.37
    assert model.settings["loss_settings"].keys() == {"margin", "negative_weight"}
    same = Contrastive(**QUICK, loss_settings={"temperature": "auto"}).fit(parts.train, parts.valid)
    assert same.settings == Contrastive(**QUICK).fit(parts.train, parts.valid).settings


@pytest.mark.parametrize(
    ("loss", "settings", "message"),
    [
        ("bsl", {"negative_weight": "auto"}, "negative_weight='auto' of the loss 'bsl': 'auto' is for temperature"),
        ("hinge", {"margin": "auto"}, "margin='auto' of the loss 'hinge': it has none to choose"),
    ],
)
def test_auto_for_what_cannot_be_chosen_is_refused(parts: Split, loss: str, settings: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Contrastive(**QUICK, loss=loss, loss_settings=settings).fit(parts.train)


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_of_a_loss_is_left_open_by_its_usual_settings(loss: str) -> None:
    assert not open_ladders(loss, usual_settings(loss, {}))


@pytest.mark.parametrize("n_rows", [1, 10, 500, 40_000, 100_000, 1_000_000, 50_000_000])
def test_a_small_log_is_not_over_in_a_few_steps(n_rows: int) -> None:
    sizes = Sizes.of(n_rows, watched=True)
    steps_of_an_epoch = -(-n_rows // sizes.batch_size)
    assert sizes.patience * steps_of_an_epoch >= min(200, sizes.epochs)
    assert sizes.patience >= 5
    assert 64 <= sizes.batch_size <= 1024


def test_a_temperature_far_from_the_usual_is_found(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch is made to like high temperatures: the ladder is climbed to its end."""
    tried: list[float] = []

    def liked(training, watch):
        tried.append(training.recipe.loss_settings["temperature"])
        return tried[-1]

    monkeypatch.setattr("fillrank.models.contrastive.training.ContrastiveTraining.reached", liked)
    recipe = Contrastive(**QUICK | {"epochs": 1})
    assert recipe.fit(parts.train, parts.valid).settings["loss_settings"] == {"temperature": 1.6}
    assert tried == [0.2, 0.1, 0.4, 0.8, 1.6, 1.1]


def test_no_search_hears_of_trials_but_of_ctrl_c_it_does(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Contrastive(**QUICK | {"neighbour_weight": 0.0, "popularity_beta": 0.0})
    heard, stopped_trial = Recorder(), Recorder()
    recipe.fit(parts.train, parts.valid, callbacks=[heard])
    assert [end.epoch for end in heard.epochs if not end.provisional] == [1, 2, 3]

    tried: list[float] = []

    def stopped(training, watch):
        tried.append(training.recipe.loss_settings["temperature"])
        if len(tried) == 2:
            signal.raise_signal(signal.SIGINT)
        return -tried[-1]

    monkeypatch.setattr("fillrank.models.contrastive.training.ContrastiveTraining.reached", stopped)
    model = recipe.fit(parts.train, parts.valid, callbacks=[stopped_trial])
    assert [(end.stage, end.interrupted) for end in stopped_trial.epochs] == [("trial", False), ("trial", True)]
    assert (tried, model.settings["loss_settings"]) == ([0.2, 0.1], {"temperature": 0.1})
    assert model.settings["epochs"] == 1, "the best trial is what is kept"


def test_a_resumed_training_keeps_what_was_chosen(
    parts: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Contrastive(**QUICK).fit(parts.train, parts.valid)
    recipe, state = Contrastive(**QUICK), {"checkpoint": tmp_path / "state"}

    class KilledError(Exception):
        pass

    def kill(end: EpochEnd) -> None:
        if end.stage == "fit" and end.epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        recipe.fit(parts.train, parts.valid, callbacks=[LambdaCallback(on_epoch_end=kill)], **state)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the choice stands in the checkpoint")

    monkeypatch.setattr("fillrank.models.contrastive.training.climb_ladders", never)
    resumed = recipe.fit(parts.train, parts.valid, **state)
    assert resumed.settings == whole.settings
    assert torch.equal(resumed.scorer.items, whole.scorer.items)


def test_a_validation_part_of_one_row_is_enough() -> None:
    log = Interactions.from_arrays([0, 0, 1, 1, 2], [0, 1, 1, 2, 0])
    rows = np.arange(len(log))
    model = Contrastive(epochs=2).fit(log.select(rows[:4]), log.select(rows[4:]))
    assert without_auto(model.settings["loss_settings"])
