"""Thresholds of users are kept and refreshed: exactly, by sampling, on both routes, in any number of threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import fillrank as fr
from fillrank.data import Interactions, synthetic
from fillrank.encoders import MF
from fillrank.errors import DataError
from fillrank.losses import BSL, DrRL, SLatK, Talos, ThresholdLoss
from fillrank.samplers import KnownPositives, Uniform
from fillrank.training import (
    Autograd,
    Batch,
    ContrastSettings,
    ContrastStep,
    FitOptions,
    LoopSettings,
    TableContrast,
    TableScores,
    Thresholds,
    train,
)
from fillrank.training import thresholds as module
from fillrank.training.context import FitContext

LOSSES: tuple[ThresholdLoss, ...] = (
    SLatK(0.2, 0.3, k=4, refresh_every=2),
    Talos(0.2, k=4, refresh_items=15),
    DrRL(5.0, 1.5, refresh_items=None),
    DrRL(5.0, 1.5, refresh_items=15, refresh_every=2),
)


@pytest.fixture(scope="module")
def log() -> Interactions:
    return synthetic(n_users=40, n_items=30, n_interactions=300, seed=1).interactions.without_values()


def encoder(log: Interactions) -> MF:
    return MF.random(log.n_users, log.n_items, 6, generator=torch.Generator().manual_seed(5)).double()


def tables(log: Interactions) -> TableScores:
    return TableScores.of(encoder(log).tables(), "cosine")


def kept(loss: ThresholdLoss, log: Interactions, seed: int = 0) -> Thresholds:
    """After the first refreshing."""
    thresholds = Thresholds(loss, lambda: tables(log))
    thresholds.begin(Batch.of(log, None, "cpu"))
    thresholds.refresh(1, torch.Generator().manual_seed(seed))
    return thresholds


def by_hand(loss: ThresholdLoss, log: Interactions) -> Tensor:
    """One user after the other, over all items of the log."""
    scores, found = tables(log), []
    catalogue = torch.unique(torch.from_numpy(log.items.astype("int64")))
    for user in range(log.n_users):
        own = scores.score_block(torch.tensor([user]), catalogue)
        if not loss.of_positives:
            met = torch.from_numpy(log.items[log.users == user].astype("int64"))
            own = own[:, ~torch.isin(catalogue, met)]
        found.append(loss.thresholds_of(own))
    return torch.cat(found).float()


@pytest.mark.parametrize("loss", [SLatK(k=4), Talos(k=4), DrRL(5.0, refresh_items=None)], ids=repr)
@pytest.mark.parametrize("block", [1, 200, 1 << 20])
def test_exact_thresholds_are_those_found_by_hand(
    loss: ThresholdLoss, block: int, log: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    torch.testing.assert_close(kept(loss, log).state_dict()["table"], by_hand(loss, log))


@pytest.mark.parametrize("kind", [SLatK, Talos, DrRL])
def test_a_draw_of_nearly_everything_is_near_the_exact_ones(kind: type[Any], log: Interactions) -> None:
    """With K of the size of the positives' number the estimate may be a rank or two off; drawn anew, it is another."""
    n_items = len(torch.unique(torch.from_numpy(log.items.astype("int64"))))
    exact = by_hand(kind(refresh_items=None, **({} if kind is DrRL else {"k": 6})), log)
    loss = kind(refresh_items=n_items - 1, **({} if kind is DrRL else {"k": 6}))
    first, second = (kept(loss, log, seed).state_dict()["table"] for seed in (1, 2))
    assert (first - exact).abs().mean() < 0.06
    assert not torch.equal(first, second)


def test_a_drawn_item_stands_for_its_share_and_a_positive_for_itself(log: Interactions) -> None:
    """The estimate of how many items are at the threshold or above is K, but for the step at the threshold itself."""
    loss = Talos(k=8, refresh_items=12)
    exact, sampled = by_hand(Talos(k=8), log), torch.zeros(log.n_users)
    draws = 60
    for seed in range(draws):
        sampled += kept(loss, log, seed).state_dict()["table"] / draws
    assert (sampled - exact).mean().abs() < 0.05, "over many draws it is neither too high nor too low"


def test_the_table_is_refreshed_when_it_is_time_and_a_batch_is_bound_to_it(log: Interactions) -> None:
    thresholds = kept(SLatK(k=4, refresh_every=3), log)
    before = thresholds.state_dict()["table"].clone()
    users = torch.tensor([3, 3, 7])
    assert torch.equal(thresholds.bound(users)._bound, before[users])
    other = MF.random(log.n_users, log.n_items, 6, generator=torch.Generator().manual_seed(9)).double()
    thresholds._scores = lambda: TableScores.of(other.tables(), "cosine")
    for epoch, renewed in ((2, False), (3, False), (4, True)):
        thresholds.refresh(epoch, torch.Generator().manual_seed(0))
        assert torch.equal(thresholds.state_dict()["table"], before) != renewed


def learner(route: str, loss: Any, log: Interactions, mf: MF) -> TableContrast | Autograd:
    sampler, settings = Uniform(KnownPositives.of_users(log), 12), ContrastSettings(learning_rate=0.01, dropout=0.1)
    if route == "fast":
        return TableContrast(mf, loss, sampler, settings)
    return Autograd(ContrastStep(mf, loss, sampler, settings), [mf], [0.01])


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_both_routes_train_alike_and_the_thresholds_matter(loss: ThresholdLoss, log: Interactions) -> None:
    found = []
    for route in ("fast", "plain"):
        mf = encoder(log)
        made = learner(route, loss, log, mf)
        # one batch an epoch, so that the plain route's Adam moves the same rows
        history = train(made, Batch.of(log, None, "cpu"), LoopSettings(3, len(log)))
        found.append([*(table.detach() for table in mf.tables()), made.thresholds.state_dict()["table"]])
        assert history.epochs[-1]["contrastive"] < history.epochs[0]["contrastive"] + 1
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert (found[0][2] - loss.threshold).abs().min() > 0, "everybody has a threshold of their own"


def test_a_loss_without_thresholds_has_none(log: Interactions) -> None:
    for route in ("fast", "plain"):
        assert learner(route, BSL(), log, encoder(log)).thresholds is None


@pytest.mark.parametrize("route", ["fast", "plain"])
def test_a_training_that_is_resumed_between_two_refreshings_goes_on_with_the_same(
    route: str, log: Interactions, tmp_path: Path
) -> None:
    rows, file = Batch.of(log, None, "cpu"), tmp_path / "run.ckpt"

    def run(stop_after: int | None, checkpoint: Path | None) -> MF:
        mf, looks = encoder(log), []

        def monitor() -> tuple[float, dict[str, float]]:
            looks.append(1)
            if len(looks) == stop_after:
                raise TimeoutError
            return mf.users.detach()[0, 0].item(), {}

        context = FitContext(FitOptions(progress=False, checkpoint=checkpoint))
        made = learner(route, SLatK(0.2, 0.3, k=4, refresh_every=3), log, mf)
        train(made, rows, LoopSettings(6, 64, patience=9), monitor, context)
        return mf

    with pytest.raises(TimeoutError):
        run(3, file)
    resumed, whole = run(None, file), run(None, None)
    assert torch.equal(resumed.users, whole.users)
    assert torch.equal(resumed.items, whole.items)


def test_a_checkpoint_without_the_thresholds_is_refused(log: Interactions, tmp_path: Path) -> None:
    rows, context = Batch.of(log, None, "cpu"), FitContext(FitOptions(progress=False, checkpoint=tmp_path / "c"))
    train(learner("fast", BSL(), log, encoder(log)), rows, LoopSettings(1, 64), context=context)
    with pytest.raises(DataError, match="is no whole checkpoint"):
        train(learner("fast", Talos(), log, encoder(log)), rows, LoopSettings(1, 64), context=context)


@pytest.mark.parametrize("loss", ["slatk", "talos", "drrl"])
def test_the_same_bits_whatever_the_number_of_threads(loss: str) -> None:
    log = synthetic(n_users=300, n_items=200, n_interactions=6000, seed=2).interactions.without_values()
    threads, vectors = torch.get_num_threads(), []
    settings = {"refresh_items": 50} if loss != "slatk" else {}
    try:
        for n in (1, 3):
            torch.set_num_threads(n)
            recipe = fr.Contrastive(dim=8, loss=loss, loss_settings=settings, epochs=2, batch_size=3000, seed=1)
            vectors.append(recipe.fit(log, progress=False).scorer.users)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*vectors)


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": "neumf", "dim": 4},
        {"encoder": "lightgcn", "dim": 4},
        {"encoder": "lightgcn", "dim": 4, "route": "delayed-propagation"},
        {"dim": 4, "sampler_settings": {"shared": False, "n_negatives": 5}},
    ],
)
def test_every_encoder_and_kind_of_negatives_has_thresholds(settings: dict[str, Any], log: Interactions) -> None:
    model = fr.Contrastive(loss="talos", epochs=2, **settings).fit(log, progress=False)
    other = fr.Contrastive(loss="talos", loss_settings={"k": 1}, epochs=2, **settings).fit(log, progress=False)
    assert model.history[-1]["contrastive"] != other.history[-1]["contrastive"]


def test_new_users_are_folded_in_by_such_a_loss_with_thresholds_of_their_own(log: Interactions) -> None:
    items = torch.randn(30, 4, generator=torch.Generator().manual_seed(3))
    bias = torch.linspace(-0.2, 0.2, 30)
    common = {"objective": "loss", "epochs": 3, "item_bias": bias}
    one, other = (
        fr.fold_in(items, [[1, 2, 3], [4, 5]], loss={"name": "slatk", "temperature": 0.2, "k": k}, **common)
        for k in (1, 20)
    )
    assert one.isfinite().all()
    assert not torch.allclose(one, other)
