"""A damaged or forged checkpoint ends in an error of ours, or the training ends as it would have."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import fillrank as fr
from fillrank.errors import FillrankError
from fillrank.training.checkpoint import Checkpoint, Saved

WRONG: list[Any] = [None, True, 3, -1, 1.5, float("nan"), 10**400, "x", "", [], [1], {}, {"a": 1}, [[]] * 3]
LOG = fr.synthetic(30, 20, 250, seed=1).interactions
ROUTES = {"fast": {}, "autograd": {"route": "autograd"}}


def fitted(path: Path, route: str) -> fr.Recommender:
    return fr.Contrastive(dim=2, epochs=3, **ROUTES[route]).fit(LOG, checkpoint=path)


def parts_of(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["facts"])  # noqa: SIM118


def forged(path: Path, tensors: dict[str, torch.Tensor], facts: Any) -> None:
    """As version 0.1 wrote it, without a digest."""
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path, {"facts": json.dumps(facts)}
    )


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


@pytest.fixture(params=sorted(ROUTES))
def stopped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, bytes]:
    """A route, the place of a checkpoint, and what it held after the second epoch."""
    path, written = tmp_path / "state", []
    real = Checkpoint.write

    def write(self: Checkpoint, saved: Saved) -> None:
        real(self, saved)
        written.append(path.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", write)
        fitted(path, request.param)
    return request.param, path, written[1]


def tried(path: Path, route: str) -> fr.Recommender | None:
    try:
        return fitted(path, route)
    except FillrankError:
        return None


def test_one_without_a_digest_is_gone_on_from(stopped: tuple[str, Path, bytes]) -> None:
    route, path, content = stopped
    path.write_bytes(content)
    wanted = tried(path, route)
    path.write_bytes(content)
    forged(path, *parts_of(path))
    found = tried(path, route)
    assert wanted is not None
    assert found is not None
    assert torch.equal(found.scorer.tensors()["items"], wanted.scorer.tensors()["items"])


@pytest.mark.slow
def test_every_kind_of_damage(stopped: tuple[str, Path, bytes]) -> None:
    route, path, content = stopped
    path.write_bytes(content)
    tensors, facts = parts_of(path)
    tried_, refused = 0, 0
    for way in places(facts):
        for value in WRONG:
            edited = json.loads(json.dumps(facts))
            place = edited
            for key in way[:-1]:
                place = place[key]
            place[way[-1]] = value
            forged(path, tensors, edited)
            tried_, refused = tried_ + 1, refused + (tried(path, route) is None)
    for whole in WRONG:
        forged(path, tensors, whole)
        assert tried(path, route) is None
    for name, tensor in tensors.items():
        others = [tensor.to(torch.int64), tensor.to(torch.float64), tensor.reshape(-1)[:1], tensor[None]]
        for other in others:
            if (other.dtype, other.shape) != (tensor.dtype, tensor.shape):
                forged(path, {**tensors, name: other}, facts)
                tried_, refused = tried_ + 1, refused + (tried(path, route) is None)
        forged(path, {other: tensors[other] for other in tensors if other != name}, facts)
        tried(path, route)
    assert refused > tried_ // 2
