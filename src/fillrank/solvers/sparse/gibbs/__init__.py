"""Bayesian matrix factorisation of rating logs by Gibbs sampling."""

from fillrank.solvers.sparse.gibbs.sampler import AfterSweep, GibbsSettings, PosteriorMean, Sweep, bayesian_factors

__all__ = ["AfterSweep", "GibbsSettings", "PosteriorMean", "Sweep", "bayesian_factors"]
