"""Bands: the scores that `make bands` measured over seeds and splits, for chapters to quote and assert against."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean, stdev

from collabkit.results import load


@dataclass(frozen=True)
class Band:
    """Where a score may lie: mean ± 4 standard deviations over seeds and splits.

    Attributes:
        name, measure: what was run, and in what it is measured (``"rmse"`` in stars, ``"mse"`` in squared stars,
            ``"ndcg"`` of lists of ten).
        scores: of the single runs, split by split and within a split seed by seed.
        seconds: wall time of one fit on the machine that measured it (two CPU cores).
    """

    name: str
    measure: str
    scores: tuple[float, ...]
    seconds: float

    @property
    def n(self) -> int:
        """How many runs there were."""
        return len(self.scores)

    @property
    def mean(self) -> float:
        """Of their scores."""
        return mean(self.scores)

    @property
    def sd(self) -> float:
        """The standard deviation of their scores."""
        return stdev(self.scores)

    @property
    def low(self) -> float:
        """The mean less four standard deviations."""
        return self.mean - 4 * self.sd

    @property
    def high(self) -> float:
        """The mean plus four standard deviations."""
        return self.mean + 4 * self.sd

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:.4f} … {self.high:.4f} (mean {self.mean:.4f}, {self.n} runs)"

    def check(self, value: float) -> None:
        """Raise ``AssertionError`` when a score lies outside the band, with what to look at."""
        assert value in self, (
            f"{self.name}: {self.measure.upper()} {value:.4f} is outside the measured band {self}. Did a cell above "
            "change the data, the seed or the recipe? If all is as published, library versions may have moved: "
            "compare yours with collabkit.results.load('bands')['versions']."
        )


def band(name: str, measure: str = "rmse") -> Band:
    """The band of a run, e.g. ``band("small-2016/course-no-decay/dot")``, as RMSE in stars or as ``"mse"``.

    That of a model of lists has ``"ndcg"`` alone: ``band("small-2016/lists/ease", "ndcg")``.

    Raises: ``KeyError`` that lists the names there are; ``ValueError`` for another measure than it has.
    """
    if measure not in ("rmse", "mse", "ndcg"):
        raise ValueError(f"measure={measure!r}: choose 'rmse', 'mse' or 'ndcg'.")
    bands = load("bands")["bands"]
    if name not in bands:
        raise KeyError(f"no band {name!r}. There are: {', '.join(sorted(bands))}")
    entry, stored = bands[name], "ndcg" if measure == "ndcg" else "mse"
    if stored not in entry:
        raise ValueError(f"measure={measure!r}: {name} is a band of {'stars' if 'mse' in entry else 'lists'}.")
    scores = tuple(score**0.5 if measure == "rmse" else score for score in entry[stored])
    return Band(name, measure, scores, entry["seconds"])
