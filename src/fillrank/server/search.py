"""Titles found by what somebody types, typing errors and all: each word of it is compared with all words of titles."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

__all__ = ["TitleIndex", "plain_text"]

_LONGEST, _WORDS = 200, 8  # letters of a text, and words of a query, that are looked at
_NEAR, _BEGUN = 0.6, 0.95  # the score from which on a title is found; that of a word that begins with the one asked for


def plain_text(text: str) -> str:
    """Small letters and digits without accents, single blanks between words.

    Example:
        >>> plain_text("  Amélie POULAIN, (2001)")
        'amelie poulain 2001'
    """
    parts = unicodedata.normalize("NFKD", text[:_LONGEST]).casefold()
    kept = "".join(letter if letter.isalnum() else " " for letter in parts if not unicodedata.combining(letter))
    return " ".join(kept.split())


class TitleIndex:
    """Titles, to be found by texts that are nearly theirs.

    Two words are as near as few letters have to be put in, left out, replaced or swapped with their neighbour
    (RapidFuzz's ``OSA``). A title is as near as the words of the query have a near word in it, on average; of equally
    near ones the one with fewer words stands first.

    Args:
        titles: the texts; None for what has none.

    Example:
        >>> index = TitleIndex(["Red Heat (1988)", "Heat (1995)", "Alien (1979)", "Aliens (1986)", None])
        >>> index.search("alein", 2).tolist(), index.search("HEAT", 5).tolist(), index.search("zzz", 5).tolist()
        ([2, 3], [1, 0], [])
    """

    def __init__(self, titles: Sequence[str | None]) -> None:
        places: dict[str, int] = {}
        of_titles = [plain_text(title).split() if title else [] for title in titles]
        self._of_title = np.array(
            [places.setdefault(word, len(places)) for words in of_titles for word in words], dtype=np.int64
        )
        self._words = list(places)
        self._initials = np.array([word[:1] for word in self._words])
        self._sizes = np.array([len(words) for words in of_titles], dtype=np.int64)
        self._titled = np.flatnonzero(self._sizes)
        self._starts = np.append(0, np.cumsum(self._sizes[self._titled]))[:-1]

    def search(self, query: str, limit: int) -> NDArray[np.int64]:
        """The places of the titles that are nearest to ``query``, the nearest first; equal ones in their order."""
        return self.scored(query, limit)[0]

    def scored(self, query: str, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """As :meth:`search`, with scores: 1 where each word of the query is in the title, less where it nearly is."""
        words = plain_text(query).split()[:_WORDS]
        if not words or not len(self._titled):
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        total = np.zeros(len(self._titled))
        for word in words:
            total += np.maximum.reduceat(self._near(word)[self._of_title], self._starts)
        scores = total / len(words) - 0.001 * self._sizes[self._titled]
        good = np.flatnonzero(scores >= _NEAR)
        best = good[np.argsort(-scores[good], kind="stable")[:limit]]
        return self._titled[best].astype(np.int64), scores[best]

    def _near(self, word: str) -> NDArray[np.float64]:
        """How near each word of the titles is to one."""
        near: NDArray[np.float64] = np.array(process.cdist([word], self._words, scorer=OSA.normalized_similarity)[0])
        for place in np.flatnonzero(self._initials == word[:1]).tolist():
            if near[place] < 1 and self._words[place].startswith(word):
                near[place] = _BEGUN
        return near
