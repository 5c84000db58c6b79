"""Find the files of a log, and open them."""

from __future__ import annotations

import glob
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fillrank.data.io.compression import MAX_EXPANSION, unpack
from fillrank.data.io.encoding import marked_encoding
from fillrank.data.io.signatures import HEAD, refuse_binary
from fillrank.errors import DataError, FillrankError
from fillrank.runtime.paths import expanded, refuse_special

__all__ = ["Input", "ending", "find_files", "find_inputs", "naming", "unpacked"]

_PACKED = {".gz", ".zst", ".bz2", ".xz", ".zip"}


@dataclass(frozen=True)
class Input:
    """One file of a log: a path or an open file.

    Attributes:
        name: name of the file, for messages.
        path: None for an open file.
        stream: None for a path.
    """

    name: str
    path: Path | None = None
    stream: Any = None

    @property
    def short(self) -> str:
        """The name without its folder."""
        return self.name if self.path is None else self.path.name

    def open(self) -> IO[bytes]:
        """A stream of the bytes that supports ``seek``; an open file is read from its current position."""
        if self.path is not None:
            return self.path.open("rb")
        try:
            data = self.stream.read()
        except UnicodeDecodeError as error:
            raise DataError(
                f"it is open as a text, and cannot be read: {error}; open it as bytes (mode 'rb')"
            ) from error
        except ValueError as error:  # for example, it is closed or open for writing
            raise DataError(f"it cannot be read: {error}; open it for reading") from error
        if not isinstance(data, str | bytes | bytearray | memoryview):
            raise DataError(f"its read() gives {type(data).__name__}, and neither text nor bytes")
        return io.BytesIO(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)


def find_inputs(source: Any, known_endings: set[str]) -> list[Input]:
    """The files of a log, given by a path (see :func:`find_files`), a list of paths, or an open file.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return [Input(name if isinstance(name, str) else "the open file", stream=source)]
    if isinstance(source, str | os.PathLike):
        return [Input(str(file), file) for file in find_files(source, known_endings)]
    if isinstance(source, list | tuple) and not any(isinstance(part, list | tuple) for part in source):
        if not source:
            raise DataError("path is an empty list; there is nothing to read")
        return [one for part in source for one in find_inputs(part, known_endings)]
    what = f"{type(source).__module__}.{type(source).__name__}".removeprefix("builtins.")
    advice = {
        "bytes": "put bytes into io.BytesIO(…)",
        "dict": "give a dict of columns to Interactions.from_arrays",
        "Interactions": "it is a log already",
    }
    more = advice.get(what.rsplit(".", 1)[-1], "a table in memory goes to Interactions.from_frame")
    raise DataError(f"a path, a list of paths or an open file was wanted, got {what}; {more}")


def find_files(path: str | os.PathLike[str], known_endings: set[str]) -> list[Path]:
    """The files at ``path``: the file itself, the files in a folder, or those that fit a pattern (``"part-*.csv"``).

    From a folder, the files with one of ``known_endings`` are taken, or all files if there are none. Names that begin
    with a dot or an underscore are ignored. Files are sorted by name.

    Raises:
        DataError: no file is found; or it is a pipe, a device, or a file that the system makes up.
    """
    place = expanded(path, "the log")
    refuse_special(place, "the log")
    if place.is_file():
        return [place]
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.name[0] not in "._" and file.is_file())
        if not files:
            raise DataError(f"the folder {place} holds no files to read; give a file, a folder of parts or a pattern")
        return [file for file in files if ending(file) in known_endings] or files
    found = glob.glob(str(place), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    files = sorted(file for file in map(Path, found) if file.is_file())
    if not files:
        raise DataError(f"there is no file {str(path)!r}, and no file fits it as a pattern; check the path")
    return files


def ending(file: Path) -> str:
    """The ending that shows the format: ``".csv"`` for ``log.CSV.gz``."""
    endings = [part.lower() for part in file.suffixes]
    while endings and endings[-1] in _PACKED:
        endings.pop()
    return endings[-1] if endings else ""


def unpacked(file: Path, *, member: str | None = None, max_expansion: float = MAX_EXPANSION) -> bytes:
    """The content of a text file, unpacked if it is compressed (gzip, zip, zstd, bzip2, xz).

    Raises:
        DataError: the file is empty, damaged or not a text, or unpacks to too much: see
            :func:`~fillrank.data.io.compression.unpack`.
    """
    refuse_special(file)
    with naming(str(file)), Path(file).open("rb") as stream:
        data = b"".join(unpack(stream, member=member, max_expansion=max_expansion))
        if not data.strip():
            raise DataError("it is empty; there is nothing to read")
        if marked_encoding(data[:HEAD]) in {"utf-8", "utf-8-sig"}:
            refuse_binary(data[:HEAD])
        return data


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Inside the block, errors name the file, and errors of the system become a ``DataError``."""
    try:
        yield
    except FillrankError as error:
        if str(error).startswith(name):
            raise
        raise type(error)(_joined(name, str(error))) from error
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}; check the path") from error


def _joined(name: str, words: str) -> str:
    """Put the name of a file into a message: "it is empty" becomes "log.csv is empty"; others get "log.csv: …"."""
    return f"{name} {words.removeprefix('it ')}" if words.startswith("it ") else f"{name}: {words}"
