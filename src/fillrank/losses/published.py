"""Settings of losses as their authors published them."""

from __future__ import annotations

from fillrank.losses.base import ScoreLoss
from fillrank.losses.decoupled import BSL
from fillrank.losses.margins import CCL, MMCL

__all__ = ["PUBLISHED"]

PUBLISHED: dict[str, ScoreLoss] = {
    "bsl-gowalla": BSL(0.08, negative_weight=1.22, several_positives=True),
    "bsl-yelp2018": BSL(0.11, negative_weight=1.10, several_positives=True),
    "ccl-amazon-books": CCL(0.2, 250.0),
    "ccl-gowalla": CCL(0.9, 150.0),
    "ccl-yelp2018": CCL(0.9, 150.0),
    "mmcl-gowalla": MMCL((0.7, 0.8, 0.9), (0.10, 0.15, 0.75), 700.0),
    "mmcl-yelp2018": MMCL((0.6, 0.7, 0.8, 0.9), (0.05, 0.15, 0.20, 0.60), 400.0),
}
"""The settings in the authors' code for matrix factorisation on each data set (chosen there on the test part)."""
