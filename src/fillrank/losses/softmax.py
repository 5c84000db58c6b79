"""Softmax losses: one positive against many negatives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fillrank.errors import SettingsError

__all__ = ["InfoNCE"]


@dataclass(frozen=True)
class InfoNCE:
    """Cross-entropy of picking the positive among the negatives (van den Oord et al. 2018).

    ``L = -s⁺/τ + log( exp(s⁺/τ) + Σ_j exp(s⁻_j/τ - log q_j) )``, one value for each positive. ``q_j`` is the expected
    number of times that negative j is drawn; with it the sum estimates the sum over the whole catalogue whatever the
    sampler (the logQ correction: Bengio & Senécal 2008; Yi et al. 2019). Without ``log_q`` all ``q_j`` are 1, the
    variant in most code.

    With one negative and no correction this is ``softplus((s⁻ - s⁺)/τ)``, BPR at temperature τ.

    Attributes:
        temperature: τ > 0; scores are divided by it. Small values look at the hardest negatives only.

    Raises:
        SettingsError: the temperature is not a positive number.

    Example:
        >>> loss = InfoNCE(temperature=0.5)
        >>> loss(torch.tensor([0.5]), torch.tensor([[0.5, 0.5, 0.5]]))
        tensor([1.3863])
    """

    temperature: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise SettingsError(f"temperature must be a positive number, got {self.temperature}; 0.05 to 0.5 are usual")

    def __call__(self, pos: Tensor, neg: Tensor, *, mask: Tensor | None = None, log_q: Tensor | None = None) -> Tensor:
        """The loss of each positive: the readable twin, for autograd.

        Args:
            pos: scores of the positives, ``[B]``.
            neg: scores of the negatives, ``[B, N]``.
            mask: bool ``[B, N]``, True where a negative does not count (it is a positive of this user).
            log_q: log of the expected number of draws of each negative, ``[N]`` or ``[B, N]``.

        Returns:
            ``[B]``, each 0 or more.
        """
        logits = neg / self.temperature
        if log_q is not None:
            logits = logits - log_q
        if mask is not None:
            logits = logits.masked_fill(mask, -torch.inf)
        first = pos[:, None] / self.temperature
        return torch.logsumexp(torch.cat([first, logits], dim=1), dim=1) - first[:, 0]

    def value_and_grad(
        self, pos: Tensor, neg: Tensor, *, mask: Tensor | None = None, log_q: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss and its gradients in closed form, in one pass. **Overwrites** ``neg``.

        With ``p`` the softmax over (positive, negatives), ``dL/ds⁺ = (p⁺ - 1)/τ`` and ``dL/ds⁻_j = p_j/τ``.

        Returns:
            ``(loss [B], d_pos [B], d_neg [B, N])``, where ``d_neg`` is the memory of ``neg``.
        """
        logits = neg.div_(self.temperature)
        if log_q is not None:
            logits.sub_(log_q)
        if mask is not None:
            logits.masked_fill_(mask, -torch.inf)
        first = pos / self.temperature
        top = torch.maximum(logits.amax(dim=1), first) if logits.shape[1] else first
        weights = logits.sub_(top[:, None]).exp_()
        own = (first - top).exp()
        total = weights.sum(dim=1) + own
        loss = total.log() + top - first
        d_neg = weights.div_((total * self.temperature)[:, None])
        return loss, (own / total - 1) / self.temperature, d_neg
