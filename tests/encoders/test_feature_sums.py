"""Vectors that are sums of own ones and those of features: the encoder, and its steps on both routes."""

from __future__ import annotations

import copy

import numpy as np
import polars as pl
import pytest
import torch

from fillrank.data import Interactions, synthetic
from fillrank.encoders import MF, FeatureSums, normal_tables
from fillrank.errors import SettingsError
from fillrank.losses import CCL, LOSSES, MMCL, InfoNCE
from fillrank.samplers import KnownPositives, Uniform
from fillrank.testing import check_encoder
from fillrank.training import Autograd, Batch, ContrastSettings, ContrastStep, TableContrast


def featured(log: Interactions, *, users: bool = True, items: bool = True) -> Interactions:
    """The log with a number and tags for each user and item; some of both are missing."""
    rng = np.random.default_rng(0)

    def table(ids) -> pl.DataFrame:
        n = len(ids)
        tags = [list(rng.choice(["a", "b", "c", "d"], rng.integers(0, 4), replace=False)) for _ in range(n)]
        numbers = [None if rng.random() < 0.2 else float(rng.normal()) for _ in range(n)]
        return pl.DataFrame({"id": ids.ids, "tags": tags, "size": numbers})

    return log.with_features(items=table(log.item_ids) if items else None, users=table(log.user_ids) if users else None)


@pytest.fixture(scope="module")
def rows() -> Interactions:
    return featured(synthetic(40, 30, 300, seed=1).interactions.without_values())


def encoder(rows: Interactions, dtype=torch.float64, **settings) -> FeatureSums:
    start = normal_tables(rows.n_users, rows.n_items, 6, generator=torch.Generator().manual_seed(5))
    return FeatureSums(*(table.to(dtype) for table in start), rows, **settings)


def stepped(learner_of, rows: Interactions, start: FeatureSums) -> list[torch.Tensor]:
    """The last loss and the parameters after three steps on all rows."""
    trained, generator = copy.deepcopy(start), torch.Generator().manual_seed(2)
    learner = learner_of(trained)
    for _ in range(3):
        found = learner.learn(Batch.of(rows, None, "cpu"), generator)
    return [found["contrastive"], *(one.detach() for one in trained.parameters())]


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_fast_steps_are_the_steps_of_autograd(name: str, similarity: str, rows: Interactions) -> None:
    loss = MMCL((0.1, 0.3), (0.4, 0.6), 5.0) if name == "mmcl" else LOSSES[name]()
    settings = ContrastSettings(learning_rate=0.05, dropout=0.2, regularization=0.1)
    sampler, start = Uniform(KnownPositives.of_users(rows), 12), encoder(rows, similarity=similarity)
    fast = stepped(lambda one: TableContrast(one, loss, sampler, settings), rows, start)
    plain = stepped(lambda one: Autograd(ContrastStep(one, loss, sampler, settings), [one], [0.05]), rows, start)
    assert len(fast) == 5
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    assert all(not torch.equal(one, other) for one, other in zip(fast[1:], start.parameters(), strict=True))


@pytest.mark.parametrize("own_vectors", ["both", "users", "items", "none"])
def test_compiled_steps_with_own_negatives_and_a_limit_of_the_gradient(own_vectors: str, rows: Interactions) -> None:
    settings = ContrastSettings(learning_rate=0.05, max_grad_norm=0.1)
    sampler, loss = Uniform(KnownPositives.of_users(rows), 12, shared=False), InfoNCE()
    start = encoder(rows, own_vectors=own_vectors)
    plain = stepped(
        lambda one: Autograd(ContrastStep(one, loss, sampler, settings), [one], [0.05], max_grad_norm=0.1), rows, start
    )
    fast = stepped(lambda one: TableContrast(one, loss, sampler, settings), rows, start)
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_kernels_do_what_tensors_do() -> None:
    rows = featured(synthetic(600, 500, 3000, seed=1).interactions.without_values())  # tables from 2**14 numbers on
    start = normal_tables(rows.n_users, rows.n_items, 40, generator=torch.Generator().manual_seed(5))
    sampler, settings = Uniform(KnownPositives.of_users(rows), 50), ContrastSettings(regularization=0.01)
    single = FeatureSums(*start, rows)
    double = FeatureSums(*(table.double() for table in start), rows)
    fast, plain = (
        stepped(lambda one: TableContrast(one, CCL(), sampler, settings), rows, one) for one in (single, double)
    )
    for one, other in zip(fast, plain, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"own_vectors": "none"}, {"own_dropout": 0.3}], ids=str)
def test_the_battery_with_features(settings: dict[str, object], log: Interactions) -> None:
    check_encoder("features", settings=settings, interactions=featured(log))


def test_it_starts_at_the_vectors_it_is_given(rows: Interactions) -> None:
    start = normal_tables(rows.n_users, rows.n_items, 6, generator=torch.Generator().manual_seed(5))
    sums = FeatureSums(*start, rows).tables()
    met = torch.from_numpy(rows.item_counts > 0), torch.from_numpy(rows.user_counts > 0)
    torch.testing.assert_close(sums[1][met[0]], start[1][met[0]])
    torch.testing.assert_close(sums[0][met[1]], start[0][met[1]])


def test_without_features_it_is_mf(log: Interactions, start) -> None:
    plain, sums = MF(*start), FeatureSums(*start, log)
    assert [name for name, _ in sums.named_parameters()] == ["users", "items"]
    assert all(torch.equal(one, other) for one, other in zip(plain.tables(), sums.tables(), strict=True))


def test_who_has_no_rows_has_no_vector_of_its_own(log: Interactions, start) -> None:
    rows = featured(log)  # the last user and the last item have none
    made = FeatureSums(*start, rows)
    with torch.no_grad():
        made.items += 1.0
    alone = made.items_rows.times(made.items_features)
    torch.testing.assert_close(made.tables()[1][-1], alone[-1])
    assert not torch.allclose(made.tables()[1][0], alone[0])


def test_features_alone(rows: Interactions) -> None:
    made = encoder(rows, own_vectors="users")
    torch.testing.assert_close(made.tables()[1], made.items_rows.times(made.items_features))
    assert not torch.allclose(made.tables()[0], made.users_rows.times(made.users_features))


def test_own_vectors_are_left_out_as_often_as_was_asked(rows: Interactions) -> None:
    made = encoder(rows, own_dropout=0.25)
    alone = made.items_rows.times(made.items_features)
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.isclose(made.tables_in_training(generator)[1], alone).all(1) for _ in range(200)]
    assert torch.stack(drawn).float().mean() == pytest.approx(0.25, abs=0.02)


def test_a_share_that_cannot_be_is_refused(rows: Interactions) -> None:
    with pytest.raises(SettingsError, match="own_dropout must be from 0 to below 1, got 1"):
        encoder(rows, own_dropout=1.0)


def test_new_rows_get_the_sum_of_their_features(rows: Interactions) -> None:
    made = encoder(rows, torch.float32)
    wider = made.factors().widened(items=rows.item_features, users=rows.user_features)
    assert wider.n_items == 2 * rows.n_items
    assert wider.n_users == 2 * rows.n_users
    torch.testing.assert_close(wider.items[rows.n_items :], made.items_rows.times(made.items_features).detach())
    torch.testing.assert_close(wider.users[: rows.n_users], made.tables()[0].detach())
