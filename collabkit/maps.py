"""Maps: items as points with their names, as a picture to print and as one to explore."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files

import numpy as np
from matplotlib.axes import Axes

from collabkit.plots import BLUE, GREY, axes_or_new

DANGLING = re.compile(r"(?:\W|\b(?:a|an|and|at|by|for|from|in|of|on|or|the|to|with|la|le|l)\b)+$", re.IGNORECASE)


def short_name(label: str, width: int = 26) -> str:
    """A label short enough for a map: ``"Godfather, The (1972)"`` becomes ``"The Godfather"``.

    Year and other titles in brackets go, the article moves to the front. What is still longer than ``width`` letters
    loses the article, then the name of its series (``"Two Towers"``), and is at last cut after a whole word.
    """
    name = re.sub(r"\s*\([^()]*\)", "", label).strip() or label
    bare = re.sub(r", (?:The|An?)\b", "", name)
    moved = re.sub(r"^([^:]*), (The|An?)$", r"\2 \1", name)
    series = re.split(r": | - ", bare)[-1]
    for candidate in (moved, bare, series, re.sub(r"^(?:The|An?) ", "", series)):
        if len(candidate) <= width and not re.search(r", (?:The|An?)$", candidate):
            return candidate
    cut = bare[:width].rsplit(" ", 1)[0]
    return (DANGLING.sub("", cut) or bare[: width - 1]) + "…"


def spread_out(x, y, n: int, apart: float = 0.3) -> np.ndarray:
    """Which n points to name on a map: the first ones, but none too near to one that is named already.

    Args:
        x, y: coordinates ``(m,)``, the points you would name first at the front.
        apart: the smallest distance of two named points, in standard deviations of the coordinates.

    Returns: positions in x and y, at most n of them.
    """
    points = np.column_stack([x, y]).astype("float64")  # (m, 2)
    points /= np.maximum(points.std(axis=0), 1e-12)
    named: list[int] = []
    for position, point in enumerate(points):
        if len(named) == n:
            break
        if all(np.hypot(*(point - points[named]).T) >= apart):
            named.append(position)
    return np.array(named, dtype=int)


def labelled_map(x, y, labels, ax: Axes | None = None, size: float = 11) -> Axes:
    """Points with their names, placed so that no name covers another name or a point.

    Args:
        x, y: coordinates ``(n,)``.
        labels: a name a point; some thirty short ones fit.
        ax: with its title and axis labels already set, since they take room from the map.
        size: of the letters, in points.

    Give it a portrait figure about five inches wide: a phone then hardly has to shrink it. The axes have no numbers:
    the units of a component mean nothing.
    """
    import textalloc

    x, y = np.asarray(x), np.asarray(y)
    ax = axes_or_new(ax)
    ax.scatter(x, y, s=18, color=BLUE, zorder=3)
    ax.margins(0.22, 0.05)
    ax.autoscale_view()
    ax.tick_params(length=0, labelbottom=False, labelleft=False)
    ax.figure.draw_without_rendering()  # the layout settles, so that a name is placed on the map as it will be shown
    _, _, texts, lines = textalloc.allocate(
        ax,
        x,
        y,
        list(labels),
        x_scatter=x,
        y_scatter=y,
        textsize=size,
        linecolor=GREY,
        linewidth=0.7,
        min_distance=0.008,
        max_distance=0.3,
        margin=0.006,
        nbr_candidates=1000,
        avoid_label_lines_overlap=True,
        avoid_crossing_label_lines=True,
    )
    for artist in (*texts, *lines):
        if artist is not None:
            artist.set_in_layout(False)
    return ax
