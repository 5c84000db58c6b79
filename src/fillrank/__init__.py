"""Fill the matrix, rank the items.

The public names of fillrank. They are looked up when first used, so that ``import fillrank`` costs next to nothing and
loads no PyTorch until a model is asked for.

Example:
    >>> import fillrank as fr
    >>> log = fr.Interactions.from_arrays(["ann", "bob", "ann"], ["Heat", "Heat", "Alien"], values=[5, 3, 4])
    >>> log
    Interactions(3 rows, 2 users, 2 items)
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fillrank import errors
from fillrank._moved import find_moved
from fillrank._version import __version__
from fillrank.errors import FillrankError
from fillrank.runtime.forks import watch_forks
from fillrank.terminal import watch_log

if TYPE_CHECKING:  # the same names once more, for type checkers and editors; a test keeps the two lists equal
    from fillrank.completion import MatrixCompletion, MatrixCompletionCV
    from fillrank.data import Features, IdMap, Interactions, Split, load, open_store, read, split, synthetic
    from fillrank.encoders import FixedItems
    from fillrank.evaluation import Report, evaluate
    from fillrank.experiments.compare.runs import compare
    from fillrank.factors import Factors, ItemWeights, Scorer
    from fillrank.lab.functions import gd_factorise_masked, reconstruction_loss, sgd_factorise, sgd_factorise_masked
    from fillrank.models import (
        ALS,
        BPRMF,
        CCL,
        CMC,
        EASE,
        EDLAE,
        ELSA,
        IALS,
        MMCL,
        RDLAE,
        SGD,
        SLIM,
        Auto,
        BiasedSVD,
        Blended,
        Contrastive,
        Gibbs,
        ItemKNN,
        LightGCN,
        MultVAE,
        NeuMF,
        NormalisedSVD,
        Popularity,
        PureSVD,
        RP3Beta,
        UserKNN,
    )
    from fillrank.recommend import Recommender, fold_in
    from fillrank.solvers.sparse.svd import truncated_svd
    from fillrank.training import FitOptions, callbacks

__all__ = [
    "ALS",
    "BPRMF",
    "CCL",
    "CMC",
    "EASE",
    "EDLAE",
    "ELSA",
    "IALS",
    "MMCL",
    "RDLAE",
    "SGD",
    "SLIM",
    "Auto",
    "BiasedSVD",
    "Blended",
    "Contrastive",
    "Factors",
    "Features",
    "FillrankError",
    "FitOptions",
    "FixedItems",
    "Gibbs",
    "IdMap",
    "Interactions",
    "ItemKNN",
    "ItemWeights",
    "LightGCN",
    "MatrixCompletion",
    "MatrixCompletionCV",
    "MultVAE",
    "NeuMF",
    "NormalisedSVD",
    "Popularity",
    "PureSVD",
    "RP3Beta",
    "Recommender",
    "Report",
    "Scorer",
    "Split",
    "UserKNN",
    "__version__",
    "callbacks",
    "compare",
    "errors",
    "evaluate",
    "fold_in",
    "gd_factorise_masked",
    "load",
    "open_store",
    "read",
    "reconstruction_loss",
    "sgd_factorise",
    "sgd_factorise_masked",
    "split",
    "synthetic",
    "truncated_svd",
]

_HOMES = {
    "fillrank.completion": ("MatrixCompletion", "MatrixCompletionCV"),
    "fillrank.data": ("Features", "IdMap", "Interactions", "Split", "load", "open_store", "read", "split", "synthetic"),
    "fillrank.encoders": ("FixedItems",),
    "fillrank.experiments.compare.runs": ("compare",),
    "fillrank.factors": ("Factors", "ItemWeights", "Scorer"),
    "fillrank.models": (
        "ALS",
        "BPRMF",
        "CCL",
        "CMC",
        "IALS",
        "MMCL",
        "SGD",
        "SLIM",
        "BiasedSVD",
        "Auto",
        "Blended",
        "Contrastive",
        "Gibbs",
        "LightGCN",
        "NeuMF",
        "NormalisedSVD",
        "Popularity",
        "PureSVD",
        "EASE",
        "EDLAE",
        "ELSA",
        "MultVAE",
        "ItemKNN",
        "RDLAE",
        "RP3Beta",
        "UserKNN",
    ),
    "fillrank.evaluation": ("Report", "evaluate"),
    "fillrank.recommend": ("Recommender", "fold_in"),
    "fillrank.lab.functions": ("gd_factorise_masked", "reconstruction_loss", "sgd_factorise", "sgd_factorise_masked"),
    "fillrank.solvers.sparse.svd": ("truncated_svd",),
    "fillrank.training": ("FitOptions", "callbacks"),
}
watch_log(logging.getLogger("fillrank"))
watch_forks()
find_moved()

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name the first time it is asked for (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"fillrank has no public name {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return __all__
