"""What retraining has tried, and what came of it: a line of JSON for each, in ``RUN.models/journal.jsonl``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ["append_entry", "last_entries", "last_entry"]

_NAME = "journal.jsonl"
_TAIL = 64 * 1024


def append_entry(folder: Path, what: str, **facts: Any) -> None:
    """Add a line, on the disk when this returns."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"time": time.time(), "what": what, **facts}) + "\n"
    with (folder / _NAME).open("ab") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def last_entry(folder: Path, *kinds: str) -> dict[str, Any] | None:
    """The last whole line of one of these kinds (of any, where none is named)."""
    return next((found for found in _backwards(folder) if not kinds or found.get("what") in kinds), None)


def last_entries(folder: Path, n: int) -> list[dict[str, Any]]:
    """The last ``n`` whole lines, the newest first."""
    return list(islice(_backwards(folder), n))


def _backwards(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines, the newest first; what a kill has torn is passed over."""
    try:
        with (folder / _NAME).open("rb") as file:
            file.seek(max(0, (folder / _NAME).stat().st_size - _TAIL))
            lines = file.read().splitlines()
    except OSError:
        return
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
