"""Users made of their items, and how the first vectors are drawn."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from fillrank.data import Interactions
from fillrank.encoders import MF, HistoryUsers, Tables, VectorEncoder, normal_tables, tables_of_factors, xavier_tables
from fillrank.errors import DataError, SettingsError
from fillrank.factors import Factors
from fillrank.runtime.rng import torch_stream


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize(("power", "own_share"), [(1.0, 0.0), (0.5, 0.0), (1.0, 0.3)])
def test_users_by_the_formula(log: Interactions, start: Tables, power: float, own_share: float, mapped: bool) -> None:
    own = start[0] if own_share else None
    encoder = HistoryUsers(start[1], log, users=own, own_share=own_share, power=power, mapped=mapped, similarity="dot")
    assert isinstance(encoder, VectorEncoder)
    if mapped:
        with torch.no_grad():
            encoder.map.copy_(torch.tensor([[1.0, 2, 0], [0, 1, 0], [0.5, 0, -1]]))
    W = encoder.map.detach() if mapped else torch.eye(3, dtype=torch.float64)
    users, items = encoder.tables()
    for user in range(log.n_users):
        met = [start[1][item] @ W.T for item in log.items[log.users == user]]
        history = sum(met) / max(len(met), 1) ** power if met else torch.zeros(3, dtype=torch.float64)
        assert_close(users[user], own_share * start[0][user] + (1 - own_share) * history)
    assert items is encoder.items
    assert_close(encoder.user_vectors(torch.tensor([4, 4, 1])), users[[4, 4, 1]])
    users.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


@pytest.mark.parametrize(("similarity", "power"), [("cosine", 1.0), ("cosine", 0.5), ("dot", 0.0)])
def test_folding_in_gives_the_users_of_training(
    log: Interactions, start: Tables, similarity: str, power: float
) -> None:
    encoder = HistoryUsers(start[1], log, power=power, mapped=True, similarity=similarity)
    with torch.no_grad():
        encoder.map.add_(0.3)
    factors = encoder.factors()
    again, everyone = factors.refit_users(log), torch.arange(log.n_users)
    assert_close(again.score(everyone), factors.score(everyone))
    assert not again.users[-1].any()  # who met nothing
    if similarity == "dot":
        assert_close(again.users, factors.users)


def test_there_is_no_folding_that_would_not_be_exact(log: Interactions, start: Tables) -> None:
    assert HistoryUsers(start[1], log, users=start[0], own_share=0.5).factors().folding is None
    assert HistoryUsers(start[1], log, power=1.0, similarity="dot").factors().folding is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"own_share": 0.5}, SettingsError, "own_share=0.5 asks for the users' own vectors"),
        ({"own_share": 1.0}, SettingsError, r"from 0 to below 1 \(1 would be MF\), got 1"),
        ({"users": torch.zeros(12, 3)}, SettingsError, "own_share=0 leaves no room"),
        ({"users": torch.zeros(12, 2), "own_share": 0.5}, DataError, r"got \[12, 2\] and \[9, 3\]"),
        ({"items": torch.zeros(4, 3)}, DataError, "tables are of 12 users and 4 items, the log of 12 and 9"),
        ({"power": -1.0}, SettingsError, "power must be from 0"),
    ],
)
def test_histories_that_cannot_be_are_refused(
    log: Interactions, start: Tables, change: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        HistoryUsers(**({"items": start[1], "interactions": log} | change))


def test_first_vectors_have_the_spread_they_promise() -> None:
    users, items = normal_tables(4000, 3000, 16, generator=torch_stream(0, "init"))
    assert users.std().item() == pytest.approx(0.25, rel=0.02)
    assert normal_tables(4000, 5, 16, generator=torch_stream(0, "init"), std=0.1)[0].equal(users * 4 * 0.1)
    users, items = xavier_tables(4000, 1000, 16, generator=torch_stream(0, "init"))
    for table in (users, items):
        bound = (6 / (len(table) + 16)) ** 0.5
        assert 0.99 * bound < table.max() <= bound
        assert -bound <= table.min() < -0.99 * bound
    assert torch.equal(users, xavier_tables(4000, 1000, 16, generator=torch_stream(0, "init"))[0])


def test_a_start_at_given_factors() -> None:
    factors = Factors(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0]]), offset=1.0)
    users, items = tables_of_factors(factors, generator=torch_stream(0, "init"), scale=2.0, jitter=0.0)
    assert_close(users, torch.tensor([[1.2, 1.6], [0.0, 0.0]]))
    assert_close(items, torch.tensor([[0.0, 2.0]]))
    encoder = MF.from_factors(factors, generator=torch_stream(0, "init"), scale=None, jitter=1e-2)
    assert 0 < (encoder.users - factors.users).abs().max() < 0.05
    assert encoder.users[1].any()
    with pytest.raises(SettingsError, match="jitter must be a number of 0 or more, got -1"):
        MF.from_factors(factors, generator=torch_stream(0, "init"), jitter=-1)
    with pytest.raises(SettingsError, match="scale must be a number or None, got nan"):
        MF.from_factors(factors, generator=torch_stream(0, "init"), scale=float("nan"))
    with pytest.raises(SettingsError, match="dim must be 1 or more, got 0"):
        MF.random(3, 3, 0, generator=torch_stream(0, "init"))
