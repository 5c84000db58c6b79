"""The contract test for a model: a recipe, and the recommender that it fits."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.data import Split, split
from fillrank.errors import DataError, FillrankError
from fillrank.factors.neural import NeuralScorer
from fillrank.models import Recipe
from fillrank.recommend import Recommender
from fillrank.testing.judging import Judge, threads
from fillrank.testing.logs import small_log

__all__ = ["check_model"]


@checked
def check_model(recipe: Recipe, *, parts: Split | None = None) -> None:
    """Check that a recipe keeps the contract of models, on a small log of ratings; it is fitted three times.

    What is looked at, in this order: the same seed, the same bits, with any number of threads, and nothing from
    generators that belong to everybody; settings that JSON can hold and that fit the same again; lists: nothing seen,
    as long as there are items and never padded, finite scores that fall, the same whoever else is asked for; scores of
    pairs against the lists; predictions, where there are some, within the range of the values; new users; saving and
    loading; an empty log, which is refused.

    Args:
        recipe: with its settings; small ones, as it is fitted three times.
        parts: train and validation to fit on; None: a small log.

    Raises:
        ContractError: the first broken promise, by name.

    Example:
        >>> from fillrank.models import PureSVD
        >>> check_model(PureSVD(rank=2))
    """
    parts = split.random(small_log(60, 40, 900), test=0.1, valid=0.1, seed=0) if parts is None else parts
    trial = _ModelTrial(recipe, parts)
    trial.check_repeats()
    trial.check_settings()
    trial.check_lists()
    trial.check_scores()
    trial.check_new_users()
    trial.check_files()
    trial.check_empty_log()


class _ModelTrial:
    """One recipe under test, and the model that it has fitted on train, its choices made on valid."""

    def __init__(self, recipe: Recipe, parts: Split) -> None:
        self.recipe, self.parts, self.judge = recipe, parts, Judge(f"the model {recipe.kind!r}")
        with threads(1), self.judge.apart():
            self.model = self.fitted(recipe)

    def fitted(self, recipe: Recipe) -> Recommender:
        return recipe.fit(self.parts.train, self.parts.valid, refit=False)

    def tensors(self, model: Recommender) -> dict[str, Tensor]:
        predictor = (
            {}
            if model.predictor is None
            else {f"predictor's {name}": one for name, one in model.predictor.tensors().items()}
        )
        return {f"scorer's {name}": one for name, one in model.scorer.tensors().items()} | predictor

    def check_repeats(self) -> None:
        with threads(2):
            again = self.fitted(self.recipe)
        self.judge.equal("fitted again, by 2 threads in place of 1,", self.tensors(self.model), self.tensors(again))

    def check_settings(self) -> None:
        try:
            kept = json.loads(json.dumps(dict(self.model.settings)))
        except (TypeError, ValueError) as error:
            self.judge.fail("its settings", f"cannot be written as JSON: {error}")
        again = self.recipe.again(kept).fit(self.parts.train)
        lists = [model.recommend(k=5, filter_seen=False)["item_id"] for model in (again, self.model)]
        self.judge.that(lists[0].equals(lists[1]), "its settings", "do not fit the same again without validation data")

    def check_lists(self) -> None:
        model, judge, given = self.model, self.judge, self.parts.train
        given = given if self.parts.valid is None else given.union(self.parts.valid)
        every = model.recommend(k=given.n_items)
        met = set(zip(*given.to_frame().select("user_id", "item_id"), strict=True))
        seen = met & set(zip(every["user_id"], every["item_id"], strict=True))
        judge.that(not seen, "its lists", "hold items that the user has met")
        lengths = every.group_by("user_id", maintain_order=True).len()["len"].to_numpy()
        left = given.n_items - given.user_counts
        judge.that(lengths.tolist() == left[left > 0].tolist(), "its lists", "are not as long as there are items left")
        judge.that(bool(every["score"].is_finite().all()), "its scores", "are not finite")
        rises = every.with_columns(pl.col("score").diff().over("user_id") > 0)["score"].fill_null(False)
        judge.that(not rises.any(), "its lists", "are not in the order of their scores")
        some = model.user_ids.ids.head(3).to_list()
        alone, among = model.recommend([some[1]], k=5)["item_id"], model.recommend(some[::-1], k=5)
        together = among.filter(pl.col("user_id") == some[1])["item_id"]
        judge.that(alone.equals(together), "its lists", "depend on who else is asked for")

    def check_scores(self) -> None:
        model, judge, test = self.model, self.judge, self.parts.test.to_frame()
        lists = model.recommend(k=4)
        asked = torch.from_numpy(model.score(lists["user_id"], lists["item_id"]))
        judge.close(
            "its scores of pairs, against its lists,",
            asked,
            torch.from_numpy(lists["score"].to_numpy().copy()),
            atol=1e-4,
        )
        if model.predictor is None:
            return
        predicted = model.predict(test["user_id"], test["item_id"])
        low, high = self.parts.train.value_range or (-np.inf, np.inf)
        judge.that(bool(np.isfinite(predicted).all()), "its predictions", "are not finite")
        inside = predicted.min() >= low and predicted.max() <= high
        judge.that(bool(inside), "its predictions", f"leave the range of the values, {low:g} to {high:g}")

    def check_new_users(self) -> None:
        if isinstance(self.model.scorer, NeuralScorer):
            return
        liked = self.model.item_ids.ids.head(3).to_list()
        try:
            lists = self.model.fold_in(liked).recommend(k=5)
        except DataError:  # it knows no way, and says so
            return
        self.judge.that(bool(lists["score"].is_finite().all()), "a new user's scores", "are not finite")
        listed = set(lists["item_id"]) & set(liked)
        self.judge.that(not listed, "a new user's list", "holds items that were named as met")

    def check_files(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.model.save(Path(folder) / "model")
            again = Recommender.load(Path(folder) / "model")
        self.judge.equal("saved and loaded,", self.tensors(self.model), self.tensors(again))
        same = again.recommend(k=5).equals(self.model.recommend(k=5)) and _plain(again) == _plain(self.model)
        self.judge.that(same, "saved and loaded,", "has other lists or other settings")

    def check_empty_log(self) -> None:
        nothing = self.parts.train.select(np.zeros(len(self.parts.train), dtype=bool))
        try:
            self.recipe.fit(nothing)
        except FillrankError:
            return
        except Exception as error:  # noqa: BLE001 -- any other error is the finding
            self.judge.fail(
                "on an empty log", f"ends in {type(error).__name__}, which is no error of fillrank's: {error}"
            )
        self.judge.fail("on an empty log", "fits a model: raise a DataError")


def _plain(model: Recommender) -> Any:
    return json.loads(json.dumps(dict(model.settings)))
