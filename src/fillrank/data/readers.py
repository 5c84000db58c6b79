"""Reading a log from files: ``read`` for the log, ``scan`` for the log and the counts of what was met on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fillrank.data.columns import Choice, Columns
from fillrank.data.files import find_files
from fillrank.data.formats import ENDINGS, Part, read_part
from fillrank.data.interactions import Interactions
from fillrank.data.options import ReadOptions
from fillrank.data.result import ReadResult, result_of
from fillrank.errors import DataError

__all__ = ["read", "scan"]


def read(
    path: str | Path,
    *,
    user: Choice = None,
    item: Choice = None,
    value: Choice = None,
    time: Choice = None,
    label: Choice = None,
    **options: Any,
) -> Interactions:
    """A log from a file, a folder of parts, or a pattern such as ``"logs/part-*.csv.gz"``.

    Understood are CSV and TSV, fields between ``::`` (MovieLens ``.dat``) or blanks (``u.data``), Parquet, Arrow
    (Feather), JSON lines and the text of the LightGCN data sets (``user item item …``); text compressed or not (gzip,
    zstd, bzip2, xz). The name of a file tells its format, or else its first bytes do.

    Args:
        path: where the log is.
        user, item, value, time, label: the columns, by name or by place (from 0). None: recognised by the usual names
            (``userId``, ``movie_id``, ``rating``, ``timestamp``, ``title`` …). False: to go without ``value``,
            ``time`` or ``label``. A label is the item's title; an item gets the first that stands beside it.
        **options: the fields of :class:`~fillrank.data.options.ReadOptions`: ``duplicates``, ``on_bad``,
            ``relevant_from``, ``name``, ``format``, ``separator``, ``header``.

    Returns:
        The log. Ids that are whole numbers in every row are integers, all others strings. Times are seconds (UTC): see
        :func:`~fillrank.data.times.to_seconds`.

    Raises:
        BadRowsError: rows without an id, with a value that is no finite number, with a time that cannot be read, or
            with too few or too many fields. With ``on_bad="skip"`` they are left out, and their count is logged.
        DuplicateError: a pair stands twice, and ``duplicates`` is not given.
        DataError: no such file; a file that is empty, torn or in no known format; columns that cannot be told.
        SettingsError: an option that does not exist, or a value that it cannot have.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> log = pathlib.Path(folder.name, "log.csv")
        >>> _ = log.write_text("what,who,stars\\nHeat,ann,5\\nAlien,bob,4\\nHeat,ann,3\\n")
        >>> read(log, user="who", item="what", value="stars", duplicates="last").to_frame().rows()
        [('ann', 'Heat', 3.0), ('bob', 'Alien', 4.0)]
        >>> folder.cleanup()
    """
    columns = Columns(user=user, item=item, value=value, time=time, label=label)
    return _scan(path, columns, ReadOptions.of(options)).interactions


def scan(
    path: str | Path,
    *,
    user: Choice = None,
    item: Choice = None,
    value: Choice = None,
    time: Choice = None,
    label: Choice = None,
    **options: Any,
) -> ReadResult:
    """The same as :func:`read`, with the counts of rows, bad rows and duplicates beside the log."""
    columns = Columns(user=user, item=item, value=value, time=time, label=label)
    return _scan(path, columns, ReadOptions.of(options))


def _scan(path: str | Path, columns: Columns, options: ReadOptions) -> ReadResult:
    files = find_files(path, set(ENDINGS))
    parts = [read_part(file, form=options.format, separator=options.separator, header=options.header) for file in files]
    rows = [_rows(part, columns, file) for part, file in zip(parts, files, strict=True)]
    broken = [_broken(part, file) for part, file in zip(parts, files, strict=True)]
    try:
        raw = pl.concat(rows, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the {len(files)} parts of {path} do not have the same columns and types: {error}") from error
    noun = "row" if any(part.lines is None for part in parts) else "line"
    return result_of(
        raw, pl.concat(broken), options, from_text=all(part.is_text for part in parts), noun=noun, source=str(path)
    )


def _rows(part: Part, columns: Columns, file: Path) -> pl.DataFrame:
    """The columns that matter, named by what they are, and where each row stands."""
    try:
        chosen = columns.choose(part.header)
        if part.guessed and not columns.are_named_in(part.header):
            raise DataError(
                f"does the first line, {', '.join(part.header)}, name the columns? Say header=True or header=False"
            )
        fields = part.fields.select(pl.nth(place).alias(role) for role, place in chosen.items()).collect()
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file} is torn: {error}; get or write it anew") from error
    lines = np.arange(1, len(fields) + 1) if part.lines is None else part.lines
    return fields.with_columns(file=pl.lit(file.name), line=pl.Series(lines, dtype=pl.Int64))


def _broken(part: Part, file: Path) -> pl.DataFrame:
    reason = f"not {len(part.header)} fields, as in the first line" if part.is_text else "not a JSON object"
    lines = pl.Series("line", part.broken, dtype=pl.Int64)
    return pl.select(file=pl.lit(file.name), line=lines, reason=pl.lit(reason)) if len(lines) else _NOTHING_BROKEN


_NOTHING_BROKEN = pl.DataFrame(schema={"file": pl.String, "line": pl.Int64, "reason": pl.String})
