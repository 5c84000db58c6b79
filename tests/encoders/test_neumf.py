"""NeuMF against its formula, its block against its pairs, and the scorer it ends in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.testing import assert_close

from fillrank.data import Interactions
from fillrank.encoders import NeuMF, PairEncoder
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.factors import Scorer, scorer_from_parts
from fillrank.factors import neural as pair_scorer
from fillrank.runtime.rng import torch_stream

USERS, ITEMS = torch.tensor([3, 0, 3, 4]), torch.tensor([6, 1, 0])
OWN_ITEMS = torch.tensor([[1, 1], [6, 0], [2, 3], [0, 5]])


def made(layers: tuple[int, ...] = (8, 6, 4), dropout: float = 0.0) -> NeuMF:
    """An encoder of 5 users and 7 items in double precision, its numbers far from zero."""
    encoder = NeuMF(5, 7, dim=3, layers=layers, dropout=dropout, generator=torch_stream(0, "init")).double()
    generator = torch_stream(0, "test")
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return encoder


def by_formula(encoder: NeuMF, user: int, item: int) -> Tensor:
    product = (encoder.users[user] * encoder.items[item]) @ encoder.product_weights
    hidden = torch.cat([encoder.network_users[user], encoder.network_items[item]])
    for weight, offset in zip(encoder.weights, encoder.offsets, strict=True):
        hidden = torch.relu(weight @ hidden + offset)
    return product + hidden @ encoder.network_weights + encoder.offset


@pytest.mark.parametrize("layers", [(8, 6, 4), (2, 5), (4, 3, 3, 2)])
def test_pairs_by_the_formula(layers: tuple[int, ...]) -> None:
    encoder = made(layers)
    assert isinstance(encoder, PairEncoder)
    users, items = torch.tensor([0, 4, 4, 2]), torch.tensor([6, 0, 3, 3])
    expected = torch.stack([by_formula(encoder, int(u), int(i)) for u, i in zip(users, items, strict=True)])
    assert_close(encoder.score_pairs(users, items), expected)


@pytest.mark.parametrize("at_a_time", [1, 6, 1 << 14])
@pytest.mark.parametrize("items", [ITEMS, OWN_ITEMS, ITEMS[:0]], ids=["shared", "own", "none"])
def test_a_block_is_its_pairs_with_their_gradients(
    items: Tensor, at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_scorer, "_PAIRS", at_a_time)
    encoder = made()
    each = items.expand(len(USERS), -1) if items.dim() == 1 else items
    pairs = encoder.score_pairs(USERS.repeat_interleave(each.shape[1]), each.flatten()).reshape(each.shape)
    block = encoder.score_block(USERS, items)
    assert_close(block, pairs)
    outer = torch.randn(block.shape, generator=torch_stream(0, "outer"), dtype=torch.float64)
    of = tuple(encoder.parameters())
    assert_close(torch.autograd.grad(block, of, outer), torch.autograd.grad(pairs, of, outer))


def test_dropout_falls_only_where_a_generator_is_given() -> None:
    encoder = made(dropout=0.5)
    plain = encoder.score_pairs(USERS, USERS)
    assert torch.equal(plain, made().score_pairs(USERS, USERS, generator=torch_stream(0, "dropout")))
    one, again, other = (encoder.score_pairs(USERS, USERS, generator=torch_stream(s, "dropout")) for s in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, plain)


def test_dropout_is_the_same_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a block are formed twice: were their dropout drawn anew, the gradient would be of another function."""
    monkeypatch.setattr(pair_scorer, "_PAIRS", 3)
    encoder = made(dropout=0.4)

    def loss() -> Tensor:
        return encoder.score_block(USERS, ITEMS, generator=torch_stream(0, "dropout")).square().sum()

    (gradient,) = torch.autograd.grad(loss(), encoder.network_weights)
    with torch.no_grad():
        for place in range(len(gradient)):
            values = []
            for step in (1e-6, -1e-6):
                encoder.network_weights[place] += step
                values.append(loss())
                encoder.network_weights[place] -= step
            assert_close((values[0] - values[1]) / 2e-6, gradient[place], rtol=1e-5, atol=1e-6)


def test_each_part_of_a_block_has_a_dropout_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_scorer, "_PAIRS", 3)
    twice = made(dropout=0.5).score_block(torch.tensor([0, 0]), ITEMS, generator=torch_stream(0, "dropout"))
    assert not torch.equal(twice[0], twice[1])


def test_dropout_keeps_the_mean_of_what_it_thins() -> None:
    thin = pair_scorer.Dropout(0.25, seed=5).begin(torch.device("cpu"))
    layer = thin(torch.ones(20_000))
    assert layer.unique().tolist() == pytest.approx([0, 4 / 3])
    assert layer.mean().item() == pytest.approx(1, abs=0.02)
    assert not torch.equal(layer, thin(torch.ones(20_000)))


def test_a_saved_scorer_scores_the_same(tmp_path: Path) -> None:
    encoder = made()
    scorer = encoder.scorer()
    assert isinstance(scorer, Scorer)
    assert (scorer.n_users, scorer.n_items) == (5, 7)
    save_file({name: tensor.contiguous() for name, tensor in scorer.tensors().items()}, tmp_path / "scorer")
    again = scorer_from_parts(load_file(tmp_path / "scorer"), scorer.settings())
    everyone, everything = torch.arange(5), torch.arange(7)
    assert torch.equal(again.score(everyone), scorer.score(everyone))
    assert torch.equal(again.to("cpu").score_pairs(USERS, USERS), scorer.score_pairs(USERS, USERS))
    assert_close(scorer.score(everyone), encoder.score_block(everyone, everything).detach())
    assert_close(scorer.score_pairs(USERS, USERS), encoder.score_pairs(USERS, USERS).detach())
    before = scorer.score(everyone)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    assert torch.equal(scorer.score(everyone), before)  # it holds copies


def test_a_network_folds_nobody_in() -> None:
    log = Interactions.from_arrays(["x", "y"], [0, 6])
    with pytest.raises(DataError, match="cannot fold 2 new users in; fit again with their rows"):
        made().scorer().fold_in(log)


def test_the_start_is_drawn_from_the_generator_alone() -> None:
    state = torch.random.get_rng_state()
    one, two = (NeuMF(5, 7, layers=(8, 4), generator=torch_stream(0, "init")) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert one.users.std().item() == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": (8,)}, r"two or more positive widths, the first even.* got \[8\]"),
        ({"layers": (8, -4)}, "two or more positive widths"),
        ({"layers": (7, 4)}, "the first even"),
        ({"dim": 0}, "dim must be 1 or more, got 0"),
        ({"dropout": 1.0}, "dropout must be from 0 to below 1, got 1.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        NeuMF(5, 7, **({"generator": torch_stream(0, "init")} | change))


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"items must be a Tensor .* \[N\] or \[B, N\] with B=4, got int64 \[3, 2\]"):
        made().score_block(USERS, OWN_ITEMS[:3])
    scorer = made().scorer()
    for name, tensor, error, message in (
        ("users.product", torch.zeros(5, 2), DataError, "must have the same widths, got"),
        ("items.hidden", torch.zeros(6, 6), DataError, "both parts of a side must have the same rows"),
        ("layers.0.bias", torch.zeros(3), DataError, r"over 6 numbers cannot be \[4, 6\] and \[3\]"),
        ("output", torch.zeros(9), DataError, r"output must have shape \[4\], got \[9\]"),
        ("output", torch.full((4,), torch.nan), TrainingError, "'output' are NaN or infinite"),
    ):
        with pytest.raises(error, match=message):
            scorer_from_parts(scorer.tensors() | {name: tensor}, scorer.settings())
