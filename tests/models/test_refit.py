"""What was chosen on validation is then fitted on train and validation together, and what was met is never listed."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import fillrank as fr
from fillrank.data import Interactions, Split
from fillrank.errors import DataError, SettingsError
from fillrank.models import ALS, CMC, IALS, RECIPES, SGD, Blended, Contrastive, NormalisedSVD, Popularity, PureSVD
from fillrank.training.callbacks import Callback, EpochEnd, Recorder

QUICK = {"dim": 4, "epochs": 4, "batch_size": 512, "learning_rate": 0.01}
MF = {**QUICK, "sampler_settings": {"n_negatives": 20}, "neighbour_weight": "auto"}
RECIPES_TO_CHOOSE = {
    "pure-svd": PureSVD(),
    "als": ALS(dim=2, iterations=6),
    "ials": IALS(dim=4, iterations=4),
    "sgd": SGD(dim=2, epochs=6),
    "cmc": CMC(**QUICK, rating_dim=2, n_negatives=20),
    "contrastive": Contrastive(**MF),
    "blended": Blended(parts=[Contrastive(**MF), NormalisedSVD(rank=4, beta=0.5, power=0.0)]),
}
"""One for each way in which something is chosen: settings, a round, an epoch, a ranking, weights."""
RATINGS_ONLY = {name for name, kind in RECIPES.items() if kind.needs_values}


def scores(model: fr.Recommender) -> np.ndarray:
    return model.recommend(k=1000, filter_seen=False).sort("user_id", "item_id")["score"].to_numpy()


@pytest.fixture(scope="module", params=list(RECIPES_TO_CHOOSE))
def fits(request: pytest.FixtureRequest, parts: Split) -> tuple[fr.Recommender, fr.Recommender]:
    """The model that was chosen, and the one that was fitted again."""
    made = RECIPES_TO_CHOOSE[request.param]
    return made.fit(parts.train, parts.valid, refit=False), made.fit(parts.train, parts.valid)


def test_a_refit_is_the_fit_of_what_was_chosen_on_all_rows(fits, parts: Split) -> None:
    chosen, again = fits
    assert (chosen.refit, again.refit) == (False, True)
    assert again.settings == chosen.settings
    by_hand = RECIPES[again.name](**chosen.settings).fit(parts.train.union(parts.valid))
    np.testing.assert_array_equal(scores(again), scores(by_hand))
    assert not np.array_equal(scores(again), scores(chosen))


def test_what_was_met_in_validation_is_never_listed(fits, parts: Split) -> None:
    given = set(zip(*parts.train.union(parts.valid).to_frame().select("user_id", "item_id"), strict=True))
    for model in fits:
        lists = model.recommend(k=1000)
        assert not given & set(zip(lists["user_id"], lists["item_id"], strict=True))
        test = set(zip(*parts.test.to_frame().select("user_id", "item_id"), strict=True))
        assert test <= set(zip(lists["user_id"], lists["item_id"], strict=True)), "the test part is not seen"


def test_the_history_tells_the_two_fits_apart(fits) -> None:
    chosen, again = fits
    n = len(chosen.history)
    keys = [{name for name in epoch if name != "seconds"} for epoch in again.history]
    assert keys[:n] == [{name for name in epoch if name != "seconds"} for epoch in chosen.history]
    assert all(epoch["refit"] == 1 for epoch in again.history[n:])
    assert not any(name.startswith("valid_") for names in keys[n:] for name in names)
    for setting in ("epochs", "iterations"):
        if setting in again.settings:
            assert len(again.history) - n == again.settings[setting]


def test_a_saved_model_knows_whether_it_was_refitted(fits, tmp_path) -> None:
    for number, model in enumerate(fits):
        model.save(tmp_path / str(number))
        assert fr.Recommender.load(tmp_path / str(number)).refit is model.refit


def test_reports_say_which_kind_they_are_and_do_not_compare_as_equals(fits, parts: Split) -> None:
    alone, all_rows = (fr.evaluate(model, parts) for model in fits)
    assert (alone.protocol["refit"], all_rows.protocol["refit"]) == (False, True)
    assert "refit on train and valid" in str(all_rows)
    with pytest.raises(DataError, match=r"measured differently \(refit: True and False"):
        all_rows.compare(alone)
    assert all_rows.compare(fr.evaluate(fits[0].scorer, parts))  # a bare scorer does not say


def test_a_model_that_is_measured_on_what_it_learnt_from_is_warned_of(
    fits, parts: Split, caplog: pytest.LogCaptureFixture
) -> None:
    chosen, again = fits
    fr.evaluate(chosen, test=parts.valid, train=parts.train)
    fr.evaluate(again, parts)
    assert "has learnt from" not in caplog.text
    fr.evaluate(again, test=parts.valid, train=parts.train)
    assert f"{again.name} has learnt from 400 of the 400 rows that it is measured on" in caplog.text


@pytest.mark.parametrize("recipe", [Popularity(), PureSVD(rank=4)])
def test_where_nothing_is_chosen_one_fit_on_everything_is_all(recipe, parts: Split) -> None:
    everything = recipe.fit(parts.train.union(parts.valid))
    np.testing.assert_array_equal(scores(recipe.fit(parts.train, parts.valid)), scores(everything))
    np.testing.assert_array_equal(
        scores(recipe.fit(parts.train, parts.valid, refit=False)), scores(recipe.fit(parts.train))
    )
    assert everything.refit is None


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "gibbs"])
def test_every_recipe_can_be_fitted_by_its_defaults_without_validation(name: str, parts: Split) -> None:
    kind = RECIPES[name]
    own = {"epochs": 1, "iterations": 1, "dim": 4, "budget": 1.0}
    model = kind(**{name: value for name, value in own.items() if name in kind.model_fields}).fit(parts.train)
    assert len(model.interactions) == len(parts.train)
    assert "auto" not in {str(value) for setting, value in model.settings.items() if setting != "route"}


def test_without_validation_defaults_are_chosen_on_rows_that_are_learnt_from_in_the_end(parts: Split) -> None:
    model = PureSVD().fit(parts.train)
    np.testing.assert_array_equal(scores(model), scores(PureSVD(**model.settings).fit(parts.train)))
    np.testing.assert_array_equal(scores(model), scores(PureSVD().fit(parts.train)))
    assert model.refit
    with pytest.raises(SettingsError, match=r"Blended has settings to choose .* and no valid"):
        Blended(parts=[PureSVD(rank="auto")], weights=[1.0]).fit(parts.train)


def test_a_log_of_one_row_has_none_to_choose_on() -> None:
    with pytest.raises(SettingsError, match="1 row leaves nothing to choose settings on"):
        PureSVD().fit(Interactions.from_arrays([1], [1]))


def test_the_row_held_out_is_a_relevant_one_where_there_is_one() -> None:
    values = [1.0] * 11 + [5.0]
    log = Interactions.from_arrays([0] * 6 + [1] * 6, [*range(6)] * 2, values=values, relevant_from=4)
    model = NormalisedSVD().fit(replace_ids(log))
    assert isinstance(model.settings["rank"], int)


def replace_ids(log: Interactions) -> Interactions:
    """The same rows among enough users for the smallest rank that is tried."""
    users = [*log.users, 2, 3, 4]
    return Interactions.from_arrays(users, [*log.items, 0, 0, 0], [*log.values, 1, 1, 1], relevant_from=4)


def test_rows_of_validation_that_are_in_train_are_refused(parts: Split) -> None:
    some = parts.train.select(np.arange(3))
    with pytest.raises(DataError, match=r"3 of the 3 rows of valid are in train too, the first is user 0 with item 2"):
        PureSVD().fit(parts.train, some)


class _Interrupting(Callback):
    """Presses Ctrl-C when the training of that number begins its second epoch."""

    def __init__(self, training: int) -> None:
        self.training, self.begun, self.stops = training, 0, 0

    def on_epoch_end(self, end: EpochEnd) -> None:
        self.begun += end.epoch == 1
        self.stops += end.interrupted
        if end.epoch == 1 and self.begun == self.training:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_choosing_fit_that_was_stopped_starts_no_refit(parts: Split) -> None:
    outside = _Interrupting(training=1)
    model = SGD(dim=2, epochs=6).fit(parts.train, parts.valid, callbacks=[outside])
    assert outside.begun == outside.stops == 1
    assert model.refit is False
    assert not any("refit" in epoch for epoch in model.history)


def test_a_refit_that_was_stopped_leaves_the_model_that_was_chosen(parts: Split) -> None:
    recipe = SGD(dim=2, epochs=6)
    chosen = recipe.fit(parts.train, parts.valid, refit=False)
    heard = Recorder()
    model = recipe.fit(parts.train, parts.valid, callbacks=[heard, _Interrupting(training=2)])
    assert model.refit is False
    np.testing.assert_array_equal(scores(model), scores(chosen))
    assert [(end.stage, end.interrupted) for end in heard.epochs] == [
        *[("fit", False)] * len(chosen.history),
        *[("refit", False), ("refit", True)],
    ]
    assert all(end.provisional for end in heard.of("refit"))


def test_a_second_fit_shows_itself_as_one(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "fillrank"):
        SGD(dim=2, epochs=2).fit(parts.train, parts.valid)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split()[:2] for line in lines if "epoch" in line][-1] == ["refit:", "epoch"]
    assert any("now sgd is fitted on train and validation together, 3600 rows" in line for line in lines)


def test_a_checkpoint_of_the_second_fit_stands_beside_that_of_the_first(parts: Split, tmp_path) -> None:
    recipe, state = Contrastive(**MF), {"checkpoint": tmp_path / "state"}
    model = recipe.fit(parts.train, parts.valid, **state)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state", "state.refit"]
    np.testing.assert_array_equal(scores(model), scores(Contrastive(**MF).fit(parts.train, parts.valid)))
    (tmp_path / "state.refit").unlink()  # killed between the two
    np.testing.assert_array_equal(scores(model), scores(recipe.fit(parts.train, parts.valid, **state)))
