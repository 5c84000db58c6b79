"""A loss from outside of fillrank: squared hinge, a margin between the positive and each negative."""

import fillrank as fr
from fillrank.data import synthetic
from fillrank.losses import LOSSES
from fillrank.testing import check_loss


def squared_hinge(pos, neg, *, margin=0.5):
    """Scores pos [B], neg [B, N] → a loss for each row, [B]; a masked negative is minus infinity, and costs nothing."""
    return (neg - pos[:, None] + margin).relu().square().mean(1)


def main(epochs=5):
    check_loss(squared_hinge)  # shapes, gradients, masks: it keeps the contract
    LOSSES.register("squared-hinge", squared_hinge)  # from here on it has a name, also in files
    log = synthetic(200, 100, 4000, seed=1).interactions.without_values()
    split = fr.split.random(log, test=0.1, valid=0.1, seed=0)
    recipe = fr.Contrastive(loss={"name": "squared-hinge", "margin": 0.3}, dim=16, epochs=epochs)
    model = recipe.fit(split.train, split.valid, progress=False)
    print(fr.evaluate(model, split, k=10))
    return model


if __name__ == "__main__":
    main()
