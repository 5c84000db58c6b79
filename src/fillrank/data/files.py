"""Finding the files of a log, and unpacking them."""

from __future__ import annotations

import bz2
import glob
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl

from fillrank.errors import DataError
from fillrank.paths import expanded, refuse_special

__all__ = ["ending", "find_files", "unpacked"]

_PACKED = {".gz", ".zst", ".bz2", ".xz"}


def find_files(path: str | Path, known_endings: set[str]) -> list[Path]:
    """The files at ``path``: itself, the parts in a folder, or what fits a pattern such as ``"logs/part-*.csv"``.

    Of a folder come the files whose names end in one of ``known_endings``, or if there are none all files; names that
    begin with a dot or an underscore are passed over. Parts are taken in the order of their names.

    Raises:
        DataError: there is no such file, or no part.
    """
    place = expanded(path, "the log")
    refuse_special(place, "the log")
    if place.is_file():
        return [place]
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.is_file() and file.name[0] not in "._")
        if not files:
            raise DataError(f"the folder {place} holds no files to read; give a file, a folder of parts or a pattern")
        return [file for file in files if ending(file) in known_endings] or files
    found = glob.glob(str(place), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    files = sorted(file for file in map(Path, found) if file.is_file())
    if not files:
        raise DataError(f"there is no file {str(path)!r}, and no file fits it as a pattern; check the path")
    return files


def ending(file: Path) -> str:
    """The ending that tells the format: ``".csv"`` of ``log.CSV.gz``."""
    endings = [part.lower() for part in file.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return endings[-1] if endings else ""


def unpacked(file: Path) -> bytes:
    """What a file holds, decompressed if its first bytes say that it is compressed (gzip, zstd, bzip2, xz).

    Raises:
        DataError: the file is empty, torn, or a zip archive.
    """
    refuse_special(file)
    try:
        data = file.read_bytes()
        unpack = next((how for magic, how in _UNPACK.items() if data.startswith(magic)), bytes)
        data = unpack(data)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pl.exceptions.ComputeError) as error:
        raise DataError(f"{file} cannot be read: {error}; if it is torn, get or write it anew") from error
    if data.startswith(b"PK\x03\x04"):
        raise DataError(f"{file} is a zip archive; unpack it first")
    if not data.strip():
        raise DataError(f"{file} is empty; there is nothing to read")
    return data


def _unpack_zstd(data: bytes) -> bytes:
    """Text by way of polars, which unpacks what it reads: the standard library has no zstd before Python 3.14."""
    lines = pl.read_csv(
        data, has_header=False, separator="\x1e", quote_char=None, schema={"line": pl.String}, raise_if_empty=False
    )
    return "\n".join(lines["line"].fill_null("")).encode()


_UNPACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
    b"\x28\xb5\x2f\xfd": _unpack_zstd,
}
