"""What one score is made of: a part for each item of the user's history, and one for each of the other terms.

A scorer that can say it has a method ``contributions(user, item, history) -> Contributions`` (:class:`Explains`); one
that cannot raises a DataError that says why. Whoever adds a scorer adds that method, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fillrank.data.interactions import Interactions
from fillrank.errors import DataError

__all__ = [
    "AVERAGE",
    "ITEM_BIAS",
    "LEARNED",
    "USER_BIAS",
    "Contributions",
    "Explains",
    "along_history",
    "check_history",
    "with_rest",
]

AVERAGE, USER_BIAS, ITEM_BIAS, LEARNED = "average", "user bias", "item bias", "learned vector"
"""The terms of a score that belong to no item of the history."""

_ROUNDING = 1e-6
"""What is left over of a score and is so small a share of its parts is rounding, and shown as no part of its own."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """The parts of one score; :attr:`total` is the score.

    Attributes:
        of_items: float64 ``[h]``, one for each row of the history, in its order.
        others: the other terms by their names, such as :data:`ITEM_BIAS`.

    Example:
        >>> one = Contributions(np.array([0.5, 0.25]), {ITEM_BIAS: 1.0})
        >>> (one + one.times(2.0)).total
        5.25
    """

    of_items: NDArray[np.float64]
    others: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return float(self.of_items.sum()) + sum(self.others.values())

    def times(self, weight: float) -> Contributions:
        """Each part times ``weight``."""
        return Contributions(weight * self.of_items, {name: weight * part for name, part in self.others.items()})

    def __add__(self, other: Contributions) -> Contributions:
        """Part by part: what a sum of two scores of the same history is made of."""
        names = dict.fromkeys((*self.others, *other.others))
        both = {name: self.others.get(name, 0.0) + other.others.get(name, 0.0) for name in names}
        return Contributions(self.of_items + other.of_items, both)


@runtime_checkable
class Explains(Protocol):
    """A scorer that can say what a score is made of."""

    def contributions(self, user: int, item: int, history: Interactions) -> Contributions:
        """The parts of ``score_pairs([user], [item])``.

        Args:
            user, item: indices.
            history: what the user met: a log of this one user, who is its user 0, over the scorer's items. It may be
                empty.

        Raises:
            DataError: the score is no sum of such parts.
        """
        ...


def along_history(shares: NDArray[np.float64], user: Tensor, item: Tensor) -> NDArray[np.float64]:
    """What each item of a history contributes to ``<user, item>``, float64 ``[h]``.

    The closed form makes a vector ``f = Σ_h shares[h]`` of the history. The user's own vector ``u`` is ``a·f + rest``
    with ``a = max(0, <f, u> / <f, f>)``, so that the rest is as short as can be, and item h contributes
    ``a · <shares[h], item>``. For a user who was folded in, a is what the vector was scaled by, and nothing is left.

    Args:
        shares: float64 ``[h, d]``, what each item brings to the vector of the closed form.
        user, item: ``[d]``, the two sides of the product.
    """
    own, target = (side.detach().cpu().double().numpy() for side in (user, item))
    folded = shares.sum(0)
    size = float(folded @ folded)
    scale = max(float(folded @ own) / size, 0.0) if size > 0 else 0.0
    parts: NDArray[np.float64] = scale * (shares @ target)
    return parts


def check_history(history: Interactions, n_items: int) -> None:
    """Refuse what is no history of one user over so many items.

    Raises:
        DataError: it is none.
    """
    if history.n_users != 1 or history.n_items != n_items:
        raise DataError(
            f"a log of one user over {n_items} items was wanted, got one of {history.n_users} users over "
            f"{history.n_items} items"
        ).about("history")


def with_rest(parts: Contributions, score: float) -> Contributions:
    """The same, and as :data:`LEARNED` what they leave over of the score, where that is more than rounding."""
    size = float(np.abs(parts.of_items).sum()) + sum(map(abs, parts.others.values()))
    rest = score - parts.total
    if abs(rest) <= _ROUNDING * max(size, abs(score)):
        return parts
    return Contributions(parts.of_items, {**parts.others, LEARNED: rest})
