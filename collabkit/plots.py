"""Plots: one look for every figure of the course, safe for colour-blind readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from fastai.learner import Learner

# Okabe & Ito (2008): told apart with any common colour vision, and in grey by their lightness.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#6F6F6F",
)
COLOURS = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, GREY]
STYLE = {
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "figure.figsize": (6, 3.6),
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "legend.frameon": False,
    "lines.linewidth": 2,
}


def use_style() -> None:
    """Draw every later figure in the style of the course."""
    plt.style.use(STYLE)


def long_tail(counts: ArrayLike, ax: Axes | None = None, what: str = "films") -> Axes:
    """How unevenly ratings are spread: the count of each item from the most rated to the least, on log axes.

    Args:
        counts: ratings an item (or a user) ``(n,)``, in any order; zeros are left out.
    """
    counts = np.sort(np.asarray(counts))[::-1]
    counts = counts[counts > 0]
    ax = axes_or_new(ax)
    ax.plot(np.arange(1, len(counts) + 1), counts)
    ax.set(xscale="log", yscale="log", xlabel=f"{what}, most rated first", ylabel="ratings")
    return ax


def loss_curves(learn: Learner, ax: Axes | None = None) -> Axes:
    """Training and validation loss after each epoch of the last fit, from a fastai ``Learner``'s recorder.

    Raises: ``ValueError`` when the recorder holds no fit; fastai clears it in ``validate`` and ``get_preds``.
    """
    rows = learn.recorder.values
    if not rows or len(rows[0]) < 2 + len(learn.metrics):
        raise ValueError("the recorder holds no fit: draw the curves before validate() or get_preds(), which clear it.")
    train, valid = np.array([row[:2] for row in rows]).T
    ax = axes_or_new(ax)
    epochs = np.arange(1, len(train) + 1)
    ax.plot(epochs, train, marker="o", label="training")
    ax.plot(epochs, valid, marker="s", linestyle="--", label="validation")
    ax.set(xlabel="epoch", ylabel="mean squared error", xticks=epochs)
    ax.legend()
    return ax


def axes_or_new(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    return ax if ax is not None else plt.subplots()[1]
