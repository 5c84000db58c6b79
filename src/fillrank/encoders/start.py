"""Initial vectors of users and items. The users are always drawn first."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.arguments import affordable, checked
from fillrank.encoders.base import Tables
from fillrank.errors import SettingsError
from fillrank.factors import Factors

__all__ = ["normal_tables", "tables_of_factors", "xavier", "xavier_tables"]


@checked
def normal_tables(
    n_users: int, n_items: int, dim: int, *, generator: torch.Generator, std: float | None = None
) -> Tables:
    """Normal vectors with standard deviation ``std`` (default ``1/√dim``: a length near 1).

    Raises:
        SettingsError: ``dim`` is below 1, or ``std`` is negative or not finite.

    Example:
        >>> users, items = normal_tables(3, 4, 2, generator=torch.Generator().manual_seed(0))
        >>> users.shape, items.shape
        (torch.Size([3, 2]), torch.Size([4, 2]))
    """
    _check_sizes(n_users, n_items, dim)
    std = dim**-0.5 if std is None else _check_size("std", std)
    users, items = (torch.randn(n, dim, generator=generator) * std for n in (n_users, n_items))
    return users, items


@checked
def xavier_tables(n_users: int, n_items: int, dim: int, *, generator: torch.Generator) -> Tables:
    """Uniform between ``±√(6/(n + dim))``, with n the length of each table (Glorot & Bengio 2010).

    This is the usual initialisation of graph encoders. The vectors are short, and shorter in a longer table. So the
    gradient of a cosine, which is larger for shorter vectors, is large at first.

    Raises:
        SettingsError: ``dim`` is below 1.
    """
    _check_sizes(n_users, n_items, dim)
    users, items = (xavier(n, dim, generator) for n in (n_users, n_items))
    return users, items


def xavier(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """One table ``[n, dim]``, or the weights of a layer from ``dim`` numbers to ``n``: see :func:`xavier_tables`."""
    return (torch.rand(n, dim, generator=generator) * 2 - 1) * math.sqrt(6 / (n + dim))


@checked
def tables_of_factors(
    factors: Factors, *, generator: torch.Generator, scale: float | None = 1.0, jitter: float = 1e-3
) -> Tables:
    """Initial vectors from given factors, such as those of an SVD.

    Args:
        factors: biases and offset are ignored.
        generator: for the noise.
        scale: each vector is scaled to this length; None keeps its own.
        jitter: standard deviation of normal noise on each entry, so that a vector of zeros gets a direction.

    Raises:
        SettingsError: ``scale`` or ``jitter`` is negative or not finite.
    """
    _check_size("jitter", jitter)
    if scale is not None:
        _check_size("scale", scale)

    def begin(table: Tensor) -> Tensor:
        rows = table if scale is None else normalize(table, dim=1) * scale
        return rows + torch.randn(table.shape, generator=generator, dtype=table.dtype) * jitter

    return begin(factors.users.detach().cpu()), begin(factors.items.detach().cpu())


def _check_sizes(n_users: int, n_items: int, dim: int) -> None:
    if dim < 1:
        raise SettingsError(f"dim must be 1 or more, got {dim}")
    if n_users < 0 or n_items < 0:
        raise SettingsError(f"n_users and n_items must be 0 or more, got {n_users} and {n_items}")
    asked = f"dim={dim:,} for n_users={n_users:,} and n_items={n_items:,}"
    affordable(8.0 * dim * (n_users + n_items), f"vectors of {asked}")


def _check_size(name: str, size: float) -> float:
    if not 0 <= size < math.inf:
        raise SettingsError(f"{name} must be a number of 0 or more, got {size}")
    return size
