"""The k best of each row: ranked lists under a memory budget, products that are never formed, a compiled pass."""

from __future__ import annotations

from fillrank.retrieval.lists import RankedLists, rank, rank_blocks
from fillrank.retrieval.topk import top_k

__all__ = ["RankedLists", "rank", "rank_blocks", "top_k"]
