"""``Thresholds``: a number for each user that some losses want, kept and renewed during a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fillrank.encoders import Tables
from fillrank.losses import ScoreLoss
from fillrank.losses.thresholds import ThresholdLoss
from fillrank.runtime.distributed import World
from fillrank.runtime.threads import Threads
from fillrank.samplers import KnownPositives
from fillrank.samplers.uniform import distinct
from fillrank.training.autograd.step import Batch

__all__ = ["Scores", "TableScores", "Thresholds", "bound"]

_BLOCK = 1 << 20  # scores that a thread has in memory at a time
_PAIR = 8  # what a pair, whose vectors are gathered, is counted as beside a score


class Scores(Protocol):
    """The current scores of a model; encoders of pairs are such as they are."""

    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """int64 ``[B]``, int64 ``[B]`` → ``[B]``."""
        ...

    def score_block(self, users: Tensor, items: Tensor) -> Tensor:
        """int64 ``[B]``, int64 ``[N]`` → ``[B, N]``."""
        ...


@dataclass(frozen=True)
class TableScores:
    """The scores of two tables of vectors, ready for the product."""

    users: Tensor
    items: Tensor

    @classmethod
    def of(cls, tables: Tables, similarity: str) -> Self:
        """Of an encoder's tables, detached; by cosines or by products."""
        users, items = (table.detach() for table in tables)
        return cls(normalize(users, dim=-1), normalize(items, dim=-1)) if similarity == "cosine" else cls(users, items)

    def score_pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """See :class:`Scores`."""
        return (self.users[users] * self.items[items]).sum(1)

    def score_block(self, users: Tensor, items: Tensor) -> Tensor:
        """See :class:`Scores`."""
        return self.users[users] @ self.items[items].T


class Thresholds:
    """The thresholds of the users in a training by a loss that wants some.

    The catalogue is what occurs in the rows that are trained on. All of it is scored for every user, in blocks of some
    4 MB; or ``refresh_items`` of it, drawn for all users together, with the user's own positives beside them: each
    drawn item that is no positive then stands for an equal share of all that are none. How users are divided does not
    depend on the number of threads, so the bits do not either. Of several processes each takes its own users.

    Args:
        loss: whose thresholds they are.
        scores: gives the current scores; called once for each refreshing.
    """

    def __init__(self, loss: ThresholdLoss, scores: Callable[[], Scores]) -> None:
        self._loss, self._scores, self._table = loss, scores, torch.empty(0)

    @classmethod
    def wanted_by(cls, loss: Any, scores: Callable[[], Scores]) -> Self | None:
        """Those of ``loss``; None if it has no use for any."""
        return cls(loss, scores) if isinstance(loss, ThresholdLoss) else None

    def begin(self, rows: Batch) -> None:
        """Make room for the users of ``rows``, the whole log that is trained on."""
        pairs = torch.unique(torch.stack([rows.users, rows.items])[:, rows.positive], dim=1)
        n_users, n_items = int(rows.users.max()) + 1, int(rows.items.max()) + 1
        starts = torch.bincount(pairs[0], minlength=n_users).cumsum(0)
        self._known = KnownPositives(torch.cat([starts.new_zeros(1), starts]), pairs[1], n_items)
        self._catalogue = torch.unique(rows.items)
        self._table = torch.full((n_users,), float(self._loss.threshold), device=rows.users.device)

    def bound(self, users: Tensor) -> ThresholdLoss:
        """The loss for a batch whose rows belong to ``users`` ``[B]``."""
        return self._loss.with_thresholds(self._table[users]) if len(self._table) else self._loss

    def refresh(self, epoch: int, generator: torch.Generator) -> None:
        """Find all thresholds anew from the current scores, if ``epoch`` (from 1) is one for that."""
        if (epoch - 1) % self._loss.refresh_every:
            return
        world, items, count = World.current(), self._catalogue, self._loss.refresh_items
        drawn = None
        if count is not None and count < len(items):
            drawn = items[distinct(count, len(items), generator).to(items.device)]
        everybody = torch.arange(len(self._table), device=items.device)
        mine = everybody[world.own(everybody)]
        with torch.no_grad():
            scores = self._scores()
        width = len(items) if drawn is None else len(drawn) + _PAIR * int(self._known.starts.diff().max())

        def part(number: int, rows: slice) -> None:  # noqa: ARG001
            with torch.no_grad():
                for users in torch.split(mine[rows], max(1, _BLOCK // width)):
                    found = self._whole(users, scores) if drawn is None else self._estimated(users, drawn, scores)
                    self._table[users] = self._loss.thresholds_of(*found).to(self._table)

        if mine.device.type == "cpu":
            Threads().map(part, len(mine))
        else:
            part(0, slice(None))
        world.all_gather(self._table)

    def state_dict(self) -> dict[str, Tensor]:
        """What a resumed training needs."""
        return {"table": self._table}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """The inverse of :meth:`state_dict`."""
        self._table.copy_(state["table"])

    def _whole(self, users: Tensor, scores: Scores) -> tuple[Tensor, Tensor | None]:
        """Scores of all items, and which of them count."""
        found = scores.score_block(users, self._catalogue)
        if self._loss.of_positives:
            return found, None
        return found, (~self._known.mask(users, self._catalogue)).to(found.dtype)

    def _estimated(self, users: Tensor, drawn: Tensor, scores: Scores) -> tuple[Tensor, Tensor]:
        """Scores of drawn items and of the users' positives, and how many items each stands for."""
        others, free = scores.score_block(users, drawn), ~self._known.mask(users, drawn)
        first = self._known.starts[users]
        degrees = self._known.starts[users + 1] - first
        left = (len(self._catalogue) - degrees)[:, None].to(others.dtype)
        shares = free * (left / free.sum(dim=1, keepdim=True).clamp(min=1))
        if not self._loss.of_positives:
            return others, shares
        row = torch.repeat_interleave(degrees)
        place = torch.arange(len(row), device=row.device) - (degrees.cumsum(0) - degrees)[row]
        own = others.new_full((len(users), int(degrees.max())), -torch.inf)
        own[row, place] = scores.score_pairs(users[row], self._known.columns[first[row] + place])
        return torch.cat([others, own], dim=1), torch.cat([shares, (own > -torch.inf).to(shares.dtype)], dim=1)


def bound(loss: ScoreLoss, thresholds: Thresholds | None, users: Tensor) -> ScoreLoss:
    """The loss for a batch whose rows belong to ``users`` ``[B]``, with their thresholds if it wants some."""
    return loss.for_users(users) if thresholds is None else thresholds.bound(users)
