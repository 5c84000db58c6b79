"""Contrastive recommenders: settings, what is built from them, how they are trained, and the recipes."""

from fillrank.models.contrastive.recipe import BPRMF, CCL, MMCL, Contrastive, LightGCN, NeuMF

__all__ = ["BPRMF", "CCL", "MMCL", "Contrastive", "LightGCN", "NeuMF"]
