"""The encoder whose items are given: nothing may move them, and nothing may lose them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fillrank.data import Interactions
from fillrank.encoders import FixedItems
from fillrank.errors import DataError, SettingsError
from fillrank.losses import InfoNCE
from fillrank.samplers import InBatch, KnownPositives
from fillrank.solvers.fold_in import Descent, descend_users, solve_users
from fillrank.training import Autograd, Batch, CompletionStep, LoopSettings, StepWeights, train

GENERATOR = torch.Generator().manual_seed(0)
ITEMS = torch.randn(80, 3, generator=GENERATOR)
USERS = torch.randn(150, 3, generator=GENERATOR)


def trained(encoder: FixedItems, step: object, log: Interactions, epochs: int, rate: float = 0.05) -> None:
    settings = LoopSettings(epochs=epochs, batch_size=len(log), ema_span=0)
    train(Autograd(step, [encoder], [rate]), Batch.of(log, None, "cpu"), settings)


def test_only_the_users_are_parameters_and_the_items_are_saved_with_them() -> None:
    encoder = FixedItems(ITEMS, USERS)
    assert [name for name, _ in encoder.named_parameters()] == ["users"]
    assert [name for name, _ in encoder.named_buffers()] == ["items"]
    other = FixedItems(torch.zeros_like(ITEMS), torch.zeros_like(USERS))
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other.items, ITEMS)


def test_the_items_move_with_the_module() -> None:
    encoder = FixedItems(ITEMS, USERS)
    assert encoder.double().items.dtype == torch.float64
    assert encoder.to("meta").items.device.type == "meta"


def test_the_tables_are_copies() -> None:
    items, users = ITEMS.clone(), USERS.clone()
    encoder = FixedItems(items, users)
    items.zero_()
    users.zero_()
    assert torch.equal(encoder.items, ITEMS)
    assert torch.equal(encoder.users, USERS)


def test_gradients_stop_at_the_items() -> None:
    items = ITEMS.clone().requires_grad_()
    encoder = FixedItems(items, USERS, similarity="cosine")
    (encoder.user_vectors(torch.tensor([0, 1])) * encoder.item_vectors(torch.tensor([2, 3]))).sum().backward()
    assert items.grad is None
    assert encoder.items.grad is None
    assert (encoder.users.grad[:2] != 0).any()
    assert not encoder.users.grad[2:].any()


def test_cosine_gives_unit_vectors_and_dot_the_tables() -> None:
    places = torch.tensor([5, 0])
    cosine, dot = FixedItems(ITEMS, USERS, similarity="cosine"), FixedItems(ITEMS, USERS)
    torch.testing.assert_close(cosine.item_vectors(places).norm(dim=1), torch.ones(2))
    torch.testing.assert_close(cosine.user_vectors(places).norm(dim=1), torch.ones(2))
    assert torch.equal(dot.item_vectors(places), ITEMS[places])
    assert all(a is b for a, b in zip(dot.tables(), (dot.users, dot.items), strict=True))


def test_it_ends_in_factors() -> None:
    factors = FixedItems(ITEMS, USERS, similarity="cosine").factors()
    assert factors.similarity == "cosine"
    assert torch.equal(factors.items, ITEMS)
    assert not factors.users.requires_grad


def test_a_plain_step_in_the_trainer_finds_the_ridge_solution(ratings: Interactions) -> None:
    """Squared error and the per-rating penalty, by Adam in the common loop, end where the closed form does."""
    log = ratings.select(ratings.users < 20)
    encoder = FixedItems(ITEMS, torch.zeros_like(USERS))

    def step(batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        users = encoder.user_vectors(batch.users)
        errors = batch.values - (users * encoder.item_vectors(batch.items)).sum(1)
        return {"error": errors.square().mean(), "penalty": 0.5 * users.square().sum(1).mean()}

    trained(encoder, step, log, epochs=120, rate=0.1)
    torch.testing.assert_close(encoder.factors().users, solve_users(ITEMS, log, regularization=0.5), atol=5e-3, rtol=0)
    assert torch.equal(encoder.items, ITEMS)
    descended = descend_users(ITEMS, log, Descent("adam", 0.1, epochs=120, regularization=0.5)).users
    torch.testing.assert_close(encoder.factors().users, descended, atol=1e-4, rtol=0)


def test_the_joint_step_trains_it_and_leaves_the_items(ratings: Interactions) -> None:
    encoder = FixedItems(ITEMS, USERS, similarity="cosine")
    known = KnownPositives.of_users(ratings)
    weights = StepWeights(
        contrastive=1.0, regularization=0.0, bias_regularization=0.0, vector_regularization=0.01, dropout=0.0
    )
    step = CompletionStep(
        encoder, None, InfoNCE(0.2), InBatch(known), InBatch(KnownPositives.of_items(ratings)), weights
    )
    batch = Batch.of(ratings, None, "cpu")
    before = sum(step(batch, GENERATOR).values()).item()
    trained(encoder, step, ratings, epochs=10)
    assert sum(step(batch, GENERATOR).values()).item() < before - 0.1
    assert torch.equal(encoder.items, ITEMS)


@pytest.mark.parametrize(
    ("items", "users", "message"),
    [
        (ITEMS[0], USERS, r"item_factors must be a floating-point tensor of two dimensions, got .* shape \[3\]"),
        (ITEMS.long(), USERS, "item_factors must be a floating-point tensor .* got torch.int64"),
        (ITEMS.numpy(), USERS, "item_factors must be a floating-point tensor .* got ndarray"),
        (ITEMS, USERS[:, :2], "width and dtype of the item factors, 3 and torch.float32, got 2"),
        (ITEMS, USERS.double(), "width and dtype .* got 3 and torch.float64"),
        (ITEMS * torch.nan, USERS, "item_factors has values that are NaN"),
        (ITEMS, USERS / 0, "users has values that are NaN or infinite"),
    ],
)
def test_tables_that_cannot_be_are_refused(items: Tensor, users: Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FixedItems(items, users)


def test_a_similarity_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="similarity must be 'dot' or 'cosine', got 'euclid'"):
        FixedItems(ITEMS, USERS, similarity="euclid")
