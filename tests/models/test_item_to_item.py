"""Item-to-item recipes: what they choose, whom they know, and where they work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import SettingsError
from fillrank.evaluation import Evaluator
from fillrank.factors import UserNeighbours
from fillrank.factors.dual_weights import DualWeights
from fillrank.models.item_to_item.base import most_met

GIVEN = {
    "ease": fr.EASE(regularization=10.0),
    "rdlae": fr.RDLAE(regularization=10.0, dropout=0.3, max_diagonal=0.2),
    "pruned": fr.RDLAE(regularization=10.0, dropout=0.3, max_diagonal=0.2, density=0.3),
    "item-knn": fr.ItemKNN(similarity="tfidf", k=10, shrinkage=1.0),
    "averaged": fr.ItemKNN(similarity="pearson", k=10, shrinkage=0.0, averaged=True),
    "user-knn": fr.UserKNN(similarity="cosine", k=10, shrinkage=0.0),
    "slim": fr.SLIM(regularization=10.0, lasso=0.1),
    "rp3-beta": fr.RP3Beta(alpha=1.0, beta=0.3, k=10),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_new_user_with_a_known_history_gets_the_known_scores(name: str, parts: Split) -> None:
    model = GIVEN[name].fit(parts.train)
    user = int(np.argmax(parts.train.user_counts))
    met = parts.train.item_ids.decode(parts.train.csr[[user]].indices).to_list()
    folded = model.fold_in(met)
    assert torch.equal(folded.scorer.score(torch.tensor([0])), model.scorer.score(torch.tensor([user])))
    lists = [one.recommend(who, k=5) for one, who in ((folded, "new"), (model, model.user_ids.ids[user]))]
    assert lists[0]["item_id"].equals(lists[1]["item_id"])


@pytest.mark.parametrize("name", GIVEN)
def test_an_explanation_adds_up_to_the_score(name: str, parts: Split) -> None:
    model = GIVEN[name].fit(parts.train)
    first = model.recommend(k=1)[0]
    told = model.explain(first["user_id"][0], first["item_id"][0])
    assert told["contribution"].sum() == pytest.approx(first["score"][0], abs=1e-5)


@pytest.mark.parametrize("kind", [fr.EASE, fr.RDLAE, fr.ItemKNN, fr.UserKNN, fr.RP3Beta, fr.SLIM])
def test_what_is_chosen_beats_where_the_choice_begins(kind: type, parts: Split) -> None:
    chosen = kind().fit(parts.train, parts.valid, refit=False)
    assert "auto" not in chosen.settings.values()
    start = kind(**kind.usual_point).fit(parts.train, parts.valid, refit=False)
    evaluator = Evaluator(parts.valid, train=parts.train, seen=parts.train.csr, k=20, metrics=("ndcg",))
    assert evaluator.run(chosen)["ndcg@20"] >= evaluator.run(start)["ndcg@20"]
    again = kind(**chosen.settings).fit(parts.train, parts.valid, refit=False)
    assert again.recommend(k=3).equals(chosen.recommend(k=3))


def test_the_choice_looks_at_the_items_that_most_have_met(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fillrank.models.item_to_item.autoencoders._MOST_ITEMS", 15)
    train, valid = most_met(parts.train, parts.valid, 15)
    counts = np.sort(parts.train.item_counts)[::-1]
    assert (train.n_items, len(train)) == (15, counts[:15].sum())
    assert valid.n_items == 15
    assert fr.EASE().fit(parts.train, parts.valid).settings["regularization"] > 0


def test_a_log_too_small_to_choose_on_takes_the_usual_settings() -> None:
    log = fr.Interactions.from_arrays([0, 0, 1, 1, 2], [0, 1, 0, 2, 1])
    model = fr.EASE().fit(log)
    assert model.settings["regularization"] == 100.0
    assert model.recommend(0, k=1)["item_id"].to_list() == [2]


def test_only_what_was_liked_counts_where_it_is_asked_for(parts: Split) -> None:
    marked = replace(parts.train, relevant_from=1.0)
    liked = fr.EASE(regularization=10.0, positive_from="relevant").fit(marked)
    assert liked.scorer.rows.nnz == (parts.train.values >= 1.0).sum()
    assert liked.scorer.positive_from == 1.0
    assert liked.interactions.csr.nnz == len(parts.train)  # the rest is seen all the same
    with pytest.raises(SettingsError, match="no value is 1000 or more"):
        fr.ItemKNN(positive_from=1000.0, similarity="cosine", k=2, shrinkage=0.0).fit(parts.train)


def test_fewer_users_than_items_go_by_the_dual_form(tmp_path) -> None:
    log = fr.synthetic(20, 60, 400, seed=0).interactions
    model = fr.EASE(regularization=5.0).fit(log)
    assert isinstance(model.scorer.weights, DualWeights)
    model.save(tmp_path / "model")
    again = fr.Recommender.load(tmp_path / "model")
    assert again.recommend(k=5).equals(model.recommend(k=5))
    liked = log.item_ids.ids.head(3).to_list()
    assert again.fold_in(liked).recommend(k=5).equals(model.fold_in(liked).recommend(k=5))
    assert len(model.similar_items(liked[0], k=4)) == 4


def test_item_to_item_models_are_parts_of_a_blend(parts: Split) -> None:
    given = [GIVEN["ease"], GIVEN["user-knn"], fr.NormalisedSVD(rank=4, beta=0.5, power=0.0)]
    blend = fr.Blended(parts=given).fit(parts.train, parts.valid, refit=False)
    evaluator = Evaluator(parts.valid, train=parts.train, seen=parts.train.csr, k=20, metrics=("ndcg",))
    alone = given[0].fit(parts.train, parts.valid, refit=False)
    assert evaluator.run(blend)["ndcg@20"] >= evaluator.run(alone)["ndcg@20"] - 1e-9
    equal = fr.Blended(parts=given, weights=[1.0, 1.0, 1.0]).fit(parts.train)
    assert {type(part) for part in equal.scorer.parts} >= {UserNeighbours}
    assert len(equal.fold_in(["film 1", "film 2"]).recommend(k=3)) == 3
    told = equal.explain(equal.user_ids.ids[0], equal.recommend(equal.user_ids.ids[0], k=1)["item_id"][0])
    score = equal.recommend(equal.user_ids.ids[0], k=1)["score"][0]
    assert told["contribution"].sum() == pytest.approx(score, rel=1e-4)


def test_they_are_compared_by_name(parts: Split) -> None:
    table = fr.compare(parts.train, models=["popularity", "ease", "rp3-beta"], k=5, seeds=[0])
    assert "ease" in str(table)


def test_a_density_below_one_keeps_so_many_weights_of_an_item_and_one_keeps_all(parts: Split) -> None:
    whole = fr.EASE(regularization=10.0, density=1.0).fit(parts.train, progress=False)
    assert (
        whole.scorer.weights.tensors().keys()
        == fr.EASE(regularization=10.0).fit(parts.train, progress=False).scorer.weights.tensors().keys()
    )
    few = fr.EASE(regularization=10.0, density=0.1).fit(parts.train, progress=False)
    of_item = np.bincount(few.scorer.weights.matrix.indices, minlength=parts.train.n_items)
    assert 0 < of_item.max() <= round(0.1 * parts.train.n_items)
    chosen = fr.EASE(density=0.2).fit(parts.train, parts.valid, progress=False)
    assert chosen.settings["regularization"] > 0
    assert chosen.settings["density"] == 0.2
    with pytest.raises(SettingsError, match="density"):
        fr.EASE(density=0.0)
