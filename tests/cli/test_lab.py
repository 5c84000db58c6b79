"""``fillrank lab``: the worksheet's numbers, and the lab's own files, whole and torn."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import Result

from fillrank.data import Interactions
from fillrank.errors import DataError, SettingsError
from fillrank.lab.files import FilmRatings, film_ratings_of, read_lab_files
from fillrank.lab.worksheet import factorise_toy, film_question

Run = Callable[..., Result]
Json = Callable[..., Any]


class CallsOnReading:
    """An object whose pickle asks the reader to call something."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("called"),)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Ratings 1 … 5 of 30 films by 12 users, a third of them missing, and titles in an order of their own."""
    generator = torch.Generator().manual_seed(0)
    ratings = torch.randint(1, 6, (30, 12), generator=generator).float()
    ratings[torch.rand(30, 12, generator=generator) < 0.3] = 0
    ratings[4, 4], ratings[7, 4] = 0, 5
    torch.save(ratings, tmp_path / "ratings.pt")
    titles = [f'{row},"Film, the {row}th"' for row in reversed(range(30)) if row != 4]
    (tmp_path / "titles.csv").write_text("\n".join(["movie,name", "4,A Beautiful Mind", *titles]) + "\n")
    return tmp_path / "ratings.pt", tmp_path / "titles.csv"


def test_the_worksheet_on_the_labs_own_files(files: tuple[Path, Path], json_of: Json) -> None:
    document = json_of("lab", "--ratings", files[0], "--titles", files[1])
    small, completed, film = (document[part] for part in ("factorisation", "completion", "film"))
    assert small["svd_loss"] == pytest.approx(0.12191, abs=1e-5)
    assert small["singular_values"] == pytest.approx([5.3339, 0.6959, 0.3492], abs=1e-4)
    assert all(0.12191 <= loss <= 0.1232 for loss in small["losses"][:5])
    assert [(cell["row"], cell["column"], round(cell["true"], 4)) for cell in completed["hidden"]] == [
        (1, 0, 3.3359),
        (2, 1, 0.5301),
    ]
    assert max(completed["observed_losses"]) < 0.02
    assert min(completed["full_losses"]) > 1
    ratings = torch.load(files[0], weights_only=True)
    assert (film["film"], film["user"], film["rated"]) == ("A Beautiful Mind", 5, None)
    assert (film["n_films"], film["n_users"], film["n_ratings"]) == (30, 12, int((ratings > 0).sum()))
    assert film["sse"] == pytest.approx(film["rmse"] ** 2 * film["n_ratings"])
    assert (film["rank"], film["num_epochs"], film["lr"]) == (5, 1000, 1e-5)


def test_the_worksheet_for_people(files: tuple[Path, Path], fillrank: Run) -> None:
    words = ("lab", "--ratings", files[0], "--titles", files[1], "--film", "film, the 7th", "--runs", 2)
    result = fillrank(*words)
    assert result.exit_code == 0, result.stderr
    assert "squared error, SVD  0.12191" in result.stdout
    assert "theorem of Eckart and Young" in result.stdout
    assert re.search(r"user 5, film 'Film, the 7th': predicted \d", result.stdout)
    assert re.search(r"did rate it, 5, .*With this one cell hidden: \d", result.stdout)


def test_a_log_takes_the_place_of_the_files(log_file: Path, json_of: Json) -> None:
    document = json_of("lab", "--data", log_file, "--film", "film 3", "--runs", 1)
    assert (document["film"]["film"], document["film"]["n_users"]) == ("film 3", 150)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--ratings", "{ratings}"], 2, "give --ratings and --titles together"),
        (["--ratings", "{ratings}", "--titles", "{titles}", "--data", "ml-1m"], 2, "but not both"),
        (["--ratings", "{ratings}", "--titles", "{titles}", "--user", "13"], 1, "counted from 1 to 12, got 13"),
        (["--ratings", "{ratings}", "--titles", "{titles}", "--film", "A Beautiful Mine"], 1, "did you mean 'A Beauti"),
        (
            ["--ratings", "{ratings}", "--titles", "nowhere.csv"],
            1,
            "nowhere.csv cannot be read: No such file or directory",
        ),
        (["--user", "0"], 2, "--user"),
    ],
)
def test_what_the_command_refuses(
    words: list[str], code: int, said: str, files: tuple[Path, Path], fillrank: Run
) -> None:
    result = fillrank("lab", *(word.format(ratings=files[0], titles=files[1]) for word in words))
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as a tensor: it is torn"),
        (b"not a tensor at all", "cannot be read as a tensor: it is torn"),
        (CallsOnReading(), r"holds objects that may run code \(UnpicklingError\)"),
        ({"ratings": torch.ones(2, 2)}, "holds a dict; a tensor of ratings"),
        (torch.ones(3), r"shape \[3\]; a dense matrix"),
        (torch.eye(3).to_sparse(), "sparse_coo"),
        (torch.ones(1, 1).expand(10**6, 10**6), r"claims a matrix of \[1000000, 1000000\] and has only \d+ bytes"),
        (torch.full((30, 12), -1.0), "negative or infinite"),
        (torch.full((30, 12), float("inf")), "negative or infinite"),
        (torch.zeros(30, 12), "holds no rating"),
        (torch.ones(29, 12), r"must name the rows 0 to 28 .* names 30 rows from 0 to 29"),
    ],
)
def test_a_tensors_file_that_is_refused(
    content: Any, said: str, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files[0].parent)
    if isinstance(content, bytes):
        files[0].write_bytes(content)
    else:
        torch.save(content, files[0])
    with pytest.raises(DataError, match=said):
        read_lab_files(*files)
    assert not Path("called").exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_torn_tensor_is_refused(share: float, files: tuple[Path, Path]) -> None:
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match="it is torn"):
        read_lab_files(*files)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty; there is nothing to read"),
        (b"movie,name\n0,Heat\n0,Alien\n", "names 1 rows of the tensor more than once"),
        (b"movie,name\n0,Heat\n1,Alien,1979\n", "after 1 such lines: too many values"),
        (b"movie,name\nHeat,0\n", "after 0 such lines: invalid literal"),
        (b'movie,name\n0,"Heat\n', "unexpected end of data"),
    ],
)
def test_titles_that_are_refused(text: bytes, said: str, files: tuple[Path, Path]) -> None:
    files[1].write_bytes(text)
    with pytest.raises(DataError, match=said):
        read_lab_files(*files)


def test_the_most_rated_films_of_the_most_active_users() -> None:
    log = Interactions.from_arrays([1, 2, 2, 3, 3, 3], [7, 7, 8, 7, 8, 9], values=[0, 2, 3, 4, 5, 1])
    found = film_ratings_of(log, n_films=2, n_users=2)
    assert found.films.ids.to_list() == [7, 8]
    assert found.values.tolist() == [[2, 4], [3, 5]]
    everything = film_ratings_of(log)
    assert everything.observed.int().tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]  # the zero is a rating
    with pytest.raises(DataError, match="this log has no values"):
        film_ratings_of(log.without_values())


def test_hiding_the_asked_cell_is_a_prediction_in_earnest() -> None:
    generator = torch.Generator().manual_seed(1)
    A = torch.rand(8, 1, generator=generator) @ torch.rand(1, 6, generator=generator) * 4 + 1
    log = Interactions.from_arrays(*torch.ones(6, 8).nonzero().T.tolist(), values=A.T.flatten().tolist())
    films: FilmRatings = film_ratings_of(log)
    answer = film_question(films, 2, 3, rank=2, lr=0.01, num_epochs=3000)
    assert answer.rated == pytest.approx(float(A[2, 2]))
    assert answer.predicted == pytest.approx(answer.rated, abs=0.01)
    assert answer.predicted_unseen == pytest.approx(answer.rated, abs=0.3)
    assert answer.predicted_unseen != answer.predicted


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_cannot_be(seed: int) -> None:
    with pytest.raises(SettingsError, match=f"seed must be from 0 to .* got {seed}"):
        factorise_toy([seed])


def test_a_worksheet_without_seeds() -> None:
    with pytest.raises(SettingsError, match="one seed or more"):
        factorise_toy([])
