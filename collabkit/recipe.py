"""Recipes: how every chapter trains, settled once, and a quicker way. Light to import, so that anything may read it."""

from __future__ import annotations

from typing import NamedTuple

from collabkit.checks import whole


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

    def sized(self, n_ratings: int) -> Recipe:
        r"""The recipe for a table with so many training ratings, where they are fewer than it was settled on (80,000).

        .. math:: bs \cdot \frac{n}{80{,}000} \quad\text{and}\quad wd \cdot \frac{80{,}000}{n}

        The batches shrink as the table does, so that an epoch keeps its number of steps. The decay grows, ten times at
        the most, because fewer ratings stand against it. ``collab_dataloaders`` and ``rating_learner`` take both from
        here when they are not told otherwise.
        """
        share = min(1, whole("n_ratings", n_ratings, at_least=0) / SETTLED_ON)
        return self._replace(bs=max(1, round(self.bs * share)), wd=self.wd / max(share, 0.1))


SETTLED_ON = 80_000  # training ratings: four fifths of a small edition

RECIPE = Recipe(bs=512, epochs=5, lr=7.5e-3, wd=0.5, n_factors=50)

#: A third of the time of RECIPE for about half a hundredth of a star: see the appendix on the recipe.
QUICK = Recipe(bs=2048, epochs=4, lr=0.02, wd=1.5, n_factors=50)

#: For lists, by the sampled softmax, on what people gave four stars or more: about half of a table, so take it
#: ``sized`` to them. Chosen by NDCG@10 on held-out ratings of the 2018 small edition.
RANKING = Recipe(bs=1024, epochs=7, lr=0.03, wd=0.2, n_factors=64)
