"""How the files beside this script were made, by fillrank 0.1 (commit 8868421): ``python make.py``.

They are the promise that what somebody saved with version 0.1 can be read: a model of each kind of scorer with what it
recommends and predicts, a run, the checkpoint of an unfinished training, a search, a study with its record, a
comparison, and a completed table. All data are synthetic. Do not make them anew with a later version: then they would
promise nothing.
"""

import json
import shutil
from pathlib import Path

import numpy as np

import fillrank as fr
from fillrank.completion.files import complete_file
from fillrank.experiments.compare.runs import compare
from fillrank.experiments.run.fit import RunPlan, fit_run
from fillrank.experiments.tune.plan import SearchPlan
from fillrank.experiments.tune.run import run_search
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.reproduce.runs import run_study
from fillrank.training import Look, listening

HERE = Path(__file__).parent
Q = {"progress": False}
MODELS = {
    "popularity": fr.models.Popularity(),
    "pure-svd": fr.PureSVD(rank=2),
    "als": fr.ALS(dim=2, regularization=0.1, iterations=3, **Q),
    "gibbs-dated": fr.models.Gibbs(dim=2, iterations=6, burn_in=2, kept_dim=4, dates=True, **Q),
    "contrastive": fr.Contrastive(dim=2, epochs=2, **Q),
    "history": fr.Contrastive(dim=2, epochs=2, encoder="history", **Q),
    "neumf": fr.models.NeuMF(dim=2, epochs=2, **Q),
    "cmc": fr.CMC(dim=2, rating_dim=2, epochs=2, **Q),
    "blended": fr.models.Blended(parts=[fr.PureSVD(rank=2), fr.Contrastive(dim=2, epochs=1, **Q)], weights=[1.0, 0.5]),
}


def log() -> fr.Interactions:
    """Twelve users with names, ten items with titles, ratings from 1 to 5, days."""
    draws = np.random.default_rng(1)
    cells = np.sort(draws.choice(120, 60, replace=False))
    users, items = np.divmod(cells, 10)
    import polars as pl

    frame = pl.DataFrame(
        {
            "user": [f"u{u}" for u in users],
            "item": items,
            "rating": draws.integers(1, 6, 60).astype(float),
            "timestamp": 1_500_000_000 + 86_400 * draws.integers(0, 300, 60),
            "title": [f"Film {i}" for i in items],
        }
    )
    frame.write_csv(HERE / "log.csv")
    return fr.read(HERE / "log.csv", relevant_from=4)


def models(data: fr.Interactions) -> None:
    for name, recipe in MODELS.items():
        model = recipe.fit(data)
        model.save(HERE / "models" / name)
        known = {"recommend": model.recommend(k=3).to_dicts()}
        if model.rater is not None:
            known["predict"] = model.predict(["u0", "u3"], [1, 2]).tolist()
        if name not in {"neumf", "history"}:
            known["fold_in"] = model.fold_in({1: 5, 2: 3}).recommend(k=3).to_dicts()
        (HERE / "models" / f"{name}.json").write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def others() -> None:
    class StopError(Exception):
        pass

    def stop(look: Look) -> None:
        if look.epoch == 2:
            raise StopError

    run = {"data": "log.csv", "model": "contrastive", "out": "run", "test": 0.1, "valid": 0.1}
    run["settings"] = {"dim": 2, "epochs": 4, "patience": 9, "progress": False}
    fit_run(RunPlan.of(run | {"out": "run-whole"}))
    try:
        with listening(stop):
            fit_run(RunPlan.of(run))
    except StopError:
        pass
    run_search(
        SearchPlan.of(
            {
                "data": "log.csv",
                "model": "pure-svd",
                "metric": "ndcg@3",
                "n_trials": 3,
                "out": "search",
                "search": {"rank": {"low": 1, "high": 4}},
            }
        )
    )
    Path("study.toml").write_text(
        'title = "Small"\ndata = "log.csv"\nk = 3\nprotocols = ["honest"]\n[entries.svd]\nmodel = "pure-svd"\n'
        "settings = { rank = 2 }\n",
        encoding="utf-8",
    )
    try:
        run_study(read_study("study.toml"), "study.json")
    except fr.FillrankError as error:
        print("study:", error)
    (HERE / "comparison.json").write_text(
        json.dumps(
            compare(fr.read("log.csv", relevant_from=4), {"pure-svd": {"rank": 2}}, k=3).to_dict(),
            indent=1,
            default=str,
        )
        + "\n",
        encoding="utf-8",
    )
    Path("holes.csv").write_text("name,a,b,c\nx,1,2,3\ny,2,,6\nz,3,6,\nw,4,8,12\n", encoding="utf-8")
    complete_file("holes.csv", "filled.csv", fr.MatrixCompletion(1, bias=False, regularization=0.01))


if __name__ == "__main__":
    import os

    shutil.rmtree(HERE / "models", ignore_errors=True)
    os.chdir(HERE)
    models(log())
    others()
