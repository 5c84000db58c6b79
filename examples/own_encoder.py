"""An encoder from outside of fillrank: users and items as sums over a few prototypes that both share."""

import torch

import fillrank as fr
from fillrank.data import synthetic
from fillrank.encoders import ENCODERS, TableEncoder
from fillrank.testing import check_encoder


class Prototypes(TableEncoder):
    def __init__(self, n_users, n_items, dim, generator, similarity, n_prototypes=8):
        """The recipe brings all but the last, by these names; the last is a setting."""
        super().__init__(similarity)
        shapes = (n_users, n_prototypes), (n_items, n_prototypes), (n_prototypes, dim)
        drawn = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
        self.user_shares, self.item_shares, self.prototypes = drawn

    def tables(self):
        """All vectors, [n_users, d] and [n_items, d]: the rest follows from them."""
        return self.user_shares @ self.prototypes, self.item_shares @ self.prototypes


def main(epochs=5):
    check_encoder(Prototypes, settings={"n_prototypes": 4})  # gradients, seeds, saving, folding in
    ENCODERS.register("prototypes", Prototypes)
    log = synthetic(200, 100, 4000, seed=1).interactions.without_values()
    encoder = {"name": "prototypes", "n_prototypes": 12}
    model = fr.Contrastive(encoder=encoder, learning_rate=0.02, dim=16, epochs=epochs).fit(log, progress=False)
    print(model.fold_in([0, 3, 5]).recommend(k=3))
    return model


if __name__ == "__main__":
    main()
