"""What events say: which count and how much, which say that an item is not wanted, and what is left of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fillrank.data.io.events import check_events
from fillrank.store.events import UserEvent

__all__ = ["USUAL_TYPES", "EventMeaning", "Taste"]

USUAL_TYPES = frozenset({
    "event", "view", "click", "play", "read", "cart", "purchase", "order", "bookmark", "share", "star", "like",
    "rating", "impression", "dislike", "hide",
})  # fmt: skip
"""Types that are taken without a word where nobody has said what each type counts."""


@dataclass(frozen=True)
class Taste:
    """What a user's events say of one item.

    Attributes:
        value: the newest rating, or None where there is none.
        wanted: False: the newest event is one of dislike. Such an item is not listed, and nothing is learnt from it.
        weight: what the events count together, where types have weights; else 1.
    """

    value: float | None
    wanted: bool = True
    weight: float = 1.0


@dataclass(frozen=True)
class EventMeaning:
    """What the types of events mean.

    Attributes:
        ignored: kept, and of no effect.
        negative: the item is not for this user.
        weights: what an event of each other type counts, as in :func:`fillrank.read`; 0 is negative, as it is there,
            and a server refuses a type that is not named. None: all other types are signs of interest, and count 1.

    Raises:
        SettingsError: a weight is no finite number of 0 or more, or none is above 0.
    """

    ignored: frozenset[str] = frozenset({"impression"})
    negative: frozenset[str] = frozenset({"dislike", "hide"})
    weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.weights is not None:
            weights = check_events(self.weights)
            object.__setattr__(self, "weights", weights)
            object.__setattr__(self, "ignored", self.ignored - weights.keys())
            zero = {kind for kind, weight in weights.items() if weight == 0}
            object.__setattr__(self, "negative", (self.negative - weights.keys()) | zero)

    def unknown(self, types: Iterable[str]) -> list[str]:
        """Those types of which nobody has said what they mean, each once, in their order.

        Example:
            >>> EventMeaning().unknown(["click", "purchse"])
            ['purchse']
            >>> EventMeaning(weights={"view": 1, "purchase": 10}).unknown(["click", "purchase", "hide"])
            ['click']
        """
        known = USUAL_TYPES if self.weights is None else self.weights.keys()
        return list(dict.fromkeys(one for one in types if one not in known | self.ignored | self.negative))

    def known(self) -> list[str]:
        """The types that have a meaning, in the order of the alphabet."""
        return sorted((USUAL_TYPES if self.weights is None else self.weights.keys()) | self.ignored | self.negative)

    def tastes(self, events: Iterable[UserEvent], *, after: int = 0) -> Mapping[str, Taste]:
        """What a user's events say, by item; of several about one item the newest counts (by time, then as they came).

        A rating stays when a click follows it, until another rating or a dislike comes. Weights add up in the same way.

        Args:
            events: of one user.
            after: weights of events up to this number are left out: a model has them in its log.

        Example:
            >>> met = [UserEvent("ann", "Heat", "rating", 5, time=1), UserEvent("ann", "Heat", "click", time=2)]
            >>> EventMeaning().tastes(met)
            {'Heat': Taste(value=5, wanted=True, weight=1.0)}
            >>> EventMeaning(weights={"rating": 3, "click": 1}).tastes(met)["Heat"].weight
            4.0
        """
        found: dict[str, Taste] = {}
        for event in sorted(events, key=lambda one: one.time):  # a stable sort: equal times stay as they came
            if event.type in self.ignored:
                continue
            if event.type in self.negative:
                found[event.item] = Taste(None, wanted=False, weight=0.0)
                continue
            before = found.get(event.item)
            old = before if before is not None and before.wanted else Taste(None, weight=0.0)
            weight = 1.0
            if self.weights is not None:
                fresh = self.weights.get(event.type, 1.0) if event.seq == 0 or event.seq > after else 0.0
                weight = old.weight + fresh
            found[event.item] = Taste(event.value if event.value is not None else old.value, weight=weight)
        return found
