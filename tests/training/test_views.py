"""Views in a step, and the loss that needs no negatives: against the same written out, and in parts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from fillrank.data import Interactions, synthetic
from fillrank.encoders import MF, HistoryUsers, LightGCN, NeuMF, edge_dropout, layer_noise, normal_tables, view
from fillrank.errors import SettingsError
from fillrank.losses import BSL, AlignmentUniformity, InfoNCE, ViewContrast
from fillrank.samplers import KnownPositives, Uniform
from fillrank.training import Batch, ContrastSettings, ContrastStep, ViewTerm, World

Encoder = MF | LightGCN | HistoryUsers


@pytest.fixture(scope="module")
def log() -> Interactions:
    return synthetic(n_users=40, n_items=30, n_interactions=300, seed=1).interactions.without_values()


def encoder(name: str, log: Interactions, similarity: str = "cosine") -> Encoder:
    users, items = normal_tables(log.n_users, log.n_items, 6, generator=torch.Generator().manual_seed(5))
    users, items = users.double(), items.double()
    if name == "mf":
        return MF(users, items, similarity=similarity)
    if name == "history":
        return HistoryUsers(items, log, similarity=similarity)
    return LightGCN(users, items, log, n_layers=2, similarity=similarity)


def contrast_step(log: Interactions, of: Encoder, views: ViewTerm | None) -> ContrastStep:
    sampler = Uniform(KnownPositives.of_users(log), 12)
    return ContrastStep(of, InfoNCE(), sampler, ContrastSettings(dropout=0.3), views)


def agreement(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Each row has to find its other view among those of all rows."""
    cosines = normalize(one, dim=1) @ normalize(other, dim=1).T
    return cross_entropy(cosines / temperature, torch.arange(len(one)))


def random(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator).double()


def noisy(rows: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    return rows + eps * normalize(random(*rows.shape, generator=generator) * rows.sign(), dim=1)


VIEWS = [
    ("edge-dropout", "lightgcn", {"rate": 0.3}),
    ("noise", "lightgcn", {"eps": 0.2}),
    ("noise", "mf", {"eps": 0.2}),
    ("noise", "history", {"eps": 0.2}),
]


@pytest.mark.parametrize(("name", "of", "settings"), VIEWS)
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_the_term_is_what_one_would_write(
    name: str, of: str, settings: dict, similarity: str, log: Interactions
) -> None:
    made = encoder(of, log, similarity)
    batch = Batch.of(log, None, "cpu").rows(torch.arange(0, 300, 7))
    found = ViewTerm(view(name, made, **settings), ViewContrast(0.4), 0.7)(batch, torch.Generator().manual_seed(9))

    draws, users, items = torch.Generator().manual_seed(9), batch.users.unique(), batch.items.unique()
    assert len(users) < len(batch)  # so that taking each once shows
    views = []
    for _ in range(2):
        if name == "edge-dropout":
            tables = edge_dropout(made, 0.3, draws)
        elif of == "lightgcn":
            tables = layer_noise(made, 0.2, draws)
        else:
            tables = made.tables()
        rows = [tables[0][users], tables[1][items]]
        if of != "lightgcn":
            ready = [normalize(side, dim=1) for side in rows] if similarity == "cosine" else rows
            rows = [noisy(side, 0.2, draws) for side in ready]
        views.append(rows)
    sides = [agreement(one, other, 0.4) for one, other in zip(*views, strict=True)]
    torch.testing.assert_close(found, 0.7 * (sides[0] + sides[1]))


@pytest.mark.parametrize(("name", "of", "settings"), VIEWS)
def test_views_are_added_to_the_contrast_and_leave_it_as_it_is(
    name: str, of: str, settings: dict, log: Interactions
) -> None:
    made, batch = encoder(of, log), Batch.of(log, None, "cpu").rows(torch.arange(50))
    term = ViewTerm(view(name, made, **settings), ViewContrast(), 0.5)
    plain, more, again = (
        contrast_step(log, made, views)(batch, torch.Generator().manual_seed(2)) for views in (None, term, term)
    )
    assert plain.keys() == {"contrastive"}
    assert more.keys() == {"contrastive", "views"}
    assert torch.equal(plain["contrastive"], more["contrastive"])
    assert torch.equal(more["views"], again["views"])
    gradients = torch.autograd.grad(more["views"], list(made.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_alignment_and_uniformity_are_what_one_would_write(similarity: str, log: Interactions) -> None:
    made, batch = encoder("mf", log, similarity), Batch.of(log, None, "cpu").rows(torch.arange(50))
    step = ContrastStep(made, AlignmentUniformity(0.6), None, ContrastSettings(regularization=0.2))
    found = step(batch, torch.Generator())

    def crowd(units: Tensor) -> Tensor:
        return torch.pdist(units).square().mul(-2).exp().mean().log()

    users, items = normalize(made.users[batch.users], dim=1), normalize(made.items[batch.items], dim=1)
    expected = (users - items).square().sum(1).mean() + 0.6 * (crowd(users) + crowd(items)) / 2
    touched = made.users[batch.users.unique()].square().sum() + made.items[batch.items.unique()].square().sum()
    torch.testing.assert_close(found, {"contrastive": expected, "penalty": 0.2 / 2 * touched})


@pytest.mark.parametrize("n_rows", [25, 1])
@pytest.mark.parametrize("shared", [True, False, None])
def test_two_parts_of_a_batch_make_the_whole(shared: bool | None, n_rows: int, log: Interactions) -> None:
    """Against negatives shared or not, or against none; also where a process has no rows of a batch."""
    made, batch = encoder("lightgcn", log), Batch.of(log, None, "cpu").rows(torch.arange(n_rows))
    loss = AlignmentUniformity() if shared is None else InfoNCE()
    sampler = None if shared is None else Uniform(KnownPositives.of_users(log), 4, shared=shared)
    views = ViewTerm(view("noise", made), ViewContrast(), 0.5)
    step = ContrastStep(made, loss, sampler, ContrastSettings(dropout=0.3, regularization=0.1), views)

    def found(part: Batch) -> list[Tensor]:
        parts = step(part, torch.Generator().manual_seed(1))
        return [*parts.values(), *torch.autograd.grad(sum(parts.values()), list(made.parameters()))]

    halves = [found(batch.shard(World(rank, 2))) for rank in (0, 1)]
    for one, other, whole in zip(*halves, found(batch), strict=True):
        torch.testing.assert_close(one + other, whole)


def test_a_loss_that_looks_at_the_whole_batch_is_refused_a_part_of_one(log: Interactions) -> None:
    made, batch = encoder("mf", log), Batch.of(log, None, "cpu")
    sampler, loss = Uniform(KnownPositives.of_users(log), 12), BSL(several_positives=True)
    step = ContrastStep(made, loss, sampler, ContrastSettings())
    with pytest.raises(SettingsError, match="looks at a batch as a whole, and several processes share it; use one"):
        step(batch.shard(World(0, 2)), torch.Generator())


def test_parts_that_do_not_go_together_are_refused(log: Interactions) -> None:
    mf, settings = encoder("mf", log), ContrastSettings()
    sampler, pairs = Uniform(KnownPositives.of_users(log), 12), NeuMF(40, 30, dim=2, generator=torch.Generator())
    with pytest.raises(SettingsError, match=r"InfoNCE\(.*\) wants a sampler of negatives"):
        ContrastStep(mf, InfoNCE(), None, settings)
    with pytest.raises(SettingsError, match="wants no sampler: it takes no negatives"):
        ContrastStep(mf, AlignmentUniformity(), sampler, settings)
    with pytest.raises(SettingsError, match="is a loss of vectors, and NeuMF has none"):
        ContrastStep(pairs, AlignmentUniformity(), None, settings)
    with pytest.raises(SettingsError, match="noise is put on vectors, and NeuMF has none"):
        view("noise", pairs)
    with pytest.raises(SettingsError, match="edge-dropout wants a graph, and MF has none; take 'noise'"):
        view("edge-dropout", mf)
    with pytest.raises(SettingsError, match="there is no view 'dropout'; known are edge-dropout, noise"):
        view("dropout", mf)
    with pytest.raises(SettingsError, match="the weight of views must be a positive number, got 0"):
        ViewTerm(view("noise", mf), ViewContrast(), 0.0)
