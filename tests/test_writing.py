"""What is written is whole or absent, whatever happens meanwhile; where nothing can be written, it is said before."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fillrank.errors import DataError, DiskFullError, ModelFileError, SettingsError
from fillrank.runtime.atomic_write import (
    UNSEALED,
    beside,
    check_file,
    check_folder,
    check_room,
    disk_full_in_words,
    exchange,
    is_sealed,
    old_folder,
    only_one,
    put_folder,
    replacing,
    seal,
    temporary,
    turn,
)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def killed(code: str) -> None:
    """Run Python code that ends by killing itself."""
    script = f"import os, signal\ndef die(*_): os.kill(os.getpid(), signal.SIGKILL)\n{code}"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL


def cannot(_one: Path, _other: Path) -> bool:
    """Of a system that cannot exchange two names in one step."""
    return False


def anybodys(_folder: Path) -> str | None:
    return None


def nobodys(_folder: Path) -> str | None:
    return "is not mine"


def folder_with(place: Path, content: str) -> Path:
    place.mkdir(parents=True)
    (place / "file").write_text(content)
    return place


def test_a_file_takes_the_place_of_another_and_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(0o640)
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["a"]


def test_what_fails_leaves_the_old_file_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    def fail() -> None:
        with replacing(tmp_path / "a") as fresh:
            fresh.write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_link_goes_on_leading_to_its_file(tmp_path: Path) -> None:
    folder_with(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "file")
    with replacing(tmp_path / "link") as fresh:
        fresh.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "new"


@pytest.mark.parametrize("name", ["m", "x" * 250, "é" * 120])
def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path: Path, name: str) -> None:
    killed(f"""
from pathlib import Path
from fillrank.runtime.atomic_write import replacing
with replacing(Path({str(tmp_path)!r}) / {name!r}) as fresh:
    fresh.write_text("half"); die()
""")
    assert len(names(tmp_path)) == 1
    with replacing(tmp_path / "another") as fresh:
        fresh.write_text("new")
    assert len(names(tmp_path)) == 2  # what is left of one target is none of another's business
    with replacing(tmp_path / name) as fresh:
        fresh.write_text("new")
    assert names(tmp_path) == sorted(["another", name])


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    """Two at once: neither takes the other's folder for a leftover; the one that ends last is what is there."""
    inside, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        with replacing(tmp_path / "a") as fresh:
            fresh.write_text("slow")
            inside.set()
            go_on.wait(20)

    thread = threading.Thread(target=slowly)
    thread.start()
    inside.wait(20)
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("quick")
    assert (tmp_path / "a").read_text() == "quick"
    go_on.set()
    thread.join()
    assert (tmp_path / "a").read_text() == "slow"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_was_never_locked_goes_at_once(tmp_path: Path) -> None:
    """A process was killed just between making it and locking it."""
    for name in ("12345old", "12345new"):
        (tmp_path / f".a.{name}.fillrank-new").mkdir()
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("x")
    assert names(tmp_path) == ["a"]


def test_a_folder_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process takes it for what a killed one left."""
    real, done = temporary.try_lock, []

    def another_comes_by(descriptor: int) -> bool | None:
        found = real(descriptor)
        if len(done) < 2:
            (made,) = tmp_path.glob("*.fillrank-new")
            made.rmdir()
            done.append(made)
        return found

    monkeypatch.setattr(temporary, "try_lock", another_comes_by)
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("x")
    assert len(done) == 2
    assert names(tmp_path) == ["a"]


def test_one_that_another_process_looks_at_while_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = temporary.try_lock, []

    def busy_once(descriptor: int) -> bool | None:
        tries.append(descriptor)
        return False if len(tries) == 1 else real(descriptor)

    monkeypatch.setattr(temporary, "try_lock", busy_once)
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("x")
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("y")
    assert names(tmp_path) == ["a"]


def test_files_can_be_written_by_who_holds_the_lock_of_their_folder(tmp_path: Path) -> None:
    with turn(tmp_path), replacing(tmp_path / "a") as fresh:
        fresh.write_text("x")
    assert names(tmp_path) == ["a"]


def test_a_folder_of_the_user_is_never_taken_for_a_leftover(tmp_path: Path) -> None:
    for name in (".a.backup", ".a.12345678", ".a-old", ".a.12345678.fillrank-tmp-mine"):
        folder_with(tmp_path / name, "mine")
    with replacing(tmp_path / "a") as fresh:
        fresh.write_text("new")
    assert len(names(tmp_path)) == 5


@pytest.fixture(params=["exchange", "two steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A system that can exchange two names in one step, and one that cannot."""
    if request.param == "two steps":
        monkeypatch.setattr(exchange, "_exchanged", cannot)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    folder_with(tmp_path / "m", "old")
    with beside(tmp_path / "m") as place:
        put_folder(folder_with(place / "model", "new"), tmp_path / "m")
    assert (tmp_path / "m" / "file").read_text() == "new"
    assert names(tmp_path) == ["m"]


@pytest.mark.parametrize("failing", [KeyboardInterrupt(), OSError(errno.EIO, "I/O error")])
@pytest.mark.parametrize("at", [1, 2])
def test_a_rename_that_fails_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: BaseException, at: int
) -> None:
    monkeypatch.setattr(exchange, "_exchanged", cannot)
    folder_with(tmp_path / "m", "old")
    real, calls = Path.replace, []

    def replace(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == at:
            raise failing
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(type(failing)), beside(tmp_path / "m") as place:
        put_folder(folder_with(place / "model", "new"), tmp_path / "m")
    assert (tmp_path / "m" / "file").read_text() == "old"
    assert names(tmp_path) == ["m"]


def test_killed_between_two_steps_the_old_folder_is_found_and_put_back(tmp_path: Path) -> None:
    folder_with(tmp_path / "m", "old")
    killed(f"""
from pathlib import Path
from fillrank.runtime.atomic_write import beside, exchange, put_folder
exchange._exchanged = lambda one, other: False
real, calls = Path.replace, []
def replace(self, target):
    calls.append(1)
    if len(calls) == 2: die()
    return real(self, target)
Path.replace = replace
with beside(Path({str(tmp_path)!r}) / "m") as place:
    (place / "model").mkdir(); (place / "model" / "file").write_text("new")
    put_folder(place / "model", Path({str(tmp_path)!r}) / "m")
""")
    assert not (tmp_path / "m").exists()
    found = old_folder(tmp_path / "m")
    assert found is not None
    assert (found / "file").read_text() == "old"
    with beside(tmp_path / "m"):
        assert (tmp_path / "m" / "file").read_text() == "old"
    assert names(tmp_path) == ["m"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path / "deep" / "m", "fits a model into"):
        said = rf"another process \({os.getpid()}\) fits a model into .*m; wait for"
        with pytest.raises(SettingsError, match=said), only_one(tmp_path / "deep" / "m", "fits a model into"):
            raise AssertionError
        with only_one(tmp_path / "deep" / "other", "fits a model into"):
            pass
    with only_one(tmp_path / "deep" / "m", "fits a model into"):
        pass
    assert names(tmp_path / "deep") == []


def test_a_killed_process_locks_nobody_out(tmp_path: Path) -> None:
    killed(f"""
from pathlib import Path
from fillrank.runtime.atomic_write import only_one
with only_one(Path({str(tmp_path)!r}) / "m", "fits a model into"): die()
""")
    assert len(names(tmp_path)) == 1
    with only_one(tmp_path / "m", "fits a model into"):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left on the disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota"),
        (OSError(errno.EFBIG, "File too large"), "ulimit -f"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "no space is left on the disk"),
        (RuntimeError('IoError(Os { code: 27, kind: FileTooLarge, message: "File too large" })'), "ulimit -f"),
    ],
)
def test_a_full_disk_is_said_to_be_one(tmp_path: Path, error: Exception, words: str) -> None:
    with pytest.raises(DiskFullError, match=rf"a is not written: .*{words}"), disk_full_in_words(tmp_path / "a"):
        raise error
    with pytest.raises(DiskFullError, match=words), replacing(tmp_path / "a"):
        raise error
    assert names(tmp_path) == []


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    for error in (OSError(errno.EACCES, "Permission denied"), ValueError("os error 5"), DataError("x")):
        with pytest.raises(type(error)) as caught, disk_full_in_words(tmp_path):
            raise error
        assert caught.value is error


def limited(kib: int) -> Callable[[], None]:
    """No file of more than so many KiB, as on a disk that is full."""
    import resource

    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, kib << 10))


def test_every_writer_says_that_the_disk_is_full(tmp_path: Path) -> None:
    script = f"""
import resource, numpy as np, polars as pl, fillrank as fr, torch
from pathlib import Path
from fillrank.cli.output import write_frame, write_text
from fillrank.errors import DiskFullError
from fillrank.training.checkpoint import Checkpoint, Saved
log = fr.synthetic(600, 300, 20000, seed=1).interactions
model = fr.PureSVD(rank=64).fit(log)
frame = log.to_frame().with_columns(pl.Series("noise", np.random.default_rng(0).random(len(log))))
resource.setrlimit(resource.RLIMIT_FSIZE, (40 << 10, 40 << 10))
here = Path({str(tmp_path)!r})
writers = {{
    "model": lambda: model.save(here / "m"),
    "csv": lambda: write_frame(frame, here / "a.csv"),
    "parquet": lambda: write_frame(frame, here / "a.parquet"),
    "jsonl": lambda: write_frame(frame, here / "a.jsonl"),
    "text": lambda: write_text("x" * 100_000, here / "a.txt"),
    "checkpoint": lambda: Checkpoint(here / "state").write(Saved({{"a": torch.zeros(50_000)}}, {{}})),
}}
for name, write in writers.items():
    try:
        write()
    except DiskFullError as error:
        assert "ulimit" in str(error), error
    else:
        raise AssertionError(name)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert names(tmp_path) == []


def test_a_place_that_can_be_written_is_only_looked_at(tmp_path: Path) -> None:
    assert check_file(tmp_path / "new" / "a.csv") == tmp_path / "new" / "a.csv"
    folder_with(tmp_path / "mine", "x")
    assert check_folder(tmp_path / "mine", "it", foreign=anybodys) == tmp_path / "mine"
    assert names(tmp_path) == ["mine"]


def test_places_that_cannot_be_written_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(tmp_path / "full", "x")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    monkeypatch.chdir(tmp_path / "full")
    file = tmp_path / "full" / "file"
    neither = {
        str(file / "x"): "file is a file; a folder is wanted there",
        str(file / "x" / "y"): "file is a file; a folder is wanted there",
        "/proc/x": "view of the system",
        "/sys/x/y": "view of the system",
        "x" * 300: "File name too long",
        "": "is empty",
    }
    folders = {
        str(file): "is a file; give the name of a folder",
        ".": "is the current folder, or one around it",
        "..": "is the current folder, or one around it",
        str(tmp_path): "is the current folder, or one around it",
        "/": "is the current folder, or one around it",
        "/dev/shm": "is where a disk is mounted",  # noqa: S108
        str(tmp_path / "link"): "is a link to",
        str(tmp_path / "nowhere"): "is a link to",
        str(tmp_path / "loop"): "is a link to",
    }
    files = {
        str(tmp_path / "full"): "is a folder; give the name of a file",
        "/dev/null": "is a device",
        str(tmp_path / "loop"): "cannot be looked at",
    }
    for path, words in (neither | files).items():
        with pytest.raises(DataError, match=words):
            check_file(path)
    for path, words in (neither | folders).items():
        with pytest.raises(ModelFileError, match=words):
            check_folder(path, "the model", ModelFileError, foreign=anybodys)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"it full is not mine; give a new folder"):
        check_folder("full", "it", foreign=nobodys)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_places_that_may_not_be_written_are_refused(tmp_path: Path) -> None:
    folder_with(tmp_path / "closed", "x").chmod(0o555)
    with pytest.raises(DataError, match="Permission denied"):
        check_file(tmp_path / "closed" / "a")
    (tmp_path / "closed" / "file").chmod(0o444)
    with pytest.raises(DataError, match="is write-protected"):
        check_file(tmp_path / "closed" / "file")


def test_a_disk_with_too_little_room_is_refused(tmp_path: Path) -> None:
    check_room(tmp_path / "x" / "y", 1)
    with pytest.raises(DiskFullError, match=r"would need at least [\d,]+ bytes and the disk has [\d,]+ left"):
        check_room(tmp_path / "x" / "y", 1 << 60)


def test_a_seal_covers_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(f'{{"a": 1, "digest": "{UNSEALED}", "b": "\\\\"digest\\\\": \\\\"{UNSEALED}\\\\""}}')
    seal(file)
    assert is_sealed(file)
    content = file.read_bytes()
    assert content.count(UNSEALED.encode()) == 1
    for place in range(len(content)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        assert not is_sealed(file)
    file.write_bytes(content + b"\n")
    assert is_sealed(file) is False
    file.write_text("{}")
    assert is_sealed(file) is None
    with pytest.raises(ValueError, match="has no digest to fill in"):
        seal(file)
