"""What of a model can change without a training: other users, and what came after its log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, cast

from fillrank.arguments import Own, checked, naming
from fillrank.data import Interactions
from fillrank.recommend.contents import Contents
from fillrank.recommend.histories import Histories, as_log
from fillrank.recommend.unused import check_values_used
from fillrank.recommend.update import updated_parts

__all__ = ["Refreshing"]


class Refreshing:
    """The methods of :class:`fillrank.recommend.Recommender` that give another one, in closed form."""

    @checked
    def fold_in(self, histories: Own[Histories]) -> Self:
        """Make a recommender for new users, whose vectors are computed in closed form from the item vectors.

        Args:
            histories: for one new user, a list of items or a mapping ``item → rating``; for several, a mapping
                ``user_id → list or mapping``. Items are ids, or names that only one item has. A pandas Series of
                numbers is a mapping from its index.

        Returns:
            A recommender whose users are the new ones (a single one is called ``"new"``) and whose items are the same.

        Raises:
            UnknownIdError: an item is not known.
            DataError: a history is empty, a rating is not a finite number, or the model cannot fold users in; or a
                rating is below 0, and the model treats every item of a history as liked.

        Example:
            ``model.fold_in({"Heat": 5, "Alien": 4}).recommend(k=10)``
        """
        model = cast("Contents", self)
        with naming("histories"):
            interactions = as_log(histories, model.item_ids, model.interactions)
        check_values_used(interactions, (model.scorer, model.predictor), model.name or "this model", model.value_range)
        folded: Self = replace(
            cast("Any", self),
            scorer=model.scorer.fold_in(interactions),
            predictor=None if model.predictor is None else model.predictor.fold_in(interactions),
            interactions=interactions,
            history=(),
        )
        return folded

    @checked
    def update(self, interactions: Interactions) -> Self:
        """The model with what came after its log, in closed form: nothing is trained.

        Users who have new rows are updated: what the closed form makes of their whole history takes the place of what
        it made of the old one, and what a training has learnt of them beyond it stays. New users are folded in. An item
        that is new gets its vector from the users who met it, by the same ridge regression with roles swapped (or as
        the map of the SVD goes on). Known items keep their vectors; counts of users are counted again. ``EASE`` and its
        kin have no weights for new items until the next fit, ``NeuMF`` cannot be updated.

        Args:
            interactions: the new rows. Of a pair that the model has met before, the new row counts.

        Returns:
            A new recommender. Old ids keep their indices, new ones follow; all rows count as seen.

        Raises:
            DataError: there are no rows, they have no values where the model's log has some, ids are of another kind,
                or the model cannot take anything in.

        Example:
            >>> from fillrank.data import synthetic
            >>> from fillrank.models import PureSVD
            >>> log = synthetic(50, 20, 400, seed=0).interactions
            >>> model = PureSVD(rank=4).fit(log)
            >>> later = Interactions.from_arrays([50, 50, 3], [20, 7, 20], values=[1.0, 1.0, 1.0])
            >>> len(model.update(later).recommend([3, 50], k=5))
            10
        """
        updated: Self = replace(cast("Any", self), **updated_parts(cast("Contents", self), interactions))
        return updated
