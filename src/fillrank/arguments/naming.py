"""Attach the name of an argument to errors that are raised further inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fillrank.errors import FillrankError

__all__ = ["naming"]


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Name ``argument`` in every error of fillrank that is raised inside the block.

    The code that looks up an id or opens a file does not know which argument of the caller it works for.

    Example:
        >>> from fillrank.data import IdMap
        >>> with naming("exclude"):
        ...     IdMap(["Heat", "Alien"]).encode(["Brazil"])
        Traceback (most recent call last):
        fillrank.errors.UnknownIdError: exclude: 1 of 1 ids are not in the data: 'Brazil'; known ids look like 'Alien'
    """
    try:
        yield
    except FillrankError as error:
        raise error.about(argument) from error.__cause__
