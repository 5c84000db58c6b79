"""``FeatureVectors``: what a model learnt of features, so that rows which it never met get vectors from theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from fillrank.data.features import FeatureCoding, Features
from fillrank.errors import DataError
from fillrank.factors.checks import check_floats, table_of

__all__ = ["FeatureVectors", "SideFeatures"]


@dataclass(frozen=True, eq=False)
class SideFeatures:
    """The features of one side, items or users.

    Attributes:
        coding: how features become the numbers ``x [m, F]``.
        vectors: of the features, float ``[F, d]``: a new row's vector is ``x · vectors``.
        bias: of the features, float ``[F]``; None: the model has no biases on this side, or none by features.
    """

    coding: FeatureCoding
    vectors: Tensor
    bias: Tensor | None = None

    def __post_init__(self) -> None:
        if self.vectors.dim() != 2 or len(self.vectors) != len(self.coding):
            raise DataError(f"{len(self.coding)} features want vectors [F, d], got {list(self.vectors.shape)}")
        if self.bias is not None and self.bias.shape != (len(self.coding),):
            raise DataError(f"{len(self.coding)} features want a bias each, got {list(self.bias.shape)}")
        check_floats(self.tensors(), "the vectors of features", "lower the learning rate")

    def of(self, features: Features) -> tuple[Tensor, Tensor | None]:
        """Vectors ``[m, d]`` and biases ``[m]`` of rows by their features alone."""
        numbers = self.coding.matrix(features)
        table = torch.from_numpy(np.ascontiguousarray(numbers @ self.vectors.detach().cpu().numpy())).to(self.vectors)
        if self.bias is None:
            return table, None
        return table, torch.from_numpy(np.ascontiguousarray(numbers @ self.bias.detach().cpu().numpy())).to(table)

    def tensors(self) -> dict[str, Tensor]:
        return {"vectors": self.vectors} | ({} if self.bias is None else {"bias": self.bias})


@dataclass(frozen=True, eq=False)
class FeatureVectors:
    """What was learnt of the features of items and of users; None where there were none.

    Attributes:
        items, users: of each side.
        unit: whether a new row's vector is scaled to unit length, as those of the model were.
    """

    items: SideFeatures | None = None
    users: SideFeatures | None = None
    unit: bool = False

    def side(self, what: str) -> SideFeatures:
        """What was learnt of ``"items"`` or of ``"users"``.

        Raises:
            DataError: nothing was.
        """
        found: SideFeatures | None = getattr(self, what)
        if found is None:
            raise DataError(
                f"this model has learnt nothing of features of {what}; fit again with "
                f"log.with_features({what}=…) and a model that takes them: Contrastive, ALS"
            )
        return found

    def check(self, dim: int) -> None:
        """Refuse vectors of another width than those of the model.

        Raises:
            DataError: they are so.
        """
        for side in (self.items, self.users):
            if side is not None and side.vectors.shape[1] != dim:
                raise DataError(
                    f"the vectors of features have {side.vectors.shape[1]} numbers, those of the model {dim}"
                )

    def changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with ``change`` applied to every tensor."""
        sides: dict[str, Any] = {}
        for what in _SIDES:
            side: SideFeatures | None = getattr(self, what)
            if side is not None:
                bias = None if side.bias is None else change(side.bias)
                side = SideFeatures(side.coding, change(side.vectors), bias)
            sides[what] = side
        return replace(self, **sides)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor, by the names that a saved model has: ``features.items.vectors`` …"""
        sides = {what: getattr(self, what) for what in _SIDES}
        return {
            f"features.{what}.{name}": tensor
            for what, side in sides.items()
            if side is not None
            for name, tensor in side.tensors().items()
        }

    def settings(self) -> dict[str, Any]:
        """The parts that are not tensors, as plain data."""
        codings = {what: None if getattr(self, what) is None else getattr(self, what).coding for what in _SIDES}
        return {"unit": self.unit} | {
            what: None if coding is None else [dict(part) for part in coding.parts] for what, coding in codings.items()
        }

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], settings: Any) -> Self | None:
        """The inverse of :meth:`tensors` and :meth:`settings`; None where there are no settings.

        Raises:
            DataError: a part is missing or wrong.
        """
        if settings is None:
            return None
        kept, sides = table_of(settings, "features"), {}
        for what in _SIDES:
            parts = kept.get(what)
            if parts is not None:
                coding = FeatureCoding(tuple(dict(table_of(part, "a feature")) for part in parts))
                own = {name: tensors.get(f"features.{what}.{name}") for name in ("vectors", "bias")}
                if own["vectors"] is None:
                    raise DataError(f"tensors must have the vectors of the features of {what}, features.{what}.vectors")
                sides[what] = SideFeatures(coding, own["vectors"], own["bias"])
        return cls(**sides, unit=kept.get("unit") is True)


_SIDES = ("items", "users")
