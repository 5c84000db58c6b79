"""Decide what ``--out`` may overwrite: files of the kind that the command writes; others only with ``--force``.

Where a command writes a folder (a model, a study, a report) the library looks at what is in it, in the same way, and
nothing forces it: a folder of somebody else's is never replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from fillrank.errors import DataError

__all__ = ["ForceOption", "check_kind", "holds_comparison", "holds_lists"]

ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite --out, even if it is a file of another kind.")]
_LIST = {"user_id", "rank", "item_id", "score"}  # columns of every list
_COMPARISON = {"data", "protocol", "models", "intervals", "runs"}
_LARGEST = 1 << 28  # bytes of a comparison


def check_kind(path: Path | None, kind: str, is_kind: Callable[[Path], bool], *, force: bool) -> None:
    """Refuse to overwrite a file of another kind, before the work begins.

    Args:
        path: of the file to write; None: nothing is written. One that is not there, or is empty, is nobody's.
        kind: what the command writes: ``"a list of recommendations"``.
        is_kind: whether a file is of that kind.
        force: write over it all the same.

    Raises:
        DataError: it holds something else.
    """
    if force or path is None or not path.is_file() or not path.stat().st_size or is_kind(path):
        return
    raise DataError(f"{path} exists already and is not {kind}; give another name, or --force to overwrite it")


def holds_lists(path: Path) -> bool:
    """Whether ``fillrank recommend`` has written a file, according to the names of its columns."""
    import polars as pl

    from fillrank.data.io.guard import no_panic
    from fillrank.data.io.quiet import without_panic_text

    scans: dict[str, Callable[[Path], pl.LazyFrame]] = {
        ".parquet": pl.scan_parquet,
        ".csv": pl.scan_csv,
        ".jsonl": pl.scan_ndjson,
    }
    scan = scans.get(path.suffix.lower())
    if scan is None:
        return False
    try:
        with no_panic(), without_panic_text():
            names = scan(path).collect_schema().names()
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError):
        return False
    return set(names) >= _LIST


def holds_comparison(path: Path) -> bool:
    """Whether ``fillrank compare`` has written a file."""
    if path.stat().st_size > _LARGEST:
        return False
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.keys() >= _COMPARISON
