"""What somebody saved with version 0.1 can still be read; ``version-0.1/make.py`` says how the files were made."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fillrank as fr
from fillrank.experiments.reproduce.record import read_record
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.run.fit import read_run

OLD = Path(__file__).parent / "version-0.1"
MODELS = sorted(path.stem for path in (OLD / "models").glob("*.json"))


def same(found: pl.DataFrame, known: list[dict[str, object]]) -> None:
    """The same lists, scores to float32's rounding."""
    wanted = pl.DataFrame(known)
    assert found.drop("score").rows() == wanted.drop("score").rows()
    np.testing.assert_allclose(found["score"].to_numpy(), wanted["score"].to_numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_what_it_gave(name: str) -> None:
    model = fr.Recommender.load(OLD / "models" / name)
    known = json.loads((OLD / "models" / f"{name}.json").read_text(encoding="utf-8"))
    same(model.recommend(k=3), known["recommend"])
    if "predict" in known:
        np.testing.assert_allclose(model.predict(["u0", "u3"], [1, 2]), known["predict"], rtol=1e-4)
    if "fold_in" in known:
        same(model.fold_in({1: 5, 2: 3}).recommend(k=3), known["fold_in"])


def test_every_kind_of_scorer_is_among_them() -> None:
    kinds = {type(fr.Recommender.load(OLD / "models" / name).scorer).__name__ for name in MODELS}
    assert kinds == {"Factors", "Blend", "NeuralScorer"}
    assert type(fr.Recommender.load(OLD / "models" / "gibbs-dated").predictor).__name__ == "TimeAwareFactors"


def test_a_run_is_read_as_it_was_asked() -> None:
    plan = read_run(OLD / "run-whole" / "run.toml")
    assert (plan.model, plan.settings["dim"], plan.settings["epochs"]) == ("contrastive", 2, 4)
    plan.recipe()


def test_a_study_finds_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(OLD)
    study = read_study("study.toml").model_copy(update={"refit": False})  # as version 0.1 did, which knew no other way
    record = read_record(OLD / "study.json", study)
    assert [run.key for run in record.runs] == [("svd", "honest", 0)]
