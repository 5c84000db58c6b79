"""A data format from outside of fillrank: blocks of an item's ratings, "17:" and below it "ann,5", "bob,3" …"""

import tempfile
from pathlib import Path

import polars as pl

import fillrank as fr
from fillrank.data import READERS
from fillrank.testing import check_model

TEXT = "".join(f"{i}:\n" + "".join(f"u{u},{1 + u * i % 5}\n" for u in range(i % 2, 60, 2)) for i in range(30))


def read_blocks(content):
    """What a file holds (bytes, unpacked already) → a frame with a row for each rating."""
    rows, item = [], None
    for line in content.decode().splitlines():
        if line.endswith(":"):
            item = line[:-1]
        else:
            rows.append((line.split(",")[0], item, float(line.split(",")[1])))
    return pl.DataFrame(rows, schema=["user", "item", "rating"], orient="row")


def main():
    read_blocks.endings = (".blocks",)  # the files that it is for
    READERS.register("blocks", read_blocks)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ratings.blocks").write_text(TEXT)
        log = fr.read(Path(folder, "ratings.blocks"))
    parts = fr.split.random(log, test=0.1, valid=0.1, seed=0)
    check_model(fr.BiasedSVD(rank=2), parts=parts)  # what was read will do for a model
    return fr.BiasedSVD(rank=2).fit(log, progress=False)


if __name__ == "__main__":
    main()
