"""Cut a text into chunks that end where a record ends, so that the whole text is never in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fillrank.errors import DataError

__all__ = ["CHUNK", "LONGEST_LINE", "chunks_of"]

CHUNK = 1 << 24  # bytes
LONGEST_LINE = 1 << 26
_CALM = 8  # consecutive lines with closed quotes; then no record runs over them
_TAIL = 1 << 18


def chunks_of(blocks: Iterable[bytes], *, quotes: bool, size: int | None = None) -> Iterator[bytes]:
    r"""Chunks of about ``size`` bytes, whose lines end in newlines.

    Args:
        blocks: a text in UTF-8. Line ends ``\r`` become newlines.
        quotes: whether a record in quotes can contain newlines. Then a chunk ends where no such record is near.
        size: of a chunk in bytes; None: ``CHUNK``.

    Raises:
        DataError: a line is too long for a log.

    Example:
        >>> list(chunks_of([b"1,2\n3,", b"4\n5,6"], quotes=False, size=4))
        [b'1,2\n', b'3,4\n', b'5,6']
    """
    size = size or CHUNK
    held: list[bytes] = []
    n_held, old_mac, wait = 0, None, size
    for block in blocks:
        if old_mac is None and (b"\n" in block or b"\r" in block):
            old_mac = b"\n" not in block and b"\r" in block[:-1]
        held.append(block.replace(b"\r", b"\n") if old_mac else block)
        n_held += len(block)
        if n_held < wait:
            continue
        text = b"".join(held)
        end = _end_of_record(text, quotes=quotes)
        if end:
            yield text[:end]
            text = text[end:]
        elif len(text) > LONGEST_LINE:
            raise DataError(f"a line is longer than {LONGEST_LINE >> 20} MB; it is no log of one interaction a line")
        held, n_held = [text], len(text)
        wait = max(size, min(2 * n_held, LONGEST_LINE + 1))
    rest = b"".join(held)
    if rest:
        yield rest


def _end_of_record(text: bytes, *, quotes: bool) -> int:
    """Where to cut: after the last newline, or (with quotes) after one with closed quotes in the lines around it."""
    if not quotes or b'"' not in text:
        return text.rfind(b"\n") + 1
    tail = text[-_TAIL:]
    lines = tail.split(b"\n")[:-1]  # the text after the last newline is not a whole line
    is_odd = [line.count(b'"') % 2 for line in lines]
    run = 0
    for last in range(len(lines) - 1, 0, -1):
        run = 0 if is_odd[last] else run + 1
        if run == 2 * _CALM:
            kept = lines[: last + _CALM]
            return len(text) - len(tail) + sum(map(len, kept)) + len(kept)
    return 0 if len(text) < LONGEST_LINE // 2 else text.rfind(b"\n") + 1
