"""Scores and losses that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import fillrank.losses
from fillrank.losses import (
    BPR,
    BSL,
    CCL,
    DCL,
    MMCL,
    PSL,
    DrRL,
    InfoNCE,
    Logistic,
    PairwiseHinge,
    ScoreLoss,
    SLatK,
    Talos,
)

EIGHTHS = 8  # scores, margins and weights in eighths are exact in binary: ties are ties

LOSSES: tuple[ScoreLoss, ...] = (
    *(made() for made in fillrank.losses.LOSSES.values()),
    InfoNCE(0.02),
    InfoNCE(0.7),
    DCL(0.05),
    DCL(2.0),
    BSL(0.1, negative_weight=1.22),
    BSL(0.3, negative_temperature=0.1, negative_weight=0.7),
    PSL("tanh", 0.05),
    PSL("atan", 0.2),
    PSL("relu", 0.1),
    PSL("relu", 0.5, score_scale=1.0),  # gaps reach -2: below where σ is held
    PSL("atan", 0.5, score_scale=0.5),
    Logistic("sum", 3.0, 0.1),
    BPR(0.05),
    PairwiseHinge(0.0),
    PairwiseHinge(0.5),
    CCL(0.5, 10.0),
    CCL(-0.25, None),
    MMCL((0.25, 0.5, 0.75), (0.125, 0.25, 0.625), 400.0, 2.0),
    MMCL((-1.0, 1.0), (0.5, 0.5), 3.0),
    SLatK(0.3, 0.2, threshold=0.0),
    Talos(0.3, threshold=0.25),
    DrRL(10.0, 1.0, threshold=0.0),
    DrRL(3.0, 4.0, threshold=-0.25),
)


Scores = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture(scope="session", params=LOSSES, ids=repr)
def loss(request: pytest.FixtureRequest) -> ScoreLoss:
    """Each loss of scores in one or two settings."""
    made: ScoreLoss = request.param
    return made


@pytest.fixture(scope="session")
def scores() -> Scores:
    """``scores(b, n, seed, ties=False)``: float64 ``[b]``, ``[b, n]`` within [-1, 1]; with ``ties`` in eighths."""

    def draw(b: int, n: int, seed: int, *, ties: bool = False) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.rand(b, 1 + n, generator=generator, dtype=torch.float64) * 2 - 1
        if ties:
            drawn = (drawn * EIGHTHS).round() / EIGHTHS
        return drawn[:, 0].clone(), drawn[:, 1:].clone()

    return draw
