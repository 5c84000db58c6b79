"""The plan of the house (docs/architecture.md) holds in the code: who may import whom, and how long a file may be."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fillrank"
ROOMS = (
    *("_version", "_moved", "terminal", "errors", "arguments", "runtime", "renames", "registry", "data", "factors"),
    *("encoders", "losses", "samplers", "solvers", "training", "retrieval", "evaluation"),
    *("completion", "lab", "recommend", "models", "experiments", "report", "store", "server", "cli", "testing"),
)
STRANGERS = (  # never import one another
    *({"encoders", "losses", "samplers", "solvers"}, {"training", "retrieval"}, {"training", "evaluation"}),
)
TORCH_FREE = {"_version", "terminal", "errors", "arguments", "renames", "data"}  # and all that they import
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
        (
            "data/ids.py",
            "from fillrank.runtime.rng import x\nfrom fillrank import factors",
            "imports factors, a room further",
        ),
        ("losses/softmax.py", "from fillrank.encoders.mf import MF", "must not know each other"),
        ("evaluation/metrics.py", "from fillrank.training import loop", "must not know each other"),
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


def module_at(path: Path) -> str:
    return ".".join(("fillrank", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def loaded_with(module: str, files: Mapping[str, Path]) -> set[str]:
    """What an import of ``module`` loads at once: its own imports, those of the packages around it, and theirs."""
    found, due = set[str](), [module]
    while due:
        name = due.pop()
        if name in found:
            continue
        found.add(name)
        if name not in files:
            continue
        due += [name.rpartition(".")[0]] if name.count(".") > 1 else []
        for node in ast.parse(files[name].read_text(encoding="utf-8")).body:
            due += [part for one in imports(node) for part in (one, one.rpartition(".")[0])] if _runs(node) else []
    return found


def _runs(node: ast.stmt) -> bool:
    """Whether a statement of a module imports as soon as the module is loaded."""
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_what_must_work_without_torch_loads_none() -> None:
    files = {module_at(path): path for path in SOURCE.rglob("*.py")}
    free = [name for name in files if len(parts := name.split(".")) > 1 and parts[1] in TORCH_FREE]
    assert len(free) > 50
    assert [name for name in free if "torch" in loaded_with(name, files)] == []
    assert "torch" in loaded_with("fillrank.factors", files)


def circles(arrows: Mapping[str, set[str]]) -> list[set[str]]:
    """Modules that import one another, by whatever way round; found by following each module's arrows to the end."""
    reached = {name: _reached(name, arrows) for name in arrows}
    rings = {frozenset({name} | {other for other in reached[name] if name in reached[other]}) for name in arrows}
    return sorted((set(ring) for ring in rings if len(ring) > 1), key=min)


def _reached(start: str, arrows: Mapping[str, set[str]]) -> set[str]:
    found, due = set[str](), [start]
    while due:
        fresh = arrows[due.pop()] - found
        found |= fresh
        due += fresh
    return found


def arrows_of(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """Which module imports which, wherever the import stands: also in functions and under TYPE_CHECKING."""
    named: dict[str, set[str]] = {}
    for name, path in files.items():
        found = imports(ast.parse(path.read_text(encoding="utf-8")))
        named[name] = {one if one in files else one.rpartition(".")[0] for one in found} & files.keys() - {name}
    return named


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


def test_no_modules_go_in_circles() -> None:
    files = {module_at(path): path for path in SOURCE.rglob("*.py") if path.name != "__init__.py"}
    assert len(files) > 200
    assert circles(arrows_of(files)) == []


ROW = re.compile(r"^(\w+) +\S", re.MULTILINE)
MAPPED = [
    (path, rows)
    for path in sorted(SOURCE.rglob("__init__.py"))
    if "\nmodule " in (text := ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
    for rows in [set(ROW.findall(text.split("\nmodule ")[1].partition("\n")[2]))]
]


@pytest.mark.parametrize(("path", "rows"), MAPPED, ids=[module_at(path) for path, _ in MAPPED])
def test_a_map_of_a_room_has_all_of_its_modules(path: Path, rows: set[str]) -> None:
    modules = {one.stem for one in path.parent.glob("*.py")} | {
        one.parent.name for one in path.parent.glob("*/__init__.py")
    }
    assert rows == modules - {"__init__"}


def test_the_rooms_that_are_hard_to_find_the_way_in_have_a_map() -> None:
    assert {module_at(path) for path, _ in MAPPED} >= {"fillrank.cli", "fillrank.data.io"}


def test_the_way_of_a_log_names_files_that_exist() -> None:
    page = (SOURCE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.split("## Follow a log")[1].split("\n## ")[0]
    files = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert len(files) > 20
    assert [file for file in files if not (SOURCE / file).is_file()] == []
