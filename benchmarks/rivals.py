"""Other libraries, each benchmark's rivals, in an environment of their own.

A benchmark writes what is to be measured as a function of its own module: it takes a job (plain data, or paths to it),
imports what it needs inside, and gives plain data back. :func:`call` runs such a function in a fresh process, in this
environment or in that of the rivals, so that nobody's threads, caches or memory are met by anybody else::

    python = environment(Path("runs/rivals"), {"libmf": "0.9.2"})
    answer = call(python, by_libmf, {"log": "log.npz", "dim": 64}, threads=2)

The benchmark's module is loaded by the rivals' Python, so it may import only the standard library and NumPy at the top.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

Job = Mapping[str, Any]
Answer = dict[str, Any]

_LISTING = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def environment(folder: Path, wanted: Mapping[str, str]) -> Path:
    """The Python of the environment in ``folder``, made if it is not there, with the packages that are ``wanted``.

    Args:
        folder: of the environment; one that is there is used again, and only what it lacks is installed.
        wanted: versions by the name of the package.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    there = {name.lower(): version for name, version in versions(python).items()}
    missing = [f"{name}=={version}" for name, version in wanted.items() if there.get(name.lower()) != version]
    if missing:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *missing], check=True)
    return python


def versions(python: Path) -> dict[str, str]:
    """Every package of an environment with its version."""
    found: dict[str, str] = json.loads(subprocess.check_output([str(python), "-c", _LISTING], text=True))
    return found


def call(python: Path | str, function: Callable[[Job], Answer], job: Job, *, threads: int) -> Answer:
    """What ``function`` answers to ``job`` in a process of its own, with ``threads`` threads to use.

    Returns:
        The answer and, added to it, ``peak_mb``: the most memory that the process had at any time, imports included.

    Raises:
        RuntimeError: the process failed; the message holds what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "job.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(dict(job)))
        module = function.__code__.co_filename
        command = [str(python), __file__, module, function.__name__, str(asked), str(answered)]
        done = subprocess.run(command, env=_surroundings(threads), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{function.__name__} failed in {python}:\n{done.stderr or done.stdout}")
        answer: Answer = json.loads(answered.read_text())
        return answer


def peak_mb() -> float:
    """The most memory that this process has had so far, in MB (10⁶ bytes).

    Where there is one, the kernel's own note of it is read: the figure of ``getrusage`` outlives ``exec``, so a small
    child of a large parent has the parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def ratio_of(answers: Mapping[str, list[Answer]], key: str) -> dict[str, Any]:
    """Theirs divided by ours, run by run in the order they took turns, and the median of that; and both medians.

    >>> ratio_of({"ours": [{"s": 1.0}, {"s": 2.0}], "theirs": [{"s": 3.0}, {"s": 2.0}]}, "s")
    {'median': 2.0, 'of_each_round': [3.0, 1.0], 'ours': 1.5, 'theirs': 2.5}
    """
    columns = {name: [answer[key] for answer in answers[name]] for name in ("ours", "theirs")}
    ratios = [theirs / ours for ours, theirs in zip(columns["ours"], columns["theirs"], strict=True)]
    return {"median": median(ratios), "of_each_round": ratios} | {name: median(of) for name, of in columns.items()}


def write(path: Path, record: Mapping[str, Any]) -> None:
    """A record as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    half.write_text(json.dumps(dict(record), indent=2) + "\n")
    half.replace(path)


def _surroundings(threads: int) -> dict[str, str]:
    """The environment variables of a measured process; threads that wait sleep, so that others are not slowed down."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {**os.environ, **counts, "NUMBA_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}


def _serve(module: str, name: str, asked: str, answered: str) -> None:
    """The other end of :func:`call`."""
    spec = importlib.util.spec_from_file_location("measured", module)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["measured"] = loaded
    spec.loader.exec_module(loaded)
    answer = getattr(loaded, name)(json.loads(Path(asked).read_text()))
    Path(answered).write_text(json.dumps({**answer, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
