"""Read JSON: one object on each line, or one array of objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.io.chunks import CHUNK, chunks_of
from fillrank.data.io.guard import no_panic
from fillrank.data.io.layout import MAX_COLUMNS
from fillrank.data.io.spans import Spans
from fillrank.errors import DataError

__all__ = ["JsonLines", "read_json_array"]

_DEEPEST = 64  # levels of nested objects; deeper ones are no log, and could overflow the parser's stack
_OPENING, _CLOSING = np.frombuffer(b"{[", dtype=np.uint8), np.frombuffer(b"}]", dtype=np.uint8)
_COLON, _NEWLINE = b":"[0], b"\n"[0]
_HALF = re.compile("[\ud800-\udfff]")
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:')
_TOO_MANY = (
    f"keys, and {MAX_COLUMNS:,} are the most that are read; a log has the same few keys in each object, and one object "
    "for each interaction"
)
_WANTED = 'wanted one such as {"user": 1, …} a line'


class JsonLines:
    """A text with one object on each line; blank lines are ignored.

    Attributes:
        header: the keys; a key of a nested object is ``"outer.inner"``.

    Raises:
        DataError: no line is an object, or there are too many keys.

    Example:
        >>> lines = JsonLines(b'{"user": 1, "item": "a"}\\n\\n{"user": \\n{"item": "b", "user": 2}\\n')
        >>> [(frame.rows(), at.tolist(), broken.tolist()) for frame, at, broken in lines.chunks([0, 1])]
        [([(1, 'a'), (2, 'b')], [1, 4], [3])]
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        _refuse_maps(text)
        self._is_odd = _is_odd(text)
        schema = None if self._is_odd else _schema(text)
        if schema is None:
            schema = _schema_of_good_lines(text)
        self._schema = schema
        self._keys = _paths(schema)
        if len(self._keys) > MAX_COLUMNS:
            raise DataError(f"its lines have {len(self._keys):,} {_TOO_MANY}")
        self.header = [".".join(path) for path in self._keys]

    def is_number(self, place: int) -> bool:
        """Whether the values of a key are numbers."""
        dtype: Any = self._schema[self._keys[place][0]]
        for key in self._keys[place][1:]:
            dtype = next(field.dtype for field in dtype.fields if field.name == key)
        return bool(dtype.is_numeric())

    def chunks(self, places: Sequence[int]) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64]]]:
        """Frames with the columns at ``places`` in the header, the line of each row, and lines without an object."""
        above = 0
        for chunk in chunks_of([self._text], quotes=False):
            spans = Spans.find(chunk, "\x1f", quotes=False)
            good = np.ones(len(spans.lines), dtype=bool)
            # objects that are nested too deeply would overflow the stack of polars, which would end the process
            frame = None if self._is_odd else self._parsed(chunk, len(good), places)
            if frame is None:
                good = np.array([_is_object(spans.text(i)) for i in range(len(good))], dtype=bool)
                frame = self._parsed(spans.join(good), int(good.sum()), places)
            if frame is None:
                frame = self._by_python([spans.text(int(i)) for i in np.flatnonzero(good)], places)
            yield frame, spans.lines[good] + above, spans.lines[~good] + above
            above += chunk.count(b"\n")

    def _parsed(self, text: bytes, n_lines: int, places: Sequence[int]) -> pl.DataFrame | None:
        """Parse the lines by polars; None if polars cannot read each line as an object."""
        try:
            with no_panic():
                frame = pl.read_ndjson(text, schema=self._schema) if n_lines else pl.DataFrame(schema=self._schema)
        except pl.exceptions.PolarsError:
            return None
        return frame.select(self._columns(places)) if len(frame) == n_lines else None

    def _by_python(self, lines: list[str], places: Sequence[int]) -> pl.DataFrame:
        """Parse lines that polars cannot read: lone surrogates, numbers beyond 64 bits, changing types."""
        frame = _frame_of([json.loads(line, parse_constant=_refuse) for line in lines])
        names = {str(place): self.header[place] for place in places}
        nothing = pl.Series([None] * len(lines), dtype=pl.Null)
        return pl.DataFrame({key: frame[name] if name in frame.columns else nothing for key, name in names.items()})

    def _columns(self, places: Sequence[int]) -> list[pl.Expr]:
        exprs = []
        for place in places:
            outer, *inner = self._keys[place]
            expr = pl.col(outer)
            for key in inner:
                expr = expr.struct.field(key)
            exprs.append(expr.alias(str(place)))
        return exprs


def read_json_array(text: bytes) -> pl.DataFrame:
    """Read one JSON array of objects as rows.

    The array may also be the only value in an object around it. An object of columns, each an array, is read too.

    Raises:
        DataError: the text is damaged or nested too deeply, or the array does not contain objects.

    Example:
        >>> read_json_array(b'[{"user": 1, "item": "a"}, {"user": 2, "item": "b"}]').rows()
        [(1, 'a'), (2, 'b')]
    """
    try:
        rows = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(f"it is no JSON, or torn: {error}") from error
    if isinstance(rows, dict) and rows and all(isinstance(one, list) for one in rows.values()):
        lengths = {len(one) for one in rows.values()}
        if len(lengths) == 1 and not any(isinstance(cell, dict) for one in rows.values() for cell in one):  # by columns
            rows = [dict(zip(rows, cells, strict=True)) for cells in zip(*rows.values(), strict=True)]
    if isinstance(rows, dict):
        arrays = [
            key for key, inner in rows.items() if isinstance(inner, list) and inner and isinstance(inner[0], dict)
        ]
        rows = rows[arrays[0]] if len(arrays) == 1 else [rows]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError('its JSON is no array of objects; wanted one such as [{"user": 1, …}, …]')
    return _frame_of(rows)


def _refuse_maps(text: bytes) -> None:
    """Refuse objects with thousands of keys (such as maps by id) early, because polars would take minutes for them."""
    keys: set[bytes] = set()
    for found in _KEY.finditer(text, 0, CHUNK):
        keys.add(found[1])
        if len(keys) > MAX_COLUMNS:
            break
    else:
        return
    paths: set[str] = set()
    for line in text[:CHUNK].decode(errors="replace").split("\n"):
        if _is_object(line):
            paths |= _flat(json.loads(line)).keys()
        if len(paths) > MAX_COLUMNS:
            raise DataError(f"its lines have more than {MAX_COLUMNS:,} {_TOO_MANY}")


def _schema(text: bytes) -> Mapping[str, Any] | None:
    """The keys and types of all lines; None if a line is not an object that polars can read."""
    try:
        with no_panic():
            return pl.scan_ndjson(text, infer_schema_length=None).collect_schema()
    except pl.exceptions.PolarsError:
        return None


def _schema_of_good_lines(text: bytes) -> Mapping[str, Any]:
    """The keys and types of the lines that are objects; each line is parsed by itself, which is slow."""
    spans = Spans.find(text, "\x1f", quotes=False)
    good = np.array([_is_object(spans.text(i)) for i in range(len(spans.lines))], dtype=bool)
    if not good.any():
        raise DataError(f"none of its {len(good)} lines is a JSON object; {_WANTED}")
    whole = spans.join(good)
    schema = None if _is_odd(whole) else _schema(whole)
    if schema is None:
        schema = _frame_of(
            [json.loads(spans.text(int(i)), parse_constant=_refuse) for i in np.flatnonzero(good)]
        ).schema
    return schema


def _paths(schema: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """All keys, each with the keys of the objects around it."""
    paths: list[tuple[str, ...]] = []
    for name, dtype in schema.items():
        if isinstance(dtype, pl.Struct):
            paths += [(name, *path) for path in _paths({field.name: field.dtype for field in dtype.fields})]
        else:
            paths.append((name,))
    return paths


def _frame_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make a frame from rows as dicts; a column with several types becomes strings."""
    rows = [_flat(row) for row in rows]
    keys = dict.fromkeys(key for row in rows for key in row)
    if len(keys) > MAX_COLUMNS:
        raise DataError(f"its objects have {len(keys):,} {_TOO_MANY}")
    return pl.DataFrame([_column(key, [row.get(key) for row in rows]) for key in keys])


def _flat(row: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """Flatten nested objects: their cells get keys ``"outer.inner"``."""
    if depth > _DEEPEST or not any(isinstance(cell, dict) for cell in row.values()):
        return row
    cells: dict[str, Any] = {}
    for key, cell in row.items():
        if isinstance(cell, dict):
            cells |= {f"{key}.{inner}": one for inner, one in _flat(cell, depth + 1).items()}
        else:
            cells[key] = cell
    return cells


def _column(key: str, cells: list[Any]) -> pl.Series:
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float} and all(not isinstance(cell, int) or abs(cell) < 2**63 for cell in cells):
        mixed = kinds == {int, float}
        return pl.Series(key, [None if c is None else float(c) if mixed else c for c in cells])
    if kinds <= {bool}:
        return pl.Series(key, cells, dtype=pl.Boolean)
    if list in kinds:  # keep lists: they are an error if this column is used
        return pl.Series(key, [[_said(cell)] for cell in cells], dtype=pl.List(pl.String))
    return pl.Series(key, [None if cell is None else _said(cell) for cell in cells], dtype=pl.String)


def _said(cell: Any) -> str:
    said = cell if isinstance(cell, str) else json.dumps(cell)
    return _HALF.sub("\0", said)  # a lone surrogate is not text; polars replaces it in the same way


def _is_odd(text: bytes) -> bool:
    """Whether a line may be nested too deeply, or have too many keys, for polars.

    Brackets and colons inside strings are counted too. That is harmless: the text is then only read in a slower way.
    """
    for chunk in chunks_of([text], quotes=False, size=1 << 22):
        buffer = np.frombuffer(chunk, dtype=np.uint8)
        starts = np.concatenate([[0], np.flatnonzero(buffer[:-1] == _NEWLINE) + 1])
        steps = (np.isin(buffer, _OPENING)).astype(np.int8) - np.isin(buffer, _CLOSING)
        walk = np.cumsum(steps, dtype=np.int32)
        before = walk[starts] - steps[starts]
        if int((np.maximum.reduceat(walk, starts) - before).max()) > _DEEPEST:
            return True
        if int(np.add.reduceat(buffer == _COLON, starts, dtype=np.int64).max()) > MAX_COLUMNS:
            return True
    return False


def _is_object(line: str) -> bool:
    try:
        found = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not _is_deeper(found, _DEEPEST)


def _is_deeper(cell: Any, depth: int) -> bool:
    """Whether arrays and objects are nested more than ``depth`` levels deep."""
    if not isinstance(cell, dict | list):
        return False
    return depth == 0 or any(_is_deeper(one, depth - 1) for one in (cell.values() if isinstance(cell, dict) else cell))


def _refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON, although Python's parser accepts them."""
    raise ValueError(constant)
