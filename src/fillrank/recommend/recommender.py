"""``Recommender``: a trained model that works with outside ids."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, Unpack

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from fillrank.arguments import Own, checked, naming, shown
from fillrank.data import IdMap, Interactions
from fillrank.data.id_values import is_single, values_of
from fillrank.data.item_table import ItemTable
from fillrank.errors import DataError, ModelFileError
from fillrank.factors import Factors, FittedScorer
from fillrank.factors.temporal import TimeAwareFactors
from fillrank.recommend.contents import check_contents
from fillrank.recommend.explain import explanation
from fillrank.recommend.histories import Histories
from fillrank.recommend.lists import recommendations
from fillrank.recommend.moments import moments
from fillrank.recommend.refreshing import Refreshing
from fillrank.recommend.rules import ListRules, rules_of
from fillrank.recommend.similar import neighbours
from fillrank.renames import old_attribute
from fillrank.retrieval.finite import check_pairs, with_ids
from fillrank.terminal import printable

__all__ = ["Recommender"]

Unknown = Literal["raise", "skip", "popular"]


@checked
@dataclass(frozen=True, eq=False)
class Recommender(Refreshing):
    """A trained model with its ids, the seen items of each user, and its settings.

    It is made by the ``fit`` of a recipe, by :meth:`load` or by :meth:`fold_in`, so it is always trained.

    Attributes:
        scorer: ranks the items.
        predictor: predicts values, or None if the model only ranks.
        interactions: all that the fit was given, train and validation: the items that each user has seen, with their
            values and times where there were any.
        value_range: the smallest and the largest value there were; predictions are clipped to it.
        name: of the recipe.
        settings: of the recipe, as they were used.
        history: one dict per epoch of training; those of a second fit, on everything, have ``"refit": 1``.
        popularity: how many users met each item; None: as ``interactions`` have it.
        refit: True: after the choices on validation it has learnt from train and validation together; False: it has
            learnt from train alone. None: there was nothing but train.
        item_table: what is known of items beside the log; see :meth:`with_item_table`.
    """

    scorer: FittedScorer
    predictor: Factors | TimeAwareFactors | None
    interactions: Interactions
    value_range: tuple[float, float] | None = None
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    popularity: NDArray[np.int64] | None = None
    refit: bool | None = None
    item_table: ItemTable | None = None

    rater = old_attribute("rater", "predictor")
    scale = old_attribute("scale", "value_range")
    log = old_attribute("log", "interactions")

    def __post_init__(self) -> None:
        check_contents(self)
        if self.popularity is None:
            object.__setattr__(self, "popularity", self.interactions.item_counts)

    @property
    def user_ids(self) -> IdMap:
        return self.interactions.user_ids

    @property
    def item_ids(self) -> IdMap:
        return self.interactions.item_ids

    def __repr__(self) -> str:
        met = self.interactions
        return f"Recommender({printable(self.name)}: {met.n_users:,} users, {met.n_items:,} items)"

    @checked
    def recommend(
        self,
        user_ids: Any = None,
        k: int = 10,
        *,
        filter_seen: bool = True,
        unknown: Unknown = "raise",
        **rules: Unpack[ListRules],
    ) -> pl.DataFrame:
        """The best ``k`` items for each user.

        Args:
            user_ids: a list of outside ids, or a single one; None for every user of the model.
            k: length of a list. Where fewer items are left, the list is shorter; nothing is padded. A warning says so
                where there are rules.
            filter_seen: leave out the items a user has met.
            unknown: what to do with ids that the model does not know: ``"raise"``, ``"skip"``, or ``"popular"``: list
                the items that most users met.
            **rules: what may be listed: ``items=`` and ``exclude=`` for all, ``per_user_items=`` and
                ``per_user_exclude=`` for some, ``where=``, ``where_not=`` and ``at_most=`` by an item table
                (``item_table=``); see :class:`~fillrank.recommend.rules.ListRules`.

        Returns:
            A frame ``user_id, rank, item_id, score``, and ``label`` if items have names. Users are in the order of
            ``user_ids``, ranks begin at 1. Ids are returned as the model has them, also if they were given as text. The
            score of a ``"popular"`` row is a number of users.

        Raises:
            UnknownIdError: an id is not known and ``unknown="raise"``, or an id in a rule is not known.
            ScoreError: a score is NaN or infinite; names the user and the item.
            DataError: the item table has no such column or value, or a rule is of another kind than it has to be.
            SettingsError: ``k`` is below 1, ``unknown`` is none of the three, or there is no such rule.
        """
        with naming("user_ids"):
            listed = [user_ids] if user_ids is not None and is_single(user_ids) else user_ids
            asked = self.user_ids.ids if user_ids is None else values_of(listed, "user ids")
            codes = self.user_ids.encode(asked, unknown="raise" if unknown == "raise" else "mark")
        found = rules_of(rules, asked, codes, (self.user_ids, self.item_ids), self.item_table)
        seen = self.interactions.csr if filter_seen else None
        with self._named():
            return recommendations(self, asked, codes, k, popular=unknown == "popular", seen=seen, rules=found)

    @checked
    def with_item_table(self, table: Any, *, separator: str | None = None) -> Self:
        """The same model, which keeps a table of what is known of items, for rules such as ``where=``; saved with it.

        Args:
            table, separator: see :meth:`fillrank.data.item_table.ItemTable.of`. None: no table.
        """
        with naming("table"):
            made = None if table is None else ItemTable.of(table, self.item_ids, separator=separator)
        return replace(self, item_table=made)

    @checked
    def similar_items(self, item_id: Any, k: int = 10) -> pl.DataFrame:
        """The ``k`` items whose vectors point most nearly the same way; those with the largest weight, item to item.

        Args:
            item_id: an id, or a name that only one item has; or a list of them.
            k: how many, the item itself left out.

        Returns:
            A frame ``rank, item_id, similarity`` (cosine or weight) and, where items have names, ``label``. For a list
            of items, a column ``similar_to`` stands first: the id of the item asked for, in the order asked.

        Raises:
            UnknownIdError: no item has that id or name.
            DataError: the model knows no items that are alike.
        """
        with naming("item_id"):
            asked = [item_id] if (alone := is_single(item_id)) else values_of(item_id, "item ids").to_list()
            places = np.array([self.item_ids.resolve(one) for one in asked], dtype=np.int64)
        return neighbours(self, "item", places, k, named=not alone)

    @checked
    def similar_users(self, user_id: Any, k: int = 10) -> pl.DataFrame:
        """The ``k`` users whose vectors point most nearly the same way.

        Args:
            user_id: of a known user, or a list of ids.
            k: how many, the user themselves left out.

        Returns:
            A frame ``rank, user_id, similarity`` (cosine, -1 … 1). For a list of users, a column ``similar_to`` stands
            first: the id of the user asked for, in the order asked.

        Raises:
            UnknownIdError: a user is not known.
            DataError: the model has no user vectors.
        """
        with naming("user_id"):
            asked = [user_id] if (alone := is_single(user_id)) else values_of(user_id, "user ids")
            places = self.user_ids.encode(asked).astype(np.int64)
        return neighbours(self, "user", places, k, named=not alone)

    @checked
    def explain(
        self, user_id: Any = None, item_id: Any = None, *, history: Own[Histories | None] = None
    ) -> pl.DataFrame:
        """Why an item has its score for a user: what each item of the user's history adds to it, and what else does.

        In models that fold new users in, a user's vector is a sum over the history, and so is the score: with ridge
        regressions, ``<q_i, A⁻¹ q_h> t_h`` for item h of the history. Each item h has a row, unless it adds nothing.
        The other rows are terms that stem from no item: ``"average"``, ``"user bias"``, ``"item bias"`` (such as the
        popularity of an item), and ``"learned vector"``: what a vector that was learnt in a training has beyond the
        closed form; the closed form is taken at the length at which least is left. Of a blend the parts are added up.

        Args:
            user_id: of a known user; None where there is a ``history``.
            item_id: an id, or a name that only one item has.
            history: of one new user, as for :meth:`fold_in`, in place of ``user_id``.

        Returns:
            A frame ``part, item_id, contribution`` and, where there are any, ``label`` and ``value`` (of the history);
            ``part`` is ``"item"`` or the name of a term. The largest contribution stands first, whatever its sign. The
            contributions add up to the ranking score, as :meth:`score` gives it, to rounding.

        Raises:
            UnknownIdError: the user or an item is not known.
            DataError: both or neither of ``user_id`` and ``history`` are given, the history is of several users, or the
                model's scores are no sums over a history (NeuMF, MultVAE).

        Example:
            ``model.explain("ann", "Heat")`` or ``model.explain(history={"Alien": 5}, item_id="Heat")``
        """
        if (user_id is None) == (history is None) or item_id is None:
            raise DataError("explain wants an item_id, and either a user_id or the history of one new user")
        model, user = (self, self._user(user_id)) if history is None else (self.fold_in(history), 0)
        if len(model.user_ids) > 1 and history is not None:
            raise DataError(f"the history of one new user was wanted, got {len(model.user_ids)}").about("history")
        with naming("item_id"):
            item = self.item_ids.resolve(item_id)
        return explanation(model, user, item)

    @checked
    def score(self, user_ids: Iterable[Any], item_ids: Iterable[Any]) -> NDArray[np.float32]:
        """The ranking score of each (user, item) pair, float32 ``[B]``. Compare scores only within one user."""
        users, items = self._pairs(user_ids, item_ids)
        scores = self.scorer.score_pairs(users, items)
        with self._named():
            check_pairs(scores, users, items)
        return scores.numpy()

    @checked
    def predict(
        self, user_ids: Iterable[Any], item_ids: Iterable[Any], times: Iterable[Any] | None = None
    ) -> NDArray[np.float32]:
        """The expected value of each (user, item) pair, clipped to the range of the data, float32 ``[B]``.

        Args:
            user_ids, item_ids: a user and an item for each pair.
            times: the time of each rating, as :meth:`~fillrank.Interactions.from_arrays` reads times, for a time-aware
                model; None: the average day.

        Raises:
            UnknownIdError: an id is not known.
            ScoreError: a prediction is NaN or infinite; the message names the user and the item.
            DataError: this model does not predict values, it is not time-aware, or the arguments differ in length.
        """
        if self.predictor is None:
            raise DataError(f"{self.name or 'this model'} ranks items but predicts no values; use BiasedSVD or CMC")
        users, items = self._pairs(user_ids, item_ids)
        predicted = self.predictor.score_pairs(users, items) if times is None else self._at(users, items, times)
        with self._named():
            check_pairs(predicted, users, items)
        return (predicted if self.value_range is None else predicted.clamp(*self.value_range)).numpy()

    @checked
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a folder; see :func:`fillrank.recommend.saved.save`."""
        from fillrank.recommend.saved import save

        save(self, path)

    @classmethod
    @checked
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model from a folder; see :func:`fillrank.recommend.saved.load`."""
        from fillrank.recommend.saved import load

        parts = load(path)
        try:
            return cls(**parts)
        except DataError as error:
            raise ModelFileError(f"{path} does not hold a whole model ({error}); save the model again") from error

    def _named(self) -> AbstractContextManager[None]:
        """Inside the block, errors about scores name outside ids."""
        return with_ids(self.user_ids, self.item_ids)

    def _user(self, user_id: Any) -> int:
        """The index of one user.

        Raises:
            UnknownIdError: it is not known.
            DataError: it is not one id.
        """
        with naming("user_id"):
            if not is_single(user_id):
                raise DataError(f"one id was wanted, got {shown(user_id)}")
            return int(self.user_ids.encode([user_id])[0])

    def _pairs(self, user_ids: Iterable[Any], item_ids: Iterable[Any]) -> tuple[torch.Tensor, torch.Tensor]:
        with naming("user_ids"):
            users = self.user_ids.encode(values_of(user_ids, "user ids"))
        with naming("item_ids"):
            items = self.item_ids.encode(values_of(item_ids, "item ids"))
        if len(users) != len(items):
            raise DataError(f"{len(users)} user_ids came with {len(items)} item_ids; give one item for each user")
        return torch.from_numpy(users.astype(np.int64)), torch.from_numpy(items.astype(np.int64))

    def _at(self, users: torch.Tensor, items: torch.Tensor, times: Iterable[Any]) -> torch.Tensor:
        """The predictions of a time-aware predictor at given times."""
        if not isinstance(self.predictor, TimeAwareFactors):
            raise DataError(f"{self.name or 'this model'} knows no days; leave times out, or fit Gibbs(dates=True)")
        return self.predictor.score_pairs_at(users, items, moments(times, len(users)))
