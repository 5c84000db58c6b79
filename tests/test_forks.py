"""A forked child works, or is told at once what to do; it never waits for threads that only its parent has."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fillrank.data.id_lookup import id_column, indices_of, spelled_like
from fillrank.data.id_values import as_id_column, values_of
from fillrank.data.ids import IdMap
from fillrank.errors import DataError

SCRIPT = """
import faulthandler, json, os, sys
from pathlib import Path
import numpy as np, polars as pl, torch
import fillrank as fr

here = Path(sys.argv[1])
log = fr.synthetic(200, 100, 3000, seed=1).interactions
frame = log.to_frame()
frame.write_csv(here / "log.csv")
texts = fr.Interactions.from_frame(
    frame.with_columns(pl.format("u{}", "user_id"), pl.format("i{}", "item_id"), title=pl.format("Film {}", "item_id")),
    user="user_id", item="item_id", value="value", label="title",
)
als = fr.ALS(dim=4, iterations=2, regularization=0.1, bias_regularization=0.1).fit(texts)
svd = fr.PureSVD(rank=4).fit(log)
fast = fr.Contrastive(dim=4, epochs=1).fit(log)
parts = fr.split.random(log, test=0.1, valid=0.1, seed=0)
fr.evaluate(svd, parts)
svd.save(here / "svd")
als.save(here / "als")
torch.rand(500, 500) @ torch.rand(500, 500)

def again(model, name):
    model.save(here / name)
    return fr.Recommender.load(here / name).recommend(k=3).rows()

works = {
    "recommend": lambda: svd.recommend(k=3).rows(),
    "recommend some": lambda: svd.recommend([5, "7"], k=3).rows(),
    "recommend texts": lambda: als.recommend(["u3"], k=3, items=["i1", "i3", "i4"]).rows(),
    "strangers": lambda: svd.recommend([5, "nobody"], k=3, unknown="popular").rows(),
    "many": lambda: svd.recommend(list(range(150)), k=3).rows(),
    "similar": lambda: als.similar_items("Film 3", k=3).rows(),
    "predict": lambda: als.predict(["u1"], ["i2"]).tolist(),
    "fold_in": lambda: als.fold_in({"ann": {"Film 1": 5, "i2": 3}, "bob": {"i3": 1}}).recommend(k=3).rows(),
    "save and load": lambda: again(svd, f"svd{os.getpid()}"),
    "save and load with labels": lambda: again(als, f"als{os.getpid()}"),
    "load": lambda: fr.Recommender.load(here / "als").recommend(k=3).rows(),
    "evaluate": lambda: fr.evaluate(svd, parts).metrics,
    "fit": lambda: fr.PureSVD(rank=4).fit(log).recommend(k=3).rows(),
    "train": lambda: fr.Contrastive(dim=4, epochs=1).fit(log).recommend(k=3).rows(),
    "torch": lambda: float((torch.ones(500, 500) @ torch.ones(500, 500)).sum()),
}
refused = {
    "read": lambda: fr.read(here / "log.csv"),
    "from_frame": lambda: fr.Interactions.from_frame(frame),
    "from_arrays": lambda: fr.Interactions.from_arrays([1, 2], [1, 2]),
    "load a data set": lambda: fr.load("ml-100k", folder=here),
}
results = {name: [json.dumps(do())] for name, do in works.items()} | {name: ["refused"] for name in refused}
for name, do in (works | refused).items():
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        faulthandler.dump_traceback_later(60, exit=True)
        try:
            found = json.dumps(do())
        except fr.errors.ForkedError as error:
            found = "refused" if "before the fork" in str(error) else str(error)
        except BaseException as error:
            found = repr(error)
        os.write(writable, found.encode()[:60_000])
        os._exit(0)
    os.close(writable)
    with open(readable, "rb") as stream:
        results[name].append(stream.read().decode())
    os.waitpid(child, 0)
    results[name][0] = results[name][0][:60_000]
print(json.dumps(results))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no forks")
def test_a_forked_child_gives_what_its_parent_gives_or_says_what_to_do(tmp_path: Path) -> None:
    """Polars, PyTorch and our own workers have all been used before the fork."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    assert len(results) == 19
    assert {name: pair for name, pair in results.items() if pair[0] != pair[1]} == {}


SINGLE = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.text("-+.05x ", max_size=4),
    st.sampled_from([0.0, 1.0, 2.5, -3.0, 1e30]),
    st.booleans(),
    st.none(),
    st.sampled_from([Decimal(2), Decimal("2.50"), b"5", b"\xff"]),
)
LISTS = st.one_of(
    st.lists(SINGLE, min_size=1, max_size=6),
    st.lists(st.integers(-3, 3), min_size=1, max_size=6),
    st.lists(st.sampled_from(["5", "05", "a", "2.0"]), min_size=1, max_size=6),
    st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=1, max_size=6),
)


@given(ids=LISTS)
def test_a_column_of_ids_is_the_same_made_one_by_one(ids: list[Any]) -> None:
    try:
        known = as_id_column(ids)
    except DataError:
        return
    found = id_column(ids)
    if found.null_count() < len(found):
        assert found.dtype == known.dtype
    assert found.to_list() == known.to_list()


@example(asked=[-(2.0**63), 0.0], known=[-3, 0, 2, 5])  # the lowest number of 64 bits
@given(asked=LISTS, known=st.sampled_from([[-3, 0, 2, 5], ["2.0", "5", "a", "1", "True", "-3", "0xff"]]))
def test_ids_are_found_one_by_one_where_they_are_found_as_a_column(asked: list[Any], known: list[Any]) -> None:
    ids = IdMap(known)
    numbers = ids.ids.dtype == pl.Int64
    places = {one: place for place, one in enumerate(ids.ids.to_list())}
    series = values_of(asked)
    assert list(indices_of(series, places, numbers=numbers)) == ids.encode(asked, unknown="mark").tolist()
    assert spelled_like(series, places, numbers=numbers).to_list() == ids.spelled(asked).to_list()
