"""Recipes: how every chapter trains, settled once, and a quicker way. Nothing is imported, so anything may read it."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """Settings of one fit, chosen on validation ratings of the 2018 small edition (``benchmarks/recipe.py``).

    Attributes:
        bs: ratings in a batch. A step costs nearly the same for 64 and for 512, so an epoch is far shorter.
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

#: A third of the time of RECIPE for about half a hundredth of a star: chapter 6 says how they hang together.
QUICK = Recipe(bs=2048, epochs=4, lr=0.02, wd=1.5, n_factors=50)
