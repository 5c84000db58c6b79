"""The whole way by the command line, as its own process: a dirty file in, lists by the file's own ids out."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from fillrank.data import Interactions

DAMAGES = ("{user},{item},five", "{user},,4", ",{item},3", "{user},{item},nan", "{user},{item},4,extra", "{user}")


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fillrank", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def dirty(ratings: Interactions, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """String ids, the columns in an unusual order, the rows shuffled, one in a hundred damaged; and which lines."""
    rng = random.Random(0)
    rows = [f"member-{user},work/{item},{value:.3f}" for user, item, value in ratings.to_frame().iter_rows()]
    rng.shuffle(rows)
    damaged = sorted(rng.sample(range(len(rows)), len(rows) // 100))
    for n, place in enumerate(damaged):
        user, item, _ = rows[place].split(",")
        rows[place] = DAMAGES[n % len(DAMAGES)].format(user=user, item=item)
    path = tmp_path_factory.mktemp("dirty") / "export.csv"
    path.write_text("\n".join(["customer_id,sku,score", *rows]) + "\n")
    return path, [place + 2 for place in damaged]


READ = ("--read", "user=customer_id", "--read", "item=sku", "--read", "value=score")


def test_a_dirty_file_goes_in_and_lists_come_out(dirty: tuple[Path, list[int]], tmp_path: Path) -> None:
    path, damaged = dirty
    refused = run("fit", "--data", path, *READ, "--out", tmp_path / "none")
    assert refused.returncode == 1
    assert f"{len(damaged)} of 4,000 rows" in refused.stderr
    assert re.search(rf"line {damaged[0]}\b", refused.stderr)
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "none").exists()

    counted = json.loads(run("data", "inspect", path, *READ, "--json").stdout)
    assert counted["n_bad"] == len(damaged) == 40
    assert [row["line"] for row in counted["bad"]][:3] == damaged[:3]

    small = ("--set", "dim=8", "--set", "rating_dim=4", "--set", "epochs=3", "--set", "batch_size=512")
    fitted = run("fit", "--data", path, *READ, "--read", "on_bad=skip", *small, "--out", tmp_path / "run")
    assert fitted.returncode == 0, fitted.stderr
    assert "40" in fitted.stderr  # what was skipped is said

    listed = run("recommend", tmp_path / "run", "--user", "member-7", "-k", 5, "--json")
    assert listed.returncode == 0, listed.stderr
    items = [row["item_id"] for row in json.loads(listed.stdout)["recommendations"]]
    assert len(items) == 5
    assert all(item.startswith("work/") for item in items)

    everyone = run("recommend", tmp_path / "run", "--all", "-k", 3, "--out", tmp_path / "all.parquet")
    assert everyone.returncode == 0, everyone.stderr
    frame = pl.read_parquet(tmp_path / "all.parquet")
    assert frame["user_id"].n_unique() == 150
    assert frame["user_id"].str.starts_with("member-").all()

    new = run("recommend", tmp_path / "run", "--like", items[0], "--like", items[1], "-k", 4, "--json")
    assert len(json.loads(new.stdout)["recommendations"]) == 4


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("recommend", "nowhere", "--user", "1"), 1, "there is no saved model in nowhere"),
        (("fit", "--data", "no-such.csv", "--out", "x"), 1, "no-such.csv"),
        (("compare",), 2, "give one of --data, --train and --plan"),
        (("fit", "--data", "movielens-small", "--out", "x", "--set", "dimm=3"), 1, "CMC has no setting 'dimm'"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_mistakes_get_a_line_or_two_and_a_code(words: tuple[str, ...], code: int, message: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fillrank", *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_an_interrupted_fit_leaves_the_old_model_and_keeps_what_was_learnt(
    name: str, log_file: Path, tmp_path: Path
) -> None:
    data = ("--data", log_file, "--out", tmp_path / "run")
    assert run("fit", *data, "--model", "popularity").returncode == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    words = ("fit", *data, "--set", "epochs=100000", "--set", "patience=100000", "--set", "dim=8")
    command = [sys.executable, "-m", "fillrank", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch "):
                process.send_signal(signal.Signals[name])
                break
        said, rest = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.Signals[name], rest
    assert said == ""
    partial = tmp_path / "run.interrupted"
    assert re.search(
        rf"interrupted in epoch \d+: {tmp_path / 'run'} stays as it was; .*what was learnt is in {partial}", rest
    )
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before
    listed = run("recommend", partial, "--like", "film 3", "-k", 2, "--json")
    assert len(json.loads(listed.stdout)["recommendations"]) == 2
