"""The rows of the leaderboard of lists: models of several libraries, and the settings that each of them tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TRIALS = 6  # settings that each model tries, where it has so many


@dataclass(frozen=True)
class Row:
    """A line of the table: a model of a library, what it tries, and what it is told besides who rated what."""

    library: str
    model: str
    tries: list[dict[str, Any]]
    random: bool = False  # whether it draws anything: then every seed is a fit
    knows: str = "ids, stars"
    places: bool = True  # whether it can answer users that it was not trained on

    def asked(self, protocol: str) -> bool:
        """Whether the protocol has a question that it can answer."""
        return self.places or protocol != "strong generalization"


def each(fixed: dict[str, Any], *tries: dict[str, Any]) -> list[dict[str, Any]]:
    return [fixed | one for one in tries]


ALS = ((32, 5.0), (32, 10.0), (32, 20.0), (64, 5.0), (64, 10.0), (64, 20.0))  # factors and penalty of each library's
LIKED, ALL = {"at_least": 4.0}, {"at_least": 0.5}  # which ratings are a yes
INPUTS = LIKED, {"zero_at": 0.0}  # … or as much of one as they have stars
TIME = "ids, stars, time"
PUBLISHED = [  # MovieLens 20M, strong generalization; as copied from these papers
    {"model": "EASE", "NDCG@100": 0.420, "source": "Steck 2019"},
    {"model": "iALS, well tuned", "NDCG@100": 0.425, "source": "Rendle et al. 2022"},
    {"model": "RecVAE", "NDCG@100": 0.442, "source": "Shenbin et al. 2020"},
]
ROWS = {
    "popularity": Row("collabkit", "popularity", [LIKED, ALL]),
    "ItemKNN": Row(
        "collabkit",
        "solved",
        each({"model": "ItemKNN"}, *({"n_neighbours": k} | x for k in (20, 50, 100) for x in INPUTS)),
    ),
    "EASE": Row(
        "collabkit",
        "solved",
        each({"model": "EASE"}, *({"penalty": p} | x for p in (50.0, 150.0, 450.0) for x in INPUTS)),
    ),
    "EASE, by recency": Row(
        "collabkit",
        "solved",
        each(
            {"model": "EASE", "penalty": 100.0},
            *({"recent": {"decay": a, "half_life": 730.0}} | x for a in (0.25, 0.5, 1.0) for x in INPUTS),
        ),
        knows=TIME,
    ),
    "EASE, by sitting": Row(
        "collabkit",
        "solved",
        each(
            {"model": "EASE", "penalty": 200.0, "zero_at": 0.0, "max_items": 2000, "sitting": 1.0},
            *({"recent": {"decay": a, "half_life": days}} for a in (0.0, 0.25, 0.5) for days in (365.0, 1460.0)),
        ),
        knows=TIME,
    ),
    "ImplicitALS": Row(
        "collabkit",
        "solved",
        each({"model": "ImplicitALS"} | LIKED, *({"n_factors": k, "penalty": p} for k, p in ALS)),
        random=True,
    ),
    "BPR": Row(
        "collabkit",
        "ranked",
        each(
            {"loss": "BPR", "epochs": 80, "bs": 8192} | LIKED,
            *({"wd": wd, "n_factors": k} for wd in (0.1, 0.3, 0.6) for k in (64, 128)),
        ),
        random=True,
        places=False,
    ),
    "sampled softmax": Row(
        "collabkit",
        "ranked",
        each({"loss": "softmax"}, *({"wd": wd} | x for wd in (0.1, 0.2, 0.3) for x in (LIKED, ALL))),
        random=True,
        places=False,
    ),
    "two towers": Row(
        "collabkit",
        "ranked",
        each(
            {"loss": "softmax", "towers": True, "epochs": 6, "lr": 0.02, "n_factors": 32},
            *({"wd": wd} | x for wd in (0.1, 0.2, 0.3) for x in (LIKED, ALL)),
        ),
        random=True,
        knows="ids, stars, genres, years",
        places=False,
    ),
    "implicit ALS": Row(
        "implicit",
        "implicit",
        each({"model": "ALS", "alpha": 2.0} | LIKED, *({"factors": k, "regularization": p} for k, p in ALS)),
        random=True,
    ),
    "implicit BPR": Row(
        "implicit",
        "implicit",
        each(
            {"model": "BPR", "factors": 32, "regularization": 0.01},
            *({"learning_rate": rate} | x for rate in (0.02, 0.05, 0.1) for x in (LIKED, ALL)),
        ),
        random=True,
        places=False,
    ),
    "LensKit popularity since": Row(
        "lenskit",
        "lenskit",
        each({"scorer": "Pop"} | LIKED, *({"days": n} for n in (180, 365, 730, 1460, 1825, 3650))),
        knows=TIME,
    ),
    "LensKit ItemKNN": Row(
        "lenskit",
        "lenskit",
        each({"scorer": "ItemKNN"}, *({"max_nbrs": k} | x for k in (20, 50, 100) for x in (LIKED, ALL))),
    ),
    "LensKit ImplicitMF": Row(
        "lenskit",
        "lenskit",
        each(
            {"scorer": "ImplicitMF", "weight": 1.0} | LIKED,
            *({"embedding_size": k, "regularization": p} for k, p in ALS),
        ),
        random=True,
    ),
    "LensKit EASE": Row(
        "lenskit",
        "lenskit",
        each({"scorer": "EASE"}, *({"regularization": p} | x for p in (50.0, 150.0, 450.0) for x in (LIKED, ALL))),
    ),
    "Cornac EASE": Row(
        "cornac",
        "cornac",
        each(
            {"model": "EASE", "posB": False}, *({"lamb": p} | x for p in (600.0, 1200.0, 3600.0) for x in (LIKED, ALL))
        ),
    ),
    "Cornac VAECF": Row(
        "cornac",
        "cornac",
        each(
            {"model": "VAECF", "k": 50, "autoencoder_structure": [200], "n_epochs": 50, "learning_rate": 0.002},
            *({"beta": b} | x for b in (0.1, 0.3, 1.0) for x in (LIKED, ALL)),
        ),
        random=True,
    ),
}
