"""Which device a training is on, and in which precision the fast route takes its products there."""

from __future__ import annotations

import logging
import platform

import torch

from fillrank.errors import SettingsError

__all__ = ["halves", "multiplies_bfloat16", "pick_device"]

logger = logging.getLogger("fillrank")


def halves(precision: str, device: torch.device) -> bool:
    """Whether products are taken in bfloat16: where that is wanted, and the processor has an instruction for it.

    Without one PyTorch multiplies bfloat16 number by number, some nine times slower than float32 on a processor with
    AVX2 alone. There float32, which is exacter too, takes its place, and the log says so.
    """
    if precision != "bfloat16":
        return False
    if multiplies_bfloat16(device):
        return True
    logger.warning("precision='bfloat16': this processor has no products in bfloat16, so they are taken in float32")
    return False


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are done by the processor there, and not emulated.

    A GPU has them from NVIDIA's Ampere on; an x86 processor with AVX512-BF16 or AMX; of others oneDNN knows.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return True
    if platform.machine().lower() in {"x86_64", "amd64"}:  # oneDNN says yes to AVX512 without it, where it emulates
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
    known = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return known and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


def pick_device(name: str) -> torch.device:
    """``"auto"`` is a GPU where there is one; anything else is taken by its PyTorch name.

    Raises:
        SettingsError: PyTorch knows no such device, or it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(
            f"device {name!r} cannot be used ({str(error).splitlines()[0]}); try 'auto' or 'cpu'"
        ) from None
    return device
