"""Read a log from files: ``read`` returns the log, ``scan`` the log with counts of bad and repeated rows."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import IO, Any

import polars as pl

from fillrank.arguments import Own, checked
from fillrank.data.disk.stored import is_stored, open_store
from fillrank.data.interactions import Interactions
from fillrank.data.io.clean import Rules
from fillrank.data.io.collect import Collector, RowCollector
from fillrank.data.io.columns import Choice, Columns
from fillrank.data.io.database import is_database, rows_of
from fillrank.data.io.detect import open_part
from fillrank.data.io.encoding import Decoder
from fillrank.data.io.files import Input, find_inputs, naming
from fillrank.data.io.formats import Part
from fillrank.data.io.frames import scan_frame
from fillrank.data.io.names import holds_reviews, likely_ratings, plain_name
from fillrank.data.io.options import LogOptions, ReadOptions
from fillrank.data.io.own_formats import known_endings
from fillrank.data.io.read_result import ReadResult, read_result
from fillrank.data.io.result import Source, finished
from fillrank.errors import DataError, SettingsError
from fillrank.runtime.forks import refuse_after_fork

__all__ = ["COLUMN_OPTIONS", "PathOrFile", "gather", "read", "scan"]

PathOrFile = str | os.PathLike[str] | IO[Any]
_LOGGER = logging.getLogger("fillrank")
_WIDE = 3  # a table with at least so many columns beside the first may be a wide table of users by items
COLUMN_OPTIONS = ("user", "item", "value", "time", "label", "weight")
_ENCODINGS = {"cp1252": "Windows-1252"}


@checked
def read(
    path: Own[PathOrFile | Sequence[PathOrFile]],
    *,
    user: Choice = None,
    item: Choice = None,
    value: Choice = None,
    time: Choice = None,
    label: Choice = None,
    weight: Choice = None,
    query: str | None = None,
    **options: Any,
) -> Interactions:
    """Read a log from a file, a folder of files, a pattern (``"logs/part-*.csv.gz"``), a list of these, or a database.

    These formats are known: CSV and TSV, fields between ``::`` (MovieLens ``.dat``) or blanks (``u.data``), Parquet,
    Arrow (Feather), JSON (a line for each object, or an array), MatrixMarket, and the text of the LightGCN data sets
    (``user item item …``). Files may be compressed (gzip, zip, zstd, bzip2, xz). The format is found by the name of the
    file or its first bytes. ``docs/reference/reading.md`` lists all formats, and how unusual input is read.

    A folder that :func:`fillrank.data.write_store` has written is a store, and is opened by
    :func:`fillrank.data.open_store`.

    A path such as ``"sqlite:///shop.db"`` or ``"postgresql://user:password@host/shop"`` is a database (extra
    ``[serve]``); ``query`` says which of its rows, and the columns of the query are found as those of a file.

    Args:
        path: where the log is, an open file (of bytes or of text), or the URL of a database.
        user, item, value, time, label: the columns, by name or by position (from 0). None: recognised by the usual
            names (``userId``, ``movie_id``, ``rating``, ``timestamp``, ``title`` …). False: ``value``, ``time`` or
            ``label`` is not read. A label is the title of an item; an item gets the first one in its rows.
        weight: the column of weights, numbers of 0 or more: how much each row counts. None: there are no weights.
        query: the SQL query whose rows are the log; only for a database.
        **options: the fields of :class:`~fillrank.data.io.options.ReadOptions`: ``event``, ``event_column``,
            ``duplicates``, ``on_bad``, ``relevant_from``, ``name``, ``missing``, ``day_first``, ``time_unit``,
            ``format``, ``separator``, ``header``, ``encoding``, ``decimal``, ``thousands``, ``member``,
            ``max_expansion``.

    Returns:
        The log. If all ids of a column are whole numbers they are integers, otherwise strings. Blanks around ids in a
        text are removed. Times are seconds (UTC): see :func:`~fillrank.data.times.to_seconds`.

    Raises:
        BadRowsError: rows without an id, with a value, a time or a weight that cannot be read, with a type of event
            that has no weight, or with too few or too many fields. With ``on_bad="skip"`` they are left out, and their
            count is logged.
        DuplicateError: a pair is there twice, and ``duplicates`` is not given.
        DataError: there is no such file; it is empty, damaged or in an unknown format; columns are not recognised.
        SettingsError: an option does not exist, or its value is not allowed.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> log = pathlib.Path(folder.name, "log.csv")
        >>> _ = log.write_text("what,who,stars\\nHeat,ann,5\\nAlien,bob,4\\nHeat,ann,3\\n")
        >>> read(log, user="who", item="what", value="stars", duplicates="last").to_frame().rows()
        [('ann', 'Heat', 3.0), ('bob', 'Alien', 4.0)]
        >>> folder.cleanup()
    """
    how = ReadOptions.of(options, beside=COLUMN_OPTIONS)
    columns = how.columns(user=user, item=item, value=value, time=time, label=label, weight=weight)
    return _scan(path, columns, how, query).interactions


@checked
def scan(
    path: Own[PathOrFile | Sequence[PathOrFile]],
    *,
    user: Choice = None,
    item: Choice = None,
    value: Choice = None,
    time: Choice = None,
    label: Choice = None,
    weight: Choice = None,
    query: str | None = None,
    **options: Any,
) -> ReadResult:
    """Read a log like :func:`read`, and return it with the counts of rows, bad rows and duplicates."""
    how = ReadOptions.of(options, beside=COLUMN_OPTIONS)
    columns = how.columns(user=user, item=item, value=value, time=time, label=label, weight=weight)
    return _scan(path, columns, how, query)


def _scan(source: Any, columns: Columns, options: ReadOptions, query: str | None) -> ReadResult:
    refuse_after_fork("reading a log")
    if is_database(source):
        return _scan_database(source, query, columns, options)
    if is_stored(source):
        return _scan_store(source, query, columns, options)
    if query is not None:
        raise SettingsError(
            "query is for a database (sqlite:///PATH, postgresql://…), and this is a file; leave it out"
        ).about("query")
    collector = Collector(label_is_named=columns.label is not None)
    return read_result(finished(collector, options, gather(source, columns, options, collector)))


def gather(source: Any, columns: Columns, options: ReadOptions, collector: RowCollector) -> Source:
    """Give all rows of a log to a collector, chunk by chunk, and say where they come from.

    Args:
        source: files, as for :func:`read`.
        columns: which column is what.
        options: how files are taken apart.
        collector: gets the rows.

    Raises:
        DataError: see :func:`read`; also where the parts of a log have different columns.
    """
    inputs = find_inputs(source, known_endings())
    parts: list[_Read] = []
    for one in inputs:
        parts.append(_collect(one, columns, options, collector))
        first, last = parts[0], parts[-1]
        if set(first.chosen) != set(last.chosen):
            raise DataError(
                f"the {len(inputs)} parts of {_name(source)} do not have the same columns: {first.name} has "
                f"{', '.join(first.chosen)}, {last.name} has {', '.join(last.chosen)}; name the columns, or leave some "
                "out (value=False)"
            )
    header, chosen = parts[0].part.header, parts[0].chosen
    return Source(
        _name(source),
        "row" if any(one.part.noun == "row" for one in parts) else "line",
        columns={role: header[place] for role, place in chosen.items()},
        unused=tuple(name for place, name in enumerate(header) if place not in chosen.values() and name),
        notes=tuple(f"{one.name}: {note}" if len(parts) > 1 else note for one in parts for note in one.notes),
    )


def _scan_store(path: Any, query: str | None, columns: Columns, options: ReadOptions) -> ReadResult:
    """A log that was read before; of the options, only what it is called and what counts as relevant have a meaning."""
    usual = ReadOptions()
    idle = [
        field.name
        for field in fields(ReadOptions)
        if field.name not in {"name", "relevant_from"} and getattr(options, field.name) != getattr(usual, field.name)
    ]
    if idle or query is not None or columns != Columns():
        what = ", ".join(idle) or ("the names of columns" if query is None else "query")
        raise SettingsError(f"{path} is a store, whose rows are read already; leave {what} out, or build another store")
    log = open_store(path, name=options.name, relevant_from=options.relevant_from)
    return ReadResult(log, len(log), 0, pl.DataFrame(schema={"file": pl.String, "line": pl.Int64, "reason": pl.String}))


def _scan_database(url: str, query: str | None, columns: Columns, options: ReadOptions) -> ReadResult:
    """The rows of a query; of the options, those that say how a file is taken apart have no meaning here."""
    usual = ReadOptions()
    own = {field.name: getattr(options, field.name) for field in fields(LogOptions)}
    others = [one.name for one in fields(ReadOptions) if one.name not in own]
    idle = [name for name in others if getattr(options, name) != getattr(usual, name)]
    if idle:
        raise SettingsError(f"{', '.join(idle)}: for files alone; a database has types of its own").about(idle[0])
    own["name"] = "query" if options.name is None else options.name
    return read_result(scan_frame(rows_of(url, query), columns, LogOptions(**own)))


@dataclass(frozen=True)
class _Read:
    """A file that was read, and the roles of its columns."""

    name: str
    part: Part
    chosen: dict[str, int]
    notes: list[str]


def _looks_wide(part: Part, columns: Columns) -> bool:
    """Whether a table looks like users by items: names in the first column, numbers in the others, no usual names."""
    first, *others = range(len(part.header))
    if len(others) < _WIDE or columns != Columns() or any(columns.is_name(part.header[place]) for place in others):
        return False
    numbers = sum(map(part.is_number, others))  # some columns may be empty in the first rows
    return not part.is_number(first) and numbers >= 0.8 * len(others)


def _collect(one: Input, columns: Columns, options: ReadOptions, collector: RowCollector) -> _Read:
    with naming(one.name), one.open() as stream:
        part, decoder = open_part(one, stream, options, columns.is_name)
        try:
            chosen = columns.choose(part.header)
        except DataError as error:
            if not _looks_wide(part, columns):
                raise
            raise DataError(
                f"{error}; the first column holds names and the others numbers: if this is a table with a row for "
                "each user and a column for each item, `fillrank complete` fills its holes"
            ) from error
        if part.guessed and not columns.are_named_in(part.header):
            raise DataError(
                f"does the first line, {', '.join(part.header[:20])}, name the columns? Say header=True or header=False"
            )
        notes = _guess_more(one.name, part, columns, chosen)
        rules = Rules(
            options.missing_words,
            from_text=part.is_text,
            day_first=options.day_first,
            decimal=options.decimal,
            thousands=options.thousands,
            events=options.event,
        )
        for frame, lines, broken in part.read(chosen):
            rules = replace(rules, damaged=decoder is not None and decoder.damaged)
            collector.add(frame, lines, one.short, rules)
            if len(broken):
                collector.n_rows += len(broken)
                collector.add_bad(one.short, pl.DataFrame({"line": broken, "reason": part.broken_as}))
    return _Read(one.short, part, chosen, [*part.notes, *notes, *_encoding(one.name, decoder)])


def _guess_more(name: str, part: Part, columns: Columns, chosen: dict[str, int]) -> list[str]:
    """Use a column that is very likely the ratings, ignore headlines of reviews, and note both."""
    notes = []
    place = chosen.get("label")
    if (
        columns.label is None
        and place is not None
        and plain_name(part.header[place]) == "title"
        and holds_reviews(part.header)
    ):
        del chosen["label"]
        notes.append(
            f"{part.header[place]!r} is taken for the headline of a review, not for the item's title (label=…)"
        )
    if "value" not in chosen and columns.value is None:
        likely = [place for place in likely_ratings(part.header) if place not in chosen.values()]
        likely = [place for place in likely if part.is_number(place)]
        names = " and ".join(repr(part.header[place]) for place in likely)
        if len(likely) == 1:
            chosen["value"] = likely[0]
            notes.append(f"{names} is taken for the ratings (value=False goes without)")
        elif likely:
            notes.append(f"{names} may hold ratings, and are not used; name one: value=…")
            _LOGGER.warning("%s: %s", name, notes[-1])
    return notes


def _encoding(name: str, decoder: Decoder | None) -> list[str]:
    if decoder is None or decoder.encoding in {"utf-8", "utf-8-sig"}:
        return []
    said = _ENCODINGS.get(decoder.encoding, decoder.encoding)
    if not decoder.guessed:
        return [f"read as {said}"]
    _LOGGER.warning("%s is not UTF-8; read as %s (encoding=… names another)", name, said)
    return [f"not UTF-8; read as {said}, which is a guess (encoding=… names another)"]


def _name(source: Any) -> str:
    if isinstance(source, list | tuple):
        return f"{_name(source[0])} and {len(source) - 1} more" if len(source) > 1 else _name(source[0])
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return name if isinstance(name, str) else "the open file"
    return str(source)
