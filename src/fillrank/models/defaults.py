"""The default models for a log, which depend on whether the log has ratings."""

from __future__ import annotations

from fillrank.arguments import checked
from fillrank.data import Interactions

__all__ = ["DEFAULTS", "default_model", "default_models", "has_ratings"]

_OF_RATINGS = ("popularity", "pure-svd", "biased-svd", "cmc")
_OF_EVENTS = ("popularity", "normalised-svd", "ials", "contrastive")
DEFAULTS = ("cmc", "contrastive")
"""The possible results of :func:`default_model`."""


@checked
def has_ratings(interactions: Interactions) -> bool:
    """Whether the values of a log distinguish rows: it has some, and they are not all one number.

    Example:
        >>> has_ratings(Interactions.from_arrays([1, 1], [1, 2], values=[3, 5]))
        True
        >>> has_ratings(Interactions.from_arrays([1, 1], [1, 2], values=[1, 1]))
        False
    """
    return interactions.value_range is not None and interactions.value_range[0] < interactions.value_range[1]


@checked
def default_model(interactions: Interactions) -> str:
    """The model that ``fillrank fit`` takes: it learns to rate and to rank from ratings, or to rank from events.

    Example:
        >>> default_model(Interactions.from_arrays([1, 1], [1, 2], values=[3, 5]))
        'cmc'
        >>> default_model(Interactions.from_arrays([1, 1], [1, 2]))
        'contrastive'
    """
    return DEFAULTS[0] if has_ratings(interactions) else DEFAULTS[1]


@checked
def default_models(interactions: Interactions) -> tuple[str, ...]:
    """The models that are compared: a baseline, closed forms, and the model of :func:`default_model`.

    Example:
        >>> default_models(Interactions.from_arrays([1, 1], [1, 2]))
        ('popularity', 'normalised-svd', 'ials', 'contrastive')
    """
    return _OF_RATINGS if has_ratings(interactions) else _OF_EVENTS
