"""A model with items, or users, that nobody has met and of which only the features are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from fillrank.data import Features, IdMap
from fillrank.errors import DataError
from fillrank.recommend.contents import Contents

__all__ = ["added_parts"]


def added_parts(model: Contents, what: Literal["items", "users"], given: Any) -> dict[str, Any]:
    """What changes of a model: see :meth:`fillrank.recommend.Recommender.add_items`.

    Raises:
        DataError: all ids are known already, or the model has learnt nothing of features of that side.
    """
    one = what.removesuffix("s")
    features = Features.of(given)
    known: IdMap = getattr(model.interactions, f"{one}_ids")
    strange = np.flatnonzero(known.encode(features.ids.ids, unknown="mark") < 0)
    if not len(strange):
        raise DataError(f"all {len(features)} {what} are known to the model already; give those that are new")
    ids = known.followed_by(features.ids.decode(strange).cast(known.ids.dtype, strict=False))
    new = features.taken(IdMap.in_order(ids.ids[len(known) :]))
    log = model.interactions
    kept: Features | None = getattr(log, f"{one}_features")
    grown: dict[str, Any] = {f"{one}_ids": ids, f"{one}_features": None if kept is None else kept.grown(ids, new)}
    parts: dict[str, Any] = {"interactions": replace(log, **grown)}
    parts["scorer"] = _widened(model.scorer, what, new)
    same = model.predictor is model.scorer
    parts["predictor"] = (
        parts["scorer"] if same else None if model.predictor is None else _widened(model.predictor, what, new)
    )
    if what == "items":
        nobody = np.zeros(len(strange), dtype=np.int64)
        parts["popularity"] = np.append(np.asarray(model.popularity, dtype=np.int64), nobody)
        parts["item_table"] = None if model.item_table is None else model.item_table.grown(len(ids))
    return parts


def _widened(scorer: Any, what: str, new: Features) -> Any:
    widened = getattr(scorer, "widened", None)
    if widened is None:
        raise DataError(
            f"{type(scorer).__name__} has no vectors of features, so nothing is known of {what} without interactions; "
            "fit Contrastive or ALS on log.with_features(…)"
        )
    return widened(**{what: new})
