"""Find the k best items of each user: ranked lists in limited memory, tiled matrix products, a compiled kernel."""

from __future__ import annotations

from fillrank.retrieval.lists import RankedLists, rank, rank_blocks
from fillrank.retrieval.topk import top_k

__all__ = ["RankedLists", "rank", "rank_blocks", "top_k"]
