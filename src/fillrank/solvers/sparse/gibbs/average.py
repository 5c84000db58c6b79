"""Sum the predictions of all samples while the chains run, and turn their mean into factors at the end."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.factors import Factors
from fillrank.factors.fold_in import RatingRidge
from fillrank.factors.temporal import TimeAwareFactors
from fillrank.solvers.sparse.gibbs.chain import Chain
from fillrank.solvers.sparse.gibbs.design import Design
from fillrank.solvers.sparse.gibbs.products import LowRankSum, product_sum, svd_of_product
from fillrank.solvers.sparse.gibbs.state import GibbsState

__all__ = ["PosteriorSums"]

USERS, ITEMS, DAYS = range(3)
_SMALLEST = 1e-12


class PosteriorSums:
    """Sums over samples of all terms of the mean prediction.

    A sample predicts ``offset + α_u + β_i + δ_t + <a_u, b_i> + <a_u, d_t> + <b_i, d_t>``. The linear terms are averaged
    directly. The mean products are kept as low-rank factors, see :mod:`fillrank.solvers.sparse.gibbs.products`.

    Args:
        design: the log.
        kept_dim: number of columns of these factors.

    Attributes:
        count: number of samples so far.
    """

    def __init__(self, design: Design, kept_dim: int) -> None:
        self.count = 0
        self._design = design
        self._offset = self._variance = 0.0
        self._linear = [np.zeros(n) for n in design.sizes]
        pairs = combinations(range(3 if design.dated else 2), 2)
        self._products = {(one, two): product_sum(design.sizes[one], design.sizes[two], kept_dim) for one, two in pairs}

    def add(self, chain: Chain) -> None:
        """Add the current state of a chain."""
        self.count += 1
        self._offset += chain.offset
        self._variance += 1 / chain.noise
        for linear, side in zip(self._linear, chain.sides, strict=True):
            linear += side.totals[0]
        vectors = [side.totals[1:].T.copy() for side in chain.sides]
        for (one, two), product in self._products.items():
            product.add(vectors[one], vectors[two])

    def absorb(self, other: Self) -> None:
        """Add the samples of another chain."""
        self.count += other.count
        self._offset += other._offset
        self._variance += other._variance
        for linear, more in zip(self._linear, other._linear, strict=True):
            linear += more
        for pair, product in self._products.items():
            product.absorb(other._products[pair])

    def state(self) -> GibbsState:
        """A copy of all sums."""
        own = GibbsState(
            {f"linear.{n}": linear.copy() for n, linear in enumerate(self._linear)},
            {"count": self.count, "offset": self._offset, "variance": self._variance},
        )
        products = {f"{one}-{two}": product.state() for (one, two), product in self._products.items()}
        return GibbsState.of({"own": own, **products})

    def take_up(self, state: GibbsState) -> None:
        """Go on from such a state."""
        own = state.part("own")
        for n, linear in enumerate(self._linear):
            linear[:] = own.arrays[f"linear.{n}"]
        self.count = int(own.facts["count"])
        self._offset, self._variance = float(own.facts["offset"]), float(own.facts["variance"])
        for (one, two), product in self._products.items():
            product.take_up(state.part(f"{one}-{two}"))

    def predictor(self) -> tuple[Factors | TimeAwareFactors, float]:
        """The mean prediction, in the units of the values, and the largest loss of a product (:class:`LowRankSum`)."""
        unit = self._design.spread / self.count
        kept = {pair: _scaled(product.kept(), unit) for pair, product in self._products.items()}
        offset = self._design.mean + unit * self._offset
        user_bias, item_bias, day_bias = (unit * linear for linear in self._linear)
        loss = max(product.loss for product in kept.values())
        if not self._design.dated:
            return self._undated(offset, user_bias, item_bias, kept[USERS, ITEMS]), loss
        counts = np.bincount(self._design.indices[DAYS], minlength=self._design.sizes[DAYS])
        weights = counts / counts.sum()
        users, user_days, _ = kept[USERS, DAYS]
        items, item_days, _ = kept[ITEMS, DAYS]
        (user_days, user_mean), (item_days, item_mean) = _centred(user_days, weights), _centred(item_days, weights)
        day_bias, day_mean = _centred(day_bias, weights)
        user_bias, item_bias = user_bias + users @ user_mean, item_bias + items @ item_mean
        undated = self._undated(offset + float(day_mean), user_bias, item_bias, kept[USERS, ITEMS])
        days = torch.from_numpy(self._design.days.copy())
        by_day = (_tensor(part) for part in (day_bias, users, user_days, items, item_days))
        return TimeAwareFactors(undated, days, *by_day), loss

    def _undated(
        self, offset: float, user_bias: NDArray[np.float64], item_bias: NDArray[np.float64], product: LowRankSum
    ) -> Factors:
        """Factors whose users have mean 0 and covariance 1; then a ridge regression gives a new user's posterior mean.

        The mean user is moved into the item biases, and the mean user bias into the offset.
        """
        left, right, _ = product
        n, mean = len(left), left.mean(axis=0)
        U, s, V = svd_of_product(left - mean, right)
        bias = float(user_bias.mean())
        variance = self._design.spread**2 * self._variance / self.count
        of_bias = max(float(user_bias.var()), _SMALLEST)
        return Factors(
            users=_tensor(U * np.sqrt(n)),
            items=_tensor(V * s / np.sqrt(n)),
            user_bias=_tensor(user_bias - bias),
            item_bias=_tensor(item_bias + right @ mean),
            offset=offset + bias,
            folding=RatingRidge(variance, variance / of_bias, frequency_exponent=0.0),
        )


def _scaled(kept: LowRankSum, unit: float) -> LowRankSum:
    return kept._replace(right=unit * kept.right)


def _centred(array: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], Any]:
    """The rows minus their weighted mean, and that mean."""
    mean = weights @ array
    return array - mean, mean


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
