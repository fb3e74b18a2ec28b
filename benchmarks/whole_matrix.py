"""How the defaults of ALS were chosen, and what it scores over five folds of the 2018 edition.

    python -m benchmarks.whole_matrix            (needs the 2018 edition in $COLLABKIT_DATA; about five minutes)

Defaults: one setting varied at a time, compared on training ratings only: those of random splits 5 to 7, of which one
in ten is held out. Folds: `cross_validate` with the defaults, with each λ of a grid, and with the λ that each fold
chooses for itself on its own training ratings. The best of the grid in hindsight is chosen on the very ratings that it
is scored on, so its score is a little flattered.
"""

from __future__ import annotations

from statistics import mean
from typing import Any

from collabkit import ALS, Ratings, cross_validate, evaluate, load_movielens, random_split

VARIED: dict[str, tuple[Any, ...]] = {
    "penalty": (10.0, 12.0, 14.0, 16.0, 18.0),
    "bias_penalty": (None, 2.0, 4.0, 6.0),
    "n_factors": (4, 8, 20, 40),
    "n_sweeps": (5, 10, 15, 30),
}
GRID = (5.0, 8.0, 10.0, 12.0, 14.0, 16.0, 20.0)  # λ over the folds


def choose(edition: str) -> None:
    """Print the RMSE of each setting on ratings held out of the training parts of three splits."""
    ratings = load_movielens(edition)
    splits = [random_split(random_split(ratings, seed=seed).train, valid=0.1, seed=seed) for seed in (5, 6, 7)]
    print(f"\n{edition}, held out of training")
    for name, values in VARIED.items():
        for value in values:
            models = [ALS(**{name: value}).fit(split.train) for split in splits]
            score = mean(evaluate(model, split)["rmse"] for model, split in zip(models, splits, strict=True))
            seconds = mean(model.seconds_[-1] for model in models)
            print(f"{name:>12} {value!s:>5}  {score:.4f}  {seconds:.1f} s", flush=True)


class ChosenALS(ALS):
    """ALS with the λ of the grid that does best on one in ten of the ratings it is given to train on."""

    def fit(self, train: Ratings) -> ALS:
        inner = random_split(train, valid=0.1, seed=0)
        scores = {}
        for penalty in GRID:
            model = ALS(self.n_factors, penalty, self.n_sweeps, self.bias_penalty).fit(inner.train)
            scores[penalty] = evaluate(model, inner)["rmse"]
        self.penalty = min(scores, key=scores.__getitem__)
        return super().fit(train)


def folds(edition: str) -> None:
    """Print RMSE over five folds: mean, standard deviation, and each fold."""
    ratings = load_movielens(edition)
    print(f"\n{edition}, five folds\n{'':28} mean    sd      each")

    def row(what: str, make) -> float:
        scores = cross_validate(make, ratings)["rmse"]
        print(f"{what:28} {scores.mean():.4f}  {scores.std():.4f}  {scores.round(4).tolist()}", flush=True)
        return scores.mean()

    row("defaults", ALS)
    row("λ chosen within each fold", ChosenALS)
    for what, bias_penalty in (("λ_b at its default", ALS().bias_penalty), ("one λ for all", None)):
        scores = {
            lam: row(f"λ = {lam:g}, {what}", lambda lam=lam, b=bias_penalty: ALS(penalty=lam, bias_penalty=b))
            for lam in GRID
        }
        best = min(scores, key=scores.__getitem__)
        print(f"best in hindsight, {what}: λ = {best:g}, {scores[best]:.4f}\n")


if __name__ == "__main__":
    for edition in ("small-2018", "small-2016"):
        choose(edition)
    folds("small-2018")
