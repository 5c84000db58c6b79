"""``Contents``: the parts of a model that are saved. With this interface, ``saved`` need not import ``Recommender``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fillrank.data import IdMap, Interactions
from fillrank.data.item_table import ItemTable
from fillrank.errors import DataError
from fillrank.factors import Factors, FittedScorer
from fillrank.factors.temporal import TimeAwareFactors

__all__ = ["Contents", "check_contents"]


class Contents(Protocol):
    """The parts of a :class:`~fillrank.recommend.Recommender` that are saved."""

    @property
    def scorer(self) -> FittedScorer: ...
    @property
    def predictor(self) -> Factors | TimeAwareFactors | None: ...
    @property
    def interactions(self) -> Interactions: ...
    @property
    def value_range(self) -> tuple[float, float] | None: ...
    @property
    def name(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def history(self) -> Sequence[Mapping[str, float]]: ...
    @property
    def popularity(self) -> NDArray[np.int64] | None: ...
    @property
    def refit(self) -> bool | None: ...
    @property
    def item_table(self) -> ItemTable | None: ...
    @property
    def user_ids(self) -> IdMap: ...
    @property
    def item_ids(self) -> IdMap: ...


def check_contents(model: Contents) -> None:
    """Refuse parts that do not fit together.

    Raises:
        DataError: they are of other users or items, or the range or the popularity is not what it should be.
    """
    for role, part in (("scorer", model.scorer), ("predictor", model.predictor)):
        if part is not None and (part.n_users, part.n_items) != (
            model.interactions.n_users,
            model.interactions.n_items,
        ):
            raise DataError(
                f"the {role} is for {part.n_users} users and {part.n_items} items, "
                f"the log has {model.interactions.n_users} and {model.interactions.n_items}"
            )
    ends = model.value_range
    if ends is not None and not (len(ends) == 2 and np.isfinite(ends).all() and ends[0] <= ends[1]):
        raise DataError(f"value_range must be two finite numbers, the smaller first, or None; got {ends}")
    if model.popularity is not None and np.shape(model.popularity) != (model.interactions.n_items,):
        shape = list(np.shape(model.popularity))
        raise DataError(
            f"popularity must have shape [{model.interactions.n_items}], one count for each item, got {shape}"
        )
