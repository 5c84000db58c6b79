"""The compiled passes over a log in a Gibbs sweep, each with a plain version.

A rating n has three indices: ``own[n]`` on the side that is drawn, and ``first[n]`` and ``second[n]`` on the two other
sides. In one dimension its prediction is ``own value · slope`` plus a term without the own value, with
``slope = x[first[n]] + y[second[n]]``. ``errors[n]`` is its value minus the prediction of all dimensions. The posterior
of an own value depends on its ratings only through two sums,

    ``curvature = Σ slope²``   and   ``pull = Σ slope · error``.

If the value changes by δ, its pull changes by ``-δ · curvature``. So one pass over the log is enough for many draws.
Compiled and plain versions add up in the same order, and agree to the last bit.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["draw_members", "gather", "move", "plain_draw_members", "plain_gather", "plain_move"]

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int32]


def plain_gather(
    own: Places, first: Places, second: Places, x: Floats, y: Floats, errors: Floats, sums: Floats
) -> None:
    """Compute the curvature and the pull of each of the n own values.

    Args:
        own: ``[nnz]``, the index of each rating on the side that is drawn.
        first, second: ``[nnz]``, its indices on the two other sides.
        x, y: values of those sides in this dimension.
        errors: ``[nnz]``, value minus prediction.
        sums: ``[2, n]``, overwritten with curvature and pull.
    """
    slopes = x[first] + y[second]
    sums[0] = np.bincount(own, slopes * slopes, sums.shape[1])
    sums[1] = np.bincount(own, slopes * errors, sums.shape[1])


@njit(nogil=True)
def gather(own: Places, first: Places, second: Places, x: Floats, y: Floats, errors: Floats, sums: Floats) -> None:
    """:func:`plain_gather`, compiled."""
    sums[:] = 0.0
    for n in range(len(own)):
        place = own[n]
        slope = x[first[n]] + y[second[n]]
        sums[0, place] += slope * slope
        sums[1, place] += slope * errors[n]


def plain_move(own: Places, first: Places, second: Places, x: Floats, y: Floats, errors: Floats, steps: Floats) -> None:
    """Update ``errors`` for the changes ``steps [n]`` of the own values. Other arguments as in :func:`plain_gather`."""
    errors -= steps[own] * (x[first] + y[second])


@njit(nogil=True)
def move(own: Places, first: Places, second: Places, x: Floats, y: Floats, errors: Floats, steps: Floats) -> None:
    """:func:`plain_move`, compiled."""
    for n in range(len(own)):
        errors[n] -= steps[own[n]] * (x[first[n]] + y[second[n]])


def plain_draw_members(
    ends: NDArray[np.int64],
    holders: Places,
    shares: Floats,
    sums: Floats,
    totals: Floats,
    values: Floats,
    normals: Floats,
    prior: tuple[float, float, float],
) -> None:
    """Draw the value of each member of the sets, one after another, each given all others.

    A holder's total contains ``share`` times the sum of its members' values. So a change δ of a member changes the
    totals of its holders by ``share · δ``. A member's value is normal; its likelihood has the precision
    ``noise · Σ share² · curvature`` over its holders.

    Args:
        ends, holders: the holders of member m are ``holders[ends[m]:ends[m + 1]]``.
        shares: ``[n]``, the weight of a member in each holder.
        sums: ``[2, n]``, curvature and pull of the holders; the pull is updated.
        totals: ``[n]``, the totals of the holders; updated.
        values: ``[members]``, overwritten with the draws.
        normals: ``[members]``, standard normal numbers.
        prior: mean and precision of the members' values, and the precision of the noise.
    """
    mean, precision, noise = prior
    curvature, pull = sums
    for member in range(len(values)):
        held = holders[ends[member] : ends[member + 1]]
        known = sum((shares[place] ** 2 * curvature[place] for place in held), start=0.0)
        asked = sum((shares[place] * pull[place] for place in held), start=0.0)
        certainty = noise * known + precision
        target = noise * (asked + known * values[member]) + precision * mean
        step = target / certainty + normals[member] / np.sqrt(certainty) - values[member]
        values[member] += step
        totals[held] += shares[held] * step
        pull[held] -= shares[held] * step * curvature[held]


@njit(nogil=True)
def draw_members(
    ends: NDArray[Any],
    holders: Places,
    shares: Floats,
    sums: Floats,
    totals: Floats,
    values: Floats,
    normals: Floats,
    prior: tuple[float, float, float],
) -> None:
    """:func:`plain_draw_members`, compiled."""
    mean, precision, noise = prior
    for member in range(len(values)):
        known, asked = 0.0, 0.0
        for at in range(ends[member], ends[member + 1]):
            place = holders[at]
            share = shares[place]
            known += share * share * sums[0, place]
            asked += share * sums[1, place]
        certainty = noise * known + precision
        target = noise * (asked + known * values[member]) + precision * mean
        step = target / certainty + normals[member] / np.sqrt(certainty) - values[member]
        values[member] += step
        for at in range(ends[member], ends[member + 1]):
            place = holders[at]
            part = shares[place] * step
            totals[place] += part
            sums[1, place] -= part * sums[0, place]
