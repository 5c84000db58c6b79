"""Against pytorch-metric-learning, where it has the loss; skipped where it is not installed.

The labels of the second set are a copy on purpose: given one tensor twice, that library takes the sets for one.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from fillrank.losses import InfoNCE, PairwiseHinge, ViewContrast

losses = pytest.importorskip("pytorch_metric_learning.losses", reason="compares with pytorch-metric-learning")
distances = pytest.importorskip("pytorch_metric_learning.distances", reason="compares with pytorch-metric-learning")


def batch(seed: int, b: int = 6, d: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, b, d, generator=generator, dtype=torch.float64)
    return normalize(drawn[0], dim=1), normalize(drawn[1], dim=1)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_ntxent_between_two_sets_is_the_view_contrast(temperature: float) -> None:
    first, second = batch(1)
    rows = torch.arange(6)
    theirs = losses.NTXentLoss(temperature)(first, rows, ref_emb=second, ref_labels=rows.clone())
    torch.testing.assert_close(ViewContrast(temperature)(first, second).mean(), theirs)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_ntxent_among_both_views_is_infonce_against_all_other_rows(temperature: float) -> None:
    """SimCLR's form: the rows of one's own view are negatives too."""
    first, second = batch(2)
    rows = torch.arange(6)
    theirs = losses.NTXentLoss(temperature)(torch.cat([first, second]), torch.cat([rows, rows]))
    own = torch.eye(6, dtype=torch.bool)
    mask = torch.cat([own, own], dim=1)
    ours = [
        InfoNCE(temperature)((a * b).sum(1), torch.cat([a @ a.T, a @ b.T], dim=1), mask=mask)
        for a, b in ((first, second), (second, first))
    ]
    torch.testing.assert_close(torch.cat(ours).mean(), theirs)


def test_the_triplet_margin_on_cosines_is_the_pairwise_hinge() -> None:
    first, second = batch(3)
    rows = torch.arange(6)
    own = torch.eye(6, dtype=torch.bool)
    scores = first @ second.T
    theirs = losses.TripletMarginLoss(margin=0.3, distance=distances.CosineSimilarity())(
        first, rows, ref_emb=second, ref_labels=rows.clone()
    )
    ours = PairwiseHinge(0.3)(scores.diagonal(), scores, mask=own)
    active = ((scores - scores.diagonal()[:, None] + 0.3 > 0) & ~own).sum()
    torch.testing.assert_close(ours.sum() * 6 / active, theirs)  # they average over the pairs that cost something
