"""What is known of items and users beside the log: reading it, aligning it, and turning it into numbers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import IdMap
from fillrank.data.features import FeatureCoding
from fillrank.errors import DataError
from fillrank.runtime import notices

FILMS = pl.DataFrame(
    {
        "movieId": [7, 3, 5],
        "genres": ["War|Drama", None, "Drama"],
        "year": [1950, 1960, None],
        "colour": [True, False, True],
        "day": [date(2020, 1, 1), date(2020, 1, 3), None],
        "text": [[0.5, 1.0], [1.0, 0.0], None],
    }
)


def matrix(features: fr.Features) -> dict[str, list[float]]:
    coding = FeatureCoding.of(features)
    numbers = coding.matrix(features).toarray().astype(float)
    return {name: numbers[:, n].round(3).tolist() for n, name in enumerate(coding.names)}


def test_each_column_is_what_its_values_say() -> None:
    films = fr.Features.from_frame(FILMS)
    assert str(films) == (
        "Features(3 rows; genres: 2 tags; year: number; colour: 2 categories; day: number; text: vectors of 2)"
    )
    assert films.ids.ids.to_list() == [3, 5, 7]


def test_what_the_numbers_are() -> None:
    found = matrix(fr.Features.from_frame(FILMS))
    assert found["genres=Drama"] == [0.0, 1.0, 0.707]
    assert found["genres=War"] == [0.0, 0.0, 0.707]
    assert found["year"] == [1.0, 0.0, -1.0]
    assert found["year is missing"] == [0.0, 1.0, 0.0]
    assert found["day"] == [1.0, 0.0, -1.0]
    assert found["text[0]"] == [1.155, 0.0, 0.577]  # over the root of (1 + 0 + 1.25) / 3


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_every_kind_of_table(kind: str) -> None:
    pytest.importorskip("pyarrow")
    plain = FILMS.drop("text")
    assert matrix(fr.Features.from_frame(getattr(plain, f"to_{kind}")())) == matrix(fr.Features.from_frame(plain))


def test_kinds_can_be_said() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "code": [10, 20], "words": ["x y", "y"], "note": ["1", "2.5"]})
    films = fr.Features.from_frame(frame, kinds={"code": "category", "words": "tags", "note": "number"}, separator=" ")
    assert str(films) == "Features(2 rows; code: 2 categories; words: 2 tags; note: number)"
    assert "note" not in fr.Features.from_frame(frame, kinds={"note": "skip"}).columns


def test_embedded_texts_come_beside_the_table() -> None:
    table = np.arange(6.0).reshape(3, 2)
    films = fr.Features.from_frame(FILMS.select("movieId"), vectors={"plot": table})
    np.testing.assert_array_equal(films.columns["plot"].values, table[[1, 2, 0]])


def test_titles_are_left_out_aloud(caplog: pytest.LogCaptureFixture) -> None:
    notices._NOTICES.forget()
    frame = pl.DataFrame({"item": range(30), "title": [f"film {n}" for n in range(30)], "x": [1.0, 2.0] * 15})
    assert list(fr.Features.from_frame(frame).columns) == ["x"]
    assert "the column 'title' of the features is left out" in caplog.text


def test_files(tmp_path: Path) -> None:
    plain = FILMS.drop("text", "day")
    plain.write_csv(tmp_path / "films.csv")
    plain.write_csv(tmp_path / "films.tsv", separator="\t")
    plain.write_parquet(tmp_path / "films.parquet")
    plain.write_ndjson(tmp_path / "films.jsonl")
    wanted = matrix(fr.Features.from_frame(plain))
    for file in tmp_path.iterdir():
        assert matrix(fr.Features.read(file)) == wanted, file.name


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (pl.DataFrame({"id": [1, 1], "x": [1, 2]}), {}, "id 1 stands more than once"),
        (pl.DataFrame({"id": [1, None], "x": [1, 2]}), {}, "1 of 2 ids are missing"),
        (pl.DataFrame({"id": [1]}), {}, "a column of items and at least one more, got id"),
        (
            pl.DataFrame({"id": [1, 2], "x": [1.0, float("inf")]}),
            {},
            "column 'x' has inf .float. for 2, and a finite number",
        ),
        (pl.DataFrame({"id": ["a"], "x": ["old"]}), {"kinds": {"x": "number"}}, "column 'x' has 'old' .str. for 'a'"),
        (pl.DataFrame({"id": [1], "x": [1]}), {"kinds": {"y": "number"}}, "the columns are x, the kinds category"),
        (pl.DataFrame({"id": [1], "x": [1]}), {"kinds": {"x": "float"}}, "kinds says 'x': 'float'"),
        (pl.DataFrame({"id": [1], "x": [1]}), {"ids": "film"}, "has no column 'film'; it has id, x"),
        (pl.DataFrame({"id": [1], "x": [1]}), {"vectors": {"t": [[1.0], [2.0]]}}, "must be 1 rows of finite numbers"),
        (pl.DataFrame({"id": [1], "x": [1]}), {"vectors": {"t": [[np.nan]]}}, "must be 1 rows of finite numbers"),
        (
            pl.DataFrame({"id": [1, 2], "x": [[0.5], [0.5, 1.5]]}),
            {"kinds": {"x": "vector"}},
            "column 'x' has .* for 2, and 1 finite numbers were wanted",
        ),
        ({"id": [1]}, {}, "a table of features is a table of pandas, polars or pyarrow, or a file with one; got"),
        (pl.DataFrame({"id": [1], "x": [None]}), {}, "at least one column beside the ids, and none was left"),
    ],
)
def test_what_makes_no_sense_says_why(frame, options, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fr.Features.from_frame(frame, **options)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        fr.Features.read(tmp_path / "films.csv")


def test_a_log_takes_the_rows_of_its_own_ids(caplog: pytest.LogCaptureFixture) -> None:
    notices._NOTICES.forget()
    log = fr.Interactions.from_arrays(["a", "b"], [5, 9]).with_features(items=FILMS)
    assert log.item_features.ids is log.item_ids
    assert matrix(log.item_features)["genres=Drama"] == [1.0, 0.0]
    assert "1 of the 2 items have no row in the features" in caplog.text
    with pytest.raises(DataError, match="none of the 2 items of the log has a row in the features"):
        fr.Interactions.from_arrays(["a", "b"], [50, 90]).with_features(items=FILMS)
    with pytest.raises(DataError, match="none of the 2 users"):
        log.with_features(users=FILMS)


def test_ids_of_text_find_whole_numbers() -> None:
    log = fr.Interactions.from_arrays(["a", "b"], ["5", "7"]).with_features(
        items=FILMS.with_columns(pl.col("movieId").cast(str))
    )
    assert matrix(log.item_features)["genres=War"] == [0.0, 0.707]


def test_features_stay_through_filters_and_growth() -> None:
    log = fr.Interactions.from_arrays(["a", "b", "b"], [3, 5, 7]).with_features(items=FILMS)
    assert log.filter(min_per_user=2).item_features.ids.ids.to_list() == [5, 7]
    split = fr.split.random(log, test=0.4, valid=0, seed=0)
    assert split.test.item_features is split.train.item_features


def test_new_rows_follow_the_old_ones() -> None:
    old = fr.Features.from_frame(FILMS)
    new = fr.Features.from_frame(
        FILMS.with_columns(movieId=pl.Series([8, 9, 5]), genres=pl.Series(["Love", None, "War"]))
    )
    ids = old.ids.followed_by([8, 9, 10])
    both = old.grown(ids, new)
    coding = FeatureCoding.of(both)
    numbers = dict(zip(coding.names, coding.matrix(both).toarray().astype(float).T.round(3).tolist(), strict=True))
    assert numbers["genres=Love"] == [0, 0, 0, 1, 0, 0]
    assert numbers["genres=Drama"] == [0, 1, 0.707, 0, 0, 0]
    assert numbers["year is missing"] == [0, 1, 0, 0, 0, 1]
    with pytest.raises(DataError, match="column 'year' holds numbers"):
        old.grown(ids, fr.Features.from_frame(FILMS.with_columns(year=pl.Series(["x", "y", "x"]))))


def test_new_rows_are_coded_as_the_old_ones_were(caplog: pytest.LogCaptureFixture) -> None:
    notices._NOTICES.forget()
    coding = FeatureCoding.of(fr.Features.from_frame(FILMS.select("movieId", "genres", "year")))
    later = pl.DataFrame({"movieId": [1, 2], "genres": ["War|Love", "Love"], "year": [1955, 5000]})
    rows = coding.matrix(fr.Features.from_frame(later)).toarray()
    assert rows.tolist() == [[0, 1, 0, 0], [0, 0, 5, 0]]  # one known tag counts 1; numbers are cut at five deviations
    assert "1 values of 'genres' were not there when the model learnt" in caplog.text
    with pytest.raises(DataError, match="the features have nothing of that name where the model learnt of 'year'"):
        coding.matrix(fr.Features.from_frame(later.drop("year")))


@settings(max_examples=30, deadline=None)
@given(
    cells=st.lists(st.lists(st.sampled_from("abcdef"), max_size=4, unique=True), min_size=2, max_size=12),
    numbers=st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=12),
)
def test_every_column_has_a_length_of_about_one(cells: list[list[str]], numbers: list[float]) -> None:
    cells[0] = ["a"]
    frame = pl.DataFrame({"id": range(len(cells)), "tags": cells, "x": numbers[: len(cells)]})
    features = fr.Features.from_frame(frame)
    coding = FeatureCoding.of(features)
    rows = coding.matrix(features).toarray()
    tags = [n for n, name in enumerate(coding.names) if name.startswith("tags=")]
    lengths = np.square(rows[:, tags]).sum(1)
    np.testing.assert_allclose(lengths, [float(bool(one)) for one in cells], atol=1e-5)
    if "x" in coding.names:
        assert np.square(rows[:, coding.names.index("x")]).mean() == pytest.approx(1.0, abs=1e-3)


def test_an_id_map_refuses_columns_of_other_lengths() -> None:
    films = fr.Features.from_frame(FILMS)
    with pytest.raises(DataError, match="column 'genres' has 3 rows, and there are 2 ids"):
        fr.Features(IdMap([1, 2]), films.columns)
