"""Complete tables with missing cells: scikit-learn estimators over the dense solvers, and tables in files."""

from __future__ import annotations

from fillrank.completion.cross_validation import MatrixCompletionCV
from fillrank.completion.estimator import MatrixCompletion

__all__ = ["MatrixCompletion", "MatrixCompletionCV"]
