"""Networks over the whole row of a user: what they met goes in, and the same comes out.

Shapes: ``B`` users, ``n`` items, ``h`` width of the hidden layers, ``d`` dimensions of the code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

__all__ = ["VariationalRows"]


class VariationalRows(nn.Module):
    """The network of Mult-VAE (Liang et al. 2018).

    ``x / |x|`` goes through a dropout and a layer of tanh to the mean and the log-variance of a normal distribution of
    codes; a code drawn from it goes through another layer of tanh to a number for each item, whose softmax π says how
    likely each is. Lowered is ``-Σ_i x_i log π_i + β · KL``, the mean over users; KL is the divergence of the codes'
    distribution from the standard normal, and β rises from 0 to its height over the first steps.

    Args:
        n_items: n.
        hidden: h.
        dim: d.
        dropout: rate at the input.
        beta: the height of β.
        anneal_steps: steps until it is reached.
        generator: of the initial weights (Glorot & Bengio 2010); biases begin at 0.

    Attributes:
        steps: done so far; a part of the state, so that a resumed training goes on with the same β.
    """

    steps: Tensor

    def __init__(
        self,
        n_items: int,
        hidden: int,
        dim: int,
        *,
        dropout: float,
        beta: float,
        anneal_steps: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        widths = [(n_items, hidden), (hidden, 2 * dim), (dim, hidden), (hidden, n_items)]
        weights = [torch.empty(into, out) for into, out in widths]
        for weight in weights:
            nn.init.xavier_uniform_(weight, generator=generator)
        self.weights = nn.ParameterList(nn.Parameter(weight) for weight in weights)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(out)) for _, out in widths)
        self.dropout, self.beta, self.anneal_steps, self.dim = dropout, beta, anneal_steps, dim
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def losses(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """The two parts of the loss of float rows ``[B, n]``, one step further on."""
        self.steps += 1
        beta = self.beta * min(1.0, int(self.steps) / max(self.anneal_steps, 1))
        shown = normalize(rows, dim=1)
        if self.dropout:
            kept = torch.rand(rows.shape, generator=generator, device=rows.device) >= self.dropout
            shown = shown * kept / (1 - self.dropout)
        mean, spread = torch.split(self._layer(1, self._layer(0, shown).tanh()), self.dim, dim=1)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        code = mean + noise * (0.5 * spread).exp()
        likely = self._layer(3, self._layer(2, code).tanh()).log_softmax(1)
        divergence = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1)
        return {"likelihood": -(rows * likely).sum(1).mean(), "divergence": beta * divergence.mean()}

    def layers_to_users(self) -> list[tuple[Tensor, Tensor]]:
        """What leads from a row to its user's vector, the last hidden layer, at the mean of the code."""
        pairs = [(w.detach().cpu(), b.detach().cpu()) for w, b in zip(self.weights, self.biases, strict=True)]
        mean = (pairs[1][0][:, : self.dim], pairs[1][1][: self.dim])
        return [pairs[0], mean, pairs[2]]

    def item_side(self) -> tuple[Tensor, Tensor]:
        """What the users' vectors are multiplied with, ``[n, h]``, and what is added for each item, ``[n]``."""
        return self.weights[3].detach().cpu().T.contiguous(), self.biases[3].detach().cpu().clone()

    def _layer(self, n: int, rows: Tensor) -> Tensor:
        out: Tensor = rows @ self.weights[n] + self.biases[n]
        return out
