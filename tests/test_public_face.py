"""What ``import fillrank`` promises: the names, and that they cost nothing until they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fillrank


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh Python holds after ``statement``, even if the statement exits."""
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit: pass\nprint('\\n' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_names_are_listed_in_order_and_once() -> None:
    assert fillrank.__all__ == sorted(set(fillrank.__all__), key=lambda name: (not name.isupper(), name))
    assert set(dir(fillrank)) == set(fillrank.__all__)


@pytest.mark.parametrize("name", fillrank.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(fillrank, name) is not None


def test_a_name_that_is_not_there_says_what_is() -> None:
    with pytest.raises(AttributeError, match=r"no public name 'fit_everything'; it has .*Recommender"):
        _ = fillrank.fit_everything


def test_the_checkers_names_are_the_lazy_ones() -> None:
    """The list under TYPE_CHECKING and the list that is looked up at run time are the same."""
    tree = ast.parse(Path(fillrank.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    for_checkers = {(node.module, alias.name) for node in guarded.body for alias in node.names}
    assert for_checkers == {(home, name) for name, home in fillrank._HOME_OF.items()}


@pytest.mark.parametrize(
    "statement",
    [
        "import fillrank",
        "import fillrank.data",
        "from fillrank.cli import main; main(['--help'])",
        "from fillrank.cli import main; main(['--version'])",
        "from fillrank.cli import main; main(['fit', '--help'])",
        "import fillrank; fillrank.load, fillrank.read, fillrank.split",
    ],
)
def test_torch_stays_out_until_a_model_is_asked_for(statement: str) -> None:
    assert "torch" not in modules_after(statement)


def test_the_check_above_can_fail() -> None:
    assert "torch" in modules_after("import fillrank; fillrank.Factors")
