"""Solvers for logs: SVDs, biases, SGD, ALS, iALS and Gibbs sampling over the known rows."""
