"""Cards: one page in Markdown that says what a saved model is, what it was made from, and where it fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

MARK = "<!-- Written by collabkit with the model beside it. Saving that model again writes this page anew. -->"
ABOUT = {
    "DotProduct": "Matrix factorization: a score is the dot product of a user's and an item's factors.",
    "DotProductBias": "Matrix factorization with biases: a score is the dot product of a user's and an item's factors, "
    "plus a bias for each of the two.",
    "BPR": "It ranks: a score is the dot product of a user's and an item's factors, plus a bias of the item, and no "
    "number of stars.",
    "ImplicitALS": "It ranks: a score is the dot product of a user's and an item's factors, near 1 where the user is "
    "expected to choose the item, and no number of stars.",
    "TwoTower": "It ranks: a score is the dot product of two vectors, which a user's and an item's tower make of their "
    "ids and features, and no number of stars. The features are in the file.",
    "EmbeddingNet": "A neural net: it scores a user's and an item's factors, laid end to end.",
    "BayesianMF": "Bayesian matrix factorization: a score is the mean over many draws from the posterior, in each of "
    "which it is the dot product of a user's and an item's factors, plus a bias for each of the two. Features it was "
    "fitted with are in the draws.",
}
ABOUT["EASE"] = (
    "Item-item regression (EASE): a score adds up what each item that a user chose says for another. It ranks, and is "
    "no number of stars."
)
ABOUT["ItemKNN"] = (
    "Neighbours of items: a score adds up how near the items that a user chose lie to another. It ranks, and is no "
    "number of stars."
)
ABOUT["ItemKNNStars"] = "Neighbours of items: what a user gave those near an item, beside what means had expected."
ORDERED = (
    " That score is of a hidden length: the stars are the classes in which it falls (ordered probit), and a prediction "
    "is the mean over their probabilities."
)
KNOWS = {"BayesianMF": "nothing of them but the features that it was given"}
KNOWS["TwoTower"] = KNOWS["BayesianMF"]
FOLDS_NOBODY = ("BPR", "EmbeddingNet", "TwoTower")
ABOUT["DotProductBiasParams"] = ABOUT["DotProductBias"]


def model_card(header: dict[str, Any], name: str) -> str:
    """The card of a saved model, from the JSON in its file alone.

    Args:
        header: as :func:`collabkit.saving.storage.load_model` returns it.
        name: the name of the file, for the lines that load it.

    Whatever comes from the data (titles, names of scores, terms) is escaped: it shows as it is written, and cannot
    become markup.
    """
    model, data = header["model"], header["data"]
    numbers = {
        "Class": model["class"],
        "Users × items": f"{model['n_users']:,} × {model['n_items']:,}",
        **({"Factors": " and ".join(map(str, _as_list(model["n_factors"])))} if "n_factors" in model else {}),
        **({"Items with weights": f"{model['n_kept']:,}"} if "n_kept" in model else {}),
        **({"Hidden layers": ", ".join(map(str, model["layers"])) or "none"} if "layers" in model else {}),
        **({"Draws": f"{model['n_samples']:,}"} if "n_samples" in model else {}),
        **_range(model),
        "Tensors, SHA-256": header["tensors_sha256"],
    }
    ratings = {
        "Ratings": f"{data['ratings']:,}",
        "Users × items": f"{data['users']:,} × {data['items']:,}",
        "Scale": "not stated" if header["scale"] is None else _span(header["scale"]),
        "SHA-256": data["sha256"],
    }
    titles = [title for title in header["films"]["title"] if isinstance(title, str)][:3]
    user = header["users"]["ids"][0]
    folds_in = model["class"] not in FOLDS_NOBODY and "likelihood" not in model
    new = "Who has a few ratings can be folded in." if folds_in else "It folds nobody in."
    return "\n".join(
        [
            MARK,
            "",
            f"# {model['class']}, trained on {data['ratings']:,} ratings",
            "",
            ABOUT[model["class"]] + ORDERED * ("likelihood" in model),
            "",
            *_table("Model", numbers),
            "## Data and terms",
            "",
            *([f"Among the items are: {escape('; '.join(titles))}.", ""] if titles else []),
            *_table("Trained on", ratings),
            f"Terms: {escape(header['terms'])}",
            "",
            "## Scores",
            "",
            *(_table("Measured", header["scores"]) if header["scores"] else ["None were given when it was saved.", ""]),
            "## How to load it",
            "",
            "```python",
            "from collabkit import Recommender",
            f"recommender = Recommender.load({name!a})",
            f"recommender.recommend({user!a}, k=10)",
            "```",
            "",
            "Loading refuses a file that is damaged. It cannot know who made one.",
            "",
            "## Known limits",
            "",
            f"- {data['cold_users']:,} of the users and {data['cold_items']:,} of the items have no rating here: the "
            f"model knows {KNOWS.get(model['class'], 'nothing of them')}, nor of anybody or anything new. {new}",
            "- Items with few ratings are placed near the average, whatever they are like.",
            "- It learnt from what these users chose to rate. Its lists repeat that choice, which favours popular "
            "items, and it does not speak for other people.",
            "",
            f"Made with {escape(', '.join(f'{key} {version}' for key, version in header['versions'].items()))}.",
            "",
        ]
    )


def escape(text: object) -> str:
    """Text that shows as it is inside a line of Markdown: no markup, HTML, formula, link or mention comes of it."""
    line = "".join(letter if letter.isprintable() else " " for letter in str(text))
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"[\\`*_{}\[\]|~$@:]|(?<=\w)\.(?=[^\W\d])", r"\\\g<0>", line)


def _table(title: str, rows: dict[str, Any]) -> list[str]:
    lines = [f"| {escape(key)} | {'–' if value is None else escape(value)} |" for key, value in rows.items()]
    return [f"| {title} | |", "|---|---|", *lines, ""]


def _range(model: dict[str, Any]) -> dict[str, str]:
    """What becomes of a score: it is squashed into a range, or clipped to a scale, or stays as it is."""
    if "scale" in model:
        return {"Clipped to": _span(model["scale"])}
    return {"Range": "none" if model.get("y_range") is None else _span(model["y_range"])}


def _span(ends: Sequence[float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"


def _as_list(value: int | list[int]) -> list[int]:
    return value if isinstance(value, list) else [value]
