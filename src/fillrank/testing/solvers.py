"""The contract test for a solver, which turns a log into factors without a training loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from fillrank.arguments import checked
from fillrank.data import Interactions
from fillrank.errors import FillrankError
from fillrank.factors import Blend, Factors, ItemWeights, TimeAwareFactors, UserNeighbours
from fillrank.registry import label
from fillrank.testing.judging import Judge
from fillrank.testing.logs import odd_logs, small_log

__all__ = ["check_solver"]


@checked
def check_solver(
    solver: Callable[[Interactions], Factors | Blend | TimeAwareFactors | ItemWeights | UserNeighbours],
    *,
    of_values: bool = True,
    interactions: Interactions | None = None,
) -> None:
    """Check that a solver keeps the contract: it turns a log into factors.

    What is looked at, in this order: the kind and the sizes of what it gives, a user and an item without rows included;
    finite numbers on the CPU; the same bits when it is called again, with any number of threads, and nothing from
    generators that belong to everybody; the log, which it may not change; for values, an error on what it has learnt
    from that is no worse than the best constant; new users; saving and loading; logs of one row, one user, one item and
    one value, for which it gives finite factors or an error of fillrank's.

    Args:
        solver: from a log to :class:`~fillrank.factors.Factors`: ``lambda log: my_solver(log, rank=4, seed=0)``.
        of_values: whether its scores predict the values of the log; if False, it sees none.
        interactions: to try it on; None: a small one.

    Raises:
        ContractError: the first broken promise, by name.

    Example:
        >>> from fillrank.solvers.sparse.svd import pure_svd
        >>> check_solver(lambda log: pure_svd(log, 1), of_values=False)
    """
    interactions = small_log() if interactions is None else interactions
    trial = _SolverTrial(
        solver, interactions if of_values else interactions.without_values(), Judge(f"the solver {label(solver)}")
    )
    trial.check_form(trial.interactions, "on a log")
    trial.judge.repeats(lambda: trial.solved(trial.interactions).tensors())
    trial.check_log_kept()
    if of_values:
        trial.check_error()
    trial.check_new_users()
    for where, odd in odd_logs().items():
        trial.check_odd(odd if of_values else odd.without_values(), f"on {where}")


class _SolverTrial:
    """One solver under test."""

    def __init__(self, solver: Callable[[Interactions], Any], interactions: Interactions, judge: Judge) -> None:
        self.solver, self.interactions, self.judge = solver, interactions, judge

    def solved(self, interactions: Interactions) -> Any:
        return self.solver(interactions)

    def check_form(self, interactions: Interactions, where: str) -> None:
        found = self.solved(interactions)
        kind = isinstance(found, Factors | Blend | TimeAwareFactors | ItemWeights | UserNeighbours)
        self.judge.that(kind, where, f"gives {type(found).__name__}, not Factors")
        sizes, wanted = (found.n_users, found.n_items), (interactions.n_users, interactions.n_items)
        self.judge.that(sizes == wanted, where, f"gives factors of {sizes} users and items, the log has {wanted}")
        scores = self.scores(found, interactions)
        self.judge.that(scores.device.type == "cpu" and not scores.requires_grad, where, "does not end on the CPU")
        self.judge.finite(where, scores)

    @staticmethod
    def scores(found: Any, interactions: Interactions) -> Tensor:
        scores: Tensor = found.score(torch.arange(interactions.n_users))
        return scores

    def check_log_kept(self) -> None:
        columns = {
            "users": self.interactions.users,
            "items": self.interactions.items,
            "values": self.interactions.values,
        }
        before = {name: column.copy() for name, column in columns.items() if column is not None}
        self.solved(self.interactions)
        for name, column in before.items():
            same = bool((getattr(self.interactions, name) == column).all())
            self.judge.that(same, "on a log", f"changes the {name} of the log that it is given")

    def check_error(self) -> None:
        values = self.interactions.values
        if values is None:
            return
        users, items = (
            torch.from_numpy(column.astype("int64")) for column in (self.interactions.users, self.interactions.items)
        )
        predicted = self.solved(self.interactions).score_pairs(users, items).double().numpy()
        found, constant = float(((predicted - values) ** 2).mean()), float(values.var())
        self.judge.that(
            found <= constant * 1.001,
            "on what it has learnt from",
            f"has a squared error of {found:.3g}, and the mean of the values has {constant:.3g}",
        )

    def check_new_users(self) -> None:
        found = self.solved(self.interactions)
        self.judge.saves("what it gives", found, lambda one: self.scores(one, self.interactions))
        if hasattr(found, "refit_users") and found.foldings:
            self.judge.finite(
                "new users that are folded in", self.scores(found.refit_users(self.interactions), self.interactions)
            )

    def check_odd(self, interactions: Interactions, where: str) -> None:
        try:
            self.check_form(interactions, where)
        except FillrankError as error:
            if isinstance(error, AssertionError):
                raise
        except Exception as error:  # noqa: BLE001 -- any other error is the finding
            self.judge.fail(where, f"ends in {type(error).__name__}, which is no error of fillrank's: {error}")
