"""Keep the errors of runs that failed, so that a comparison or a study can continue with the others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fillrank.errors import FillrankError

__all__ = ["Failure", "Failures", "in_words"]

logger = logging.getLogger("fillrank")


@dataclass(frozen=True)
class Failure:
    """A run that failed.

    Attributes:
        entry: the model of a comparison, or the entry of a study.
        seed: of the run.
        where: the data, or the protocol.
        reason: what it said.
    """

    entry: str
    seed: int
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.entry} ({self.where}, seed {self.seed}) failed: {self.reason}"


class Failures:
    """The failures so far, with the errors behind them."""

    def __init__(self) -> None:
        self._found: list[tuple[Failure, Exception]] = []

    @contextmanager
    def kept(self, *runs: tuple[str, int, str]) -> Iterator[None]:
        """Record an error in the block as the failure of ``runs`` (entry, seed and data), and suppress it.

        Errors that are no ``Exception``, such as Ctrl-C, pass.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- hours of the others' work are kept, whatever one of them raised
            for run in runs:
                self.note(Failure(*run, in_words(error)), error)

    def note(self, failure: Failure, error: Exception) -> None:
        """Add a failure, and log it."""
        logger.warning("%s", failure)
        logger.debug("where it failed:", exc_info=error)
        self._found.append((failure, error))

    def or_raise(self, *, some: bool) -> tuple[Failure, ...]:
        """All failures. If no run succeeded (``some`` is False), raise the first error instead."""
        if self._found and not some:
            raise self._found[0][1]
        return tuple(failure for failure, _ in self._found)


def in_words(error: BaseException) -> str:
    """The text of an error, with its type if it is not an error of fillrank.

    Example:
        >>> in_words(MemoryError()), in_words(ZeroDivisionError("division by zero"))
        ('there was not enough memory', 'a fault in fillrank itself: ZeroDivisionError: division by zero')
    """
    if isinstance(error, FillrankError | OSError):
        return str(error)
    text = next(iter(str(error).splitlines()), "")
    if isinstance(error, MemoryError) or "allocate memory" in text or "out of memory" in text:
        return f"there was not enough memory{f' ({text})' if text else ''}"
    return f"a fault in fillrank itself: {type(error).__name__}: {text}"
