"""Scores that are sums over a history: with weights between items, and over the users most like one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fillrank as fr
from fillrank.data import Interactions
from fillrank.errors import DataError, ModelFileError, SettingsError, TrainingError
from fillrank.evaluation import Evaluator
from fillrank.factors import Blend, Factors, ItemWeights, Scorer, UserNeighbours, scorer_from_parts
from fillrank.factors.neighbours import Similarity, nearest
from fillrank.factors.scorer import FittedScorer
from fillrank.models.spread import score_spread
from fillrank.recommend import Recommender
from fillrank.recommend.explain import history_of
from fillrank.retrieval import rank
from fillrank.testing.logs import small_log

LOG = small_log().without_values()
EVERYBODY = torch.arange(LOG.n_users)


def drawn(*shape: int, seed: int = 0, share: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * (rng.random(shape) < share)).astype(np.float32)


def item_weights(*, sparse: bool, bias: bool = False) -> ItemWeights:
    table = drawn(LOG.n_items, LOG.n_items, share=0.4)
    weights = sp.csr_array(table) if sparse else torch.from_numpy(table)
    return ItemWeights(LOG.csr, weights, torch.from_numpy(drawn(LOG.n_items, seed=1)) if bias else None)


def neighbours(kind: str = "cosine", k: int = 5) -> UserNeighbours:
    similarity = Similarity(kind)
    return UserNeighbours(nearest(LOG.csr, LOG.csr, similarity, k), LOG.csr, similarity=similarity, k=k)


SCORERS = {
    "dense": lambda: item_weights(sparse=False),
    "sparse": lambda: item_weights(sparse=True),
    "biased": lambda: item_weights(sparse=True, bias=True),
    "neighbours": neighbours,
    "blend": lambda: Blend((item_weights(sparse=True), Factors(torch.ones(30, 2), torch.ones(20, 2))), (2.0, 0.5)),
}


@pytest.fixture(params=SCORERS)
def scorer(request) -> FittedScorer:
    return SCORERS[request.param]()


@pytest.mark.parametrize("sparse", [True, False])
def test_the_scores_are_histories_times_weights(sparse: bool) -> None:
    scorer = item_weights(sparse=sparse, bias=True)
    wanted = LOG.csr.toarray() @ drawn(LOG.n_items, LOG.n_items, share=0.4) + drawn(LOG.n_items, seed=1)
    assert torch.allclose(scorer.score(EVERYBODY), torch.from_numpy(wanted), atol=1e-5)


def test_scores_of_pairs_and_of_single_users_are_those_of_the_block(scorer: FittedScorer) -> None:
    assert isinstance(scorer, Scorer)
    assert isinstance(scorer, FittedScorer)
    block = scorer.score(EVERYBODY)
    users, items = EVERYBODY.repeat_interleave(LOG.n_items), torch.arange(LOG.n_items).repeat(LOG.n_users)
    assert torch.allclose(scorer.score_pairs(users, items), block.flatten(), atol=1e-5)
    assert torch.equal(scorer.score(EVERYBODY[7:8]), block[7:8])
    assert float(block.abs().max()) <= scorer.largest_score * (1 + 1e-6)


def test_pairs_are_looked_up_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = item_weights(sparse=False)
    users, items = EVERYBODY.repeat(3), torch.arange(90) % LOG.n_items
    at_once = scorer.score_pairs(users, items)
    monkeypatch.setattr("fillrank.factors.item_weights._CELLS", 10)
    assert torch.equal(scorer.score_pairs(users, items), at_once)
    assert scorer.score_pairs(users[:0], items[:0]).shape == (0,)


@pytest.mark.parametrize("name", ["dense", "sparse", "biased", "neighbours"])
@given(user=st.integers(0, 29), item=st.integers(0, 19))
@settings(max_examples=20, deadline=None)
def test_a_score_is_the_sum_of_what_each_item_of_the_history_adds(name: str, user: int, item: int) -> None:
    scorer = SCORERS[name]()
    parts = scorer.contributions(user, item, history_of(LOG, user))
    found = float(scorer.score_pairs(torch.tensor([user]), torch.tensor([item])))
    assert parts.total == pytest.approx(found, abs=1e-5)
    assert parts.others.keys() <= {"item bias"}


def test_a_neighbour_is_explained_by_what_both_have_met() -> None:
    log = Interactions.from_csr(sp.csr_array(np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]], dtype=np.float32)))
    scorer = UserNeighbours(nearest(log.csr, log.csr, Similarity(), 3), log.csr, similarity=Similarity(), k=3)
    assert scorer.contributions(0, 2, history_of(log, 0)).of_items.tolist() == pytest.approx([0.5, 0.0])


def test_what_is_saved_is_what_is_loaded(scorer: FittedScorer) -> None:
    tensors = {name: tensor.clone() for name, tensor in scorer.tensors().items()}
    again = scorer_from_parts(tensors, json.loads(json.dumps(scorer.settings())))
    assert torch.equal(again.score(EVERYBODY), scorer.score(EVERYBODY))
    if not isinstance(scorer, Blend):
        some = LOG.select(LOG.users < 3)
        assert torch.equal(again.refit_users(some).score(EVERYBODY[:3]), scorer.refit_users(some).score(EVERYBODY[:3]))


@pytest.mark.parametrize("name", ["dense", "sparse", "neighbours"])
def test_a_new_user_with_the_history_of_a_known_one_has_the_same_scores(name: str) -> None:
    scorer = SCORERS[name]()
    folded = scorer.fold_in(_first(LOG, 29))
    assert torch.equal(folded.score(EVERYBODY[:29]), scorer.score(EVERYBODY[:29]))


def _first(log: Interactions, n: int) -> Interactions:
    kept = log.select(log.users < n)
    return replace(kept, user_ids=fr.IdMap(log.user_ids.ids[:n].to_list()))


def test_ratings_below_the_threshold_are_left_out_of_a_new_history() -> None:
    scorer = replace(item_weights(sparse=True), positive_from=4.0)
    rated = Interactions.from_csr(sp.csr_array(([5.0, 1.0], ([0, 0], [2, 3])), shape=(1, 20)))
    liked = Interactions.from_csr(sp.csr_array(([5.0], ([0], [2])), shape=(1, 20)))
    assert torch.equal(scorer.fold_in(rated).score(torch.tensor([0])), scorer.fold_in(liked).score(torch.tensor([0])))
    assert scorer.use_values
    assert not item_weights(sparse=True).use_values


def test_lists_come_in_blocks_and_the_seen_is_left_out(scorer: FittedScorer) -> None:
    lists = rank(scorer, k=5, seen=LOG.csr, memory=3 * 4 * 20 * 4)
    scores = scorer.score(EVERYBODY).numpy()
    scores[LOG.users, LOG.items] = -np.inf
    for user in (0, 13, 29):
        wanted = np.lexsort((np.arange(20), -scores[user]))[:5]
        assert lists[user].tolist() == [item for item in wanted if np.isfinite(scores[user, item])]
    assert Evaluator(LOG, train=LOG.select(LOG.users < 0), seen=None, k=5).run(scorer)["recall@5"] >= 0


def test_similar_items_are_those_with_a_weight() -> None:
    dense, sparse = item_weights(sparse=False), item_weights(sparse=True)
    stored = sparse.weights.matrix[[4]].indices
    assert set(torch.isfinite(sparse.similar_to(4)).nonzero()[:, 0].tolist()) == set(stored.tolist())
    assert torch.equal(sparse.similar_to(4)[stored], dense.similar_to(4)[stored])
    alike = neighbours().similar_to(3).numpy()
    met = LOG.csr.toarray()
    wanted = (met.T @ met[:, 3]) / np.sqrt(met.sum(0) * met[:, 3].sum() + 1e-12)
    assert np.allclose(np.where(np.isfinite(alike), alike, 0), wanted, atol=1e-6)


@pytest.mark.parametrize("name", ["dense", "sparse", "neighbours"])
def test_a_blend_adds_up_and_weighs_by_the_spread(name: str) -> None:
    part, factors = SCORERS[name](), Factors(torch.ones(30, 2), torch.from_numpy(drawn(20, 2)))
    blend = Blend((part, factors), (0.5, 2.0))
    wanted = 0.5 * part.score(EVERYBODY) + 2.0 * factors.score(EVERYBODY)
    assert blend.flat is None
    assert torch.allclose(blend.score(EVERYBODY), wanted, atol=1e-5)
    spread = part.score(EVERYBODY).double().var(1, correction=0).mean().sqrt()
    assert score_spread(part) == pytest.approx(float(spread), rel=1e-5)
    assert score_spread(replace(part, rows=0 * part.rows)) == 0


def test_a_model_keeps_its_histories_once(tmp_path) -> None:
    model = Recommender(item_weights(sparse=True), None, LOG, name="mine")
    model.save(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["same"] == {"scorer/histories.rows": "seen/users", "scorer/histories.columns": "seen/items"}
    again = Recommender.load(tmp_path / "model")
    assert again.recommend(k=5).equals(model.recommend(k=5))
    assert again.similar_items(0, k=3).equals(model.similar_items(0, k=3))
    fewer = Recommender(item_weights(sparse=True).refit_users(LOG.select(LOG.items > 2)), None, LOG)
    fewer.save(tmp_path / "fewer")
    assert Recommender.load(tmp_path / "fewer").recommend(k=5).equals(fewer.recommend(k=5))


def test_a_file_that_names_no_tensor_is_no_model(tmp_path) -> None:
    Recommender(item_weights(sparse=True), None, LOG).save(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text().replace("seen/users", "seen/nobody"))
    with pytest.raises(ModelFileError, match="not as it was written"):
        Recommender.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("rows", "weights", "message"),
    [
        (sp.csr_array((2, 3)), torch.zeros(4, 4), "made of 3 sources, and the weights are of 4"),
        (sp.csr_array((2, 3)), torch.zeros(3, 4), r"must be square, got \[3, 4\]"),
        (sp.csr_array((2, 3)), "W", "must be a sparse matrix, an array or a tensor"),
        (sp.csr_array((2, 3)), torch.zeros(3), r"must be float32 \[m, n\], got torch.float32 \[3\]"),
    ],
)
def test_what_does_not_fit_is_refused(rows, weights, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ItemWeights(rows, weights)


def test_weights_that_are_no_numbers_are_refused() -> None:
    for weights in (torch.full((2, 2), torch.nan), sp.csr_array(np.full((2, 2), np.inf))):
        with pytest.raises(TrainingError, match="NaN or infinite"):
            ItemWeights(sp.csr_array((1, 2)), weights)


def test_histories_have_to_fit() -> None:
    for name in ("sparse", "neighbours"):
        scorer = SCORERS[name]()
        with pytest.raises(DataError, match="the log is over 2 items, the model over 20"):
            scorer.fold_in(Interactions.from_arrays([0, 0], [0, 1]))
        with pytest.raises(DataError, match="the log has an empty one"):
            scorer.fold_in(LOG)  # its last user has no row
        with pytest.raises(DataError, match="on the CPU, and not on"):
            scorer.to("meta")


def plain(kind: str, shrinkage: float, met: np.ndarray) -> np.ndarray:
    """Every similarity from its formula, by dense arrays."""
    n, lengths = met.shape[1], met.sum(1)
    rare = np.log(len(met) / (1 + met.sum(0)))
    if kind == "pearson":
        with np.errstate(invalid="ignore", divide="ignore"):
            sigma = np.sqrt(lengths - lengths**2 / n)
        return (met @ met.T - np.outer(lengths, lengths) / n) / (np.outer(sigma, sigma) + shrinkage)
    if kind == "bm25":
        rows = met * np.maximum(rare, 0) * (2.2 / (1.2 * (0.25 + 0.75 * lengths / lengths.mean()) + 1))[:, None]
        return rows @ rows.T
    rows = met * (np.maximum(rare + 1, 0) if kind == "tfidf" else 1.0)
    norms = np.sqrt((rows**2).sum(1))
    return rows @ rows.T / (np.outer(norms, norms) + shrinkage)


@pytest.mark.parametrize("kind", ["cosine", "pearson", "tfidf", "bm25"])
@pytest.mark.parametrize("shrinkage", [0.0, 10.0])
def test_each_similarity_is_its_formula(kind: str, shrinkage: float) -> None:
    met = (np.random.default_rng(1).random((12, 9)) < 0.4).astype(np.float32)
    met[:, 0], met[0, :3] = 0, 1
    found = nearest(sp.csr_array(met), sp.csr_array(met), Similarity(kind, shrinkage), 4, others=True).toarray()
    wanted = np.nan_to_num(plain(kind, shrinkage, met.astype(np.float64)))
    wanted[(met @ met.T) == 0] = 0
    np.fill_diagonal(wanted, 0)
    wanted[wanted < 1e-12] = 0
    assert (found > 0).sum(1).tolist() == np.minimum((wanted > 0).sum(1), 4).tolist()
    assert np.allclose(found[found > 0], wanted[found > 0], rtol=1e-5)
    assert np.allclose(np.sort(found, 1)[:, -4:], np.sort(wanted, 1)[:, -4:], rtol=1e-5)


def test_of_equal_neighbours_the_first_are_taken() -> None:
    met = sp.csr_array(np.ones((5, 2), dtype=np.float32))
    assert nearest(met, met, Similarity(), 2, others=True).indices.reshape(5, 2).tolist() == [
        [1, 2], [0, 2], [0, 1], [0, 1], [0, 1],
    ]  # fmt: skip


def test_a_similarity_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="must be one of cosine, pearson, tfidf, bm25, got 'jaccard'"):
        Similarity("jaccard")
    with pytest.raises(SettingsError, match="shrinkage must be a finite number of 0 or more, got -1"):
        Similarity("cosine", -1)
    with pytest.raises(SettingsError, match="k must be from 1 to"):
        nearest(LOG.csr, LOG.csr, Similarity(), 0)
