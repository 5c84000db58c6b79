"""Do weights help where purchases tell the taste and views are noise, and harm nothing where they say nothing?

    python benchmarks/weights.py

A drawn log: users and items of a few kinds; a user buys items of their own kind and views items by chance, about three
views for each purchase. A purchase weighs 10. Each model is fitted with the power of the weights chosen on validation,
with the weights as they are, and without them (power 0); then on the same log with the weights dealt out by chance.
Validation and test hold purchases alone. Printed: nDCG@10 on the test part, mean and spread over seeds, and the powers
that were chosen.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

import fillrank as fr
from fillrank.data import Interactions, Split


def shop(n_users: int, n_items: int, kinds: int, seed: int) -> Interactions:
    """Purchases by taste, views by chance."""
    rng = np.random.default_rng(seed)
    users, items = np.divmod(rng.permutation(n_users * n_items), n_items)
    alike = users % kinds == items % kinds
    bought = alike & (rng.random(len(users)) < 0.3)
    viewed = ~bought & (rng.random(len(users)) < 0.9 / kinds)
    met = bought | viewed
    return Interactions.from_arrays(users[met], items[met], weights=np.where(bought, 10, 1)[met])


def purchases(log: Interactions, weights: np.ndarray | None, seed: int) -> Split:
    """A split whose validation and test parts are purchases; train has other weights, if any are given."""
    parts = fr.split.random(log, test=0.2, valid=0.2, seed=seed)
    assert parts.valid is not None
    valid, test = (part.select(part.weights > 1) for part in (parts.valid, parts.test))
    train = parts.train
    if weights is not None:
        train = replace(train, weights=np.random.default_rng(seed).permutation(train.weights))
    return Split(train, valid, test, parts.protocol)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--kinds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", default="ials,contrastive,bpr,cmc")
    asked = parser.parse_args()
    recipes = {
        "ials": lambda power: fr.IALS(dim=16, method="cg", weight_power=power),
        "contrastive": lambda power: fr.Contrastive(dim=16, weight_power=power),
        "bpr": lambda power: fr.BPRMF(dim=16, weight_power=power),
        "cmc": lambda power: fr.CMC(dim=16, weight_power=power),
    }
    print(f"{'model':<12} {'weights':<10} {'power':<6} {'nDCG@10':<16} chosen")
    for name in asked.models.split(","):
        for what in ("purchases", "by chance"):
            for power in ("auto", 1.0, 0.0):
                found, chosen = [], []
                for seed in range(asked.seeds):
                    log = shop(asked.users, asked.items, asked.kinds, seed)
                    parts = purchases(log, log.weights if what == "by chance" else None, seed)
                    model = recipes[name](power).fit(parts.train, parts.valid, refit=False, progress=False)
                    found.append(fr.evaluate(model, parts, k=10).metrics["ndcg@10"])
                    chosen.append(model.settings["weight_power"])
                print(
                    f"{name:<12} {what:<10} {power!s:<6} {np.mean(found):.4f} ± {np.std(found):.4f}  {chosen}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
