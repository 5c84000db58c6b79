"""What ``log_q`` promises: the corrected sum over a draw estimates the sum over the catalogue, whatever the sampler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom
from torch import Tensor

from fillrank.data import Interactions
from fillrank.samplers import Hard, InBatch, KnownPositives, Mixed, Negatives, Popularity, Sampler, Uniform

USER, BATCH, DRAWS = 2, 5, 3000
VALUES = torch.linspace(0.5, 3, 12, dtype=torch.float64)[torch.randperm(12, generator=torch.Generator().manual_seed(1))]
TASTE = torch.rand(8, 12, generator=torch.Generator().manual_seed(2))


def taste(users: Tensor, items: Tensor) -> Tensor:
    return TASTE[users][:, items] if items.dim() == 1 else TASTE[users].gather(1, items)


def sums(drawn: Negatives) -> Tensor:
    """Each row's corrected sum of VALUES over what it may count: float64 ``[B]``."""
    terms = VALUES[drawn.items] / drawn.log_q.double().exp()
    return (terms if drawn.mask is None else terms * ~drawn.mask).sum(-1)


def estimates(sampler: Sampler, log: Interactions, *, independent_rows: bool) -> Tensor:
    """Independent estimates for USER; a shared draw gives one of them, for its first row."""
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    size, calls = (DRAWS, 1) if independent_rows else (BATCH, DRAWS)
    users = torch.full((size,), USER)

    def draws() -> Iterator[Tensor]:
        for _ in range(calls):
            positives = torch.from_numpy(rng.choice(log.items, size=size)).long()
            found = sums(sampler.sample(users, positives, generator, score=taste)).expand(size)
            yield found if independent_rows else found[:1]

    return torch.cat(list(draws()))


def assert_estimates(found: Tensor, truth: float) -> None:
    error = found.std() / len(found) ** 0.5
    assert error > 0
    assert abs(found.mean() - truth) < 4 * error, (found.mean(), truth, error)


def catalogue(known: KnownPositives, exclude: str = "known") -> float:
    """The sum over all items that are no positive of USER."""
    left = torch.ones(12, dtype=torch.bool)
    if exclude == "known":
        left = ~known.mask(torch.tensor([USER]), torch.arange(12))[0]
    return float(VALUES[left].sum())


@pytest.mark.parametrize("exclude", ["known", "none"])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Uniform, {"n_negatives": 4}),
        (Popularity, {"n_negatives": 5}),
        (Popularity, {"n_negatives": 5, "beta": 1.5}),
        (Popularity, {"n_negatives": 3, "beta": -0.5}),
    ],
)
def test_drawn_items(
    kind: type, settings: dict[str, Any], shared: bool, exclude: str, log: Interactions, known: KnownPositives
) -> None:
    sampler = kind(known, shared=shared, exclude=exclude, **settings)
    assert_estimates(estimates(sampler, log, independent_rows=not shared), catalogue(known, exclude))


def test_mixed(log: Interactions, known: KnownPositives) -> None:
    assert_estimates(estimates(Mixed(known, 3), log, independent_rows=False), catalogue(known))


def test_in_batch_for_the_items_that_somebody_met(log: Interactions, known: KnownPositives) -> None:
    truth = catalogue(known) - float(VALUES[11])  # nobody met item 11, so no batch can hold it
    assert_estimates(estimates(InBatch(known), log, independent_rows=False), truth)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", [Uniform, Popularity])
def test_hard_with_some_easy_ones(kind: type, shared: bool, log: Interactions, known: KnownPositives) -> None:
    sampler = Hard(kind(known, 8, shared=shared), 4, n_easy=2)
    assert_estimates(estimates(sampler, log, independent_rows=not shared), catalogue(known))


def test_hard_alone_is_the_sum_over_the_hardest_of_the_draw(log: Interactions, known: KnownPositives) -> None:
    """Item i counts when it is drawn and fewer than 2 of the other 5 drawn are harder: a hypergeometric chance."""
    free = ~known.mask(torch.tensor([USER]), torch.arange(12))[0]
    harder = [int((free & (TASTE[USER] > TASTE[USER, item])).sum()) for item in range(12)]
    kept = torch.tensor([hypergeom(11, h, 5).cdf(1) for h in harder])
    truth = float((VALUES * kept)[free].sum())
    assert truth < 0.8 * catalogue(known)
    assert_estimates(estimates(Hard(Uniform(known, 6), 2), log, independent_rows=False), truth)


@pytest.mark.parametrize("shared", [True, False])
def test_without_the_correction_it_is_far_off(shared: bool, log: Interactions, known: KnownPositives) -> None:
    """The checks above have the power to fail."""
    found = estimates(Popularity(known, 5, shared=shared, logq_correction=False), log, independent_rows=not shared)
    assert abs(found.mean() - catalogue(known)) > 40 * found.std() / len(found) ** 0.5
