"""The batteries for solvers and models pass what keeps the contract, and name what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from fillrank.data import Interactions
from fillrank.errors import ContractError
from fillrank.factors import Factors
from fillrank.models import PureSVD
from fillrank.models.base import Recipe
from fillrank.runtime.rng import torch_stream
from fillrank.solvers.sparse.als import RatingLoss, als
from fillrank.solvers.sparse.biases import fit_biases
from fillrank.solvers.sparse.ials import ials
from fillrank.solvers.sparse.sgd import SgdSettings, biased_sgd
from fillrank.solvers.sparse.svd import biased_svd, biases_as_factors, normalised_svd, pure_svd
from fillrank.testing import check_model, check_solver

OF_VALUES: dict[str, Callable[[Interactions], Factors]] = {
    "als": lambda log: als(log, 3, RatingLoss(0.1, 0.1), iterations=4),
    "biased_sgd": lambda log: biased_sgd(log, SgdSettings(dim=4, epochs=20)),
    "biased_svd": lambda log: biased_svd(log, 1, fit_biases(log)),
    "biases": lambda log: biases_as_factors(fit_biases(log)),
}
OF_PAIRS: dict[str, Callable[[Interactions], Factors]] = {
    "ials": lambda log: ials(log, 3, iterations=4),
    "normalised_svd": lambda log: normalised_svd(log, 1),
    "pure_svd": lambda log: pure_svd(log, 1),
}


@pytest.mark.parametrize("name", [*OF_VALUES, *OF_PAIRS])
def test_every_solver_of_fillrank_passes(name: str) -> None:
    check_solver((OF_VALUES | OF_PAIRS)[name], of_values=name in OF_VALUES)


def altered(mistake: str) -> Callable[[Interactions], Factors]:
    """The mean of the values, with one mistake put in."""

    def solve(log: Interactions) -> Factors:
        generator = None if mistake == "global" else torch_stream(0, "test")
        users = torch.randn(log.n_users, 2, generator=generator) * 0
        items = torch.zeros(log.n_items - (mistake == "sizes"), 2)
        if mistake == "global":
            users = users + torch.randn(1) * 1e-3
        if mistake == "odd" and log.n_users == 1:
            raise ZeroDivisionError("one user")
        if mistake == "log":
            log.values.flags.writeable = True
            log.values[:] += 1
        offset = 100.0 if mistake == "error" else float(log.values.mean())
        factors = Factors(users, items, offset=offset)
        return (factors, 1) if mistake == "kind" else factors

    return solve


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("kind", "gives tuple, not Factors"),
        ("sizes", r"gives factors of \(30, 19\) users and items, the log has \(30, 20\)"),
        ("global", "uses a generator that belongs to everybody"),
        ("error", "has a squared error of .*, and the mean of the values has"),
        ("odd", "on a log of one row: ends in ZeroDivisionError, which is no error of fillrank's: one user"),
        ("log", "changes the values of the log"),
    ],
)
def test_a_mistake_in_a_solver_is_named(mistake: str, message: str) -> None:
    check_solver(altered(""))
    with pytest.raises(ContractError, match=message):
        check_solver(altered(mistake))


class Altered(PureSVD):
    """PureSVD, with one mistake put in."""

    kind: ClassVar[str] = "altered"
    mistake: str = ""

    def fit(self, train, valid=None, *, refit=True):
        if self.mistake == "empty" and not len(train):
            return None
        if self.mistake == "global":
            np.random.rand()  # noqa: NPY002
        model = super().fit(train, valid, refit=refit)
        if self.mistake == "settings":
            return replace(model, settings={**model.settings, "more": {1, 2}})
        if self.mistake == "chosen":
            return replace(model, settings={**model.settings, "rank": 1})
        if self.mistake == "seen":
            return replace(model, interactions=train.select(np.arange(len(train)) > 0).without_values())
        return model


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("global", "uses a generator that belongs to everybody"),
        ("settings", "its settings: cannot be written as JSON"),
        ("chosen", "its settings: do not fit the same again"),
        ("seen", "its lists: hold items that the user has met"),
        ("empty", "on an empty log: fits a model: raise a DataError"),
    ],
)
def test_a_mistake_in_a_model_is_named(mistake: str, message: str) -> None:
    recipe: Recipe = Altered(rank=3)
    check_model(recipe)
    with pytest.raises(ContractError, match=message):
        check_model(Altered(rank=3, mistake=mistake))
