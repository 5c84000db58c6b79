"""``DiskCollector``: cleaned rows go to files on a disk as they are read; there they are numbered and sorted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fillrank.data.disk.budget import Budget
from fillrank.data.disk.sorting import StagedFile, distinct_ids, open_duckdb, sorted_rows, staged
from fillrank.data.disk.writing import write_rows
from fillrank.data.duplicates import Duplicates
from fillrank.data.ids import IdMap
from fillrank.data.io.clean import Clean
from fillrank.data.io.coding import Coder, in_final_order
from fillrank.data.io.collect import Collected, RowCollector, compact_lines
from fillrank.data.times import Moments, TimeRule, TimeUnit

__all__ = ["DiskCollector"]

_ROWS = 1 << 20  # of a staged file


@dataclass
class _ReadTogether:
    """Rows that were read from a file at once, next to each other in a staged file."""

    file: str
    lines: NDArray[np.int64] | range


@dataclass
class _Staged:
    """A staged file, and the chunks in it."""

    file: StagedFile
    chunks: list[_ReadTogether] = field(default_factory=list)

    def moments(self) -> Iterator[tuple[_ReadTogether, Moments]]:
        """The times of each chunk as they were read."""
        frame = pl.read_parquet(self.file.path, columns=["time", "is_known"])
        numbers, known = frame["time"].to_numpy(), frame["is_known"].to_numpy()
        first = 0
        for chunk in self.chunks:
            rows = slice(first, first + len(chunk.lines))
            yield chunk, Moments(numbers[rows], np.ones(len(chunk.lines), dtype=bool), known[rows])
            first += len(chunk.lines)


class DiskCollector(RowCollector):
    """Collects rows on a disk; what it gives is the same, to the bit, as that of the collector in memory.

    Args:
        target: the folder that gets the columns of the log, as ``.npy`` files.
        folder: for temporary files, as large as the log.
        budget: of memory.
        n_threads: of DuckDB; None: as many as there are cores.
        label_is_named: see :class:`~fillrank.data.io.collect.RowCollector`.
    """

    def __init__(
        self, target: Path, folder: Path, budget: Budget, *, n_threads: int | None, label_is_named: bool
    ) -> None:
        super().__init__(label_is_named=label_is_named)
        self._target, self._folder, self._budget, self._n_threads = target, folder, budget, n_threads
        self._staged: list[_Staged] = []
        self._frames: list[pl.DataFrame] = []
        self._chunks: list[_ReadTogether] = []
        self._n_good = 0

    def _coders_of_chunk(self) -> dict[str, Coder]:
        return {"user": Coder(), "item": Coder()}  # the ids themselves are kept; they are numbered at the end

    def _keep(self, clean: Clean, file: str, coders: dict[str, Coder]) -> None:
        columns = {
            "user": coders["user"].ids.gather(clean.users),
            "item": coders["item"].ids.gather(clean.items),
            "row": np.arange(self._n_good, self._n_good + len(clean.users)),
        }
        if clean.values is not None:
            columns["value"] = clean.values
        if clean.times is not None:
            known = clean.times.known
            columns["time"] = clean.times.numbers
            columns["is_known"] = np.zeros(len(clean.users), dtype=bool) if known is None else known
        if clean.weights is not None:
            columns["weight"] = clean.weights
        if clean.labels is not None:
            columns["label"] = clean.labels.cast(pl.String, strict=False)
        self._frames.append(pl.DataFrame(columns))
        self._chunks.append(_ReadTogether(file, compact_lines(clean.lines)))
        self._n_good += len(clean.users)
        if sum(map(len, self._frames)) >= _ROWS:
            self._stage()

    def _stage(self) -> None:
        """Write the rows that are in memory to a file."""
        if not self._frames:
            return
        for role in ("user", "item"):  # from the first id on that is no whole number, ids are texts
            if len({frame.schema[role] for frame in self._frames}) > 1:
                self._frames = [frame.with_columns(pl.col(role).cast(pl.String)) for frame in self._frames]
        path = self._folder / f"rows-{len(self._staged):06}.parquet"
        frame = pl.concat(self._frames)
        frame.write_parquet(path, compression="lz4")
        self._staged.append(_Staged(StagedFile.of(path, frame), self._chunks))
        self._frames, self._chunks = [], []

    def finish(self, duplicates: Duplicates, *, time_unit: TimeUnit | None = None) -> Collected:
        """See :meth:`RowCollector.finish`; the columns are mapped from the files in ``target``."""
        self._stage()
        if self._staged and "time" in self._staged[0].file.columns:
            self._settle_times(time_unit)
        files = [one.file for one in self._staged if one.file.n_rows]
        with open_duckdb(self._folder, self._budget, self._n_threads) as engine:
            rows = staged(engine, files)
            maps, keys = dict[str, IdMap](), dict[str, pl.DataFrame]()
            for role in ("user", "item"):
                known = distinct_ids(rows, role, self._folder)
                ids, indices = in_final_order(known, from_text=self._from_text)
                maps[role], keys[role] = IdMap.in_order(ids), pl.DataFrame({"id": known, "index": indices})
            maps["item"] = self._with_titles(maps["item"], files)
            result = sorted_rows(engine, rows, keys, self._folder)
        for one in files:
            one.path.unlink()
        merged = write_rows(result, self._target, maps["user"], maps["item"], duplicates)
        return Collected(merged, maps["user"], maps["item"], sum(one.n_rows for one in files))

    def _settle_times(self, unit: TimeUnit | None) -> None:
        """Turn the times of all files into seconds, and set rows aside whose time is in another unit than the rest."""
        rule = TimeRule.of(_Times(self._staged), unit)
        for one in self._staged:
            seconds, valid = [], []
            for chunk, part in one.moments():
                seconds.append(rule.seconds(part))
                valid.append(part.valid)
                self._add_alien(chunk.file, chunk.lines, part)
            keep = np.concatenate(valid)
            frame = pl.read_parquet(one.file.path)
            frame = frame.with_columns(time=pl.Series(np.concatenate(seconds))).filter(pl.Series(keep)).drop("is_known")
            frame.write_parquet(one.file.path, compression="lz4")
            one.file = StagedFile.of(one.file.path, frame)

    def _with_titles(self, items: IdMap, files: list[StagedFile]) -> IdMap:
        if not files or "label" not in files[0].columns:
            return items
        for one in files:
            frame = pl.read_parquet(one.path, columns=["item", "label"])
            self.titles.add(items.encode(frame["item"]), frame["label"])
        labels = self.titles.finish(len(items))
        return items if labels is None else IdMap.in_order(items.ids, labels)


@dataclass(frozen=True)
class _Times:
    """The times of all staged files, read from the disk whenever they are gone through."""

    staged: list[_Staged]

    def __iter__(self) -> Iterator[Moments]:
        return (part for one in self.staged for _, part in one.moments())
