"""Contrastive matrix completion: settings, what is built from them, how it is trained, and the recipe."""
