"""ELSA and Mult-VAE: their gradients, their new users, their bits, and how they are trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import Split, checkerboard
from fillrank.encoders.whole_rows import VariationalRows
from fillrank.errors import DataError
from fillrank.factors.encoded_history import EncodedHistory
from fillrank.factors.fold_in import folding_from_parts, folding_parts
from fillrank.solvers.item_to_item.elsa import direction_error, direction_error_by_autograd
from fillrank.training.callbacks import Callback

SMALL = {
    "elsa": fr.ELSA(dim=8, epochs=6),
    "multvae": fr.MultVAE(dim=4, hidden=12, epochs=6, learning_rate=0.01),
}
BOTH = pytest.mark.parametrize("name", SMALL)


def plain_error(rows: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """The formula as it is written."""
    found = rows @ (vectors @ vectors.T - torch.eye(len(vectors), dtype=rows.dtype))
    apart = rows / rows.norm(dim=1, keepdim=True) - found / found.norm(dim=1, keepdim=True)
    return apart.square().sum(1).mean()


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(2, 9), st.integers(1, 5))
def test_the_gradient_of_elsa_in_closed_form_is_that_of_autograd(seed: int, b: int, n: int, d: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = (torch.rand(b, n, generator=generator) < 0.4).double()
    rows[:, 0] = 1.0
    free = torch.randn(n, d, generator=generator, dtype=torch.float64, requires_grad=True)
    vectors = free / free.norm(dim=1, keepdim=True)
    wanted = plain_error(rows, vectors)
    (slope,) = torch.autograd.grad(wanted, vectors, retain_graph=True)
    error, gradient = direction_error(rows, vectors.detach())
    assert torch.allclose(error, wanted)
    assert torch.allclose(gradient, slope, atol=1e-9)
    (through,) = torch.autograd.grad(3 * direction_error_by_autograd(rows, vectors), free, retain_graph=True)
    assert torch.allclose(through, 3 * torch.autograd.grad(wanted, free)[0], atol=1e-9)


def test_the_loss_of_mult_vae_is_the_one_of_the_paper() -> None:
    network = VariationalRows(
        5, 3, 2, dropout=0.0, beta=0.4, anneal_steps=4, generator=torch.Generator().manual_seed(0)
    )
    rows = torch.tensor([[1.0, 1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0, 0.0]])
    for step in (1, 2, 3, 4, 5):
        found = network.losses(rows, torch.Generator().manual_seed(1))
        weights = [(w.detach(), b.detach()) for w, b in zip(network.weights, network.biases, strict=True)]
        hidden = torch.tanh(rows / rows.norm(dim=1, keepdim=True) @ weights[0][0] + weights[0][1])
        mean, log_variance = (hidden @ weights[1][0] + weights[1][1]).chunk(2, dim=1)
        normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
        apart = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
        hidden = torch.tanh((mean + noise * normal.scale) @ weights[2][0] + weights[2][1])
        odds = torch.softmax(hidden @ weights[3][0] + weights[3][1], dim=1)
        assert torch.allclose(found["likelihood"], -(rows * odds.log()).sum(1).mean(), atol=1e-6)
        assert torch.allclose(found["divergence"], 0.4 * min(1.0, step / 4) * apart, atol=1e-6)


@BOTH
def test_a_new_user_with_a_known_history_gets_the_known_scores(name: str, parts: Split) -> None:
    model = SMALL[name].fit(parts.train, progress=False)
    user = int(np.argmax(parts.train.user_counts))
    met = parts.train.item_ids.decode(parts.train.csr[[user]].indices).to_list()
    scores = model.fold_in(met).scorer.score(torch.tensor([0]))
    assert torch.allclose(scores, model.scorer.score(torch.tensor([user])), atol=1e-5)


def test_the_scores_of_elsa_are_sums_over_the_history(parts: Split) -> None:
    model = SMALL["elsa"].fit(parts.train, progress=False)
    first = model.recommend(k=1)[0]
    told = model.explain(first["user_id"][0], first["item_id"][0])
    assert set(told["part"]) == {"item"}
    assert told["contribution"].sum() == pytest.approx(first["score"][0], abs=1e-5)
    vectors, rows = model.scorer.items, torch.from_numpy(parts.train.without_values().csr.toarray())
    assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-5)
    assert torch.allclose(model.scorer.users, rows @ vectors, atol=1e-4)


def test_mult_vae_says_that_its_scores_are_no_sums(parts: Split) -> None:
    model = SMALL["multvae"].fit(parts.train, progress=False)
    with pytest.raises(DataError, match="come out of a network, and are no sums over a history"):
        model.explain(model.user_ids.ids[0], model.item_ids.ids[0])


@BOTH
def test_low_ratings_are_left_out_of_training_and_of_new_histories(name: str, parts: Split) -> None:
    recipe = type(SMALL[name])(**{**SMALL[name].model_dump(), "positive_from": 1.0})
    model = recipe.fit(parts.train, progress=False)
    liked, disliked = model.item_ids.ids.head(2).to_list()
    both = model.fold_in({liked: 2.0, disliked: 0.0}).scorer.score(torch.tensor([0]))
    assert torch.allclose(both, model.fold_in({liked: 2.0}).scorer.score(torch.tensor([0])), atol=1e-6)


@BOTH
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(name: str, parts: Split, tmp_path) -> None:
    class Stop(Callback):
        def on_epoch_end(self, end) -> bool:
            return end.epoch == 3

    whole = SMALL[name].fit(parts.train, parts.valid, refit=False, progress=False)
    file = tmp_path / "state"
    SMALL[name].fit(parts.train, parts.valid, refit=False, progress=False, checkpoint=str(file), callbacks=[Stop()])
    on = SMALL[name].fit(parts.train, parts.valid, refit=False, progress=False, checkpoint=str(file))
    assert len(on.history) == len(whole.history) == 6
    for tensor, other in zip(on.scorer.tensors().values(), whole.scorer.tensors().values(), strict=True):
        assert torch.equal(tensor, other)
    other = type(SMALL[name])(**{**SMALL[name].model_dump(), "seed": 1})
    with pytest.raises(DataError, match="belongs to another training"):
        other.fit(parts.train, parts.valid, refit=False, progress=False, checkpoint=str(file))


@BOTH
def test_both_blend_and_learn_what_a_board_shows(name: str) -> None:
    board = checkerboard(20)
    longer = {"epochs": 80} if name == "elsa" else {"epochs": 80, "dropout": 0.2}
    recipe = type(SMALL[name])(**{**SMALL[name].model_dump(), **longer})
    blend = fr.Blended(parts=[recipe, fr.PureSVD(rank=2)], weights=[1.0, 0.2]).fit(board, progress=False)
    lists = blend.recommend(k=1)
    assert (lists["user_id"].cast(str) == lists["item_id"].cast(str)).mean() > 0.9


def test_an_encoded_history_is_kept_in_a_file_and_fits_its_items() -> None:
    layers = [(torch.rand(4, 3), torch.rand(3)), (torch.rand(3, 2), torch.rand(2)), (torch.rand(2, 3), torch.rand(3))]
    folding = EncodedHistory.of(layers, None)
    settings, weights = folding_parts(folding)
    again = folding_from_parts({**settings, "widths": list(settings["widths"])}, weights)
    assert torch.equal(again.weights, folding.weights)
    assert again.widths == (4, 3, 2, 3)
    with pytest.raises(DataError, match="leads from 4 items to 3 dimensions, and the items are 5 of 3"):
        fr.Factors(torch.rand(2, 3), torch.rand(5, 3), folding=folding)
    with pytest.raises(DataError, match="widths must be four whole numbers"):
        EncodedHistory(folding.weights, (4, 3))
    with pytest.raises(DataError, match=r"must have shape \[32\], got \[31\]"):
        EncodedHistory(folding.weights[1:], (4, 3, 2, 3))
