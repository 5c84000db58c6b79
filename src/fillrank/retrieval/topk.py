"""The k best of each row of scores, with a rule for ties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from fillrank.arguments import affordable, checked
from fillrank.errors import DataError, SettingsError

if TYPE_CHECKING:
    from fillrank.retrieval.kernel import Lists

__all__ = ["check_k", "empty_lists", "kernel_pays", "top_k"]

_KERNEL_FROM = 2**22  # cells; for fewer, compiling the kernel (half a second, once) costs more than it saves
_KERNEL_K = 256  # for larger k, insertion into a sorted list is slower than the selection of torch.topk
_SORT_CELLS = 2**24  # rows with ties are sorted in blocks of this many cells


@checked
def top_k(
    scores: Tensor, k: int, *, seen: sp.csr_array[Any] | None = None, allowed: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The ``k`` best of each row, best first; of equal scores, the lower index comes first.

    Items that are seen, not allowed, or scored -inf are never listed. ``scores`` is not changed. Large blocks on a CPU
    are processed by the compiled kernel of :mod:`fillrank.retrieval.kernel`, all others by :func:`top_k_by_topk`. Both
    give the same bits.

    Args:
        scores: float ``[B, n]``, higher is better; +inf and -inf are in order.
        k: length of a list, at least 1.
        seen: ``[B, n]``; the items *stored* in row b (also zeros) are left out of list b.
        allowed: bool ``[n]``: only these indices may be listed. None: all.

    Returns:
        ``(indices, scores)``: int64 ``[B, k]`` and float ``[B, k]``. Shorter lists are filled up with index -1 and
        score -inf.

    Raises:
        SettingsError: ``k`` is below 1.
        DataError: a score is NaN, or the shapes do not fit.

    Example:
        >>> top_k(torch.tensor([[0.5, 2.0, 2.0, -torch.inf]]), 2)
        (tensor([[1, 2]]), tensor([[2., 2.]]))
        >>> top_k(torch.tensor([[0.5, 2.0, 2.0, -torch.inf]]), 2, seen=sp.csr_array([[0, 1, 1, 0]]))
        (tensor([[ 0, -1]]), tensor([[0.5000, -inf]]))
    """
    _check(scores, k, seen, allowed)
    affordable(12.0 * k * len(scores), f"lists of k={k:,} for {len(scores):,} rows")
    if not scores.dtype.is_floating_point or scores.dtype.itemsize < 4:
        scores = scores.float()
    compiled = scores.device.type == "cpu" and kernel_pays(scores.numel(), k)
    return (top_k_by_kernel if compiled else top_k_by_topk)(scores, k, seen, allowed)


def kernel_pays(n_cells: int, k: int) -> bool:
    """Whether the compiled kernel is faster on a CPU."""
    return n_cells >= _KERNEL_FROM and k <= _KERNEL_K


def top_k_by_topk(
    scores: Tensor, k: int, seen: sp.csr_array[Any] | None, allowed: Tensor | None
) -> tuple[Tensor, Tensor]:
    """:func:`top_k` in tensor operations: the readable twin of the kernel, also used on a GPU."""
    _refuse_nan(scores.isnan().any(1), scores)
    scores = _without(scores, seen, allowed)
    width = min(k, scores.shape[1])
    best, items = scores.topk(width, dim=1)
    last = best[:, -1:]
    contested = ((scores >= last).sum(1) > width) & (last[:, 0] > -torch.inf)  # more candidates for the last place
    for rows in torch.split(contested.nonzero()[:, 0], max(1, _SORT_CELLS // scores.shape[1])):
        in_order = scores[rows].sort(stable=True, dim=1, descending=True)
        best[rows], items[rows] = in_order.values[:, :width], in_order.indices[:, :width]
    items, by_place = items.sort(dim=1)
    best, by_score = best.gather(1, by_place).sort(stable=True, dim=1, descending=True)
    items = items.gather(1, by_score).masked_fill(best == -torch.inf, -1)
    short = (0, k - width)
    return torch.nn.functional.pad(items, short, value=-1), torch.nn.functional.pad(best, short, value=-torch.inf)


def top_k_by_kernel(
    scores: Tensor, k: int, seen: sp.csr_array[Any] | None, allowed: Tensor | None
) -> tuple[Tensor, Tensor]:
    """:func:`top_k` by the compiled kernel, for float32 and float64 on a CPU."""
    from fillrank.retrieval.kernel import top_k_rows

    lists = empty_lists(len(scores), k, scores.dtype, seen, allowed)
    top_k_rows(scores.detach().contiguous().numpy(), lists, torch.get_num_threads())
    _refuse_nan(torch.from_numpy(lists.nan_at >= 0), scores)
    return torch.from_numpy(lists.items), torch.from_numpy(lists.best)


def empty_lists(
    n_rows: int, k: int, dtype: torch.dtype, seen: sp.csr_array[Any] | None, allowed: Tensor | None
) -> Lists:
    """Empty lists for the compiled kernel, from the arguments of :func:`top_k`."""
    from fillrank.retrieval.kernel import Lists

    if seen is None:
        indptr, places = np.zeros(n_rows + 1, dtype=np.int64), np.zeros(0, dtype=np.int32)
    else:
        ordered = seen if seen.has_sorted_indices else seen.sorted_indices()
        indptr, places = ordered.indptr.astype(np.int64), ordered.indices.astype(np.int32, copy=False)
    may = np.zeros(0, dtype=np.bool_) if allowed is None else allowed.cpu().numpy()
    return Lists(n_rows, k, str(dtype).removeprefix("torch."), indptr, places, may)


def _without(scores: Tensor, seen: sp.csr_array[Any] | None, allowed: Tensor | None) -> Tensor:
    """A copy of the scores with -inf for items that must not be listed; the scores themselves if there are none."""
    if allowed is not None:
        scores = scores.masked_fill(~allowed.to(scores.device), -torch.inf)
    elif seen is not None:
        scores = scores.clone(memory_format=torch.contiguous_format)
    if seen is not None:
        rows = torch.from_numpy(np.repeat(np.arange(len(scores)), np.diff(seen.indptr)))
        places = torch.from_numpy(seen.indices.astype(np.int64))
        scores[rows.to(scores.device), places.to(scores.device)] = -torch.inf
    return scores


def _check(scores: Tensor, k: int, seen: sp.csr_array[Any] | None, allowed: Tensor | None) -> None:
    check_k(k)
    if scores.dim() != 2 or not scores.shape[1]:
        raise DataError(f"scores must be [B, n_items] with at least one item, got {list(scores.shape)}")
    if seen is not None and seen.shape != tuple(scores.shape):
        raise DataError(f"seen must have the shape of the scores {list(scores.shape)}, got {list(seen.shape)}")
    if allowed is not None and (allowed.shape != scores.shape[1:] or allowed.dtype != torch.bool):
        raise DataError(f"allowed must be bool [{scores.shape[1]}], got {allowed.dtype} {list(allowed.shape)}")


def check_k(k: int) -> None:
    """Refuse a ``k`` that cannot be the length of a list."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise SettingsError(f"k must be a whole number of 1 or more, got {k!r}")


def _refuse_nan(bad: Tensor, scores: Tensor) -> None:
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        place = int(scores[row].isnan().nonzero()[0])
        raise DataError(
            f"{int(bad.sum())} of {len(scores)} rows of scores hold NaN, the first is row {row}, item {place}; "
            "a ranking needs numbers: look for a division by zero or a diverged model"
        )
