"""How the course recipe was settled: batch size, rate and decay, compared on validation ratings.

    python -m benchmarks.recipe            (needs the 2018 edition in $COLLABKIT_DATA; about five minutes)

Mean validation MSE over three splits. The published batch-64 recipe, drawn as a permutation, is the line to reach.
Splits 5 to 7 are used, so that the bands (splits 0 to 4) hold out other ratings than those that chose.
"""

from itertools import product
from statistics import mean

from benchmarks.bands import bias, dot, dot_sigmoid, fit

SPLITS = range(5, 8)
COLUMNS = {  # the decays are tried where chapter 6 turns decay on
    "dot": (dot, 0.0),
    "sigmoid": (dot_sigmoid, 0.0),
    "bias": (bias, 0.0),
    "wd .2": (bias, 0.2),
    "wd .5": (bias, 0.5),
    "wd .8": (bias, 0.8),
}


def score(model, **settings) -> tuple[float, float]:
    """Mean validation MSE and mean seconds of one fit."""
    runs = [fit("small-2018", split, 0, model, **settings) for split in SPLITS]
    return mean(mse for mse, _ in runs), mean(seconds for _, seconds in runs)


if __name__ == "__main__":
    print("published, as a permutation:")
    for name, model, wd in [("dot", dot, 0.01), ("sigmoid", dot_sigmoid, 0.01), ("bias, wd .1", bias, 0.1)]:
        mse, seconds = score(model, bs=64, lr=5e-3, epochs=5, wd=wd, decay_biases=True)
        print(f"  {name:12} {mse:.4f} in {seconds:.1f} s", flush=True)
    print(f"{'bs':>5} {'lr':>7}  " + "  ".join(f"{name:>7}" for name in COLUMNS))
    for bs, lr in product([256, 512, 1024], [5e-3, 7.5e-3, 1e-2]):
        scores = [score(model, bs=bs, lr=lr, epochs=5, wd=wd)[0] for model, wd in COLUMNS.values()]
        print(f"{bs:>5} {lr:>7}  " + "  ".join(f"{mse:7.4f}" for mse in scores), flush=True)
