"""``lab``: answer the worksheet of a course on matrix completion."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fillrank.cli.options import JsonOption, ReadOption, SeedOption, open_log, path_of
from fillrank.cli.output import show

if TYPE_CHECKING:
    from fillrank.lab.files import FilmRatings
    from fillrank.lab.worksheet import Completion, Factorisation, FilmAnswer

__all__ = ["lab"]

_DATA = "movielens-small"
_FILM = "A Beautiful Mind"


def lab(
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="NAME|PATH", help=f"Ratings for the film question: a data set or a file; else {_DATA}."
        ),
    ] = None,
    read: ReadOption = None,
    ratings: Annotated[
        Path | None,
        typer.Option(
            "--ratings", metavar="FILE.pt", help="Instead of --data: the lab's tensor, films by users.", parser=path_of
        ),
    ] = None,
    titles: Annotated[
        Path | None,
        typer.Option("--titles", metavar="FILE.csv", help="The titles of the rows of --ratings.", parser=path_of),
    ] = None,
    film: Annotated[str | None, typer.Option("--film", metavar="TITLE|ID", help=f"Which film; else {_FILM!r}.")] = None,
    user: Annotated[
        int, typer.Option("--user", min=1, help="Whose rating: a position from 1, not an id; the 5th user is 5.")
    ] = 5,
    runs: Annotated[
        int, typer.Option("--runs", min=1, help="How many seeds show the spread on the small matrix.")
    ] = 10,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Answer the lab's worksheet: SGD compared with the SVD, a completed matrix, and a predicted film rating."""
    if (ratings is None) != (titles is None):
        raise typer.BadParameter("give --ratings and --titles together")
    if data is not None and ratings is not None:
        raise typer.BadParameter("give --data, or --ratings and --titles, but not both")
    from fillrank.lab.worksheet import complete_toy, factorise_toy, film_question

    films = _films(data, read, ratings, titles)  # first, so that a file that cannot be read costs no wait
    seeds = range(seed, seed + runs)
    factorised, completed = factorise_toy(seeds), complete_toy(seeds)
    answer = film_question(films, _default_film(films) if film is None else film, user, seed=seed)
    parts = (_factorised_text(factorised), _completed_text(completed), _film_text(answer))
    document = {"factorisation": asdict(factorised), "completion": asdict(completed), "film": answer.to_dict()}
    show(document, "\n\n".join(parts), as_json=as_json)


def _films(data: str | None, read: list[str] | None, ratings: Path | None, titles: Path | None) -> FilmRatings:
    from fillrank.lab.files import film_ratings_of, read_lab_files

    if ratings is not None and titles is not None:
        return read_lab_files(ratings, titles)
    return film_ratings_of(open_log(data or _DATA, read))


def _default_film(films: FilmRatings) -> Any:
    """The lab's film, or the first row if films have no titles."""
    return _FILM if films.films.labels is not None else films.films.ids[0]


def _factorised_text(found: Factorisation) -> str:
    from fillrank.lab.worksheet import TOY

    beside = (_matrix(TOY), _matrix(found.reconstruction), _matrix(found.svd_reconstruction))
    heads = ("A", f"SGD, seed {found.seeds[0]}", "truncated SVD")
    best, worst = (100 * (loss / found.svd_loss - 1) for loss in (min(found.losses), max(found.losses)))
    sigmas = ", ".join(f"{s:.4f}" for s in found.singular_values)
    return "\n".join(
        [
            "1, 2  Factorise: rank 2, 1000 epochs of SGD at rate 0.01, against the truncated SVD",
            "",
            _side_by_side(heads, beside),
            "",
            f"  squared error, SGD  {found.losses[0]:.5f} with seed {found.seeds[0]}; "
            f"{_span(found.losses, '.5f')} over {len(found.seeds)} seeds, median {median(found.losses):.5f}",
            f"  squared error, SVD  {found.svd_loss:.5f}: the square of the last of the singular values {sigmas}",
            "",
            "  By the theorem of Eckart and Young no matrix of rank 2 is nearer to A than the truncated SVD.",
            "  Descent comes near and cannot pass it: after 1000 epochs its error is larger by",
            f"  {best:.2f} % with the best seed and {worst:.1f} % with the worst, which needs more epochs.",
        ]
    )


def _completed_text(found: Completion) -> str:
    lines = [
        f"3     Complete: two of the nine cells hidden, rank 2, {len(found.seeds)} seeds",
        "",
        _side_by_side(
            ("completed, mean over seeds", "standard deviation"), (_matrix(found.reconstruction), _matrix(found.spread))
        ),
        "",
    ]
    for cell in found.hidden:
        where = f"row {cell['row'] + 1}, column {cell['column'] + 1}"
        lines.append(f"  {where} was {cell['true']:.4f}; filled with {_span(cell['filled'], '.2f')}")
    return "\n".join(
        [
            *lines,
            f"  squared error       {_span(found.observed_losses, '.1e')} over the observed cells, "
            f"{_span(found.full_losses, '.2f')} over all nine",
            "",
            "  The observed cells are fitted, and the hidden ones are not: each seed fills them in its own way.",
            "  Matrices of 3×3 and rank 2 have 8 degrees of freedom (12 parameters, less the 4 of any invertible",
            "  2×2 matrix that U and V may trade between them), and 7 observations cannot settle them. A low error",
            "  on what was observed says nothing of what was not: hold cells back to measure it, and penalise",
            "  large factors.",
        ]
    )


def _film_text(found: FilmAnswer) -> str:
    lines = [
        f"4     A film: {found.data}, {found.n_films:,} films by {found.n_users:,} users, {found.n_ratings:,} ratings;",
        f"      gradient descent, rank {found.rank}, {found.num_epochs:,} epochs at rate {found.lr:g}, "
        f"{found.seconds:.1f} seconds",
        "",
        f"  user {found.user}{_called(found.user_id)}, film {found.film!r}: predicted {found.predicted:.2f}",
    ]
    if found.rated is not None:
        lines.append(
            f"  That user did rate it, {found.rated:g}, and the descent has seen that. With this one cell hidden: "
            f"{found.predicted_unseen:.2f}"
        )
    if found.film_mean is not None:
        lines.append(f"  mean rating of the film by those who rated it: {found.film_mean:.2f}")
    return "\n".join(
        [
            *lines,
            f"  sum of squared errors over the rated cells: {found.sse:,.1f}",
            f"  the root of their mean: {found.rmse:.4f}; predicting the mean rating everywhere: {found.mean_rmse:.4f}",
            "  Both are errors on ratings that were learned from; fillrank evaluate measures on others.",
        ]
    )


def _called(user_id: Any) -> str:
    return "" if user_id is None else f" (id {user_id!r})"


def _matrix(rows: Any) -> list[str]:
    return ["".join(f"{value:9.4f}" for value in row) for row in rows]


def _side_by_side(heads: tuple[str, ...], matrices: tuple[list[str], ...]) -> str:
    width = max(len(line) for matrix in matrices for line in matrix)
    table = [[f"   {head}" for head in heads], *zip(*matrices, strict=True)]
    return "\n".join("   ".join(cell.ljust(width) for cell in row).rstrip() for row in table)


def _span(numbers: list[float], form: str) -> str:
    return f"{min(numbers):{form}} to {max(numbers):{form}}"
