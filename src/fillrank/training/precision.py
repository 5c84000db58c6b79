"""In which precision the fast route takes its products."""

from __future__ import annotations

import logging

import torch

__all__ = ["halves", "multiplies_bfloat16"]

_log = logging.getLogger("fillrank")


def halves(precision: str, device: torch.device) -> bool:
    """Whether products are taken in bfloat16: where that is wanted, and the processor has an instruction for it.

    Without one PyTorch multiplies bfloat16 number by number, some nine times slower than float32 on a processor with
    AVX2 alone. There float32, which is exacter too, takes its place, and the log says so.
    """
    if precision != "bfloat16":
        return False
    if multiplies_bfloat16(device):
        return True
    _log.warning("precision='bfloat16': this processor has no products in bfloat16, so they are taken in float32")
    return False


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether PyTorch has fast products in bfloat16 there: on a GPU, or where oneDNN knows the processor's."""
    if device.type != "cpu":
        return True
    known = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return known and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
