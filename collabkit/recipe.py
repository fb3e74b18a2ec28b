"""The course recipe: how every chapter trains, settled once. It imports nothing, so that anything may read it."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """Settings of one fit, chosen on validation ratings of the 2018 small edition (``benchmarks/recipe.py``).

    Attributes:
        bs: ratings in a batch. Eight times the usual 64: a step costs nearly the same, so an epoch is far shorter.
        epochs: passes over the training ratings, in one one-cycle schedule.
        lr: the highest learning rate of the cycle.
        wd: decoupled weight decay on the factors. Chapters before *Weight decay* train with 0.
        n_factors: K, the length of an embedding.
    """

    bs: int
    epochs: int
    lr: float
    wd: float
    n_factors: int


RECIPE = Recipe(bs=512, epochs=5, lr=7.5e-3, wd=0.5, n_factors=50)
