"""The output of a command: one JSON document, a table for people, or a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fillrank.errors import SettingsError
from fillrank.runtime.atomic_write import check_file, replacing
from fillrank.terminal import printable, printable_json, shown

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType
    from rich.table import Table

__all__ = [
    "check_frame_path",
    "for_spreadsheets",
    "frame_table",
    "row_table",
    "show",
    "to_json",
    "write_frame",
    "write_text",
]

_WIDE = 160
_FORMULA = re.compile(r"^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four are their full-width forms
_NUMBER = r"^[+-]?[0-9]+([.,][0-9]+)?$"

_WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".csv": lambda frame, path: frame.write_csv(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
}


def to_json(document: Any) -> str:
    """Convert to an indented JSON document. NaN and infinity, which JSON does not have, become null.

    Example:
        >>> print(to_json({"rmse": float("nan"), "file": Path("a.csv")}))
        {
          "rmse": null,
          "file": "a.csv"
        }
    """
    import pydantic_core

    return pydantic_core.to_json(document, indent=2, inf_nan_mode="null", fallback=_plain).decode()


def _plain(value: Any) -> Any:
    """Convert NumPy scalars and arrays to Python numbers and lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"no JSON form for {type(value).__name__}")


def show(document: Mapping[str, Any], for_people: RenderableType, *, as_json: bool) -> None:
    """Print ``document`` as JSON, or else the text for people. Nothing else is written to stdout."""
    if as_json or isinstance(for_people, str):
        typer.echo(printable_json(to_json(document)) if as_json else printable(for_people, lines=True))
        return
    from rich.console import Console

    wide = None if sys.stdout.isatty() else _WIDE  # a file or a pipe has no edge to fold a table at
    Console(highlight=False, markup=False, emoji=False, width=wide).print(for_people)


def row_table(rows: Iterable[Mapping[str, Any]], title: str | None = None) -> Table:
    """A table with one line for each of ``rows``; numbers are aligned to the right."""
    from rich import box
    from rich.table import Table

    rows = list(rows)
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name, value in rows[0].items() if rows else ():
        table.add_column(shown(name), justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(shown(_cell(value)) for value in row.values()))
    return table


def frame_table(frame: pl.DataFrame, title: str | None = None) -> Table:
    """A polars frame as a table for people."""
    return row_table(frame.iter_rows(named=True), title)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def check_frame_path(path: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Refuse a file with an unknown ending, or that cannot be written, before the work begins.

    Args:
        path: of the file; None: nothing is written.
        inputs: what the command reads, which is not written over.

    Raises:
        SettingsError: the ending is not .parquet, .csv or .jsonl.
        DataError: see :func:`fillrank.runtime.atomic_write.check_file`.
    """
    if path is None:
        return
    if path.suffix.lower() not in _WRITERS:
        raise SettingsError(f"cannot tell the format of {str(path)!r}: let its name end in {', '.join(_WRITERS)}")
    check_file(path, inputs=inputs)


def for_spreadsheets(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before each text that a spreadsheet would run as a formula; numbers stay numbers.

    Such a text begins with ``=``, ``+``, ``-``, ``@``, a tab or the end of a line, or with what looks like one of the
    signs. A text that is a number, such as the id ``-5``, is none.

    Example:
        >>> import polars as pl
        >>> for_spreadsheets(pl.DataFrame({"id": ["=1+1", "-5", "Heat"], "score": [-0.5, 1, 2]})).to_dicts()[0]
        {'id': "'=1+1", 'score': -0.5}
    """
    import polars as pl

    names = {name: f"'{name}" for name in frame.columns if _FORMULA.match(name)}
    texts = pl.selectors.string() | pl.selectors.categorical()
    cells = texts.cast(pl.String)
    runs = cells.str.contains(_FORMULA.pattern) & ~cells.str.contains(_NUMBER)
    return frame.with_columns(pl.when(runs).then("'" + cells).otherwise(cells).name.keep()).rename(names)


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame in the format that the ending of ``path`` names."""
    check_frame_path(path)
    with replacing(path) as temporary:
        _WRITERS[path.suffix.lower()](frame, temporary)


def write_text(text: str, path: Path) -> None:
    """Write a text file (UTF-8, closing newline)."""
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
