"""A model whose scores are NaN or infinite: the error names the user and the item by their outside ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

import fillrank as fr
from fillrank.errors import ScoreError

LOG = fr.Interactions.from_arrays(
    ["ann", "ann", "bob", "cy"], ["Heat", "Alien", "Alien", "Brazil"], values=[5, 1, 4, 2]
)
PLACE = {"users": LOG.user_ids.encode(["bob"])[0], "items": LOG.item_ids.encode(["Heat"])[0]}


class Given(fr.Factors):
    """Factors of somebody else, which score as they like."""

    def score(self, users: torch.Tensor) -> torch.Tensor:
        scores = torch.zeros(len(users), self.n_items)
        scores[users == PLACE["users"], PLACE["items"]] = BAD[0]
        return scores

    def score_pairs(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        return self.score(users).gather(1, items[:, None])[:, 0]


BAD = [float("nan")]


def overflowing(sign: float = 1.0) -> fr.Factors:
    """Finite factors of which the score of bob and Heat overflows."""
    users, items = torch.ones(3, 1), torch.ones(3, 1)
    users[PLACE["users"]], items[PLACE["items"]] = 1e30, sign * 1e30
    return fr.Factors(users, items)


def model(scorer: Any) -> fr.Recommender:
    return fr.Recommender(scorer, scorer, LOG)


DOORS: dict[str, Callable[[fr.Recommender], Any]] = {
    "recommend": lambda model: model.recommend(),
    "recommend unseen to one": lambda model: model.recommend("bob", k=1),
    "score": lambda model: model.score(["ann", "bob"], ["Heat", "Heat"]),
    "predict": lambda model: model.predict(["ann", "bob"], ["Heat", "Heat"]),
    "evaluate": lambda model: fr.evaluate(model, test=TEST, train=LOG.select([0, 1, 2])),
}
TEST = replace(LOG.select([3]), users=PLACE["users"].reshape(1), items=PLACE["items"].reshape(1))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_scorer_of_somebody_else(door: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "BAD", [value])
    with pytest.raises(ScoreError, match="user 'bob' and item 'Heat'") as caught:
        DOORS[door](model(Given(torch.zeros(3, 1), torch.zeros(3, 1))))
    assert (caught.value.user, caught.value.item) == ("bob", "Heat")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_products_that_overflow(door: str, sign: float) -> None:
    with pytest.raises(ScoreError, match="user 'bob' and item 'Heat'"):
        DOORS[door](model(overflowing(sign)))


def test_a_scorer_of_somebody_else_may_rule_an_item_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "BAD", [-float("inf")])
    listed = model(Given(torch.zeros(3, 1), torch.zeros(3, 1))).recommend("bob", filter_seen=False)
    assert "Heat" not in listed["item_id"].to_list()


def test_likeness_of_an_item_whose_vector_has_no_length() -> None:
    far = torch.ones(3, 2)
    far[PLACE["items"]] = 3e38
    diverged = model(fr.Factors(torch.ones(3, 2), far))
    with pytest.raises(ScoreError, match="the vector of item 'Heat' is so long"):
        diverged.similar_items("Alien")


def test_large_factors_that_do_not_overflow_are_let_through() -> None:
    assert len(model(fr.Factors(torch.full((3, 1), 1e15), torch.full((3, 1), 1e15))).recommend()) > 0
