"""``ChainStates``: the state file of a Gibbs sampler, whose chains run side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import torch

from fillrank.solvers.sparse.gibbs import Sweep
from fillrank.solvers.sparse.gibbs.state import GibbsState
from fillrank.training.checkpoint import Saved
from fillrank.training.rounds import Rounds
from fillrank.training.state_file import StateFile

__all__ = ["ChainStates"]


class ChainStates:
    """Keeps the last snapshot of each chain, each when it is time for it, and writes them together.

    Chains do not depend on each other, so snapshots of different sweeps make one state; the history in the file is that
    of the first chain up to its snapshot.

    Args:
        file: where they are kept.
        saved: what was kept before; None: nothing.
        n_chains: number of chains.
        last: number of the last sweep.
    """

    def __init__(self, file: StateFile, saved: Saved | None, n_chains: int, last: int) -> None:
        self._file, self._n_chains, self._last = file, n_chains, last
        self._lock, self._taken = threading.Lock(), dict[int, float]()
        self._states = {} if saved is None else _states(saved, n_chains)

    @property
    def before(self) -> Mapping[int, GibbsState]:
        """The snapshots to go on from, by chain."""
        return dict(self._states)

    def sweep_ended(self, sweep: Sweep, rounds: Rounds[None], *, over: bool) -> None:
        """Call after each sweep of each chain, when the rounds know of it.

        Args:
            sweep: that has ended.
            rounds: of the first chain.
            over: the chain ends with it.
        """
        if self._file.place is None:
            return
        waited = time.perf_counter() - self._taken.get(sweep.chain, -float("inf"))
        if not (over or sweep.number == self._last or (waited >= self._n_chains * self._file.pause)):
            return
        with self._lock:
            self._states[sweep.chain] = sweep.snapshot()
            self._taken[sweep.chain] = time.perf_counter()
            if len(self._states) == self._n_chains:
                done = int(self._states[0].facts["done"]["sweeps"])
                self._file.write(_saved(self._states), rounds.history[:done], (float(done), done))


def _saved(states: Mapping[int, GibbsState]) -> Saved:
    whole = GibbsState.of({str(chain): state for chain, state in sorted(states.items())})
    return Saved({name: torch.from_numpy(array) for name, array in whole.arrays.items()}, {"chains": whole.facts})


def _states(saved: Saved, n_chains: int) -> dict[int, GibbsState]:
    whole = GibbsState({name: tensor.numpy() for name, tensor in saved.tensors.items()}, saved.facts["chains"])
    return {chain: whole.part(str(chain)) for chain in range(n_chains)}
