"""Factors and blends: scores by the formula, and parts that make the same thing again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions
from fillrank.errors import DataError, TrainingError
from fillrank.factors import Blend, Factors, Scorer, scorer_from_parts
from fillrank.factors.fold_in import ImplicitRidge, Projection, RatingRidge


def random_factors(seed: int, *, biased: bool = True, similarity: str = "dot", dim: int = 3, folding=None) -> Factors:
    generator = torch.Generator().manual_seed(seed)
    make = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return Factors(
        make(5, dim),
        make(7, dim),
        user_bias=make(5) if biased else None,
        item_bias=make(7) if biased else None,
        offset=0.7 if biased else 0.0,
        similarity=similarity,
        folding=folding,
    )


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("biased", [True, False])
def test_scores_by_the_formula(similarity: str, biased: bool) -> None:
    factors = random_factors(1, biased=biased, similarity=similarity)
    everyone = torch.arange(5)
    for user in range(5):
        for item in range(7):
            p, q = factors.users[user], factors.items[item]
            expected = p @ q / (p.norm() * q.norm() if similarity == "cosine" else 1)
            if biased:
                expected = expected + factors.offset + factors.user_bias[user] + factors.item_bias[item]
            torch.testing.assert_close(factors.score(everyone)[user, item], expected)
            torch.testing.assert_close(factors.score_pairs(torch.tensor([user]), torch.tensor([item]))[0], expected)


def test_a_vector_of_zeros_is_alike_to_nothing() -> None:
    factors = Factors(torch.zeros(1, 2), torch.ones(3, 2), similarity="cosine")
    assert factors.score(torch.tensor([0])).tolist() == [[0, 0, 0]]


@settings(max_examples=30, deadline=None)
@given(a=st.floats(-3, 3), b=st.floats(-3, 3), similarity=st.sampled_from(["dot", "cosine"]))
def test_a_blend_is_the_weighted_sum_of_its_parts(a: float, b: float, similarity: str) -> None:
    one, two = random_factors(1, biased=False, similarity=similarity), random_factors(2, dim=4)
    everyone = torch.arange(5)
    blend = Blend((one, two), (a, b))
    torch.testing.assert_close(blend.score(everyone), a * one.score(everyone) + b * two.score(everyone))
    users, items = torch.tensor([0, 4]), torch.tensor([6, 2])
    pairs = a * one.score_pairs(users, items) + b * two.score_pairs(users, items)
    torch.testing.assert_close(blend.score_pairs(users, items), pairs)


@pytest.mark.parametrize(
    "scorer",
    [
        random_factors(3),
        random_factors(4, similarity="cosine", folding=ImplicitRidge(0.2, 3.0, positive_from=4.0)),
        random_factors(5, folding=Projection(torch.ones(7, 3, dtype=torch.float64), use_values=True)),
        Blend((random_factors(6), random_factors(7, folding=RatingRidge(0.3, 0.1))), (2.0, 0.5)),
    ],
)
def test_parts_make_the_same_scorer_again(scorer: Factors | Blend) -> None:
    assert isinstance(scorer, Scorer)
    again = scorer_from_parts(scorer.tensors(), scorer.settings())
    everyone = torch.arange(5)
    assert torch.equal(again.score(everyone), scorer.score(everyone))
    assert again.settings() == scorer.settings()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Factors(torch.zeros(2, 3), torch.zeros(2, 4)), DataError, r"got \[2, 3\] and \[2, 4\]"),
        (
            lambda: Factors(torch.zeros(2, 3), torch.zeros(5, 3), item_bias=torch.zeros(2)),
            DataError,
            r"shape \[5\], got",
        ),
        (
            lambda: Factors(torch.zeros(2, 3), torch.zeros(2, 3), similarity="l2"),
            DataError,
            "'dot' or 'cosine', got 'l2'",
        ),
        (
            lambda: Factors(torch.full((2, 3), torch.nan), torch.zeros(2, 3)),
            TrainingError,
            "2 rows of the factors 'users'",
        ),
        (lambda: random_factors(1).with_item_weights(torch.ones(5)), DataError, r"shape \[7\], one for each item, got"),
        (
            lambda: random_factors(1).with_item_weights(torch.full((7,), torch.inf)),
            DataError,
            "7 of the 7 weights are NaN or infinite; give every item a finite one",
        ),
        (lambda: Blend((), ()), DataError, "one weight for each part, got 0 and 0"),
        (lambda: scorer_from_parts({}, {"kind": "forest"}), DataError, "no scorer is of the kind 'forest'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, error, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


LOG = Interactions.from_arrays(["x", "x", "y"], [0, 3, 6], [5.0, 1.0, 4.0])


def history_over_seven_items() -> Interactions:
    wide = Interactions.from_arrays(["x", "x", "y", *"z" * 7], [0, 3, 6, *range(7)], [5.0, 1.0, 4.0, *[3.0] * 7])
    return wide.select(wide.users < 2)


def test_rating_ridge_is_the_minimum_of_what_it_says() -> None:
    factors = random_factors(8, folding=RatingRidge(0.4, 0.2))
    log = history_over_seven_items()
    users, bias = factors.folding.solve(factors, log)
    u, b = users[0].clone().requires_grad_(), bias[0].clone().requires_grad_()
    loss = 0.0
    for item, rating in ((0, 5.0), (3, 1.0)):
        guess = factors.offset + factors.item_bias[item] + b + u @ factors.items[item]
        loss = loss + (rating - guess) ** 2
    loss = loss + 2 * (0.4 * u @ u + 0.2 * b * b)
    for gradient in torch.autograd.grad(loss, (u, b)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-9, rtol=0)
    assert (users[2] == 0).all()  # nothing is known of z


def test_implicit_ridge_is_the_minimum_of_what_it_says() -> None:
    factors = random_factors(9, biased=False, similarity="cosine", folding=ImplicitRidge(0.3, 0.5, positive_from=2.0))
    users, _ = factors.folding.solve(factors, history_over_seven_items())
    u, Q = users[0].clone().requires_grad_(), factors.item_vectors
    loss = (1 - u @ Q[0]) ** 2 + 0.3 * (Q @ u).square().sum() + 0.5 * u @ u  # item 3, rated 1, is no positive
    (gradient,) = torch.autograd.grad(loss, u)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-9, rtol=0)


def test_folding_says_what_is_missing() -> None:
    with pytest.raises(DataError, match="cannot fold new users in"):
        random_factors(1).fold_in(LOG)
    with pytest.raises(DataError, match="the log is over 3 items, the model over 7"):
        random_factors(1, folding=RatingRidge()).fold_in(LOG)
    with pytest.raises(DataError, match="a new user needs at least one item"):
        random_factors(1, folding=RatingRidge()).fold_in(history_over_seven_items())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"offset": float("nan")}, TrainingError, "offset must be finite, got nan"),
        ({"offset": float("inf")}, TrainingError, "offset must be finite, got inf"),
        ({"offset": "x"}, DataError, "offset must be a number"),
        ({"offset": True}, DataError, "offset must be a number"),
        ({"similarity": ["dot"]}, DataError, "similarity must be 'dot' or 'cosine'"),
        ({"items": torch.ones(3, 2, dtype=torch.int64)}, DataError, "must be of one type"),
        ({"items": torch.ones(3, 2, dtype=torch.float64)}, DataError, "must be of one type"),
        ({"item_bias": torch.ones(3, dtype=torch.int32)}, DataError, "float32 or float64, got torch.int32"),
        (
            {"folding": Projection(torch.ones(2, 2))},
            DataError,
            r"must have shape \[3, 2\], .* got \[2, 2\]",
        ),
        ({"folding": Projection(torch.full((3, 2), torch.nan))}, TrainingError, "'fold' are NaN"),
        (
            {"folding": ImplicitRidge(regularization=float("nan"))},
            DataError,
            "regularization must be a fin",
        ),
        ({"folding": ImplicitRidge(positive_from="x")}, DataError, "positive_from must be a finite"),
    ],
)
def test_what_is_no_finite_number_is_refused(change: dict[str, Any], error: type[Exception], words: str) -> None:
    parts: dict[str, Any] = {"users": torch.ones(2, 2), "items": torch.ones(3, 2)}
    with pytest.raises(error, match=words):
        Factors(**parts | change)


def test_the_weights_of_a_blend_are_finite_numbers() -> None:
    part = Factors(torch.ones(2, 2), torch.ones(3, 2))
    for weights in ((float("nan"),), ("x",), (True,)):
        with pytest.raises(DataError, match="the weights of a blend must be finite numbers"):
            Blend((part,), weights)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="the weights of a blend must be finite numbers"):
        Blend((part,), (1.0,), (float("inf"),))
