"""The processes that ``torchrun`` started, brought together for the length of one piece of work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from fillrank.errors import FillrankError, SettingsError, TrainingError
from fillrank.training import World

__all__ = ["processes", "world_size"]


@contextmanager
def processes(device: str = "auto") -> Iterator[World]:
    """Inside the block, the processes that the environment speaks of (``WORLD_SIZE``, ``RANK``, …) are one world.

    They speak through NCCL where each has a GPU of its own, which becomes its current device, and through gloo
    otherwise. At the end the group is taken apart, also when something failed: an error in one process then ends the
    others too, at the next gradient that they wait for. One process alone, and a group that is there already, are left
    as they are.

    Args:
        device: of the training, as recipes call it: ``"auto"``, ``"cpu"``, ``"cuda"``.

    Raises:
        TrainingError: another process of the group is gone.
        SettingsError: ``WORLD_SIZE`` is no whole number.

    Example:
        >>> with processes() as world:
        ...     world
        World(rank=0, size=1)
    """
    if world_size() == 1 or dist.is_initialized():
        yield World.current()
        return
    dist.init_process_group(_backend(device))
    world = World.current()
    try:
        yield world
    except FillrankError:
        raise
    except RuntimeError as error:
        if not _is_of_the_group(error):
            raise
        raise TrainingError(
            f"process {world.rank} of {world.size} lost another one, whose own message says why "
            f"({str(error).splitlines()[0]})"
        ) from error
    finally:
        dist.destroy_process_group()


def world_size() -> int:
    """How many processes the environment speaks of: ``WORLD_SIZE``, or 1."""
    given = os.environ.get("WORLD_SIZE", "1")
    if not given.isdecimal() or int(given) < 1:
        raise SettingsError(f"WORLD_SIZE must be a whole number of 1 or more, got {given!r}; torchrun sets it")
    return int(given)


def _backend(device: str) -> str:
    local = int(os.environ.get("LOCAL_RANK", os.environ.get("RANK", "0")))
    on_this_machine = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("WORLD_SIZE", "1")))
    if device == "cpu" or torch.cuda.device_count() < on_this_machine:
        return "gloo"
    torch.cuda.set_device(local)
    return "nccl"


def _is_of_the_group(error: RuntimeError) -> bool:
    """Whether the error comes from the talk between processes; gloo has no class of its own for it."""
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower() or "Connection closed" in str(error)
