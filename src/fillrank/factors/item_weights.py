"""Scores that are sums over a history: what a user has met, times a matrix of weights between items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from fillrank.arguments import Own, check_indices, checked, fitting, shown
from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.checks import check_floats, is_finite, table_of
from fillrank.factors.contributions import ITEM_BIAS, Contributions, check_history, with_rest
from fillrank.factors.dual_weights import DualWeights
from fillrank.factors.growth import Growth
from fillrank.factors.item_side import counted_history
from fillrank.factors.weights import (
    Csr,
    DenseWeights,
    SparseWeights,
    Weights,
    as_weights,
    below,
    csr_from_parts,
    csr_parts,
)
from fillrank.factors.wider_weights import wider_weights
from fillrank.runtime.notices import say_once

__all__ = ["ItemWeights", "WeightedRows"]

_CELLS = 2**21  # weights that are looked up at a time for the scores of pairs


@dataclass(frozen=True, eq=False)
class WeightedRows:
    """What :class:`ItemWeights` and :class:`~fillrank.factors.UserNeighbours` share: sparse rows times a matrix.

    Attributes:
        rows: ``[n_users, m]``: what a user is made of.
        weights: ``[m, n_items]``: what each of these adds to the score of each item.
        item_bias: float32 ``[n_items]``, added to every score, or None.
        positive_from: of a new user's history, items with a lower value are left out; None keeps all.
        weight_power, weight_scale: in a new user's history with weights, an item of the weight w counts
            ``w^weight_power / weight_scale``, as it did in the fit. Power 0: every item counts 1. Of weight 0: none.
    """

    rows: Csr
    weights: Weights
    item_bias: Tensor | None = None
    positive_from: float | None = None
    weight_power: float = 0.0
    weight_scale: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.rows, sp.csr_array):
            raise DataError(f"rows must be a scipy.sparse.csr_array, got {shown(self.rows)}").about("rows")
        if not isinstance(self.weights, DualWeights):
            object.__setattr__(self, "weights", as_weights(self.weights))
        if self.rows.shape[1] != self.weights.shape[0]:
            raise DataError(
                f"the rows are made of {self.rows.shape[1]} sources, and the weights are of {self.weights.shape[0]}"
            )
        if self.item_bias is not None:
            if self.item_bias.shape != (self.n_items,):
                raise DataError(f"item_bias must have shape [{self.n_items}], got {list(self.item_bias.shape)}")
            check_floats({"item_bias": self.item_bias}, "the scorer's", "raise the shrinkage")

    @property
    def n_users(self) -> int:
        return int(self.rows.shape[0])

    @property
    def n_items(self) -> int:
        return self.weights.shape[1]

    @cached_property
    def largest_score(self) -> float:
        """A bound of the size of every score."""
        sizes = np.bincount(np.repeat(np.arange(self.n_users), np.diff(self.rows.indptr)), np.abs(self.rows.data))
        bias = 0.0 if self.item_bias is None or not len(self.item_bias) else float(self.item_bias.abs().amax())
        return float(sizes.max(initial=0.0)) * self.weights.largest + bias

    @checked
    def score(self, users: Tensor) -> Tensor:
        """Scores of all items: int64 ``[B]`` → float32 ``[B, n_items]``."""
        fitting({"users": "int B"}, users=users)
        check_indices("users", users, self.n_users)
        scores = self.weights.times(self.rows[users.numpy()])
        return scores if self.item_bias is None else scores.add_(self.item_bias)

    @checked
    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of single pairs: int64 ``[B]``, int64 ``[B]`` → float32 ``[B]``."""
        fitting({"users": "int B", "items": "int B"}, users=users, items=items)
        check_indices("users", users, self.n_users)
        check_indices("items", items, self.n_items)
        of_users, targets = users.numpy(), items.numpy()
        lengths = np.diff(self.rows.indptr).astype(np.int64)[of_users]
        ends = np.cumsum(lengths)
        scores = np.zeros(len(of_users), dtype=np.float32)
        start = 0
        while start < len(of_users):
            before = int(ends[start - 1]) if start else 0
            stop = max(int(np.searchsorted(ends, before + _CELLS, side="right")), start + 1)
            some = self.rows[of_users[start:stop]]
            of_pair = np.repeat(np.arange(stop - start), lengths[start:stop])
            cells = self.weights.cells(some.indices.astype(np.int64), targets[start:stop][of_pair])
            scores[start:stop] = np.bincount(of_pair, cells * some.data, minlength=stop - start)
            start = stop
        found = torch.from_numpy(scores)
        return found if self.item_bias is None else found + self.item_bias[items]

    def _explained(self, user: int, item: int, of_items: NDArray[np.float64]) -> Contributions:
        """The parts of one score, given those of the history."""
        biases = {} if self.item_bias is None else {ITEM_BIAS: float(self.item_bias[item])}
        score = float(self.score_pairs(torch.tensor([user]), torch.tensor([item])))
        return with_rest(Contributions(of_items, biases), score)

    @property
    def use_values(self) -> bool:
        """Whether the values of a new user's history make a difference."""
        return self.positive_from is not None

    @property
    def foldings(self) -> tuple[Any, ...]:
        """See :class:`fillrank.factors.FittedScorer`."""
        return (self,)

    def _rows_of(self, histories: Csr) -> Csr:
        """What users with these histories are made of."""
        raise NotImplementedError

    @checked
    def fold_in(self, interactions: Interactions) -> Self:
        """The same weights with the users of ``interactions``.

        Raises:
            DataError: the items do not fit, or a history is empty.
        """
        check_items(interactions, self.n_items)
        if (interactions.user_counts == 0).any():
            empty = "a new user needs at least one item in their history; the log has an empty one"
            raise DataError(empty).about("interactions")
        return self.refit_users(interactions)

    @checked
    def refit_users(self, interactions: Interactions) -> Self:
        """The same weights, with each user's rows in ``interactions`` as their history, which may be empty.

        Raises:
            DataError: the items do not fit.
        """
        check_items(interactions, self.n_items)
        return replace(self, rows=self._rows_of(self._histories(interactions)))

    def _histories(self, interactions: Interactions) -> Csr:
        """The histories as rows of numbers."""
        if not self.weight_power or interactions.weights is None:
            return history_rows(interactions, self.positive_from)
        return history_rows(interactions, self.positive_from, power=self.weight_power, scale=self.weight_scale)

    @checked
    def to(self, device: str | torch.device) -> Self:
        """The same, as it is always on the CPU.

        Raises:
            DataError: another device was asked for.
        """
        if torch.device(device).type != "cpu":
            raise DataError(f"{type(self).__name__} score on the CPU, and not on {shown(str(device))}")
        return self

    def _kept(self) -> dict[str, Tensor]:
        """The tensors that a file keeps: those of the weights, and the bias."""
        bias = {} if self.item_bias is None else {"item_bias": self.item_bias}
        return {f"weights.{name}": tensor for name, tensor in self.weights.tensors().items()} | bias


@checked
@dataclass(frozen=True, eq=False)
class ItemWeights(WeightedRows):
    """A matrix of weights between items: ``score(u, i) = Σ_j rows[u, j] · weights[j, i]``, plus a bias of the item.

    What EASE, item neighbours, RP3β and SLIM end in. A new user costs nothing: their history takes the place of a row.

    Attributes:
        rows: the histories, a sparse matrix ``[n_users, n_items]``: ones, or how much each counts.
        weights: ``[n_items, n_items]``, as a sparse matrix, an array or a tensor: row j is what having met item j adds
            to the score of each item.
        item_bias: float32 ``[n_items]``, added to every score, or None.
        positive_from: of a new user's history, items with a lower value are left out; None keeps all.
        weight_power, weight_scale: in a new user's history with weights, an item of the weight w counts
            ``w^weight_power / weight_scale``, as it did in the fit. Power 0: every item counts 1.

    Raises:
        DataError: the shapes do not fit together.
        TrainingError: a weight is NaN or infinite.

    Example:
        >>> import scipy.sparse as sp
        >>> histories = sp.csr_array([[1.0, 0.0, 1.0]])
        >>> scorer = ItemWeights(histories, torch.tensor([[0.0, 0.5, 0.0], [0.5, 0.0, 0.2], [0.0, 0.2, 0.0]]))
        >>> scorer.score(torch.tensor([0]))
        tensor([[0.0000, 0.7000, 0.0000]])
    """

    rows: Own[Csr]
    weights: Own[Weights]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights.shape[0] != self.weights.shape[1]:
            raise DataError(f"weights between items must be square, got {list(self.weights.shape)}")
        if self.positive_from is not None and not is_finite(self.positive_from):
            raise DataError(f"positive_from must be a finite number or None, got {shown(self.positive_from)}")
        if not (is_finite(self.weight_power) and is_finite(self.weight_scale) and self.weight_scale > 0):
            raise DataError(
                "weight_power and weight_scale must be finite numbers, the latter above 0, got "
                f"{shown(self.weight_power)} and {shown(self.weight_scale)}"
            )

    def _rows_of(self, histories: Csr) -> Csr:
        """See :meth:`WeightedRows._rows_of`: the histories themselves."""
        return histories

    @checked
    def grown(self, growth: Growth) -> Self:
        """Everybody's history as it is now. New items score 0 until the next fit, which is said.

        See :class:`fillrank.factors.growth.Grows`.
        """
        n_new, weights, bias = growth.n_new_items, self.weights, self.item_bias
        if n_new:
            say_once(f"{n_new} new items have no weights: they count as seen, and score 0 until the next fit")
            weights = wider_weights(weights, growth.after.n_items)
            bias = None if bias is None else pad(bias, (0, n_new))
        return replace(self, rows=self._histories(growth.after), weights=weights, item_bias=bias)

    @checked
    def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
        """What one score is made of; see :class:`~fillrank.factors.contributions.Explains`."""
        check_history(history, self.n_items)
        check_indices("user", torch.tensor([user]), self.n_users)
        check_indices("item", torch.tensor([item]), self.n_items)
        met, row = history.items.astype(np.int64), self.rows[[user]].toarray()[0]
        return self._explained(user, item, self.weights.cells(met, np.full(len(met), item)) * row[met].astype(float))

    @checked
    def similar_to(self, item: int) -> Tensor:
        """The weights of ``item``: what having met it adds to the score of each other one."""
        check_indices("item", torch.tensor([item]), self.n_items)
        return self.weights.row(item)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, by name: what a saved model keeps beside :meth:`settings`."""
        return {f"histories.{name}": tensor for name, tensor in csr_parts(self.rows).items()} | self._kept()

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors, as plain data."""
        return {
            "kind": "item-weights",
            "n_users": self.n_users,
            "n_items": self.n_items,
            "positive_from": self.positive_from,
            **({name: getattr(self, name) for name in _OF_WEIGHTS} if self.weight_power else {}),
        }

    @classmethod
    @checked
    def from_parts(cls, tensors: dict[str, Tensor], settings: dict[str, Any]) -> Self:
        """The inverse of :meth:`tensors` and :meth:`settings`.

        Raises:
            DataError: a tensor or a setting is missing, or is not what it should be.
        """
        n_users, n_items = (size_of(settings, name) for name in ("n_users", "n_items"))
        if not all(isinstance(name, str) for name in tensors):
            raise DataError(f"tensors must be named by words, got {shown(dict(tensors))}").about("tensors")
        if "positive_from" not in settings:
            raise DataError(f"settings have no positive_from; got {', '.join(map(repr, settings))}").about("settings")
        try:
            rows = csr_from_parts(below("histories.", tensors), (n_users, n_items))
            weights = weights_from_parts(below("weights.", tensors), (n_items, n_items))
        except KeyError as missing:
            raise DataError(f"tensors have no {missing}; got {', '.join(map(repr, tensors)) or 'none'}") from None
        more = {name: settings[name] for name in _OF_WEIGHTS if name in settings}
        return cls(rows, weights, item_bias=tensors.get("item_bias"), positive_from=settings["positive_from"], **more)


_OF_WEIGHTS = ("weight_power", "weight_scale")


def check_items(interactions: Interactions, n_items: int) -> None:
    """Refuse histories over other items.

    Raises:
        DataError: they are.
    """
    if interactions.n_items != n_items:
        raise DataError(f"the log is over {interactions.n_items} items, the model over {n_items}").about("interactions")


def history_rows(
    interactions: Interactions, positive_from: float | None, *, power: float = 0.0, scale: float = 1.0
) -> Csr:
    """The histories as rows of ones, or of weights ``w^power / scale``, without what is below ``positive_from``."""
    interactions = counted_history(interactions, positive_from)
    if not power:
        return interactions.without_values().csr
    matrix = interactions.weighted_csr
    amounts = (matrix.data.astype(np.float64) ** power / scale).astype(np.float32)
    return sp.csr_array((amounts, matrix.indices, matrix.indptr), shape=matrix.shape)


def size_of(settings: dict[str, Any], name: str) -> int:
    """A number of users or items out of a file.

    Raises:
        DataError: it is none.
    """
    value = table_of(settings, "settings").get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise DataError(f"{name} has to be a number of 0 or more, it is {shown(value)}").about("settings")
    return value


def weights_from_parts(parts: dict[str, Tensor], shape: tuple[int, int]) -> Weights:
    """The inverse of :meth:`Weights.tensors`."""
    if "kernel" in parts:
        return DualWeights.from_parts(parts, shape[1])
    if "table" in parts:
        return DenseWeights(parts["table"])
    return SparseWeights(csr_from_parts(parts, shape))
