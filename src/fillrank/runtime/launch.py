"""Connect the processes that ``torchrun`` started, for the duration of one piece of work."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
import torch.distributed as dist

from fillrank.errors import FillrankError, SettingsError, TrainingError
from fillrank.runtime.distributed import World
from fillrank.runtime.group import Group, patience

__all__ = ["agree", "processes", "world_size"]

_RESTART = 10.0
"""Seconds for which the port of a run that has just ended may still be in use."""


@contextmanager
def processes(device: str = "auto") -> Iterator[World]:
    """Inside the block, the processes that the environment describes (``WORLD_SIZE``, ``RANK``, …) form one group.

    They communicate through NCCL if each has a GPU of its own, which becomes its current device; otherwise through
    gloo. The group ends with the block, also after an error. An error in one process ends the others too, when they
    next wait for a gradient. No process waits longer than ``FILLRANK_TIMEOUT`` seconds (default 600) for another.
    A single process, and a group that exists already, are left as they are.

    Args:
        device: of the training: ``"auto"``, ``"cpu"``, ``"cuda"``.

    Raises:
        TrainingError: the other processes did not come, or one of them ended or stopped answering.
        SettingsError: a variable is missing, is not a whole number, or contradicts the others.

    Example:
        >>> with processes() as world:
        ...     world
        World(rank=0, size=1)
    """
    if dist.is_available() and dist.is_initialized():
        yield World.current()
        return
    group = Group.of_environment()
    if group.size == 1:
        yield World.current()
        return
    _meet(group, _backend(device, group))
    world = World.current()
    try:
        yield world
    except FillrankError:
        raise
    except RuntimeError as error:
        if not _is_of_the_group(error):
            raise
        raise TrainingError(_lost(world, error)) from error
    finally:
        with suppress(RuntimeError):  # the group may be gone already
            dist.destroy_process_group()


def agree(world: World, facts: Mapping[str, Any]) -> None:
    """Refuse to begin if processes were started with different settings, or have read different data.

    Args:
        world: the processes. All of them call this function, each with its own facts.
        facts: values that JSON can hold, by name; all processes use the same names.

    Raises:
        SettingsError: in every process: a fact differs. Names the first process that differs from process 0.
    """
    if world.size == 1:
        return
    everybody: list[Any] = [None] * world.size
    dist.all_gather_object(everybody, dict(facts))
    first = everybody[0]
    for rank, other in enumerate(everybody):
        names = [name for name in dict.fromkeys((*first, *other)) if first.get(name) != other.get(name)]
        if names:
            words = ", ".join(f"{name} {other.get(name)!r}, not {first.get(name)!r}" for name in names[:3])
            raise SettingsError(
                f"process {rank} of {world.size} was started otherwise than process 0: {words}"
                f"{', and more' if len(names) > 3 else ''}; give all of them the same settings and data"
            )


def world_size() -> int:
    """The number of processes that the environment describes: ``WORLD_SIZE``, or 1.

    Raises:
        SettingsError: see :meth:`Group.of_environment`.
    """
    return Group.of_environment().size


def _meet(group: Group, backend: str) -> None:
    """Wait until all processes have come."""
    begun = time.monotonic()
    while True:
        try:
            dist.init_process_group(backend, timeout=patience(), rank=group.rank, world_size=group.size)
        except (dist.DistError, RuntimeError, ValueError) as error:
            text = str(error)
            if "EADDRINUSE" not in text and "address already in use" not in text.lower():
                raise TrainingError(_nobody(group, error)) from error
            if time.monotonic() - begun > _RESTART:
                raise TrainingError(
                    f"process 0 of {group.size} cannot wait for the others at {group.address}: the port is in use, "
                    "perhaps by a run that has not ended; end that one, or give another MASTER_PORT"
                ) from error
            time.sleep(0.5)
        else:
            return


def _nobody(group: Group, error: Exception) -> str:
    where = f"process {group.rank} of {group.size}"
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    if "imed out" in reason or "timeout" in reason.lower():
        seconds = f"{patience().total_seconds():g} s (FILLRANK_TIMEOUT)"
        if group.rank == 0:
            return f"{where} waited {seconds} at {group.address}, and not all of the others came; start them all"
        return f"{where} found nobody at {group.address} in {seconds}; is process 0 running there?"
    return f"{where} could not meet the others at {group.address} ({reason})"


def _lost(world: World, error: RuntimeError) -> str:
    reason = re.sub(r"^\[\S+\] ", "", next(iter(str(error).splitlines()), "")).partition(". ")[0]
    if "imed out" in reason or "timeout" in reason.lower():
        return (
            f"process {world.rank} of {world.size} heard nothing from another one for {patience().total_seconds():g} s "
            "(FILLRANK_TIMEOUT); that one hangs, is stopped, or has far more to do"
        )
    return f"process {world.rank} of {world.size} lost another one, whose own message says why ({reason})"


def _backend(device: str, group: Group) -> str:
    if device == "cpu" or torch.cuda.device_count() < group.local_size:
        return "gloo"
    torch.cuda.set_device(group.local_rank)
    return "nccl"


def _is_of_the_group(error: RuntimeError) -> bool:
    """Whether an error comes from the communication between processes. (gloo has no exception class of its own.)"""
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower() or "Connection closed" in str(error)
