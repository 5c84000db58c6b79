"""``DataSource``: the data of a command or a TOML file, and its test part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fillrank.errors import SettingsError
from fillrank.experiments.data.data_source import Place

if TYPE_CHECKING:
    from fillrank.data import Features, Split

__all__ = ["DataSource", "HalfLife", "Now", "Share", "Test", "faded", "read_features"]

Share = Annotated[float, Field(ge=0, lt=1)]
"""A fraction of the rows."""


def _test(given: object) -> object:
    """Convert a fraction to a number and a date to its ISO text; keep a path."""
    if isinstance(given, date):  # TOML has dates
        return given.isoformat()
    if not isinstance(given, str):
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1:
            raise ValueError(_wanted(given))
        return float(given) if given else 0.0
    try:
        number = float(given)
    except ValueError:
        return given
    return number if 0 <= number < 1 else given


Test = Annotated[float | str, BeforeValidator(_test)]
"""A fraction of the rows, the date at which the test begins, or the path of a file with the test rows."""


def _now(given: object) -> object:
    """A date as its ISO text; seconds stay a number."""
    if isinstance(given, date):
        given = given.isoformat()
    if given is None or (isinstance(given, int | float) and not isinstance(given, bool)):
        return given
    if not isinstance(given, str) or not _is_moment(given):
        raise ValueError(f"now must be a date such as 2020-01-31, a moment, or seconds since 1970; got {given!r}")
    return given


Now = Annotated[float | str | None, BeforeValidator(_now)]
"""The moment from which the ages of rows are counted."""


HalfLife = Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
"""Days after which a row counts half."""


class DataSource(BaseModel):
    """One log that will be split, or a train file and a test file.

    In TOML, one of::

        data = "ml-1m"
        test = 0.1

        data = "log.csv"
        test = 2020-01-31

        train = "my-train.csv"
        test = "my-test.csv"

    Attributes:
        data: the name of a data set, or the path of a file (from the folder in which the command runs).
        train: the path of a file with the rows to learn from, in place of ``data``; ``test`` is then a path too.
        test: a fraction of the rows; or, for a split by time, the date (or moment, ``2020-01-31T12:00``, UTC unless it
            says) at which the test begins; or, beside ``train``, a path. Nothing is ever chosen on the test part. Rows
            of a test file whose user or item has no row in train are left out, which is said.
        read: options of :func:`fillrank.read`, for files; the same for both.
        half_life: days after which a row of train or validation counts half; see :func:`fillrank.data.decay`.
        now: the moment from which ages are counted; None: the last one of train and validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str | None = None
    train: str | None = None
    test: Test = 0.1
    read: dict[str, Any] = Field(default_factory=dict)
    half_life: HalfLife = None
    now: Now = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.data is None) == (self.train is None):
            raise ValueError("give data (a name or a file), or else train and test (two files)")
        if self.now is not None and self.half_life is None:
            raise ValueError("now says from when ages are counted, and half_life is not given; leave it out")
        if self.train is not None:
            if not isinstance(self.test, str):
                raise ValueError("train wants test beside it: the path of the file with the test rows")
        elif isinstance(self.test, str) and not _is_moment(self.test):
            raise ValueError(_wanted(self.test))
        return self

    @property
    def place(self) -> Place:
        """What :func:`fillrank.experiments.data.data_source.open_split` takes as its ``data``."""
        return str(self.data) if self.train is None else (self.train, str(self.test))

    @property
    def called(self) -> str:
        """A short name of the data."""
        return str(self.data) if self.train is None else f"{self.train} and {self.test}"


def faded(split: Split, half_life: float | None, now: float | str | None) -> Split:
    """The split with weights that fade, where a half-life is given; see :func:`fillrank.data.decay`."""
    from fillrank.data import decay

    return split if half_life is None else decay(split, half_life=half_life, now=now)


def read_features(given: str | Mapping[str, Any]) -> Features:
    """Features from a file: its path, or a table with ``file`` and options of reading.

    Raises:
        SettingsError: a table names no file.
        DataError: the file cannot be read, or its rows are no features.
    """
    from fillrank.data import Features

    options: dict[str, Any] = {"file": given} if isinstance(given, str) else {**given}
    if not isinstance(file := options.pop("file", None), str):
        raise SettingsError(f'features want a file: {{file = "items.csv", separator = "|"}}; got {given!r}')
    return Features.read(file, **options)


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _wanted(given: object) -> str:
    return (
        f"test must be a fraction from 0 up to 1, a date such as 2020-01-31 (for a split by time) or, beside train, "
        f"the path of a file; got {given!r}"
    )
