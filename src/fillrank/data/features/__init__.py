"""What is known of items or users beside the log, as columns; and how the columns become numbers to learn from."""

from fillrank.data.features.coding import FeatureCoding
from fillrank.data.features.features import Features

__all__ = ["FeatureCoding", "Features"]
