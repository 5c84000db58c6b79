"""How wrong a batch is: pure functions of tensors. A loss never holds a model."""

from fillrank.losses.base import ScoreLoss
from fillrank.losses.contrast import ClosedFormLoss, contrast, contrast_by_autograd
from fillrank.losses.decoupled import BSL, DCL
from fillrank.losses.function import FromFunction
from fillrank.losses.margins import CCL, MMCL
from fillrank.losses.pairwise import BPR, PairwiseHinge
from fillrank.losses.pairwise_softmax import PSL
from fillrank.losses.pointwise import Logistic, squared_error
from fillrank.losses.registry import LOSSES, PUBLISHED, VECTOR_LOSSES, as_loss, loss, vector_loss
from fillrank.losses.softmax import InfoNCE
from fillrank.losses.vectors import (
    AlignmentUniformity,
    VectorLoss,
    ViewContrast,
    alignment,
    uniformity,
    uniformity_by_autograd,
)

__all__ = [
    "BPR",
    "BSL",
    "CCL",
    "DCL",
    "LOSSES",
    "MMCL",
    "PSL",
    "PUBLISHED",
    "VECTOR_LOSSES",
    "AlignmentUniformity",
    "ClosedFormLoss",
    "FromFunction",
    "InfoNCE",
    "Logistic",
    "PairwiseHinge",
    "ScoreLoss",
    "VectorLoss",
    "ViewContrast",
    "alignment",
    "as_loss",
    "contrast",
    "contrast_by_autograd",
    "loss",
    "squared_error",
    "uniformity",
    "uniformity_by_autograd",
    "vector_loss",
]
