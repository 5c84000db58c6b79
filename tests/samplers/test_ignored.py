"""What is neither a positive nor a negative is never drawn, by any sampler, whatever else is excluded."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Interactions
from fillrank.models import CMC, Contrastive
from fillrank.models.cmc.build import CMCParts
from fillrank.models.contrastive.build import ContrastiveParts
from fillrank.samplers import Hard, InBatch, KnownPositives, Mixed, Popularity, Sampler, Uniform

N_USERS, N_ITEMS = 30, 40


@pytest.fixture(scope="module")
def log() -> Interactions:
    rng = np.random.default_rng(0)
    cells = rng.choice(N_USERS * N_ITEMS, 500, replace=False)
    values = rng.integers(1, 6, 500)
    weights = np.where(rng.random(500) < 0.2, 0.0, 1.0)
    users, items = np.divmod(cells, N_ITEMS)
    return Interactions.from_arrays(users, items, values=values, weights=weights, relevant_from=4)


@pytest.fixture(scope="module")
def known(log: Interactions) -> KnownPositives:
    return KnownPositives.of_users(log.relevant(), ignored=disliked(log))


def disliked(log: Interactions) -> Interactions:
    return log.select((log.values < 4) | (log.weights == 0))  # type: ignore[operator]


def score(users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    return torch.rand(len(users), items.shape[-1], generator=torch.Generator().manual_seed(1))


SAMPLERS: dict[str, Callable[[KnownPositives], Sampler]] = {
    "uniform": lambda known: Uniform(known, 30),
    "uniform, own rows": lambda known: Uniform(known, 30, shared=False),
    "uniform, all": lambda known: Uniform(known, N_ITEMS, exclude="none"),
    "popularity": lambda known: Popularity(known, 30, exclude="own"),
    "popularity, own rows": lambda known: Popularity(known, 30, shared=False, exclude="none"),
    "in-batch": InBatch,
    "in-batch, own": lambda known: InBatch(known, exclude="own"),
    "mixed": lambda known: Mixed(known, 20, exclude="own"),
    "hard": lambda known: Hard(Uniform(known, 30), 10, n_easy=3),
    "hard, none": lambda known: Hard(Uniform(known, 30, exclude="none"), 10),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_what_is_disliked_is_never_drawn(name: str, log: Interactions, known: KnownPositives) -> None:
    sampler, positives = SAMPLERS[name](known), log.relevant()
    never = {(int(u), int(i)) for u, i in zip(disliked(log).users, disliked(log).items, strict=True)}
    generator, met = torch.Generator().manual_seed(0), set[tuple[int, int]]()
    users, items = (torch.from_numpy(side.astype("int64")) for side in (positives.users, positives.items))
    for _ in range(6):
        drawn = sampler.sample(users, items, generator, score)
        each = drawn.items.expand(len(users), -1)
        masked = torch.zeros_like(each, dtype=torch.bool) if drawn.mask is None else drawn.mask
        rows = users[:, None].expand_as(each)
        met |= set(zip(rows[~masked].tolist(), each[~masked].tolist(), strict=True))
    assert met
    assert not met & never


def test_both_twins_and_the_kernel_mask_them(
    log: Interactions, known: KnownPositives, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, columns = torch.arange(N_USERS), torch.arange(N_ITEMS)
    wanted = torch.from_numpy(log.csr.toarray() != 0)
    pairs = columns.expand(N_USERS, -1)
    for asked in (columns, pairs):
        assert torch.equal(known.mask(rows, asked), wanted)
        assert torch.equal(known.mask_by_lookup(rows, asked), wanted)
    monkeypatch.setattr("fillrank.samplers.known._KERNEL_FROM", 1)
    assert torch.equal(known.mask(rows, columns), wanted)
    assert torch.equal(known.mask(rows, pairs.contiguous()), wanted)


def test_rows_of_which_nothing_is_left_are_full() -> None:
    log = Interactions.from_arrays([0, 0, 1], [0, 1, 0])
    known = KnownPositives.of_users(log.select([0, 2]), ignored=log.select([1]))
    assert known.full_rows.tolist() == [0]
    backwards = KnownPositives.of_items(log.select([0, 2]), ignored=log.select([1]))
    assert backwards.mask(torch.tensor([0, 1]), torch.tensor([0, 1])).tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("asked", ["ignored", "negative"])
def test_recipes_ignore_the_disliked_unless_asked(asked: str, log: Interactions) -> None:
    recipe = Contrastive(positive_from=4, disliked=asked, sampler_settings={"n_negatives": N_ITEMS})
    positives = recipe.positives(log)
    assert len(positives) == len(log.relevant())
    settled = recipe.settled(len(positives), watched=False)
    parts = ContrastiveParts.of(settled, positives, ignored=recipe.ignored(log))
    assert parts.sampler is not None
    joint = CMC(positive_from=4, disliked=asked, negatives="uniform", n_negatives=N_ITEMS, symmetric=True)
    step = CMCParts.of(joint, log).step(joint, log)
    assert step.user_sampler is not None
    out = disliked(log)
    users, items = (torch.from_numpy(side.astype("int64")) for side in (out.users, out.items))
    for sampler, rows, columns in (
        (parts.sampler, users, items),
        (step.item_sampler, users, items),
        (step.user_sampler, items, users),
    ):
        drawn = sampler.sample(rows, columns, torch.Generator().manual_seed(0))
        assert drawn.mask is not None
        hidden = (drawn.mask & (drawn.items == columns[:, None])).any(1)
        there = (drawn.items == columns[:, None]).any(1)
        assert there.any()
        assert hidden[there].all() if asked == "ignored" else not hidden[there].any()


def test_a_user_of_whom_nothing_is_left_trains_nothing() -> None:
    log = Interactions.from_arrays([0, 0, 1, 1], [0, 1, 0, 2], values=[5, 1, 5, 1], relevant_from=4)
    model = fr.Contrastive(dim=2, epochs=1, positive_from="relevant").fit(log.select([0, 1, 2]), progress=False)
    assert len(model.interactions) == 3
