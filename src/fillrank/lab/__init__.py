"""A first course on matrix factorisation by gradient descent: its functions, its worksheet, its files."""

from __future__ import annotations

from fillrank.lab.functions import gd_factorise_masked, reconstruction_loss, sgd_factorise, sgd_factorise_masked
from fillrank.solvers.sparse.svd import truncated_svd

__all__ = ["gd_factorise_masked", "reconstruction_loss", "sgd_factorise", "sgd_factorise_masked", "truncated_svd"]
