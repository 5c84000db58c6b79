"""Titles found by what somebody types, typing errors and all: by the pairs and triples of letters that they share."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

__all__ = ["TitleIndex", "grams_of", "plain_text"]

_LONGEST = 200  # letters of a query or of a title that are looked at
_LEAST, _CLOSER = 0.2, 100  # the share of grams, and the number of titles, from which on titles are looked at again
_NEAR, _WORDS = 0.6, 8  # the score from which on a title is found; words of a query that are looked at


def plain_text(text: str) -> str:
    """Small letters and digits without accents, single blanks between words.

    Example:
        >>> plain_text("  Amélie POULAIN, (2001)")
        'amelie poulain 2001'
    """
    parts = unicodedata.normalize("NFKD", text[:_LONGEST]).casefold()
    kept = "".join(letter if letter.isalnum() else " " for letter in parts if not unicodedata.combining(letter))
    return " ".join(kept.split())


def grams_of(text: str) -> set[str]:
    """The pairs and triples of letters of each word, with a blank before and behind it.

    Example:
        >>> sorted(grams_of("Ran"))
        [' r', ' ra', 'an', 'an ', 'n ', 'ra', 'ran']
    """
    found = set()
    for word in plain_text(text).split():
        padded = f" {word} "
        found |= {padded[place : place + size] for size in (2, 3) for place in range(len(padded) - size + 1)}
    return found


class TitleIndex:
    """Titles, to be found by texts that are nearly theirs.

    The titles that share the most grams with the query are looked at again, word by word: each word of the query is
    compared with the nearest word of the title (:class:`difflib.SequenceMatcher`). Of equally good titles the one
    with fewer other words stands first.

    Args:
        titles: the texts; None for what has none.

    Example:
        >>> index = TitleIndex(["Red Heat (1988)", "Heat (1995)", "Alien (1979)", "Aliens (1986)", None])
        >>> index.search("alein", 2).tolist(), index.search("HEAT", 5).tolist(), index.search("zzz", 5).tolist()
        ([2, 3], [1, 0], [])
    """

    def __init__(self, titles: Sequence[str | None]) -> None:
        postings: dict[str, list[int]] = {}
        self._words = [plain_text(title).split() if title else [] for title in titles]
        for place, title in enumerate(titles):
            for gram in grams_of(title) if title else ():
                postings.setdefault(gram, []).append(place)
        self._postings = {gram: np.array(places, dtype=np.int32) for gram, places in postings.items()}

    def search(self, query: str, limit: int) -> NDArray[np.int64]:
        """The places of the titles that are nearest to ``query``, the nearest first; equal ones in their order."""
        return self.scored(query, limit)[0]

    def scored(self, query: str, limit: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """As :meth:`search`, with scores: 1 where each word of the query is in the title, less where it nearly is."""
        grams, words = grams_of(query), plain_text(query).split()[:_WORDS]
        lists = [self._postings[gram] for gram in grams if gram in self._postings]
        if not lists:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        shared = np.bincount(np.concatenate(lists), minlength=len(self._words))
        first = np.argsort(-shared, kind="stable")[: max(_CLOSER, limit)]
        first = first[shared[first] >= _LEAST * len(grams)]
        scores = np.array([self._score(words, self._words[place]) for place in first.tolist()])
        good = scores >= _NEAR
        best = np.argsort(-scores[good], kind="stable")[:limit]
        return first[good][best].astype(np.int64), scores[good][best]

    def _score(self, words: list[str], title: list[str]) -> float:
        """How near a title is, a little less for each word more than it would need."""
        near = [max(_similarity(word, other) for other in title) for word in words]
        return sum(near) / len(near) - 0.001 * len(title)


def _similarity(word: str, other: str) -> float:
    """Of two words: 1 where they are equal; nearly so where the second begins with the first."""
    if word == other:
        return 1.0
    if other.startswith(word):
        return 0.95
    return SequenceMatcher(None, word, other, autojunk=False).ratio()
