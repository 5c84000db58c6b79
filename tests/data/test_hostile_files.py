"""Damaged files of every format: read, or an error of ours in words; never a traceback, a panic or an abort."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from fillrank.data import scan
from fillrank.errors import FillrankError

N_MUTATIONS = 300
FRAME = pl.DataFrame(
    {
        "user": [f"user-{n % 7}" for n in range(60)],
        "item": [n % 11 for n in range(60)],
        "rating": [float(n % 5) for n in range(60)],
        "timestamp": [1_260_759_144 + n for n in range(60)],
        "title": [f"Amélie {n % 11}" for n in range(60)],
    }
)


def csv(**options: object) -> bytes:
    return FRAME.write_csv(**options).encode()  # type: ignore[call-overload, no-any-return]


def written(how: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    getattr(FRAME, how)(buffer, **options)
    return buffer.getvalue()


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.csv", data)
    return buffer.getvalue()


def zstd() -> bytes:
    pyarrow = pytest.importorskip("pyarrow", reason="makes Arrow tables")
    return bytes(pyarrow.compress(csv(), codec="zstd", asbytes=True))


def pretty() -> bytes:
    return json.dumps(FRAME.to_dicts(), indent=1).encode()


MTX = b"%%MatrixMarket matrix coordinate real general\n%\n9 9 60\n" + b"".join(
    b"%d %d 4.5\n" % (n // 9 + 1, n % 9 + 1) for n in range(60)
)
FORMATS: dict[str, Callable[[], bytes]] = {
    "csv": csv,
    "quoted.csv": lambda: csv(quote_style="always"),
    "tsv": lambda: csv(separator="\t"),
    "utf-16.csv": lambda: csv().decode().encode("utf-16"),
    "cp1252.csv": lambda: csv().decode().encode("cp1252"),
    "dat": lambda: csv(include_header=False).replace(b",", b"::"),
    "mtx": lambda: MTX,
    "lightgcn.txt": lambda: b"0 5 7 9\n1 5\n2\n" * 9,
    "jsonl": lambda: written("write_ndjson"),
    "nested.jsonl": lambda: b"".join(
        b'{"user": {"id": %d}, "item": %d, "tags": [{"a": "\\u00e9"}]}\n' % (n, n % 7) for n in range(60)
    ),
    "array.json": pretty,
    "parquet": lambda: written("write_parquet"),
    "plain.parquet": lambda: written("write_parquet", compression="uncompressed", statistics=False),
    "snappy.parquet": lambda: written("write_parquet", compression="snappy", row_group_size=20),
    "arrow": lambda: written("write_ipc"),
    "zstd.arrow": lambda: written("write_ipc", compression="zstd"),
    "lz4.arrow": lambda: written("write_ipc", compression="lz4"),
    "stream.arrow": lambda: written("write_ipc_stream"),
    "csv.gz": lambda: gzip.compress(csv()),
    "csv.bz2": lambda: bz2.compress(csv()),
    "csv.xz": lambda: lzma.compress(csv()),
    "csv.zst": zstd,
    "zip": lambda: zipped(csv()),
}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Flipped bits, bytes taken out, put in or doubled, a cut; one to four times."""
    hurt = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(hurt)) if hurt else 0
        size = rng.choice([1, 1, 2, 8, 64])
        kind = rng.randrange(7)
        if kind <= 1 and hurt:
            hurt[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            hurt[place : place + size] = b""
        elif kind == 3:
            hurt[place:place] = rng.choice(
                [rng.randbytes(size), b"\0" * size, b"\xff" * size, b'"', b"\r", b"9" * 400, b"[{" * 50]
            )
        elif kind == 4:
            hurt[place:place] = hurt[place : place + size]
        elif kind == 5:
            hurt[place : place + size] = rng.randbytes(size)
        elif rng.random() < 0.3:
            del hurt[place:]
    return bytes(hurt)


def read_mutations(form: str, path: Path, first: int, last: int) -> Counter[str]:
    """Read some mutations of a file; every outcome but a log or an error in words is raised."""
    data, outcomes = FORMATS[form](), Counter[str]()
    for seed in range(first, last):
        path.write_bytes(mutated(data, random.Random(f"{form} {seed}")))
        try:
            result = scan(path, duplicates="last", on_bad="skip")
        except (FillrankError, OSError) as error:
            outcomes["error"] += 1
            words = str(error)
        except BaseException as error:
            raise AssertionError(f"{form} {seed}: {type(error).__name__}: {error}") from error
        else:
            assert result.n_rows == result.n_bad + result.n_duplicates + len(result.interactions), f"{form} {seed}"
            outcomes["read"] += 1
            words = ""
        assert len(words) < 2_000, f"{form} {seed}: a message of {len(words)} characters"
        assert "\n" not in words.strip(), f"{form} {seed}: {words}"
    return outcomes


@pytest.mark.parametrize("form", FORMATS)
def test_a_few_damaged_files(form: str, tmp_path: Path) -> None:
    assert sum(read_mutations(form, tmp_path / f"log.{form}", 0, 12).values()) == 12


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_hundreds_of_damaged_files(form: str, tmp_path: Path) -> None:
    """In a process of its own, with a limit on its memory, so that an abort is seen as well."""
    code = (
        "import resource, sys, pathlib; resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30));"
        "sys.path.insert(0, sys.argv[1]); import test_hostile_files as t;"
        "print(dict(t.read_mutations(sys.argv[2], pathlib.Path(sys.argv[3]), 0, int(sys.argv[4]))))"
    )
    command = [
        sys.executable,
        "-c",
        code,
        str(Path(__file__).parent),
        form,
        str(tmp_path / f"log.{form}"),
        str(N_MUTATIONS),
    ]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "POLARS_MAX_THREADS": "2"}
    )
    assert done.returncode == 0, done.stderr[-2_000:]
