"""The ratings of the lab: a matrix with a row for each film and a column for each user."""

from __future__ import annotations

import csv
import io
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fillrank.data import IdMap, Interactions
from fillrank.data.io.encoding import text_of
from fillrank.data.io.files import unpacked
from fillrank.errors import DataError
from fillrank.runtime.paths import expanded, refuse_special

__all__ = ["FilmRatings", "film_ratings_of", "read_lab_files"]

# Exceptions of PyTorch's restricted reader for damaged files and files without a tensor (found by fuzzing).
_UNREADABLE = (
    *(RuntimeError, UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(AssertionError, struct.error, OverflowError, MemoryError),
)
_ARTICLE_LAST = re.compile(r"^(?P<name>.+), (?P<article>A|An|The)(?P<year> \(\d{4}\))?$")


@dataclass(frozen=True, eq=False)
class FilmRatings:
    """Ratings of films.

    Attributes:
        name: the source of the ratings.
        values: float32 ``[n_films, n_users]``; the values of unrated cells have no meaning.
        observed: bool ``[n_films, n_users]``.
        films: the ids of the rows; their labels are the titles, if there are any.
        users: the ids of the columns, or None.

    Raises:
        DataError: the shapes differ, or there are no ratings.
    """

    name: str
    values: Tensor
    observed: Tensor
    films: IdMap
    users: IdMap | None = None

    def __post_init__(self) -> None:
        if self.values.shape != self.observed.shape or len(self.values) != len(self.films):
            shapes = f"{list(self.values.shape)}, {list(self.observed.shape)}"
            raise DataError(f"values and observed must be [{len(self.films)} films, n_users], got {shapes}")
        if not bool(self.observed.any()):
            raise DataError(f"{self.name} holds no rating: every cell is 0 or NaN, which mean 'not rated'")


def film_ratings_of(interactions: Interactions, *, n_films: int = 1000, n_users: int = 10_000) -> FilmRatings:
    """The ratings of the most rated films by the most active users, in the order of the log's items and users.

    MovieLens writes the article at the end of a title. It is moved to the front: "Beautiful Mind, A (2001)" becomes
    "A Beautiful Mind (2001)".

    Args:
        interactions: ratings.
        n_films, n_users: at most so many of each; the defaults are the lab's.

    Raises:
        DataError: the log has no values or no rows.

    Example:
        >>> log = Interactions.from_arrays([1, 2, 2], ["Heat", "Heat", "Game, The"], values=[5, 3, 4])
        >>> film_ratings_of(log).values
        tensor([[0., 4.],
                [5., 3.]])
    """
    if interactions.values is None:
        raise DataError("the film question is about ratings, and this log has no values; read it with value=")
    films, users = _most_met(interactions.item_counts, n_films), _most_met(interactions.user_counts, n_users)
    labels = interactions.item_ids.labels
    titles = None if labels is None else [_article_first(title) for title in labels.gather(films)]
    by_film = interactions.csr[users][:, films].T
    present = interactions.without_values().csr[users][:, films].T
    return FilmRatings(
        name=interactions.name or "the log",
        values=torch.from_numpy(by_film.toarray()).contiguous(),
        observed=torch.from_numpy(present.toarray() > 0).contiguous(),
        films=IdMap(interactions.item_ids.ids.gather(films), labels=titles),
        users=IdMap(interactions.user_ids.ids.gather(users)),
    )


def read_lab_files(ratings: str | os.PathLike[str], titles: str | os.PathLike[str]) -> FilmRatings:
    """Read the two files of the lab.

    Nothing in the tensor's file is executed: PyTorch reads it with ``weights_only=True``.

    Args:
        ratings: a tensor ``[n_films, n_users]`` as ``torch.save`` writes it; 0 and NaN mean "not rated".
        titles: a CSV file in UTF-8 with a heading and then, for each film, its row in the tensor and its title.

    Raises:
        DataError: a file is damaged or has another content, or the two do not belong together.
        OSError: a file cannot be opened.
    """
    files = [expanded(path, f"the file of {what}") for path, what in ((ratings, "ratings"), (titles, "titles"))]
    for file in files:
        refuse_special(file)
    values, names = _read_tensor(files[0]), _read_titles(files[1])
    if sorted(names) != list(range(len(values))):
        raise DataError(
            f"{titles} must name the rows 0 to {len(values) - 1} of the tensor in {ratings}, each once; "
            f"it names {len(names)} rows" + (f" from {min(names)} to {max(names)}" if names else "")
        )
    observed = values.isfinite() & (values != 0)
    return FilmRatings(
        name=files[0].name,
        values=values.float(),
        observed=observed,
        films=IdMap(names.keys(), labels=names.values()),
    )


def _most_met(counts: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """The indices of the ``n`` largest counts, sorted; of equal counts, the lower index is preferred."""
    return np.sort(np.argsort(-counts, kind="stable")[:n])


def _article_first(title: str | None) -> str | None:
    match = None if title is None else _ARTICLE_LAST.match(title)
    return title if match is None else f"{match['article']} {match['name']}{match['year'] or ''}"


def _read_tensor(path: Path) -> Tensor:
    size = path.stat().st_size
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise DataError(
            f"{path} cannot be read as a tensor: it is torn, or holds objects that may run code "
            f"({type(error).__name__}); save the ratings with torch.save(tensor, path)"
        ) from error
    if not isinstance(found, Tensor):
        raise DataError(f"{path} holds a {type(found).__name__}; a tensor of ratings [n_films, n_users] is wanted")
    if found.layout != torch.strided or found.is_quantized or found.is_complex() or found.dim() != 2:
        raise DataError(
            f"{path} holds a tensor of {found.dtype}, {found.layout}, shape {list(found.shape)}; "
            "a dense matrix of numbers [n_films, n_users] is wanted"
        )
    if found.numel() * found.element_size() > size:
        raise DataError(f"{path} claims a matrix of {list(found.shape)} and has only {size} bytes; it is not whole")
    values = found.detach()
    if bool(values.isinf().any()) or bool((values < 0).any()):
        raise DataError(f"{path} holds ratings that are negative or infinite; 0 or NaN is what means 'not rated'")
    return values


def _read_titles(path: Path) -> dict[int, str]:
    """Titles by row of the tensor."""
    rows: list[tuple[int, str]] = []
    text = text_of(unpacked(path))[0]
    try:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        next(lines, None)  # the heading
        for number, title in lines:
            rows.append((int(number), title))
    except (ValueError, csv.Error) as error:  # no text, not two fields, not a whole number
        raise DataError(
            f"{path} must hold 'row number, title' on each line; after {len(rows)} such lines: {error}"
        ) from error
    names = dict(rows)
    if len(names) < len(rows):
        raise DataError(f"{path} names {len(rows) - len(names)} rows of the tensor more than once; name each once")
    return names
