"""The same seed gives the same bits, whatever the number of threads: at a size where PyTorch shares its work out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
import torch

import fillrank as fr
from fillrank.data import Split, split
from fillrank.models import RECIPES, Recipe

TRAINED = {"dim": 32, "epochs": 1}
PENALTIES = {"regularization": 0.05, "bias_regularization": 3.0}
SETTINGS = {
    "popularity": {},
    "pure-svd": {"rank": 32},
    "normalised-svd": {"rank": 32, "beta": 0.5, "power": 0.0},
    "biased-svd": {"rank": 32, "user_shrinkage": 5.0, "item_shrinkage": 3.0},
    "sgd": {**TRAINED, "epochs": 3},
    "als": {"dim": 32, "iterations": 2, **PENALTIES},
    "ials": {"dim": 32, "iterations": 2, "unobserved_weight": 0.1, "regularization": 0.01},
    "gibbs": {"dim": 16, "iterations": 8, "burn_in": 2},
    "cmc": {**TRAINED, "batch_size": 4096},
    "blended": {
        "parts": [{"model": "contrastive", "settings": TRAINED}, {"model": "pure-svd", "settings": {"rank": 8}}]
    },
}
KINDS: dict[str, Recipe] = {
    name: kind(**SETTINGS.get(name, {name: value for name, value in TRAINED.items() if name in kind.model_fields}))
    for name, kind in RECIPES.items()
} | {
    "autograd": fr.Contrastive(route="autograd", batch_size=4096, **TRAINED),
    "clipped": fr.Contrastive(route="autograd", max_grad_norm=0.1, regularization=1e-4, regularized="all", **TRAINED),
    "history": fr.Contrastive(encoder="history", **TRAINED),
    "delayed": fr.LightGCN(route="delayed-propagation", propagate_every=3, **TRAINED),
    "views": fr.LightGCN(views="edge-dropout", **TRAINED),
    "own negatives": fr.Contrastive(sampler_settings={"shared": False, "n_negatives": 300}, **TRAINED),
    "in-batch": fr.Contrastive(sampler="in-batch", **TRAINED),
    "neighbours": fr.Contrastive(neighbour_weight=0.3, **TRAINED),
    "alignment": fr.Contrastive(loss="alignment-uniformity", **TRAINED),
    "whole batch": fr.Contrastive(loss_settings={"several_positives": True}, **TRAINED),
    "cmc, both ways": fr.CMC(symmetric=True, negatives="uniform", **TRAINED),
    "als by gradients": fr.ALS(method="cg", **SETTINGS["als"]),
}


@pytest.fixture(scope="module")
def log() -> Split:
    return split.random(fr.synthetic(600, 300, 20_000, seed=1).interactions, test=0.1, valid=0.1, seed=0)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def bits(recipe: Recipe, log: Split) -> str:
    model = recipe.fit(log.train, log.valid, refit=False)
    digest = hashlib.sha256()
    for scorer in (model.scorer, model.predictor):
        if scorer is not None:
            for name, tensor in sorted(scorer.tensors().items()):
                digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


QUICK = {"pure-svd", "sgd", "als", "ials", "gibbs"}
"""Those that take a second or two; the trainings are slow, as each chooses first and is made three times."""


@pytest.mark.parametrize("kind", [pytest.param(k, marks=() if k in QUICK else pytest.mark.slow) for k in KINDS])
def test_the_same_bits_with_one_thread_and_with_two_and_again(kind: str, log: Split) -> None:
    found = []
    for n in (1, 2, 2):
        torch.set_num_threads(n)
        found.append(bits(KINDS[kind], log))
    assert len(set(found)) == 1, found
