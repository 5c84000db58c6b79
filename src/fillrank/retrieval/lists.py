"""Ranked lists for many users: computed in blocks with limited memory, without seen items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from fillrank.arguments import Own, checked, shown
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Scorer
from fillrank.factors.serialization import is_own
from fillrank.retrieval.finite import check_finite, may_overflow
from fillrank.retrieval.products import TILES, product_of, top_k_products
from fillrank.retrieval.topk import kernel_pays, top_k

__all__ = ["MEMORY", "Places", "RankedLists", "rank", "rank_blocks"]

Places = Sequence[int] | NDArray[np.integer[Any]] | Tensor

MEMORY = 256 * 2**20  # bytes
_CPU_BLOCK = 30 * 2**20  # bytes of scores; from 32 MiB on, glibc maps new pages for every block, which is slow
_LISTS = 2**14  # users in a block if scores are not kept


@dataclass(frozen=True, eq=False)
class RankedLists:
    """A list of items for each user, best first. Lists can be shorter than ``k`` or empty; they are not padded.

    The lists are stored one after the other: that of ``users[row]`` is ``items[indptr[row]:indptr[row + 1]]``.

    Attributes:
        users: int64 ``[n]``.
        indptr: int64 ``[n + 1]``.
        items: int64 ``[indptr[-1]]``.
        scores: float ``[indptr[-1]]``, descending within a list; of equal scores, the lower item comes first.
        k: the length that was asked for.

    Example:
        >>> from fillrank.factors import Factors
        >>> factors = Factors(torch.eye(2), torch.tensor([[3.0, 0.0], [1.0, 2.0], [2.0, 1.0]]))
        >>> lists = rank(factors, k=3, seen=sp.csr_array([[1, 1, 0], [0, 0, 0]]))
        >>> [lists[row].tolist() for row in range(len(lists))]
        [[2], [1, 2, 0]]
    """

    users: NDArray[np.int64]
    indptr: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: NDArray[np.floating[Any]]
    k: int

    def __len__(self) -> int:
        return len(self.users)

    def __getitem__(self, row: int) -> NDArray[np.int64]:
        """The items listed for ``users[row]``."""
        row = range(len(self))[row]
        return self.items[self.indptr[row] : self.indptr[row + 1]]

    @property
    def rows(self) -> NDArray[np.int64]:
        """int64 ``[indptr[-1]]``: the row in ``users`` that each listed item belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    @property
    def positions(self) -> NDArray[np.int64]:
        """int64 ``[indptr[-1]]``: the position of each item in its list, 0 for the best."""
        return np.arange(len(self.items)) - np.repeat(self.indptr[:-1], np.diff(self.indptr))


@checked
def rank(
    scorer: Scorer,
    users: Own[Places | None] = None,
    k: int = 10,
    *,
    seen: sp.csr_array[Any] | None = None,
    candidates: Own[Places | None] = None,
    exclude: Own[Places | sp.csr_array[Any] | None] = None,
    memory: int = MEMORY,
    device: str | torch.device | None = None,
) -> RankedLists:
    """The ``k`` best items of the catalogue for each user, without the items that the user has seen.

    Args:
        scorer: gives a score for each item.
        users: indices of users, in the order wanted. None: every user.
        k: length of a list, at least 1.
        seen: ``[n_users, n_items]``; a user's stored items (zeros too) are left out. None: nothing is.
        candidates: indices of the only items to list. None: all of them.
        exclude: indices of items to list for nobody; or ``[len(users), n_items]``: whatever is stored in row b is not
            listed for the b-th of the users.
        memory: bytes that a block of scores and its copies may take; what the scorer takes itself is not counted.
        device: where the users' indices are put for the scorer. None: the scorer's own ``device``, or else the CPU.

    Returns:
        One list per user. An item that is scored -inf is not listed.

    Raises:
        SettingsError: ``k`` or ``memory`` is too small.
        DataError: an index is out of range, or ``seen`` has another shape.
        ScoreError: a score is NaN or infinite; -inf is allowed from scorers that are not fillrank's.
    """
    blocks = list(
        rank_blocks(scorer, users, k, seen=seen, candidates=candidates, exclude=exclude, memory=memory, device=device)
    )
    sizes = np.concatenate([np.zeros(1, dtype=np.int64), *(np.diff(block.indptr) for block in blocks)])
    return RankedLists(
        users=np.concatenate([np.zeros(0, dtype=np.int64), *(block.users for block in blocks)]),
        indptr=np.cumsum(sizes),
        items=np.concatenate([np.zeros(0, dtype=np.int64), *(block.items for block in blocks)]),
        scores=np.concatenate([np.zeros(0, dtype=np.float32), *(block.scores for block in blocks)]),
        k=k,
    )


@checked
def rank_blocks(
    scorer: Scorer,
    users: Own[Places | None] = None,
    k: int = 10,
    *,
    seen: sp.csr_array[Any] | None = None,
    candidates: Own[Places | None] = None,
    exclude: Own[Places | sp.csr_array[Any] | None] = None,
    memory: int = MEMORY,
    device: str | torch.device | None = None,
) -> Iterator[RankedLists]:
    """:func:`rank` as an iterator of rankings, each for a block of users, so that only one block is in memory."""
    everyone = np.arange(scorer.n_users) if users is None else _places(users, scorer.n_users, "users")
    if seen is not None and seen.shape != (scorer.n_users, scorer.n_items):
        raise DataError(f"seen must be [{scorer.n_users}, {scorer.n_items}] as the scorer is, got {list(seen.shape)}")
    hidden = exclude if isinstance(exclude, sp.csr_array) else None
    if hidden is not None and hidden.shape != (len(everyone), scorer.n_items):
        raise DataError(f"exclude must be [{len(everyone)}, {scorer.n_items}], got {list(hidden.shape)}")
    everybody = None if isinstance(exclude, sp.csr_array) else exclude
    allowed = _allowed(candidates, everybody, scorer.n_items)
    where = torch.device(getattr(scorer, "device", "cpu") if device is None else device)
    wanted, k = k, min(k, max(scorer.n_items, 1))  # a list is no longer than the catalogue
    step = _users_per_block(scorer.n_items, memory, where)
    product = product_of(scorer) if where.type == "cpu" else None
    large = may_overflow(scorer)
    tiled = product is not None and not large and kernel_pays(len(everyone) * scorer.n_items, k) and _tiles_fit(memory)
    if tiled:
        step = max(step, min(_LISTS, memory // (3 * 16 * k)))  # of a user, nothing but the list is kept
    for start in range(0, len(everyone), step):
        block = everyone[start : start + step]
        of_block = None if seen is None else seen[block]
        if hidden is not None:
            of_block = _union(of_block, hidden[start : start + step])
        places = torch.from_numpy(block)
        if tiled and product is not None:
            best = top_k_products(product, places, k, seen=of_block, allowed=allowed)
        else:
            best = top_k(_scores(scorer, places.to(where), looked_at=large), k, seen=of_block, allowed=allowed)
        yield _listed(block, *best, wanted)


def _scores(scorer: Scorer, users: Tensor, *, looked_at: bool) -> Tensor:
    with torch.no_grad():
        scores = scorer.score(users)
    if tuple(scores.shape) != (len(users), scorer.n_items):
        raise DataError(f"the scorer gave {list(scores.shape)}, wanted [{len(users)}, {scorer.n_items}]")
    if looked_at:
        check_finite(scores, users, ours=is_own(scorer))
    return scores


def _tiles_fit(memory: int) -> bool:
    return torch.get_num_threads() * TILES <= memory // 3


def _listed(users: NDArray[np.int64], items: Tensor, scores: Tensor, k: int) -> RankedLists:
    """Make lists from ``[B, k]`` tables, without the unused ends of the rows."""
    places, values = items.cpu().numpy(), scores.cpu().numpy()
    real = places >= 0
    indptr = np.concatenate([[0], np.cumsum(real.sum(1))])
    return RankedLists(users=users, indptr=indptr, items=places[real], scores=values[real], k=k)


def _users_per_block(n_items: int, memory: int, device: torch.device) -> int:
    """The number of rows of scores that fit into memory, with a masked copy and the tables of the selection."""
    if memory < 1:
        raise SettingsError(f"memory must be a number of bytes above 0, got {memory!r}")
    scores = memory // 3
    if device.type == "cpu":
        scores = min(scores, _CPU_BLOCK)
    return max(1, scores // (4 * max(n_items, 1)))


def _union(first: sp.csr_array[Any] | None, second: sp.csr_array[Any]) -> sp.csr_array[Any]:
    """What is stored in either of two matrices of the same shape, as ones."""
    both = [one for one in (first, second) if one is not None]
    rows = np.concatenate([np.repeat(np.arange(one.shape[0]), np.diff(one.indptr)) for one in both])
    places = np.concatenate([one.indices for one in both])
    return sp.coo_array((np.ones(len(rows), dtype=np.float32), (rows, places)), shape=second.shape).tocsr()


def _allowed(candidates: Places | None, exclude: Places | None, n_items: int) -> Tensor | None:
    if candidates is None and exclude is None:
        return None
    allowed = np.full(n_items, candidates is None)
    if candidates is not None:
        allowed[_places(candidates, n_items, "candidates")] = True
    if exclude is not None:
        allowed[_places(exclude, n_items, "exclude")] = False
    return torch.from_numpy(allowed)


def _places(given: Places, n: int, name: str) -> NDArray[np.int64]:
    try:
        array = np.asarray(given.cpu() if isinstance(given, Tensor) else given)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged, or a tensor that NumPy does not accept
        raise DataError(f"{name} must be indices: whole numbers in one dimension, got {shown(given)}") from error
    if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise DataError(
            f"{name} must be indices: whole numbers in one dimension, got {array.dtype} {list(array.shape)}"
        )
    if array.size and (array.min() < 0 or array.max() >= n):
        run = f"from {array.min()} to {array.max()}"
        raise DataError(f"{name} are indices, and run {run}, but there are {n}: 0 to {n - 1}")
    return array.astype(np.int64)
