"""Read MatrixMarket files: a sparse matrix of users by items as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from fillrank.data.io.delimited import delimited_part
from fillrank.data.io.formats import Chunk, Part
from fillrank.errors import DataError

__all__ = ["matrix_market_part"]

_WANTED = "no entry of the matrix: a row, a column, and its value"


def matrix_market_part(chunks: Iterator[bytes]) -> Part:
    """Read a matrix in coordinate form. The ids are the numbers of its rows and columns, from 1.

    Raises:
        DataError: it is no matrix of numbers in coordinates, or a symmetric one.

    Example:
        >>> part = matrix_market_part(iter([b"%%MatrixMarket matrix coordinate real general\\n2 3 1\\n2 3 4.5\\n"]))
        >>> [chunk.frame.rows() for chunk in part.read({"user": 0, "item": 1, "value": 2})]
        [[('2', '3', '4.5')]]
    """
    text = next(chunks)
    banner, *_ = text.split(b"\n", 1)
    words = banner.decode(errors="replace").casefold().split()
    if len(words) != 5 or words[0] != "%%matrixmarket":
        raise DataError("it does not begin with a MatrixMarket banner: %%MatrixMarket matrix coordinate real general")
    _, kind, form, field, symmetry = words
    if kind != "matrix" or form != "coordinate" or field not in {"real", "integer", "pattern"} or symmetry != "general":
        raise DataError(
            f"it is a MatrixMarket file of kind {' '.join(words[1:])!r}; a log is 'matrix coordinate real general' (or "
            "integer, or pattern): read others with scipy.io.mmread and give the matrix to Interactions.from_csr"
        )
    start = 0
    while (end := text.find(b"\n", start)) >= 0:
        line = text[start:end].strip()
        if line and not line.startswith(b"%"):
            break
        start = end + 1
    sizes = text[start : end if end >= 0 else None].split()
    if len(sizes) != 3 or not all(size.isdigit() for size in sizes):
        raise DataError("its first line below the comments is not three whole numbers: rows, columns, entries")
    above = text[: end + 1] if end >= 0 else text
    rest = text[len(above) :]
    if not rest.strip():
        raise DataError("it holds no entries; there is nothing to read")
    names = ["user", "item"] if field == "pattern" else ["user", "item", "value"]
    blank_lines = b"\n" * above.count(b"\n")  # so that line numbers count from the top of the file
    part = delimited_part(
        chain([blank_lines + rest], chunks), "ml-100k", separator=" ", header=False, is_name=lambda _: False
    )
    if len(part.header) != len(names):
        raise DataError(f"its entries have {len(part.header)} numbers where {len(names)} were wanted")
    part.header = names
    part.notes.append(f"a matrix of {int(sizes[0]):,} × {int(sizes[1]):,}; its rows are users and its columns items")
    return replace(part, read=_checked(part.read, *(int(size) for size in sizes)), broken_as=_WANTED)


def _checked(read: Callable[[Mapping[str, int]], Iterator[Chunk]], m: int, n: int, n_entries: int) -> Any:
    """Set entries outside of the matrix aside, and raise an error at the end if entries are missing."""

    def checked(chosen: Mapping[str, int]) -> Iterator[Chunk]:
        found = 0
        for frame, lines, broken in read(chosen):
            found += len(lines) + len(broken)
            fits = [
                frame[role].cast(pl.Int64, strict=False).is_between(1, most)
                for role, most in (("user", m), ("item", n))
            ]
            good = (fits[0] & fits[1]).fill_null(False)
            wrong = lines[~good.to_numpy()]
            yield Chunk(frame.filter(good), lines[good.to_numpy()], np.sort(np.concatenate([broken, wrong])))
        if found != n_entries:
            raise DataError(f"it says that it holds {n_entries:,} entries and holds {found:,}; get or write it anew")

    return checked
