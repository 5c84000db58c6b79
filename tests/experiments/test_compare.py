"""Comparisons: the protocol is kept, seeds are paired, and the record says what was done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fillrank.data import Interactions, Split
from fillrank.errors import DataError, SettingsError, TrainingError
from fillrank.experiments.compare.plan import read_plan, run_plan
from fillrank.experiments.compare.runs import compare
from fillrank.experiments.compare.table import ComparisonTable
from fillrank.models import PureSVD

FAST = {"dim": 8, "rating_dim": 4, "epochs": 2, "batch_size": 512, "n_negatives": 40}
MODELS = {
    "popularity": {},
    "pure-svd": {"rank": 4},
    "biased-svd": {},
    "cmc": FAST,
    "cmc:hot": {**FAST, "temperature": 1.0},
}


@pytest.fixture(scope="module")
def table(ratings: Interactions) -> ComparisonTable:
    return compare(ratings, MODELS, k=5, seeds=(0, 1))


def test_every_model_is_run_for_every_seed_on_the_same_split(table: ComparisonTable) -> None:
    assert [(run.model, run.seed) for run in table.runs] == [(model, seed) for seed in (0, 1) for model in MODELS]
    for seed in (0, 1):
        assert len({run.report.protocol["digest"] for run in table.runs if run.seed == seed}) == 1
    assert table.runs[0].report.protocol["digest"] != table.runs[-1].report.protocol["digest"]


def test_the_document_has_the_promised_shape(table: ComparisonTable) -> None:
    document = json.loads(table.to_json())
    assert document.keys() >= {"data", "protocol", "models", "intervals", "runs", "machine"}
    assert document["protocol"]["protocol"] == "honest"
    assert document["protocol"]["seeds"] == [0, 1]
    for model in ("biased-svd", "cmc"):
        assert document["models"][model].keys() >= {"rmse", "recall@5", "ndcg@5", "coverage@5", "novelty@5", "seconds"}
    assert document["models"]["pure-svd"]["rmse"] is None
    assert isinstance(document["runs"][2]["settings"]["rank"], int)  # what was chosen, not "auto"


def test_means_and_intervals_are_over_seeds(table: ComparisonTable) -> None:
    values = table.values("cmc", "recall@5")
    assert len(values) == 2
    assert table.mean("cmc", "recall@5") == pytest.approx(np.mean(values))
    low, high = table.interval("cmc", "recall@5")
    assert low < np.mean(values) < high
    assert (high - low) / 2 == pytest.approx(12.706 * abs(values[0] - values[1]) / 2, rel=1e-3)  # Student, one degree


def test_versus_pairs_the_seeds(table: ComparisonTable) -> None:
    found = table.versus("biased-svd", "popularity", "rmse")
    pairs = zip(table.values("biased-svd", "rmse"), table.values("popularity", "rmse"), strict=True)
    assert found["difference"] == pytest.approx(np.mean([a - b for a, b in pairs]))
    assert found["seeds"] == 2
    assert found["better"] in {0, 1, 2}
    with pytest.raises(DataError, match="rmse is not there for both cmc and pure-svd"):
        table.versus("cmc", "pure-svd", "rmse")


def test_the_printed_table_names_all_models_and_leaves_out_what_a_model_does_not_have(table: ComparisonTable) -> None:
    lines = str(table).splitlines()
    assert all(any(model in line for line in lines) for model in MODELS)
    assert "–" in next(line for line in lines if "pure-svd" in line)


def test_the_test_part_is_not_looked_at_before_the_end(parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the honest protocol `fit` never gets a row of test; under the legacy one it does, and says so."""
    from fillrank.models import CMC

    handed = []
    original = CMC.fit

    def spy(self, train, valid=None, *, refit=True, **options):
        handed.append((train, valid, refit))
        return original(self, train, valid, refit=refit, **options)

    monkeypatch.setattr(CMC, "fit", spy)
    honest = compare(parts, {"cmc": FAST})
    assert handed[0] == (parts.train, parts.valid, True)
    handed.clear()
    legacy = compare(parts, {"cmc": FAST}, protocol="legacy")
    assert handed == [(parts.train, parts.test, False)]
    assert [t.runs[0].report.protocol["protocol"] for t in (honest, legacy)] == ["honest", "legacy"]


def test_refit_learns_from_train_and_validation(parts: Split) -> None:
    settings = {"rank": 2, "user_shrinkage": 5.0, "item_shrinkage": 3.0}
    once, twice = (compare(parts, {"biased-svd": settings}, refit=refit) for refit in (False, True))
    assert (once.refit, twice.refit) == (False, True)
    assert once.runs[0].report["rmse"] != twice.runs[0].report["rmse"]
    assert compare(parts, {"biased-svd": settings}).runs[0].report["rmse"] == twice.runs[0].report["rmse"]
    assert [table.to_dict()["protocol"]["refit"] for table in (once, twice)] == [False, True]


def test_the_legacy_protocol_never_refits(parts: Split) -> None:
    assert compare(parts, {"popularity": {}}, protocol="legacy").refit is False
    with pytest.raises(SettingsError, match="refit goes with the honest protocol"):
        compare(parts, {"popularity": {}}, protocol="legacy", refit=True)


def test_mistakes_are_found_before_anything_is_trained(parts: Split) -> None:
    with pytest.raises(SettingsError, match="CMC has no setting 'temprature'"):
        compare(parts, {"popularity": {}, "cmc": {"temprature": 1}})
    with pytest.raises(SettingsError, match="no model is called 'svdd'"):
        compare(parts, ["popularity", "svdd"])
    with pytest.raises(SettingsError, match="protocol must be 'honest' or 'legacy', got 'fair'"):
        compare(parts, protocol="fair")


def test_a_plan_is_a_toml_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('data = "movielens-small"\nseeds = [3]\n[models.popularity]\n[models.pure-svd]\nrank = 8\n')
    plan = read_plan(file)
    assert plan.models == {"popularity": {}, "pure-svd": {"rank": 8}}
    table = run_plan(plan)
    assert table.models == ["popularity", "pure-svd"]
    assert table.data == "movielens-small"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("data = ", DataError, "is not TOML"),
        ("k = 3\n", SettingsError, "give data .* or else train and test .* a plan has data, train"),
        ('data = "x"\nsed = 1\n[models.cmc]\n', SettingsError, "sed is not known here"),
        ('data = "x"\n[models.svdd]\n', SettingsError, "no model is called 'svdd'"),
        ('data = "x"\n[models.cmc]\ndims = 3\n', SettingsError, "CMC has no setting 'dims'"),
        ('data = "x"\nmodels = "cmc"\n', SettingsError, r"give a list, as in models = \['cmc'\]"),
        ('data = "x"\nmodels = ["svdd"]\n', SettingsError, "no model is called 'svdd'"),
    ],
)
def test_a_wrong_plan_is_refused(text: str, error, message: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(error, match=message):
        read_plan(tmp_path / "plan.toml")
    with pytest.raises(DataError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")


def test_models_of_a_plan_may_be_a_list(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('data = "x"\nmodels = ["pure-svd", "cmc"]\n')
    assert read_plan(tmp_path / "plan.toml").models == {"pure-svd": {}, "cmc": {}}


def test_a_plan_over_several_data_sets_takes_the_mean_over_all_runs(tmp_path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('data = ["movielens-small", "movielens-small"]\nseeds = [0, 1]\n[models.popularity]\n')
    table = run_plan(read_plan(file))
    assert [run.seed for run in table.runs] == [0, 1, 0, 1]
    assert table.data == "movielens-small, movielens-small"
    assert "4 runs" in str(table)


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, *, after: int = 0) -> None:
    """Let PureSVD raise when it has been fitted so many times."""
    fits: list[int] = []
    original = PureSVD.fit

    def fit(self, *args, **options):
        fits.append(1)
        if len(fits) > after:
            raise error
        return original(self, *args, **options)

    monkeypatch.setattr(PureSVD, "fit", fit)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TrainingError("the loss is nan"), "the loss is nan"),
        (MemoryError(), "there was not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "there was not enough memory"),
        (ZeroDivisionError("by zero"), "a fault in fillrank itself: ZeroDivisionError: by zero"),
    ],
)
def test_one_model_that_fails_leaves_the_others(
    error: Exception, said: str, ratings: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, error)
    table = compare(ratings, {"pure-svd": {"rank": 4}, "popularity": {}, "biased-svd": {}}, k=5, seeds=(0, 1))
    assert [(run.model, run.seed) for run in table.runs] == [
        (model, seed) for seed in (0, 1) for model in ("popularity", "biased-svd")
    ]
    assert [(one.entry, one.seed) for one in table.failures] == [("pure-svd", 0), ("pure-svd", 1)]
    assert all(one.reason.startswith(said) for one in table.failures)
    assert said in str(table)
    assert "failed" in next(
        line for line in str(table).splitlines() if line.strip().startswith(("pure-svd", "│ pure-svd"))
    )
    assert len(json.loads(table.to_json())["failures"]) == 2


def test_a_model_that_fails_with_one_seed_keeps_the_others(
    ratings: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, TrainingError("the loss is nan"), after=1)
    table = compare(ratings, {"cmc": FAST, "pure-svd": {"rank": 4}}, k=5, seeds=(0, 1))
    assert (len(table.runs), len(table.failures)) == (3, 1)
    assert table.findings() == []  # there are no pairs of seeds to compare
    assert "pure-svd (data, seed 1) failed: the loss is nan" in str(table).replace(table.data, "data")


def test_where_every_model_fails_the_error_is_raised(ratings: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, TrainingError("the loss is nan"))
    with pytest.raises(TrainingError, match="the loss is nan"):
        compare(ratings, {"pure-svd": {"rank": 4}})


def test_ctrl_c_keeps_the_runs_that_are_finished(ratings: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyboardInterrupt(), after=1)
    table = compare(ratings, {"popularity": {}, "pure-svd": {"rank": 4}}, k=5, seeds=(0, 1))
    assert table.interrupted
    assert [(run.model, run.seed) for run in table.runs] == [("popularity", 0), ("pure-svd", 0), ("popularity", 1)]
    assert "stopped by hand" in str(table)
    assert table.to_dict()["interrupted"] is True
    with pytest.raises(KeyboardInterrupt):
        compare(ratings, {"pure-svd": {"rank": 4}})


def test_a_plan_goes_on_without_data_that_are_not_there(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('data = ["movielens-small", "no-such-data"]\n[models.popularity]\n')
    table = run_plan(read_plan(file))
    assert len(table.runs) == 1
    assert [(one.entry, one.where) for one in table.failures] == [("popularity", "no-such-data")]
    file.write_text('data = ["no-such-data"]\n[models.popularity]\n')
    with pytest.raises(DataError, match="no-such-data"):
        run_plan(read_plan(file))
