"""Who and what is alike: cosines of the vectors that rank, one at a time and in batches."""

from __future__ import annotations

import numpy as np
import pytest
from polars.testing import assert_frame_equal

import fillrank as fr
from fillrank.data import Split
from fillrank.errors import DataError, UnknownIdError
from fillrank.recommend import Recommender


@pytest.fixture(scope="module")
def model(parts: Split) -> Recommender:
    return fr.PureSVD(rank=4).fit(parts.train)


@pytest.mark.parametrize("side", ["item", "user"])
def test_a_batch_is_each_asked_alone(model: Recommender, side: str) -> None:
    ids, nearest = getattr(model, f"{side}_ids").ids, getattr(model, f"similar_{side}s")
    asked = [ids[7], ids[2], ids[7]]
    batch = nearest(asked, k=5)
    assert batch["similar_to"].to_list() == [one for one in asked for _ in range(5)]
    for n, one in enumerate(asked):
        alone = nearest(one, k=5)
        assert "similar_to" not in alone.columns
        assert_frame_equal(batch[5 * n : 5 * n + 5].drop("similar_to"), alone)  # a product of more rows rounds anew


@pytest.mark.parametrize("side", ["item", "user"])
def test_the_nearest_are_the_largest_cosines(model: Recommender, side: str) -> None:
    vectors = getattr(model.scorer, f"{side}_vectors").double().numpy()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit[3]
    cosines[3] = -2
    ids = getattr(model, f"{side}_ids").ids
    found = getattr(model, f"similar_{side}s")(ids[3], k=6)
    np.testing.assert_allclose(found["similarity"], np.sort(cosines)[::-1][:6], atol=1e-6)
    everything = getattr(model, f"similar_{side}s")(ids[3], k=10_000)
    assert len(everything) == len(ids) - 1
    assert everything["rank"].to_list() == list(range(1, len(ids)))


def test_names_resolve_in_batches_and_strangers_are_named(model: Recommender) -> None:
    assert model.similar_items(["FILM 3", "film 4"], k=1)["similar_to"].to_list() == [3, 4]
    with pytest.raises(UnknownIdError, match="item_id: 'Brazil' is neither an id nor a name"):
        model.similar_items(["film 3", "Brazil"])
    with pytest.raises(UnknownIdError, match="user_id: 1 of 2 ids are not in the data: 'nobody'"):
        model.similar_users([model.user_ids.ids[0], "nobody"])


def test_a_model_without_vectors_says_so(parts: Split) -> None:
    popular = fr.Popularity().fit(parts.train)
    with pytest.raises(DataError, match="popularity has no user vectors, so no user is like another"):
        popular.similar_users(popular.user_ids.ids[0])
    with pytest.raises(DataError, match="popularity has no item vectors, so no item is like another"):
        popular.similar_items([3, 4])


def test_no_item_asked_for_is_an_empty_frame(model: Recommender) -> None:
    assert model.similar_items([]).columns == ["similar_to", "rank", "item_id", "label", "similarity"]
    assert len(model.similar_users([])) == 0
