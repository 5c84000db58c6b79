"""Solvers: methods without a gradient training loop, such as SVDs, alternating least squares and Gibbs sampling."""
