"""Every error that fillrank raises on purpose.

::

    FillrankError
    ├── DataError            (ValueError)   a log, a table or a matrix is wrong
    │   ├── BadRowsError                    rows that cannot be read; names the first lines and the count
    │   ├── DuplicateError                  the same (user, item) pair twice, where that is not allowed
    │   ├── UnknownIdError   (KeyError)     an id or a title that is not in the data
    │   ├── ScoreError                      a model's score is NaN or infinite; names the user and the item
    │   └── DataNotFoundError               a known data set that is not on this machine; says where to get it
    ├── SettingsError        (ValueError)   a setting, or a combination of settings, that cannot work
    │   └── ArgumentError    (TypeError)    an argument of the wrong type; says which, its value, and what is wanted
    ├── TrainingError        (RuntimeError) training met a loss or a factor that is not finite
    ├── ModelFileError       (RuntimeError) a saved model is damaged, not from fillrank, or from a newer version
    ├── StoreError           (RuntimeError) a store of events cannot be reached, or is from a newer version
    ├── DiskFullError        (OSError)      the disk is full
    ├── ForkedError          (RuntimeError) a forked process lacks the threads that this needs
    ├── ContractError        (AssertionError) a part does not keep its contract; raised by fillrank.testing only
    └── MissingExtraError    (ImportError)  an optional package is missing; names the extra to install

Each message says what was given, what was expected, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from fillrank.terminal import printable

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ArgumentError",
    "BadRowsError",
    "ContractError",
    "DataError",
    "DataNotFoundError",
    "DiskFullError",
    "DuplicateError",
    "FillrankError",
    "ForkedError",
    "MissingExtraError",
    "ModelFileError",
    "ScoreError",
    "SettingsError",
    "StoreError",
    "TrainingError",
    "UnknownIdError",
]


class FillrankError(Exception):
    """The base class of all of fillrank's own errors.

    Its text is safe to show: control characters that it quotes from a file are escaped.

    Attributes:
        argument: the name of the argument that caused the error; ``""`` if no single argument did.
    """

    argument: str = ""

    def about(self, argument: str) -> Self:
        """Set ``argument``, put its name in front of the message if it is not in there yet, and return the error.

        Example:
            >>> error = UnknownIdError("1 of 1 ids are not in the data: 'Heat'").about("exclude")
            >>> error.argument, str(error)
            ('exclude', "exclude: 1 of 1 ids are not in the data: 'Heat'")
        """
        said = str(self.args[0]) if self.args else ""
        if not re.search(rf"\b{re.escape(argument)}\b", said):
            self.args = (f"{argument}: {said}", *self.args[1:])
        self.argument = argument
        return self

    def __str__(self) -> str:
        return printable(super().__str__(), lines=True)


class DataError(FillrankError, ValueError):
    """A log, a table or a matrix is wrong."""


class BadRowsError(DataError):
    """Some rows of a log cannot be read.

    Attributes:
        bad: a frame ``file, line, reason`` of these rows, or None where they were not collected.
        columns: which column was taken for what, such as ``{"user": "userId"}``; empty where that is not known.
    """

    def __init__(self, said: str, *, bad: pl.DataFrame | None = None, columns: Mapping[str, str] | None = None) -> None:
        super().__init__(said)
        self.bad = bad
        self.columns: Mapping[str, str] = dict(columns or {})


class DuplicateError(DataError):
    """The same (user, item) pair is there twice, and ``duplicates`` does not say which one counts."""


class UnknownIdError(DataError, KeyError):
    """An id or a title is not in the data."""

    def __str__(self) -> str:  # KeyError would print the message in quotes
        return printable(self.args[0], lines=True) if self.args else ""


class ScoreError(DataError):
    """A model's score or prediction for a user and an item is NaN or infinite.

    Attributes:
        user, item: the pair; as outside ids if the model has them, else as indices.
    """

    def __init__(self, said: str, user: Any = None, item: Any = None) -> None:
        super().__init__(said)
        self.user, self.item = user, item


class DataNotFoundError(DataError):
    """A known data set is not on this machine."""


class SettingsError(FillrankError, ValueError):
    """A setting, or a combination of settings, cannot work."""


class ArgumentError(SettingsError, TypeError):
    """An argument of a public function has the wrong type.

    Attributes:
        door: the name of the function or class at the beginning of the message; ``""`` if there is none.
    """

    door: str = ""

    def at(self, door: str) -> Self:
        """Set the function that refused the argument, and return the error."""
        self.door = door
        return self


class TrainingError(FillrankError, RuntimeError):
    """Training met a loss, a gradient or a factor that is not finite."""


class ModelFileError(FillrankError, RuntimeError):
    """A saved model is damaged, was not written by fillrank, or was written by a newer version."""


class StoreError(FillrankError, RuntimeError):
    """A store of events cannot be reached, is not whole, or was written by a newer fillrank."""


class DiskFullError(FillrankError, OSError):
    """The disk is full, so a file could not be written."""


class ForkedError(FillrankError, RuntimeError):
    """A forked process was asked for work that needs threads, which only its parent has."""


class ContractError(FillrankError, AssertionError):
    """A part does not keep the contract of its kind; :mod:`fillrank.testing` says which promise is broken."""


class MissingExtraError(FillrankError, ImportError):
    """An optional package is needed and not installed."""
