"""``evaluate``: measure a model on the whole catalogue, under a stated protocol."""

from __future__ import annotations

from collections.abc import Sequence

from fillrank.arguments import Own, checked
from fillrank.data.interactions import Interactions
from fillrank.data.split import Split
from fillrank.errors import SettingsError
from fillrank.evaluation.as_fitted import check_ids, say_what_differs
from fillrank.evaluation.evaluator import METRICS, Evaluator, Kind
from fillrank.evaluation.model import Model
from fillrank.evaluation.report import Report
from fillrank.factors import Scorer

__all__ = ["evaluate"]


@checked
def evaluate(
    model: Own[Model | Scorer],
    split: Split | None = None,
    *,
    test: Interactions | None = None,
    train: Interactions | None = None,
    k: Own[int | Sequence[int]] = 10,
    metrics: Sequence[str] = METRICS,
    filter_seen: bool = True,
    protocol: Kind = "honest",
) -> Report:
    """Rank the catalogue for every user of the test part, and predict the values of its rows.

    Args:
        model: an object with ``scorer``, ``predictor`` and ``name`` (such as ``fit`` returns), or a scorer, which is
            used for ranking only.
        split: its test part is evaluated; the rows of train and valid count as seen.
        test, train: instead of a split, two logs that share their ids.
        k: length of the lists, or several lengths.
        metrics: accuracy metrics, of the names in :data:`fillrank.evaluation.metrics.ACCURACY`.
        filter_seen: leave seen items out of a user's list.
        protocol: the protocol in the report. ``"honest"``: settings and stopping were chosen without the test part.
            ``"legacy"``: they were chosen on it, as much of the literature does.

    Returns:
        The report. Accuracy metrics are means over the users with a relevant test item (value at least
        ``relevant_from``); other users are left out. Coverage, Gini, novelty and popularity are computed from the lists
        of the same users: coverage and Gini over the whole catalogue; novelty (bits) and popularity (training count) as
        the mean over users of the mean over a list. RMSE and MAE use *all* rows of the test part, if it has values and
        the model predicts them.

    A model with ids (a :class:`~fillrank.recommend.Recommender`) is compared with the split. A warning is logged if it
    has learned from test rows, from rows that are not in the split, or from values of another range.

    Raises:
        SettingsError: unknown metrics, a bad ``k``, or neither a split nor test and train.
        DataError: the model is for other users and items, or no test row is relevant.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from fillrank.factors import Factors
        >>> log = Interactions.from_arrays([0, 0, 1, 1], ["a", "b", "b", "c"])
        >>> train, test = log.select(np.array([0, 2])), log.select(np.array([1, 3]))
        >>> scorer = Factors(torch.eye(2), torch.tensor([[9.0, 9.0], [2.0, 1.0], [1.0, 0.0]]))
        >>> print(evaluate(scorer, test=test, train=train, k=(1, 2), metrics=["recall", "ndcg"]))
        Factors         @1      @2
        recall      0.5000  1.0000
        ndcg        0.5000  0.8155
        coverage    0.6667  1.0000
        gini        0.3333  0.1667
        novelty     1.0000  1.0000
        popularity  1.0000  0.5000
        honest protocol; test part; 2 users with relevant items; all 3 items ranked; seen removed
    """
    if split is not None and test is None and train is None:
        check_ids(model, split.test)
        evaluator = Evaluator.on_test(split, k=k, metrics=metrics, filter_seen=filter_seen, protocol=protocol)
    elif split is None and test is not None and train is not None:
        check_ids(model, test)
        seen = train.csr if filter_seen else None
        notes = {"protocol": protocol, "part": "test"}
        evaluator = Evaluator(test, train=train, seen=seen, k=k, metrics=metrics, notes=notes)
    else:
        raise SettingsError("evaluate needs a split, or else both test=… and train=…")
    say_what_differs(model, evaluator.test, evaluator.train, None if split is None else split.valid)
    return evaluator.run(model)
