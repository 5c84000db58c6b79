"""Reading a log: memory and time of fillrank against polars (read, drop repeated pairs, sort by pair).

Run ``python benchmarks/reading.py --out reading.json``. Logs of several sizes are drawn, with whole-number and with
string ids (of 13 characters), with ratings and times, in random order, and written as CSV and as Parquet. Both read
each in a fresh process, by turns. Above 1: fillrank is faster, or takes less memory. Memory is what the process took at
its peak above what it had after its imports. Polars' result is a frame that still holds the outside ids; fillrank's
holds codes, and each id once.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from rivals import Answer, Job, call, peak_mb, ratio_of, versions, write

FORMS = ("csv", "parquet")
IDS = ("numbers", "strings")
PER_USER, N_ITEMS = 100, 20_000


def draw(n_rows: int, ids: str, folder: Path) -> None:
    """About so many different pairs, popular items more often, as ``{ids}.csv`` and ``{ids}.parquet``."""
    import polars as pl

    rng = np.random.default_rng(0)
    users = rng.integers(0, n_rows // PER_USER, n_rows)
    pairs = np.unique(users * N_ITEMS + (N_ITEMS * rng.random(n_rows) ** 2).astype(np.int64))
    rng.shuffle(pairs)
    n = len(pairs)
    frame = pl.DataFrame(
        {
            "user_id": pairs // N_ITEMS,
            "item_id": pairs % N_ITEMS,
            "rating": rng.integers(1, 11, n) / 2,
            "timestamp": rng.integers(1_100_000_000, 1_600_000_000, n),
        }
    )
    if ids == "strings":
        frame = frame.with_columns(
            user_id="A" + (pl.col("user_id") * 7_919 + 10**11).cast(pl.String),
            item_id="B00" + (pl.col("item_id") * 104_729 + 10**9).cast(pl.String),
        )
    frame.write_csv(folder / f"{ids}.csv")
    frame.write_parquet(folder / f"{ids}.parquet")


def by_fillrank(job: Job) -> Answer:
    from fillrank.data import read

    before, begin = peak_mb(), perf_counter()
    log = read(job["path"])
    return {"seconds": perf_counter() - begin, "before_mb": before, "rows": len(log)}


def by_polars(job: Job) -> Answer:
    import polars as pl

    before, begin = peak_mb(), perf_counter()
    frame = pl.read_csv(job["path"]) if job["path"].endswith(".csv") else pl.read_parquet(job["path"])
    frame = frame.unique(["user_id", "item_id"]).sort("user_id", "item_id")
    return {"seconds": perf_counter() - begin, "before_mb": before, "rows": len(frame)}


def compare(path: Path, rounds: int, threads: int) -> dict[str, Any]:
    """Both on one file, by turns."""
    answers: dict[str, list[Answer]] = {"ours": [], "theirs": []}
    for turn in range(rounds):
        both = (("ours", by_fillrank), ("theirs", by_polars))
        for name, function in both if turn % 2 == 0 else reversed(both):
            answer = call(sys.executable, function, {"path": str(path)}, threads=threads)
            answers[name].append(
                answer | {"bytes_a_row": (answer["peak_mb"] - answer["before_mb"]) * 1e6 / answer["rows"]}
            )
    assert len({answer["rows"] for each in answers.values() for answer in each}) == 1
    return {
        "rows": answers["ours"][0]["rows"],
        "file_mb": path.stat().st_size / 1e6,
        **{key: ratio_of(answers, key) for key in ("seconds", "peak_mb", "bytes_a_row")},
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 1e9, 1),
        "load_before": round(os.getloadavg()[0], 1),
        "system": platform.system(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--sizes", type=float, nargs="+", default=[3e6, 1e7])
    parser.add_argument("--ids", nargs="+", choices=IDS, default=list(IDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    results = []
    surroundings = machine()
    for size in map(int, options.sizes):
        for ids in options.ids:
            with TemporaryDirectory() as folder:
                draw(size, ids, Path(folder))
                for form in FORMS:
                    found = compare(Path(folder) / f"{ids}.{form}", options.rounds, options.threads)
                    results.append({"ids": ids, "form": form} | found)
                    seconds, memory = found["seconds"], found["bytes_a_row"]
                    print(
                        f"{found['rows']:>11,} rows, {ids}, {form:<8} "
                        f"{seconds['ours']:6.2f} s ({seconds['median']:.2f} ×)  {memory['ours']:5.0f} bytes a row "
                        f"({memory['median']:.2f} ×)",
                        flush=True,
                    )
    if options.out:
        there = versions(Path(sys.executable))
        used = {name: there[name] for name in ("fillrank", "polars", "numpy") if name in there}
        settings = {"rounds": options.rounds, "threads": options.threads}
        record = {"benchmark": "reading", "machine": surroundings, "settings": settings, "results": results}
        write(options.out, record | {"versions": {"python": platform.python_version(), **used}})


if __name__ == "__main__":
    main()
