"""``NegativePolicy``: which items of a draw are masked, and whether ``log_q`` is returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from fillrank.arguments import check_indices, checked, fitting
from fillrank.errors import SettingsError
from fillrank.samplers.base import Negatives
from fillrank.samplers.known import KnownPositives

__all__ = ["Exclude", "NegativePolicy"]

Exclude: TypeAlias = Literal["known", "own", "none"]
"""Which items are masked: every known positive of the user, only the positive of the row, or none."""


@checked
@dataclass(frozen=True, eq=False)
class NegativePolicy:
    """The settings that all samplers have in common.

    Attributes:
        known: the positives, rows = users.
        exclude: ``"known"`` masks every known positive of the user; ``"own"`` only the row's own positive, as most
            published in-batch code does; ``"none"`` masks nothing, as most published uniform sampling does. Pairs that
            ``known`` ignores are always masked.
        logq_correction: return ``log_q``; if False it is zero for all, and the loss counts every draw as one item.

    Raises:
        SettingsError: a setting has a value that is not allowed.
    """

    known: KnownPositives
    exclude: Exclude = "known"
    logq_correction: bool = True

    def __post_init__(self) -> None:
        if self.exclude not in get_args(Exclude):
            raise SettingsError(f"exclude must be 'known', 'own' or 'none', got {self.exclude!r}")

    @checked
    def negatives(self, users: Tensor, positives: Tensor, items: Tensor, log_q: Tensor) -> Negatives:
        """``items`` (``[N]`` or ``[B, N]``) with their mask, and with ``log_q`` if it is asked for."""
        fitting({"users": "int B", "items": "int N|B N"}, users=users, items=items)
        check_indices("users", users, self.known.n_rows)
        check_indices("items", items, self.known.n_columns)
        handed = log_q.float() if self.logq_correction else torch.zeros_like(log_q, dtype=torch.float32)
        return Negatives(items, handed, self._mask(users, positives, items))

    def _mask(self, users: Tensor, positives: Tensor, items: Tensor) -> Tensor | None:
        if self.exclude == "known":
            return self.known.mask(users, items)
        own = items == positives[:, None] if self.exclude == "own" else None
        if self.known.ignored is None:
            return own
        ignored = self.known.ignored.mask(users, items)
        return ignored if own is None else own | ignored

    @checked
    def refuse_none(self, name: str) -> None:
        """Refuse ``exclude="none"`` for a sampler whose draw contains the positives of the batch.

        Raises:
            SettingsError: ``exclude`` is ``"none"``.
        """
        if self.exclude == "none":
            raise SettingsError(
                f"exclude='none' would make each row's own positive one of its negatives in the sampler {name!r}; "
                "set exclude to 'known' or 'own'"
            )
