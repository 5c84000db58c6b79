"""What of a model can change without a training: other users, and what came after its log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, cast

from fillrank.arguments import Own, checked, naming
from fillrank.data import Interactions
from fillrank.recommend.added import added_parts
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

    def add_items(self, features: Any) -> Self:
        """The model with items that nobody has met yet: their vectors are the sums of their features' vectors.

        Args:
            features: of the new items, with the columns that the log of the fit had: :class:`~fillrank.Features`, a
                table of pandas, polars or pyarrow, or the path of a file. Rows of items that the model knows are left
                out.

        Returns:
            A new recommender, which lists them like any others. Old ids keep their indices, new ones follow.

        Raises:
            DataError: there is no new id, a column is missing or of another kind, or the model has learnt nothing of
                features of items.

        Example:
            >>> import polars as pl
            >>> from fillrank.models import Contrastive
            >>> films = pl.DataFrame({"item": [1, 2, 3, 4], "genre": ["War", "War", "Love", "Love"]})
            >>> log = Interactions.from_arrays([1, 1, 2, 2, 3], [1, 2, 3, 4, 1]).with_features(items=films)
            >>> model = Contrastive(dim=2, epochs=5).fit(log, progress=False)
            >>> model.add_items(pl.DataFrame({"item": [5], "genre": ["Love"]})).recommend(2, k=1)["item_id"].to_list()
            [5]
        """
        with naming("features"):
            added: Self = replace(cast("Any", self), **added_parts(cast("Contents", self), "items", features))
        return added

    def add_users(self, features: Any) -> Self:
        """The model with users of whom only the features are known; see :meth:`add_items`, with roles swapped.

        A user of whom interactions are known is better folded in: :meth:`fold_in`, :meth:`update`.

        Args:
            features: of the new users.

        Raises:
            DataError: as :meth:`add_items`.
        """
        with naming("features"):
            added: Self = replace(cast("Any", self), **added_parts(cast("Contents", self), "users", features))
        return added

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
