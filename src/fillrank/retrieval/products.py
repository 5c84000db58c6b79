"""The k best of each row of a matrix product, computed tile by tile while each tile is in the processor's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scipy.sparse as sp
import torch
from torch import Tensor

from fillrank.errors import DataError
from fillrank.factors import Blend, Factors, Scorer
from fillrank.retrieval.topk import check_k, empty_lists
from fillrank.runtime.threads import Threads

if TYPE_CHECKING:
    from fillrank.retrieval.kernel import Lists

__all__ = ["TILES", "product_of", "top_k_products"]

_ROWS, _COLUMNS = 256, 2048  # of a tile; half and double sizes were measured
TILES = 4 * _ROWS * _COLUMNS  # bytes per thread


def product_of(scorer: Scorer) -> Factors | None:
    """The factors whose product gives the scores; None for other scorers, and for factors not in float32 on the CPU."""
    factors = scorer.flat if type(scorer) is Blend else scorer
    if type(factors) is not Factors:  # a subclass may compute scores differently
        return None
    plain = all(side.device.type == "cpu" and side.dtype == torch.float32 for side in (factors.users, factors.items))
    return factors if plain else None


def top_k_products(
    factors: Factors,
    users: Tensor,
    k: int,
    *,
    seen: sp.csr_array[Any] | None = None,
    allowed: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """:func:`fillrank.retrieval.top_k` of ``factors.score(users)`` on the CPU, up to rounding.

    The work is cut into tiles of users by items. A thread multiplies a tile, and at once updates the lists with the
    scores that are better than the worst of each list. So the scores never go to main memory and back. The tiles do not
    depend on the number of threads, and so the lists do not either.

    Args:
        factors: float32, on the CPU.
        users: int64 ``[B]``, their indices.
        k: length of a list.
        seen: ``[B, n_items]``; the items stored in row b are left out of list b.
        allowed: bool ``[n_items]``: only these may be listed. None: all.

    Returns:
        ``(indices, scores)``, int64 and float32 ``[B, k]``; shorter lists are filled up with -1 and -inf.

    Raises:
        SettingsError: ``k`` is below 1.
        DataError: a score is NaN, which happens if products of finite factors overflow.
    """
    check_k(k)
    anchors, vectors = factors.user_vectors.detach()[users], factors.item_vectors.detach()
    bias = None if factors.item_bias is None else factors.item_bias.detach()
    lists = empty_lists(len(users), k, torch.float32, seen, allowed)

    def part(_: int, tiles: slice) -> None:
        room = torch.empty(_ROWS * _COLUMNS)
        for tile in range(tiles.start, tiles.stop):
            rows = slice(tile * _ROWS, min((tile + 1) * _ROWS, len(users)))
            _fill(lists, rows, anchors[rows], vectors, bias, room)

    n_tiles = -(-len(users) // _ROWS)
    threads = Threads()
    threads.map(part, n_tiles, threads.n)  # no sums over tiles, so the parts may depend on the number of threads
    bad = (lists.nan_at >= 0).nonzero()[0]
    if len(bad):
        user, item = int(users[bad[0]]), int(lists.nan_at[bad[0]])
        raise DataError(
            f"{len(bad)} of {len(users)} rows of scores hold NaN, the first is of user {user}, item {item}; "
            "the factors are so large that their products overflow: look for a diverged model"
        )
    best = torch.from_numpy(lists.best)
    if factors.user_bias is not None:
        best += factors.user_bias.detach()[users, None]
    return torch.from_numpy(lists.items), best.add_(factors.offset)


def _fill(lists: Lists, rows: slice, anchors: Tensor, vectors: Tensor, bias: Tensor | None, room: Tensor) -> None:
    """Compute the scores of some rows tile by tile, and offer each tile to the lists."""
    for first in range(0, len(vectors), _COLUMNS):
        columns = slice(first, first + _COLUMNS)
        tile = vectors[columns]
        scores = room[: len(anchors) * len(tile)].view(len(anchors), len(tile))
        torch.mm(anchors, tile.T, out=scores)
        if bias is not None:
            scores += bias[columns]
        lists.offer(rows, first, scores.numpy())
