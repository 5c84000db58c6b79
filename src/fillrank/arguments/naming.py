"""Errors from further inside, said of the argument that led there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fillrank.errors import FillrankError

__all__ = ["naming"]


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Whatever goes wrong inside the block is about ``argument``: the error says so, and knows it.

    What turns ids into indices, or looks a file up, does not know which argument of the caller it works for.

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
