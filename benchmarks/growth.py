"""How the time of an iteration grows with the number of ratings, from 10⁵ to 10⁷, for each solver for rating logs.

Run ``python benchmarks/growth.py --out growth.json --plot docs/images/growth.png``. A user has 50 ratings and an item
200 on average, whatever the size. The seconds are the median over the iterations of one fit after its first, so that
reading, sorting and compiling do not count. The slope is that of a straight line through the
logarithms: 1 means that ten times as many ratings take ten times as long.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import fillrank
from fillrank.data import Interactions, synthetic
from fillrank.models import RECIPES

sys.path.insert(0, str(Path(__file__).parent))
from rivals import write


@dataclass(frozen=True)
class Row:
    """A recipe to be timed: what its iterations are called, how many are timed, and settings besides."""

    kind: str
    counted: str
    several: int
    settings: dict[str, Any] = field(default_factory=dict)

    def seconds(self, log: Interactions) -> float:
        """Seconds of one iteration."""
        recipe = RECIPES[self.kind](**{**self.settings, self.counted: 1 + self.several})
        return float(np.median([epoch["seconds"] for epoch in recipe.fit(log).history[1:]]))


SMALL = {"dim": 32}
ROWS = (
    Row("sgd", "epochs", 10, SMALL),
    Row("als", "iterations", 3, SMALL | {"regularization": 0.05}),
    Row("ials", "iterations", 3, SMALL | {"unobserved_weight": 0.1, "regularization": 0.01}),
    Row("gibbs", "iterations", 3, SMALL | {"burn_in": 0, "kept_dim": 32}),
)


def growth(row: Row, sizes: list[int]) -> dict[str, Any]:
    """The times of one solver, and their slope."""
    row.seconds(log_of(20_000))  # compiles
    seconds = []
    for size in sizes:
        seconds.append(row.seconds(log_of(size)))
        print(f"{row.kind:<8} {size:>12,} ratings  {seconds[-1]:.4f} s", flush=True)
    slope = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]) if len(sizes) > 1 else float("nan")
    return {"solver": row.kind, "settings": row.settings, "ratings": sizes, "seconds": seconds, "slope": slope}


def log_of(size: int) -> Interactions:
    """A synthetic log of so many ratings."""
    return synthetic(size // 50, size // 200, size, popularity=0.5).interactions


def plot(results: list[dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    for result in results:
        axes.loglog(
            result["ratings"], result["seconds"], "o-", label=f"{result['solver']} (slope {result['slope']:.2f})"
        )
    axes.set(xlabel="ratings", ylabel="seconds per iteration", title="Time of an iteration, 32 dimensions")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    there = [row for row in ROWS if row.kind in RECIPES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--plot", type=Path, help="draw to this path")
    parser.add_argument("--only", nargs="+", choices=[row.kind for row in there], default=[row.kind for row in there])
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e5, 3e5, 1e6, 3e6, 1e7])
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes]
    results = [growth(row, sizes) for row in there if row.kind in options.only]
    for result in results:
        print(f"{result['solver']:<8} slope {result['slope']:.3f}")
    if options.plot:
        plot(results, options.plot)
    if options.out:
        versions = {"python": platform.python_version(), "fillrank": fillrank.__version__}
        threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
        write(options.out, {"benchmark": "growth", "results": results, "versions": versions, "threads": threads})


if __name__ == "__main__":
    main()
