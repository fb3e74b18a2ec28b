"""How the recipes were settled: batch size, rate and decay, compared on validation ratings.

    python -m benchmarks.recipe            (needs the 2018 edition in $COLLABKIT_DATA; about six minutes)

Mean validation MSE over three splits. The published batch-64 recipe, drawn as a permutation, is the line to reach.
Splits 5 to 7 are used, so that the bands (splits 0 to 4) hold out other ratings than those that chose.
"""

from itertools import product
from statistics import mean

import torch
from fastai.callback.core import Callback

from benchmarks.bands import bias, dot, dot_sigmoid, fit
from collabkit import QUICK, RECIPE
from collabkit.recipe import Recipe

SPLITS = range(5, 8)
COLUMNS = {  # the decays are tried where chapter 6 turns decay on
    "dot": (dot, 0.0),
    "sigmoid": (dot_sigmoid, 0.0),
    "bias": (bias, 0.0),
    "wd .2": (bias, 0.2),
    "wd .5": (bias, 0.5),
    "wd .8": (bias, 0.8),
}


class Averaged(Callback):
    """After the last epoch the parameters are a running mean over their steps, of which each counts (1 - beta)."""

    def __init__(self, beta: float):
        self.beta = beta

    def before_fit(self):
        self.means = [p.detach().clone() for p in self.learn.model.parameters()]

    def after_step(self):
        with torch.no_grad():
            torch._foreach_lerp_(self.means, list(self.learn.model.parameters()), 1 - self.beta)

    def after_train(self):
        if self.epoch == self.n_epoch - 1:
            with torch.no_grad():
                torch._foreach_copy_(list(self.learn.model.parameters()), self.means)


def score(model, recipe: Recipe, **how) -> tuple[float, float]:
    """Mean validation MSE and mean seconds of one fit."""
    runs = [fit("small-2018", split, 0, model, recipe, **how) for split in SPLITS]
    return mean(mse for mse, _ in runs), mean(seconds for _, seconds in runs)


if __name__ == "__main__":
    print("published, as a permutation:")
    for name, model, wd in [("dot", dot, 0.01), ("sigmoid", dot_sigmoid, 0.01), ("bias, wd .1", bias, 0.1)]:
        mse, seconds = score(model, RECIPE._replace(bs=64, lr=5e-3, wd=wd), decay_biases=True)
        print(f"  {name:12} {mse:.4f} in {seconds:.1f} s", flush=True)
    print(f"{'bs':>5} {'lr':>7}  " + "  ".join(f"{name:>7}" for name in COLUMNS))
    for bs, lr in product([256, 512, 1024], [5e-3, 7.5e-3, 1e-2]):
        scores = [score(model, RECIPE._replace(bs=bs, lr=lr, wd=wd))[0] for model, wd in COLUMNS.values()]
        print(f"{bs:>5} {lr:>7}  " + "  ".join(f"{mse:7.4f}" for mse in scores), flush=True)
    print(f"\n{'bs':>5} {'epochs':>6} {'lr':>7} {'wd':>5}  bias")
    for bs, epochs, lr, wd in [
        *[(1024, epochs, lr, wd) for epochs in (4, 5) for lr, wd in [(0.0106, 0.7), (0.015, 0.5), (0.015, 1.0)]],
        *[(2048, epochs, lr, wd) for epochs in (4, 5) for lr, wd in [(0.015, 1.0), (0.02, 1.5), (0.03, 2.0)]],
        *[(4096, 5, lr, wd) for lr, wd in [(0.03, 2.0), (0.04, 3.0), (0.06, 4.0)]],
    ]:
        mse, seconds = score(bias, RECIPE._replace(bs=bs, epochs=epochs, lr=lr, wd=wd))
        print(f"{bs:>5} {epochs:>6} {lr:>7} {wd:>5}  {mse:.4f} in {seconds:.2f} s", flush=True)
    print("\na start at the mean, and averaged weights:")
    for name, recipe in [("RECIPE", RECIPE), ("QUICK", QUICK)]:
        for epochs in range(1, recipe.epochs + 1):
            short = recipe._replace(epochs=epochs)
            plain, started = (score(bias, short, mean_start=start)[0] for start in (False, True))
            averaged = [score(bias, short, cbs=Averaged(beta))[0] for beta in (0.9, 0.98)]
            print(
                f"{name:7} {epochs} epochs  {plain:.4f}, at the mean {started:.4f}, "
                f"averaged {averaged[0]:.4f} (beta .9) {averaged[1]:.4f} (.98)",
                flush=True,
            )
