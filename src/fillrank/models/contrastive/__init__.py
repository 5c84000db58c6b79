"""Contrastive recommenders: settings, what is built from them, how they are trained, and the recipes."""
