"""How a log is read: typed, checked once, and an error where something else is asked for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args

from fillrank.data.assemble import DUPLICATES, Duplicates
from fillrank.data.formats import FORMATS, Format
from fillrank.errors import SettingsError

__all__ = ["LogOptions", "ReadOptions"]

OnBad = Literal["raise", "skip"]


@dataclass(frozen=True)
class LogOptions:
    """How the rows of a table become a log.

    Attributes:
        duplicates: what becomes of a pair that stands more than once: ``"error"`` (the default), ``"last"`` or
            ``"first"`` (by time where there are times, else by the order of the rows), ``"mean"`` or ``"sum"``.
        on_bad: ``"raise"`` (the default), or ``"skip"`` to leave bad rows out and log their count.
        relevant_from: from which value on an interaction counts as relevant; None: every one does.
        name: of the data set, for reports; None: of the file, without its ending.

    Raises:
        SettingsError: an option has a value that it cannot have.
    """

    duplicates: Duplicates = "error"
    on_bad: OnBad = "raise"
    relevant_from: float | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check_word("duplicates", self.duplicates, DUPLICATES)
        _check_word("on_bad", self.on_bad, get_args(OnBad))

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """From keyword arguments.

        Raises:
            SettingsError: there is no such option; the message lists those there are.

        Example:
            >>> LogOptions.of({"on_bat": "skip"})
            Traceback (most recent call last):
            fillrank.errors.SettingsError: there is no option 'on_bat', did you mean 'on_bad'? Known: duplicates, ...
        """
        known = [field.name for field in fields(cls)]
        for option in options:
            if option not in known:
                close = difflib.get_close_matches(option, known, n=1)
                hint = f", did you mean {close[0]!r}? Known" if close else "; known"
                raise SettingsError(f"there is no option {option!r}{hint}: {', '.join(known)}")
        return cls(**options)


@dataclass(frozen=True)
class ReadOptions(LogOptions):
    """How files become a log.

    Attributes:
        format: ``"csv", "tsv", "dat"`` (``::``), ``"ml-100k"`` (blanks, no header), ``"lightgcn"``, ``"parquet"``,
            ``"arrow"`` or ``"jsonl"``; None: told from the name, or else from what the file holds.
        separator: between the fields of a text; ``" "`` stands for any run of blanks and tabs. None: told from the
            file.
        header: whether the first line of a text names the columns; None: it does if none of its fields is a number.
    """

    format: Format | None = None
    separator: str | None = None
    header: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format is not None:
            _check_word("format", self.format, FORMATS)
        if self.separator == "":
            raise SettingsError("separator is empty; give at least one character, or leave it out")
        if self.separator is not None and self.format in {"lightgcn", "parquet", "arrow", "jsonl"}:
            raise SettingsError(
                f"separator={self.separator!r} has no meaning for format={self.format!r}; leave one out"
            )


def _check_word(option: str, word: object, known: tuple[str, ...]) -> None:
    if word not in known:
        raise SettingsError(f"{option} must be one of {', '.join(map(repr, known))}, got {word!r}")
