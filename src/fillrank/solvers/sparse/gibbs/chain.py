"""``Chain``: one Markov chain over all parameters of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fillrank.solvers.sparse.gibbs.design import Design, Sets
from fillrank.solvers.sparse.gibbs.kernels import draw_members, gather, move
from fillrank.solvers.sparse.gibbs.priors import NormalPrior, draw_noise, draw_prior
from fillrank.solvers.sparse.gibbs.state import GibbsState, prefixed, without_prefix

__all__ = ["Chain", "ParameterGroup", "SampledSide"]

Floats = NDArray[np.float64]

_START = 0.1
"""Standard deviation of the initial vectors, as in libFM."""

_ROWS = 1 << 16
"""Number of ratings that are predicted at a time."""


class ParameterGroup:
    """Values of one kind, ``[1 + dim, n]``: row 0 is the linear term, row f the f-th dimension. Each has a prior."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        self.priors = [NormalPrior(0.0, 1.0)] * len(values)

    def arrays(self) -> dict[str, Floats]:
        """A copy of values and priors."""
        return {"values": self.values.copy(), "priors": np.array(self.priors, dtype=np.float64)}

    def take_up(self, arrays: Mapping[str, Floats]) -> None:
        """Set values and priors."""
        self.values[:] = arrays["values"]
        self.priors = [NormalPrior(float(mean), float(precision)) for mean, precision in arrays["priors"]]

    def next_prior(self, f: int, rng: np.random.Generator) -> NormalPrior:
        """Draw a new prior of row f."""
        self.priors[f] = draw_prior(self.values[f], self.priors[f], rng)
        return self.priors[f]


class SampledSide:
    """Users, items or days: their own values, plus the values of the members of their sets, if they have sets.

    Attributes:
        totals: ``[1 + dim, n]``, the sum of both, which predictions use.
    """

    def __init__(self, start: Floats, sets: Sets | None = None) -> None:
        self.own, self.sets = ParameterGroup(start), sets
        self.members = None if sets is None else ParameterGroup(np.zeros((len(start), sets.n_members)))
        self.totals = start.copy()

    def arrays(self) -> dict[str, Floats]:
        """A copy of all that a sweep changes, by name."""
        members = {} if self.members is None else prefixed("members.", self.members.arrays())
        return {"totals": self.totals.copy(), **prefixed("own.", self.own.arrays()), **members}

    def take_up(self, arrays: Mapping[str, Floats]) -> None:
        """Set all of that."""
        self.totals[:] = arrays["totals"]
        self.own.take_up(without_prefix("own.", arrays))
        if self.members is not None:
            self.members.take_up(without_prefix("members.", arrays))

    def draw(self, f: int, sums: Floats, noise: float, rng: np.random.Generator) -> None:
        """Draw row f: first the own values, then the members' values one by one.

        Args:
            f: the row.
            sums: ``[2, n]``, curvature and pull of each entry (see :mod:`fillrank.solvers.sparse.gibbs.kernels`).
            noise: precision of the noise.
            rng: for the draws.
        """
        values, prior = self.own.values[f], self.own.next_prior(f, rng)
        curvature, pull = sums
        certainty = noise * curvature + prior.precision
        target = noise * (pull + values * curvature) + prior.precision * prior.mean
        step = target / certainty + rng.standard_normal(len(values)) / np.sqrt(certainty) - values
        values += step
        pull -= step * curvature
        self.totals[f] += step
        if self.sets is not None and self.members is not None:
            prior = self.members.next_prior(f, rng)
            normals = rng.standard_normal(self.sets.n_members)
            sets, state = self.sets, (sums, self.totals[f], self.members.values[f])
            draw_members(sets.ends, sets.holders, sets.shares, *state, normals, (*prior, noise))


class Chain:
    """The state of a chain, with the sweep that updates it.

    Attributes:
        sides: users, items and days.
        offset: of all predictions.
        noise: precision of the noise.
        errors: ``[nnz]``, target minus prediction of each rating; always up to date.
    """

    def __init__(self, design: Design, dim: int, rng: np.random.Generator) -> None:
        self.design, self.rng = design, rng
        users, items, days = (_START * rng.standard_normal((1 + dim, n)) for n in design.sizes)
        if not design.dated:
            days[:] = 0.0
        self.sides = SampledSide(users, design.user_sets), SampledSide(items, design.item_sets), SampledSide(days)
        self.noise, self.offset = 1.0, 0.0
        self._halves = [np.full(n, 0.5) for n in design.sizes]  # ½ + ½ = 1, the slope of the linear term
        self.errors = design.targets - self.predict(*design.indices)

    def state(self) -> GibbsState:
        """A copy of the state, the position of the random stream included."""
        sides = {k: v for n, side in enumerate(self.sides) for k, v in prefixed(f"{n}.", side.arrays()).items()}
        stream = json.dumps(self.rng.bit_generator.state)
        facts = {"noise": self.noise, "offset": self.offset, "stream": stream}
        return GibbsState({"errors": self.errors.copy(), **sides}, facts)

    def take_up(self, state: GibbsState) -> None:
        """Go on from a state."""
        for n, side in enumerate(self.sides):
            side.take_up(without_prefix(f"{n}.", state.arrays))
        self.errors[:] = state.arrays["errors"]
        self.noise, self.offset = float(state.facts["noise"]), float(state.facts["offset"])
        self.rng.bit_generator.state = json.loads(state.facts["stream"])

    def predict(self, users: NDArray[np.int32], items: NDArray[np.int32], days: NDArray[np.int32]) -> Floats:
        """The predictions of the current state for ``B`` ratings, in units of the spread: float64 ``[B]``."""
        predicted = np.empty(len(users))
        for start in range(0, len(users), _ROWS):
            rows = slice(start, start + _ROWS)
            places = users[rows], items[rows], days[rows]
            a, b, d = (side.totals[:, own] for side, own in zip(self.sides, places, strict=True))
            products = a[1:] * b[1:] + (a[1:] + b[1:]) * d[1:]
            predicted[rows] = self.offset + a[0] + b[0] + d[0] + products.sum(axis=0)
        return predicted

    def sweep(self) -> None:
        """Draw all parameters once, each given all others."""
        self.noise = draw_noise(self.errors, self.rng)
        self._draw_offset()
        for f in range(len(self.sides[0].totals)):
            for which in range(3 if self.design.dated else 2):
                self._draw_side(which, f)

    def _draw_side(self, which: int, f: int) -> None:
        """Draw row f of one side: one pass over the log gathers its sums, and one updates the errors."""
        side, (one, two) = self.sides[which], (n for n in range(3) if n != which)
        own, first, second = (self.design.indices[n] for n in (which, one, two))
        x, y = (self.sides[n].totals[f] if f else self._halves[n] for n in (one, two))
        before, sums = side.totals[f].copy(), np.empty((2, self.design.sizes[which]))
        gather(own, first, second, x, y, self.errors, sums)
        side.draw(f, sums, self.noise, self.rng)
        move(own, first, second, x, y, self.errors, side.totals[f] - before)

    def _draw_offset(self) -> None:
        n = len(self.errors)
        certainty = self.noise * n + 1.0
        target = self.noise * (float(self.errors.sum()) + self.offset * n)
        step = target / certainty + self.rng.standard_normal() / np.sqrt(certainty) - self.offset
        self.offset += float(step)
        self.errors -= step
