"""The contrastive recipe: which route it takes, what it refuses, and that each name leads where it says."""

from __future__ import annotations

import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from fillrank.data import Interactions, Split, checkerboard, split
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation import Evaluator
from fillrank.factors import Factors
from fillrank.models import MMCL, NEIGHBOUR_WEIGHTS, POPULARITY_BETAS, Contrastive, LightGCN, NeuMF, Popularity
from fillrank.models.contrastive.build import ContrastiveParts, pick_route
from fillrank.models.ranked import Ranking
from fillrank.training import FitOptions, World
from fillrank.training.callbacks import Recorder
from fillrank.training.context import FitContext

QUICK = {
    "dim": 4,
    "epochs": 2,
    "batch_size": 256,
    "sampler_settings": {"n_negatives": 20},
    "neighbour_weight": 0.0,
    "popularity_beta": 0.0,
}


def route(parts: Split, **settings) -> str:
    recipe = Contrastive(**QUICK | settings)
    return pick_route(recipe, ContrastiveParts.of(recipe, parts.train.without_values())).route


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "closed form"),
        ({"loss": "ccl", "sampler": "in-batch", "sampler_settings": {}}, "closed form"),
        ({"regularization": 0.1}, "closed form"),
        ({"regularization": 0.1, "regularized": "all"}, "autograd"),
        ({"route": "autograd"}, "autograd"),
        ({"encoder": "lightgcn"}, "autograd"),
        ({"encoder": "neumf"}, "autograd"),
        ({"encoder": "history"}, "autograd"),
        ({"views": "noise"}, "autograd"),
        ({"views": "noise", "view_weight": 0.0}, "closed form"),
        ({"loss": "alignment-uniformity", "sampler_settings": {}}, "autograd"),
        ({"sampler_settings": {"n_negatives": 20, "shared": False}}, "closed form"),
        (
            {
                "sampler": "hard",
                "sampler_settings": {"n_negatives": 5, "base": QUICK["sampler_settings"] | {"name": "uniform"}},
            },
            "closed form",
        ),
    ],
)
def test_the_fast_route_is_taken_where_it_leads_to_the_same_place(parts: Split, settings: dict, expected: str) -> None:
    assert route(parts, **settings).startswith(expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"sampler_settings": {"n_negatives": 20, "shared": False}},
        {"sampler": "hard", "sampler_settings": {"n_negatives": 5, "base": {"name": "uniform", "n_negatives": 20}}},
        {"sampler": "mixed", "loss": "infonce"},
        {"sampler": "popularity", "loss": "psl"},
        {"encoder": "history", "encoder_settings": {"own_share": 0.5}},
        {"regularization": 0.01, "regularized": "all", "max_grad_norm": 1.0},
        {
            "encoder": "neumf",
            "encoder_settings": {"dropout": 0.2},
            "loss": "bpr",
            "regularization": 0.1,
            "regularized": "all",
        },
        {"schedule": "cosine", "warmup": 0.2, "eval_every": 2, "precision": "bfloat16"},
        {"encoder": "lightgcn", "views": "edge-dropout", "view_settings": {"rate": 0.2}, "view_weight": 0.3},
        {"encoder": "lightgcn", "views": "noise", "encoder_settings": {"n_layers": 1, "layer_weights": [0, 1]}},
        {"loss": "bpr", "similarity": "dot", "views": "noise", "view_temperature": 0.5},
        {"loss": "alignment-uniformity", "loss_settings": {"uniformity_weight": 0.5}, "sampler_settings": {}},
    ],
)
def test_any_choice_trains_and_repeats(parts: Split, settings: dict) -> None:
    lists = [Contrastive(**QUICK | settings).fit(parts.train, parts.valid).recommend(k=5) for _ in range(2)]
    assert lists[0].equals(lists[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_settings": {"temperature": 0}}, "temperature must be a positive number, got 0"),
        ({"loss": "mmcl", "loss_settings": {"margins": [0.5], "weights": [0.5, 0.5]}}, "weights"),
        ({"loss": "ccl", "loss_settings": {"margin": 2}}, r"margin must be within \[-1, 1\]"),
        ({"loss": "bls"}, "there is no loss 'bls'; did you mean 'bsl'"),
        ({"sampler": "unifrom"}, "there is no sampler 'unifrom'"),
        ({"sampler_settings": {"n_negatives": 10_000}}, "n_negatives must be from 1 to the"),
        (
            {"encoder": "lightgcn", "encoder_settings": {"layers": 2}},
            "the encoder 'lightgcn' has no setting 'layers'; it has n_layers, layer_weights",
        ),
        ({"view_settings": {"eps": 0.1}}, "without views, view_settings would not be used; set views"),
        ({"view_weight": 0.1, "view_temperature": 0.1}, "view_weight, view_temperature would not be used; set views"),
        ({"views": "dropout"}, "views = 'dropout': must be 'edge-dropout' or 'noise'"),
        ({"views": "noise", "view_settings": {"rate": 0.1}}, "the view 'noise' has no setting 'rate'; it has eps"),
        ({"views": "noise", "view_settings": {"eps": "0.1"}}, "eps must be a number of 0 or more, got '0.1'"),
        ({"views": "edge-dropout"}, "edge-dropout wants a graph, and MF has none; take 'noise'"),
        ({"views": "noise", "encoder": "neumf"}, "noise is put on vectors, and NeuMF has none"),
        ({"encoder": "neumf", "similarity": "dot", "init": "random"}, "so similarity, init would not be used; leave"),
        ({"loss": "alignment-uniformity"}, "'alignment-uniformity' needs no negatives; leave sampler and its settings"),
        (
            {"loss": "alignment-uniformity", "sampler": "in-batch", "sampler_settings": {}},
            "'alignment-uniformity' needs no negatives",
        ),
        (
            {"loss": "alignment-uniformity", "encoder": "neumf", "sampler_settings": {}},
            "is a loss of vectors, and NeuMF has none",
        ),
        ({"encoder": "history", "precision": "bfloat16"}, "bfloat16' belongs to the fast route and to LightGCN"),
        (
            {"precision": "bfloat16", "sampler_settings": {"n_negatives": 20, "shared": False}},
            "precision='bfloat16' is for negatives that the batch shares",
        ),
        ({"route": "delayed-propagation"}, "route='delayed-propagation' is for encoder='lightgcn'"),
        (
            {"route": "delayed-propagation", "encoder": "lightgcn", "views": "noise"},
            "with a loss of scores and without views",
        ),
        (
            {
                "route": "delayed-propagation",
                "encoder": "lightgcn",
                "loss": "alignment-uniformity",
                "sampler_settings": {},
            },
            "with a loss of scores and without views",
        ),
        (
            {"route": "delayed-propagation", "encoder": "lightgcn", "regularization": 0.1, "regularized": "all"},
            "cannot regularize all rows",
        ),
        ({"propagate_every": 7}, "propagate_every=7 is for route='delayed-propagation'"),
        ({"monitor": "ndcg"}, "monitor must be a metric at a length, such as 'ndcg@20', got 'ndcg'"),
        ({"monitor": "auc@5"}, "unknown metrics"),
        ({"popularity_beta": "often"}, "popularity_beta = 'often'"),
        ({"popularity_beta": 40.0}, "popularity_beta is an exponent of counts, and must be from -20 to 20, got 40.0"),
        ({"encoder": "neumf", "popularity_beta": 0.1}, "so popularity_beta would not be used"),
        ({"neighbour_weight": -0.1}, "neighbour_weight = -0.1: must be 0 or more"),
        ({"learning_rate": float("nan")}, "learning_rate = nan"),
        ({"positive_from": 99}, "no value is 99 or more, so there is no positive"),
        (
            {"encoder": "neumf", "regularization": 0.1},
            "NeuMF does not keep one vector for each user and item",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_named_before_anything_is_learnt(
    parts: Split, settings: dict, message: str
) -> None:
    with pytest.raises((SettingsError, DataError), match=message):
        Contrastive(**QUICK | settings).fit(parts.train, parts.valid)


def test_views_without_weight_are_no_views_and_with_it_they_are_trained(parts: Split) -> None:
    common = QUICK | {"encoder": "lightgcn"}
    none, idle, at_work = (
        LightGCN(**common | own).fit(parts.train)
        for own in ({}, {"views": "noise", "view_weight": 0.0}, {"views": "noise"})
    )
    assert torch.equal(none.scorer.users, idle.scorer.users)
    assert not torch.equal(none.scorer.users, at_work.scorer.users)
    assert at_work.history[-1]["views"] < at_work.history[0]["views"]


def test_the_precision_of_a_graph_is_that_of_its_products(parts: Split) -> None:
    whole, halved = (LightGCN(**QUICK, precision=p).fit(parts.train).scorer.users for p in ("float32", "bfloat16"))
    assert not torch.equal(whole, halved)
    assert torch.cosine_similarity(whole, halved).min() > 0.99


def test_a_graph_learns_by_spreading_its_changes_too(parts: Split) -> None:
    common = QUICK | {"encoder": "lightgcn", "route": "delayed-propagation", "epochs": 6}
    close, never = (Contrastive(**common, propagate_every=every).fit(parts.train) for every in (2, 10**6))
    assert close.history[-1]["contrastive"] < close.history[0]["contrastive"]
    assert not torch.equal(close.scorer.users, never.scorer.users)


@pytest.mark.parametrize(("views", "weight"), [("edge-dropout", 0.1), ("noise", 0.5)])
def test_what_is_not_set_is_as_the_authors_have_it(views: str, weight: float, parts: Split) -> None:
    made = ContrastiveParts.of(LightGCN(views=views), parts.train).views
    assert (made.weight, made.loss.temperature) == (weight, 0.2)
    assert (getattr(made.view, "rate", 0.1), getattr(made.view, "eps", 0.1)) == (0.1, 0.1)


def test_a_fit_that_was_stopped_goes_on_from_its_checkpoint(parts: Split, tmp_path) -> None:
    file = tmp_path / "run.ckpt"
    whole = Contrastive(**QUICK | {"epochs": 4}).fit(parts.train)
    first = Contrastive(**QUICK | {"epochs": 4}).fit(parts.train, checkpoint=file)
    assert file.exists()
    again = Contrastive(**QUICK | {"epochs": 4}).fit(parts.train, checkpoint=file)  # nothing is left to learn
    for model in (first, again):
        assert torch.equal(model.scorer.users, whole.scorer.users)


def test_a_checkpoint_of_other_settings_or_other_data_is_refused(parts: Split, tmp_path) -> None:
    file = str(tmp_path / "run.ckpt")
    Contrastive(**QUICK).fit(parts.train, checkpoint=file)
    with pytest.raises(DataError, match="belongs to another training"):
        Contrastive(**QUICK | {"loss": "ccl"}).fit(parts.train, checkpoint=file)
    others = replace(parts.train, items=(parts.train.n_items - 1 - parts.train.items))
    with pytest.raises(DataError, match="belongs to another training"):
        Contrastive(**QUICK).fit(others, checkpoint=file)


@pytest.mark.parametrize("kind", [Contrastive, MMCL, LightGCN, NeuMF])
def test_the_defaults_will_do_for_small_data(kind: type[Contrastive]) -> None:
    board = checkerboard(12)
    assert len(kind(epochs=1).fit(board).recommend(k=1)) == board.n_users


def test_items_can_be_ranked_by_lengths_that_cosines_do_not_see(parts: Split) -> None:
    recipe = Contrastive(**QUICK)
    cosines = recipe.fit(parts.train).scorer
    lengths = recipe.model_copy(update={"ranked_by": "dot"}).fit(parts.train).scorer
    assert (cosines.similarity, lengths.similarity) == ("cosine", "dot")
    torch.testing.assert_close(lengths.items, cosines.items)  # what is learnt is the same

    longer = recipe.model_copy(update={"popularity_beta": 0.5}).fit(parts.train)
    counts = torch.from_numpy(parts.train.item_counts).clamp(min=1).float()
    everybody = torch.arange(parts.train.n_users)
    torch.testing.assert_close(longer.scorer.score(everybody), cosines.score(everybody) * counts.sqrt())


@pytest.mark.parametrize(
    ("name", "values", "others"),
    [
        ("popularity_beta", POPULARITY_BETAS, {}),
        ("popularity_beta", POPULARITY_BETAS, {"ranked_by": "dot", "neighbour_weight": 0.1}),
        ("neighbour_weight", NEIGHBOUR_WEIGHTS, {"popularity_beta": 0.05}),
    ],
)
def test_what_ranks_can_be_chosen_on_the_validation_part(
    parts: Split, name: str, values: tuple[float, ...], others: dict
) -> None:
    recipe = Contrastive(**QUICK | others | {name: "auto"}, monitor="ndcg@5")
    chosen = recipe.fit(parts.train, valid=parts.valid, refit=False)
    again = Contrastive(**chosen.settings).fit(parts.train)
    torch.testing.assert_close(again.scorer.items, chosen.scorer.items)

    values = [value for value in values if abs(value) <= 0.3]
    judged = Evaluator(parts.valid, train=parts.train, seen=parts.train.csr, k=5, metrics=("ndcg",))
    found = {
        value: judged.run(Contrastive(**chosen.settings | {name: value}).fit(parts.train).scorer) for value in values
    }
    reached = judged.run(chosen.scorer).metrics["ndcg@5"]
    assert reached >= max(found[value].metrics["ndcg@5"] for value in values if value >= -0.05)


def test_two_numbers_of_the_ranking_are_chosen_in_turn() -> None:
    log = checkerboard(20)
    generator = torch.Generator().manual_seed(0)
    learnt = Factors(*(torch.randn(n, 4, generator=generator) for n in (log.n_users, log.n_items)))
    ranking, seen = Ranking(log, "cosine"), []

    def judge(factors: Factors) -> tuple[float, dict[str, float]]:  # the longer the better
        seen.append(factors)
        return float(factors.item_vectors.norm()), {}

    best = ranking.chosen(["neighbour_weight", "popularity_beta"], learnt, judge)
    assert (best.neighbour_weight, best.popularity_beta) == (max(NEIGHBOUR_WEIGHTS), max(POPULARITY_BETAS))
    tried_betas = [beta for beta in POPULARITY_BETAS if beta >= -0.05]  # on from the end that was the best
    assert len(seen) == 2 * len(NEIGHBOUR_WEIGHTS) + len(tried_betas)
    torch.testing.assert_close(best.of(learnt).items.norm(), max(factors.item_vectors.norm() for factors in seen))


@pytest.mark.parametrize(
    "settings",
    [
        {"popularity_beta": 0.1},
        {"neighbour_weight": 0.1},
        {"popularity_weight": 0.1},
        {"popularity_weight": 1.0, "neighbour_weight": 0.1, "popularity_beta": 0.3},
    ],
)
def test_new_users_are_folded_in_whatever_ranks(parts: Split, settings: dict) -> None:
    model = Contrastive(**QUICK | settings | {"epochs": 20}).fit(parts.train)
    folded = model.scorer.fold_in(parts.train)
    everybody = torch.arange(parts.train.n_users)
    both = torch.stack([scorer.score(everybody).flatten() for scorer in (model.scorer, folded)])
    assert torch.corrcoef(both)[0, 1] > 0.5
    if "popularity_weight" in settings:  # what products weigh beside popularity is the same for new users
        lengths = [scorer.user_vectors.norm(dim=1).mean() for scorer in (model.scorer, folded)]
        torch.testing.assert_close(*lengths)


def test_popularity_weighs_as_the_formula_says(parts: Split) -> None:
    recipe = Contrastive(**QUICK)
    plain, popular = (recipe.model_copy(update={"popularity_weight": w}).fit(parts.train).scorer for w in (0.0, 0.2))
    everybody = torch.arange(parts.train.n_users)
    added = 0.2 * torch.from_numpy(parts.train.item_counts).float().log1p()
    torch.testing.assert_close(popular.score(everybody), plain.score(everybody) + added)


def test_where_there_is_no_taste_popularity_ranks() -> None:
    draws = np.random.default_rng(1)
    share = 1 / np.arange(1, 41)
    rows = [(user, item) for user in range(400) for item in draws.choice(40, 3, replace=False, p=share / share.sum())]
    parts = split.random(Interactions.from_arrays(*np.transpose(rows)), test=0.1, valid=0.2, seed=0)
    judged = Evaluator(parts.valid, train=parts.train, seen=parts.train.csr, k=20, metrics=("ndcg",))
    chosen = Contrastive(dim=8, epochs=5).fit(parts.train, parts.valid, refit=False)
    popular = Popularity().fit(parts.train)
    assert judged.run(chosen.scorer)["ndcg@20"] >= 0.995 * judged.run(popular.scorer)["ndcg@20"]
    assert chosen.settings["popularity_weight"] > 0


def test_popularity_is_weighed_where_nothing_of_it_is_given(parts: Split) -> None:
    given = QUICK | {"neighbour_weight": 0.0}
    assert Contrastive(**given).fit(parts.train, parts.valid).settings["popularity_weight"] == 0.0
    named = Contrastive(**given, popularity_weight="auto")
    assert named.undecided()
    assert not Contrastive(**given).undecided()


@pytest.mark.parametrize("threshold", [3.0, "relevant"])
def test_what_a_new_user_did_not_like_counts_for_nothing_where_it_did_not_in_training(
    parts: Split, threshold: float | str
) -> None:
    log = replace(parts.train, relevant_from=3.0)
    model = Contrastive(**QUICK, positive_from=threshold).fit(log)
    first, second = model.interactions.item_ids.ids[:2]
    both, one = model.fold_in({first: 5.0, second: 1.0}), model.fold_in({first: 5.0})
    torch.testing.assert_close(both.scorer.users, one.scorer.users)


def test_choosing_what_ranks_can_be_stopped_by_hand(caplog: pytest.LogCaptureFixture) -> None:
    log = checkerboard(20)
    learnt = Factors(torch.randn(20, 4), torch.randn(20, 4))
    trials = []

    def judge(factors: Factors) -> tuple[float, dict[str, float]]:
        trials.append(factors)
        if len(trials) == 3:
            signal.raise_signal(signal.SIGINT)
        return float(len(trials)), {}

    heard = Recorder()
    context = FitContext(FitOptions(progress=False, callbacks=[heard]))
    best = Ranking(log, "cosine", popularity_beta=0.1).chosen(["neighbour_weight"], learnt, judge, context)
    assert (best.neighbour_weight, best.popularity_beta, len(trials)) == (NEIGHBOUR_WEIGHTS[2], 0.1, 3)
    assert "stopped by hand in trial 3 of the ranking; keeping trial 3" in caplog.text
    assert [(end.stage, end.epoch, end.score, end.interrupted) for end in heard.epochs] == [
        *(("trial", n, float(n), n == 3) for n in (1, 2, 3))
    ]


def test_of_several_processes_the_first_chooses_what_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    log, gains = checkerboard(20), iter([0.1, 0.3, 0.2, 0.1, 0.1, 0.1])  # the best is at no end

    class Second(World):
        def broadcast(self, work):  # noqa: ARG002
            return next(gains), {}

        def any(self, flag: bool) -> bool:
            return flag

    def judge(factors: Factors) -> tuple[float, dict[str, float]]:
        raise AssertionError(f"the second process judged {factors}")

    monkeypatch.setattr(World, "current", lambda: Second(1, 2))
    learnt = Factors(torch.randn(20, 4), torch.randn(20, 4))
    best = Ranking(log, "cosine").chosen(["neighbour_weight"], learnt, judge)
    assert best.neighbour_weight == NEIGHBOUR_WEIGHTS[1]


def test_a_search_hears_no_look_at_what_will_be_ranked_otherwise(parts: Split) -> None:
    heard = {"auto": Recorder(), "plain": Recorder()}
    for name, settings in (("auto", {"neighbour_weight": "auto"}), ("plain", {})):
        recipe = Contrastive(**QUICK | settings, monitor="ndcg@5")
        recipe.fit(parts.train, valid=parts.valid, callbacks=[heard[name]])
    assert heard["auto"].of("fit")
    assert all(end.provisional for end in heard["auto"].epochs)
    assert not any(end.provisional for end in heard["plain"].of("fit"))


def test_liked_items_alone_can_be_the_positives(parts: Split) -> None:
    middle = float(np.median(parts.train.values))
    liked = parts.train.select(parts.train.values >= middle)
    strict = Contrastive(**QUICK, positive_from=middle).fit(parts.train)
    relevant = Contrastive(**QUICK, positive_from="relevant").fit(replace(parts.train, relevant_from=middle))
    drawn = Contrastive(**QUICK, positive_from=middle, disliked="negative").fit(parts.train)
    assert torch.equal(drawn.scorer.users, Contrastive(**QUICK).fit(liked).scorer.users)
    assert not torch.equal(drawn.scorer.users, strict.scorer.users)  # what was disliked is no negative unless asked
    assert torch.equal(strict.scorer.users, relevant.scorer.users)
    assert len(strict.interactions) == len(parts.train)  # what was met is not recommended, liked or not
    with pytest.raises(SettingsError, match="positive_from=3 asks for values"):
        Contrastive(**QUICK, positive_from=3).fit(parts.train.without_values())


def test_neumf_has_no_dropout_of_its_own_in_several_processes(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "current", classmethod(lambda cls: cls(0, 2)))
    dropped = Contrastive(**QUICK | {"encoder": "neumf", "encoder_settings": {"dropout": 0.2}})
    with pytest.raises(SettingsError, match=r"NeuMF's dropout=0\.2 is drawn for the rows of a process, so 2 processes"):
        dropped.fit(parts.train)
