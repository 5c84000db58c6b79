"""A model that takes in what came after its log, in closed form."""

from __future__ import annotations

from typing import Any

from fillrank.data import Interactions
from fillrank.data.growing import grown_log
from fillrank.factors.growth import Growth
from fillrank.recommend.contents import Contents

__all__ = ["updated_parts"]


def updated_parts(model: Contents, new: Interactions) -> dict[str, Any]:
    """What changes of a model: see :meth:`fillrank.recommend.Recommender.update`.

    Raises:
        DataError: the rows do not go with the model, or it knows no way to take anything in.
    """
    interactions = model.interactions
    whole = grown_log(interactions, new)
    growth = Growth(interactions, whole, _threshold(model))
    scorer = model.scorer.grown(growth)
    same = model.predictor is model.scorer
    predictor = scorer if same else None if model.predictor is None else model.predictor.grown(growth)
    ends = [one for one in (model.value_range, new.value_range) if one is not None and model.value_range is not None]
    return {
        "scorer": scorer,
        "predictor": predictor,
        "interactions": whole,
        "popularity": None,
        "value_range": (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None,
        "item_table": None if model.item_table is None else model.item_table.grown(whole.n_items),
        "history": (*model.history, {"update": len(new)}),
    }


def _threshold(model: Contents) -> float | None:
    """The least value that counts, where the model counts rows."""
    asked = model.settings.get("positive_from")
    return (
        model.interactions.relevant_from if asked == "relevant" else asked if isinstance(asked, int | float) else None
    )
