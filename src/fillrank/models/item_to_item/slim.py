"""SLIM: sparse weights between items, none below 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from fillrank.data import Interactions
from fillrank.factors import ItemWeights
from fillrank.factors.weights import SparseWeights
from fillrank.models.base import NotNegative, Positive
from fillrank.models.grid import Axis, Point
from fillrank.models.item_to_item.base import ItemToItem, Trial, most_met
from fillrank.solvers.item_to_item.slim import slim

__all__ = ["SLIM"]

_MOST_ITEMS = 4096
_PENALTIES = Axis((30.0, 100.0, 300.0), 3**0.5, lambda penalty: 0.1 <= penalty <= 1e5)
_LASSOS = Axis((0.0, 1.0, 5.0), 3.0, lambda lasso: lasso <= 1e4)


class SLIM(ItemToItem):
    """Predict each item from a few others by an elastic net without negative weights (SLIM).

    See :func:`fillrank.solvers.item_to_item.slim.slim`. It only ranks; new users need no training. It is as sparse as
    neighbourhood models, and better. It takes longer than :class:`EASE` on small catalogues, and needs less memory on
    large ones.

    Attributes:
        regularization: L2 of the weights.
        lasso: L1 of the weights; a higher value leaves fewer weights. ``"auto"`` for these two takes the best nDCG@20
            on the validation part, one after the other; more values are tried while an end is the best. If a log has
            more than 4,096 items, the search uses the most popular ones only.
        k: the number of largest weights that are kept for each item.
        positive_from: rows with at least this value count; ``"relevant"`` takes the data's own threshold, None all.

    Example:
        >>> from fillrank.data import checkerboard
        >>> model = SLIM(regularization=1.0, lasso=0.1).fit(checkerboard(20), progress=False)
        >>> [int(item) % 2 for item in model.recommend(["0", "1"], k=1)["item_id"]]  # even users like even items
        [0, 1]
    """

    kind: ClassVar[str] = "slim"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("regularization", "lasso")
    usual_point: ClassVar[Mapping[str, Any]] = {"regularization": 100.0, "lasso": 1.0}
    most_tried: ClassVar[int] = 16

    regularization: Positive | Literal["auto"] = "auto"
    lasso: NotNegative | Literal["auto"] = "auto"
    k: Annotated[int, Field(ge=1, le=100_000)] = 100

    def _axes(self, interactions: Interactions) -> Mapping[str, Axis]:  # noqa: ARG002
        return {"regularization": _PENALTIES, "lasso": _LASSOS}

    def _tried(self, interactions: Interactions, valid: Interactions) -> Trial:
        if interactions.n_items > _MOST_ITEMS:
            interactions, valid = most_met(interactions, valid, _MOST_ITEMS)
        return interactions, valid, lambda point: self._scorer(interactions, point)

    def _scorer(self, interactions: Interactions, point: Point) -> ItemWeights:
        weights = slim(interactions.csr, point["regularization"], lasso=point["lasso"], k=self.k)
        return ItemWeights(interactions.csr, SparseWeights(weights))
