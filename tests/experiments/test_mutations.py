"""Files of ours that something has changed: records, journals of searches, TOML. Only our own errors come of them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fillrank.data import synthetic
from fillrank.errors import DataError, FillrankError
from fillrank.experiments.compare.plan import read_plan
from fillrank.experiments.reproduce.markdown import fill_tables
from fillrank.experiments.reproduce.record import read_record
from fillrank.experiments.reproduce.runs import run_study
from fillrank.experiments.reproduce.study import read_study
from fillrank.experiments.run.fit import read_run
from fillrank.experiments.toml.files import parse_toml, toml_text
from fillrank.experiments.tune.plan import TunePlan, read_tune
from fillrank.experiments.tune.run import run_tune
from fillrank.runtime.strict_json import parse_json

N = 300
_PLACE = "«junk»"
JSON_JUNK = (
    *("null", "true", "0", "-1", "0.5", "1e400", "-Infinity", "NaN", str(10**30), "9" * 5000, '"text"', '"\\ud800"'),
    *('"\\u0000"', "[]", "{}", "[[1]]", '{"a": {}}', "[" * 70 + "]" * 70, "[" * 99_999 + "]" * 99_999, '""', "1e-400"),
)
TOML_JUNK = (
    *("true", "0", "-1", "0.5", "inf", "-inf", "nan", str(10**30), "9" * 5000, '"text"', '""', '"\\u0000"', "[]", "{}"),
    *("[[1]]", "{ a = { b = 1 } }", "[" * 40 + "]" * 40, "[" * 5000 + "]" * 5000, "1979-05-27", "07:32:00", "[1, 'a']"),
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [way for key, value in inside for way in ((*path, key), *places(value, (*path, key)))]


def changed(content: Any, rng: random.Random) -> Any:
    """The content with one value in the place of which junk will stand, or without it, or under another name."""
    content = json.loads(json.dumps(content))
    *way, last = rng.choice(places(content))
    inside = content
    for key in way:
        inside = inside[key]
    kind = rng.randrange(6)
    if kind == 0:
        del inside[last]
    elif kind == 1 and isinstance(inside, dict):
        inside[rng.choice(["", "x", last.upper() + "x", "a.b", "\x1b[31m"])] = inside.pop(last)
    else:
        inside[last] = _PLACE
    return content


def broken(text: bytes, rng: random.Random) -> bytes:
    """The text with some of its bytes changed, gone, or twice there."""
    start = rng.randrange(len(text))
    end = min(len(text), start + rng.choice([1, 1, 2, 40]))
    middle = rng.choice([b"", bytes(rng.randrange(256) for _ in range(end - start)), text[start:end] * 2])
    return rng.choice([text[:start] + middle + text[end:], text[:start]])


def mutants(content: Any, written: Callable[[Any], str], junk: tuple[str, ...], seed: int) -> list[bytes]:
    rng, found = random.Random(seed + int(os.environ.get("MUTATION_SEED", "0"))), list[bytes]()
    for number in range(N):
        if number % 3 == 2:
            found.append(broken(written(content).encode(), rng))
            continue
        text = written(changed(content, rng)).replace(f'"{_PLACE}"', rng.choice(junk))
        found.append(text.encode("utf-8", "surrogatepass"))
    return found


def survives(file: Path, text: bytes, use: Callable[[], Any]) -> bool:
    """Write the file and use it: whether it was refused. Any error that is not ours fails the test."""
    file.write_bytes(text)
    try:
        use()
    except FillrankError as error:
        return bool(str(error).strip())
    except Exception as error:
        (file.parent / "bad").write_bytes(text)
        raise AssertionError(f"{text[:300]!r}… ended in {type(error).__name__}: {str(error)[:200]}") from error
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutations")
    synthetic(60, 40, 900, seed=3).interactions.to_frame().write_csv(folder / "log.csv")
    return folder


@pytest.fixture(scope="module")
def study_file(folder: Path) -> Path:
    content = {
        "title": "Small",
        "data": str(folder / "log.csv"),
        "k": 5,
        "templates": {"small": {"model": "pure-svd", "settings": {"method": "exact"}}},
        "entries": {
            "popular": {"model": "popularity", "seeds": [0, 1], "published": {"recall@5": 0.5, "source": "nowhere"}},
            "svd": {"extends": "small", "settings": {"rank": 2}, "subsample": {"users": 0.5}, "protocols": ["honest"]},
            "tuned": {
                "extends": ["small"],
                "tune": {"n_trials": 2, "search": {"rank": {"low": 1, "high": 3}}, "settings": {"seed": 1}},
            },
        },
    }
    (folder / "study.toml").write_text(toml_text(content))
    return folder / "study.toml"


@pytest.mark.slow
def test_records_of_studies(folder: Path, study_file: Path) -> None:
    study, file = read_study(study_file), folder / "record.json"
    run_study(study, file, only=["popular", "svd"])
    content = json.loads(file.read_text())
    page = "<!-- table: record.json -->\n<!-- end of table -->"

    def use() -> None:
        found = read_record(file, study)
        found.__rich__()
        [found.has(task) for task in study.tasks()]

    refused = [survives(file, text, use) for text in mutants(content, json.dumps, JSON_JUNK, seed=1)]
    assert N // 4 < sum(refused) < N  # a title or a setting may hold anything
    for text in mutants(content, json.dumps, JSON_JUNK, seed=2):
        survives(file, text, lambda: fill_tables(page, folder))


@pytest.mark.slow
def test_documents_of_comparisons(folder: Path) -> None:
    from fillrank import compare

    content = json.loads(compare(str_log(folder), ["popularity", "biased-svd"], k=5, seeds=(0, 1)).to_json())
    page = "<!-- table: table.json -->\n<!-- end of table -->"
    refused = [
        survives(folder / "table.json", text, lambda: fill_tables(page, folder))
        for text in mutants(content, json.dumps, JSON_JUNK, seed=3)
    ]
    assert sum(refused) > N // 4


def str_log(folder: Path) -> Any:
    from fillrank.data import read

    return read(folder / "log.csv")


@pytest.mark.slow
def test_journals_of_searches(folder: Path) -> None:
    pytest.importorskip("optuna")
    plan = TunePlan.of(
        {
            "data": str(folder / "log.csv"),
            "model": "pure-svd",
            "metric": "ndcg@5",
            "n_trials": 3,
            "out": str(folder / "search"),
            "search": {"rank": {"low": 1, "high": 6}},
        }
    )
    run_tune(plan)
    journal = folder / "search" / "study.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]

    def written(content: Any) -> str:
        return "\n".join(map(json.dumps, content)) + "\n"

    refused = [survives(journal, text, lambda: run_tune(plan)) for text in mutants(lines, written, JSON_JUNK, seed=4)]
    assert sum(refused) > N // 4


RUN = {
    "data": "log.csv",
    "model": "contrastive",
    "out": "m",
    "seed": 1,
    "test": 0.2,
    "subsample": {"users": 0.5},
    "read": {"relevant_from": 3.5},
    "settings": {
        "dim": 4,
        "loss": "bsl",
        "loss_settings": {"temperature": 0.1},
        "sampler_settings": {"n_negatives": 4},
    },
}
PLAN = {"data": ["log.csv"], "k": 5, "seeds": [0, 1], "models": {"cmc": {"dim": 4}, "pure-svd:two": {"rank": 2}}}
SEARCH = {
    "data": "log.csv",
    "model": "mmcl",
    "metric": "ndcg@20",
    "n_trials": 2,
    "out": "s",
    "settings": {"dim": 4},
    "search": {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "loss_settings": {"margins_and_weights": {"n_margins": [1, 3], "lowest": 0.0, "highest": 0.9}},
        "sampler_settings": {"n_negatives": {"choices": [4, 8]}},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "read", "seed"), [(RUN, read_run, 5), (PLAN, read_plan, 6), (SEARCH, read_tune, 7)]
)
def test_toml_files(content: dict[str, Any], read: Callable[[Path], Any], seed: int, tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    refused = [survives(file, text, lambda: read(file)) for text in mutants(content, toml_text, TOML_JUNK, seed)]
    assert sum(refused) > N // 2


@pytest.mark.slow
def test_toml_files_of_studies(study_file: Path, tmp_path: Path) -> None:
    import tomllib

    content, file = tomllib.loads(study_file.read_text()), tmp_path / "study.toml"

    def use() -> None:
        list(read_study(file).tasks())

    refused = [survives(file, text, use) for text in mutants(content, toml_text, TOML_JUNK, seed=8)]
    assert sum(refused) > N // 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a = {'9' * 5000}", "a number has thousands of digits"),
        (f"[t]\na = {2**63}", "t.a is a whole number of 64 bits, more than 64"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deep"),
        ("a = " + "[" * 40 + "]" * 40, "nested too deep"),
        ("a = 1\na = 2", "Cannot overwrite a value"),
    ],
)
def test_toml_that_is_none(text: str, said: str) -> None:
    with pytest.raises(DataError, match=f"the run r.toml is not TOML: .*{said}"):
        parse_toml(text, "the run r.toml")


@pytest.mark.parametrize("text", ["[" * 70 + "]" * 70, '{"a":' * 100 + "1" + "}" * 100, "[" * 10**5])
def test_json_that_is_too_deep(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json(text)
