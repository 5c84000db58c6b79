"""``Side``: the table of one side on the fast route; ``FeatureSide``: one whose rows are sums of rows of two tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.encoders.feature_rows import FeatureRows, RowParts
from fillrank.encoders.feature_sums import own_kept
from fillrank.training.rowwise.adam import RowAdam, on_kernels

__all__ = ["FeatureSide", "Side"]

_SHORTEST = 1e-12  # a shorter vector has no direction


class Side:
    """One table: its rows as the product needs them, and the gradients of these rows.

    Args:
        table: ``[n, d]``; changed in place.
        learning_rate: of Adam.
        penalty: λ of ``λ/2 · |x|²``, on each row that a batch touches.
        similarity: ``"cosine"`` or ``"dot"``.
    """

    def __init__(self, table: Tensor, learning_rate: float, penalty: float, similarity: str) -> None:
        self.table, self.adam = table.detach(), RowAdam(table, learning_rate)
        self._cosine, self._penalty = similarity == "cosine", penalty
        self._place = np.full(len(table), -1, dtype=np.int32)

    @property
    def adams(self) -> dict[str, RowAdam]:
        """The optimizer of each table, by what follows the side's name in a checkpoint."""
        return {"": self.adam}

    def number(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """``(the different ids [R], which of them each is [n])``."""
        if not on_kernels(self.table):
            each, of = torch.unique(ids, return_inverse=True)
            return each, of
        from fillrank.training.rowwise.kernels import number

        each, of = torch.empty_like(ids), torch.empty_like(ids)
        n = number(ids.numpy(), self._place, each.numpy(), of.numpy())
        return each[:n], of

    def add_up(self, *parts: tuple[Tensor, Tensor], like: Tensor) -> Tensor:
        """The sum of each row's gradients ``[R, d]``, from pairs of some of them ``[n, d]`` and whose they are."""
        sums = torch.zeros_like(like)
        if not on_kernels(self.table):
            for gradients, of in parts:
                sums.index_add_(0, of, gradients)
            return sums
        from fillrank.training.rowwise.kernels import add_rows

        for gradients, of in parts:
            add_rows(gradients.numpy(), of.numpy(), sums.numpy())
        return sums

    def vectors(self, places: Tensor) -> Tensor:
        """The vectors ``[..., d]`` of rows that may repeat, without storing anything for gradients."""
        raw = self.raw(places.flatten()).view(*places.shape, -1)
        return normalize(raw, dim=-1) if self._cosine else raw

    def raw(self, rows: Tensor) -> Tensor:
        """The vectors ``[R, d]`` before they are brought to unit length."""
        return self.table.index_select(0, rows)

    def gather(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The vectors of some rows ``[R, d]``, with unit length if the similarity is cosine."""
        raw = self._raw_in_training(rows, generator)
        if not self._cosine:
            return raw
        self._lengths = torch.linalg.vector_norm(raw, dim=1, keepdim=True).clamp_(min=_SHORTEST)
        unit: Tensor = raw / self._lengths
        self._unit = unit
        return unit

    def through(self, gradient: Tensor) -> list[Tensor]:
        """The gradients of the tables' rows from that of the result of :meth:`gather`, with the penalty's added."""
        return [self._penalised(self._along_rows(gradient), self._raw)]

    def step(self, rows: Tensor, gradients: Sequence[Tensor]) -> None:
        """Move the rows that :meth:`gather` was asked for."""
        self.adam.step(rows, gradients[0])

    def _raw_in_training(self, rows: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        self._raw = self.raw(rows)
        return self._raw

    def _penalised(self, gradient: Tensor, raw: Tensor) -> Tensor:
        return gradient if self._penalty == 0 else gradient.add_(raw, alpha=self._penalty)

    def _along_rows(self, gradient: Tensor) -> Tensor:
        """The gradient of the rows before they were brought to unit length."""
        if self._cosine:  # derivative of x/|x|: the component along x vanishes
            along = (gradient * self._unit).sum(dim=1, keepdim=True)
            gradient = gradient.addcmul_(along, self._unit, value=-1).div_(self._lengths)
        return gradient


class FeatureSide(Side):
    """A side whose rows are ``e_i · has_i + Σ_f x_if · v_f``: see :class:`fillrank.encoders.FeatureSums`.

    Args:
        own: e, ``[n, d]``; changed in place.
        features: v, ``[F, d]``; changed in place.
        rows: x.
        has_own: ``[n, 1]``, 0 for rows whose own vector is left out.
        own_dropout: share of the rows whose own vectors a step leaves out.
        learning_rate, penalty, similarity: see :class:`Side`.
    """

    def __init__(
        self,
        own: Tensor,
        features: Tensor,
        rows: FeatureRows,
        has_own: Tensor,
        *,
        own_dropout: float,
        learning_rate: float,
        penalty: float,
        similarity: str,
    ) -> None:
        super().__init__(own, learning_rate, penalty, similarity)
        self._features = Side(features, learning_rate, penalty, "dot")
        self._rows, self._has_own, self._dropout = rows, has_own, own_dropout

    @property
    def adams(self) -> dict[str, RowAdam]:
        """See :attr:`Side.adams`."""
        return {"": self.adam, "_features": self._features.adam}

    def raw(self, rows: Tensor) -> Tensor:
        """See :meth:`Side.raw`."""
        parts = self._rows.parts(rows)
        return self._summed(rows, self._has_own[rows], self._features.table, parts.features, parts)[1]

    def _raw_in_training(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        self._kept = self._has_own[rows]
        if self._dropout > 0:
            self._kept = self._kept * own_kept(len(rows), self._dropout, generator).to(self._kept)
        self._parts = self._rows.parts(rows)
        self._touched, self._of = self._features.number(self._parts.features)
        self._vectors = self._features.raw(self._touched)
        self._raw, sums = self._summed(rows, self._kept, self._vectors, self._of, self._parts)
        return sums

    def _summed(
        self, rows: Tensor, kept: Tensor, vectors: Tensor, of: Tensor, parts: RowParts
    ) -> tuple[Tensor, Tensor]:
        """The rows of the table of own vectors, and the sums; feature ``parts.features[h]`` is ``vectors[of[h]]``."""
        own = self.table.index_select(0, rows)
        sums = own * kept
        if on_kernels(self.table):
            from fillrank.training.rowwise.kernels import add_weighed

            add_weighed(vectors.numpy(), of.numpy(), parts.rows.numpy(), parts.numbers.numpy(), sums.numpy())
            return own, sums
        return own, sums.index_add_(0, parts.rows, vectors[of] * parts.numbers[:, None])

    def through(self, gradient: Tensor) -> list[Tensor]:
        """See :meth:`Side.through`: of the own vectors, and of the features that the rows have."""
        gradient = self._along_rows(gradient)
        of_features = torch.zeros_like(self._vectors)
        if on_kernels(self.table):
            from fillrank.training.rowwise.kernels import add_weighed

            numbers, rows = self._parts.numbers.numpy(), self._parts.rows.numpy()
            add_weighed(gradient.numpy(), rows, self._of.numpy(), numbers, of_features.numpy())
        else:
            of_features.index_add_(0, self._of, gradient[self._parts.rows] * self._parts.numbers[:, None])
        own = self._penalised(gradient * self._kept, self._raw)
        return [own, self._penalised(of_features, self._vectors)]

    def step(self, rows: Tensor, gradients: Sequence[Tensor]) -> None:
        """See :meth:`Side.step`."""
        super().step(rows, gradients)
        self._features.step(self._touched, gradients[1:])
