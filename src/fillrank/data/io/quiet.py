"""Keep the text of polars' panics off standard error, because the error that follows says the same in plain words."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_panic_text"]

_PANIC = b" panicked at "
_BEGINNING = b"\nthread '"


@contextmanager
def without_panic_text() -> Iterator[None]:
    """Inside the block, the text of a panic on standard error is dropped; other text is written after the block.

    Polars writes the text of a panic directly to file descriptor 2, past Python's ``sys.stderr``, and then raises an
    exception. So the descriptor is redirected to an unnamed file while polars reads. This is safe only if no other
    thread can write or start a process meanwhile, so it is done only if Python has a single thread. A crash still shows
    where it was. If ``RUST_BACKTRACE`` is set, nothing is dropped.
    """
    if threading.active_count() > 1 or "RUST_BACKTRACE" in os.environ:
        yield
        return
    try:
        real = os.dup(2)
    except OSError:  # a program without a terminal may have closed it
        yield
        return
    mute = not faulthandler.is_enabled()
    with os.fdopen(real, "wb", buffering=0) as stderr, tempfile.TemporaryFile() as kept:
        if sys.stderr is not None:
            sys.stderr.flush()
        if mute:
            faulthandler.enable(stderr)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr.fileno(), 2)
            if mute:
                faulthandler.disable()
            kept.seek(0)
            stderr.write(_without_panics(kept.read()))


def _without_panics(written: bytes) -> bytes:
    """The text before the first panic. What follows it comes from the threads that failed with it.

    Example:
        >>> _without_panics(b"a note\\n\\nthread 'x' (7) panicked at y.rs:1:\\nno\\n")
        b'a note\\n'
    """
    place = written.find(_PANIC)
    if place < 0:
        return written
    return written[: max(written.rfind(_BEGINNING, 0, place), 0)]
