"""What looks odd in a table is said in notes and changed in nothing; and what errors advise fits the file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from fillrank.completion import MatrixCompletion
from fillrank.completion.files import CompletedFile, Finish, complete_file
from fillrank.errors import BadRowsError, DataError, SettingsError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def completed(folder: Path, content: str, **more: object) -> CompletedFile:
    (folder / "in.csv").write_text(content, encoding="utf-8")
    return complete_file(folder / "in.csv", folder / "out.csv", MatrixCompletion(1, max_iter=20), force=True, **more)


RATED = "id,a,b\n" + "".join(f"u{i},{i % 5 + 1},{'' if i == 3 else (i * 2) % 5 + 1}\n" for i in range(12))


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (RATED + "u12,999,1\nu13,999,2\n", "999 appears 2× in column 'a', far from all .*: --missing=999"),
        (RATED + "u12,-1,-1\n", "-1 appears 2× in columns 'a', 'b', far from all"),
        (RATED + "u12,9,1\n", "9 appears 1× in column 'a'"),
        (RATED.replace("u5", "u4"), "the id 'u4' \\(first in line 6\\) appears in several lines"),
        ("a,b,c\n1,2,\n2,,\n3,6,\n", "no value at all in column 'c': filled with the usual value of each row"),
        ("a,b\n1,2\n,\n2,\n", "no value at all in line 3: filled with the usual value of each column"),
    ],
)
def test_what_is_odd_is_said(content: str, note: str, tmp_path: Path) -> None:
    notes = "\n".join(completed(tmp_path, content).notes)
    assert re.search(note, notes), notes


def test_nothing_is_said_of_a_plain_table(tmp_path: Path) -> None:
    assert completed(tmp_path, RATED).notes == ()
    ages = "id,age,b\n" + "".join(f"u{i},{18 + 7 * i},{i % 2}\n" for i in range(11)) + "u11,99,0\nu12,,1\n"
    assert completed(tmp_path, ages).notes == ()  # 99 is an age here


LONG = "subject,question,answer\n" + "".join(f"{s},{q},{(s * q) % 5}\n" for s in range(4) for q in range(5))


def test_a_table_that_may_be_long_is_told_so(tmp_path: Path) -> None:
    assert any("a long table: --layout long" in note for note in completed(tmp_path, LONG).notes)
    named = LONG.replace(",1,", ",one,").replace(",0,", ",none at all,")
    with pytest.raises(BadRowsError, match="or, as no pair of its first two columns is there twice: --layout long"):
        completed(tmp_path, named)


def test_columns_of_text_are_named_for_the_option(tmp_path: Path) -> None:
    content = "id,town,x,y\n" + "".join(f"{i},Rome,{i}.5,{i}\n" for i in range(6)) + "7,Oslo,,2\n"
    with pytest.raises(BadRowsError, match=r"columns of text are left as they are with --ignore town$"):
        completed(tmp_path, content)
    commas = content.replace(",", ";").replace(".", ",")
    with pytest.raises(BadRowsError, match="--ignore town; of the others: --decimal , for a decimal comma"):
        completed(tmp_path, commas)


def test_what_is_sparse_is_told_of_the_models_for_logs() -> None:
    with pytest.raises(DataError, match=r"from_csr\(X\) makes one, .*ALS.*toarray\(\) puts zeros there"):
        MatrixCompletion().fit(sp.csr_array(np.eye(3)))
    with pytest.raises(DataError, match="a model for logs"):
        MatrixCompletion().fit(torch.eye(3).to_sparse())


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_typed_files_are_read_and_written(ending: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "who": ["a", "b", "c", "d"],
            "n": [1, 2, 3, 4],
            "x": [1, None, 3, 4],
            "y": [2.5, 4.5, float("nan"), 8.5],
        }
    )
    source = tmp_path / f"in{ending}"
    frame.write_parquet(source) if ending == ".parquet" else frame.write_ipc(source)
    done = complete_file(source, tmp_path / f"out{ending}", MatrixCompletion(1))
    assert (done.n_filled, done.row_ids) == (2, True)
    back = (pl.read_parquet if ending == ".parquet" else pl.read_ipc)(tmp_path / f"out{ending}")
    assert back.schema == {"who": pl.String, "n": pl.Int64, "x": pl.Float64, "y": pl.Float64}
    assert back["who"].equals(frame["who"])
    assert back["n"].equals(frame["n"])
    known = frame["x"].is_not_null()
    assert back["x"].filter(known).to_list() == frame["x"].filter(known).to_list()
    assert back["x"].is_not_null().all()
    assert back["y"].is_not_nan().all()
    complete_file(source, tmp_path / "out.csv", MatrixCompletion(1))
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").startswith("who,n,x,y\na,1,1,2.5\n")


def test_typed_files_that_cannot_be_completed(tmp_path: Path) -> None:
    pl.DataFrame({"a": [[1], [2]]}).write_parquet(tmp_path / "lists.parquet")
    with pytest.raises(DataError, match="the column 'a' holds List"):
        complete_file(tmp_path / "lists.parquet", tmp_path / "out.csv", MatrixCompletion())
    (tmp_path / "torn.parquet").write_bytes(b"PAR1" + bytes(40))
    with pytest.raises(DataError, match="torn"):
        complete_file(tmp_path / "torn.parquet", tmp_path / "out.csv", MatrixCompletion())
    (tmp_path / "in.csv").write_text("a,b\n1,2\n2,\n", encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"in.csv is a text file, so the result is one too; give a name that ends in \.csv"
    ):
        complete_file(tmp_path / "in.csv", tmp_path / "out.parquet", MatrixCompletion())


def test_what_is_filled_in_may_be_rounded_and_kept_within_its_column(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = np.round(rng.normal(size=(20, 1)) @ rng.normal(size=(1, 4)) * 3 + 5)
    table[:, 3] += 0.25
    rows = [",".join("" if rng.random() < 0.2 else f"{cell:g}" for cell in row) for row in table]
    completed(tmp_path, "a,b,c,d\n" + "\n".join(rows) + "\n", finish=Finish(whole=True, within=True))
    holes = pl.read_csv(tmp_path / "in.csv")
    full = pl.read_csv(tmp_path / "out.csv")
    for name in "abc":
        assert (full[name] == full[name].round()).all()
    for name in "abcd":
        assert holes[name].min() <= full[name].min()
        assert full[name].max() <= holes[name].max()
    assert (full["d"].filter(holes["d"].is_null()) % 1).n_unique() > 1


def test_the_error_stands_beside_that_of_column_means(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(40, 1)) @ rng.normal(size=(1, 6)) + 0.1 * rng.normal(size=(40, 6))
    text = "\n".join(",".join("" if rng.random() < 0.2 else f"{cell:.4f}" for cell in row) for row in table)
    done = completed(tmp_path, f"a,b,c,d,e,f\n{text}\n")
    assert 0.1 < done.rmse_kept_back < 0.5 * done.rmse_of_means
