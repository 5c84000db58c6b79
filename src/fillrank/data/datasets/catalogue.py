"""Public data sets by name.

``movielens-small`` comes with a package; the others are looked for in a folder, in fillrank's own layout (Parquet) or
in the layout that their publishers chose. Nothing is ever downloaded.

>>> list_datasets()[:3]
('movielens-small', 'ml-100k', 'ml-1m')
>>> info("ml-1m").n_interactions
1000209
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import polars as pl

from fillrank.arguments import checked
from fillrank.data.datasets.cards import CARDS, DatasetInfo
from fillrank.data.datasets.layouts import LAYOUTS, Tables, movielens_small
from fillrank.data.interactions import Interactions
from fillrank.data.io.assemble import assemble
from fillrank.data.io.files import naming
from fillrank.data.io.guard import torn
from fillrank.data.split import Split, published
from fillrank.errors import DataError, DataNotFoundError
from fillrank.runtime.forks import refuse_after_fork
from fillrank.runtime.paths import expanded

__all__ = ["DatasetInfo", "info", "list_datasets", "load", "load_split"]

_FOLDER = "FILLRANK_DATA"


def list_datasets() -> tuple[str, ...]:
    """The names that :func:`load` knows."""
    return tuple(CARDS)


@checked
def info(name: str) -> DatasetInfo:
    """What a data set is, whose it is, and where to get it.

    Raises:
        DataError: the name is not known; the message suggests a close one.
    """
    if name in CARDS:
        return CARDS[name]
    close = difflib.get_close_matches(name, CARDS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise DataError(f"no data set is called {name!r}; {hint}known: {', '.join(CARDS)}; a file of yours: read(path)")


@checked
def load(name: str, *, folder: str | Path | None = None) -> Interactions:
    """A whole public data set.

    Args:
        name: one of :func:`list_datasets`.
        folder: where the data set's own folder is, or that folder itself; without it the environment variable
            ``FILLRANK_DATA`` says where.

    Returns:
        The log. Ids are the data set's own; films carry their titles as labels; ratings of 4 or more are relevant.

    Raises:
        DataError: the name is not known.
        DataNotFoundError: the files are not there; the message says what was looked for, and where to get it.
        MissingExtraError: ``movielens-small`` without the package that holds it.
    """
    card = info(name)
    return _assemble(card, _tables(card, folder))


@checked
def load_split(
    name: str, split: str | None = None, *, valid: float = 0.0, seed: int = 0, folder: str | Path | None = None
) -> Split:
    """A public data set, split as its publishers did.

    Args:
        name: one of :func:`list_datasets`.
        split: which of the data set's splits (``info(name).splits``); may be left out where there is only one.
        valid: fraction of the train part that is set aside for validation, at random by ``seed``.
        seed: the same seed gives the same validation part.
        folder: as for :func:`load`.

    Raises:
        DataError: the name is not known, or there is no such split.
        DataNotFoundError: the files are not there.
    """
    card = info(name)
    chosen = card.splits[0] if split is None and len(card.splits) == 1 else split
    if chosen not in card.splits:
        known = f"its published splits are {', '.join(card.splits)}" if card.splits else "none is published for it"
        raise DataError(f"{name} has no split {chosen!r}: {known}; fillrank.split makes others")
    tables = _tables(card, folder)
    if chosen not in tables.rows.columns:
        raise DataNotFoundError(f"the file of the split {chosen!r} is not beside the other files of {name}; add it")
    whole = _assemble(card, tables)
    train, test = (_assemble(card, tables._replace(rows=part), ids=whole) for part in _parts(tables.rows, chosen))
    return published(train, test, valid=valid, seed=seed, name=f"{name}/{chosen}")


def _parts(rows: pl.DataFrame, split: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    return rows.filter(~pl.col(split)), rows.filter(split)


def _assemble(card: DatasetInfo, tables: Tables, *, ids: Interactions | None = None) -> Interactions:
    columns, _ = assemble(
        tables.rows,
        titles=tables.titles,
        user_ids=None if ids is None else ids.user_ids,
        item_ids=None if ids is None else ids.item_ids,
        relevant_from=card.relevant_from,
        name=card.name,
    )
    return Interactions(**vars(columns))


def _tables(card: DatasetInfo, folder: str | Path | None) -> Tables:
    refuse_after_fork(f"reading {card.name}")
    if card.name == "movielens-small":
        return movielens_small()
    places = _places(card.name, folder)
    for place in places:
        for layout in LAYOUTS[card.name]:
            if layout.is_in(place):
                with naming(str(place)), torn():
                    return layout.read(place)
    where = " and ".join(str(place) for place in places)
    looked = f"there is no complete copy in {where}" if places else f"the variable {_FOLDER} is not set"
    raise DataNotFoundError(
        f"the data set {card.name} is not on this machine: {looked}. Get it from {card.home}, put it into a folder "
        f"{card.name} ({'; or '.join(card.layouts)}), and give the folder around it as {_FOLDER} or folder=…\n"
        f"licence: {card.licence}; cite: {card.citation}"
    )


def _places(name: str, folder: str | Path | None) -> list[Path]:
    if folder is not None:
        place = expanded(folder, "the folder")
        return [place / name, place]
    root = os.environ.get(_FOLDER)
    return [expanded(root, f"the folder of {_FOLDER}") / name] if root else []
