"""Contrastive matrix completion: settings, what is built from them, how it is trained, and the recipe."""

from fillrank.models.cmc.recipe import CMC

__all__ = ["CMC"]
