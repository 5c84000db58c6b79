"""Vectors and biases that take in what came after their log; see :mod:`fillrank.factors.growth`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.data.interactions import Interactions
from fillrank.errors import DataError
from fillrank.factors.fold_in import needs_values, with_weights
from fillrank.factors.growth import Growth
from fillrank.factors.item_side import as_array, as_tensor_like
from fillrank.factors.new_items import NewItems, UserSide, recounted, solve_new_items

__all__ = ["grown_factors", "with_new_items"]

Made = TypeVar("Made", bound=Any)
"""Factors, which this module need not know by name: the class is above it."""


def grown_factors(factors: Made, growth: Growth) -> Made:
    """The factors for the users and items of ``growth.after``.

    Known items keep their vectors. Users first take in what they met of these; from them the new items are solved for;
    then the users take in those too. Biases that are counts of users are counted again.

    Raises:
        DataError: the factors know no way to fold users in.
    """
    if factors.folding is None:
        raise DataError("these factors know no way to fold users in, so nothing new can be taken in; fit again")
    if not needs_values(factors.folding) and factors.item_bias is not None:
        bias = recounted(as_array(factors.item_bias), growth)
        factors = replace(factors, item_bias=as_tensor_like(bias[: growth.before.n_items], factors.items))
    else:
        bias = None
    known = growth.after.select(growth.after.items < growth.before.n_items)
    current = _with_users(factors, growth.before, replace(known, item_ids=growth.before.item_ids), growth.changed)
    if not growth.n_new_items:
        return current
    user_bias = np.zeros(growth.after.n_users) if current.user_bias is None else as_array(current.user_bias)
    new = solve_new_items(factors, factors.folding, growth, UserSide(as_array(current.user_vectors), user_bias))
    wider = with_new_items(factors, new, growth.n_new_items, bias)
    before = replace(growth.before, item_ids=growth.after.item_ids)
    return _with_users(wider, before, growth.after, growth.changed)


def _with_users(factors: Made, before: Interactions, after: Interactions, changed: NDArray[np.int64]) -> Made:
    """The users of ``after``: those whose rows have changed move as far as their closed form does.

    A trained vector is ``a·f + rest`` with f the closed form of its history (see
    :func:`fillrank.factors.contributions.along_history`): f becomes that of the new history, a and the rest stay. Of a
    model whose users are folded in, a is 1 and there is no rest, so this is folding in.
    """
    n_before, known = before.n_users, torch.from_numpy(changed[changed < before.n_users])
    was, bias_was = factors.folding.solve(factors, _of_users(before, changed[changed < n_before]))
    now, bias_now = factors.folding.solve(factors, _of_users(after, changed))
    users = now.new_zeros(after.n_users, factors.dim)
    users[:n_before] = factors.users
    scale = _scale(was[known], factors.users[known])
    users[known] += scale[:, None] * (now[known] - was[known])
    users[n_before:] = now[n_before:]
    if factors.user_bias is None:
        return replace(factors, users=users)
    bias = users.new_zeros(after.n_users)
    bias[:n_before] = factors.user_bias
    if bias_now is not None and bias_was is not None:
        bias[known] += bias_now[known] - bias_was[known]
        bias[n_before:] = bias_now[n_before:]
    return replace(factors, users=users, user_bias=bias)


def _scale(folded: Tensor, own: Tensor) -> Tensor:
    """How much of the closed form is in each vector, ``[B]``; 1 where there was nothing to fold in."""
    size = folded.square().sum(1)
    along = ((folded * own).sum(1) / size.clamp(min=1e-30)).clamp(min=0.0)
    return torch.where(size > 0, along, torch.ones_like(along))


def with_new_items(factors: Made, new: NewItems, n_new: int, counted: NDArray[Any] | None) -> Made:
    """New items after the others."""

    def longer(tensor: Tensor, more: NDArray[Any]) -> Tensor:
        return torch.cat([tensor, as_tensor_like(more, tensor)])

    weights = new.vectors if new.weights is None else new.weights
    item_bias = factors.item_bias
    if counted is not None:
        item_bias = as_tensor_like(counted, factors.items)
    elif item_bias is not None:
        item_bias = longer(item_bias, np.zeros(n_new) if new.bias is None else new.bias)
    folding = with_weights(factors.folding, lambda known: longer(known, weights))
    return replace(factors, items=longer(factors.items, new.vectors), item_bias=item_bias, folding=folding)


def _of_users(interactions: Interactions, users: NDArray[np.int64]) -> Interactions:
    """The rows of some users, over all users of the log."""
    chosen = np.zeros(interactions.n_users, dtype=np.bool_)
    chosen[users] = True
    return interactions.select(chosen[interactions.users])
