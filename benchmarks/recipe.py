"""How the course recipe was settled: batch size, rate, epochs and decay, compared on validation ratings.

    python -m benchmarks.recipe            (needs the 2018 edition in $COLLABKIT_DATA; about ten minutes)

Three splits a setting. The published batch-64 recipe, drawn as a permutation, is the line to reach. Splits 5 to 7 are
used, so that the bands (splits 0 to 4) are measured on ratings that chose nothing.
"""

from itertools import product
from statistics import mean

from benchmarks.bands import dot, dot_sigmoid, fit

SPLITS = range(5, 8)
MODELS = {"dot": dot, "dot+sigmoid": dot_sigmoid}


def row(**settings) -> str:
    """Mean validation MSE of each model, and the seconds of one fit."""
    scores = {
        name: [fit("small-2018", split, 0, model, **settings) for split in SPLITS] for name, model in MODELS.items()
    }
    errors = "  ".join(f"{mean(mse for mse, _ in runs):.4f}" for runs in scores.values())
    seconds = mean(seconds for runs in scores.values() for _, seconds in runs)
    bs, lr, epochs, wd = (settings[key] for key in ("bs", "lr", "epochs", "wd"))
    return f"{bs:>5} {lr:>7} {epochs:>6} {wd:>4}   {errors}   {seconds:.1f} s"


if __name__ == "__main__":
    print("   bs      lr epochs   wd  ", *MODELS, sep="  ")
    print(row(bs=64, lr=5e-3, epochs=5, wd=0.01, decay_biases=True), "  published, as a permutation", flush=True)
    for bs, lr, epochs, wd in product([256, 512, 1024, 2048], [5e-3, 7.5e-3, 1e-2], [4, 5, 6], [0.0]):
        print(row(bs=bs, lr=lr, epochs=epochs, wd=wd), flush=True)
