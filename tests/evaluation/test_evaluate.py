"""evaluate and Evaluator: figures worked out by hand, and what must not change them."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.data import Interactions, Split, split, synthetic
from fillrank.errors import DataError, SettingsError
from fillrank.evaluation import Evaluator, evaluate, metrics
from fillrank.factors import Factors, Scorer

RATINGS = replace(synthetic(40, 60, 1200, seed=0).interactions, relevant_from=0.0)


@dataclass
class Table:
    """A scorer that looks its scores up."""

    scores: torch.Tensor

    @property
    def n_users(self):
        return len(self.scores)

    @property
    def n_items(self):
        return self.scores.shape[1]

    def score(self, users):
        return self.scores[users]

    def score_pairs(self, users, items):
        return self.scores[users, items]


@dataclass
class Pair:
    """A model that ranks with one scorer and predicts with another."""

    scorer: Scorer
    predictor: Scorer | None
    name: str = "pair"
    value_range: tuple[float, float] | None = None


@pytest.fixture
def parts() -> Split:
    """Three users and four items; what each user met, in each part of the split:

    ====  ==========  =======  ===============
    user  train       valid    test
    ====  ==========  =======  ===============
    0     item 0 (5)  1 (4)    2 (5), 3 (1)
    1     item 0 (3)           1 (4)
    2     item 1 (2)           0 (2)
    ====  ==========  =======  ===============
    """
    users, items, values = [0, 0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 0, 1, 0, 1], [5, 4, 5, 1, 3, 4, 2, 2]
    log = Interactions.from_arrays(users, items, values, relevant_from=4)
    of = {"train": [0, 4, 7], "valid": [1], "test": [2, 3, 5, 6]}
    return Split(**{name: log.select(np.array(rows)) for name, rows in of.items()}, protocol={"split": "by hand"})


@pytest.fixture
def scorer() -> Table:
    return Table(torch.tensor([[9.0, 8.0, 2.0, 3.0], [9.0, 2.0, 3.0, 1.0], [1.0, 1.0, 1.0, 1.0]]))


def test_ranking_figures_by_hand(parts, scorer):
    report = evaluate(scorer, parts, k=(1, 3))
    # User 0 has seen 0 and 1, is listed 3, 2 and looks for 2. User 1 has seen 0, is listed 2, 1, 3 and looks for 1.
    # User 2 has no relevant test item and is left out.
    assert report.users.tolist() == [0, 1]
    assert report.per_user["recall@1"].tolist() == [0, 0]
    assert report.per_user["recall@3"].tolist() == [1, 1]
    assert report.per_user["precision@3"].tolist() == pytest.approx([1 / 3, 1 / 3])  # a list of two is judged at three
    assert report["ndcg@3"] == pytest.approx(1 / math.log2(3))
    assert report["mrr@3"] == report["map@3"] == 1 / 2
    assert report["hit_rate@3"] == 1


def test_beyond_accuracy_by_hand(parts, scorer):
    report = evaluate(scorer, parts, k=(1, 3))
    # Training counts: item 0 twice, item 1 once, 2 and 3 never.
    assert report["coverage@1"] == 2 / 4
    assert report["coverage@3"] == 3 / 4
    assert report["gini@3"] == pytest.approx(metrics.gini(np.array([0, 1, 2, 2])))
    assert report["novelty@3"] == pytest.approx(math.log2(3))
    assert report["popularity@1"] == 0
    assert report["popularity@3"] == pytest.approx((0 / 2 + 1 / 3) / 2)


def test_rating_errors_are_over_all_rows_of_the_test(parts, scorer):
    predicted = Table(torch.full((3, 4), 7.0))
    errors = np.array([2.0, 6.0, 3.0, 5.0])
    report = evaluate(Pair(scorer, predicted), parts)
    assert report["rmse"] == pytest.approx(math.sqrt((errors**2).mean()))
    assert report["mae"] == pytest.approx(errors.mean())
    assert report.users.tolist() == [0, 1, 2]
    assert report.per_user["squared_error"].tolist() == [40, 9, 25]
    assert report.per_user["n_rated"].tolist() == [2, 1, 1]
    np.testing.assert_array_equal(report.per_user["recall@10"], [1, 1, np.nan])
    clipped = evaluate(Pair(scorer, predicted, value_range=(1.0, 5.0)), parts)
    assert clipped["mae"] == pytest.approx((errors - 2).mean())


def test_no_rater_or_no_values_no_rmse(parts, scorer):
    assert "rmse" not in evaluate(Pair(scorer, None), parts).metrics
    assert "rmse" not in evaluate(scorer, parts).metrics
    plain = {name: getattr(parts, name).without_values() for name in ("train", "valid", "test")}
    assert "rmse" not in evaluate(Pair(scorer, scorer), replace(parts, **plain)).metrics


def test_validation_rows_count_as_seen_in_the_test(parts, scorer):
    assert evaluate(scorer, parts, k=1, metrics=["recall"]).per_user["popularity@1"].tolist() == [0, 0]
    unseen = evaluate(scorer, parts, k=1, metrics=["recall"], filter_seen=False)
    assert unseen.per_user["popularity@1"].tolist() == [2, 2]
    assert unseen.protocol["filter_seen"] is False


def test_a_stored_zero_counts_as_seen():
    log = Interactions.from_arrays([0, 0], ["a", "b"], [0.0, 5.0])
    train, test = log.select(np.array([0])), log.select(np.array([1]))
    assert evaluate(Table(torch.tensor([[2.0, 1.0]])), test=test, train=train, k=1)["recall@1"] == 1


def test_what_was_seen_is_not_looked_for(parts, scorer):
    train = replace(parts.train, values=np.zeros(3), relevant_from=None)  # zeros count as seen
    again = replace(train, users=np.array([0, 0, 1]), items=np.array([0, 2, 1]))
    evaluator = Evaluator(again, train=train, seen=train.csr, k=3)
    assert evaluator.n_relevant.tolist() == [1, 1]  # user 0 has seen item 0 before
    assert evaluator.run(scorer)["recall@3"] == 1


def test_on_valid_looks_at_train_and_valid_only(parts, scorer):
    evaluator = Evaluator.on_valid(parts, k=3)
    assert evaluator.users.tolist() == [0]
    report = evaluator.run(scorer)
    assert report.protocol["part"] == "valid"
    assert report["mrr@3"] == 1  # item 1 is the best of what user 0 has not seen in train
    other_test = replace(parts, test=parts.test.select(np.array([0])))
    assert Evaluator.on_valid(other_test, k=3).run(scorer).protocol == report.protocol
    with pytest.raises(DataError, match=r"no validation part; split again, for example with valid=0.1"):
        Evaluator.on_valid(replace(parts, valid=None))


def test_an_evaluator_can_be_run_again(parts, scorer):
    evaluator = Evaluator.on_test(parts, k=2)
    first = evaluator.run(scorer)
    evaluator.run(Table(-scorer.scores))
    assert evaluator.run(scorer).metrics == first.metrics == evaluate(scorer, parts, k=2).metrics


def test_the_protocol_is_in_the_report(parts, scorer):
    report = evaluate(scorer, parts, k=(3, 1), protocol="legacy")
    told = report.protocol
    assert json.loads(report.to_json())["protocol"] == told
    assert told["protocol"] == "legacy"
    assert told["split"] == {"split": "by hand"}
    assert (told["candidates"], told["filter_seen"], told["k"], told["relevant_from"]) == ("all", True, [1, 3], 4)
    assert (told["n_users"], told["n_items"], told["n_test"], told["n_relevant"]) == (2, 4, 4, 2)


def test_other_rows_or_other_seen_items_have_another_digest(parts):
    digests = [
        Evaluator.on_test(parts).protocol["digest"],
        Evaluator.on_test(parts, filter_seen=False).protocol["digest"],
        Evaluator.on_test(replace(parts, valid=None)).protocol["digest"],
        Evaluator.on_test(replace(parts, test=parts.test.select(np.array([0, 1, 2])))).protocol["digest"],
    ]
    assert len(set(digests)) == 4
    assert digests[0] == Evaluator.on_test(parts, k=3).protocol["digest"]


def random_table(seed: int) -> torch.Tensor:
    return torch.randn(40, 60, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    "rising",
    [
        pytest.param(lambda s: s - 100, id="all negative"),
        pytest.param(lambda s: 3 * s + 7, id="linear"),
        pytest.param(torch.exp, id="exp"),
        pytest.param(lambda s: -torch.exp(-s), id="-exp(-s)"),
    ],
)
def test_figures_do_not_change_under_a_rising_map_of_the_scores(rising):
    evaluator = Evaluator.on_test(split.random(RATINGS, seed=0), k=(5, 20), metrics=tuple(metrics.ACCURACY))
    plain, mapped = (evaluator.run(Table(scores)) for scores in (random_table(0), rising(random_table(0))))
    assert plain.metrics == mapped.metrics


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_figures_do_not_depend_on_the_order_of_users_or_items(seed):
    rng = np.random.default_rng(seed)
    users, items = rng.permutation(40), rng.permutation(60)
    parts, scores = split.random(RATINGS, seed=0), random_table(1)

    def moved(log):
        return replace(log, users=users[log.users], items=items[log.items])

    shuffled = torch.empty_like(scores)
    shuffled[np.ix_(users, items)] = scores
    there = Split(moved(parts.train), moved(parts.valid), moved(parts.test), parts.protocol)
    here, other = evaluate(Table(scores), parts, k=7), evaluate(Table(shuffled), there, k=7)
    assert other.metrics == pytest.approx(here.metrics)
    same_users = np.searchsorted(other.users, users[here.users])
    np.testing.assert_array_equal(other.per_user["recall@7"][same_users], here.per_user["recall@7"])


def test_the_oracle_is_perfect_and_its_reverse_is_not():
    parts = split.random(RATINGS, seed=0)
    truth = torch.zeros(40, 60)
    relevant = parts.test.relevant()
    truth[relevant.users.astype(np.int64), relevant.items.astype(np.int64)] = 1
    best, worst = (evaluate(Table(sign * truth), parts, k=10) for sign in (1, -1))
    assert best["ndcg@10"] == best["mrr@10"] == best["hit_rate@10"] == 1
    assert worst["ndcg@10"] == 0


def test_a_small_memory_gives_the_same_figures():
    parts, model = split.random(RATINGS, seed=0), Table(random_table(2))
    both = Pair(model, model)
    assert Evaluator.on_test(parts, memory=1).run(both).metrics == Evaluator.on_test(parts).run(both).metrics


def test_factors_and_users_with_nothing_left_to_list():
    log = Interactions.from_arrays([0, 0, 1, 1], ["a", "b", "a", "b"], [1, 1, 1, 1])
    train, test = log.select(np.array([0, 2])), log.select(np.array([1, 3]))
    nothing = Factors(torch.zeros(2, 1), torch.zeros(2, 1), item_bias=torch.tensor([1.0, 0.0]))
    report = evaluate(nothing, test=test, train=train, k=2)
    assert (report["recall@2"], report["precision@2"]) == (1, 0.5)
    hidden = evaluate(Table(torch.full((2, 2), -torch.inf)), test=test, train=train, k=2)
    assert (hidden["recall@2"], hidden["coverage@2"], hidden["gini@2"]) == (0, 0, 0)
    assert math.isnan(hidden["novelty@2"])
    assert hidden.to_dict()["metrics"]["novelty@2"] is None


def test_mistakes_are_named(parts, scorer):
    with pytest.raises(
        SettingsError, match="unknown metrics \\['recal'\\]; there are recall, recall_capped, precision"
    ):
        evaluate(scorer, parts, metrics=["recal"])
    for k in (0, (), (5, 0), True, 2.5, "10"):
        with pytest.raises(SettingsError, match="k must be a whole number of 1 or more, or several of them, got"):
            evaluate(scorer, parts, k=k)
    with pytest.raises(SettingsError, match="evaluate needs a split, or else both test=… and train=…"):
        evaluate(scorer, test=parts.test)
    with pytest.raises(DataError, match="Table is for 3 users and 5 items, the test for 3 and 4; evaluate a model on"):
        evaluate(Table(torch.zeros(3, 5)), parts)
    with pytest.raises(DataError, match="pair is for 2 users and 4 items"):
        evaluate(Pair(scorer, Table(torch.zeros(2, 4))), parts)
    with pytest.raises(DataError, match="cannot evaluate a dict; it needs name, scorer and predictor"):
        evaluate({}, parts)
    broken = torch.zeros(3, 4)
    broken[0, 3] = broken[2, 0] = torch.nan
    with pytest.raises(DataError, match="2 of 4 predictions are NaN or infinite, the first in row 1"):
        evaluate(Pair(scorer, Table(broken)), parts)
    with pytest.raises(DataError, match="test and train have different ids"):
        evaluate(scorer, test=parts.test, train=Interactions.from_arrays([0], [0]))
    hard = replace(parts, test=replace(parts.test, relevant_from=6))
    with pytest.raises(DataError, match="none of the 4 rows held out is relevant and new to its user"):
        evaluate(scorer, hard)
