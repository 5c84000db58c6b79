"""Logs with fewer users or items than dimensions, of one user or one item, and users who have met everything."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions
from fillrank.models import CMC, MMCL, Contrastive, LightGCN, NeuMF, Recipe

QUICK = {"epochs": 1}
HARD = {"n_negatives": 1, "base": {"name": "uniform", "n_negatives": 1}}
KINDS: dict[str, Recipe] = {
    "uniform": Contrastive(**QUICK),
    "own-negatives": Contrastive(sampler_settings={"shared": False}, **QUICK),
    "in-batch": Contrastive(sampler="in-batch", **QUICK),
    "mixed": Contrastive(sampler="mixed", **QUICK),
    "popularity": Contrastive(sampler="popularity", **QUICK),
    "hard": Contrastive(sampler="hard", sampler_settings=HARD, **QUICK),
    "without-sampler": Contrastive(loss="alignment-uniformity", **QUICK),
    "several-positives": Contrastive(loss_settings={"several_positives": True}, **QUICK),
    "margins": MMCL(**QUICK),
    "graph": LightGCN(**QUICK),
    "spread": LightGCN(route="delayed-propagation", **QUICK),
    "history": Contrastive(encoder="history", **QUICK),
    "pairs": NeuMF(**QUICK),
    "cmc": CMC(**QUICK),
    "cmc-both-ways": CMC(negatives="uniform", symmetric=True, **QUICK),
}


def grid(n_users: int, n_items: int) -> Interactions:
    """Everybody met everything."""
    users, items = np.repeat(np.arange(n_users), n_items), np.tile(np.arange(n_items), n_users)
    return Interactions.from_arrays(users, items, 1 + (users + items) % 5)


def with_a_bot() -> Interactions:
    users = [f"u{a}" for a in range(10) for _ in range(5)] + ["zz-bot"] * 12
    items = [f"i{(a * 3 + b) % 12}" for a in range(10) for b in range(5)] + [f"i{b}" for b in range(12)]
    return Interactions.from_arrays(users, items, [1 + n % 5 for n in range(len(users))])


SHAPES = {
    "40 x 30": grid(40, 30).select(np.random.default_rng(0).choice(1200, 500, replace=False)),
    "one row": grid(1, 1),
    "one user": grid(1, 5),
    "one item": grid(5, 1),
    "everybody met everything": grid(4, 3),
    "more items than users": grid(3, 70).select(np.random.default_rng(1).choice(210, 90, replace=False)),
    "more users than items": grid(70, 3).select(np.random.default_rng(1).choice(210, 90, replace=False)),
    "a bot": with_a_bot(),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_small_log_is_a_log(kind: str, shape: str) -> None:
    log = SHAPES[shape]
    listed = KINDS[kind].fit(log).recommend(k=3, filter_seen=False)
    assert len(listed) == log.n_users * min(3, log.n_items)
    assert np.isfinite(listed["score"].to_numpy()).all()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=25, unique=True),
    st.sampled_from(["uniform", "in-batch", "hard", "margins", "cmc"]),
)
def test_no_log_is_too_small(pairs: list[tuple[int, int]], kind: str) -> None:
    log = Interactions.from_arrays(*zip(*pairs, strict=True))
    listed = KINDS[kind].fit(log).recommend(k=2, filter_seen=False)
    assert np.isfinite(listed["score"].to_numpy()).all()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"without-sampler"}))
def test_who_has_met_everything_is_named_by_the_id_it_came_with(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="fillrank"):
        KINDS[kind].fit(with_a_bot())
    said = [record.getMessage() for record in caplog.records if "met all 12 items" in record.getMessage()]
    assert said
    assert [text for text in said if text.startswith("1 user ('zz-bot') met all 12 items")] == said


def test_of_many_such_users_a_few_are_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="fillrank"):
        KINDS["uniform"].fit(grid(9, 2))
    assert "9 users (0, 1, 2, 3, 4 and 4 more) met all 2 items" in caplog.text
    assert "that is everybody" in caplog.text


@pytest.mark.parametrize("kind", ["uniform", "margins"])
def test_they_are_in_no_batch(kind: str) -> None:
    """Their vectors stay where they began, and others learn as they would without them."""
    recipe = KINDS[kind].model_copy(update={"neighbour_weight": 0.0, "popularity_beta": 0.0})  # nothing is held out
    model, longer = recipe.fit(with_a_bot()), recipe.model_copy(update={"epochs": 3}).fit(with_a_bot())
    moved = (model.scorer.users != longer.scorer.users).any(1)
    assert moved.tolist() == [True] * 10 + [False]


def test_where_known_positives_are_not_masked_nobody_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="fillrank"):
        MMCL(sampler_settings={"exclude": "own"}, **QUICK).fit(with_a_bot())
    assert not [record for record in caplog.records if "met all" in record.getMessage()]
