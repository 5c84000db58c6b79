"""The battery for encoders passes what keeps the contract, and names what does not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from fillrank.encoders import ENCODERS, MF, NeuMF
from fillrank.errors import ContractError, SettingsError
from fillrank.testing import check_encoder

OURS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in ENCODERS),
    ("lightgcn", {"n_layers": 2}),
    ("lightgcn", {"n_layers": 1, "layer_weights": [0.0, 1.0]}),
    ("history", {"own_share": 0.5, "mapped": True, "power": 0.5}),
    ("neumf", {"layers": (8, 4)}),
    ("neumf", {"layers": (8, 4), "dropout": 0.3}),
]


@pytest.mark.parametrize(("name", "settings"), OURS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_encoder_of_fillrank_passes(name: str, settings: dict[str, Any], seed: int) -> None:
    check_encoder(name, settings=settings, seed=seed)


class Altered(MF):
    """MF, with one mistake put in."""

    def __init__(self, users, items, similarity, mistake: str = "") -> None:
        super().__init__(users, items, similarity=similarity)
        self.mistake, self.hidden = mistake, torch.ones(1)
        if mistake == "random start":
            self.users = nn.Parameter(torch.rand_like(users))
        if mistake == "idle parameter":
            self.idle = nn.Parameter(torch.ones(2))

    def tables(self):
        users, items = self.users, self.items
        if self.mistake == "random":
            users = users + torch.rand(len(users), 1)
        if self.mistake == "width":
            items = torch.cat([items, items], dim=1)
        if self.mistake == "detached":
            users = users.detach() + 0 * users
        if self.mistake == "nan":
            users = users / 0
        if self.mistake == "hidden":
            users = users * self.hidden
            self.hidden = self.hidden + 1
        return users, items

    def user_vectors(self, users):
        return self.users[users] if self.mistake == "length" else super().user_vectors(users)

    def factors(self, folding=None):
        found = super().factors(folding)
        if self.mistake == "alive":
            object.__setattr__(found, "users", self.users.detach())
        if self.mistake == "similarity":
            object.__setattr__(found, "similarity", "dot")
        return found


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("random start", "uses a generator that belongs to everybody"),
        ("random", "uses a generator that belongs to everybody"),
        ("hidden", "asked twice: does not give the same users' vectors"),
        ("width", "users and items have not the same width|does not fit the log"),
        ("detached", "the gradient of users against finite differences: is 0"),
        ("idle parameter", "the gradient of idle: is not there"),
        ("nan", "is not finite"),
        ("length", r"user_vectors of 6 rows, against tables\(\): differs"),
        ("alive", "what it ended in, while training goes on: does not give the same users"),
        ("similarity", "the scores of what it ends in, against its own: differs"),
    ],
)
def test_a_mistake_is_named(mistake: str, message: str) -> None:
    check_encoder(Altered)
    with pytest.raises((ContractError, ValueError), match=message):
        check_encoder(Altered, settings={"mistake": mistake})


class AlteredPairs(NeuMF):
    def score_pairs(self, users, items, *, generator=None):
        return 2 * super().score_pairs(users, items, generator=generator)


def test_pairs_and_blocks_have_to_agree() -> None:
    with pytest.raises(ContractError, match=r"score_block of shared items, against score_pairs: differs"):
        check_encoder(AlteredPairs, settings={"layers": (8, 4)})


def test_what_is_no_encoder_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"must be a torch.nn.Module with similarity, tables"):
        check_encoder(lambda dim: nn.Linear(dim, dim))
