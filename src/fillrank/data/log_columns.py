"""``LogColumns``: the columns of a log as readers give them, before they are checked.

The class is separate from :class:`~fillrank.data.interactions.Interactions` to avoid a circle: ``Interactions`` imports
the readers (for ``Interactions.from_frame``), so the readers cannot import ``Interactions``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from fillrank.data.ids import IdMap

__all__ = ["LogColumns"]


@dataclass(frozen=True, eq=False)
class LogColumns:
    """The fields of :class:`~fillrank.data.interactions.Interactions`, not checked yet, with rows in any order.

    ``Interactions(**vars(columns))`` makes the log.
    """

    users: NDArray[Any]
    items: NDArray[Any]
    values: NDArray[Any] | None
    times: NDArray[Any] | None
    user_ids: IdMap
    item_ids: IdMap
    relevant_from: float | None = None
    name: str = ""
    weights: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.users)
