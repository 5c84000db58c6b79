"""``demo``: the demonstration on real ratings, with a comparison, recommendations and pictures."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import polars as pl

from fillrank.arguments import checked
from fillrank.data import Interactions, Split, load, split
from fillrank.errors import DataError, TrainingError
from fillrank.evaluation import evaluate
from fillrank.experiments.compare.runs import StopByHand, compare
from fillrank.models import CMC
from fillrank.report.canvas import can_draw
from fillrank.report.demonstration import Demonstration
from fillrank.report.page import check_page, write_page
from fillrank.report.plots import accuracy_against_coverage, temperature_study
from fillrank.runtime.atomic_write import check_inside

__all__ = ["demo"]

logger = logging.getLogger("fillrank")

TEMPERATURES = (0.05, 0.07, 0.1, 0.2, 0.5)
_MODELS = ("popularity", "pure-svd", "normalised-svd", "biased-svd", "cmc")
_FAVOURITES = {"Heat": 5.0, "Alien": 5.0, "Blade Runner": 4.5}


@checked
def demo(out: str | os.PathLike[str] = "report", *, seed: int = 0, data: Interactions | None = None) -> Demonstration:
    """Train, compare, recommend, and write ``report.md``, ``report.json`` and two pictures to the folder ``out``.

    Without Matplotlib there are no pictures: that is said before anything is trained, and the rest is done.

    Args:
        out: the folder; made if need be.
        seed: of the split and of the models.
        data: ratings of named items; None takes ``movielens-small``.

    Raises:
        MissingExtraError: the data package is not installed.
        DataError: the ratings have no values or no names; the folder cannot be written, or holds a report of another
            kind, which would be written over.
        TrainingError: CMC, of which most of this is about, has failed.
        KeyboardInterrupt: it was stopped by hand.
    """
    folder = check_inside(out, "the folder of the report")
    files = [folder / name for name in ("report.md", "report.json", "coverage.png", "temperature.png")]
    check_page(files)
    drawn = can_draw()
    if not drawn:
        logger.warning('Matplotlib is not installed, so there are no pictures; pip install "fillrank[plot]" for them')
    ratings = load("movielens-small") if data is None else data
    if ratings.values is None or ratings.item_ids.labels is None:
        raise DataError("the demonstration wants ratings of items with names; read them with value= and label=")
    parts = split.random(ratings, test=0.1, valid=0.1, seed=seed)
    table = compare(parts, _MODELS, seeds=(seed,))
    if table.interrupted:
        raise KeyboardInterrupt
    model = next((run.fitted for run in table.runs if run.model == "cmc"), None)
    if model is None:
        raise TrainingError(next(str(one) for one in table.failures if one.entry == "cmc"))
    favourites = _known(_FAVOURITES, ratings) or _most_met(ratings)
    user = _typical_user(parts)
    found = Demonstration(
        table=table,
        user_id=user,
        liked=_liked(parts.train, user),
        recommended=model.recommend([user], k=10),
        favourites=favourites,
        for_new_user=model.fold_in(favourites).recommend(k=10),
        temperatures=[_at(temperature, parts, model.settings) for temperature in TEMPERATURES],
        files=files if drawn else files[:2],
    )
    if drawn:
        accuracy_against_coverage(table.to_dict(), files[2])
        temperature_study(found.temperatures, files[3])
    write_page(found)
    return found


def _at(temperature: float, parts: Split, settings: Mapping[str, Any]) -> dict[str, Any]:
    """CMC with a temperature; it ranks by preference only, so that nothing else changes the metrics."""
    logger.info("CMC at temperature %g", temperature)
    own = {"temperature": temperature, "rating_share": 0.0, "monitor": "ndcg@20"}
    recipe = CMC(**{**settings, **own, "epochs": "auto"})  # each until it gets no better, not for as long as the first
    model = recipe.fit(parts.train, valid=parts.valid, progress=False, callbacks=[StopByHand()])
    return {"temperature": temperature, **evaluate(model, parts, k=10).metrics}


def _typical_user(parts: Split) -> Any:
    """A user with the median number of ratings."""
    counts = parts.train.user_counts
    order = counts.argsort(kind="stable")
    return parts.train.user_ids.ids[int(order[len(order) // 2])]


def _liked(train: Interactions, user: Any) -> pl.DataFrame:
    code = int(train.user_ids.encode([user])[0])
    rows = train.select(train.users == code)
    labels = [train.item_ids.label(item) for item in rows.items]
    frame = rows.to_frame().select("item_id", "value").with_columns(pl.Series("label", labels))
    return frame.sort("value", "item_id", descending=[True, False]).head(10)


def _known(favourites: Mapping[str, float], ratings: Interactions) -> dict[str, float]:
    try:
        for name in favourites:
            ratings.item_ids.resolve(name)
    except DataError:
        return {}
    return dict(favourites)


def _most_met(ratings: Interactions) -> dict[str, float]:
    best = (-ratings.item_counts).argsort(kind="stable")[:3]
    value_range = ratings.value_range
    return {ratings.item_ids.label(int(item)): 5.0 if value_range is None else value_range[1] for item in best}
