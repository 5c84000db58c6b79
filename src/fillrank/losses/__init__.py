"""Losses: pure functions of scores (or of vectors). A loss never contains a model.

Each file holds one family of losses. The class of a loss also says its name (:data:`LOSSES`) and which of its settings
are chosen on the validation part (:class:`Ladder`).
"""

from fillrank.losses.base import ScoreLoss, VectorLoss
from fillrank.losses.choices import open_ladders, usual_settings
from fillrank.losses.contrast import ClosedFormLoss, contrast, contrast_by_autograd
from fillrank.losses.decoupled import BSL, DCL
from fillrank.losses.function import FromFunction
from fillrank.losses.ladder import Ladder
from fillrank.losses.margins import CCL, MMCL
from fillrank.losses.pairwise import BPR, PairwiseHinge
from fillrank.losses.pairwise_softmax import PSL
from fillrank.losses.pointwise import Logistic, squared_error
from fillrank.losses.published import PUBLISHED
from fillrank.losses.registry import LOSSES, VECTOR_LOSSES, as_loss, loss, vector_loss
from fillrank.losses.renyi import DrRL
from fillrank.losses.softmax import InfoNCE
from fillrank.losses.thresholds import ThresholdLoss
from fillrank.losses.top_k import SLatK, Talos
from fillrank.losses.vectors import AlignmentUniformity, ViewContrast, alignment, uniformity, uniformity_by_autograd

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
    "DrRL",
    "FromFunction",
    "InfoNCE",
    "Ladder",
    "Logistic",
    "PairwiseHinge",
    "SLatK",
    "ScoreLoss",
    "Talos",
    "ThresholdLoss",
    "VectorLoss",
    "ViewContrast",
    "alignment",
    "as_loss",
    "contrast",
    "contrast_by_autograd",
    "loss",
    "open_ladders",
    "squared_error",
    "uniformity",
    "uniformity_by_autograd",
    "usual_settings",
    "vector_loss",
]
