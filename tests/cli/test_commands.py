"""Each command, from its words to what it prints."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from typer.testing import Result

from fillrank.data import Interactions, list_datasets
from fillrank.errors import TrainingError
from fillrank.recommend import Recommender
from fillrank.runtime.device import multiplies_bfloat16

Run = Callable[..., Result]
Json = Callable[..., Any]


def _says(text: str, pattern: str) -> bool:
    return re.search(pattern, text) is not None


def test_fit_saves_a_model_of_these_settings(saved: Path, log_file: Path, fillrank: Run) -> None:
    model = Recommender.load(saved)
    assert (model.name, model.settings["rank"], model.settings["seed"]) == ("pure-svd", 4, 0)
    assert len(model.interactions) == 3600  # a tenth of 4,000 rows is kept for the test


def test_fit_with_nothing_kept_back(log_file: Path, tmp_path: Path, json_of: Json) -> None:
    words = ("fit", "--data", log_file, "--model", "popularity", "--test", 0)
    assert json_of(*words, "--valid", 0, "--out", tmp_path / "all")["rows"] == 4000
    document = json_of(*words, "--out", tmp_path / "chosen")
    assert (document["rows"], document["refit"]) == (4000, True)
    document = json_of(*words, "--no-refit", "--out", tmp_path / "some")
    assert (document["rows"], document["refit"]) == (3600, False)
    assert document["protocol"] == {"split": "random", "test": 0, "valid": 0.1, "seed": 0}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--model", "svdd"], 1, "no model is called 'svdd'; there are .*pure-svd"),
        (["--model", "pure-svd", "--set", "ranc=4"], 1, "PureSVD has no setting 'ranc'; it has rank"),
        (["--model", "pure-svd", "--set", "rank"], 2, "'rank' is no KEY=VALUE"),
        (["--split", "by-time"], 1, "by_time needs times"),
        (["--split", "by-time", "--test", "0"], 1, "goes with split 'random', not 'by-time'"),
        (["--read", "user=nobody"], 1, "nobody"),
    ],
)
def test_fit_refuses(words: list[str], code: int, said: str, log_file: Path, tmp_path: Path, fillrank: Run) -> None:
    result = fillrank("fit", "--data", log_file, "--out", tmp_path / "x", *words)
    assert result.exit_code == code
    assert _says(result.stderr, said)
    assert not (tmp_path / "x").exists()


def test_evaluate_measures_the_part_that_was_kept(saved: Path, log_file: Path, fillrank: Run, json_of: Json) -> None:
    words = ("evaluate", saved, "--data", log_file, "--valid", 0, "--k", 5, "--k", 10)
    document = json_of(*words)
    assert document["model"] == "pure-svd"
    assert 0 < document["metrics"]["recall@5"] < document["metrics"]["recall@10"] <= 1
    assert document["protocol"]["n_test"] == 400
    assert "honest protocol" in fillrank(*words).stdout


def test_evaluate_refuses_rows_that_were_learned_from(saved: Path, log_file: Path, fillrank: Run) -> None:
    result = fillrank("evaluate", saved, "--data", log_file, "--valid", 0, "--seed", 1)
    assert result.exit_code == 1
    assert _says(result.stderr, r"was given \d\d\d of the 400 test rows to learn from .*; give --split")


def test_evaluate_refuses_another_log(saved: Path, tmp_path: Path, fillrank: Run) -> None:
    other = tmp_path / "other.csv"
    other.write_text("user,item,rating\n" + "".join(f"{i % 5},{i},3\n" for i in range(40)))
    result = fillrank("evaluate", saved, "--data", other)
    assert result.exit_code == 1
    assert _says(result.stderr, "fitted on other users or items: it knows all 5 users and 145 more and")


def test_recommend_for_known_users(saved: Path, ratings: Interactions, json_of: Json, tmp_path: Path) -> None:
    rows = json_of("recommend", saved, "--user", 3, "--user", 1, "-k", 4)["recommendations"]
    assert [str(row["user_id"]) for row in rows] == ["3"] * 4 + ["1"] * 4
    assert [row["rank"] for row in rows] == [1, 2, 3, 4] * 2
    assert all(row["label"] == f"film {row['item_id']}" for row in rows)
    (tmp_path / "users.txt").write_text("3\n\n1\n")
    assert json_of("recommend", saved, "--users-file", tmp_path / "users.txt", "-k", 4)["recommendations"] == rows


def test_recommend_keeps_seen_items_only_when_asked(saved: Path, json_of: Json) -> None:
    model = Recommender.load(saved)
    seen = set(model.item_ids.decode(model.interactions.csr[[0]].indices))
    user = model.user_ids.ids[0]
    without = json_of("recommend", saved, "--user", user, "-k", 80)["recommendations"]
    everything = json_of("recommend", saved, "--user", user, "-k", 80, "--keep-seen")["recommendations"]
    assert {row["item_id"] for row in everything} - {row["item_id"] for row in without} == seen
    assert len(seen) > 0


def test_recommend_to_everybody_into_a_file(saved: Path, tmp_path: Path, json_of: Json) -> None:
    out = tmp_path / "lists.parquet"
    document = json_of("recommend", saved, "--all", "-k", 3, "--out", out)
    assert document == {"out": str(out), "rows": 450}
    assert pl.read_parquet(out)["user_id"].n_unique() == 150


def test_recommend_to_somebody_new(saved: Path, fillrank: Run, json_of: Json) -> None:
    rows = json_of("recommend", saved, "--like", "film 3", "--like", 7, "-k", 5)["recommendations"]
    assert len(rows) == 5
    assert not {row["item_id"] for row in rows} & {3, 7}
    rated = fillrank("recommend", saved, "--like", "film 3=5", "--like", "7=1", "-k", 5)
    assert rated.exit_code == 0, rated.stderr
    assert "film" in rated.stdout


def test_unknown_users(saved: Path, fillrank: Run, json_of: Json) -> None:
    words = ("recommend", saved, "--user", "nobody", "--user", 1, "-k", 2)
    result = fillrank(*words)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert _says(result.stderr, "1 of 2 ids are not in the data: 'nobody'")
    assert len(json_of(*words, "--unknown", "skip")["recommendations"]) == 2
    assert len(json_of(*words, "--unknown", "popular")["recommendations"]) == 4
    assert fillrank(*words, "--unknown", "guess").exit_code == 2


@pytest.mark.parametrize("words", [[], ["--all", "--user", "1"], ["--like", "film 1", "--all"]])
def test_recommend_wants_one_kind_of_user(words: list[str], saved: Path, fillrank: Run) -> None:
    result = fillrank("recommend", saved, *words)
    assert result.exit_code == 2
    assert _says(result.stderr, "give one of --user, --users-file, --all, --like, and only one")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--like", "film 999"], "'film 999' is neither an id nor a name in the data; did you mean"),
        (["--all", "--out", "lists.xls"], "cannot tell the format of 'lists.xls'"),
        (["--users-file", "nowhere.txt"], "nowhere.txt cannot be read: No such file or directory; check the path"),
    ],
)
def test_recommend_refuses(words: list[str], said: str, saved: Path, fillrank: Run) -> None:
    result = fillrank("recommend", saved, *words)
    assert result.exit_code == 1
    assert _says(result.stderr, said)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_of_users_in_any_encoding(encoding: str, tmp_path: Path) -> None:
    from fillrank.cli.lists import _read_ids

    (tmp_path / "users.txt").write_bytes(" ann \r\n\r\nZoë – 2\r\n".encode(encoding))
    if encoding == "utf-16-le":  # most of its letters have to be ASCII for it to be inferred from its bytes
        (tmp_path / "users.txt").write_bytes(" ann \r\n\r\nZoë - 2\r\n".encode(encoding))
    assert _read_ids(tmp_path / "users.txt") == ["ann", "Zoë - 2" if encoding == "utf-16-le" else "Zoë – 2"]


def test_an_empty_file_of_users(saved: Path, tmp_path: Path, fillrank: Run) -> None:
    (tmp_path / "users.txt").write_text("\n")
    result = fillrank("recommend", saved, "--users-file", tmp_path / "users.txt")
    assert result.exit_code == 1
    assert _says(result.stderr, r"users\.txt is empty; there is nothing to read")


def test_a_folder_without_a_model(tmp_path: Path, fillrank: Run) -> None:
    result = fillrank("similar", tmp_path, "film 1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) <= 2


def test_similar_items_by_title(saved: Path, fillrank: Run, json_of: Json) -> None:
    rows = json_of("similar", saved, "FILM 3", "-k", 4)["similar"]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert 3 not in {row["item_id"] for row in rows}
    assert "similarity" in fillrank("similar", saved, "3", "-k", 4).stdout


@pytest.mark.parametrize(
    ("error", "code", "file", "said"),
    [
        (TrainingError("the loss is nan"), 1, "t.json", "1 of 2 runs failed; the others stand"),
        (
            KeyboardInterrupt(),
            130,
            "t.json.interrupted",
            "interrupted; the 1 runs that were finished are above, and in",
        ),
    ],
)
def test_compare_keeps_what_is_finished(
    error: BaseException,
    code: int,
    file: str,
    said: str,
    log_file: Path,
    tmp_path: Path,
    fillrank: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("fillrank.models.PureSVD.fit", fail)
    words = ("--models", "popularity,pure-svd", "--seeds", 1, "--out", tmp_path / "t.json")
    result = fillrank("compare", "--data", log_file, *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert "popularity" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == [file]
    assert [run["model"] for run in json.loads((tmp_path / file).read_text())["runs"]] == ["popularity"]


def test_compare_writes_what_it_prints(log_file: Path, tmp_path: Path, fillrank: Run, json_of: Json) -> None:
    out = tmp_path / "table.json"
    words = ("compare", "--data", log_file, "--models", "popularity, biased-svd", "--seed", 4, "--seeds", 2, "--k", 5)
    document = json_of(*words, "--out", out)
    assert list(document["models"]) == ["popularity", "biased-svd"]
    assert document["protocol"]["seeds"] == [4, 5]
    assert document["protocol"]["protocol"] == "honest"
    assert {"rmse", "recall@5", "ndcg@5", "coverage@5", "novelty@5", "seconds"} <= document["models"][
        "biased-svd"
    ].keys()
    assert json.loads(out.read_text()) == document
    shown = fillrank("compare", "--data", log_file, "--models", "popularity", "--protocol", "legacy")
    assert shown.exit_code == 0, shown.stderr
    assert "popularity" in shown.stdout


def test_data_list_and_info(fillrank: Run, json_of: Json) -> None:
    assert [row["name"] for row in json_of("data", "list")["datasets"]] == list(list_datasets())
    assert json_of("data", "info", "ml-1m")["n_interactions"] == 1_000_209
    assert "licence:" in fillrank("data", "info", "ml-1m").stdout
    assert "ml-20m" in fillrank("data", "list").stdout


def test_inspect_counts_damaged_and_repeated_rows(tmp_path: Path, fillrank: Run, json_of: Json) -> None:
    path = tmp_path / "log.csv"
    path.write_text("who,what,stars\na,x,5\na,y,four\nb,x,3\nb,x,4\n,y,1\n")
    words = ("data", "inspect", path, "--read", "user=who", "--read", "item=what", "--read", "value=stars")
    document = json_of(*words)
    assert (document["n_rows"], document["n_bad"], document["n_duplicates"]) == (5, 2, 1)
    assert [row["line"] for row in document["bad"]] == [3, 6]
    assert document["n_interactions"] == 2
    shown = fillrank(*words).stdout
    assert "log.csv, line 3: value 'four'" in shown
    strict = fillrank(*words, "--read", "on_bad=raise")
    assert strict.exit_code == 1
    assert _says(strict.stderr, "2 of 5 rows")


def test_doctor_tells_what_a_report_needs(
    json_of: Json, fillrank: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ml-1m").mkdir()
    monkeypatch.setenv("FILLRANK_DATA", str(tmp_path))
    found = json_of("doctor")
    assert found["versions"]["torch"] == torch.__version__
    assert found["machine"]["threads"] == torch.get_num_threads()
    assert found["machine"]["bfloat16 products"] == multiplies_bfloat16(
        torch.device("cuda" if torch.cuda.is_available() else "cpu")
    )
    assert "threads" in found["machine"]["BLAS"]
    assert (found["data"]["ml-1m"], found["data"]["ml-20m"]) == ("folder found", "no folder")
    assert "BLAS" in fillrank("doctor").stdout


def test_demo_hands_over_to_the_library(json_of: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        def to_dict(self) -> dict[str, Any]:
            return {"files": [str(tmp_path)]}

    asked = []
    monkeypatch.setattr("fillrank.report.demo", lambda out, *, seed: asked.append((out, seed)) or Found())
    assert json_of("demo", "--out", tmp_path, "--seed", 3) == {"files": [str(tmp_path)]}
    assert asked == [(tmp_path, 3)]


def test_evaluate_says_what_was_otherwise_at_the_fit(
    log_file: Path, tmp_path: Path, fillrank: Run, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "model"
    fit = ("fit", "--data", log_file, "--model", "pure-svd", "--set", "rank=4", "--valid", 0, "--out", out)
    assert fillrank(*fit, "--read", "relevant_from=4").exit_code == 0
    words = ("evaluate", out, "--data", log_file, "--valid", 0)
    same = fillrank(*words, "--read", "relevant_from=4")
    assert (same.exit_code, "was fitted with" in caplog.text) == (0, False), same.stderr
    other = fillrank(*words)
    assert other.exit_code == 0, other.stderr
    assert _says(caplog.text, r"model was fitted with read\.relevant_from=4 \(now unset\); what is measured here may")


def test_several_similar_items_and_similar_users(saved: Path, fillrank: Run, json_of: Json) -> None:
    rows = json_of("similar", saved, "FILM 3", "4", "-k", 2)["similar"]
    assert [(row["similar_to"], row["rank"]) for row in rows] == [(3, 1), (3, 2), (4, 1), (4, 2)]
    rows = json_of("similar", saved, "--user", "3", "-k", 2)["similar"]
    assert 3 not in {row["user_id"] for row in rows}
    assert "give items, or users by --user" in fillrank("similar", saved).stderr
    assert "give items, or users by --user" in fillrank("similar", saved, "4", "--user", "3").stderr


def test_explain_adds_up_for_a_known_and_for_a_new_user(saved: Path, fillrank: Run, json_of: Json) -> None:
    for who in (("--user", "3"), ("--like", "film 1", "--like", "film 2")):
        found = json_of("explain", saved, "film 5", *who)
        assert sum(row["contribution"] for row in found["contributions"]) == pytest.approx(found["score"])
    shown = fillrank("explain", saved, "film 5", "--user", "3").stdout
    assert "score" in shown
    assert "film " in shown
    assert "give one of --user and --like" in fillrank("explain", saved, "film 5").stderr
