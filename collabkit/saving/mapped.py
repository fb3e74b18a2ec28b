"""Mapped: the tensors of a saved recommender where they lie, in the file, of which memory holds what is asked for."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor, nn

from collabkit.ratings import Ratings
from collabkit.saving.atomic import existing
from collabkit.saving.storage import unpacked

TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
TYPES |= {"I64": torch.int64, "I32": torch.int32}


@contextmanager
def mapped_model(path: str | os.PathLike[str]) -> Iterator[tuple[nn.Module, Ratings]]:
    """The model and its ratings, as ``load_model`` has them, in the file itself.

    The whole file is read once, and checked. What was read for that, and inside the ``with`` block, leaves memory again
    at its end. The pages are private to this process: nothing that is written to them reaches the file.

    Raises: as ``load_model``; besides, ``ValueError`` for a model without tables of its own class.
    """
    path = existing(path)
    with path.open("rb") as file:
        # an empty file cannot be mapped, and is refused like any other
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) if path.stat().st_size else b""
    model, ratings, _ = unpacked(path, content, views, in_place=True)
    assert isinstance(model, nn.Module)  # what is none was refused
    yield model, ratings
    if isinstance(content, mmap.mmap) and hasattr(content, "madvise"):  # Windows decides by itself
        content.madvise(mmap.MADV_DONTNEED)


def views(content: mmap.mmap) -> dict[str, Tensor]:
    """The tensors of a safetensors file, without a copy.

    Raises: ``KeyError`` and ``ValueError`` for what is no such file.
    """
    start = 8 + int.from_bytes(content[:8], "little")
    found = {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        dtype, shape, (first, end) = TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        if min(shape, default=1) < 0 or first < 0 or end - first != prod(shape) * dtype.itemsize:
            raise ValueError(f"the tensor {name} has no place in the file")
        if end == first:
            found[name] = torch.empty(shape, dtype=dtype)
        else:
            found[name] = torch.frombuffer(content, dtype=dtype, count=prod(shape), offset=start + first).view(shape)
    return found
