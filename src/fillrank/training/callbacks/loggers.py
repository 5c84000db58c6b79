"""``CSVLogger`` and ``JSONLLogger``: files with a row for each epoch."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from fillrank.errors import DataError
from fillrank.runtime.atomic_write import check_file, replacing
from fillrank.runtime.distributed import World
from fillrank.training.callbacks.events import Callback, EpochEnd, FitStart

__all__ = ["CSVLogger", "JSONLLogger"]

_FIRST = ("fit", "model", "stage", "epoch", "total", "seconds", "score", "best_epoch", "interrupted")


class _FileLogger(Callback):
    """Writes a row for each epoch to a file at once. With several processes, only the first one writes.

    If the file already holds such rows, new ones are appended.
    """

    asked_by: ClassVar[str] = "--log-to"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = check_file(path, "the log of the training")
        self._fits, self._begun = 0, False

    def on_fit_start(self, start: FitStart) -> None:  # noqa: ARG002
        """Check the file before the training."""
        if World.current().rank > 0:
            return
        if not self._begun and self.path.exists() and self.path.stat().st_size:
            self._fits = self._go_on()
        self._begun = True
        self._fits += 1

    def on_epoch_end(self, end: EpochEnd) -> None:
        """Write a row."""
        if World.current().rank > 0:
            return
        score = None if end.score is None or not math.isfinite(end.score) else end.score
        first = (self._fits, end.model, end.stage, end.epoch, end.total, end.seconds, score, end.best_epoch)
        row = dict(zip(_FIRST, (*first, end.interrupted), strict=True))
        self._write(row | {name: value for name, value in end.metrics.items() if name not in row})

    def _foreign(self) -> DataError:
        return DataError(f"{self.path} is there and no log of a training; give another name, or remove it")

    @abstractmethod
    def _go_on(self) -> int:
        """Read the existing file, and return the number of fits in it."""

    @abstractmethod
    def _write(self, row: dict[str, Any]) -> None: ...


class CSVLogger(_FileLogger):
    """A row of a CSV file for each epoch, in every stage.

    Its columns: ``fit`` (a number: of the call of ``fit``), ``model``, ``stage``, ``epoch``, ``total``, ``seconds`` (of
    learning, in this epoch), ``score``, ``best_epoch``, ``interrupted``, and one for each metric. A metric that first
    comes up later gets a column then. A cell is empty where there is no figure.

    Args:
        path: of the file. One that holds such a log already is gone on with.

    Raises:
        DataError: it cannot be written, or holds something else.

    Example:
        ``recipe.fit(train, valid, callbacks=[CSVLogger("training.csv")])``
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._columns = list(_FIRST)
        self._rows: list[dict[str, Any]] = []

    def _go_on(self) -> int:
        try:
            with self.path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                self._columns = list(reader.fieldnames or ())
                self._rows = list(reader)
            if tuple(self._columns[: len(_FIRST)]) != _FIRST:
                raise self._foreign()
            return max((int(row["fit"]) for row in self._rows), default=0)
        except (csv.Error, ValueError, TypeError) as error:
            raise self._foreign() from error

    def _write(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        new = [name for name in row if name not in self._columns]
        if not new and len(self._rows) > 1:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(self._text([row]))
            return
        self._columns += new
        with replacing(self.path) as temporary:  # a new column: write the whole file again
            header = self._line(self._columns)
            temporary.write_bytes((header + self._text(self._rows)).encode())

    def _text(self, rows: list[dict[str, Any]]) -> str:
        return "".join(
            self._line(["" if (cell := row.get(name)) is None else cell for name in self._columns]) for row in rows
        )

    @staticmethod
    def _line(cells: list[Any]) -> str:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(cells)
        return text.getvalue()


class JSONLLogger(_FileLogger):
    """A line of JSON for each epoch, in every stage: the columns of :class:`CSVLogger` as keys.

    Args:
        path: of the file. One that holds such a log already is gone on with.

    Raises:
        DataError: it cannot be written, or holds something else.

    Example:
        ``recipe.fit(train, valid, callbacks=[JSONLLogger("training.jsonl")])``
    """

    def _go_on(self) -> int:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            if not all(isinstance(row, dict) and row.keys() >= set(_FIRST) for row in rows):
                raise self._foreign()
            return max((int(row["fit"]) for row in rows), default=0)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._foreign() from error

    def _write(self, row: dict[str, Any]) -> None:
        plain = {
            name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in row.items()
        }
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(plain)}\n")
