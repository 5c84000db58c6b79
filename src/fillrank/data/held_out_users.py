"""``HeldOutUsers``: a part of a split whose users no model has met before it is asked for their lists."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fillrank.arguments import checked
from fillrank.data.ids import IdMap
from fillrank.data.interactions import Interactions
from fillrank.data.moments import Moment
from fillrank.errors import DataError

__all__ = ["HeldOutUsers", "all_rows", "columns_of"]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class HeldOutUsers(Interactions):
    """Rows to be found, of users who are not in train; the rest of their rows is known when lists are asked for.

    What :func:`fillrank.split.strong` makes of its validation and its test part. As a log it is the rows to be found,
    so whatever measures on a part measures on them. A model is first given the known rows, by its ``fold_in``.

    Attributes:
        known: the known rows of the same users, over the same ids. Each user of the part has at least one.

    Raises:
        DataError: the known rows have other ids, or a user has none.

    Example:
        >>> log = Interactions.from_arrays(["ann", "ann", "bob"], ["Heat", "Alien", "Heat"])
        >>> part = HeldOutUsers(**columns_of(log.select(np.array([0]))), known=log.select(np.array([1])))
        >>> len(part), len(part.whole()), [len(one.user_ids) for one in part.alone()]
        (1, 2, [1, 1])
    """

    known: Interactions = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.known.user_ids != self.user_ids or self.known.item_ids != self.item_ids:
            raise DataError("the known rows have other users or items than the part; make both with one split")
        strangers = np.setdiff1d(self.users, self.known.users)
        if len(strangers):
            first = self.user_ids.ids[int(strangers[0])]
            raise DataError(
                f"{len(strangers)} held-out users have no known row, the first is {first!r}; leave them out"
            )

    def whole(self) -> Interactions:
        """All rows of these users, known or not, as a plain log."""
        return Interactions(**columns_of(self)).union(self.known)

    def alone(self) -> tuple[Interactions, Interactions]:
        """The known rows and the rows to be found of the users of the part, as two logs over these users alone."""
        users = np.unique(self.users)
        places: NDArray[np.int32] = np.full(self.n_users, -1, dtype=np.int32)
        places[users] = np.arange(len(users), dtype=np.int32)
        ids = IdMap.in_order(self.user_ids.decode(users))
        known = self.known.select(places[self.known.users] >= 0)
        return (
            replace(known, users=places[known.users], user_ids=ids),
            Interactions(**{**columns_of(self), "users": places[self.users], "user_ids": ids}),
        )

    def check_unknown_to(self, train: Interactions) -> None:
        """Refuse a train part in which one of the users has a row.

        Raises:
            DataError: the message names the first.
        """
        met = np.intersect1d(self.users, train.users)
        if len(met):
            raise DataError(
                f"{len(met)} held-out users have rows in train, the first is {self.user_ids.ids[int(met[0])]!r}; "
                "whoever is held out must be new to the model"
            )

    @checked
    def faded(self, *, half_life: float, now: Moment | None = None) -> Self:
        """See :meth:`Interactions.faded`; the known rows fade too."""
        fresh = self.known.faded(half_life=half_life, now=now)
        return replace(super().faded(half_life=half_life, now=now), known=fresh)


def columns_of(interactions: Interactions) -> dict[str, Any]:
    """What a plain log with the rows of ``interactions`` is made of."""
    return {name: getattr(interactions, name) for name in Interactions.__dataclass_fields__}


def all_rows(part: Interactions) -> Interactions:
    """The rows of a part of a split, with the known ones of held-out users."""
    return part.whole() if isinstance(part, HeldOutUsers) else part
