"""EASE, EDLAE and RDLAE: linear autoencoders in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from fillrank.data import Interactions
from fillrank.factors import ItemWeights
from fillrank.factors.weights import DenseWeights, SparseWeights
from fillrank.models.base import Positive
from fillrank.models.grid import Axis, Point
from fillrank.models.item_to_item.base import ItemToItem, Trial, most_met
from fillrank.models.row_weights import WeightPower
from fillrank.solvers.item_to_item.ease import Autoencoder, autoencoder, gram_matrix, primal_autoencoder
from fillrank.solvers.item_to_item.pruned_ease import pruned_autoencoder

__all__ = ["EASE", "EDLAE", "RDLAE"]

_MOST_ITEMS = 4096
"""Settings are chosen on this number of the most popular items; an inverse of this size takes seconds. If the log has
fewer users than this, and fewer than items, the inverse is between users, and the settings are chosen on all items."""
_PENALTIES = Axis((30.0, 100.0, 300.0, 1000.0), 3**0.5, lambda penalty: 0.1 <= penalty <= 1e5)
_DROPOUTS = Axis((0.2, 0.5, 0.8), step=0.15, allowed=lambda dropout: 0 <= dropout <= 0.95)
_LIMITS = Axis((0.0, 0.1, 0.3, 0.5), step=0.1, allowed=lambda limit: 0 <= limit <= 0.9)

Share = Annotated[float, Field(ge=0, lt=1)]


class EASE(ItemToItem):
    """Predict each item from all others by one ridge regression in closed form (EASE).

    The problem that it solves is described in :class:`fillrank.solvers.item_to_item.ease.Autoencoder`. It is the
    strongest of the simple models on dense logs. It only ranks, and new users need no training. It costs one inverse of
    a matrix between items (``n³`` multiplications and ``4n²`` bytes), or between users if there are fewer users.

    Attributes:
        regularization: λ; ``"auto"`` takes the best nDCG@20 on the validation part: 30, 100, 300 and 1,000 are tried,
            more values while the best is at an end, and the neighbours of the best. If a log has more than 4,096 items
            and at least as many users, the search uses the most popular items only.
        density: share of an item's weights that may differ from 0; 1: all. Below 1, an item is computed from the
            ``density · n_items`` most similar items, and the memory is that of these weights instead of a matrix
            between all items: :func:`fillrank.solvers.item_to_item.pruned_ease.pruned_autoencoder`.
        weight_power: power of the weights of a log that has some. Brought to a mean of 1 they take the place of the
            ones in X: an item met with twice the weight adds twice as much to a score, and pulls twice as hard while
            the weights between items are found. ``"auto"`` takes the best of 0, 0.5, 1 and 2 on the validation part,
            after the other settings; 1 without one.
        positive_from: rows with at least this value count; ``"relevant"`` takes the data's own threshold, None all.

    Example:
        >>> from fillrank.data import checkerboard
        >>> model = EASE(regularization=1.0).fit(checkerboard(20), progress=False)
        >>> [int(item) % 2 for item in model.recommend(["0", "1"], k=1)["item_id"]]  # even users like even items
        [0, 1]
    """

    kind: ClassVar[str] = "ease"
    uses_weights: ClassVar[bool] = True
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("regularization",)
    usual_point: ClassVar[Mapping[str, Any]] = {"regularization": 100.0}

    regularization: Positive | Literal["auto"] = "auto"
    density: Annotated[float, Field(gt=0, le=1)] = 1.0
    weight_power: WeightPower = "auto"

    def _axes(self, interactions: Interactions) -> Mapping[str, Axis]:  # noqa: ARG002
        return {"regularization": _PENALTIES}

    def _tried(self, interactions: Interactions, valid: Interactions) -> Trial:
        if interactions.n_users < min(interactions.n_items, _MOST_ITEMS):
            return interactions, valid, lambda point: self._scorer(interactions, point)
        k = self._weights_of_an_item(interactions.n_items)
        if interactions.n_items > _MOST_ITEMS:
            interactions, valid = most_met(interactions, valid, _MOST_ITEMS)
        if k < interactions.n_items - 1:
            return interactions, valid, lambda point: self._pruned(interactions, point, k)
        grams: dict[float, Tensor] = {}

        def scorer(point: Point) -> ItemWeights:
            histories, power = self._matrix(interactions, point), point.get("weight_power", 0.0)
            if power not in grams:
                grams.clear()  # one at a time is in memory
                grams[power] = gram_matrix(histories)
            weights = primal_autoencoder(histories, _wanted(point), gram=grams[power])
            return ItemWeights(histories, DenseWeights(weights))

        return interactions, valid, scorer

    def _scorer(self, interactions: Interactions, point: Point) -> ItemWeights:
        if (k := self._weights_of_an_item(interactions.n_items)) < interactions.n_items - 1:
            return self._pruned(interactions, point, k)
        histories = self._matrix(interactions, point)
        return ItemWeights(histories, autoencoder(histories, _wanted(point)))

    def _pruned(self, interactions: Interactions, point: Point, k: int) -> ItemWeights:
        histories = self._matrix(interactions, point)
        return ItemWeights(histories, SparseWeights(pruned_autoencoder(histories, _wanted(point), k)))

    def _weights_of_an_item(self, n_items: int) -> int:
        return max(round(self.density * n_items), 1)


def _wanted(point: Point) -> Autoencoder:
    return Autoencoder(**{name: value for name, value in point.items() if name != "weight_power"})


class EDLAE(EASE):
    """EASE with a penalty that grows with the number of users of an item; it is equivalent to dropout of the input.

    Attributes:
        dropout: p, the rate of the dropout: the penalty is ``λ + p / (1 - p) · n_i``. ``"auto"`` is chosen together
            with ``regularization``, as in :class:`EASE`.
        regularization, density, weight_power, positive_from: see :class:`EASE`.
    """

    kind: ClassVar[str] = "edlae"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("regularization", "dropout")
    usual_point: ClassVar[Mapping[str, Any]] = {"regularization": 100.0, "dropout": 0.3}
    together: ClassVar[Sequence[str]] = ("regularization", "dropout")

    dropout: Share | Literal["auto"] = "auto"

    def _axes(self, interactions: Interactions) -> Mapping[str, Axis]:
        return {**super()._axes(interactions), "dropout": _DROPOUTS}


class RDLAE(EDLAE):
    """EDLAE in which an item may predict itself to some degree: the limit on the diagonal is not 0.


    Attributes:
        max_diagonal: ξ, the largest weight of an item on itself while the other weights are solved for; the diagonal is
            then dropped. 0 gives EDLAE. ``"auto"`` is chosen like the other two.
        dropout, regularization, density, weight_power, positive_from: see :class:`EDLAE`.
    """

    kind: ClassVar[str] = "rdlae"
    chosen_on_valid: ClassVar[tuple[str, ...]] = ("regularization", "dropout", "max_diagonal")
    usual_point: ClassVar[Mapping[str, Any]] = {"regularization": 100.0, "dropout": 0.3, "max_diagonal": 0.2}

    max_diagonal: Share | Literal["auto"] = "auto"

    def _axes(self, interactions: Interactions) -> Mapping[str, Axis]:
        return {**super()._axes(interactions), "max_diagonal": _LIMITS}
