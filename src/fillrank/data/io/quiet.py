"""The text of polars' panics, kept off standard error: the error that follows says the same in words."""

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
    """Within it what a panic of polars writes to file descriptor 2 is dropped; all else that is written comes after it.

    A panic becomes an exception, and before that its frames are written by polars itself, past Python's ``sys.stderr``.
    So the descriptor is turned to a file that has no name while polars reads. That is safe where nobody else can write
    or begin a process meanwhile: it is done only where Python has a single thread. A crash still says where it was.
    ``RUST_BACKTRACE`` in the environment asks for the frames, and leaves them.
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
    """What was written up to the first panic: whatever follows is of the threads that went down with it.

    Example:
        >>> _without_panics(b"a note\\n\\nthread 'x' (7) panicked at y.rs:1:\\nno\\n")
        b'a note\\n'
    """
    place = written.find(_PANIC)
    if place < 0:
        return written
    return written[: max(written.rfind(_BEGINNING, 0, place), 0)]
