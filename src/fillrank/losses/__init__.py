"""How wrong a batch is: pure functions of tensors. A loss never holds a model."""

from fillrank.losses.contrast import ClosedFormLoss, contrast, contrast_by_autograd
from fillrank.losses.pointwise import squared_error
from fillrank.losses.softmax import InfoNCE

__all__ = ["ClosedFormLoss", "InfoNCE", "contrast", "contrast_by_autograd", "squared_error"]
