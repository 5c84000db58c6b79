"""A log on a disk is the log in memory, to the bit; what is damaged is refused; a killed build leaves nothing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import fillrank as fr
from fillrank.cli.app import app
from fillrank.data import Interactions, open_store, scan, write_store
from fillrank.data.disk import arrays, staging, writing
from fillrank.data.disk.budget import Budget
from fillrank.data.disk.by_item import item_ranges
from fillrank.errors import BadRowsError, DataError, DuplicateError, MissingExtraError, SettingsError
from fillrank.models import recipe

pytest.importorskip("duckdb", reason="comes with the extra fillrank[big]")
COLUMNS = ("users", "items", "values", "times", "weights")


@pytest.fixture(autouse=True)
def _in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that goes in pieces goes in tiny ones, so that small logs meet every seam."""
    monkeypatch.setattr(staging, "_ROWS", 5)
    monkeypatch.setattr(writing, "BLOCK", 7)
    monkeypatch.setattr(arrays, "BLOCK", 3)
    monkeypatch.setattr(Budget, "rows", property(lambda _: 4))


def assert_same(stored: Interactions, read: Interactions) -> None:
    for name in COLUMNS:
        one, other = getattr(stored, name), getattr(read, name)
        assert (one is None) == (other is None), name
        assert other is None or (one.dtype == other.dtype and np.array_equal(one, other)), name
    for name in ("user_ids", "item_ids"):
        one, other = getattr(stored, name), getattr(read, name)
        assert one == other
        assert (one.labels is None) == (other.labels is None)
        assert one.labels is None or one.labels.equals(other.labels, null_equal=True)
    for name in ("csr", "csc", "weighted_csr", "weighted_csc"):
        one, other = getattr(stored, name), getattr(read, name)
        for part in ("data", "indices", "indptr"):
            first, second = getattr(one, part), getattr(other, part)
            assert first.dtype == second.dtype, (name, part)
            assert np.array_equal(first, second), (name, part)
    assert np.array_equal(stored.user_counts, read.user_counts)
    assert np.array_equal(stored.item_counts, read.item_counts)
    assert (stored.name, stored.relevant_from) == (read.name, read.relevant_from)


PARTS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "texts": ({"a.csv": "user,item\nbob,x\nann,y\nann,x\n", "b.csv": "user,item\ncid,x\nbob,z\n"}, {}),
    "numbers, and texts in one part": (
        {"a.csv": "user,item\n10,1\n9,2\n", "b.csv": "user,item\n7,x\n,1\n"},
        {"on_bad": "skip"},
    ),
    "numbers in spite of a gap": (
        {"a.csv": "user,item\n10,1\n 9,2\n", "b.csv": "user,item\n7,3\n,1\n"},
        {"on_bad": "skip"},
    ),
    "ratings, times and titles": (
        {
            "a.csv": "user,item,title,rating,timestamp\n1,7,Heat,4.5,978300760\n2,7,Heat,0.1,978300761\n"
            "2,3,,3,978300762\n",
            "b.csv": "user,item,title,rating,timestamp\n1,3,Alien,2,978300763\n",
        },
        {"relevant_from": 4, "name": "films"},
    ),
    "milliseconds and dates": (
        {"a.csv": "user,item,time\na,x,1600000000123\na,y,2020-01-31T12:00\nb,x,1600000000\n"},
        {"on_bad": "skip"},
    ),
    "dates as numbers": ({"a.csv": "user,item,time\na,x,20200131\na,y,20200201\nb,x,20200202\n"}, {}),
    "JSON and weights": (
        {"a.jsonl": "".join(f'{{"user": {u}, "item": "x", "w": {w}}}\n' for u, w in ((1, 2), (3, 0), (2, 1)))},
        {"weight": "w"},
    ),
    "events": (
        {"a.csv": "user,item,event\na,x,view\na,x,buy\nb,x,view\nb,y,hide\nb,y,view\n"},
        {"event": {"view": 1, "buy": 10, "hide": 0}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PARTS)
def test_it_is_what_reading_gives(kind: str, tmp_path: Path) -> None:
    files, options = PARTS[kind]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    parts = [tmp_path / name for name in files]
    read, stored = scan(parts, **options), write_store(parts, tmp_path / "log.store", **options)
    assert_same(stored.interactions, read.interactions)
    assert_same(open_store(tmp_path / "log.store"), read.interactions)
    assert (stored.n_rows, stored.n_duplicates, stored.notes) == (read.n_rows, read.n_duplicates, read.notes)
    assert stored.bad.equals(read.bad)
    assert dict(stored.columns) == dict(read.columns)


@pytest.mark.parametrize("how", ["last", "first", "mean", "sum"])
@pytest.mark.parametrize("timed", [False, True])
def test_repeated_pairs_are_merged_alike(how: str, timed: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    n = 80
    frame = pl.DataFrame({"user": rng.integers(0, 5, n), "item": rng.integers(0, 6, n), "value": rng.random(n) * 5})
    frame = frame.with_columns(
        weight=rng.integers(0, 3, n), **({"time": rng.integers(10**9, 10**9 + 20, n)} if timed else {})
    )
    for number, part in enumerate(frame.iter_slices(17)):
        part.write_parquet(tmp_path / f"part-{number}.parquet")
    options: dict[str, Any] = {"duplicates": how, "weight": "weight"}
    read = fr.read(tmp_path / "part-*.parquet", **options)
    stored = write_store(tmp_path / "part-*.parquet", tmp_path / "out" / "log.store", **options)
    assert_same(stored.interactions, read)
    assert stored.n_duplicates == n - len(read) > 0


PAIRS = st.tuples(st.sampled_from(["7", "07", "a", "ä", "10", "😀"]), st.integers(0, 40))
ROWS = st.lists(PAIRS, min_size=1, max_size=25, unique=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_parts_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]], rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    parts = []
    for number, first in enumerate(range(0, len(rows), 6)):
        parts.append(folder / f"{number}.csv")
        parts[-1].write_text("user,item\n" + "".join(f"{user},{item}\n" for user, item in rows[first : first + 6]))
    read = fr.read(parts, name="log")
    rng.shuffle(parts)
    assert_same(write_store(parts, folder / "log.store", name="log", n_threads=1).interactions, read)


def test_ranges_of_items_hold_all_of_them() -> None:
    starts = np.array([0, 0, 2, 2, 9, 10, 10])
    for most in (1, 2, 3, 8, 100):
        ranges = list(item_ranges(starts, most))
        assert [item for first, last in ranges for item in range(first, last)] == list(range(6))
        assert all(starts[last] - starts[first] <= most or last == first + 1 for first, last in ranges)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A file of ratings with times."""
    frame = fr.synthetic(40, 30, 500, rank=2, seed=4).interactions.to_frame()
    frame.with_columns(time=pl.int_range(10**9, 10**9 + len(frame)), item_id=pl.format("film {}", "item_id")).write_csv(
        tmp_path / "films.csv"
    )
    return tmp_path / "films.csv"


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("ials", {"dim": 4, "unobserved_weight": 0.1, "regularization": 0.01, "iterations": 2}),
        ("als", {"dim": 4, "regularization": 0.1, "bias_regularization": 3.0, "iterations": 2}),
        ("sgd", {"dim": 4, "epochs": 2}),
        ("contrastive", {"dim": 4, "epochs": 2, "loss_settings": {"temperature": 0.2}}),
        ("ease", {"regularization": 10.0}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_models_have_the_same_bits(name: str, asked: Mapping[str, Any], films: Path, tmp_path: Path) -> None:
    read, stored = fr.read(films), write_store(films, tmp_path / "log.store").interactions
    made = recipe(name)(**asked)
    one, other = (made.fit(log, progress=False) for log in (stored, read))
    tensors = other.scorer.tensors()
    assert one.scorer.tensors().keys() == tensors.keys()
    assert all(torch.equal(one.scorer.tensors()[key], tensor) for key, tensor in tensors.items())
    assert one.recommend(k=3).equals(other.recommend(k=3))


def test_splits_and_metrics_are_the_same(films: Path, tmp_path: Path) -> None:
    read, stored = fr.read(films), write_store(films, tmp_path / "log.store").interactions
    for how in ("random", "per_user", "by_time", "leave_last_out"):
        one, other = (getattr(fr.split, how)(log) for log in (stored, read))
        for part in ("train", "valid", "test"):
            assert_same(getattr(one, part), getattr(other, part))
        metrics = [fr.evaluate(fr.Popularity().fit(parts.train), parts).metrics for parts in (one, other)]
        assert metrics[0] == metrics[1]


def test_what_is_derived_is_right(films: Path, tmp_path: Path) -> None:
    read, stored = fr.read(films), write_store(films, tmp_path / "log.store").interactions
    for change in (
        Interactions.without_values,
        Interactions.relevant,
        lambda log: log.faded(half_life=1.0),
        lambda log: log.faded(half_life=1.0).without_weights().without_values(),
        lambda log: log.filter(min_per_user=12),
        lambda log: log.select(np.arange(0, len(log), 2)),
    ):
        assert_same(change(stored), change(read))
    assert stored.without_values().csr.data.base is not None  # the file of ones, and no copy


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_a_store_is_read_wherever_a_log_is(films: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "log.store")
    said = json.loads(
        run("data", "store", str(films), "-o", store, "--memory", "600MB", "--threads", "1", "--json").stdout
    )
    assert (said["rows"], said["users"], said["n_bad"]) == (500, 40, 0)
    assert_same(fr.read(store), fr.read(films, name="films"))
    assert fr.read(store, relevant_from=3).relevant_from == 3
    with pytest.raises(SettingsError, match=r"is a store, whose rows are read already; leave duplicates out"):
        fr.read(store, duplicates="last")
    with pytest.raises(SettingsError, match="leave the names of columns out"):
        fr.read(store, value="rating")
    assert run("fit", "--data", store, "--model", "popularity", "--out", str(tmp_path / "m")).exit_code == 0
    refused = run("data", "store", str(films), "-o", store)
    assert refused.exit_code == 1
    assert "nothing is appended to one: build another from all parts" in refused.stderr
    assert run("data", "store", str(films), "-o", store, "--force").exit_code == 0


def test_an_open_log_keeps_the_files_of_a_store_that_is_replaced(films: Path, tmp_path: Path) -> None:
    stored, read = write_store(films, tmp_path / "log.store").interactions, fr.read(films)
    (tmp_path / "other.csv").write_text("user,item\na,x\n")
    write_store(tmp_path / "other.csv", tmp_path / "log.store", overwrite=True)
    assert_same(stored, read)
    assert len(open_store(tmp_path / "log.store")) == 1


def test_bad_rows_and_repeated_pairs_are_named(tmp_path: Path) -> None:
    log, store = tmp_path / "log.csv", tmp_path / "log.store"
    log.write_text("user,item,rating\n" + "".join(f"u{n},i,1\n" for n in range(9)) + "u1,i,2\nu3,i,2\n,i,3\n")
    with pytest.raises(BadRowsError, match=r"1 of 12 rows of .*log\.csv cannot be read: line 13: no user"):
        write_store(log, store)
    with pytest.raises(DuplicateError, match=r"2 \(user, item\) pairs stand more than once, the first is \('u1'"):
        write_store(log, store, on_bad="skip")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.csv"]


FILES = ["users.npy", "values_by_item.npy", "ones.npy", "item_ids.parquet", "user_starts.npy", "manifest.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["gone", "short", "long", "flipped"])
def test_a_damaged_store_is_refused(name: str, damage: str, films: Path, tmp_path: Path) -> None:
    store = tmp_path / "log.store"
    write_store(films, store)
    file = store / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "flipped":
        content[len(content) // 2] ^= 4
        file.write_bytes(content)
    else:
        file.write_bytes(content[:-1] if damage == "short" else content + b"\0")
    with pytest.raises(DataError, match=r"log\.store(/manifest\.json)? is torn|there is no store in"):
        open_store(store)
    if damage != "flipped":  # sizes are compared all the same
        with pytest.raises(DataError, match=r"is torn|there is no store in"):
            open_store(store, verify=False)


def test_a_newer_store_and_what_is_none_are_refused(films: Path, tmp_path: Path) -> None:
    store = tmp_path / "log.store"
    write_store(films, store)
    manifest = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(DataError, match=r"is of format 2, this fillrank .* reads up to 1; upgrade fillrank"):
        open_store(store)
    with pytest.raises(DataError, match=r"there is no store in .*nowhere"):
        open_store(tmp_path / "nowhere")
    (store / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match="it is not of a store"):
        open_store(store)
    with pytest.raises(DataError, match="exists and is no store; give a new folder"):
        write_store(films, store, overwrite=True)


@pytest.mark.parametrize("memory", ["", "2 ZB", "-1GB", "10MB", 5.0, "GB"])
def test_a_limit_of_memory_that_is_none(memory: Any, films: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"memory must be a size of 500 MB or more, such as '2GB'; got"):
        write_store(films, tmp_path / "log.store", memory=memory)


def test_too_little_memory_and_a_full_disk(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    for error, words in (
        (
            duckdb.OutOfMemoryException("could not allocate"),
            r"memory: .* bytes are too few to sort",
        ),
        (duckdb.IOException("Could not write file: No space left on device"), r"no space is left on the disk"),
        (duckdb.InvalidInputException("what?"), r"DuckDB cannot sort the rows: what\?"),
    ):

        def fails(*_: Any, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(staging, "sorted_rows", fails)
        with pytest.raises((SettingsError, DataError, OSError), match=words):
            write_store(films, tmp_path / "log.store")
    assert [file.name for file in tmp_path.iterdir()] == ["films.csv"]


def test_without_duckdb_the_extra_is_named(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match=r'a store is built by DuckDB: pip install "fillrank\[big\]"'):
        write_store(films, tmp_path / "log.store")


BUILD = """
import sys
from fillrank.data import write_store
print("ready", flush=True)
write_store("big.csv", "log.store", overwrite=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_build_leaves_the_old_store_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng, numbers = random.Random(5), np.random.default_rng(1)
    frame = pl.DataFrame({"user": numbers.integers(0, 9_000, 300_000), "item": np.arange(300_000) % 5_000})
    frame.unique(maintain_order=True).write_csv("big.csv")
    Path("old.csv").write_text("user,item\na,x\n")
    write_store("old.csv", "log.store")
    sizes = set()
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0, 1.5))
            process.send_signal(signal.SIGKILL)
        sizes.add(len(open_store("log.store")))
        assert sizes <= {1, len(frame.unique())}
    write_store("old.csv", "log.store", overwrite=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["big.csv", "log.store", "old.csv"]
