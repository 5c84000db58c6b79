"""Recipes: named models with settings, whose ``fit`` returns a ``Recommender``."""

import difflib

from fillrank.arguments import checked
from fillrank.errors import SettingsError
from fillrank.models.als import ALS
from fillrank.models.auto import Auto
from fillrank.models.autoencoders import ELSA, MultVAE
from fillrank.models.base import Recipe
from fillrank.models.blend import Blended
from fillrank.models.cmc.recipe import CMC
from fillrank.models.contrastive.recipe import BPRMF, CCL, MMCL, Contrastive, LightGCN, NeuMF
from fillrank.models.defaults import DEFAULTS, default_model, default_models, has_ratings
from fillrank.models.gibbs import Gibbs
from fillrank.models.groups import EarlyStopping, Optimizer
from fillrank.models.ials import IALS
from fillrank.models.item_to_item.autoencoders import EASE, EDLAE, RDLAE
from fillrank.models.item_to_item.neighbours import ItemKNN, RP3Beta, UserKNN
from fillrank.models.item_to_item.slim import SLIM
from fillrank.models.popularity import Popularity
from fillrank.models.ranked import NEIGHBOUR_WEIGHTS, POPULARITY_BETAS, POPULARITY_WEIGHTS, USUAL_NEIGHBOUR_WEIGHT
from fillrank.models.sgd import SGD
from fillrank.models.sizing import Sizes
from fillrank.models.svd import BiasedSVD, NormalisedSVD, PureSVD
from fillrank.models.trials import Allowance

__all__ = [
    "ALS",
    "BPRMF",
    "CCL",
    "CMC",
    "DEFAULTS",
    "EASE",
    "EDLAE",
    "ELSA",
    "IALS",
    "MMCL",
    "NEIGHBOUR_WEIGHTS",
    "POPULARITY_BETAS",
    "POPULARITY_WEIGHTS",
    "RDLAE",
    "RECIPES",
    "SGD",
    "SLIM",
    "USUAL_NEIGHBOUR_WEIGHT",
    "Allowance",
    "Auto",
    "BiasedSVD",
    "Blended",
    "Contrastive",
    "EarlyStopping",
    "Gibbs",
    "ItemKNN",
    "LightGCN",
    "MultVAE",
    "NeuMF",
    "NormalisedSVD",
    "Optimizer",
    "Popularity",
    "PureSVD",
    "RP3Beta",
    "Recipe",
    "Sizes",
    "UserKNN",
    "default_model",
    "default_models",
    "has_ratings",
    "recipe",
]

_OF_VALUES = (BiasedSVD, SGD, ALS, Gibbs)
_ITEM_TO_ITEM = (EASE, EDLAE, RDLAE, ItemKNN, UserKNN, RP3Beta, SLIM, ELSA, MultVAE)
_OF_PAIRS = (Popularity, PureSVD, NormalisedSVD, IALS, *_ITEM_TO_ITEM, Contrastive, BPRMF, CCL, MMCL, LightGCN, NeuMF)

RECIPES: dict[str, type[Recipe]] = {kind.kind: kind for kind in (*_OF_PAIRS, *_OF_VALUES, CMC, Blended, Auto)}
"""Every recipe by its name on the command line."""


@checked
def recipe(name: str) -> type[Recipe]:
    """The recipe called ``name``.

    Raises:
        SettingsError: there is no recipe of that name.

    Example:
        >>> recipe("pure-svd")(rank=8).kind
        'pure-svd'
    """
    if name not in RECIPES:
        close = [kind for kind in RECIPES if len(name) > 2 and name.casefold() in kind]
        close = close or difflib.get_close_matches(name.casefold().replace("_", "-"), RECIPES, n=1)
        hint = f"did you mean {' or '.join(map(repr, close))}? There" if close else "there"
        raise SettingsError(f"no model is called {name!r}; {hint} are {', '.join(RECIPES)}")
    return RECIPES[name]
