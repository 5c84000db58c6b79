"""A damaged or forged saved model ends in an error of ours, or is as it was; never in a traceback, never silently."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

import fillrank as fr
from fillrank.errors import FillrankError, ModelFileError

OLD = Path(__file__).parents[1] / "golden" / "version-0.1" / "models"
NAMES = sorted(path.name for path in OLD.iterdir() if path.is_dir())
WRONG: list[Any] = [
    None,
    True,
    3,
    -1,
    0,
    1.5,
    float("nan"),
    float("inf"),
    10**400,
    "x",
    "",
    [],
    [1],
    {},
    {"a": 1},
    [[]] * 3,
]
DTYPES = [torch.int64, torch.int32, torch.bool, torch.float64, torch.float16, torch.bfloat16, torch.uint8]


def told(model: fr.Recommender) -> tuple[Any, ...]:
    """All that a model says, to be compared."""
    users, items = model.user_ids.ids.to_list(), model.item_ids.ids.to_list()
    lists = model.recommend(k=3)
    said: list[Any] = [
        model.name,
        dict(model.settings),
        list(model.history),
        model.value_range,
        lists.rows(),
        str(model),
    ]
    said.append(model.recommend(["nobody"], k=2, unknown="popular").rows())
    if model.predictor is not None:
        said.append(model.predict([users[0], users[-1]], [items[0], items[-1]]).tolist())
    try:
        said.append(model.fold_in({items[0]: 2.0, items[1]: 3.0}).recommend(k=2).rows())
        said.append(model.similar_items(items[0], k=2).rows())
    except FillrankError as error:
        said.append(str(error))
    return tuple(map(repr, said))


def tried(folder: Path) -> tuple[Any, ...] | None:
    """What the model in ``folder`` says; None where it is refused, and any other error goes on."""
    try:
        model = fr.Recommender.load(folder)
    except ModelFileError:
        return None
    try:
        return told(model)
    except FillrankError:
        return None


def forged(folder: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """Change ``config.json`` as version 0.1 wrote it, with digests that fit the other files."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    for name in config["sha256"]:
        config["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    change(config)
    file.write_text(json.dumps(config))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value inside plain data."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def put(config: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        config = config[key]
    config[path[-1]] = value


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[Path], Path]:
    """A fresh copy of a model's folder, time and again."""

    def fresh(source: Path) -> Path:
        shutil.rmtree(tmp_path / "m", ignore_errors=True)
        shutil.copytree(source, tmp_path / "m")
        return tmp_path / "m"

    return fresh


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["0.1", "now"])
@pytest.mark.parametrize("name", NAMES)
def test_flipped_bits_and_torn_files(name: str, kind: str, copy: Callable[[Path], Path], tmp_path: Path) -> None:
    source = OLD / name
    if kind == "now":
        fr.Recommender.load(source).save(tmp_path / "source")
        source = tmp_path / "source"
    whole, rng = told(fr.Recommender.load(source)), np.random.default_rng(len(name))
    silent = []
    for file in sorted(path.name for path in source.iterdir()):
        content = (source / file).read_bytes()
        if not content or (kind == "0.1" and file == "config.json"):  # it had no digest of itself
            continue
        for place in rng.choice(len(content), min(len(content), 12), replace=False):
            folder, bit = copy(source), 1 << int(rng.integers(8))
            (folder / file).write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            if tried(folder) not in (None, whole):
                silent.append((file, int(place), bit))
        for size in (0, 1, len(content) // 2, len(content) - 1):
            folder = copy(source)
            (folder / file).write_bytes(content[:size])
            if tried(folder) not in (None, whole):
                silent.append((file, "torn", size))
    assert silent == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_values_of_every_wrong_kind_in_config(name: str, copy: Callable[[Path], Path]) -> None:
    config = json.loads((OLD / name / "config.json").read_text())
    ways = [path for path in places(config) if path[0] not in {"settings", "sha256", "written_by"}]
    ways += [path for path in places(config) if len(path) <= 2 and path[0] in {"settings", "sha256", "written_by"}]
    refused = 0
    for path in ways:
        for value in WRONG:
            folder = copy(OLD / name)
            forged(folder, lambda config, path=path, value=value: put(config, path, value))  # type: ignore[misc]
            refused += tried(folder) is None
        folder = copy(OLD / name)

        def without(config: Any, path: tuple[Any, ...] = path) -> None:
            for key in path[:-1]:
                config = config[key]
            del config[path[-1]]

        forged(folder, without)
        tried(folder)
    assert refused > len(ways)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_tensors_of_every_wrong_kind(name: str, copy: Callable[[Path], Path]) -> None:
    tensors = load_file(OLD / name / "model.safetensors")
    spoilt: list[dict[str, torch.Tensor]] = []
    for key, tensor in tensors.items():
        others = [tensor.to(dtype) for dtype in DTYPES if dtype != tensor.dtype]
        others += [tensor.reshape(-1), tensor[None]]
        if tensor.dim():
            others += [tensor[:-1], tensor.repeat(2, *[1] * (tensor.dim() - 1))]
        others += [torch.zeros(0, dtype=tensor.dtype), torch.tensor(1, dtype=tensor.dtype)]
        if tensor.is_floating_point() and tensor.numel():
            for value in (torch.nan, torch.inf, -torch.inf):
                others.append(tensor.clone())
                others[-1].view(-1)[0] = value
        elif tensor.numel():
            for value in (-1, 10**6, 2**31 - 1):
                others.append(tensor.clone())
                others[-1].view(-1)[0] = value
        spoilt += [{**tensors, key: other.contiguous().clone()} for other in others]
        spoilt.append({other: tensors[other] for other in tensors if other != key})
        spoilt.append({**tensors, f"{key}x": tensor.clone()})
    for case in spoilt:
        folder = copy(OLD / name)
        save_file(case, folder / "model.safetensors")
        forged(folder)
        tried(folder)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["users.parquet", "items.parquet"])
@pytest.mark.parametrize("name", NAMES[:3])
def test_ids_of_every_wrong_kind(name: str, file: str, copy: Callable[[Path], Path]) -> None:
    frame = pl.read_parquet(OLD / name / file)
    ids, n = frame["id"], len(frame)
    columns: list[list[pl.Series]] = [
        [pl.Series("id", range(n), dtype=dtype)]
        for dtype in (pl.Int8, pl.UInt64, pl.Float64, pl.Date, pl.Duration, pl.Boolean)
    ]
    columns += [
        [ids.cast(pl.String).cast(pl.Categorical)],
        [pl.Series("id", [[1]] * n)],
        [pl.Series("id", [{"a": 1}] * n)],
        [pl.Series("id", [b"x"] * n)],
        [pl.Series("id", [None] * n, dtype=pl.String)],
        [pl.Series("id", [1] * n)],
        [ids.reverse()],
        [ids.head(n - 1)],
        [ids.rename("ids")],
        [ids, pl.Series("label", range(n))],
        [ids, pl.Series("label", [None] * n)],
        [ids, pl.Series("other", range(n))],
    ]
    refused = 0
    for case in columns:
        folder = copy(OLD / name)
        pl.DataFrame(case).write_parquet(folder / file)
        forged(folder)
        refused += tried(folder) is None
    assert refused >= len(columns) - 2


@pytest.mark.slow
def test_histories_of_every_wrong_kind(copy: Callable[[Path], Path]) -> None:
    for text in (
        "x",
        "[",
        "[" * 100_000,
        "1",
        "null",
        '"x"',
        "[1]",
        "9" * 5000,
        '{"a": ' + "9" * 5000 + "}",
        "\n",
        "{}\n\n{}",
    ):
        folder = copy(OLD / "als")
        (folder / "history.jsonl").write_text(text)
        forged(folder)
        tried(folder)
    for content in (b"\xff\xfe", b"\x00", b'{"a": "\\ud800"}'):
        folder = copy(OLD / "als")
        (folder / "history.jsonl").write_bytes(content)
        forged(folder)
        assert tried(folder) is None
