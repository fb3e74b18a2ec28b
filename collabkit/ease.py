"""EASE: every item as a regression on all others, solved at once."""

from __future__ import annotations

import os

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import csr_matrix

from collabkit import checks
from collabkit.item_item import ItemItem, Yes, learnt, table
from collabkit.ratings import Ratings, rated
from collabkit.together import add_together
from collabkit.weights import VALUES, Product, Weights, Whole


class EASE(ItemItem):
    r"""Item-item ridge regression with a zero diagonal: each item's column of X is predicted from all the others.

    .. math:: \min_B \lVert X - X B \rVert^2 + \lambda \lVert B \rVert^2 \quad\text{with}\quad B_{ii} = 0

    X holds a 1 where a user chose an item, and 0 elsewhere. Without the zero diagonal an item would predict itself.
    The answer has a closed form, and it is one inverse:

    .. math:: B_{ji} = -\frac{P_{ji}}{P_{ii}} \quad (j \ne i), \qquad P = (X^\top X + \lambda I)^{-1}

    With fewer users than items, the same P comes from a matrix of the size of the users, as
    :math:`\lambda P = I - X^\top (X X^\top + \lambda I)^{-1} X`.

    What a user chose in one sitting may belong together more than what lies years apart. With ``sitting``, pairs of
    items are counted as :math:`X^\top X + c S`, where :math:`t_{ui}` is when u chose i, in minutes, and

    .. math:: S_{ij} = \sum_u x_{ui}\, x_{uj}\, 2^{-|t_{ui} - t_{uj}| / h}

    A sitting is then as good as c users more, each of whom chose what was chosen in it; its edges fade. The diagonal
    grows to 1 + c times what it was: let the penalty grow as well.

    Args:
        penalty: λ. About as many users as have to agree before an item speaks for another.
        at_least: stars from which a rating counts as a yes; ``None`` takes every rating. A rating below it is treated
            as if it were not there.
        zero_at: stars that would count for nothing: a yes of r stars then counts for (r - zero_at) / (top - zero_at),
            where top is the end of the scale, and not for 1. A rating of no more is as if it were not there.
        max_items: how many items are kept, those with the most yeses; ``None`` keeps all that have one. Others score 0.
        sitting: c, for how much more two choices count that a user made at one moment. With 0 times are not looked at.
        half_life: h, in minutes: of two choices so far apart, half of that is left.

    Nothing is random. Memory: 4 bytes for each pair of the items that are kept, and three times that in a fit, whose
    time grows with the cube of their number. With fewer users than items, and no sittings, it is 8 bytes for each user
    and item, and the cube is of the users: then B stays the product of two tables,
    :class:`~collabkit.weights.Product`.

    A score is not a number of stars, so there is no ``predict``: it ranks, through :class:`collabkit.Recommender`. A
    user without history is answered by how popular items are.

    Raises: when fitted, ``ValueError`` or ``TypeError`` for a setting outside its range, λ being positive, when no
        rating reaches ``at_least``, or for sittings of ratings without times; ``MemoryError`` for more items than this
        machine holds pairs of; ``FloatingPointError`` for a penalty so small that the inverse has no digits left.
        ``NotFittedError`` of scikit-learn, when asked before.
    Source: :cite:t:`steck2019embarrassingly`. Such weights from sessions, :cite:t:`choi2021slist`; from users and the
        time between their choices, this course.
    """

    def __init__(
        self,
        penalty: float = 100.0,
        at_least: float | None = None,
        zero_at: float | None = None,
        max_items: int | None = None,
        sitting: float = 0.0,
        half_life: float = 10.0,
    ):
        self.penalty, self.at_least, self.zero_at, self.max_items = penalty, at_least, zero_at, max_items
        self.sitting, self.half_life = sitting, half_life

    def fit(self, train: Ratings) -> EASE:
        """Solve for the weights on these ratings; returns itself."""
        rated(train, "train")
        penalty = checks.number("penalty", self.penalty, above=0, at_most=checks.WIDEST)
        most = None if self.max_items is None else checks.whole("max_items", self.max_items, at_least=1)
        sitting = checks.number("sitting", self.sitting, at_least=0, at_most=checks.WIDEST)
        half_life = checks.number("half_life", self.half_life, above=0, at_most=checks.WIDEST)
        yes = Yes.of(train, self.at_least, self.zero_at)
        user, item, x = yes.matrix(train)
        found = learnt(train, yes, item, x, most)
        place = found["place_"][item]
        n, kept = 1 + place.max(), place >= 0
        X = table(user[kept], place[kept], x[kept], (train.n_users + 1, n))
        weights: Weights
        if not sitting:
            weights = regressions(X[X.getnnz(axis=1) > 0], penalty)
        elif train.timestamp is None:
            raise ValueError(
                f"sitting={sitting:g}, and these ratings have no timestamps: choose sitting=0, or name the column of "
                "times: Ratings.from_frame(df, timestamp=…)."
            )
        else:
            G, time = counts(X), train.timestamp[yes.counts(train.rating) > 0][kept]
            add_together(G, user[kept], place[kept], x[kept], time, sitting, 60 * half_life)
            weights = solved(G, penalty)
        vars(self).update(found, weights_=weights, history_=X)  # all at once, never a part of two fits
        return self


def regressions(X: csr_matrix, penalty: float) -> Weights:
    """B of these choices ``(n, n)``."""
    n_users, n = X.shape
    if n_users < n:  # with X X' + λI = LL' and V = L^-1 X, λP is I - V'V
        factor = cholesky((X @ X.T).toarray(), penalty)
        V = solve_triangular(factor, X.toarray(), lower=True, overwrite_b=True)  # (U, n)
        product = Product(np.ascontiguousarray(V.T))
        if not (product.left > 1e-12).all():
            raise too_small(penalty)
        return product
    return solved(counts(X), penalty)


def counts(X: csr_matrix) -> np.ndarray:
    """How often each pair of items was chosen by the same user ``(n, n)``."""
    refuse_too_many(X.shape[1])
    return (X.T @ X).toarray()


def solved(G: np.ndarray, penalty: float) -> Whole:
    """B from the counts of pairs ``(n, n)``, which are overwritten."""
    n = len(G)
    P = inverse(G, penalty)
    own = P.diagonal().copy()
    values = np.empty((n, n), dtype="float32")
    step = max(1, VALUES // n)
    for start in range(0, n, step):
        part = slice(start, start + step)
        values[:, part] = P[:, part] / -own[part]
    np.fill_diagonal(values, 0)
    return Whole(values)


def inverse(A: np.ndarray, penalty: float) -> np.ndarray:
    """Of A + λI, in its place: symmetric, in float64."""
    P, failed = dpotri(cholesky(A, penalty), lower=True, overwrite_c=True)
    if failed:
        raise too_small(penalty)
    for row in range(1, len(P)):  # only what lies below the diagonal was computed
        P[row - 1, row:] = P[row:, row - 1]
    return P


def cholesky(A: np.ndarray, penalty: float) -> np.ndarray:
    """The lower factor of A + λI, in its place; what lies above its diagonal is nothing that counts."""
    A[np.diag_indices_from(A)] += penalty
    lowest = 1e-14 * A.diagonal().max()  # of a square on the factor's diagonal, which has lost all digits below it
    factor, failed = dpotrf(A.T, lower=True, clean=False, overwrite_a=True)  # the transpose lies as Fortran has it
    if failed or np.square(factor.diagonal()).min() <= lowest:
        raise too_small(penalty)
    return factor


def too_small(penalty: float) -> FloatingPointError:
    return FloatingPointError(
        f"penalty={penalty:g} is lost beside these counts, and the inverse has no digits left: choose a larger one."
    )


def refuse_too_many(n: int) -> None:
    """Raise ``MemoryError`` for more items than the weights of all their pairs would fit for, here."""
    needed, there = 12 * n**2, memory()
    if needed > there:
        raise MemoryError(
            f"EASE weighs every pair of {n:,} items, and a fit would take {needed / 1e9:,.0f} GB of this machine's "
            f"{there / 1e9:,.0f} GB: keep the most chosen items alone, as with max_items={int((there / 24) ** 0.5):,}, "
            "or take ItemKNN, which keeps a few neighbours of each."
        )


def memory() -> float:
    """Bytes of this machine; without bound where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return float("inf")
