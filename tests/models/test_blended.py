"""One ranking out of several models: what each has to say in it."""

from __future__ import annotations

import pytest
import torch

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import SettingsError
from fillrank.experiments.run import RunPlan
from fillrank.factors import Blend, Factors
from fillrank.models.blended import Blended, _best_share, _blend, _spread
from fillrank.ranking import Evaluator

ONE, OTHER = fr.PureSVD(rank=4), fr.NormalisedSVD(rank=4)


def some_factors(scale: float = 1.0, *, biases: bool = False, similarity: str = "dot", seed: int = 0) -> Factors:
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=generator)

    users, items = drawn(7, 3), drawn(11, 3)
    own = (drawn(7), drawn(11)) if biases else (None, None)
    return Factors(users, items, *own, similarity=similarity)


def dense(scorer: Factors | Blend) -> torch.Tensor:
    return scorer.score(torch.arange(scorer.n_users))


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("biases", [False, True])
def test_the_spread_is_that_of_the_scores(similarity: str, biases: bool) -> None:
    factors = some_factors(2.0, biases=biases, similarity=similarity)
    expected = dense(factors).var(dim=1, correction=0).mean().sqrt()
    assert _spread(factors) == pytest.approx(float(expected), rel=1e-5)


def test_a_part_whose_scores_are_all_the_same_has_no_say() -> None:
    flat = Factors(torch.ones(7, 1), torch.ones(11, 1))
    other = some_factors()
    assert _spread(flat) == 1
    assert torch.equal(dense(_blend([flat, other], [1, 1])).argsort(1), dense(other).argsort(1))


def test_the_units_of_a_part_do_not_matter() -> None:
    other = some_factors(seed=1)
    large, small = (_blend([some_factors(scale), other], [0.3, 0.7]) for scale in (100.0, 0.01))
    torch.testing.assert_close(dense(large), dense(small))


def test_a_blend_in_a_blend_counts_as_one_part() -> None:
    inner = Blend((some_factors(seed=1), some_factors(seed=2, biases=True)), (2.0, 5.0))
    other = some_factors(seed=3)
    blend = _blend([inner, other], [0.4, 0.6])
    expected = 0.4 * dense(inner) / _spread(inner) + 0.6 * dense(other) / _spread(other)
    torch.testing.assert_close(dense(blend), expected)
    assert len(blend.parts) == 3


def test_a_part_without_weight_is_left_out() -> None:
    assert len(_blend([some_factors(), some_factors(seed=1)], [1.0, 0.0]).parts) == 1


@pytest.mark.parametrize("peak", [0.0, 0.05, 0.3, 0.5, 0.72, 1.0])
def test_the_best_share_is_found_to_a_thirty_second(peak: float) -> None:
    assert abs(_best_share(lambda share: -abs(share - peak)) - peak) <= 1 / 64


def test_where_nothing_helps_the_first_part_stays_alone() -> None:
    assert _best_share(lambda _: 1.0) == 0


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


def test_seed_device_and_progress_reach_the_parts_that_have_none_of_their_own() -> None:
    own = fr.Contrastive(seed=3, progress=True)
    blend = Blended(parts=[own, fr.Contrastive(), OTHER], seed=5, progress=False, device="cpu")
    assert [part.seed for part in blend.parts] == [3, 5, 5]
    assert [part.progress for part in blend.parts[:2]] == [True, False]
    assert [part.device for part in blend.parts[:2]] == ["cpu", "cpu"]
    assert Blended(**blend.model_dump()) == blend


def test_a_run_names_its_parts_as_any_run_names_its_model() -> None:
    parts = [{"model": "pure-svd", "settings": {"rank": 4}}, {"model": "popularity"}]
    plan = RunPlan.of({"data": "ml-1m", "model": "blended", "out": "x", "seed": 7, "settings": {"parts": parts}})
    made = plan.recipe()
    assert [type(part) for part in made.parts] == [fr.PureSVD, fr.Popularity]
    assert made.parts[0].seed == 7
    assert RunPlan.of(plan.resolved()).recipe() == made


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": [ONE]}, "parts = .* at least 2 items"),
        ({"parts": [ONE, 3]}, "parts = 3: .* instance of Recipe"),
        ({"parts": [ONE, {"model": "svdd"}]}, "no model is called 'svdd'"),
        ({"parts": [ONE, {"model": "pure-svd", "settings": {"dims": 3}}]}, "PureSVD has no setting 'dims'"),
        ({"parts": [ONE, {"model": "pure-svd", "rank": 3}]}, "a part is a recipe, or its 'model' and 'settings', got"),
        ({"parts": [ONE, {"model": "pure-svd", "settings": 3}]}, "the settings of 'pure-svd' must be a table, got 3"),
        ({"parts": [ONE, OTHER], "weights": [1.0]}, "weights = .*wanted a weight for each of 2 parts"),
        ({"parts": [ONE, OTHER], "weights": [0.0, 0.0]}, "one weight must be above 0"),
        ({"parts": [ONE, OTHER], "weights": [1.0, -1.0]}, "weights = -1.0: .*greater than or equal to 0"),
        ({"parts": [ONE, OTHER], "weights": [1.0, float("nan")]}, "weights = nan: .*finite"),
        ({"parts": [ONE, OTHER], "monitor": "ndcg"}, "monitor must be a figure at a length"),
    ],
)
def test_what_cannot_be_blended_is_refused(settings: dict, message: str, parts: Split) -> None:
    with pytest.raises(SettingsError, match=message):
        Blended(**settings).fit(parts.train, parts.valid)


def test_weights_to_choose_want_a_validation_part(parts: Split) -> None:
    with pytest.raises(SettingsError, match=r"Blended has settings to choose \('auto'\) and no valid"):
        Blended(parts=[ONE, OTHER]).fit(parts.train)


def test_what_scores_by_no_product_cannot_be_a_part(parts: Split) -> None:
    neural = fr.NeuMF(dim=4, epochs=1, sampler_settings={"n_negatives": 4}, progress=False)
    with pytest.raises(SettingsError, match=r"'neumf' scores by no product of vectors, .* leave it out"):
        Blended(parts=[ONE, neural], weights=[1.0, 1.0]).fit(parts.train)
