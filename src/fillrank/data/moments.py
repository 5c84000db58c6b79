"""One moment, as somebody says it in a call, an option or a file."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from fillrank.errors import SettingsError

__all__ = ["Moment", "seconds_of"]

Moment = float | str | date | np.datetime64
"""A date, a datetime, a text such as ``"2003-02-01"`` or ``"2003-02-01T12:30"``, or seconds since
1970; where a part of a split begins, a number below 1 is a fraction of the rows."""


def seconds_of(name: str, when: Moment) -> float:
    """A moment as seconds since 1970 (UTC).

    Args:
        name: what the moment is, for messages.
        when: a number stays as it is.

    Raises:
        SettingsError: it is none.

    Example:
        >>> seconds_of("now", "1970-01-02")
        86400.0
    """
    if isinstance(when, str):
        try:
            when = datetime.fromisoformat(when)
        except ValueError as error:
            raise SettingsError(f"{name}={when!r} is not a date; write it like '2003-02-01'") from error
    if isinstance(when, np.datetime64):
        if np.isnat(when):
            raise SettingsError(f"{name} is no moment, but NaT; give a date or a fraction")
        return float(when.astype("datetime64[us]").astype(np.int64)) / 1e6
    if not isinstance(when, date):
        return when
    if when != when:  # NaT of pandas
        raise SettingsError(f"{name} is no moment, but NaT; give a date or a fraction")
    moment = when if isinstance(when, datetime) else datetime(when.year, when.month, when.day)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
