"""``fold_in``: vectors of new users for given item vectors, which may come from any model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from fillrank.arguments import Own, checked, count, naming, shown
from fillrank.data import Interactions
from fillrank.encoders import FixedItems
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.factors.fold_in import ImplicitRidge
from fillrank.losses import InfoNCE, ScoreLoss, as_loss, contrast, contrast_by_autograd
from fillrank.recommend.item_histories import ItemHistories, log_of
from fillrank.recommend.unused import refuse_dislikes
from fillrank.runtime.notices import say_once
from fillrank.samplers import KnownPositives, Sampler, Uniform
from fillrank.solvers.fold_in import solve_users
from fillrank.solvers.fold_in_ratings import check_item_factors
from fillrank.training import Autograd, Batch, LoopSettings, TableScores, Thresholds, train
from fillrank.training.thresholds import bound

__all__ = ["fold_in"]

_STEEPEST = 10  # the largest exponent of counts; powers beyond it overflow


@checked
def fold_in(
    item_factors: Tensor,
    histories: Own[ItemHistories],
    *,
    objective: Literal["ridge", "ials", "loss"] = "ridge",
    item_bias: Tensor | None = None,
    **settings: Any,
) -> Tensor:
    """Compute a vector for each new user, so that ``users @ item_factors.T`` (plus ``item_bias``) scores every item.

    There are three objectives, each with its own settings (defaults in brackets):

    * ``"ridge"``: for ratings, in closed form; :func:`fillrank.solvers.fold_in.solve_users`. ``regularization`` (0.1)
      is applied once for each rating.
    * ``"ials"``: for implicit feedback, in closed form; :class:`fillrank.factors.fold_in.ImplicitRidge`.
      ``unobserved_weight`` (0.1), ``regularization`` (0.1) and ``frequency_exponent`` (0).
    * ``"loss"``: for implicit feedback, by any contrastive loss of fillrank, trained by the training loop with the
    items
      fixed: ``loss`` (InfoNCE; its name, a table of the name and its settings, an object, or a function of scores),
      ``regularization`` (0) of ``|u|²`` for each row, ``learning_rate`` (0.05), ``epochs`` (20), ``batch_size`` (1024),
      ``n_negatives`` (None: every item), ``similarity`` (``"dot"``; for ``"cosine"``, compare unit vectors) and
      ``seed`` (0).

    Args:
        item_factors: floating point ``[n_items, d]``, from any model.
        histories: one for each new user. ``"ridge"`` needs ratings. For the other two, every item of a history is a
            positive, whatever its rating; a rating below 0 is refused.
        objective: which of the three.
        item_bias: ``[n_items]``, added to every user's score; for ``"ridge"`` and ``"loss"``. To give users a bias of
            their own, put a column of ones beside the factors.
        **settings: of the objective.

    Returns:
        ``[B, d]``, in the dtype and on the device of the item factors. In the closed forms, a user's vector depends
        only on their own history. ``"loss"`` draws batches from ``seed``.

    Raises:
        DataError: a history is empty, names an item twice or an item that does not exist, or has a rating that is NaN
            or infinite; ratings are missing; or the shapes do not fit.
        SettingsError: the objective is unknown, or a setting is unknown or out of range.
        TrainingError: the loss is no longer finite.

    Example:
        >>> Q = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> users = fold_in(Q, [{0: 4.0, 1: 1.0}, {2: 3.0}], regularization=0.01)
        >>> (users @ Q.T).round(decimals=1)
        tensor([[3.9000, 1.0000, 4.9000],
                [1.5000, 1.5000, 3.0000]])
        >>> fold_in(Q, [[0], [1, 2]], objective="ials").argmax(1)
        tensor([0, 1])
    """
    check_item_factors(item_factors)
    bias = None if item_bias is None else _bias_beside(item_factors, item_bias)
    way = _way(objective, settings)
    with naming("histories"):
        interactions = log_of(histories, len(item_factors))
    return way.solve(item_factors.detach(), interactions, bias)


class _Way(Protocol):
    """An objective with its settings."""

    def solve(self, item_factors: Tensor, interactions: Interactions, item_bias: Tensor | None) -> Tensor: ...


@checked
@dataclass(frozen=True)
class _Ridge:
    regularization: float = 0.1

    def solve(self, item_factors: Tensor, interactions: Interactions, item_bias: Tensor | None) -> Tensor:
        if interactions.values is None:
            raise DataError("objective 'ridge' needs ratings; give mappings item → rating, or take 'ials' or 'loss'")
        if item_bias is not None:
            interactions = replace(
                interactions, values=interactions.values - item_bias.cpu().numpy()[interactions.items]
            )
        return solve_users(item_factors, interactions, regularization=self.regularization)


@checked
@dataclass(frozen=True)
class _Implicit:
    unobserved_weight: float = 0.1
    regularization: float = 0.1
    frequency_exponent: float = 0.0

    def __post_init__(self) -> None:
        for name, number in vars(self).items():
            if not 0 <= number < math.inf:
                raise SettingsError(f"{name} must be a finite number of 0 or more, got {number}")
        if self.frequency_exponent > _STEEPEST:
            raise SettingsError(f"frequency_exponent must be at most {_STEEPEST}, got {self.frequency_exponent}")

    def solve(self, item_factors: Tensor, interactions: Interactions, item_bias: Tensor | None) -> Tensor:
        if item_bias is not None:
            raise SettingsError("objective 'ials' has no place for item_bias; leave it out, or take 'ridge' or 'loss'")
        _without_ratings(interactions, "ials")
        nobody = Factors(item_factors.new_zeros(0, item_factors.shape[1]), item_factors)
        return ImplicitRidge(**vars(self)).solve(nobody, interactions.without_values())[0]


@checked
@dataclass(frozen=True)
class _ByLoss:
    loss: Any = field(default_factory=InfoNCE)
    regularization: float = 0.0
    learning_rate: float = 0.05
    epochs: int = 20
    batch_size: int = 1024
    n_negatives: int | None = None
    similarity: Literal["dot", "cosine"] = "dot"
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.loss, str | Mapping):
            named = as_loss(self.loss)
            if not isinstance(named, ScoreLoss):
                raise SettingsError(f"{self.loss!r} is a loss of vectors; new users are contrasted by one of scores")
            object.__setattr__(self, "loss", named)
        if not callable(self.loss) or isinstance(self.loss, type):
            raise SettingsError(
                f"loss must be one of fillrank.losses, such as InfoNCE(temperature=0.1), got {shown(self.loss)}"
            )
        count("epochs", max(self.epochs, 1))
        if not 0 <= self.regularization < math.inf or not 0 < self.learning_rate < math.inf:
            raise SettingsError(
                f"regularization must be 0 or more and learning_rate above 0, got {self.regularization} and "
                f"{self.learning_rate}"
            )
        if self.epochs < 1 or self.batch_size < 1:
            raise SettingsError(f"epochs and batch_size must be 1 or more, got {self.epochs} and {self.batch_size}")

    def solve(self, item_factors: Tensor, interactions: Interactions, item_bias: Tensor | None) -> Tensor:
        _without_ratings(interactions, "loss")
        known = KnownPositives.of_users(interactions, item_factors.device)
        sampler = Uniform(known, len(item_factors) if self.n_negatives is None else self.n_negatives)
        encoder = FixedItems(item_factors, _means(item_factors, interactions), similarity=self.similarity)
        step = _Step(encoder, self.loss, sampler, item_bias, self.regularization)
        loop = LoopSettings(epochs=self.epochs, batch_size=self.batch_size, seed=self.seed)
        train(Autograd(step, [encoder], [self.learning_rate]), Batch.of(interactions, None, item_factors.device), loop)
        return encoder.users.detach()


@dataclass(frozen=True)
class _Step:
    """The training step: the loss of each row's item against the negatives, and the penalty of its user."""

    encoder: FixedItems
    loss: Any
    sampler: Sampler
    item_bias: Tensor | None
    regularization: float
    thresholds: Thresholds | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", Thresholds.wanted_by(self.loss, self._scores))

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        encoder = self.encoder
        drawn = self.sampler.sample(batch.users, batch.items, generator)
        users, positives = self._user_side(batch.users), self._item_side(batch.items)
        own = bound(self.loss, self.thresholds, batch.users) if isinstance(self.loss, ScoreLoss) else self.loss
        log_q = drawn.log_q if getattr(own, "uses_log_q", True) else None
        way = contrast if hasattr(own, "value_and_grad") else contrast_by_autograd
        loss = way(own, users, positives, self._item_side(drawn.items), drawn.mask, log_q)
        if not isinstance(loss, Tensor):
            raise SettingsError(f"the loss must give a Tensor [B], it gave {shown(loss)}")
        penalty = self.regularization * encoder.users[batch.users].square().sum(1)
        return {"contrastive": loss.mean(), "penalty": penalty.mean()}

    def _scores(self) -> TableScores:
        of_users, of_items = (torch.arange(len(table)) for table in self.encoder.tables())
        return TableScores(self._user_side(of_users), self._item_side(of_items))

    def _user_side(self, users: Tensor) -> Tensor:
        """The user vectors, with a one for the item bias (if any) as a further column."""
        vectors = self.encoder.user_vectors(users)
        return vectors if self.item_bias is None else torch.cat([vectors, vectors.new_ones(len(vectors), 1)], dim=1)

    def _item_side(self, items: Tensor) -> Tensor:
        """The item vectors, with the item bias (if any) as a further column."""
        vectors = self.encoder.item_vectors(items)
        return vectors if self.item_bias is None else torch.cat([vectors, self.item_bias[items, None]], dim=1)


_WAYS: dict[str, type[Any]] = {"ridge": _Ridge, "ials": _Implicit, "loss": _ByLoss}


def _way(objective: str, settings: Mapping[str, Any]) -> _Way:
    if objective not in _WAYS:
        raise SettingsError(f"objective must be one of {', '.join(_WAYS)}, got {objective!r}")
    known = [f.name for f in fields(_WAYS[objective])]
    for name in settings:
        if name not in known:
            raise SettingsError(f"objective {objective!r} has no setting {name!r}; it has {', '.join(known)}")
    way: _Way = _WAYS[objective](**settings)
    return way


def _without_ratings(interactions: Interactions, objective: str) -> None:
    """Warn that ratings are not used, and refuse ratings below 0, because every item of a history is a positive."""
    refuse_dislikes(interactions, f"objective {objective!r}")
    if interactions.values is not None and (interactions.values != interactions.values[0]).any():
        say_once(f"objective {objective!r} does not use ratings: each item of a history counts as liked")


def _means(item_factors: Tensor, interactions: Interactions) -> Tensor:
    """The mean of the item vectors of each history, ``[B, d]``: the initial vector of a user."""
    users = torch.from_numpy(interactions.users.astype("int64")).to(item_factors.device)
    items = torch.from_numpy(interactions.items.astype("int64")).to(item_factors.device)
    sums = item_factors.new_zeros(interactions.n_users, item_factors.shape[1]).index_add_(0, users, item_factors[items])
    return sums / torch.from_numpy(interactions.user_counts).to(sums)[:, None]


def _bias_beside(item_factors: Tensor, item_bias: Tensor) -> Tensor:
    """Check the bias, and convert it to the dtype and the device of the factors."""
    if item_bias.shape != (len(item_factors),) or not bool(torch.isfinite(item_bias).all()):
        raise DataError(
            f"item_bias must be {len(item_factors)} finite numbers, one for each item, got the shape "
            f"{list(item_bias.shape)}"
        )
    return item_bias.detach().to(item_factors)
