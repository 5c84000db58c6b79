"""Recipes that learn to give back the whole row of a user, by training."""

from fillrank.models.autoencoders.elsa import ELSA
from fillrank.models.autoencoders.multvae import MultVAE

__all__ = ["ELSA", "MultVAE"]
