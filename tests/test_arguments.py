"""Arguments at public doors: what is taken, what is refused, and in which words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

import fillrank as fr
from fillrank.arguments import affordable, checked, count, shown, takes_also
from fillrank.arguments.memory import Memory
from fillrank.errors import ArgumentError, SettingsError

if TYPE_CHECKING:
    from fillrank.data import Interactions


class Walker(Protocol):
    def walk(self) -> int: ...


@checked
def ask(
    whole: int = 1,
    number: "float | Literal['auto']" = "auto",
    names: Sequence[str] = (),
    pair: tuple[float, float] | None = None,
    path: str | Path = "x",
    *,
    ids: Iterable[Any] = (),
    array: NDArray[np.int32] | None = None,
    flag: bool = True,
    word: Literal["a", "b"] = "a",
    table: Mapping[str, int] | None = None,
    log: "Interactions | None" = None,
    walker: Walker | None = None,
    call: Callable[..., Any] | None = None,
    anything: Any = None,
    **others: int,
) -> dict[str, Any]:
    return dict(locals())


RECURSIVE: list[Any] = []
RECURSIVE.append(RECURSIVE)


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("whole", np.int64(3), 3),
        ("whole", np.array(3), 3),
        ("number", 2, 2),
        ("number", np.float32(0.5), 0.5),
        ("number", "auto", "auto"),
        ("names", ["a", "b"], ("a", "b")),
        ("names", (name for name in "ab"), ("a", "b")),
        ("names", np.array(["a"]), ("a",)),
        ("pair", [1, 2], (1.0, 2.0)),
        ("path", Path("here"), Path("here")),
        ("flag", np.True_, True),
        ("others", 3, 3),
        ("anything", RECURSIVE, RECURSIVE),
    ],
)
def test_what_has_one_plain_meaning_is_taken(name: str, value: Any, taken: Any) -> None:
    found = ask(**{name: value})
    found = found["others"][name] if name == "others" else found[name]
    assert found == taken if taken is not RECURSIVE else found is RECURSIVE
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("whole", 3.0, r"ask: whole must be a whole number, got 3\.0 \(float\)"),
        ("whole", True, r"got True \(bool\)"),
        ("whole", 2**63, "it does not fit into 64 bits"),
        ("whole", 10**400, "it does not fit into 64 bits"),
        ("whole", None, "got None"),
        ("whole", RECURSIVE, "must be a whole number"),
        ("number", "often", r"number must be a number or 'auto', got 'often' \(str\)"),
        ("number", float("nan"), "must be finite"),
        ("number", 1e308, "fit into 32 bits"),
        ("number", 10**400, "must be finite"),
        ("names", "ndcg", "a list of texts, got 'ndcg' .*; write a list, also for a single one"),
        ("names", ["a", 1], r"number 2 of them is 1 \(int\), and must be a text"),
        ("pair", (1, 2, 3), "2 are wanted, 3 came"),
        ("path", b"x", "must be a text or a path|must be a path"),
        ("path", "a\0b", "null character"),
        ("ids", "ab", "write a list"),
        ("ids", np.array(3), "write a list"),
        ("ids", {"a": 1}, r"must be a list, got \{'a': 1\}"),
        ("array", [1.5], "an array of whole numbers or None"),
        ("array", [[1], [1, 2]], "an array of whole numbers"),
        ("flag", "yes", "True or False"),
        ("word", "c", "word must be 'a' or 'b', got 'c'"),
        ("word", ["a"], "word must be 'a' or 'b'"),
        ("table", [1], "a mapping or None"),
        ("log", 5, "an Interactions.* or None"),
        ("walker", object(), "a Walker or None, got an object"),
        ("call", 5, r"call must be a function or None, got 5 \(int\)"),
        (
            "call",
            int,
            "call must be a function or None, got .*; it is a class; give an object of it that can be called",
        ),
        ("others", "x", "others must be a whole number"),
    ],
)
def test_what_is_refused_is_named_with_what_is_wanted(name: str, value: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        ask(**{name: value})


def test_by_place_as_by_name() -> None:
    assert ask(np.int8(2), np.float32(1))["number"] == 1.0
    with pytest.raises(ArgumentError, match="number must be"):
        ask(2, "x")


def test_an_argument_error_is_both_kinds_of_pythons_own() -> None:
    with pytest.raises(TypeError):
        ask(whole="x")
    with pytest.raises(ValueError, match="whole"):
        ask(whole="x")


def test_a_class_checks_its_constructor_and_stays_the_class() -> None:
    @checked
    @dataclass(frozen=True)
    class Point:
        x: int
        y: float = 0.0

    assert Point(np.int32(1), y=2) == Point(1, 2.0)
    with pytest.raises(ArgumentError, match="Point: x must be a whole number"):
        Point("1")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f: f(1, 2, 3), "brew: 1 too many arguments came; without their names it takes cups, sort"),
        (lambda f: f(), "brew: 'cups' must be given; it takes cups, sort, hot"),
        (lambda f: f(1, srt="x"), "brew: there is no argument 'srt'; did you mean 'sort'? It takes cups, sort, hot"),
    ],
)
def test_the_arguments_themselves_are_counted(call: Callable[[Any], Any], said: str) -> None:
    @checked
    def brew(cups: int, sort: Any = "", *, hot: bool = True) -> Any:
        return cups, sort, hot

    with pytest.raises(TypeError) as caught:
        call(brew)
    assert isinstance(caught.value, ArgumentError)
    assert said in str(caught.value)
    assert brew(1, hot=False) == (1, "", False)


def test_a_recipe_takes_its_settings_by_name() -> None:
    with pytest.raises(fr.errors.SettingsError, match=r"PureSVD takes its settings by name, got 16 .*; it has rank, "):
        fr.PureSVD(16)  # type: ignore[misc]


def test_a_class_may_say_what_it_is_also_made_from() -> None:
    class Celsius(float):
        pass

    takes_also("Celsius", " or its text", lambda value: Celsius(value.rstrip("°")))

    def warm(degrees: Any) -> Any:
        return degrees

    warm.__annotations__["degrees"] = Celsius
    assert checked(warm)("20°") == 20.0


@pytest.mark.parametrize("value", [None, 1, "x" * 10_000, list(range(10_000)), np.zeros((3, 4)), object(), RECURSIVE])
def test_a_value_is_shown_in_one_short_line(value: Any) -> None:
    assert len(shown(value)) < 120
    assert "\n" not in shown(value)


def test_counts_and_memory_have_limits_that_the_error_states() -> None:
    assert count("epochs", 7) == 7
    with pytest.raises(SettingsError, match="epochs must be from 1 to 1,000,000, got 0"):
        count("epochs", 0)
    affordable(8.0, "a byte")
    with pytest.raises(SettingsError, match=r"the scores would take 9,.* GiB of memory where this machine has"):
        affordable(1e16, "the scores")


@pytest.mark.parametrize(
    ("line", "folder", "names", "none"),
    [
        ("0::/pod/box", "pod/box", ("memory.max", "memory.current", "inactive_file"), "max"),
        ("0::/", "", ("memory.max", "memory.current", "inactive_file"), "max"),
        ("0::/elsewhere/on/the/host", "", ("memory.max", "memory.current", "inactive_file"), "max"),
        (
            "4:memory:/pod/box",
            "memory/pod",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            "9223372036854771712",
        ),
    ],
)
def test_the_limit_of_a_container_is_memory_that_is_there(
    line: str, folder: str, names: tuple[str, str, str], none: str, tmp_path: Path
) -> None:
    limit, usage, cache = names
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(f"7:blkio:/\n{line}\n", encoding="ascii")
    (proc / "meminfo").write_text("MemAvailable: 8388608 kB\nSwapFree: 0 kB\n", encoding="ascii")
    inner = groups / folder
    inner.mkdir(parents=True)
    memory = Memory(proc, groups)
    assert memory.free() == 2.0**33
    (inner / limit).write_text("1000000\n", encoding="ascii")
    assert (memory.whole(), memory.free()) == (1e6, 1e6)
    (inner / usage).write_text("900000\n", encoding="ascii")
    (inner / "memory.stat").write_text(f"anon 1\n{cache} 300000\n", encoding="ascii")
    assert (memory.whole(), memory.free()) == (1e6, 4e5)
    (inner / limit).write_text(f"{none}\n", encoding="ascii")
    assert memory.free() == 2.0**33


def test_a_system_that_says_nothing_of_memory_has_no_limit(tmp_path: Path) -> None:
    assert Memory(tmp_path, tmp_path).free() == np.inf


def test_an_integer_of_thousands_of_digits_is_not_written_out() -> None:
    with pytest.raises(ArgumentError, match="whole must be a whole number, got an int"):
        ask(whole=10**5000)
