"""The battery for samplers passes what keeps the contract, and names what does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fillrank.errors import ContractError
from fillrank.samplers import SAMPLERS, KnownPositives, Negatives, Popularity, Uniform, takes_usual_count
from fillrank.testing import check_sampler

BASE = {"name": "uniform", "n_negatives": 8}
OURS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"n_negatives": 3} if takes_usual_count(name) else {}) for name in SAMPLERS if name != "hard"),
    ("uniform", {"n_negatives": 4, "exclude": "none"}),
    ("uniform", {"n_negatives": 4, "shared": False, "exclude": "own"}),
    ("popularity", {"n_negatives": 3, "beta": 1.5}),
    ("popularity", {"n_negatives": 3, "shared": False, "logq_correction": False}),
    ("hard", {"n_negatives": 4, "n_easy": 2, "base": BASE}),
    ("hard", {"n_negatives": 4, "n_easy": 2, "base": BASE | {"shared": False}}),
]


@pytest.mark.parametrize(("name", "settings"), OURS)
def test_every_sampler_of_fillrank_passes(name: str, settings: dict[str, Any]) -> None:
    check_sampler(name, settings=settings, draws=400)


def test_hard_ones_alone_estimate_nothing_and_say_so() -> None:
    alone = {"n_negatives": 4, "base": BASE}
    check_sampler("hard", settings=alone, estimates=False)
    with pytest.raises(ContractError, match=r"counts 0.* times, not once"):
        check_sampler("hard", settings=alone, draws=400)


class Altered(Uniform):
    """Uniform, with one mistake put in."""

    def __init__(self, known: KnownPositives, mistake: str = "") -> None:
        super().__init__(known, 6)
        self.mistake, self.known = mistake, known
        if mistake == "own rows":
            self.shared = False
        if mistake == "own unmasked":
            del self.exclude

    def sample(self, users, positives, generator, score=None):
        if self.mistake == "global":
            torch.rand(1)
        if self.mistake == "inputs":
            users += 0 * users.sub_(users[:1] * 0 + (users > 0))
        if self.mistake == "empty" and not len(users):
            raise IndexError("no rows")
        said, self.shared = self.shared, self.mistake != "own rows shared"
        drawn = super().sample(users, positives, generator if self.mistake != "seed" else _STREAM, score)
        self.shared = said
        items, log_q, mask = drawn.items, drawn.log_q, drawn.mask
        if self.mistake == "log_q":
            log_q = log_q + 0.7
        if self.mistake == "range":
            items = items + 1
        if self.mistake == "twice":
            items = items[:1].expand(len(items))
        if self.mistake in {"mask", "own unmasked"}:
            mask = torch.zeros_like(mask)
        if self.mistake == "kind":
            items = items.int()
        if self.mistake == "type":
            return items, log_q, mask
        return Negatives(items, log_q, mask)


_STREAM = torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("log_q", "log_q is not the log of the expected number of draws: weighted by it, item .* counts 0.* not once"),
        ("range", "hands out items 1 to 12; there are 0 to 11|hands out items"),
        ("twice", "items that the batch shares have to stand there once each"),
        ("mask", "the mask is not exactly where an item is a known positive"),
        ("own unmasked", "the row's own positive is drawn and is not masked"),
        ("kind", "items are torch.int32, not int64"),
        ("type", "gives tuple, not fillrank.samplers.Negatives"),
        ("own rows", r"says shared=False, and its items are \[6\]"),
        ("own rows shared", r"says shared=True, and its items are \[5, 6\]"),
        ("global", "uses a generator that belongs to everybody"),
        ("seed", "twice with the same seed: does not give the same items"),
        ("inputs", "changes the users or the positives that it is given"),
        ("empty", "on a batch of 0: ends in IndexError: no rows"),
    ],
)
def test_a_mistake_is_named(mistake: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_sampler(Altered, settings={"mistake": mistake}, draws=400)


def test_an_object_is_tried_on_its_own_positives() -> None:
    known = KnownPositives(torch.tensor([0, 2, 3]), torch.tensor([0, 1, 2]), n_columns=40)
    check_sampler(Popularity(known, 20), known=known, draws=300)
    check_sampler(lambda known: Altered(known=known), draws=300)
