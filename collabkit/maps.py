"""Maps: items as points with their names, as a picture to print and as one to explore."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from collabkit.checks import as_numbers, number, whole
from collabkit.data.titles import spoken, without_article
from collabkit.plots import BLUE, GREY, axes_or_new

DANGLING = re.compile(r"(?:\W|\b(?:and|or|of|in|on|at|by|to|for|from|with|the|an?)\b)+$")


def short_name(label: str, width: int = 26) -> str:
    """A label short enough for a map: ``"Godfather, The (1972)"`` becomes ``"The Godfather"``.

    Year and other titles in brackets go, the article moves to the front. What is still longer than ``width`` letters
    loses the article, then the name of its series (``"Two Towers"``), and is at last cut after a whole word.
    """
    if not isinstance(label, str):
        raise TypeError(f"{label!r} is a {type(label).__name__}: a label is text.")
    width = whole("width", width, at_least=2)
    name = re.sub(r"\s+\([^()]*\)", "", label)
    bare = without_article(name)
    whole_name = bare if ":" in name else spoken(name)  # "The Godfather: Part II" is not said
    parts = re.split(": | - ", bare)
    for candidate in (whole_name, bare, parts[-1], re.sub("^(?:The|An?) ", "", parts[-1])):
        if len(candidate) <= width:
            return candidate
    whole_words = f"{parts[0]} "[:width].rpartition(" ")[0]
    return (DANGLING.sub("", whole_words) or bare[: width - 1]) + "…"


def spread_out(x: ArrayLike, y: ArrayLike, n: int, apart: float = 0.3) -> np.ndarray:
    """Which n points to name on a map: the first ones, but none too near to one that is named already.

    Args:
        x, y: coordinates ``(m,)``, the points you would name first at the front.
        apart: the smallest distance of two named points, in standard deviations of the coordinates.

    Returns: positions in x and y, at most n of them.
    """
    points = np.column_stack(_coordinates(x, y))  # (m, 2)
    n, apart = whole("n", n, at_least=1), number("apart", apart, at_least=0)
    points /= np.maximum(points.std(axis=0), 1e-12)
    named: list[int] = []
    for position, point in enumerate(points):
        if len(named) == n:
            break
        if all(np.hypot(*(point - points[named]).T) >= apart):
            named.append(position)
    return np.array(named, dtype=int)


def labelled_map(x: ArrayLike, y: ArrayLike, labels: Collection[str], ax: Axes | None = None, size: float = 11) -> Axes:
    """Points with their names, placed so that no name covers another name, a point or a line.

    Args:
        x, y: coordinates ``(n,)``.
        labels: a name a point; some thirty short ones fit, if the points are spread out. One without room
            is left out, with a warning.
        ax: with its title and axis labels already set, since they take room from the map.
        size: of the letters, in points.

    Give it a portrait figure about five inches wide: a phone then hardly has to shrink it. The axes have no numbers,
    since the units of a component mean nothing.
    """
    x, y = _coordinates(x, y, labels)
    size = number("size", size, above=0)
    ax = axes_or_new(ax)
    ax.scatter(x, y, s=18, color=BLUE, zorder=3)
    ax.margins(0.15, 0.04)
    ax.autoscale_view()
    ax.tick_params(length=0, labelbottom=False, labelleft=False)
    ax.grid(visible=False)
    texts = [ax.text(a, b, label, size=size, in_layout=False) for a, b, label in zip(x, y, labels, strict=True)]
    ax.figure.canvas.figure.draw_without_rendering()  # the layout settles before names are placed
    points = ax.transData.transform(np.column_stack([x, y]))  # (n, 2) in pixels, as all that follows
    sizes = np.array([text.get_window_extent().size for text in texts])  # (n, 2)
    unit = ax.figure.dpi / 72
    places, line_ends = place_names(points, sizes, ax.get_window_extent().extents, unit)
    to_data = ax.transData.inverted().transform
    for text, point, place, end in zip(texts, points, places, line_ends, strict=True):
        if np.isnan(place).any():
            warnings.warn(f"no room on the map for {text.get_text()!r}: name fewer points.", stacklevel=2)
            text.remove()
            continue
        text.set(position=to_data(place), verticalalignment="bottom")
        if np.hypot(*(end - point)) > 9 * unit:
            ax.plot(*to_data([point, end]).T, color=GREY, linewidth=0.8, in_layout=False, zorder=2)
    return ax


def place_names(
    points: np.ndarray, sizes: np.ndarray, frame: Sequence[float] | np.ndarray, unit: float = 1
) -> tuple[np.ndarray, np.ndarray]:
    """A place for the name of each point: near it, inside the frame, clear of other names, points and lines.

    Crowded points choose first, each the nearest place that is free. Where none is left, that name chooses first in
    the next attempt; the best attempt counts.

    Args:
        points: ``(n, 2)``.
        sizes: width and height of the names ``(n, 2)``.
        frame: left, bottom, right, top.
        unit: of distances; as large as a point of print.

    Returns: lower left corner of each name ``(n, 2)``, NaN where there is no room; end of the line to it ``(n, 2)``.
    """
    angles = np.deg2rad([0, 180, 25, 155, -25, -155, 90, -90, 50, 130, -50, -130, 70, 110, -70, -110])
    turns = np.column_stack([np.cos(angles), np.sin(angles)])  # (16, 2)
    lengths = unit * np.array([5, 8, 12, 17, 23, 30, 38, 47, 57, 70, 90, 110])
    steps = (lengths[:, None, None] * turns).reshape(-1, 2)  # (C, 2) lines to try, short ones first
    edges = turns / np.abs(turns).max(axis=1, keepdims=True)  # (16, 2) on a square: a line ends at the edge of its name
    shifts = np.tile((edges - 1) / 2, (len(lengths), 1))  # (C, 2) from a line's end to the corner, in sizes of the name
    along = np.linspace(0, 1, 12)[:, None]  # a line is checked at these places
    gap = unit * np.array([7, 1])  # between names, beside and above each other

    def choose(i: int, places: np.ndarray, ends: np.ndarray) -> None:
        """Write the nearest free place of point i, if there is one, into places and ends."""
        others = np.arange(len(points)) != i
        done = ~np.isnan(places[:, 0])
        taken = np.hstack([places, places + sizes])[done]  # (m, 4)
        lines = (points[done, None] + along * (ends - points)[done, None]).reshape(-1, 2)  # (12 m, 2)
        end = points[i] + steps  # (C, 2)
        corner = end + shifts * sizes[i]  # (C, 2)
        boxes = np.hstack([corner, corner + sizes[i]])  # (C, 4)
        line = points[i] + along * steps[:, None]  # (C, 12, 2)
        bad = (boxes[:, :2] < frame[:2]).any(axis=1) | (boxes[:, 2:] > frame[2:]).any(axis=1)
        bad |= _within(np.vstack([points, lines]), boxes[:, None], 3 * unit).any(axis=1)
        bad |= _within(line[:, :, None], taken, 2 * unit).any(axis=(1, 2))
        bad |= _within(line[:, 4:, None], np.tile(points[others], 2), 3 * unit).any(axis=(1, 2))
        bad |= ((boxes[:, None, :2] < taken[:, 2:] + gap) & (taken[:, :2] < boxes[:, None, 2:] + gap)).all(2).any(1)
        if not bad.all():
            places[i], ends[i] = corner[bad.argmin()], end[bad.argmin()]

    near = np.linalg.norm(points[:, None] - points, axis=2) / (60 * unit)  # (n, n)
    order = np.argsort(-np.exp(-(near**2)).sum(axis=1), kind="stable")
    attempts = []
    for _ in range(12):
        places, ends = np.full((2, *points.shape), np.nan)
        for i in order:
            choose(i, places, ends)
        missing = np.isnan(places[:, 0])
        attempts.append((missing.sum(), places, ends))
        if not missing.any():
            break
        order = order[np.argsort(~missing[order], kind="stable")]
    return min(attempts, key=lambda attempt: attempt[0])[1:]


def _within(points: np.ndarray, boxes: np.ndarray, margin: float) -> np.ndarray:
    """Whether points ``(…, 2)`` lie inside boxes ``(…, 4)`` or within a margin of them."""
    return np.all((points > boxes[..., :2] - margin) & (points < boxes[..., 2:] + margin), axis=-1)


def _coordinates(x: ArrayLike, y: ArrayLike, labels: Collection[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """x and y in float64, checked: finite, at least one, and as many of each as of the labels."""
    x, y = as_numbers("x", x), as_numbers("y", y)
    n_labels = len(x) if labels is None else len(labels)
    if not len(x) == len(y) == n_labels:
        raise ValueError(f"{len(x)} x, {len(y)} y and {n_labels} labels: a map needs one of each for every point.")
    if not len(x) or not np.isfinite([x, y]).all():
        raise ValueError("a map needs at least one point, and coordinates that are finite numbers.")
    return x, y


def _short(values: np.ndarray) -> np.ndarray:
    """Coordinates with as many decimals as can be seen: a thousandth of their range, or finer."""
    spread = np.ptp(values) or 1
    return values.round(max(0, int(np.ceil(3 - np.log10(spread)))))


class InteractiveMap:
    """A map to explore in the page: point at a film to read its name, search for one, zoom in, choose the axes.

    It is one piece of HTML with its own script: no other host, no server. It works with a mouse, a finger, the keyboard
    and a screen reader (which have the films as a list, too), in light and dark pages.

    Args:
        x, y: coordinates ``(n,)``.
        labels: a name a point; shown as text, whatever it contains. When there is no room for all, the first have it.
        x_name, y_name: what the axes mean.
        axes: further axes to choose from, by name, with a coordinate ``(n,)`` for each point.

    Raises: ``ValueError`` when lengths differ, a coordinate is no finite number, or two axes have one name.
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        labels: Collection[str],
        x_name: str = "component 1",
        y_name: str = "component 3",
        axes: Mapping[str, ArrayLike] | None = None,
    ):
        x, y = _coordinates(x, y, labels)
        others = [_coordinates(x, other, labels)[1] for other in (axes or {}).values()]
        names = [str(name) for name in (x_name, y_name, *(axes or {}))]
        if len(set(names)) < len(names):
            raise ValueError(f"two axes have one name ({', '.join(names)}): each needs its own, to be chosen by.")
        places = np.column_stack([_short(values) for values in (x, y, *others)]).tolist()
        points = [[*place, str(name)] for place, name in zip(places, labels, strict=True)]
        self.data = json.dumps({"axes": names, "points": points}, ensure_ascii=False, separators=(",", ":"))

    def _repr_html_(self) -> str:
        # "<" would end the script element it stands in, so it travels as an escape that JSON reads back
        data = self.data.replace("<", "\\u003c")
        name = "map-" + hashlib.sha256(data.encode()).hexdigest()[:8]
        template = files("collabkit").joinpath("map.html").read_text(encoding="utf-8")
        return template.replace("{{name}}", name).replace("{{data}}", data)
