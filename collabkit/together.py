"""Together: how often two items were chosen by one user in one go."""

from __future__ import annotations

import numpy as np

from collabkit.weights import VALUES

REACH = 20  # half-lives without a choice that end a sitting: what lies further apart counts for a millionth


def add_together(
    G: np.ndarray, user: np.ndarray, item: np.ndarray, x: np.ndarray, time: np.ndarray, weight: float, half_life: float
) -> None:
    r"""Add to the counts of pairs ``(n, n)``, in their place, what was chosen in one go.

    .. math:: G_{ij} \mathrel{+}= c \sum_u x_{ui}\, x_{uj}\, 2^{-|t_{ui} - t_{uj}| / h}

    Args:
        user, item, x, time: of each choice, two codes, for how much it counts, and when it was made, in seconds
            ``(m,)``; no user chose an item twice.
        weight: c, what two choices of one moment count for.
        half_life: h, in seconds.
    """
    order = np.lexsort((time, user))
    user, item, x, time = user[order], item[order], x[order], time[order]
    ends = (np.diff(user) != 0) | (np.diff(time) > REACH * half_life)
    bounds = np.flatnonzero(np.concatenate([[True], ends, [True]]))
    many = np.diff(bounds) > 1
    alone = bounds[:-1][~many]  # sittings of one choice need no loop
    np.add.at(G, (item[alone], item[alone]), weight * x[alone] ** 2)
    for start, end in zip(bounds[:-1][many].tolist(), bounds[1:][many].tolist(), strict=True):
        one, step = slice(start, end), max(1, VALUES // (end - start))  # a sitting, of which so many rows at a time
        ago = (time[one] - time[start]) / half_life
        for row in range(0, end - start, step):
            part = slice(row, row + step)
            near = np.exp2(-np.abs(ago[part, None] - ago))  # (rows, choices)
            G[np.ix_(item[one][part], item[one])] += weight * x[one][part, None] * x[one] * near
