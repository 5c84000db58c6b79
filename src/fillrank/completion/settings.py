"""The settings of a completion with their checks, and the solvers by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np

from fillrank.arguments import count
from fillrank.errors import SettingsError
from fillrank.solvers.dense import (
    LEARNING_RATES,
    Cells,
    Stop,
    als,
    descend,
    gibbs,
    iterated_svd,
    nmf,
    soft_impute,
)
from fillrank.solvers.dense.sides import Answer, FactorSide

__all__ = ["ROUTES", "ScaledBy", "Settings", "Solution", "Solver", "check_bounds", "check_rank", "check_regularization"]

Solver = Literal["als", "gd", "sgd", "adam", "svd", "soft-impute", "nmf", "gibbs"]
ScaledBy = Literal["auto", "table", "columns"]


class Solution(Protocol):
    """The interface of the result of a solver."""

    @property
    def columns(self) -> FactorSide: ...
    @property
    def losses(self) -> tuple[float, ...]: ...
    @property
    def converged(self) -> bool: ...
    def answer(self, cells: Cells) -> Answer: ...


@dataclass(frozen=True)
class Route:
    """How a solver uses the common settings.

    Attributes:
        solve: ``(cells, settings, rng) -> Solution``.
        regularization: the default.
        grid: the regularizations that cross-validation tries by default; empty for a solver that learns it.
        bias: whether the solver can have biases.
    """

    solve: Callable[[Cells, Settings, np.random.Generator], Solution]
    regularization: float
    grid: tuple[float, ...]
    bias: bool = True


@dataclass(frozen=True)
class Settings:
    """The settings of a solver; checked when made.

    Raises:
        SettingsError: a setting, or a combination, cannot work.
    """

    rank: int
    solver: Solver
    regularization: float | Literal["auto"]
    bias: bool | Literal["auto"]
    learning_rate: float | Literal["auto"]
    max_iter: int
    tol: float
    scale: ScaledBy = "table"

    def __post_init__(self) -> None:
        check_rank(self.rank)
        if not isinstance(self.scale, str) or self.scale not in ("auto", "table", "columns"):
            raise SettingsError(f"scale must be 'auto', 'table' or 'columns', got {self.scale!r}")
        if not isinstance(self.solver, str) or self.solver not in ROUTES:
            raise SettingsError(f"solver must be one of {', '.join(ROUTES)}, got {self.solver!r}")
        check_regularization(self.regularization, self.solver)
        if not _is_auto(self.bias) and not isinstance(self.bias, bool | np.bool_):
            raise SettingsError(f"bias must be True, False or 'auto', got {self.bias!r}")
        if self.bias is True and not self.route.bias:
            raise SettingsError(f"solver {self.solver!r} has no biases; leave bias='auto'")
        if not _is_auto(self.learning_rate):
            if self.solver not in LEARNING_RATES:
                raise SettingsError(f"solver {self.solver!r} has no learning rate; leave learning_rate='auto'")
            rate: Any = self.learning_rate
            if not _is_number(rate) or not 0 < rate < np.inf:
                raise SettingsError(f"learning_rate must be above 0 or 'auto', got {self.learning_rate!r}")
        if not _is_whole(self.max_iter) or not _is_number(self.tol):
            raise SettingsError(
                f"max_iter must be a whole number and tol a number, got {self.max_iter!r} and {self.tol!r}"
            )
        count("max_iter", int(self.max_iter), least=0)
        _ = self.stop  # has its own checks

    @property
    def route(self) -> Route:
        return ROUTES[self.solver]

    @property
    def with_bias(self) -> bool:
        return self.route.bias if self.bias == "auto" else bool(self.bias)

    @property
    def strength(self) -> float:
        """The regularization as a number."""
        return self.route.regularization if self.regularization == "auto" else float(self.regularization)

    @property
    def strongest(self) -> float:
        """The largest regularization for a search."""
        return 1.0 if self.solver == "soft-impute" else 1e3

    @property
    def stop(self) -> Stop:
        return Stop(self.max_iter, self.tol)


def check_rank(rank: Any) -> None:
    """Refuse a ``rank`` that is not a whole number of 1 or more (``SettingsError``)."""
    if not _is_whole(rank) or rank < 1:
        raise SettingsError(f"rank must be a whole number of 1 or more, got {rank!r}").about("rank")


def check_regularization(regularization: Any, solver: str) -> None:
    """Refuse a regularization that the solver cannot use (``SettingsError``)."""
    if _is_auto(regularization):
        return
    if not ROUTES[solver].grid:
        raise SettingsError(f"solver {solver!r} learns its regularization from the data; leave regularization='auto'")
    most = 1.0 if solver == "soft-impute" else np.inf
    if not _is_number(regularization) or not 0 <= regularization <= most or regularization == np.inf:
        wanted = "from 0 to 1 (a fraction of the largest)" if most == 1 else "0 or more"
        raise SettingsError(
            f"regularization must be {wanted} or 'auto' for solver {solver!r}, got {regularization!r}"
        ).about("regularization")


def check_bounds(bounds: Any) -> tuple[float, float]:
    """The lowest and the highest value that may be filled in.

    Raises:
        SettingsError: it is not a pair of numbers in ascending order.
    """
    if bounds is None:
        return -np.inf, np.inf
    if not isinstance(bounds, tuple | list) or len(bounds) != 2 or not all(_is_number(bound) for bound in bounds):
        raise SettingsError(f"bounds must be None or a pair of numbers such as (1, 5), got {bounds!r}")
    if not bounds[0] < bounds[1]:
        raise SettingsError(f"the lower of the bounds must be below the upper one, got {bounds!r}")
    return float(bounds[0]), float(bounds[1])


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _is_number(value: Any) -> bool:
    """Whether a value is a number that fits into a float."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return not isinstance(value, int) or abs(value) < 2**63


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _als(cells: Cells, settings: Settings, rng: np.random.Generator) -> Solution:
    return als(
        cells,
        settings.rank,
        regularization=settings.strength,
        bias=settings.with_bias,
        stop=settings.stop,
        rng=rng,
    )


def _descend(
    cells: Cells, settings: Settings, rng: np.random.Generator, *, method: Literal["gd", "sgd", "adam"]
) -> Solution:
    return descend(
        cells,
        settings.rank,
        method=method,
        regularization=settings.strength,
        learning_rate=None if settings.learning_rate == "auto" else float(settings.learning_rate),
        bias=settings.with_bias,
        stop=settings.stop,
        rng=rng,
    )


def _svd(cells: Cells, settings: Settings, _rng: np.random.Generator) -> Solution:
    return iterated_svd(
        cells, settings.rank, regularization=settings.strength, bias=settings.with_bias, stop=settings.stop
    )


def _soft_impute(cells: Cells, settings: Settings, _rng: np.random.Generator) -> Solution:
    return soft_impute(
        cells, settings.rank, regularization=settings.strength, bias=settings.with_bias, stop=settings.stop
    )


def _nmf(cells: Cells, settings: Settings, rng: np.random.Generator) -> Solution:
    return nmf(cells, settings.rank, regularization=settings.strength, stop=settings.stop, rng=rng)


def _gibbs(cells: Cells, settings: Settings, rng: np.random.Generator) -> Solution:
    return gibbs(cells, settings.rank, bias=settings.with_bias, sweeps=settings.max_iter, rng=rng)


_PER_CELL = (0.01, 0.03, 0.1, 0.3)

ROUTES: dict[str, Route] = {
    "als": Route(_als, 0.1, _PER_CELL),
    "gd": Route(partial(_descend, method="gd"), 0.1, _PER_CELL),
    "sgd": Route(partial(_descend, method="sgd"), 0.1, _PER_CELL),
    "adam": Route(partial(_descend, method="adam"), 0.1, _PER_CELL),
    "svd": Route(_svd, 0.1, (0.01, 0.1, 0.3, 1.0)),
    "soft-impute": Route(_soft_impute, 0.1, (0.05, 0.1, 0.2, 0.4)),
    "nmf": Route(_nmf, 0.05, (0.003, 0.01, 0.03, 0.1), bias=False),
    "gibbs": Route(_gibbs, 0.0, ()),
}
