"""Polars' panics and errors as errors of ours: a panic is no ``Exception``, so that no other handler would see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from fillrank.errors import DataError

__all__ = ["no_panic", "torn"]

_PANIC: type[BaseException] = pl.exceptions.PanicException


@contextmanager
def no_panic() -> Iterator[None]:
    """Within it a panic of polars is raised as ``polars.exceptions.ComputeError``.

    Polars panics where a damaged file leads it to a state that it does not expect. A ``MemoryError`` is taken the same
    way: a damaged length asks for more than there is.

    Example:
        >>> with no_panic():
        ...     raise pl.exceptions.PanicException("index out of bounds")
        Traceback (most recent call last):
        polars.exceptions.ComputeError: the data does not fit together (index out of bounds)
    """
    try:
        yield
    except _PANIC as panic:
        raise pl.exceptions.ComputeError(f"the data does not fit together ({panic})") from panic
    except MemoryError as error:
        raise pl.exceptions.ComputeError("it asks for more memory than there is") from error


@contextmanager
def torn() -> Iterator[None]:
    """Within it whatever polars says of a file's content is raised as a ``DataError``."""
    try:
        with no_panic():
            yield
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno:  # the system's own word: no permission, say
            raise
        words = str(error).strip().split("\n")[0][:300]
        raise DataError(
            f"it is torn, or not in the format that was expected: {words}; get or write it anew, or name its format"
        ) from error
