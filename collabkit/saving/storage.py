"""Storage: a trained model and its ratings in one safetensors file, and a model card beside it. No pickle.

The file holds the model's tensors as ``model.<name>`` and the columns of its ratings as ``ratings.<name>``. Its
metadata has one entry, ``collabkit``: JSON with the keys :data:`KEYS`. The first of them, ``sha256``, is the hash of
the whole file with 64 zeros in the hash's own place. It finds damage; it does not prove who wrote the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import safetensors
import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor, nn

import collabkit
from collabkit.ratings import Ratings, fitted_to
from collabkit.saving.atomic import existing, target, write_together
from collabkit.saving.cards import MARK, model_card
from collabkit.saving.packing import fingerprint, pack_ratings, plain_number, same_json, unpack_ratings
from collabkit.saving.packing_models import Model, pack_model, refuse_other_scores, unpack_model

FORMAT = {"name": "collabkit recommender", "version": 1}  # one more with each change that an older reader would misread
KEYS = ["sha256", "format", "model", "users", "items", "films", "scale"]
KEYS += ["data", "terms", "scores", "versions", "tensors_sha256"]
VERSIONS = ("collabkit", "python", "torch", "numpy", "safetensors")
TERMS = (
    "MovieLens ratings, and what is made from them, are for non-commercial use with acknowledgement (Harper & Konstan, "
    "2015, https://doi.org/10.1145/2827872); the README of the edition has the binding words. This file cannot tell "
    "where its ratings come from: if not from MovieLens, the terms of their own source hold. It contains the ratings "
    "themselves, so pass it on only where you may pass them on."
)
HOLE, SEAL = b"0" * 64, b'{\\"sha256\\":\\"'  # quotes inside the metadata are escaped
LONGEST = 100_000_000  # bytes of JSON that a reader of safetensors takes
DAMAGED = "is damaged: it was truncated or changed after it was saved. Copy it again, or save the model again."
UNFIT = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, safetensors.SafetensorError)


def save_model(
    path: str | os.PathLike[str],
    model: Model,
    ratings: Ratings,
    scores: Mapping[str, float | str | None] | None = None,
    terms: str = TERMS,
) -> None:
    """Save a trained model with the ratings it was trained on, and its card ``<name>.md`` in the same folder.

    Args:
        path: the file to write, by custom ``<name>.safetensors``; an older one is replaced.
        model: one of collabkit's five modules, or one of the same name and tables that scores alike; or a fitted
            :class:`collabkit.BayesianMF`, whose side features are in its draws, or :class:`collabkit.ImplicitALS`; or a
            fitted item-item model, such as :class:`collabkit.EASE`, with the histories of its users.
        ratings: the training ratings, with ids that are whole numbers or text.
        scores: what was measured, by name: numbers or text. One that is not finite is kept as ``None``.
        terms: under which terms the file may be used, where :data:`TERMS` does not fit.

    Both files appear whole or stay as they were. A link stays a link, and a file that is replaced keeps its mode. The
    same model, ratings and versions give the same bytes.

    Raises: ``ValueError`` for a model that cannot be built again, weights that are not finite, and ratings of other
        sizes or that would not come back as they are; ``FileNotFoundError`` for a folder that is not there;
        ``PermissionError`` for a file that is read-only. Nothing is written then.
    """
    path = Path(path)
    card = path.with_name(path.name.removesuffix(".safetensors") + ".md")
    _refuse_place(path, card)
    fitted_to(model, ratings)
    description, tables = pack_model(model)
    packed, columns = pack_ratings(ratings)
    tensors = {f"model.{name}": tensor for name, tensor in tables.items()}
    tensors |= {f"ratings.{name}": tensor for name, tensor in columns.items()}
    header = {
        "sha256": HOLE.decode(),
        "format": FORMAT,
        "model": description,
        **packed,
        "data": fingerprint(ratings),
        "terms": str(terms),
        "scores": {str(name): _score(score, name) for name, score in (scores or {}).items()},
        "versions": {
            "collabkit": collabkit.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
            "safetensors": safetensors.__version__,
        },
        "tensors_sha256": _tensors_sha256(tensors),
    }
    again, kept = _unpack(header, tensors)  # what a reader would refuse is refused now, before anything is written
    refuse_other_scores(model, again, ratings.n_users, ratings.n_items)
    if not (kept.films.equals(ratings.films) and kept.films.dtypes.equals(ratings.films.dtypes)):
        raise ValueError("the films table would not come back as it is. Build the ratings with Ratings.from_frame.")
    content = _sealed(json.dumps(header, separators=(",", ":"), allow_nan=False), tensors)
    write_together({card: model_card(header, path.name).encode(), path: content})


def load_model(path: str | os.PathLike[str]) -> tuple[Model, Ratings, dict[str, Any]]:
    """Load what :func:`save_model` saved. Nothing in the file is run or unpickled.

    Returns: the model in eval mode, on the CPU; its training :class:`collabkit.Ratings`, equal to those that were
        saved; and the JSON of the file.
    Raises: ``FileNotFoundError``; ``ValueError`` for a file that is empty, truncated, changed in any byte, of another
        format or of another program, or whose parts do not fit together.
    """
    path = existing(path)
    return unpacked(path, path.read_bytes(), read_tensors)


def unpacked(
    path: Path, content: Any, read: Callable[[Any], dict[str, Tensor]], in_place: bool = False
) -> tuple[Model, Ratings, dict[str, Any]]:
    """What the content of a file holds, checked; its tensors are what ``read`` makes of it."""
    try:
        header = _header(content)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    try:
        return *_unpack(header, read(content), in_place), header
    except UNFIT as error:
        reason = str(error).rstrip(".")
        raise ValueError(f"{path} holds parts that do not fit together ({reason}). Save the model again.") from error


def _unpack(header: dict[str, Any], tensors: dict[str, Tensor], in_place: bool = False) -> tuple[Model, Ratings]:
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "ratings": {}}
    for key, tensor in tensors.items():
        part, _, name = key.partition(".")
        parts[part][name] = tensor
    _refuse_other_types(header)
    ratings = unpack_ratings(header, parts["ratings"])
    sizes, known = [header["model"].get(key) for key in ("n_users", "n_items")], [ratings.n_users, ratings.n_items]
    if sizes != known:  # before a model of any size is built
        raise ValueError(
            f"the model has {sizes[0]} users and {sizes[1]} items, the ratings {known[0]} and {known[1]}. A model goes "
            "with the ratings that it was trained on."
        )
    model = unpack_model(header["model"], parts["model"], in_place)
    if not isinstance(model, nn.Module):  # what was fitted knows its ids
        model.users_, model.items_ = ratings.users, ratings.items
    if not same_json(header["data"], fingerprint(ratings)) or header["tensors_sha256"] != _tensors_sha256(tensors):
        raise ValueError("the ratings or the tables are not those that the header names.")
    return model, ratings


def _refuse_other_types(header: dict[str, Any]) -> None:
    """Of what is not compared with ratings and tables."""
    terms, scores, versions = header["terms"], header["scores"], header["versions"]
    if not isinstance(terms, str):
        raise ValueError(f"the terms are {terms!r}, which is not text.")
    if not same_json({name: _score(score, name) for name, score in scores.items()}, scores):
        raise ValueError("the scores are not as collabkit writes them.")
    if versions.keys() != set(VERSIONS) or not all(isinstance(version, str) for version in versions.values()):
        raise ValueError(f"the versions are not one each of {', '.join(VERSIONS)}.")


def _refuse_place(path: Path, card: Path) -> None:
    for file in (path, card):
        target(file)
    if card.exists() and not card.read_bytes().startswith(MARK.encode()):
        raise ValueError(f"{card} is in the place of the model's card, and is none: move it, or choose another name.")


# ---------------------------------------------------------------- the bytes of a file


def _sealed(text: str, tensors: dict[str, Tensor]) -> bytes:
    """The content of a file. In the JSON ``sha256``, which comes first and is 64 zeros until now, gets its value."""
    content = bytearray(write_tensors(tensors, {"collabkit": text}))
    if int.from_bytes(content[:8], "little") > LONGEST:
        raise ValueError("the ids and titles take more than the 100 MB that a safetensors file may have of them.")
    start = content.index(SEAL) + len(SEAL)
    content[start : start + len(HOLE)] = hashlib.sha256(content).hexdigest().encode()
    return bytes(content)


def _header(content: bytes) -> dict[str, Any]:
    """The JSON of a file that is whole and of our format."""
    if not content:
        raise ValueError("is empty: it was never written to its end. Copy it again, or save the model again.")
    if len(content) > 8 and content[8:9] != b"{":
        if content[:4] == b"PK\x03\x04" or content[:1] == b"\x80":
            raise ValueError(
                "is a pickle, as torch.save writes them. To load one is to run the code inside, so it stays shut. "
                "Where you trust it, load it yourself, and save the model with collabkit."
            )
        raise ValueError("is no safetensors file, so no saved recommender. Check its name, or save the model again.")
    end = 8 + int.from_bytes(content[:8], "little")
    if end > len(content):
        raise ValueError(DAMAGED)
    metadata = _json(content[8:end]).get("__metadata__")
    if not isinstance(metadata, dict) or "collabkit" not in metadata:
        raise ValueError("is a safetensors file of another program, without a recommender in it. Check its name.")
    header = _json(metadata["collabkit"])
    _refuse_other_format(header)
    start = content.find(SEAL, 8, end) + len(SEAL)
    digest = hashlib.sha256(content[:start] + HOLE)
    digest.update(memoryview(content)[start + len(HOLE) :])
    if content[start : start + len(HOLE)] != digest.hexdigest().encode():
        raise ValueError(DAMAGED)
    if odd := sorted(header.keys() ^ set(KEYS)):
        raise ValueError(f"lacks keys of its format, or has others: {', '.join(odd)}. Save the model again.")
    return header


def _json(text: str | bytes) -> dict[str, Any]:
    """A JSON object, strictly: no key twice, no NaN."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(pairs)) < len(pairs):
            raise ValueError("a key twice")
        return found

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        found = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(DAMAGED) from error
    if not isinstance(found, dict):
        raise ValueError(DAMAGED)
    return found


def _refuse_other_format(header: dict[str, Any]) -> None:
    if same_json(header.get("format"), FORMAT):
        return
    try:
        name, version, writer = header["format"]["name"], header["format"]["version"], header["versions"]["collabkit"]
        newer = version > FORMAT["version"]
        if isinstance(version, bool) or not isinstance(version, int):
            raise TypeError(f"a version is no {type(version)}")
    except (LookupError, TypeError) as error:
        raise ValueError(DAMAGED) from error
    if name != FORMAT["name"]:
        raise ValueError(f"is a {name!r}, not a {FORMAT['name']!r}. Check its name.")
    raise ValueError(
        f"is of format {version}, saved by collabkit {writer}; this is collabkit {collabkit.__version__}, which reads "
        f"format {FORMAT['version']}. "
        + ("Update collabkit." if newer else "Load it with that version, or train again.")
    )


def _tensors_sha256(tensors: dict[str, Tensor]) -> str:
    """One hash of names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        if tensor.numel():  # nothing has no layout to view as bytes
            digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _score(score: float | str | None, name: str) -> float | str | None:
    if score is None or isinstance(score, str):
        return score
    if isinstance(score, float | np.floating) and not np.isfinite(score):
        return None  # JSON has no NaN
    try:
        return plain_number(score)
    except ValueError as error:
        raise ValueError(f"the score {name!r} is {score!r}: give a number or text.") from error
