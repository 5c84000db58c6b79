"""A sampler from outside of fillrank: half of the catalogue at a time, drawn by the parity of the items' places."""

import math

import torch

import fillrank as fr
from fillrank.data import synthetic
from fillrank.samplers import SAMPLERS, Negatives
from fillrank.testing import check_sampler


class Parity:
    """All even items or all odd ones, by the toss of a coin: each item is in a draw with the chance 1/2."""

    exclude = "known"  # every known positive of a user is masked

    def __init__(self, known):
        self.known = known  # the positives of the log that is fitted: the recipe hands them in

    def sample(self, users, positives, generator, score=None):
        first = int(torch.randint(2, (), generator=generator))
        items = torch.arange(first, self.known.n_columns, 2)
        return Negatives(items, torch.full((len(items),), math.log(0.5)), self.known.mask(users, items))


def main(epochs=5):
    check_sampler(Parity)  # masks, seeds, and log_q against simulation
    SAMPLERS.register("parity", Parity)
    log = synthetic(200, 100, 4000, seed=1).interactions.without_values()
    model = fr.Contrastive(loss="infonce", sampler="parity", dim=16, epochs=epochs).fit(log, progress=False)
    print(model.recommend(k=3).head(3))
    return model


if __name__ == "__main__":
    main()
