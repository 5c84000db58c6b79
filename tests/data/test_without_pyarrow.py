"""The demo and pandas frames need no pyarrow: it is not among what `make demo` installs."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import importlib.abc, importlib.util, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

plain = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "pyarrow" else plain(name, package)
sys.meta_path.insert(0, Absent())
import pandas as pd
import fillrank as fr

ratings = fr.load("movielens-small")
assert len(ratings) == 100_004 and ratings.item_ids.label(ratings.item_ids.resolve("Heat")) == "Heat (1995)"
times = pd.to_datetime(["2020-01-01", "2021-01-01"])
frame = pd.DataFrame({"user": ["b", "a"], "item": [2, 1], "rating": [4.0, 5.0], "timestamp": times})
log = fr.Interactions.from_frame(frame)
assert log.to_frame().rows() == [("a", 1, 5.0, 1609459200), ("b", 2, 4.0, 1577836800)], log.to_frame()
"""


def test_films_and_frames_without_pyarrow() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
