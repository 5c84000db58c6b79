"""Losses of vectors: alignment and uniformity of a batch of vectors on the unit sphere.

Shapes: ``B`` rows of a batch, ``d`` dimensions. All functions first scale the vectors to length 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any, ClassVar, cast

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.arguments import checked, fitting, shown
from fillrank.errors import DataError
from fillrank.losses.base import check_above_zero, check_not_negative
from fillrank.losses.contrast import contrast
from fillrank.losses.registry import LOSSES
from fillrank.losses.softmax import USUAL_TEMPERATURES, InfoNCE

__all__ = ["AlignmentUniformity", "ViewContrast", "alignment", "uniformity", "uniformity_by_autograd"]

_TWO_SETS = {"first": "float B d", "second": "float B d"}
_ONE_SET = {"vectors": "float B d"}


@checked
def alignment(first: Tensor, second: Tensor) -> Tensor:
    """The distance of the two vectors of each row: ``|x - y|²`` of unit vectors, ``[B]`` (Wang & Isola 2020, α = 2).

    Example:
        >>> alignment(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
        tensor([2.])
    """
    fitting(_TWO_SETS, first=first, second=second)
    return (normalize(first, dim=1) - normalize(second, dim=1)).square().sum(dim=1)


@checked
def uniformity(vectors: Tensor, sharpness: float = 2.0) -> Tensor:
    """The uniformity of unit vectors on the sphere: ``log mean_{i<j} exp(-t·|x_i - x_j|²)``, a scalar of 0 or less.

    This is the logarithm of the average pairwise Gaussian potential (Wang & Isola 2020). One block ``[B, B]`` is
    computed, and is overwritten by the gradient; :func:`uniformity_by_autograd` is the readable twin.

    Args:
        vectors: ``[B, d]``; with fewer than two rows there is no pair, and the result is 0.
        sharpness: t > 0.

    Example:
        >>> uniformity(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))  # -2 · 2
        tensor(-4.)
    """
    fitting(_ONE_SET, vectors=vectors)
    return cast("Tensor", _Uniformity.apply(normalize(vectors, dim=1), sharpness))  # type: ignore[no-untyped-call]


@checked
def uniformity_by_autograd(vectors: Tensor, sharpness: float = 2.0) -> Tensor:
    """The readable twin of :func:`uniformity`, for its tests."""
    fitting(_ONE_SET, vectors=vectors)
    if len(vectors) < 2:
        return vectors.sum() * 0
    return torch.pdist(normalize(vectors, dim=1)).square().mul(-sharpness).exp().mean().log()


class _Uniformity(torch.autograd.Function):
    """On unit vectors ``|x - y|² = 2 - 2·<x, y>``, so the mean is a log-sum-exp of the products."""

    @staticmethod
    def forward(ctx: Any, units: Tensor, sharpness: float) -> Tensor:
        n = len(units)
        if n < 2:
            ctx.save_for_backward(torch.zeros_like(units))
            return units.new_zeros(())
        logits = (units @ units.T).mul_(2 * sharpness).fill_diagonal_(-torch.inf)
        top = logits.max()
        weights = logits.sub_(top).exp_()
        total = weights.sum()
        ctx.save_for_backward((weights @ units).mul_(4 * sharpness / total))
        return total.log() + top - 2 * sharpness - log(n * (n - 1))

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0], None


@LOSSES.own("alignment-uniformity", beside=True)
@checked
@dataclass(frozen=True)
class AlignmentUniformity:
    """DirectAU (Wang et al. 2022): pull users to their items, and spread users and items out; without negatives.

    ``L_b = |u_b - i_b|² + γ·(uniformity(users) + uniformity(items))/2`` on unit vectors; the second part is the same
    for every row, so the mean over the batch is the published loss. A user or item that is in the batch twice counts
    twice, as in the authors' code.

    Relations: uniformity is the term of the negatives in :class:`~fillrank.losses.DCL`, between vectors of one kind, at
    temperature ``1/(2·sharpness)`` and with the mean over all rows inside the logarithm.

    Attributes:
        uniformity_weight: γ of 0 or more; the authors search .2 to 10.
        sharpness: t > 0 of the Gaussian potential.

    Raises:
        SettingsError: the weight is negative, or the sharpness is not a positive number.

    Example:
        >>> users, items = torch.eye(2), torch.eye(2)
        >>> AlignmentUniformity(uniformity_weight=0.5)(users, items)
        tensor([-2., -2.])
    """

    of_vectors: ClassVar[bool] = True

    uniformity_weight: float = 1.0
    sharpness: float = 2.0

    def __post_init__(self) -> None:
        check_not_negative("uniformity_weight", self.uniformity_weight)
        check_above_zero("sharpness", self.sharpness, "2 is usual")

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """The loss of each (user, item) pair: ``[B, d]``, ``[B, d]`` → ``[B]``."""
        _check_pairs(first, second)
        crowded = uniformity(first, self.sharpness) + uniformity(second, self.sharpness)
        return alignment(first, second) + self.uniformity_weight * crowded / 2


@LOSSES.own("view-contrast", beside=True)
@checked
@dataclass(frozen=True)
class ViewContrast:
    """InfoNCE between two views of the same rows: SGL (Wu et al. 2021), SimGCL (Yu et al. 2022).

    ``L_b = -log exp(<x_b, y_b>/τ) / Σ_c exp(<x_b, y_c>/τ)`` on unit vectors: the first view of row b is compared with
    the second views of all rows. This is one direction; add ``loss(second, first)`` for both.

    Relations: :class:`~fillrank.losses.InfoNCE` on cosines, with the other rows as negatives.

    Attributes:
        temperature: τ > 0; .2 in both papers.

    Raises:
        SettingsError: the temperature is not a positive number.

    Example:
        >>> views = torch.eye(3)
        >>> ViewContrast(temperature=1.0)(views, views)  # log(1 + 2/e)
        tensor([0.5514, 0.5514, 0.5514])
    """

    of_vectors: ClassVar[bool] = True

    temperature: float = 0.2

    def __post_init__(self) -> None:
        check_above_zero("temperature", self.temperature, USUAL_TEMPERATURES)

    def __call__(self, first: Tensor, second: Tensor, *, ids: Tensor | None = None) -> Tensor:
        """The loss of each row.

        Args:
            first, second: the two views, ``[B, d]``.
            ids: int ``[B]``, the user or item of each row; rows with the same id are not negatives of each other.
                Without it, all rows count as different.

        Returns:
            ``[B]``.
        """
        _check_pairs(first, second)
        if ids is not None and not isinstance(ids, Tensor):
            raise DataError(f"ids must be a Tensor [B], got {shown(ids)}")
        rows = torch.arange(len(first), device=first.device) if ids is None else ids
        if rows.shape != first.shape[:1]:
            raise DataError(f"ids must be [B] for views [B, d], got the shapes {list(rows.shape)}, {list(first.shape)}")
        first, second = normalize(first, dim=1), normalize(second, dim=1)
        return contrast(InfoNCE(self.temperature), first, second, second, rows[:, None] == rows[None, :])


def _check_pairs(first: Tensor, second: Tensor) -> None:
    fitting(_TWO_SETS, first=first, second=second)
