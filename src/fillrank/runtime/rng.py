"""Many independent random streams from one seed.

Every random choice in fillrank draws from a stream that is named after its purpose. So a change in how one part draws
(say, the sampler) does not change the others (the split, the initial factors). The global random state of NumPy and
PyTorch is never used.

>>> numpy_stream(0, "split").integers(10, size=3).tolist() == numpy_stream(0, "split").integers(10, size=3).tolist()
True
>>> int(numpy_stream(0, "split").integers(10**9)) == int(numpy_stream(0, "init").integers(10**9))
False
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from fillrank.arguments import checked
from fillrank.errors import SettingsError

if TYPE_CHECKING:
    import torch

__all__ = ["numpy_stream", "torch_stream"]


def _sequence(seed: int, purpose: str, *numbers: int) -> np.random.SeedSequence:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise SettingsError(f"seed must be a whole number of 0 or more, got {seed!r}")
    if any(number < 0 for number in numbers):
        raise SettingsError(f"numbers must be whole numbers of 0 or more, got {numbers}")
    word = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
    return np.random.SeedSequence([int(seed), word, *numbers])


@checked
def numpy_stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """A NumPy generator for ``purpose``. Each choice of ``numbers`` (an epoch, a rank) gives an independent stream.

    Raises:
        SettingsError: ``seed`` or one of ``numbers`` is not a whole number of 0 or more.
    """
    return np.random.Generator(np.random.PCG64(_sequence(seed, purpose, *numbers)))


@checked
def torch_stream(seed: int, purpose: str, *numbers: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A PyTorch generator for ``purpose`` on ``device``; arguments and errors as for :func:`numpy_stream`."""
    import torch

    state = _sequence(seed, purpose, *numbers).generate_state(1, np.uint64)
    return torch.Generator(device=device).manual_seed(int(state[0] & np.uint64(2**63 - 1)))
