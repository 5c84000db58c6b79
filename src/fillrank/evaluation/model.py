"""The interface of models that can be evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fillrank.errors import DataError
from fillrank.factors import Scorer

__all__ = ["Model", "ModelParts", "parts_of"]


@runtime_checkable
class Model(Protocol):
    """The attributes that evaluation needs of a model that is not just a :class:`~fillrank.factors.Scorer`.

    Two further attributes are optional. ``value_range``, ``(lowest, highest)`` or None, clips predicted values.
    ``refit`` says whether the model has learned from the validation part (True) or used it for choices only (False);
    None: unknown.
    """

    @property
    def name(self) -> str: ...

    @property
    def scorer(self) -> Scorer:
        """Ranks the items."""
        ...

    @property
    def predictor(self) -> Scorer | None:
        """Predicts values; None for a model that does not (then there is no RMSE)."""
        ...


@dataclass(frozen=True)
class ModelParts:
    """The parts of a model or of a scorer that evaluation uses."""

    name: str
    scorer: Scorer
    predictor: Scorer | None = None
    value_range: tuple[float, float] | None = None
    refit: bool | None = None

    def check_size(self, n_users: int, n_items: int) -> None:
        """Refuse a model for another number of users or items.

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
    """The parts of a model. A scorer is a model that only ranks, named after its class.

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
