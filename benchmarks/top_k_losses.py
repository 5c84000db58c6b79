"""SL@K, Talos and DrRL against BSL, PSL and the sampled softmax, at equal budgets.

    python benchmarks/top_k_losses.py --data movielens-small --seeds 3

Honest protocol: rows are dealt at random (a fifth is the test part, a tenth of the rest the validation part); every
setting of a loss that has a ladder is chosen on the validation part, by as many steps for each loss; the epoch too;
the model is not fitted again, and the test part is used once. Everything but the loss is the same. Nothing is added to
the ranking after training, so that losses alone are compared. Printed: nDCG and Recall at 20 on the test part, mean and
± half of a 95 % interval over seeds, what was chosen, and seconds beside those of ``bsl``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import fillrank as fr

LOSSES = ("bsl", "psl", "slatk", "talos", "drrl")


def half_interval(figures: list[float]) -> float:
    """1.96 standard errors of the mean; NaN for one figure."""
    return 1.96 * float(np.std(figures, ddof=1)) / len(figures) ** 0.5 if len(figures) > 1 else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="movielens-small", help="a name that fr.load knows, or fr.load_split")
    parser.add_argument("--losses", default=",".join(LOSSES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--negatives", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--patience", type=int, default=3)
    parser.add_argument("--refresh-items", type=int, help="drawn for the thresholds; left out: as each loss has it")
    parser.add_argument("--positive-from", type=float)
    asked = parser.parse_args()
    print(f"{'loss':<8} {'nDCG@20':<15} {'Recall@20':<15} {'seconds':<9} chosen")
    usual = float("nan")
    for loss in asked.losses.split(","):
        found, chosen, seconds = [], [], []
        for seed in range(asked.seeds):
            log = fr.load(asked.data) if asked.data != "gowalla" else fr.load_split("gowalla").train
            if asked.positive_from is not None and log.values is not None:
                log = log.select(log.values >= asked.positive_from)
            parts = fr.split.random(log.without_values(), test=0.2, valid=0.08, seed=seed)
            given = {}
            if asked.refresh_items is not None and loss in {"slatk", "talos", "drrl"}:
                given = {"refresh_items": asked.refresh_items}
            recipe = fr.Contrastive(
                dim=asked.dim,
                loss=loss,
                loss_settings=given,
                n_negatives=asked.negatives,
                epochs=asked.epochs,
                patience=asked.patience,
                neighbour_weight=0.0,
                popularity_beta=0.0,
                popularity_weight=0.0,
                seed=seed,
            )
            began = time.process_time()
            model = recipe.fit(parts.train, parts.valid, refit=False, progress=False)
            seconds.append(time.process_time() - began)
            found.append(fr.evaluate(model, parts, k=20).metrics)
            chosen.append({k: v for k, v in model.settings["loss_settings"].items() if k not in given})
            print(f"  {loss} seed {seed}: {found[-1]['ndcg@20']:.4f} {found[-1]['recall@20']:.4f}", flush=True)
        usual = np.mean(seconds) if loss == "bsl" else usual
        shown = [
            f"{np.mean(each):.4f} ± {half_interval(each):.4f}"
            for each in ([metrics[name] for metrics in found] for name in ("ndcg@20", "recall@20"))
        ]
        print(
            f"{loss:<8} {shown[0]} {shown[1]} {np.mean(seconds):<4.0f} {np.mean(seconds) / usual:<4.2f} {chosen}",
            flush=True,
        )


if __name__ == "__main__":
    main()
