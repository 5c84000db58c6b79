"""Find out how much memory this process can use: the machine's, or the limit of the container that it runs in."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Memory"]


class Memory:
    """Memory in bytes; infinite where the system does not say.

    A container (Docker, Kubernetes, systemd, a batch system) may have less than the machine. Linux keeps its limit in
    the files of its control group: ``memory.max`` (version 2) or ``memory.limit_in_bytes`` (version 1). The limits of
    the groups around it apply as well.

    Args:
        proc: the folder ``/proc``.
        groups: the folder in which control groups are mounted.
    """

    def __init__(self, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> None:
        self._proc, self._groups = proc, groups

    def whole(self) -> float:
        """Return the memory of the machine, or the limit of the container if that is less."""
        return min(_physical(), *(limit for limit, _ in self._limits()))

    def free(self) -> float:
        """Return the memory that is free, swap included, within the container's limit."""
        return min(self._free_of_machine(), *(max(0.0, limit - used) for limit, used in self._limits()))

    def _free_of_machine(self) -> float:
        sizes = _numbers(self._proc / "meminfo")
        if "MemAvailable:" not in sizes:
            return math.inf
        return 1024.0 * (sizes["MemAvailable:"] + sizes.get("SwapFree:", 0.0))

    def _limits(self) -> list[tuple[float, float]]:
        """Return limit and use of each control group around this process, the innermost first (at least one entry)."""
        found = [_of_group(folder) for folder in self._folders()]
        return [one for one in found if one[0] < math.inf] or [(math.inf, 0.0)]

    def _folders(self) -> Iterator[Path]:
        try:
            lines = (self._proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return
        for line in lines:
            _, _, rest = line.partition(":")
            controllers, _, inner = rest.partition(":")
            if controllers and "memory" not in controllers.split(","):
                continue
            mounts = (self._groups / "memory",) if controllers else (self._groups, self._groups / "unified")
            inside = [part for part in inner.split("/") if part not in {"", ".."}]
            # inside a container the mount begins at the container's own group, so the host's path may not exist there:
            # try all ends of it
            yield from (mount.joinpath(*inside[:depth]) for mount in mounts for depth in range(len(inside), -1, -1))


def _of_group(folder: Path) -> tuple[float, float]:
    """Return the limit of one control group (infinite if there is none), and its use without reclaimable files."""
    for limit, usage, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most = _number(folder / limit)
        if most < math.inf:
            used = _number(folder / usage)
            reclaimable = _numbers(folder / "memory.stat").get(cache, 0.0)
            return most, max(0.0, used - reclaimable) if used < math.inf else 0.0
    return math.inf, 0.0


def _number(file: Path) -> float:
    try:
        said = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return math.inf
    # version 1 writes the largest multiple of a page for "no limit"
    return float(said) if said.isdecimal() and int(said) < 2**62 else math.inf


def _numbers(file: Path) -> dict[str, float]:
    """Return the first number after each name, from a file with lines ``name number …``."""
    try:
        lines = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return {}
    return {line[0]: float(line[1]) for line in lines if len(line) > 1 and line[1].isdecimal()}


def _physical() -> float:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return math.inf
    return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
