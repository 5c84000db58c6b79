"""What a saved model is made of, so that the files need not know the class that people hold in their hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fillrank.data import IdMap, Interactions
from fillrank.factors import Factors, FittedScorer
from fillrank.factors.temporal import TimeAwareFactors

__all__ = ["Contents"]


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
    def user_ids(self) -> IdMap: ...
    @property
    def item_ids(self) -> IdMap: ...
