"""The options of reading a log, with their checks."""

from __future__ import annotations

import codecs
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from fillrank.arguments import checked
from fillrank.data.duplicates import DUPLICATES, Duplicates
from fillrank.data.io.columns import Choice, Columns
from fillrank.data.io.events import check_events
from fillrank.data.io.formats import FORMATS, TYPED_FORMATS
from fillrank.data.io.missing import MISSING_WORDS
from fillrank.data.io.own_formats import READERS
from fillrank.data.times import TimeUnit
from fillrank.errors import SettingsError

__all__ = ["LogOptions", "ReadOptions"]

OnBad = Literal["raise", "skip"]
_MARKS = (",", ".", " ", "'", "’", "_")


@checked
@dataclass(frozen=True)
class LogOptions:
    """How the rows of a table become a log.

    Attributes:
        duplicates: how repeated (user, item) pairs are merged: ``"error"`` (the default) refuses them; ``"last"`` or
            ``"first"`` (by time if there are times, else by the order of the rows), ``"mean"`` or ``"sum"``. The last
            two add up weights, and ``"sum"`` is the default with ``event``: in a log of events pairs are repeated.
        on_bad: ``"raise"`` (the default), or ``"skip"`` to leave bad rows out and log their count.
        relevant_from: interactions with at least this value are relevant; None: all are.
        name: name of the data set, for reports; None: the name of the file without its ending.
        missing: further words that mean a missing id or value, such as ``["?"]``, beside the usual ones
            (:data:`~fillrank.data.io.missing.MISSING_WORDS`). False: no word does, so that a user can be called
            ``"NULL"``; only an empty cell is missing.
        day_first: how dates such as ``01/02/2020`` are read. True: the first of February; False: the second of January;
            None: they are errors, because they can mean both.
        time_unit: unit of times that are numbers: ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``. None: inferred from their
            magnitude.
        event: the weight of each type of event, such as ``{"view": 1, "cart": 3, "purchase": 10}``, if a column holds
            types of events. 0: the row says nothing ("not interested"). Types that are not listed are errors. It is
            multiplied by the weight of a column of weights.
        event_column: the column of types of events. None: recognised by the usual names (``event``, ``action``,
            ``behavior_type`` …).

    Raises:
        SettingsError: the value of an option is not allowed.
    """

    duplicates: Duplicates | None = None
    on_bad: OnBad = "raise"
    relevant_from: float | None = None
    name: str | None = None
    missing: str | Sequence[str] | Literal[False] = ()
    day_first: bool | None = None
    time_unit: TimeUnit | None = None
    event: Mapping[str, float] | None = None
    event_column: Choice = None

    def __post_init__(self) -> None:
        if self.duplicates is not None:
            _check_word("duplicates", self.duplicates, DUPLICATES)
        if self.event is not None:
            object.__setattr__(self, "event", check_events(self.event))
        elif self.event_column is not None:
            raise SettingsError(
                f"event_column={self.event_column!r} holds types of events, and event gives none a weight; write "
                "event={'view': 1, 'purchase': 10}"
            )
        _check_word("on_bad", self.on_bad, get_args(OnBad))
        _check_word("day_first", self.day_first, (None, True, False))
        _check_word("time_unit", self.time_unit, (None, *get_args(TimeUnit)))
        if isinstance(self.missing, str):
            object.__setattr__(self, "missing", (self.missing,))
        if self.missing is not False and not all(isinstance(word, str) for word in self.missing):
            raise SettingsError(f"missing must be a list of words, or False, got {self.missing!r}")

    def columns(self, *, weight: Choice, **roles: Choice) -> Columns:
        """The columns as the caller named them; weights are read only if they are named.

        Args:
            weight: the column of weights; None: there is none.
            **roles: the others, by what they are.
        """
        event_column = False if self.event is None else self.event_column
        return Columns(**roles, weight=False if weight is None else weight, event_column=event_column)

    @property
    def join(self) -> Duplicates:
        """What becomes of a pair that stands more than once, whether it was said or not."""
        return self.duplicates or ("error" if self.event is None else "sum")

    @property
    def missing_words(self) -> frozenset[str]:
        """All words that mean a missing id or value."""
        return frozenset({""}) if self.missing is False else MISSING_WORDS | frozenset(self.missing)

    @classmethod
    @checked
    def of(cls, options: Mapping[str, Any], beside: Sequence[str] = ()) -> Self:
        """Make options from keyword arguments.

        Args:
            options: by name.
            beside: other keywords of the caller, for the message.

        Raises:
            SettingsError: there is no such option; the message lists all options.

        Example:
            >>> LogOptions.of({"on_bat": "skip"})
            Traceback (most recent call last):
            fillrank.errors.SettingsError: there is no option 'on_bat', did you mean 'on_bad'? Known: duplicates, ...
        """
        known = [field.name for field in fields(cls)]
        for option in options:
            if option not in known:
                close = difflib.get_close_matches(str(option), [*beside, *known], n=1)
                hint = f", did you mean {close[0]!r}? Known" if close else "; known"
                raise SettingsError(f"there is no option {option!r}{hint}: {', '.join((*beside, *known))}")
        return cls(**options)


@checked
@dataclass(frozen=True)
class ReadOptions(LogOptions):
    """How files become a log.

    Attributes:
        format: ``"csv", "tsv", "dat"`` (``::``), ``"ml-100k"`` (blanks, no header), ``"lightgcn"``, ``"mtx"``
            (MatrixMarket), ``"parquet"``, ``"arrow"``, ``"jsonl"`` (JSON: a line for each object, or one array), or one
            that was added to :data:`fillrank.data.READERS`. None: inferred from the name of the file or its content.
        separator: between the fields of a text; ``" "`` means any run of blanks and tabs. None: inferred.
        header: whether the first line of a text names the columns; None: it does if none of its fields is a number.
        encoding: of a text, by a name that Python knows, such as ``"cp1252"``. None: UTF-8 or UTF-16; if the bytes are
            neither, Windows-1252 with a warning.
        decimal: ``"."``, or ``","`` for values such as ``4,5``.
        thousands: the mark between groups of three digits in values, such as ``","`` in ``1,234``; None: there is none.
        member: the file to read in a zip archive with several files.
        max_expansion: the largest unpacked size of a compressed file, as a multiple of its size (128 MB are always
            allowed). A file that would become larger is refused before it fills the memory.
    """

    format: str | None = None
    separator: str | None = None
    header: bool | None = None
    encoding: str | None = None
    decimal: str = "."
    thousands: str | None = None
    member: str | None = None
    max_expansion: float = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format is not None:
            _check_word("format", self.format, FORMATS if self.format in FORMATS else (*FORMATS, *READERS.names()))
        if self.separator is not None and (not isinstance(self.separator, str) or not self.separator):
            what = "empty" if self.separator == "" else repr(self.separator)
            raise SettingsError(f"separator is {what}; give at least one character, or leave it out")
        if self.separator is not None and self.format in {"lightgcn", "mtx", *TYPED_FORMATS}:
            raise SettingsError(
                f"separator={self.separator!r} has no meaning for format={self.format!r}; leave one out"
            )
        _check_word("header", self.header, (None, True, False))
        _check_word("decimal", self.decimal, (".", ","))
        _check_word("thousands", self.thousands, (None, *_MARKS))
        if self.thousands == self.decimal:
            raise SettingsError(f"decimal and thousands are both {self.decimal!r}; they cannot be distinguished")
        _check_encoding(self.encoding)
        if self.member is not None and not isinstance(self.member, str):
            raise SettingsError(f"member must be the name of a file in an archive, got {self.member!r}")
        is_number = isinstance(self.max_expansion, int | float) and not isinstance(self.max_expansion, bool)
        if not is_number or not math.isfinite(self.max_expansion) or self.max_expansion < 1:
            raise SettingsError(f"max_expansion must be a number from 1 on, got {self.max_expansion!r}")


def _check_word(option: str, word: object, known: tuple[object, ...]) -> None:
    if not any(word is one or (isinstance(word, str) and word == one) for one in known):
        raise SettingsError(f"{option} must be one of {', '.join(map(repr, known))}, got {word!r}")


def _check_encoding(encoding: str | None) -> None:
    if encoding is None:
        return
    try:
        is_text = "é".encode(encoding, errors="replace").decode(encoding) is not None
    except (LookupError, UnicodeError, TypeError, AttributeError, ValueError):
        is_text = False
    if not is_text:
        raise SettingsError(
            f"there is no text encoding {encoding!r}; give a name that Python knows, such as 'cp1252', 'latin-1', "
            "'utf-8', 'shift_jis' or 'gb18030'"
        )
    codecs.getincrementaldecoder(encoding)
