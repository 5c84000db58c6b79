"""The compiled element-wise factorisation against the plain loop: a 100×100 matrix, 20 epochs.

Run ``python benchmarks/lab.py --out lab.json``. There are two plain loops: the one of the exercise on PyTorch tensors
(what the ratio is asked of), and the same on lists of Python numbers, which is as fast as a plain loop gets; the twin
of the tests stands beside them. All epochs cost the same, so a plain loop runs for ``--plain-epochs`` of the 20 and its
time is scaled up. All start from the same factors; the largest difference to the compiled result is printed.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numba
import torch
from torch import Tensor

import fillrank
from fillrank import sgd_factorise
from fillrank.lab.functions import descend, start
from fillrank.lab.kernels import plain_sweep

SIZE, EPOCHS, LR = 100, 20, 0.01
Factors = tuple[Tensor, Tensor]


def by_fillrank(A: Tensor, rank: int, epochs: int) -> Factors:
    return sgd_factorise(A, rank, epochs, LR, generator=seeded())


def by_tensors(A: Tensor, rank: int, epochs: int) -> Factors:
    """The loop of the exercise: rows of U and V are tensors, their product is PyTorch's."""
    U, V = start(A, rank, seeded())
    for _ in range(epochs):
        for r in range(A.shape[0]):
            for c in range(A.shape[1]):
                e = A[r, c] - U[r] @ V[c]
                U[r] += LR * e * V[c]
                V[c] += LR * e * U[r]
    return U, V


def by_twin(A: Tensor, rank: int, epochs: int) -> Factors:
    """The twin that the tests compare bit for bit: its products are summed from left to right."""
    return descend(plain_sweep, A, torch.ones_like(A, dtype=torch.bool), start(A, rank, seeded()), epochs, LR)


def by_lists(A: Tensor, rank: int, epochs: int) -> Factors:
    U, V = (factor.tolist() for factor in start(A, rank, seeded()))
    for _ in range(epochs):
        for row, u in zip(A.tolist(), U, strict=True):
            for value, v in zip(row, V, strict=True):
                e = LR * (value - sum([a * b for a, b in zip(u, v, strict=True)]))
                for k in range(rank):
                    u[k] += e * v[k]
                    v[k] += e * u[k]
    return torch.tensor(U, dtype=A.dtype), torch.tensor(V, dtype=A.dtype)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def seconds(run: Callable[[], object]) -> float:
    begin = perf_counter()
    run()
    return perf_counter() - begin


def compare(rank: int, rounds: int, plain_epochs: int) -> dict[str, object]:
    """Times of neighbouring runs, the plain loops scaled to all epochs; the compiled one has run once before."""
    A = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    plain = {"tensors": by_tensors, "twin": by_twin, "lists": by_lists}
    ours = by_fillrank(A, rank, plain_epochs)
    apart = {
        name: max(float((a - b).abs().max()) for a, b in zip(run(A, rank, plain_epochs), ours, strict=True))
        for name, run in plain.items()
    }
    ratios: dict[str, list[float]] = {name: [] for name in plain}
    took: list[float] = []
    for _ in range(rounds):
        took.append(seconds(lambda: by_fillrank(A, rank, EPOCHS)))
        for name, run in plain.items():
            theirs = seconds(lambda run=run: run(A, rank, plain_epochs)) * EPOCHS / plain_epochs
            ratios[name].append(theirs / took[-1])
    return {
        "rank": rank,
        "seconds": median(took),
        "ratio": {name: median(values) for name, values in ratios.items()},
        "ratios": ratios,
        "largest_difference": apart,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write a JSON record to this path")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 5, 20])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain-epochs", type=int, default=2)
    settings = parser.parse_args()
    results = []
    for rank in settings.ranks:
        result = compare(rank, settings.rounds, settings.plain_epochs)
        results.append(result)
        for name, ratio in result["ratio"].items():
            print(
                f"rank {rank:<3} {1000 * result['seconds']:6.2f} ms; plain loop on {name:<8} {ratio:7.0f}x slower "
                f"(results differ by {result['largest_difference'][name]:.1e})"
            )
    if settings.out:
        versions = {"python": platform.python_version(), "torch": torch.__version__, "numba": numba.__version__}
        write(
            settings.out,
            {
                "benchmark": "lab",
                "size": SIZE,
                "epochs": EPOCHS,
                "results": results,
                "versions": {**versions, "fillrank": fillrank.__version__},
                "machine": platform.machine(),
            },
        )


def write(path: Path, record: dict[str, object]) -> None:
    half = path.with_name(path.name + ".part")
    half.write_text(json.dumps(record, indent=2) + "\n")
    half.replace(path)


if __name__ == "__main__":
    main()
