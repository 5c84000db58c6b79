"""Write columns as NumPy files piece by piece, and map such files into memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["BLOCK", "ColumnWriter", "blocks", "counted", "mapped", "starts_of"]

BLOCK = 1 << 20
"""Rows that are gone through at once."""


class ColumnWriter:
    """An ``.npy`` file that grows.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     writer = ColumnWriter(pathlib.Path(folder, "users.npy"), np.dtype(np.int32))
        ...     for piece in ([1, 2], [3]):
        ...         writer.add(np.array(piece))
        ...     writer.close()
        ...     mapped(writer.file).tolist()
        [1, 2, 3]
    """

    def __init__(self, file: Path, dtype: np.dtype[Any]) -> None:
        self.file, self._dtype, self._n = file, dtype, 0
        self._stream: BinaryIO = file.open("w+b")
        self._head = self._write_head()

    def add(self, piece: NDArray[Any]) -> None:
        """Add values at the end."""
        self._stream.write(np.ascontiguousarray(piece, dtype=self._dtype).data)
        self._n += len(piece)

    def close(self) -> None:
        """Say in the head how many values there are, and close the file."""
        self._stream.seek(0)
        if self._write_head() != self._head:  # NumPy leaves room for any length there
            raise ValueError(f"the head of {self.file} has grown")
        self._stream.close()

    def _write_head(self) -> int:
        shape = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": (self._n,)}
        npy.write_array_header_1_0(self._stream, shape)
        return self._stream.tell()


def mapped(file: Path) -> NDArray[Any]:
    """The column in a file, mapped into memory and read-only.

    The pages are private to the process (``mode="c"``), so that PyTorch can use them without a copy.
    """
    if not _length(file):  # nothing can be mapped
        empty: NDArray[Any] = np.load(file)
        empty.setflags(write=False)
        return empty
    column: NDArray[Any] = np.asarray(np.load(file, mmap_mode="c"))
    column.setflags(write=False)
    return column


def _length(file: Path) -> int:
    with file.open("rb") as stream:
        npy.read_magic(stream)
        (n,), _, _ = npy.read_array_header_1_0(stream)
    return int(n)


def blocks(n: int) -> Iterator[slice]:
    """Slices that cover ``n`` rows."""
    for first in range(0, n, BLOCK):
        yield slice(first, min(first + BLOCK, n))


def counted(column: NDArray[Any], n: int) -> NDArray[np.int64]:
    """How often each of 0 … ``n - 1`` is in a column: int64 ``[n]``."""
    counts = np.zeros(n, dtype=np.int64)
    for block in blocks(len(column)):
        counts += np.bincount(column[block], minlength=n)
    return counts


def starts_of(column: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Where the rows of each of 0 … ``n - 1`` begin in a sorted column: int64 ``[n + 1]``."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counted(column, n))])
