"""Choose the device of a training, and decide whether its matrix products use bfloat16."""

from __future__ import annotations

import logging
import platform

import torch

from fillrank.errors import SettingsError

__all__ = ["halves", "multiplies_bfloat16", "pick_device"]

logger = logging.getLogger("fillrank")


def halves(precision: str, device: torch.device) -> bool:
    """Whether products use bfloat16: it was asked for, and the processor has an instruction for it.

    Without the instruction PyTorch emulates bfloat16, about nine times slower than float32 on a processor with AVX2
    only. Then float32 is used, which is also more exact, and a warning is logged.
    """
    if precision != "bfloat16":
        return False
    if multiplies_bfloat16(device):
        return True
    logger.warning("precision='bfloat16': this processor has no products in bfloat16, so they are taken in float32")
    return False


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the processor of ``device`` multiplies bfloat16 itself, without emulation.

    NVIDIA GPUs do from Ampere on, x86 processors with AVX512-BF16 or AMX. For other processors oneDNN is asked.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return True
    if platform.machine().lower() in {"x86_64", "amd64"}:  # oneDNN says yes to plain AVX512 too, where it emulates
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
    known = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return known and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001


def pick_device(name: str) -> torch.device:
    """The device called ``name``; ``"auto"`` is a GPU if there is one, else the CPU.

    Raises:
        SettingsError: PyTorch does not know the device, or this machine does not have it.
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
