"""The interface of models that can be evaluated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors import Scorer

__all__ = ["Model", "ModelParts", "introduced", "parts_of"]


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


def introduced(scorer: Scorer, known: Interactions) -> Scorer:
    """The same scorer with the users of ``known``, whom it has never met.

    Raises:
        DataError: it cannot take in new users.
    """
    fold_in = getattr(scorer, "fold_in", None)
    if fold_in is None:
        raise DataError(
            f"the users of this part are new to the model, and a {type(scorer).__name__} has no fold_in to take them "
            "in; measure it on a split by rows, such as split.random"
        )
    found: Scorer = fold_in(known)
    return found


@dataclass(frozen=True)
class ModelParts:
    """The parts of a model or of a scorer that evaluation uses."""

    name: str
    scorer: Scorer
    predictor: Scorer | None = None
    value_range: tuple[float, float] | None = None
    refit: bool | None = None

    def introduced(self, known: Interactions) -> ModelParts:
        """The same parts for the users of ``known``, who are new to them; see :func:`introduced`."""
        scorer = introduced(self.scorer, known)
        predictor = self.predictor
        if predictor is not None:
            predictor = scorer if predictor is self.scorer else introduced(predictor, known)
        return replace(self, scorer=scorer, predictor=predictor)

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
