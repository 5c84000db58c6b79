"""The plan of the house (docs/architecture.md) holds in the code: who may import whom, and how long a file may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fillrank"
ROOMS = (
    *(
        "_version",
        "terminal",
        "errors",
        "forks",
        "arguments",
        "paths",
        "strict_json",
        "writing",
        "interrupt",
        "notices",
        "rng",
        "workers",
        "data",
        "factors",
        "encoders",
        "losses",
        "samplers",
        "solvers",
        "training",
    ),
    *("ranking", "completion", "recommend", "models", "experiments", "report", "cli", "serve", "testing"),
)
WINGS = {
    "dated": "factors",
    "factor_checks": "factors",
    "folding": "factors",
    "ridge": "factors",
    "ridge_kernels": "factors",
    "pair_scorer": "factors",
}  # a file of its own that belongs to a room
STRANGERS = ({"encoders", "losses", "samplers", "solvers"}, {"training", "ranking"})  # never import one another
TORCH_FREE = {*ROOMS[: ROOMS.index("rng")], "data"}
ENTRANCES = {"__init__", "__main__"}  # the public face and `python -m`: they may name every room
LONGEST = 350


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of everything imported, wherever the import stands: also in functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def crossing(room: str, imported: str) -> str | None:
    """What is wrong with ``room`` importing ``imported``, or None."""
    if imported.startswith("."):
        return f"imports {imported!r}: write the absolute name"
    package, _, rest = imported.partition(".")
    if package == "torch" and room in TORCH_FREE:
        return "imports torch, and must work without it"
    other = rest.partition(".")[0]
    other = WINGS.get(other, other)
    if package != "fillrank" or other == room:
        return None
    if other not in ROOMS:
        return f"imports {imported!r}, which is in no room"
    if ROOMS.index(other) > ROOMS.index(room):
        return f"imports {other}, a room further down the line"
    if any({room, other} <= group for group in STRANGERS):
        return f"imports {other}; the two must not know each other"
    return None


def violations(path: str, source: str) -> list[str]:
    """All that is wrong with one module; ``path`` is relative to the package."""
    tree = ast.parse(source)
    room = path.removesuffix(".py").split("/")[0]
    room = WINGS.get(room, room)
    found = []
    if len(source.splitlines()) > LONGEST:
        found.append(f"has {len(source.splitlines())} lines; {LONGEST} is the most")
    if "utils" in path.removesuffix(".py").split("/"):
        found.append("is called utils: a helper lives beside its one user, or earns a name")
    if room in ENTRANCES:
        return found
    if room not in ROOMS:
        return [*found, f"is in the room {room!r}, which the plan does not have"]
    prints = any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print" for n in ast.walk(tree)
    )
    if prints and room != "cli":
        found.append("prints; only the command line does")
    return found + [wrong for name in imports(tree) if (wrong := crossing(room, name))]


@pytest.mark.parametrize("path", sorted(p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*.py")))
def test_every_module_keeps_to_the_plan(path: str) -> None:
    assert violations(path, (SOURCE / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "wrong"),
    [
        ("data/ids.py", "def f():\n    import torch.nn", "imports torch"),
        ("data/ids.py", "from fillrank.rng import x\nfrom fillrank import factors", "imports factors, a room further"),
        ("losses/softmax.py", "from fillrank.encoders.mf import MF", "must not know each other"),
        ("ranking/metrics.py", "from fillrank.training import loop", "must not know each other"),
        ("models.py", "if TYPE_CHECKING:\n    from fillrank.report import demo", "imports report, a room further"),
        ("models.py", "from fillrank import CMC", "which is in no room"),
        ("solvers/als.py", "from . import svd", "write the absolute name"),
        ("solvers/utils.py", "", "is called utils"),
        ("solvers/als.py", "def f():\n    print(1)", "prints"),
        ("attic/old.py", "", "which the plan does not have"),
        ("solvers/als.py", "\n" * 400, "has 400 lines"),
    ],
)
def test_a_module_that_breaks_the_plan_is_caught(path: str, source: str, wrong: str) -> None:
    assert len(violations(path, source)) == 1
    assert wrong in violations(path, source)[0]
