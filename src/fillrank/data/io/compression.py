"""Unpack compressed files block by block, with a limit on the unpacked size."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

import polars as pl

from fillrank.data.io.archive import open_member
from fillrank.data.io.guard import no_panic
from fillrank.errors import DataError

__all__ = ["BLOCK", "FREE_EXPANSION", "MAX_EXPANSION", "Unpacked", "unpack"]

BLOCK = 1 << 22  # bytes read at once
FREE_EXPANSION = 1 << 27  # bytes; any file may unpack to this size
MAX_EXPANSION = 100.0  # a larger result may be at most this many times the size of the file
_LZMA_MEMORY = 1 << 29  # bytes for its window; the highest preset takes 65 MB
_TORN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


class Unpacked:
    """The blocks of bytes of a file, unpacked if it is compressed.

    Attributes:
        kind: ``"gzip"``, ``"zip"`` …, or ``""`` if the file is not compressed.
        member: the name of the file in a zip archive, or ``""``.
        size: bytes of the compressed file.
    """

    def __init__(self, kind: str, member: str, size: int, blocks: Iterator[bytes]) -> None:
        self.kind, self.member, self.size = kind, member, size
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks


def unpack(stream: IO[bytes], *, member: str | None = None, max_expansion: float = MAX_EXPANSION) -> Unpacked:
    """Read the blocks of a file, and unpack them if its first bytes show that it is compressed.

    Gzip, zip, zstd, bzip2 and xz are known.

    Args:
        stream: the file; it must support ``seek``.
        member: the file to read in a zip archive.
        max_expansion: the largest unpacked size, as a multiple of the file's size. ``FREE_EXPANSION`` bytes are always
            allowed.

    Raises:
        DataError: the file is damaged (this may be noticed only while blocks are read), unpacks to too much, or is a
            zip archive that :func:`~fillrank.data.io.archive.open_member` refuses.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    magic = stream.read(6)
    stream.seek(0)
    name, limit = "", _limit(size, max_expansion)
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        inner, name, packed = open_member(stream, member)
        return Unpacked("zip", name, size, _limited(inner, _limit(packed, max_expansion), max_expansion))
    if member is not None:
        raise DataError(f"it is no zip archive, so that member={member!r} has no meaning; leave it out")
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return Unpacked("zstd", "", size, _zstd(stream, limit, max_expansion))
    for start, (kind, opened) in _OPENERS.items():
        if magic.startswith(start):
            return Unpacked(kind, "", size, _limited(opened(stream), limit, max_expansion))
    return Unpacked("", "", size, iter(lambda: stream.read(BLOCK), b""))


def _limit(size: int, max_expansion: float) -> float:
    return max(FREE_EXPANSION, size * max_expansion)


def _limited(stream: IO[bytes], limit: float, max_expansion: float) -> Iterator[bytes]:
    total = 0
    while True:
        try:
            block = stream.read(BLOCK)
        except _TORN as error:
            raise DataError(f"it cannot be read: {error}; if it is torn, get or write it anew") from error
        if not block:
            return
        total += len(block)
        if total > limit:
            raise _too_much(max_expansion)
        yield block


def _too_much(max_expansion: float) -> DataError:
    return DataError(
        f"it unpacks to more than {max_expansion:g} times its size; if it is meant to, raise the limit: max_expansion=…"
    )


class _LzmaBlocks:
    """Like ``lzma.open``, with a limit on the memory that the header of a file can ask for."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._unpacker = stream, lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)

    def read(self, size: int) -> bytes:
        while True:
            if self._unpacker.eof:
                rest = self._unpacker.unused_data.lstrip(b"\x00") or self._stream.read(BLOCK).lstrip(b"\x00")
                if not rest:
                    return b""
                self._unpacker = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
            elif self._unpacker.needs_input:
                rest = self._stream.read(BLOCK)
                if not rest:
                    raise EOFError("it ends before its end is marked")
            else:
                rest = b""
            block = self._unpacker.decompress(rest, max_length=size)
            if block:
                return block


_OPENERS: dict[bytes, tuple[str, Callable[[Any], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", _LzmaBlocks),
}


def _zstd(stream: IO[bytes], limit: float, max_expansion: float) -> Iterator[bytes]:
    """Unpack zstd by polars, because the standard library has no zstd before Python 3.14."""
    data = stream.read()
    if _zstd_bound(data) > limit:
        raise _too_much(max_expansion)
    try:
        with no_panic():
            lines = pl.read_csv(
                data,
                has_header=False,
                separator="\x1e",
                quote_char=None,
                schema={"line": pl.String},
                raise_if_empty=False,
            )
    except pl.exceptions.PolarsError as error:
        raise DataError(f"it cannot be read: {error}; if it is torn, get or write it anew") from error
    del data
    step = 1 << 16
    for first in range(0, len(lines), step):
        yield ("\n".join(lines["line"][first : first + step].fill_null("")) + "\n").encode()


def _zstd_bound(data: bytes) -> int:
    """The largest size that zstd data can unpack to, from the headers of its blocks (128 KB at most each).

    Damaged data is not checked here; unpacking it raises the error.
    """
    most, place = 0, 0
    while place + 6 <= len(data):
        if data[place + 1 : place + 4] == b"\x2a\x4d\x18" and data[place] & 0xF0 == 0x50:  # a frame to skip
            place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")
            continue
        descriptor = data[place + 4]
        single, checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
        place += 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + (single, 2, 4, 8)[descriptor >> 6]
        last = False
        while not last and place + 3 <= len(data):
            header = int.from_bytes(data[place : place + 3], "little")
            last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
            most += size if kind < 2 else 1 << 17
            place += 3 + (1 if kind == 1 else size)
        place += 4 * checksum
    return most
