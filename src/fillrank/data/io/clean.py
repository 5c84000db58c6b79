"""Check the cells of a chunk of rows; rows that cannot be read are set aside, each with a reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.io.coding import Coder, RawIds
from fillrank.data.io.encoding import DAMAGED, damaged_byte
from fillrank.data.io.events import event_weights, without_weight
from fillrank.data.io.missing import missing_mask
from fillrank.data.times import Moments, parse_times
from fillrank.errors import DataError

__all__ = ["Clean", "Rules", "clean_rows", "reasons_of"]

_LARGEST = 3.4028234e38  # of a 32-bit floating-point number
_WANTED = {
    "user": "an id",
    "item": "an id",
    "value": "a finite number",
    "time": "a time",
    "label": "a text",
    "weight": "a finite number of 0 or more",
}
_NUMBERS = {"value", "weight"}
_SLASHED = r"^\s*\d{1,2}[/.-]\d{1,2}[/.-]\d{4}(?:\D.*)?$"
_COMMA = r"^\s*[-+]?\d+,\d+\s*$"
_GROUPS = r"^\s*[-+]?\d{1,3}(?:[., '’_]\d{3})+(?:[.,]\d+)?\s*$"


@dataclass(frozen=True)
class Rules:
    """How cells are read.

    Attributes:
        words: words that mean a missing id or value, in lower case.
        from_text: whether the strings come from a text file. Then blanks around ids are removed, and ids become whole
            numbers if all of them are whole numbers in their usual form.
        day_first: how dates such as ``01/02/2020`` are read; None: they are errors.
        decimal, thousands: marks in values; see :class:`~fillrank.data.io.options.ReadOptions`.
        damaged: whether the text contained bytes that are not UTF-8.
        events: the weight of each type of event; None: the log has no types of events.
    """

    words: frozenset[str] = frozenset({""})
    from_text: bool = False
    day_first: bool | None = None
    decimal: str = "."
    thousands: str | None = None
    damaged: bool = False
    events: Mapping[str, float] | None = None


class Clean(NamedTuple):
    """The good rows of a chunk.

    Attributes:
        users, items: int32, the codes that the coders gave to the ids.
        values: float64, or None.
        times: times whose unit may still be unknown, or None.
        labels: strings, or None.
        weights: float64, or None.
        lines: line numbers of the rows.
        bad: the other rows, with the columns ``line`` and ``reason``.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float64] | None
    times: Moments | None
    labels: pl.Series | None
    weights: NDArray[np.float64] | None
    lines: NDArray[np.int64]
    bad: pl.DataFrame


def clean_rows(raw: pl.DataFrame, lines: NDArray[np.int64], coders: dict[str, Coder], rules: Rules) -> Clean:
    """Separate the good rows of a chunk from the bad ones, and replace ids by codes.

    Args:
        raw: the columns ``user, item``, and optionally others of :data:`~fillrank.data.io.columns.ROLES`.
        lines: the line number of each row.
        coders: of users and of items; the ids of good rows are added to them.
        rules: how cells are read.

    Raises:
        DataError: the type of a column does not fit its role.

    Example:
        >>> raw = pl.DataFrame({"user": ["7", "8", ""], "item": ["a", "b", "c"], "value": ["1.5", "x", "2"]})
        >>> coders = {"user": Coder(), "item": Coder()}
        >>> clean = clean_rows(raw, np.array([2, 3, 4]), coders, Rules(from_text=True))
        >>> clean.values.tolist(), clean.bad.rows()
        ([1.5], [(3, "value 'x' is not a finite number"), (4, 'no user')])
    """
    ids = {role: RawIds.of(raw[role], rules.words, from_text=rules.from_text) for role in ("user", "item")}
    values = _values(raw["value"], rules) if "value" in raw.columns else None
    times = parse_times(raw["time"], day_first=rules.day_first) if "time" in raw.columns else None
    weights, wrong = _weights(raw, rules)
    label = raw["label"] if "label" in raw.columns else None
    found: dict[str, NDArray[np.bool_] | None] = {role: one.missing for role, one in ids.items()}
    if values is not None:
        found["value"] = values.is_null().to_numpy() if values.null_count() else None
    found |= wrong
    if times is not None:
        found["time"] = None if times.valid.all() else ~times.valid
    if rules.damaged and label is not None and label.dtype == pl.String:
        found["label"] = label.str.contains(DAMAGED).fill_null(False).to_numpy()
    faults = {role: fault for role, fault in found.items() if fault is not None and fault.any()}
    keep = None
    bad = _NOTHING_BAD
    if faults:
        keep = ~np.logical_or.reduce(list(faults.values()))
        bad = pl.DataFrame({"line": lines[~keep], "reason": reasons_of(raw, faults, ~keep, rules)})
    users, items = (ids[role].encode(coders[role], keep) for role in ("user", "item"))
    numbers = None if values is None else values.to_numpy()
    if keep is None:
        return Clean(users, items, numbers, times, label, weights, lines, bad)
    return Clean(
        users,
        items,
        None if numbers is None else numbers[keep],
        None if times is None else times.select(keep),
        None if label is None else label.filter(pl.Series(keep)),
        None if weights is None else weights[keep],
        lines[keep],
        bad,
    )


def reasons_of(
    raw: pl.DataFrame, faults: dict[str, NDArray[np.bool_]], rows: NDArray[np.bool_], rules: Rules
) -> pl.Series:
    """The first thing that is wrong with each bad row, in words."""
    mask = pl.Series(rows)
    words = pl.Series([None], dtype=pl.String).new_from_index(0, int(rows.sum()))
    for role, fault in faults.items():
        wrong = pl.Series(fault[rows])
        cells = raw[role].filter(mask)
        shown = (
            cells.cast(pl.String, strict=False)
            if not cells.dtype.is_nested()
            else cells.cast(pl.List(pl.String)).list.join(",")
        )
        said = pl.Series(
            [_reason(role, cell, rules) if bad else None for cell, bad in zip(shown, wrong, strict=True)],
            dtype=pl.String,
        )
        words = words.zip_with(words.is_not_null(), said)
    return words


def _reason(role: str, cell: str | None, rules: Rules) -> str:
    role = "event" if role == "event_column" else role
    if cell is None or not cell.strip():
        return f"no {role}"
    byte = damaged_byte(cell)
    shown = f"{cell[:60]}…" if len(cell) > 60 else cell
    if byte is not None:
        clean = re.sub(DAMAGED, "�", shown)
        return f"{role} {clean!r} holds the byte {byte:#04x}, which is not UTF-8 (encoding=… names another)"
    if "\0" in cell:
        return f"{role} {shown!r} holds a NUL character, or half of a character"
    if role != "time" and cell.strip().casefold() in rules.words:
        return f"no {role}: {shown!r} stands for a missing one"
    if role == "event":
        return without_weight(shown.strip())
    hint = ""
    if role == "time" and rules.day_first is None and re.match(_SLASHED, cell):
        hint = "; say which comes first, day or month: day_first=True or day_first=False"
    elif role == "time" and re.fullmatch(r"\s*-?\d{1,19}\s*", cell):
        return f"time {shown} is in another unit than the others; if it is not, name the unit: time_unit=…"
    elif role in _NUMBERS and re.match(_GROUPS, cell) and rules.thousands is None:
        hint = "; name what stands between thousands, or the decimal comma: thousands=… or decimal=','"
    elif role in _NUMBERS and re.match(_COMMA, cell) and rules.decimal == ".":
        hint = "; if its comma is a decimal one: decimal=','"
    return f"{role} {shown!r} is not {_WANTED[role]}{hint}"


def _weights(raw: pl.DataFrame, rules: Rules) -> tuple[NDArray[np.float64] | None, dict[str, NDArray[np.bool_] | None]]:
    """What each row weighs, by its own column and by its type of event; and where either says nothing."""
    found: list[pl.Series] = []
    wrong: dict[str, NDArray[np.bool_] | None] = {}
    if "weight" in raw.columns:
        numbers = _values(raw["weight"], rules)
        found.append(numbers.set(numbers < 0, None))
        wrong["weight"] = found[-1].is_null().to_numpy()
    if rules.events is not None and "event_column" in raw.columns:
        found.append(event_weights(raw["event_column"], rules.events))
        wrong["event_column"] = found[-1].is_null().to_numpy()
    if not found:
        return None, wrong
    product: NDArray[np.float64] = np.prod([one.to_numpy() for one in found], axis=0)
    return product, wrong


def _values(column: pl.Series, rules: Rules) -> pl.Series:
    if column.dtype == pl.String:
        if rules.thousands is not None or rules.decimal != ".":
            column = _with_points(column.str.strip_chars(), rules)
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.null_count() > column.null_count():
            stripped = column.str.strip_chars().cast(pl.Float64, strict=False)
            numbers = stripped.set(missing_mask(column, rules.words), None)
    elif column.dtype.is_numeric() or column.dtype in {pl.Boolean, pl.Null}:
        numbers = column.cast(pl.Float64, strict=False)
    else:
        kind = "weights" if column.name == "weight" else "values"
        raise DataError(f"the column {column.name!r} holds {column.dtype}; {kind} are numbers")
    fits = numbers.abs() <= _LARGEST  # polars orders NaN above all numbers, so it does not fit
    return numbers if fits.all() and not numbers.null_count() else numbers.set(~fits, None)


def _with_points(column: pl.Series, rules: Rules) -> pl.Series:
    """Rewrite numbers with a decimal point and without thousands marks; null if the marks are in wrong places."""
    decimal = re.escape(rules.decimal)
    group = "" if rules.thousands is None else f"|[0-9]{{1,3}}(?:{re.escape(rules.thousands)}[0-9]{{3}})+"
    fits = column.str.contains(rf"^[-+]?(?:[0-9]+{group})?(?:{decimal}[0-9]*)?(?:[eE][-+]?[0-9]+)?$")
    plain = column if rules.thousands is None else column.str.replace_all(rules.thousands, "", literal=True)
    if rules.decimal != ".":
        plain = plain.str.replace(rules.decimal, ".", literal=True)
    return plain.set(~fits, None)


_NOTHING_BAD = pl.DataFrame(schema={"line": pl.Int64, "reason": pl.String})
