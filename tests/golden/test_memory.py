"""Recommending to everybody, and rating many pairs, fit in a gigabyte above the model: measured at Gowalla's size."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import json, resource
import numpy as np, torch
import fillrank as fr
from fillrank.data import synthetic

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

log = synthetic(29_858, 40_981, 810_128, seed=0).interactions
generator = torch.Generator().manual_seed(0)
make = lambda n: torch.randn(n, 64, generator=generator)
factors = fr.Factors(make(log.n_users), make(log.n_items))
model = fr.Recommender(factors, factors, log.without_values(), value_range=(1.0, 5.0), name="random")
model.recommend(model.user_ids.ids[:50], k=20)  # compiles the kernel
before = peak()
lists = model.recommend(k=20)
after_lists = peak()
rng = np.random.default_rng(0)
users, items = rng.integers(log.n_users, size=100_000), rng.integers(log.n_items, size=100_000)
rated = model.predict(model.user_ids.decode(users), model.item_ids.decode(items))
print(json.dumps({"lists": after_lists - before, "both": peak() - before, "rows": len(lists), "rated": len(rated)}))
"""


def test_every_user_of_gowalla_and_a_hundred_thousand_pairs() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == 29_858 * 20
    assert found["rated"] == 100_000
    assert found["lists"] < 2**30
    assert found["both"] < 2**30
