"""What is odd about events and ratings: a type that nobody knows is refused or said, a rating off the scale is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from fillrank.server.problems import ProblemError
from fillrank.server.served import Served
from fillrank.store import UserEvent
from fillrank.store.checks import now_ms
from fillrank.store.meaning import EventMeaning

__all__ = ["check_types", "odd_events", "odd_ratings"]

_SHOWN = 5
_AHEAD = 24 * 3600 * 1000  # milliseconds that clocks and zones may differ


def check_types(events: Sequence[UserEvent], meaning: EventMeaning) -> None:
    """Refuse events of a type without a weight, where types have weights.

    Raises:
        ProblemError: there is one.
    """
    if meaning.weights is None:
        return
    unknown = meaning.unknown(event.type for event in events)
    if unknown:
        place = next(n for n, event in enumerate(events) if event.type == unknown[0])
        near = get_close_matches(unknown[0], meaning.known(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(map(repr, meaning.known()))
        raise ProblemError(
            422, "invalid", f"events[{place}].type: {unknown[0]!r} has no weight; {hint}there are {known}"
        )


def odd_events(events: Sequence[UserEvent], meaning: EventMeaning, served: Served) -> list[str]:
    """What is odd about events that are kept all the same, in sentences."""
    unknown = meaning.unknown(event.type for event in events)[:_SHOWN]
    said = []
    for kind in unknown:
        near = get_close_matches(kind, meaning.known(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        said.append(f"the type {kind!r} is none of the usual ones; it counts as met, like a click{hint}")
    soon = now_ms() + _AHEAD
    late = [f"events[{n}]" for n, event in enumerate(events) if event.time > soon]
    if late:
        more = f" and {len(late) - _SHOWN} more" if len(late) > _SHOWN else ""
        said.append(f"more than a day in the future: {', '.join(late[:_SHOWN])}{more}")
    return said + odd_ratings({f"events[{n}]": event.value for n, event in enumerate(events)}, served)


def odd_ratings(ratings: Mapping[str, float | None], served: Served) -> list[str]:
    """What is odd about ratings, in sentences.

    Args:
        ratings: by the place in the request; None where there is none.
        served: the model at work.
    """
    given = {place: rating for place, rating in ratings.items() if rating is not None}
    ends = served.model.value_range
    if not given:
        return []
    if ends is None:
        return [f"the model at work was fitted without ratings: that of {next(iter(given))} makes no difference"]
    off = [f"{place} ({rating:g})" for place, rating in given.items() if not ends[0] <= rating <= ends[1]]
    if not off:
        return []
    more = f" and {len(off) - _SHOWN} more" if len(off) > _SHOWN else ""
    low, high = ends
    return [f"off the scale of {low:g} to {high:g} that the model has learnt from: {', '.join(off[:_SHOWN])}{more}"]
