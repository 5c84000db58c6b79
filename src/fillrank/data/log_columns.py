"""The columns of a log before they are one: what reading gives, and what ``Interactions`` are made of.

It stands apart from :class:`~fillrank.data.interactions.Interactions` so that readers need not know that class, which
has to know the readers: ``Interactions.from_frame`` is where people look for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from fillrank.data.ids import IdMap

__all__ = ["LogColumns"]


@dataclass(frozen=True, eq=False)
class LogColumns:
    """The fields of :class:`~fillrank.data.interactions.Interactions`, not checked yet and in any order of rows.

    ``Interactions(**vars(columns))`` is the log.
    """

    users: NDArray[Any]
    items: NDArray[Any]
    values: NDArray[Any] | None
    times: NDArray[Any] | None
    user_ids: IdMap
    item_ids: IdMap
    relevant_from: float | None = None
    name: str = ""

    def __len__(self) -> int:
        return len(self.users)
