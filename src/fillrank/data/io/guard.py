"""Turn the errors and panics of polars into errors of fillrank. (A panic is not an ``Exception`` in Python.)"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from fillrank.errors import DataError

__all__ = ["no_panic", "torn"]

_PANIC: type[BaseException] = pl.exceptions.PanicException


@contextmanager
def no_panic() -> Iterator[None]:
    """Inside the block, a panic of polars is raised as ``polars.exceptions.ComputeError``.

    A damaged file can make polars panic. A ``MemoryError`` is treated in the same way, because a damaged length in a
    file can ask for more memory than there is.

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
    """Inside the block, errors of polars about the content of a file are raised as ``DataError``."""
    try:
        with no_panic():
            yield
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError, OverflowError) as error:
        if isinstance(error, OSError) and error.errno:  # an error of the system, such as "no permission"
            raise
        words = str(error).strip().split("\n")[0][:300]
        raise DataError(
            f"it is torn, or not in the format that was expected: {words}; get or write it anew, or name its format"
        ) from error
