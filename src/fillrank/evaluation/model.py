"""What can be evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fillrank.errors import DataError
from fillrank.factors import Scorer

__all__ = ["Model", "ModelParts", "parts_of"]


@runtime_checkable
class Model(Protocol):
    """What evaluation asks of a model that is more than a bare :class:`~fillrank.factors.Scorer`.

    An optional attribute ``value_range``, ``(lowest, highest)`` or None, clips the predicted values. An optional
    attribute ``refit`` says whether the validation part was learnt from (True) or only chosen on (False); None where it
    says nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def scorer(self) -> Scorer:
        """Ranks the items."""
        ...

    @property
    def predictor(self) -> Scorer | None:
        """Predicts values; None for a model that does not (no RMSE then)."""
        ...


@dataclass(frozen=True)
class ModelParts:
    """A model taken apart: the same five parts whatever was handed in."""

    name: str
    scorer: Scorer
    predictor: Scorer | None = None
    value_range: tuple[float, float] | None = None
    refit: bool | None = None

    def check_size(self, n_users: int, n_items: int) -> None:
        """Refuse a model that was made for another table.

        Raises:
            DataError: the scorer or the predictor has other numbers of users and items.
        """
        for part in (self.scorer, self.predictor):
            if part is not None and (part.n_users, part.n_items) != (n_users, n_items):
                raise DataError(
                    f"{self.name} is for {part.n_users} users and {part.n_items} items, the test for {n_users} and "
                    f"{n_items}; evaluate a model on the split that it was trained on"
                )


def parts_of(model: Model | Scorer) -> ModelParts:
    """Take a model apart; a bare scorer is a model that only ranks, named after its class.

    Raises:
        DataError: it is neither a model nor a scorer.
    """
    if isinstance(model, Model):
        return ModelParts(
            model.name,
            model.scorer,
            model.predictor,
            getattr(model, "value_range", None),
            getattr(model, "refit", None),
        )
    if isinstance(model, Scorer):
        return ModelParts(type(model).__name__, model)
    raise DataError(
        f"cannot evaluate a {type(model).__name__}; it needs name, scorer and predictor, or n_users, n_items, "
        "score() and score_pairs()"
    )
