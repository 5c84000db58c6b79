"""A fit finds out before it trains that it cannot save, keeps others out, and removes nothing that is not its own."""

from pathlib import Path

import pytest

import fillrank as fr
from fillrank.errors import DataError, DiskFullError, ModelFileError, SettingsError
from fillrank.experiments.run import fit as run
from fillrank.experiments.run.fit import RunPlan, fit_run
from fillrank.experiments.run.folder import least_bytes
from fillrank.models import Popularity, PureSVD
from fillrank.runtime.atomic_write import only_one
from fillrank.training.checkpoint import Checkpoint, Saved


@pytest.fixture(autouse=True)
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A folder with a log to work in; a list that grows by every training of the most popular items."""
    monkeypatch.chdir(tmp_path)
    rows = (f"{u},{i},{(u * i) % 5 + 1}\n" for u in range(20) for i in range(12) if (u + i) % 3)
    Path("log.csv").write_text("user,item,rating\n" + "".join(rows))
    count: list[int] = []
    real = Popularity.fit

    def fit(self: Popularity, *args: object, **options: object) -> fr.Recommender:
        count.append(1)
        return real(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Popularity, "fit", fit)
    return count


def plan(out: str, model: str = "popularity", **more: object) -> RunPlan:
    return RunPlan.of({"data": "log.csv", "model": model, "out": out} | more)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("log.csv", "is a file; give the name of a folder"),
        ("log.csv/m", "log.csv is a file; a folder is wanted there"),
        ("log.csv/deep/m", "log.csv is a file; a folder is wanted there"),
        (".", "is the current folder"),
        ("..", "is the current folder"),
        ("/proc/m", "view of the system"),
        ("/dev/shm", "is where a disk is mounted"),  # noqa: S108
        ("x" * 300, "File name too long"),
        ("x" * 220, "is longer than 200 bytes"),
        ("thesis", "exists and is no saved model"),
        ("link", "is a link to"),
    ],
)
def test_a_place_that_cannot_be_saved_to_is_refused_before_the_training(
    trained: list[int], out: str, words: str
) -> None:
    Path("thesis").mkdir()
    Path("thesis/config.json").write_text("{}")
    Path("link").symlink_to("thesis")
    with pytest.raises(ModelFileError, match=words):
        fit_run(plan(out))
    assert not trained
    assert sorted(path.name for path in Path().iterdir()) == ["link", "log.csv", "thesis"]


def test_a_disk_with_too_little_room_is_found_before_the_training(
    trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert least_bytes(PureSVD(rank=7), fr.read("log.csv")) == 8 * 160 + 4 * 7 * (20 + 12)
    monkeypatch.setattr(run, "least_bytes", lambda *_: 1 << 60)
    with pytest.raises(DiskFullError, match="m would need at least"):
        fit_run(plan("m"))
    assert not trained


def test_a_second_fit_into_the_same_folder_is_refused(trained: list[int]) -> None:
    with only_one(Path("m"), "is fitting a model into"):
        with pytest.raises(ModelFileError, match=r"another process \(\d+\) is fitting a model into m; wait"):
            fit_run(plan("m"))
        assert not trained
        assert fit_run(plan("m2")) is not None
    assert fit_run(plan("m")) is not None
    assert sorted(path.name for path in Path().iterdir()) == ["log.csv", "m", "m2"]


def test_a_saved_run_is_one_folder_whose_files_are_all_under_a_digest() -> None:
    fit_run(plan("m"))
    Path("m/run.toml").write_text(Path("m/run.toml").read_text() + "\n")
    with pytest.raises(ModelFileError, match=r"run\.toml is not as it was written"):
        fr.Recommender.load("m")


def test_a_folder_of_somebody_else_where_the_state_goes_is_left_alone() -> None:
    folder = Path("m.checkpoint")
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    small = {"settings": {"dim": 4, "epochs": 1}}
    with pytest.raises(SettingsError, match=r"holds something else \(thesis\.tex\); move it"):
        fit_run(plan("m", "contrastive", **small))
    assert (folder / "thesis.tex").read_text() == "years of work"
    assert not Path("m").exists()


def test_a_torn_record_of_an_unfinished_run_is_an_error_in_words() -> None:
    folder = Path("m.checkpoint")
    folder.mkdir()
    (folder / "state.safetensors").touch()
    (folder / "run.toml").write_text("data = \x00")
    with pytest.raises(SettingsError, match=r"run\.toml is torn .*; remove m\.checkpoint to begin anew"):
        fit_run(plan("m", "contrastive", settings={"dim": 4}))


def test_a_state_that_cannot_be_written_is_found_before_the_training() -> None:
    with pytest.raises(SettingsError, match=r"the checkpoint log\.csv/state cannot be written: .* is a file"):
        fr.Contrastive(dim=4).fit(fr.read("log.csv"), checkpoint="log.csv/state")


def test_a_torn_state_is_refused_wherever_it_is_torn(tmp_path: Path) -> None:
    log = fr.read("log.csv")
    path, saved = tmp_path / "state", []
    real = Checkpoint.write

    def write(self: Checkpoint, state: Saved) -> None:
        real(self, state)
        saved.append(path.read_bytes())

    recipe = fr.Contrastive(dim=2, epochs=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", write)
        recipe.fit(log, checkpoint=path)
    whole = saved[1]
    for place in range(0, len(whole), 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        with pytest.raises(DataError, match="is no whole checkpoint"):
            recipe.fit(log, checkpoint=path)
    path.write_bytes(whole[:-1])
    with pytest.raises(DataError, match="is no whole checkpoint"):
        recipe.fit(log, checkpoint=path)
