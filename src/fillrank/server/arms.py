"""Several models side by side: who gets which, and what users took up from the lists of each."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from fillrank.errors import SettingsError
from fillrank.server.served import ModelHolder
from fillrank.store import UserEvent
from fillrank.store.meaning import EventMeaning

__all__ = ["Arm", "Arms", "Takeup", "wilson"]

PURCHASES = frozenset({"purchase", "order"})
"""Types of events that are counted apart from all other signs of interest."""

_WINDOW = 24 * 3600.0  # seconds within which an item that was listed and is met counts as taken up from the list
_USERS, _LISTED = 50_000, 200  # users, and items of each, that are remembered
_Z = 1.959963984540054  # of a two-sided interval of 95 %


@dataclass(frozen=True)
class Arm:
    """One of the models.

    Attributes:
        name: for people and for ``/metrics``.
        holder: of the model.
    """

    name: str
    holder: ModelHolder


class Arms:
    """The models of a server; each user always gets the same one, by a hash of their id.

    Args:
        arms: the first one answers who has no id, and is the one that is trained again.

    Raises:
        SettingsError: there is none, or two have one name.

    Example:
        >>> Arms.place("ann", 2), Arms.place("bob", 2), Arms.place("ann", 2)
        (1, 0, 1)
    """

    def __init__(self, arms: Sequence[Arm]) -> None:
        names = [arm.name for arm in arms]
        if not names or len(set(names)) < len(names):
            raise SettingsError(f"models side by side have names of their own, got {', '.join(names) or 'none'}")
        self.all = tuple(arms)

    @staticmethod
    def place(user: str, n: int) -> int:
        """Which of ``n`` models a user gets: the same on every server and in every process."""
        digest = hashlib.sha256(f"arm\0{user}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % n

    @property
    def main(self) -> Arm:
        return self.all[0]

    def of(self, user: str | None) -> Arm:
        """The arm of a user; the first one for somebody without an id."""
        return self.all[0] if user is None or len(self.all) == 1 else self.all[self.place(user, len(self.all))]


@dataclass
class _Shown:
    """What a user was listed last."""

    arm: str
    items: OrderedDict[str, float] = field(default_factory=OrderedDict)
    clicked: bool = False
    bought: bool = False


class Takeup:
    """Of the users who got a list of each model, how many met, or bought, something that was on it, within a day.

    Counted are users, not lists: lists of one user are no independent trials. In memory, since the server has begun;
    the last 50,000 users are remembered, and so are 200 items of each.

    Args:
        names: of the arms.
        meaning: of types of events.
        clock: gives seconds; another one is for tests.

    Example:
        >>> takeup = Takeup(["old", "new"], EventMeaning())
        >>> takeup.listed("ann", "new", ["Heat"])
        >>> takeup.happened([UserEvent("ann", "Heat", "purchase"), UserEvent("bob", "Heat", "click")])
        >>> takeup.counts["new"]
        {'users': 1, 'clicked': 1, 'bought': 1}
    """

    def __init__(
        self, names: Iterable[str], meaning: EventMeaning, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._meaning, self._clock = meaning, clock
        self._last: OrderedDict[str, _Shown] = OrderedDict()
        self._turn = threading.Lock()
        self.counts = {name: {"users": 0, "clicked": 0, "bought": 0} for name in names}

    def listed(self, user: str, arm: str, items: Iterable[str]) -> None:
        """A user got a list."""
        now = self._clock()
        with self._turn:
            known = self._last.pop(user, None)
            if known is None or known.arm != arm:
                known = _Shown(arm)
                self.counts[arm]["users"] += 1
            self._last[user] = known
            for item in items:
                known.items.pop(item, None)
                known.items[item] = now
            while len(known.items) > _LISTED:
                known.items.popitem(last=False)
            if len(self._last) > _USERS:
                self._last.popitem(last=False)

    def happened(self, events: Iterable[UserEvent]) -> None:
        """Events came."""
        now = self._clock()
        with self._turn:
            for event in events:
                known = self._last.get(event.user)
                if known is None or event.type in self._meaning.ignored | self._meaning.negative:
                    continue
                if now - known.items.get(event.item, -_WINDOW - 1) > _WINDOW:
                    continue
                counts = self.counts[known.arm]
                if not known.clicked:
                    known.clicked, counts["clicked"] = True, counts["clicked"] + 1
                if event.type in PURCHASES and not known.bought:
                    known.bought, counts["bought"] = True, counts["bought"] + 1

    def forget(self, user: str) -> None:
        """What a user was listed is no longer known; the counts stay."""
        with self._turn:
            self._last.pop(user, None)

    def interval(self, arm: str, what: str) -> tuple[float, float]:
        """That of the share of an arm's users who ``clicked`` or ``bought``."""
        return wilson(self.counts[arm][what], self.counts[arm]["users"])

    def table(self) -> list[dict[str, Any]]:
        """A row for each arm: counts, shares, and their intervals (Wilson, 95 %)."""
        rows = []
        for name, counts in self.counts.items():
            row: dict[str, Any] = {"name": name, **counts}
            for what in ("clicked", "bought"):
                row[f"{what}_share"] = counts[what] / counts["users"] if counts["users"] else None
                row[f"{what}_interval"] = self.interval(name, what)
            rows.append(row)
        return rows


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The interval of a share by Wilson (1927), 95 %: it stays within 0 and 1, also of few trials.

    Example:
        >>> tuple(round(end, 4) for end in wilson(8, 10)), wilson(0, 0)
        ((0.4902, 0.9433), (0.0, 1.0))
    """
    if not trials:
        return 0.0, 1.0
    share, square = hits / trials, _Z * _Z / trials
    middle = (share + square / 2) / (1 + square)
    half = _Z * sqrt(share * (1 - share) / trials + square / (4 * trials)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
