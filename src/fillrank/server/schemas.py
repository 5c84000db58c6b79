"""What requests and answers look like, with examples that the tests send."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from fillrank.errors import DataError
from fillrank.server.catalogue import CATEGORY
from fillrank.store.checks import LONGEST_ID, LONGEST_TYPE, check_text
from fillrank.store.meaning import Taste

__all__ = [
    "Complete",
    "EventIn",
    "EventsAnswer",
    "EventsIn",
    "Id",
    "ItemIn",
    "ItemsAnswer",
    "ListAnswer",
    "Listed",
    "Predict",
    "PredictAnswer",
    "Recommend",
    "Rollback",
    "Whose",
    "as_milliseconds",
]

_MOST = 1000  # values of a column in a rule
_NO_TIME = "a time is a number of seconds since 1970, or a text of ISO 8601"
_OTHER_UNIT = 1e11  # seconds; from 1973 on, milliseconds are more
_DAY = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")  # in seconds, of August 1970
_MILLISECONDS = 8_000_000_000_000_000  # the largest moment; a number of seconds has a thousandth of it


def _as_text(value: Any) -> Any:
    """Ids are texts in JSON; a whole number is taken for its text, so that ``5`` and ``"5"`` are one id."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64 else value


def _storable(text: str) -> str:
    try:
        return check_text("it", text)
    except DataError as error:
        raise ValueError(str(error)) from None


def as_milliseconds(value: Any) -> Any:
    """Seconds since 1970, or a moment of ISO 8601 (UTC unless it says), as milliseconds since 1970.

    Example:
        >>> as_milliseconds(1.5), as_milliseconds("1970-01-02"), as_milliseconds("1970-01-01T01:00:00+01:00")
        (1500, 86400000, 0)
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not abs(value) <= _MILLISECONDS / 1000:
            raise ValueError(_NO_TIME)
        if abs(value) >= _OTHER_UNIT:
            raise ValueError(f"{_NO_TIME}; {value:.0f} seconds are thousands of years: divide milliseconds by 1,000")
        if (day := str(value)) and _DAY.fullmatch(day):
            raise ValueError(f"{_NO_TIME}; {day} looks like a day: write '{day[:4]}-{day[4:6]}-{day[6:]}'")
        return int(value * 1000)
    if isinstance(value, str) and len(value) <= 40:
        try:
            moment = datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            pass
    raise ValueError(_NO_TIME)


Id = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_storable)]
Moment = Annotated[int, BeforeValidator(as_milliseconds)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-3e38, le=3e38)]


Name = Annotated[str, Field(min_length=1, max_length=100)]


def _values(given: Any) -> Any:
    """A value of a column, or a list of such."""
    listed = given if isinstance(given, list) else [given]
    if len(listed) > _MOST or not all(isinstance(one, str | int | float) and one == one for one in listed):
        raise ValueError(f"a text, a number, true or false, or a list of up to {_MOST:,} of these was wanted")
    return given


def _numbers(given: Any) -> Any:
    """How many of each category: of the column ``category``, or of columns by name."""
    if given is None:
        return None
    by_column = given if isinstance(given, dict) else {CATEGORY: given}
    for number in by_column.values():
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**31:
            raise ValueError("a whole number of 1 or more was wanted, or an object of columns with such numbers")
    if len(by_column) > 20 or not all(0 < len(name) <= 100 for name in by_column):
        raise ValueError("up to 20 columns of up to 100 characters were wanted")
    return by_column


_ONE_VALUE = {"type": ["string", "number", "boolean"]}
_ONE_NUMBER = {"type": "integer", "minimum": 1}
Values = Annotated[
    Any,
    AfterValidator(_values),
    WithJsonSchema({"anyOf": [_ONE_VALUE, {"type": "array", "items": _ONE_VALUE, "maxItems": _MOST}]}),
]
AtMost = Annotated[
    Any,
    AfterValidator(_numbers),
    WithJsonSchema({"anyOf": [_ONE_NUMBER, {"type": "object", "additionalProperties": _ONE_NUMBER}]}),
]


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_its_fields(cls, given: Any) -> Any:
        """Say which fields there are, where one came that is none of them."""
        unknown = [name for name in given if name not in cls.model_fields] if isinstance(given, dict) else []
        if unknown:
            near = get_close_matches(str(unknown[0]), cls.model_fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(cls.model_fields)}"
            raise ValueError(f"there is no field {str(unknown[0])[:60]!r}; {hint}")
        return given


def _example(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": list(examples)})


class _OfSomebody(_Schema):
    """A user by id, or a history."""

    user: Id | None = Field(None, description="The id of a user; one whom nobody knows gets what most people met.")
    history: dict[Id, Number | None] | list[Id] | None = Field(
        None,
        description="In place of a user: items with ratings (null: without), or a list of items.",
        max_length=10_000,
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Any:
        if (self.user is None) == (self.history is None):
            raise ValueError("give a user or a history, and not both")
        return self

    def tastes(self) -> dict[str, Taste] | None:
        """The history, as events would say it."""
        if isinstance(self.history, dict):
            return {item: Taste(rating) for item, rating in self.history.items()}
        return None if self.history is None else dict.fromkeys(self.history, Taste(None))


class Whose(_OfSomebody):
    """Somebody."""

    model_config = _example({"user": "15"}, {"history": {"6": 5}})


class Recommend(_OfSomebody):
    """Asks for a list."""

    model_config = _example(
        {"user": "15", "k": 10},
        {"history": {"6": 5, "1214": 4.5}, "k": 5},
        {"history": ["6", "1214"], "exclude": ["1"], "explain": True},
        {"user": "15", "k": 5, "items": ["6", "1214", "1"], "at_most": 2, "novelty": 0.5},
    )

    k: int = Field(10, ge=1, description="Length of the list; it is shorter where fewer items are left.")
    offset: int = Field(0, ge=0, le=10_000, description="So many of the best are left out: the next page.")
    items: list[Id] | None = Field(None, max_length=10_000, description="Only these items are listed.")
    exclude: list[Id] = Field(default=[], max_length=10_000, description="Items that are not listed.")
    categories: list[Id] | None = Field(None, max_length=100, description="Only items of one of these.")
    where: dict[Name, Values] | None = Field(
        None,
        max_length=20,
        description="Column of the item table: a value or a list; only items with one of them.",
    )
    where_not: dict[Name, Values] | None = Field(
        None, max_length=20, description="Column of the item table: a value or a list; no item with one of them."
    )
    at_most: AtMost = Field(
        None, description="So many items of one category at most; of other columns: {column: number}."
    )
    novelty: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="From -1 (what many have met) by 0 (the model's own list) to 1 (what few have met).",
    )
    filter_seen: bool = Field(True, description="Leave out what the user has met.")
    explain: bool = Field(False, description="Say for each item which of the user's own speak for it the most.")


class Reason(BaseModel):
    """An item that the user has met, and what it adds to the score."""

    item: str
    title: str | None
    contribution: float


class Listed(BaseModel):
    """An item of a list."""

    item: str
    score: float = Field(description="Of the model; only its order within a list means much.")
    title: str | None
    met_by: int | None = Field(None, description="How many users of the log have met it.")
    reasons: list[Reason] = Field(
        default=[], description="Of the user's own items, those that add the most to the score."
    )


class ListAnswer(BaseModel):
    """A list."""

    items: list[Listed]
    model: str = Field(description="The version of the model; it changes with the model.")
    arm: str | None = Field(None, description="Which of several models side by side this is; null where there is one.")
    basis: str = Field("model", description="model, history (folded in from events or a history) or popularity.")
    unknown: list[str] = Field(
        default_factory=list,
        description="Ids of the history and of exclude that the model does not know; they made no difference.",
    )
    warnings: list[str] = Field(default=[], description="What is odd about the request, such as ratings off the scale.")


class Predict(_OfSomebody):
    """Asks for expected ratings."""

    model_config = _example({"user": "15", "items": ["6", "1214"]}, {"history": {"6": 5}, "items": ["1214"]})

    items: list[Id] = Field(min_length=1, max_length=10_000)


class Predicted(BaseModel):
    """An expected rating."""

    item: str
    value: float | None = Field(description="null: the model does not know the item.")


class PredictAnswer(BaseModel):
    """Expected ratings, in the order asked."""

    predictions: list[Predicted]
    model: str
    basis: str


class EventIn(_Schema):
    """An event."""

    user: Id
    item: Id
    type: Annotated[str, Field(min_length=1, max_length=LONGEST_TYPE), AfterValidator(_storable)] = "event"
    value: Number | None = Field(None, description="A rating.")
    time: Moment | None = Field(None, description="Seconds since 1970 or ISO 8601; now, unless given.")
    id: Id | None = Field(None, description="Two events of one id are one: send the same again if no answer came.")
    expires: Moment | None = Field(None, description="From when on it does not count; never, unless given.")


class EventsIn(_Schema):
    """Events to keep."""

    model_config = _example(
        {
            "events": [
                {"user": "ann", "item": "6", "type": "rating", "value": 5, "time": "2026-01-31T12:00:00Z", "id": "e1"}
            ]
        },
        {"events": [{"user": "ann", "item": "1214", "type": "click"}]},
    )

    events: list[EventIn] = Field(min_length=1)


class EventsAnswer(BaseModel):
    """What became of events; they are on the disk."""

    accepted: int
    repeated: int = Field(description="They were there already, by their ids, and stay as they were.")
    conflicting: list[str] = Field(description="Ids of repeated ones that say something else than what is kept.")
    ids: list[str] = Field(description="Of all that were sent, in their order.")
    warnings: list[str] = Field(
        default=[], description="What is odd about them: types that nobody knows, ratings that are none here."
    )


class ItemIn(_Schema):
    """What is to be known of an item."""

    model_config = _example({"title": "Heat (1995)", "categories": ["crime"], "hidden": False})

    title: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    categories: list[Id] = Field(default=[], max_length=100)
    hidden: bool = False


class Item(BaseModel):
    """What is known of an item."""

    item: str
    title: str | None
    categories: list[str]
    hidden: bool
    known: bool = Field(description="Whether the model knows it; one that came later is listed after the next fit.")


class ItemsAnswer(BaseModel):
    """Items."""

    items: list[Item]


class Rollback(_Schema):
    """Asks for a model that was at work before."""

    model_config = _example({}, {"number": 1})

    number: int | None = Field(None, ge=1, le=10**9, description="Of a kept model; the one before unless given.")


class Complete(_Schema):
    """Asks for a table without holes."""

    model_config = _example({"table": [[5, 3, None], [4, None, 1], [None, 1, 5]], "rank": 1})

    table: list[list[Number | None]] = Field(min_length=1, description="Rows of one length; null is a hole.")
    rank: int = Field(10, ge=1, le=100)
    bounds: tuple[Number, Number] | None = Field(None, description="The lowest and the highest value to give.")
