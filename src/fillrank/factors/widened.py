"""New users and items of whom nothing is known but their features: rows after the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.data.features import Features
from fillrank.errors import DataError
from fillrank.factors.feature_vectors import FeatureVectors, SideFeatures
from fillrank.factors.grown_factors import with_new_items
from fillrank.factors.item_side import as_array
from fillrank.factors.new_items import NewItems

__all__ = ["unit_features", "widened_factors"]

Made = TypeVar("Made", bound=Any)
"""Factors, which this module need not know by name: the class is above it."""


def widened_factors(factors: Made, items: Features | None, users: Features | None) -> Made:
    """See :meth:`fillrank.factors.Factors.widened`.

    Biases are those of the features, where the model has some; else 0, as is a popularity of nobody.
    """
    if factors.features is None:
        raise DataError(
            "this model has learnt nothing of features; fit it with log.with_features(items=…), and a model that takes "
            "them: Contrastive, ALS"
        )
    known: FeatureVectors = factors.features
    if items is not None:
        vectors, bias = _made(known.side("items"), items, unit=known.unit)
        new = NewItems(as_array(vectors), None if bias is None else as_array(bias), 0.0 * as_array(vectors))
        factors = with_new_items(factors, new, len(items), None)
    if users is not None:
        vectors, bias = _made(known.side("users"), users, unit=known.unit)
        longer = factors.user_bias
        if longer is not None:
            longer = torch.cat([longer, longer.new_zeros(len(users)) if bias is None else bias.to(longer)])
        factors = replace(factors, users=torch.cat([factors.users, vectors.to(factors.users)]), user_bias=longer)
    return factors


def unit_features(factors: Made) -> FeatureVectors | None:
    """The features of factors that are written as products: of unit vectors, where the similarity was cosine."""
    features: FeatureVectors | None = factors.features
    return features if features is None or factors.similarity != "cosine" else replace(features, unit=True)


def _made(side: SideFeatures, features: Features, *, unit: bool) -> tuple[Tensor, Tensor | None]:
    vectors, bias = side.of(features)
    return (normalize(vectors, dim=1) if unit else vectors), bias
