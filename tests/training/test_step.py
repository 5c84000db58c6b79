"""The joint step of CMC, and each trap of in-batch InfoNCE as it is usually written."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from fillrank.data import Interactions, Split
from fillrank.encoders import MF, RatingHead
from fillrank.losses import InfoNCE
from fillrank.models import CMC
from fillrank.samplers import InBatch, KnownPositives
from fillrank.training import Batch, CompletionStep, StepWeights, World

LOG = Interactions.from_arrays([0, 0, 1, 1, 2, 3], [0, 1, 1, 2, 3, 0], [5.0, 4.0, 3.0, 2.0, 1.0, 4.0])
GENERATOR = torch.Generator().manual_seed(0)
NOTHING = StepWeights(
    contrastive=1.0, regularization=0.0, bias_regularization=0.0, vector_regularization=0.0, dropout=0.0
)


def step_of(log: Interactions, *, head: bool = False, symmetric: bool = False, **weights: float) -> CompletionStep:
    generator = torch.Generator().manual_seed(3)
    return CompletionStep(
        encoder=MF.random(log.n_users, log.n_items, 4, generator=generator),
        head=RatingHead(log.n_users, log.n_items, 2, offset=3.0, generator=generator) if head else None,
        loss=InfoNCE(0.5),
        item_sampler=InBatch(KnownPositives.of_users(log)),
        user_sampler=InBatch(KnownPositives.of_items(log)) if symmetric else None,
        weights=StepWeights(**{**vars(NOTHING), **weights}),
    )


def test_on_a_whole_catalogue_batch_the_contrast_is_the_masked_softmax() -> None:
    """All items in the batch: the loss is plain cross-entropy over (own positive + items that are no positive)."""
    batch = Batch.of(LOG, None, "cpu")
    step = step_of(LOG)
    found = step(batch, GENERATOR)["contrastive"]
    users, items = (normalize(table.detach(), dim=1) for table in (step.encoder.users, step.encoder.items))
    sampled = step.item_sampler.sample(batch.users, batch.items, GENERATOR)
    scores = users @ items.T / 0.5 - sampled.log_q
    positives = torch.from_numpy(LOG.without_values().csr.toarray() > 0)
    rows = []
    for user, item in zip(batch.users, batch.items, strict=True):
        row = scores[user].masked_fill(positives[user], -math.inf)
        row[item] = users[user] @ items[item] / 0.5
        rows.append(cross_entropy(row[None], item[None]))
    torch.testing.assert_close(found, torch.stack(rows).mean())


def test_long_vectors_do_not_sharpen_the_softmax() -> None:
    """Without unit vectors, dividing by a small temperature lets the logits grow with the norms."""
    batch, step = Batch.of(LOG, None, "cpu"), step_of(LOG)
    before = step(batch, GENERATOR)["contrastive"].item()
    with torch.no_grad():
        step.encoder.users *= 1000
    assert step(batch, GENERATOR)["contrastive"].item() == pytest.approx(before, rel=1e-4)


def test_a_duplicate_of_a_row_does_not_add_a_negative() -> None:
    step = step_of(LOG)
    once = step.item_sampler.sample(torch.tensor([0, 2]), torch.tensor([0, 3]), GENERATOR)
    twice = step.item_sampler.sample(torch.tensor([0, 2, 2]), torch.tensor([0, 3, 3]), GENERATOR)
    assert once.items.tolist() == twice.items.tolist() == [0, 3]


def test_only_rows_at_the_threshold_or_above_are_positives() -> None:
    batch = Batch.of(LOG, 4.0, "cpu")
    assert batch.positive.tolist() == [value >= 4 for value in LOG.values]
    assert "contrastive" not in step_of(LOG)(Batch.of(LOG, 9.0, "cpu"), GENERATOR)


def test_the_rating_part_is_the_mean_squared_error_of_what_the_head_predicts() -> None:
    batch, step = Batch.of(LOG, None, "cpu"), step_of(LOG, head=True, regularization=0.3)
    parts = step(batch, GENERATOR)
    factors = step.head.factors(step.encoder.factors())
    predicted = factors.score_pairs(batch.users, batch.items)
    torch.testing.assert_close(parts["squared_error"], (predicted - batch.values).square().mean())
    lengths = step.head.users[batch.users].square().sum(1) + step.head.items[batch.items].square().sum(1)
    torch.testing.assert_close(parts["penalty"], 0.3 * lengths.mean())


def test_the_symmetric_term_is_the_mean_of_both_directions() -> None:
    batch = Batch.of(LOG, None, "cpu")
    forward, both = step_of(LOG), step_of(LOG, symmetric=True)
    swapped = Interactions.from_arrays(LOG.items.tolist(), LOG.users.tolist(), LOG.values.tolist())
    turned = step_of(swapped)
    with torch.no_grad():
        turned.encoder.users, turned.encoder.items = both.encoder.items, both.encoder.users
    backward = turned(Batch.of(swapped, None, "cpu"), GENERATOR)["contrastive"]
    expected = (forward(batch, GENERATOR)["contrastive"] + backward) / 2
    torch.testing.assert_close(both(batch, GENERATOR)["contrastive"], expected)


def test_the_correction_keeps_popular_items_from_being_pushed_down(parts: Split) -> None:
    """Trained in batch on skewed data, scores follow popularity with the correction, and much less without."""
    trained = {"dim": 8, "rating_dim": 0, "epochs": 4, "batch_size": 16, "learning_rate": 0.01}
    alone = {"neighbour_weight": 0.0, "popularity_beta": 0.0, "popularity_weight": 0.0}
    train = parts.train.without_values()
    agreement = []
    for correct in (True, False):
        model = CMC(**trained, **alone, logq_correction=correct, init="random").fit(train)
        mean_score = model.scorer.score(torch.arange(train.n_users)).mean(0).numpy()
        agreement.append(np.corrcoef(mean_score, np.log1p(train.item_counts))[0, 1])
    assert agreement[0] > 0.85
    assert agreement[1] < agreement[0] - 0.05, agreement


def test_dropout_leaves_the_mean_and_takes_the_share() -> None:
    step = step_of(LOG, dropout=0.25)
    rows = torch.zeros(200, dtype=torch.int64)
    batch = Batch(rows, rows, None, rows == 0)
    thinned = step._thin(torch.ones(200, 50), batch, torch.Generator().manual_seed(1)).numpy()
    assert np.mean(thinned == 0) == pytest.approx(0.25, abs=0.02)
    assert thinned.mean() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("n_rows", [6, 2, 1])
def test_parts_of_a_batch_make_the_whole(n_rows: int) -> None:
    """In every part of the loss, whether a process has several rows, no positive one among them, or none at all."""
    batch = Batch.of(LOG, 3.0, "cpu").rows(torch.arange(6)[-n_rows:])
    step = step_of(
        LOG,
        head=True,
        symmetric=True,
        dropout=0.4,
        regularization=0.3,
        bias_regularization=0.2,
        vector_regularization=0.1,
    )
    parameters = [*step.encoder.parameters(), *step.head.parameters()]

    def found(part: Batch) -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
        for parameter in parameters:
            parameter.grad = None
        parts = step(part, torch.Generator().manual_seed(1))
        sum(parts.values()).backward()
        return parts, [parameter.grad for parameter in parameters]

    whole, gradients = found(batch)
    assert set(whole) == {"squared_error", "penalty", "contrastive", "vector_penalty"}
    shared = [found(batch.shard(World(rank, 3))) for rank in range(3)]
    for name, value in whole.items():
        torch.testing.assert_close(sum(parts[name] for parts, _ in shared), value)
    for place, gradient in enumerate(gradients):
        torch.testing.assert_close(sum(own[place] for _, own in shared), gradient)
