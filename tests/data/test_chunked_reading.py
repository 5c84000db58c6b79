"""Reading in chunks gives what reading at once gives, wherever the cuts fall."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fillrank.data import scan
from fillrank.data.io.chunks import chunks_of
from fillrank.data.io.coding import Coder, RawIds
from fillrank.data.io.encoding import Decoder
from fillrank.data.io.lines import read_records
from fillrank.data.ordering import merge_pairs
from fillrank.data.times import finish_times, parse_times, to_seconds
from fillrank.errors import DataError


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    cuts = np.cumsum([0, *sizes]).tolist()
    return [data[a:b] for a, b in zip(cuts, [*cuts[1:], len(data)], strict=True) if data[a:b]]


@given(st.text(alphabet="aé€😀\n,", max_size=40), st.lists(st.integers(1, 5), max_size=30))
def test_utf_8_that_is_cut_within_its_characters(text: str, sizes: list[int]) -> None:
    decoder = Decoder(pieces(text.encode(), sizes))
    assert b"".join(decoder).decode() == text
    assert not decoder.guessed
    assert not decoder.damaged


@given(
    st.text(alphabet="abé€\n,", min_size=1, max_size=40), st.sampled_from(["utf-16", "utf-16-le", "cp1252", "utf-32"])
)
def test_other_encodings_that_are_cut(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    decoder = Decoder(pieces(data, [3, 5, 1, 1]), encoding)
    assert b"".join(decoder).decode() == text


def test_windows_1252_after_much_ascii_and_a_mixture_that_is_refused() -> None:
    ascii_blocks = [b"ann,1\n" * 2_000] * 3
    decoder = Decoder([*ascii_blocks, "Café\n".encode("cp1252"), "Zoë\n".encode("cp1252")])
    assert b"".join(decoder).decode().endswith("Café\nZoë\n")
    assert (decoder.encoding, decoder.guessed) == ("cp1252", True)
    with pytest.raises(DataError, match=r"seems to be cp1252, but a part of it is UTF-8; name what it is: encoding=…"):
        list(Decoder([*ascii_blocks, "Café\n".encode("cp1252"), "Zoë\n".encode()]))


@pytest.mark.parametrize("seed", range(5))
def test_quoted_records_over_several_lines_are_not_cut(seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for n in range(600):
        title = (
            rng.choice(["plain", 'say ""so""', "two\nlines", "a, b", "three\n\nlines\nhere"]) if n % 40 < 3 else "plain"
        )
        rows.append(f'u{n},"{title}",{n}' if n % 3 else f"u{n},x,{n}")
    text = ("\n".join(rows) + "\n").encode()
    parts = list(chunks_of([text], quotes=True, size=500))
    assert b"".join(parts) == text
    assert len(parts) > 1
    whole = read_records(text, ",", n_fields=3)
    frames = [read_records(part, ",", n_fields=3) for part in parts]
    assert pl.concat([one.fields for one in frames]).rows() == whole.fields.rows()
    assert not any(len(one.ragged) for one in frames)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_lines_are_true_in_later_chunks(end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fillrank.data.io.chunks.CHUNK", 1 << 12)
    monkeypatch.setattr("fillrank.data.io.compression.BLOCK", 1 << 10)
    lines = ["user,item,value", *(f"u{n},i{n % 7},{n}" for n in range(3_000))]
    for bad in (1, 1_500, 2_999):
        lines[bad] = "u,i"
    (tmp_path / "log.csv").write_bytes(end.join(lines).encode())
    assert scan(tmp_path / "log.csv", on_bad="skip").bad_lines == (2, 1_501, 3_000)


@given(
    st.lists(st.lists(st.sampled_from(["7", "8", " 7", "x", "NULL", "", "-3", "70000000000"]), max_size=6), max_size=5)
)
def test_codes_name_the_ids_they_stand_for(parts: list[list[str]]) -> None:
    coder, met, codes = Coder(), [], []
    for part in parts:
        raw = RawIds.of(pl.Series(part, dtype=pl.String), frozenset({"", "null"}), from_text=True)
        keep = np.array([cell.strip().casefold() not in {"", "null"} for cell in part], dtype=bool)
        assert raw.missing is None or (raw.missing == ~keep).all()
        codes += raw.encode(coder, None if keep.all() else keep).tolist()
        met += [cell.strip() for cell in part if cell.strip().casefold() not in {"", "null"}]
    ids, places = coder.finish(from_text=True)
    assert [str(ids[int(places[code])]) for code in codes] == met
    assert ids.to_list() == sorted(ids.to_list())
    assert set(map(str, ids)) == set(met)
    assert ids.dtype == (pl.String if "x" in met else pl.Int64) or not met


PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(-9, 9), st.integers(0, 3)), max_size=25)


@given(PAIRS, st.sampled_from(["last", "first", "mean", "sum"]), st.booleans(), st.booleans(), st.booleans())
def test_pairs_are_joined_as_by_hand(
    rows: list[tuple[int, ...]], policy: str, valued: bool, timed: bool, weighted: bool
) -> None:
    users, items, values, times = (
        np.array(column, dtype=np.int64) for column in (zip(*rows, strict=True) if rows else [()] * 4)
    )
    given_values = values.astype(np.float64) if valued else None
    weights = np.maximum(values, 0).astype(np.float64) if weighted else None
    found = merge_pairs((users, items, given_values, times if timed else None, weights), 4, policy)
    wanted: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for user, item, value, time in rows:
        wanted.setdefault((user, item), []).append((time if timed else 0, value))
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == sorted(wanted)
    for place, pair in enumerate(sorted(wanted)):
        of_pair = sorted(wanted[pair], key=lambda row: row[0])
        one = of_pair[0 if policy == "first" else -1]
        if valued:
            total = sum(value for _, value in of_pair)
            joined = {"sum": total, "mean": total / len(of_pair)}.get(policy, one[1])
            assert found[2][place] == pytest.approx(joined)  # type: ignore[index]
        elif policy == "sum" and not weighted:
            assert found[2][place] == len(of_pair)  # type: ignore[index]
        if weighted:  # they add up, but where the last row says that the pair is of no interest
            total = 0 if one[1] <= 0 else sum(max(value, 0) for _, value in of_pair)
            joined = total if policy in {"sum", "mean"} else max(one[1], 0)
            assert found[4][place] == pytest.approx(joined)  # type: ignore[index]
        if timed:
            assert found[3][place] == one[0]  # type: ignore[index]


def test_pairs_whose_key_and_row_do_not_fit_into_64_bits() -> None:
    users = np.array([2**31 - 1, 3, 2**31 - 1], dtype=np.int64)
    items = np.array([2**31 - 2, 1, 2**31 - 2], dtype=np.int64)
    found = merge_pairs((users, items, np.array([1.0, 2.0, 3.0]), None, None), 2**31 - 1, "last")
    assert [column.tolist() for column in found if column is not None] == [[3, 2**31 - 1], [1, 2**31 - 2], [2.0, 3.0]]


@given(
    st.lists(st.sampled_from([0, 5, 1_260_759_144, 1_260_759_144_000, 20_200_131, -86_400]), min_size=1, max_size=12)
)
def test_the_unit_of_times_does_not_depend_on_the_chunks(numbers: list[int]) -> None:
    whole = to_seconds(pl.Series(numbers)).to_list()
    parts = [parse_times(pl.Series(numbers[place : place + 3])) for place in range(0, len(numbers), 3)]
    seconds = finish_times(parts)
    found = [
        s if ok else None
        for part, each in zip(parts, seconds, strict=True)
        for s, ok in zip(each.tolist(), part.valid, strict=True)
    ]
    assert found == whole
