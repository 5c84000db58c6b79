"""top_k: the tie rule, what is left out, and the two ways of doing it against a plain sort."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fillrank.errors import DataError, SettingsError
from fillrank.retrieval import top_k
from fillrank.retrieval import topk as module
from fillrank.retrieval.topk import top_k_by_kernel, top_k_by_topk

FEW_VALUES = st.sampled_from([-np.inf, -2.5, -1.0, 0.0, 1.0, 1.5, np.inf])  # so that there are many ties


def by_sorting(scores, k, seen, allowed):
    """The definition: the first k of a stable sort of what may be listed."""
    items, best = np.full((len(scores), k), -1), np.full((len(scores), k), -np.inf)
    for row, of_row in enumerate(scores):
        listed = [
            i for i in np.argsort(-of_row, kind="stable") if allowed[i] and not seen[row, i] and of_row[i] > -np.inf
        ]
        items[row, : len(listed[:k])] = listed[:k]
        best[row, : len(listed[:k])] = of_row[listed[:k]]
    return items, best


@st.composite
def problems(draw):
    # wider than two chunks of the kernel, and not a whole number of them
    shape = (draw(st.integers(1, 4)), draw(st.one_of(st.integers(1, 12), st.integers(129, 140))))
    scores = draw(hnp.arrays(np.float32, shape, elements=FEW_VALUES))
    seen = draw(hnp.arrays(bool, shape))
    allowed = draw(hnp.arrays(bool, shape[1:]))
    return scores, draw(st.integers(1, 9)), seen, allowed


@pytest.mark.parametrize("way", [top_k_by_kernel, top_k_by_topk])
@settings(deadline=None)  # the kernel is compiled in the first call
@given(problem=problems())
def test_both_ways_are_the_first_k_of_a_stable_sort(way, problem):
    scores, k, seen, allowed = problem
    items, best = way(torch.from_numpy(scores), k, sp.csr_array(seen), torch.from_numpy(allowed))
    wanted_items, wanted = by_sorting(scores, k, seen, allowed)
    assert items.tolist() == wanted_items.tolist()
    assert best.tolist() == wanted.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rounded", [False, True])
def test_the_two_ways_agree_in_every_bit(dtype, rounded):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(50, 1000, generator=generator, dtype=dtype)
    scores = scores.round() if rounded else scores
    seen = sp.random_array((50, 1000), density=0.1, format="csr", rng=np.random.default_rng(0))
    allowed = torch.rand(1000, generator=generator) < 0.9
    for k in (1, 20, 256):
        for slow, fast in zip(
            top_k_by_topk(scores, k, seen, allowed), top_k_by_kernel(scores, k, seen, allowed), strict=True
        ):
            assert slow.dtype == fast.dtype
            assert torch.equal(slow, fast)


@pytest.mark.parametrize("n_threads", [1, 3, 64])
def test_the_kernel_gives_the_same_bits_on_any_number_of_threads(n_threads, monkeypatch):
    scores = torch.randn(17, 300, generator=torch.Generator().manual_seed(1)).round()
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    items, _ = top_k_by_kernel(scores, 10, None, None)
    assert torch.equal(items, top_k_by_topk(scores, 10, None, None)[0])


def test_large_blocks_on_a_cpu_take_the_kernel(monkeypatch):
    taken = []
    monkeypatch.setattr(module, "_KERNEL_FROM", 100)
    monkeypatch.setattr(module, "top_k_by_kernel", lambda *_: taken.append("kernel"))
    monkeypatch.setattr(module, "top_k_by_topk", lambda *_: taken.append("topk"))
    top_k(torch.zeros(1, 99), 5)
    top_k(torch.zeros(1, 100), 5)
    top_k(torch.zeros(1, 1000), 257)
    assert taken == ["topk", "kernel", "topk"]


@pytest.mark.parametrize("way", [top_k_by_kernel, top_k_by_topk])
def test_lists_end_early_when_items_run_out(way):
    items, best = way(torch.tensor([[1.0, -torch.inf, 3.0]]), 5, None, None)
    assert items.tolist() == [[2, 0, -1, -1, -1]]
    assert best.tolist() == [[3.0, 1.0, -np.inf, -np.inf, -np.inf]]


@pytest.mark.parametrize("way", [top_k_by_kernel, top_k_by_topk])
def test_a_stored_zero_is_seen_and_the_order_within_a_row_does_not_matter(way):
    seen = sp.csr_array((np.array([1.0, 0.0]), np.array([3, 1]), np.array([0, 2])), shape=(1, 5))
    items, _ = way(torch.tensor([[5.0, 4.0, 3.0, 2.0, 1.0]]), 5, seen, None)
    assert items.tolist() == [[0, 2, 4, -1, -1]]


@pytest.mark.parametrize("way", [top_k_by_kernel, top_k_by_topk])
@pytest.mark.parametrize("allowed", [None, torch.arange(200) != 198])
def test_scores_are_left_alone_even_when_rows_share_memory(way, allowed):
    one_row = torch.arange(200.0)
    seen = sp.csr_array(np.eye(3, 200, 199))  # row 0 has seen item 199
    items, _ = way(one_row.expand(3, 200), 1, seen, allowed)
    assert items.tolist() == [[198 if allowed is None else 197], [199], [199]]
    assert torch.equal(one_row, torch.arange(200.0))


@pytest.mark.parametrize("way", [top_k_by_kernel, top_k_by_topk])
@pytest.mark.parametrize("place", [3, 70, 129])
def test_nan_is_an_error_that_names_its_place(way, place):
    scores = torch.zeros(4, 130)
    scores[2, place] = torch.nan
    with pytest.raises(DataError, match=f"1 of 4 rows of scores hold NaN, the first is row 2, item {place}"):
        way(scores, 3, sp.csr_array(np.ones((4, 130))), None)  # seen or not
    with pytest.raises(DataError, match=f"row 2, item {place}"):
        way(scores, 3, None, None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64])
def test_other_kinds_of_numbers_are_ranked_too(dtype):
    items, best = top_k(torch.tensor([[1, 3, 2, 3]], dtype=dtype), 3)
    assert items.tolist() == [[1, 3, 2]]
    assert best.dtype == torch.float32


@pytest.mark.parametrize("k", [0, -1, 2.5, True])
def test_k_must_be_a_length(k):
    with pytest.raises(SettingsError, match=r"k must be a whole number.*, got"):
        top_k(torch.zeros(1, 3), k)


def test_shapes_must_fit():
    with pytest.raises(DataError, match=r"scores must be \[B, n_items\] with at least one item, got \[3\]"):
        top_k(torch.zeros(3), 1)
    with pytest.raises(DataError, match=r"seen must have the shape of the scores \[1, 3\], got \[2, 3\]"):
        top_k(torch.zeros(1, 3), 1, seen=sp.csr_array((2, 3)))
    with pytest.raises(DataError, match=r"allowed must be bool \[3\], got torch.int64 \[3\]"):
        top_k(torch.zeros(1, 3), 1, allowed=torch.tensor([0, 1, 2]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_lists():
    scores = torch.randn(20, 500, generator=torch.Generator().manual_seed(2)).round()
    seen = sp.random_array((20, 500), density=0.1, format="csr", rng=np.random.default_rng(0))
    on_cpu, on_gpu = (top_k(scores.to(device), 12, seen=seen)[0].cpu() for device in ("cpu", "cuda"))
    assert torch.equal(on_cpu, on_gpu)
