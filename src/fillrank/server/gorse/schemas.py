"""What gorse's clients send and get; fields have gorse's names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fillrank.server.schemas import Id, Number, as_milliseconds
from fillrank.store import CatalogueItem, UserEvent
from fillrank.store.checks import now_ms

__all__ = ["Feedback", "GorseItem", "GorseUser", "as_item", "feedback_of", "item_of", "timestamp_of", "user_of"]


class _Gorse(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # clients of other versions send more


class Feedback(_Gorse):
    """A feedback: an event."""

    FeedbackType: Id
    UserId: Id
    ItemId: Id
    Value: Number | None = None
    Timestamp: str | int | float | None = None
    Comment: str | None = Field(None, max_length=1000)

    def event(self) -> UserEvent:
        """As the store has it; the same feedback has the same id."""
        when = now_ms() if self.Timestamp in {None, ""} else as_milliseconds(self.Timestamp)
        said = "\0".join(
            (self.FeedbackType, self.UserId, self.ItemId, "" if self.Timestamp in {None, ""} else str(when))
        )
        name = f"gorse-{hashlib.sha256(said.encode()).hexdigest()[:32]}"
        return UserEvent(self.UserId, self.ItemId, self.FeedbackType[:64], self.Value or None, when, name)

    @field_validator("Timestamp")
    @classmethod
    def _is_a_time(cls, value: Any) -> Any:
        if value not in {None, ""}:
            as_milliseconds(value)
        return value


class GorseItem(_Gorse):
    """An item; all but its id may be left out."""

    ItemId: Id | None = None
    IsHidden: bool | None = None
    Categories: list[Id] | None = Field(None, max_length=100)
    Labels: Any = None
    Timestamp: str | None = Field(None, max_length=40)
    Comment: str | None = Field(None, max_length=1000)


class GorseUser(_Gorse):
    """A user; all but their id may be left out."""

    UserId: Id | None = None
    Labels: Any = None
    Subscribe: list[Id] | None = Field(None, max_length=100)
    Comment: str | None = Field(None, max_length=1000)

    def details(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept, in the place of what was."""
        own = self.model_dump(exclude={"UserId"}, exclude_none=True)
        return {**before, **own}


def as_item(given: GorseItem, item: str, before: CatalogueItem | None) -> CatalogueItem:
    """What is kept of an item: what is given, and else what was there."""
    old = before or CatalogueItem(item)
    details = {"Labels": given.Labels, "Timestamp": given.Timestamp}
    return CatalogueItem(
        item,
        given.Comment or old.title,
        old.categories if given.Categories is None else tuple(given.Categories),
        old.hidden if given.IsHidden is None else given.IsHidden,
        {**old.details, **{name: value for name, value in details.items() if value is not None}},
    )


def item_of(item: CatalogueItem) -> dict[str, Any]:
    """An item as gorse gives it."""
    return {
        "ItemId": item.id,
        "IsHidden": item.hidden,
        "Categories": list(item.categories),
        "Timestamp": item.details.get("Timestamp") or timestamp_of(item.changed),
        "Labels": item.details.get("Labels"),
        "Comment": item.title or "",
    }


def user_of(user: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """A user as gorse gives them."""
    own = ("Labels", "Subscribe", "Comment")
    return {"UserId": user, **{name: details.get(name, "" if name == "Comment" else None) for name in own}}


def feedback_of(events: Sequence[UserEvent]) -> list[dict[str, Any]]:
    """Events as gorse gives feedback."""
    return [
        {
            "FeedbackType": event.type,
            "UserId": event.user,
            "ItemId": event.item,
            "Value": event.value or 0,
            "Timestamp": timestamp_of(event.time),
            "Comment": "",
        }
        for event in events
    ]


def timestamp_of(milliseconds: int) -> str:
    """A moment as gorse writes it.

    Example:
        >>> timestamp_of(1_769_860_800_000)
        '2026-01-31T12:00:00Z'
    """
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):  # a year that Python has no name for
        return "1970-01-01T00:00:00Z"
