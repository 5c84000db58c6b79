"""What events say: which count, which say that an item is not wanted, and what is left of several about one item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fillrank.store.events import UserEvent

__all__ = ["EventMeaning", "Taste"]


@dataclass(frozen=True)
class Taste:
    """What a user's events say of one item.

    Attributes:
        value: the newest rating, or None where there is none.
        wanted: False: the newest event is one of dislike. Such an item is not listed, and nothing is learnt from it.
    """

    value: float | None
    wanted: bool = True


@dataclass(frozen=True)
class EventMeaning:
    """Types of events that are not signs of interest; all others are.

    Attributes:
        ignored: kept, and of no effect.
        negative: the item is not for this user.
    """

    ignored: frozenset[str] = frozenset({"impression"})
    negative: frozenset[str] = frozenset({"dislike", "hide"})

    def tastes(self, events: Iterable[UserEvent]) -> Mapping[str, Taste]:
        """What a user's events say, by item; of several about one item the newest counts (by time, then as they came).

        A rating stays when a click follows it, until another rating or a dislike comes.

        Example:
            >>> met = [UserEvent("ann", "Heat", "rating", 5, time=1), UserEvent("ann", "Heat", "click", time=2)]
            >>> EventMeaning().tastes(met)
            {'Heat': Taste(value=5, wanted=True)}
        """
        found: dict[str, Taste] = {}
        for event in sorted(events, key=lambda one: one.time):  # a stable sort: equal times stay as they came
            if event.type in self.ignored:
                continue
            if event.type in self.negative:
                found[event.item] = Taste(None, wanted=False)
                continue
            before = found.get(event.item)
            old = before.value if before is not None and before.wanted else None
            found[event.item] = Taste(event.value if event.value is not None else old)
        return found
