"""One ranking out of several models: what each has to say in it."""

from __future__ import annotations

import json
import math
import signal
from pathlib import Path

import pytest
import torch

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import SettingsError
from fillrank.evaluation import Evaluator
from fillrank.experiments.run.fit import RunPlan
from fillrank.factors import Blend, Factors
from fillrank.models.blend import Blended
from fillrank.models.contrastive.build import ContrastiveMonitor
from fillrank.models.spread import score_spread
from fillrank.models.weighing import best_share, weighted_blend
from fillrank.training.callbacks import Recorder

ONE, OTHER = fr.PureSVD(rank=4), fr.NormalisedSVD(rank=4, beta=0.5, power=0.0)


def some_factors(scale: float = 1.0, *, biases: bool = False, similarity: str = "dot", seed: int = 0) -> Factors:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=generator)

    users, items = drawn(7, 3), drawn(11, 3)
    own = (drawn(7), drawn(11)) if biases else (None, None)
    return Factors(users, items, *own, similarity=similarity)


def mixed(scorers: list[Factors | Blend], weights: list[float]) -> Blend:
    return weighted_blend(scorers, weights, [score_spread(scorer) for scorer in scorers])


def dense(scorer: Factors | Blend) -> torch.Tensor:
    return scorer.score(torch.arange(scorer.n_users))


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("biases", [False, True])
def test_the_spread_is_that_of_the_scores(similarity: str, biases: bool) -> None:
    factors = some_factors(2.0, biases=biases, similarity=similarity)
    expected = dense(factors).var(dim=1, correction=0).mean().sqrt()
    assert score_spread(factors) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1.0, 300.0])
def test_a_part_whose_scores_are_all_the_same_has_no_say(value: float) -> None:
    flat = Factors(torch.full((7, 5), value), torch.full((11, 5), value))
    other = some_factors()
    assert score_spread(flat) == 0
    assert torch.equal(dense(mixed([flat, other], [1, 1])).argsort(1), dense(other).argsort(1))


def test_the_units_of_a_part_do_not_matter() -> None:
    other = some_factors(seed=1)
    large, small = (mixed([some_factors(scale), other], [0.3, 0.7]) for scale in (100.0, 0.01))
    torch.testing.assert_close(dense(large), dense(small))


def test_a_blend_in_a_blend_counts_as_one_part() -> None:
    inner = Blend((some_factors(seed=1), some_factors(seed=2, biases=True)), (2.0, 5.0))
    other = some_factors(seed=3)
    blend = mixed([inner, other], [0.4, 0.6])
    expected = 0.4 * dense(inner) / score_spread(inner) + 0.6 * dense(other) / score_spread(other)
    torch.testing.assert_close(dense(blend), expected)
    assert len(blend.parts) == 3


def test_a_part_without_weight_is_left_out() -> None:
    assert len(mixed([some_factors(), some_factors(seed=1)], [1.0, 0.0]).parts) == 1


@pytest.mark.parametrize("peak", [0.0, 0.014, 0.05, 0.3, 0.5, 0.72, 0.95, 1.0])
def test_the_best_share_is_found_to_a_half_power_of_two(peak: float) -> None:
    def power(share: float) -> float:
        return math.log2(max(share, 1e-9) / max(1 - share, 1e-9))

    found = best_share(lambda share: -abs(power(share) - power(peak)))
    assert found == peak if peak in {0.0, 1.0} else abs(power(found) - power(peak)) <= 0.25


def test_where_nothing_helps_the_first_part_stays_alone() -> None:
    assert best_share(lambda _: 1.0) == 0


def test_the_chosen_blend_is_on_validation_no_worse_than_any_part(parts: Split) -> None:
    model = Blended(parts=[ONE, OTHER, fr.Popularity()]).fit(parts.train, parts.valid)
    evaluator = Evaluator(parts.valid, train=parts.train, seen=parts.train.csr, k=20, metrics=("ndcg",))

    def on_valid(scorer: Factors | Blend) -> float:
        return evaluator.run(scorer)["ndcg@20"]

    alone = [part.fit(parts.train).scorer for part in (ONE, OTHER)]
    assert on_valid(model.scorer) >= max(map(on_valid, alone))
    assert sum(model.settings["weights"]) == pytest.approx(1)


def test_all_weight_on_one_part_ranks_as_that_part(parts: Split) -> None:
    blend = Blended(parts=[ONE, OTHER], weights=[0.0, 3.0]).fit(parts.train)
    assert blend.recommend(k=5)["item_id"].equals(OTHER.fit(parts.train).recommend(k=5)["item_id"])


def test_a_seed_reaches_the_parts_that_have_none_of_their_own() -> None:
    own = fr.Contrastive(seed=3)
    inner = Blended(parts=[fr.Contrastive(), OTHER])
    blend = Blended(parts=[own, inner, OTHER], seed=5)
    for one in (blend, Blended(**blend.model_dump()), Blended(**json.loads(blend.model_dump_json()))):
        first, second, third = (one._with_seed(part) for part in one.parts)
        within, beside = (second._with_seed(part) for part in second.parts)
        assert [part.seed for part in (first, second, third, within, beside)] == [3, 5, 5, 5, 5]


def test_how_a_fit_runs_reaches_the_parts(parts: Split, tmp_path: Path) -> None:
    learnt = fr.Contrastive(dim=4, epochs=1, sampler_settings={"n_negatives": 4})
    blend = Blended(parts=[learnt, Blended(parts=[learnt, OTHER], weights=[1.0, 1.0]), OTHER], weights=[1.0, 1.0, 1.0])
    blend.fit(parts.train, parts.valid, refit=False, checkpoint=tmp_path / "here")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.0", "here.1.0"]


def test_a_fit_again_takes_another_seed(parts: Split) -> None:
    part = fr.Contrastive(dim=4, epochs=1, init="random", sampler_settings={"n_negatives": 4})
    settings = Blended(parts=[part, OTHER], weights=[1.0, 0.0]).fit(parts.train).settings
    one, other, again = (Blended(**(settings | {"seed": seed})).fit(parts.train).scorer for seed in (0, 1, 1))
    assert not torch.equal(one.parts[0].users, other.parts[0].users)
    assert torch.equal(again.parts[0].users, other.parts[0].users)


def test_a_run_names_its_parts_as_any_run_names_its_model() -> None:
    parts = [{"model": "pure-svd", "settings": {"rank": 4}}, {"model": "popularity"}]
    plan = RunPlan.of({"data": "ml-1m", "model": "blended", "out": "x", "seed": 7, "settings": {"parts": parts}})
    made = plan.recipe()
    assert [type(part) for part in made.parts] == [fr.PureSVD, fr.Popularity]
    assert made._with_seed(made.parts[0]).seed == 7
    assert RunPlan.of(plan.resolved()).recipe().parts == made.parts


def test_a_name_will_do_for_a_part() -> None:
    assert Blended(parts=["popularity", "pure-svd"]).parts == [fr.Popularity(), fr.PureSVD()]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": []}, r"parts = \[\] \(list\): .* 1 or more entries"),
        ({"parts": [ONE, 3]}, r"^parts: a part is a recipe such as PureSVD\(rank=64\), or a table .*; got 3"),
        ({"parts": [fr.PureSVD]}, "a part is a recipe such as .*; got <class"),
        ({"parts": [{"model": ["x"]}]}, "a part is a recipe such as .*; got {'model': "),
        (
            {"parts": [{"model": "pure-svd", "settings": {3: 4}}]},
            "the settings of 'pure-svd' must be a table with names",
        ),
        ({"parts": [ONE, {"model": "svdd"}]}, "no model is called 'svdd'"),
        ({"parts": [ONE, {"model": "pure-svd", "settings": {"dims": 3}}]}, "PureSVD has no setting 'dims'"),
        ({"parts": [ONE, {"model": "pure-svd", "rank": 3}]}, "a part is a recipe such as"),
        (
            {"parts": [ONE, {"model": "pure-svd", "settings": 3}]},
            "must be a table with names, got 3",
        ),
        ({"parts": [ONE, OTHER], "weights": [1.0]}, r"^weights = \[1.0\]: wanted one for each of 2 parts"),
        ({"parts": [ONE, OTHER], "weights": [0.0, 0.0]}, "one must be above 0"),
        ({"parts": [ONE, OTHER], "weights": [1.0, -1.0]}, "weights = -1.0: must be 0 or more"),
        ({"parts": [ONE, OTHER], "weights": [1.0, float("nan")]}, "weights = nan: .*finite"),
        ({"parts": [ONE, OTHER], "monitor": "ndcg"}, "monitor must be a metric at a length"),
    ],
)
def test_what_cannot_be_blended_is_refused(settings: dict, message: str, parts: Split) -> None:
    with pytest.raises(SettingsError, match=message):
        Blended(**settings).fit(parts.train, parts.valid)


def test_weights_to_choose_want_a_validation_part(parts: Split) -> None:
    with pytest.raises(SettingsError, match=r"Blended has settings to choose \('auto'\) and no valid"):
        Blended(parts=[ONE, OTHER], weights="auto").fit(parts.train)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (fr.NeuMF(), r"'neumf' scores by a network over each pair, .* leave it out"),
        (fr.PureSVD(rank="auto"), r"Blended has settings to choose \('auto'\) and no valid"),
        (fr.IALS(regularization="auto"), r"Blended has settings to choose \('auto'\) and no valid"),
    ],
)
def test_a_part_that_cannot_be_is_refused_before_another_is_fitted(
    bad: fr.models.Recipe, message: str, parts: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fr.PureSVD, "_fit", lambda *_: pytest.fail("it was fitted"))
    with pytest.raises(SettingsError, match=message):
        Blended(parts=[ONE, bad], weights=[1.0, 1.0]).fit(parts.train)


@pytest.mark.parametrize("name", ["bpr", "lightgcn", "contrastive"])
def test_new_users_hear_as_much_of_each_part_as_known_ones(name: str, parts: Split) -> None:
    settings = {"dim": 8, "epochs": 3, "similarity": "dot", "sampler_settings": {"n_negatives": 20}}
    learnt = {"model": name, "settings": settings}
    log = parts.train.without_values()
    model = Blended(parts=[learnt, OTHER], weights=[1.0, 1.0]).fit(log).scorer
    folded = model.fold_in(log)

    def says(blend: Blend) -> list[float]:
        return [weight * score_spread(part) for part, weight in zip(blend.parts, blend.weights, strict=True)]

    assert says(model) == pytest.approx([1, 1])
    assert says(folded) == pytest.approx([1, 1], rel=0.02)
    assert says(folded.fold_in(log)) == pytest.approx(says(folded), rel=1e-6)


def test_items_are_alike_to_the_part_that_says_most(parts: Split) -> None:
    model = Blended(parts=[fr.Popularity(), ONE, OTHER], weights=[9.0, 1.0, 2.0]).fit(parts.train)
    item = model.item_ids.ids[0]
    assert model.similar_items(item, k=5).equals(OTHER.fit(parts.train).similar_items(item, k=5))


@pytest.mark.parametrize(("weights", "left"), [("auto", [1.0]), ([2.0, 1.0, 1.0], [2.0]), ([0.0, 1.0, 1.0], [1.0])])
def test_ctrl_c_ends_the_blend_with_the_part_in_hand(parts: Split, weights: object, left: list[float]) -> None:
    part = fr.Contrastive(dim=4, epochs=50, sampler_settings={"n_negatives": 4})
    heard = Recorder()
    looked: list[ContrastiveMonitor] = []
    before = ContrastiveMonitor.look

    def look_and_stop(watch: ContrastiveMonitor) -> tuple[float, dict[str, float]]:
        if not looked:
            signal.raise_signal(signal.SIGINT)
        looked.append(watch)
        return before(watch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ContrastiveMonitor, "look", look_and_stop)
        blend = Blended(parts=[part, part, OTHER], weights=weights)
        model = blend.fit(parts.train, parts.valid, callbacks=[heard])
    assert len(model.settings["parts"]) == 1
    assert model.settings["weights"] == left
    assert heard.epochs[-1].interrupted
    assert {(end.model, end.provisional) for end in heard.epochs} == {("blended.parts.0", True)}


def test_a_blend_that_broke_off_goes_on_from_its_checkpoint(parts: Split, tmp_path: Path) -> None:
    def blend() -> Blended:
        learnt = fr.Contrastive(dim=4, epochs=3, sampler_settings={"n_negatives": 4})
        return Blended(parts=[learnt, learnt, OTHER], weights=[1.0, 1.0, 1.0])

    whole, begun = blend().fit(parts.train), []
    before = fr.Contrastive._fit

    def broken(recipe: fr.Contrastive, *given: object) -> fr.Recommender:
        begun.append(given[-1].options.checkpoint)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return before(recipe, *given)

    place = str(tmp_path / "state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fr.Contrastive, "_fit", broken)
        with pytest.raises(KeyboardInterrupt):
            blend().fit(parts.train, checkpoint=place)
    assert [path.name for path in tmp_path.iterdir()] == ["state.0"]
    again = blend().fit(parts.train, checkpoint=place)
    assert torch.equal(again.scorer.flat.users, whole.scorer.flat.users)
    assert "checkpoint" not in again.settings["parts"][0]["settings"]
