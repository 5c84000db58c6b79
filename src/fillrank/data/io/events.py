"""Types of events with a weight each: ``event={"view": 1, "cart": 3, "purchase": 10}``."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from fillrank.arguments import shown
from fillrank.errors import SettingsError

__all__ = ["check_events", "event_weights", "unknown_events", "without_weight"]

_REASON = "event {} has no weight"
_UNKNOWN = re.compile(r"^event (.*) has no weight$", re.DOTALL)
_MOST_SHOWN = 10


def check_events(events: Mapping[Any, Any]) -> dict[str, float]:
    """The weight of each type of event, with types as texts.

    Raises:
        SettingsError: there is none, a weight is no finite number of 0 or more, or all are 0.

    Example:
        >>> check_events({"view": 1, "purchase": 10})
        {'view': 1.0, 'purchase': 10.0}
    """
    like = "write it like {'view': 1, 'purchase': 10}"
    if not isinstance(events, Mapping) or not events:
        raise SettingsError(f"event must be a table of a weight for each type of event, got {shown(events)}; {like}")
    for kind, weight in events.items():
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or not math.isfinite(weight) or weight < 0:
            said = f"the weight of event {kind!r} must be a number of 0 or more, got {shown(weight)}"
            raise SettingsError(f"{said}; {like}")
    if not any(events.values()):
        raise SettingsError("every weight in event is 0, so that no row counts; give one type a greater one")
    return {str(kind): float(weight) for kind, weight in events.items()}


def event_weights(column: pl.Series, events: Mapping[str, float]) -> pl.Series:
    """The weight of each row, float64; null where its type has none.

    Example:
        >>> event_weights(pl.Series(["view", " buy", "click"]), {"view": 1.0, "buy": 5.0}).to_list()
        [1.0, 5.0, None]
    """
    kinds = column.cast(pl.String).str.strip_chars()
    return kinds.replace_strict(list(events), list(events.values()), default=None, return_dtype=pl.Float64)


def without_weight(kind: str) -> str:
    """Why a row cannot be read whose type of event has no weight."""
    return _REASON.format(repr(kind))


def unknown_events(reasons: Iterable[str]) -> str:
    """The types of events without a weight among the reasons of bad rows, and how often each is there; or nothing.

    Example:
        >>> unknown_events([without_weight("click"), without_weight("click"), "no user"])
        "'click' (2 rows); give each a weight (0: it says nothing), or leave them out with on_bad='skip'"
    """
    counts = Counter(found[1] for reason in reasons if (found := _UNKNOWN.match(reason)))
    if not counts:
        return ""
    listed = ", ".join(f"{kind} ({n:,} row{'s' * (n > 1)})" for kind, n in counts.most_common(_MOST_SHOWN))
    more = f" and {len(counts) - _MOST_SHOWN:,} more" if len(counts) > _MOST_SHOWN else ""
    return f"{listed}{more}; give each a weight (0: it says nothing), or leave them out with on_bad='skip'"
