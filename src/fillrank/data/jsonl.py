"""JSON lines: one object on each line."""

from __future__ import annotations

import json
from typing import NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.spans import Spans
from fillrank.errors import DataError

__all__ = ["read_jsonl"]


def read_jsonl(text: bytes) -> tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64]]:
    """The objects of a text, one on each line; blank lines are passed over.

    Returns:
        A frame with one column for each key, the line of each of its rows (from 1), and the lines that are no objects.

    Raises:
        DataError: no line is an object.

    Example:
        >>> frame, lines, broken = read_jsonl(b'{"user": 1, "item": "a"}\\n\\n{"user": \\n{"item": "b", "user": 2}\\n')
        >>> frame.rows(), lines.tolist(), broken.tolist()
        ([(1, 'a'), (2, 'b')], [1, 4], [3])
    """
    spans = Spans.find(text, "\x1f", quotes=False)
    try:
        frame = _parse(text)
    except pl.exceptions.ComputeError:
        frame = pl.DataFrame()
    good = np.ones(len(spans.lines), dtype=bool)
    if len(frame) != len(good):  # some line is no object: look at each of them, the slow way
        good = np.array([_is_object(spans.text(i)) for i in range(len(good))], dtype=bool)
        if not good.any():
            raise DataError(
                f'none of its {len(good)} lines is a JSON object; wanted one such as {{"user": 1, …}} a line'
            )
        frame = _parse(spans.join(good))
    return frame, spans.lines[good], spans.lines[~good]


def _parse(text: bytes) -> pl.DataFrame:
    return pl.read_ndjson(text, infer_schema_length=None)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line, parse_constant=_refuse), dict)
    except ValueError:
        return False


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity are no JSON, though Python's reader takes them."""
    raise ValueError(constant)
