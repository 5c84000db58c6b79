"""What learns in rounds says where they ran out too early, and else nothing."""

from __future__ import annotations

import pytest

import fillrank as fr
from fillrank.data import Split
from fillrank.models import Recipe

QUICK = {"dim": 4}
PENALTIES = {"regularization": 0.02, "bias_regularization": 1.0}
WEIGHTS = {"unobserved_weight": 0.1, "regularization": 0.01}
TOO_SHORT: dict[str, Recipe] = {
    "SGD": fr.SGD(epochs=4, **QUICK),
    "ALS": fr.ALS(iterations=2, **PENALTIES, **QUICK),
    "IALS": fr.IALS(iterations=2, **WEIGHTS, **QUICK),
}
LONG: dict[str, Recipe] = {
    "SGD": fr.SGD(epochs=200, **QUICK),
    "ALS": fr.ALS(iterations=60, **PENALTIES, **QUICK),
    "IALS": fr.IALS(iterations=60, **WEIGHTS, **QUICK),
    "Gibbs": fr.Gibbs(iterations=80, burn_in=40, **QUICK),
}


def said(recipe: Recipe, log: Split, caplog: pytest.LogCaptureFixture, *, judged: bool) -> list[str]:
    caplog.clear()
    recipe.fit(log.train, log.valid if judged else None, refit=False)
    return [line.getMessage() for line in caplog.records if "before it had converged" in line.getMessage()]


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize("kind", list(TOO_SHORT))
def test_rounds_that_ran_out_are_told(kind: str, judged: bool, parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    recipe = TOO_SHORT[kind]
    (line,) = said(recipe, parts, caplog, judged=judged)
    setting = "epochs" if kind == "SGD" else "iterations"
    assert line.startswith(f"{kind} stopped before it had converged: in the last of its {getattr(recipe, setting)} ")
    assert line.endswith(f"raise {setting}")
    assert ("validation part" in line) == judged


@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize("kind", list(LONG))
def test_rounds_that_were_enough_are_not(
    kind: str, judged: bool, parts: Split, caplog: pytest.LogCaptureFixture
) -> None:
    assert said(LONG[kind], parts, caplog, judged=judged) == []


def test_a_chain_that_is_still_moving_is_told(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    (line,) = said(fr.Gibbs(iterations=20, burn_in=0, **QUICK), parts, caplog, judged=False)
    assert line.startswith("Gibbs stopped before it had converged")


def test_a_training_that_was_still_getting_better_is_told(parts: Split, caplog: pytest.LogCaptureFixture) -> None:
    decided = {"neighbour_weight": 0.0, "popularity_beta": 0.0, "loss_settings": {"temperature": 0.1}}
    recipe = fr.Contrastive(epochs=2, learning_rate=0.02, init="random", batch_size=256, **decided, **QUICK)
    assert len(said(recipe, parts, caplog, judged=True)) == 1
    assert said(recipe, parts, caplog, judged=False) == []


def test_the_second_fit_repeats_what_was_chosen_and_says_nothing(
    parts: Split, caplog: pytest.LogCaptureFixture
) -> None:
    overfitting = fr.ALS(dim=6, regularization=0.001, bias_regularization=0.1, iterations=40)
    model = overfitting.fit(parts.train, parts.valid)
    assert model.refit
    assert 1 < model.settings["iterations"] < 20
    assert "before it had converged" not in caplog.text
    fr.ALS(**{**model.settings, "iterations": 2}).fit(parts.train.union(parts.valid))
    assert "before it had converged" in caplog.text, "asked for, and not chosen"
