"""The last models of a run, each in a folder beside it; the one at work is in the folder of the run itself.

``RUN.models/0007`` holds a model as it was put to work. Putting one to work is one exchange of two folders, so a kill
at any moment leaves the old model at work or the new one.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from fillrank.errors import ModelFileError
from fillrank.recommend.saved import check_target, load
from fillrank.runtime.atomic_write import beside, put_folder, sync, sync_folder
from fillrank.runtime.atomic_write.marks import CONFIG
from fillrank.runtime.paths import with_ending

__all__ = ["Versions"]

_NUMBER = re.compile(r"\d{4,9}")


class Versions:
    """The models that a run has had.

    Args:
        run: its folder.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.folder = with_ending(run, ".models")

    def numbers(self) -> list[int]:
        """Of the models that are kept, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(int(one.name) for one in self.folder.iterdir() if _NUMBER.fullmatch(one.name) and one.is_dir())

    def place(self, number: int) -> Path:
        """The folder of a model."""
        return self.folder / f"{number:04d}"

    def next(self) -> Path:
        """A folder that no model has had."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.place(max(self.numbers(), default=0) + 1)

    def at_work(self) -> int | None:
        """Which of the kept models is in the folder of the run; None: another one."""
        mark = _mark(self.run)
        return next((one for one in reversed(self.numbers()) if mark and _mark(self.place(one)) == mark), None)

    def keep_running(self) -> int | None:
        """Keep the model at work, if it is not kept yet; gives its number. None: there is none, or it is torn."""
        number = self.at_work()
        if number is None and _mark(self.run):
            fresh = self.next()
            try:
                load(self.run)
            except ModelFileError:
                return None
            _copy(self.run, fresh)
            number = int(fresh.name)
        return number

    def put_to_work(self, number: int) -> None:
        """Let a kept model take the place of the one at work.

        Raises:
            ModelFileError: it is not there, or is torn.
        """
        load(self.place(number))
        check_target(self.run)
        _copy(self.place(number), self.run)

    def before(self) -> int:
        """The model that was at work before the one that is.

        Raises:
            ModelFileError: none is kept.
        """
        now = self.at_work()
        older = [one for one in self.numbers() if now is None or one < now]
        if not older:
            raise ModelFileError(f"no model from before the one in {self.run} is kept in {self.folder}")
        return older[-1]

    def forget_all_but(self, keep: int) -> None:
        """Remove the oldest, but never the one at work."""
        now = self.at_work()
        for number in self.numbers()[:-keep]:
            if number != now:
                shutil.rmtree(self.place(number), ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """A copy of a model that is whole or absent."""
    with beside(target) as folder:
        fresh = folder / "model"
        shutil.copytree(source, fresh)
        for file in fresh.iterdir():
            sync(file)
        sync_folder(fresh)
        put_folder(fresh, target)


def _mark(folder: Path) -> bytes:
    """What tells models apart: the file that has the digests of all others."""
    try:
        return (folder / CONFIG).read_bytes()
    except OSError:
        return b""
