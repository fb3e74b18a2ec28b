"""Loaders: the road from a split to batches, as a fastai DataLoader over tensors that stay on the device."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.torch_core import default_device, display_df
from torch import Tensor

from collabkit import checks
from collabkit.ratings import Ratings
from collabkit.recipe import RECIPE
from collabkit.splits import Split, parted

Batch: TypeAlias = tuple[Tensor, ...]  # x, and what else there is: stars, predictions
Pairs: TypeAlias = pd.DataFrame | Iterable[Sequence[int | str]]  # of a user's id and an item's
GATHER = 2**18  # rows brought into order at a time, 5 MB; batches are views of them


class RatingsDataset:
    """Ratings as two tensors, and the vocabularies to read them by.

    Attributes:
        x: int64 ``(n, 2)``, user index and item index.
        y: float32 ``(n, 1)``, stars; None when the ratings are not known.
        cold: bool ``(n,)``, True where the user or the item has no training rating.
        ratings: a :class:`Ratings` with the vocabularies and the film titles.
    """

    def __init__(self, x: Tensor, y: Tensor | None, cold: Tensor, ratings: Ratings):
        self.x, self.y, self.cold, self.ratings = x, y, cold, ratings

    @classmethod
    def of(cls, part: Ratings, cold: np.ndarray) -> RatingsDataset:
        x = torch.from_numpy(np.stack([part.user, part.item], axis=1, dtype="int64"))
        return cls(x, torch.from_numpy(part.rating).unsqueeze(1), torch.from_numpy(cold), part)

    @classmethod
    def of_pairs(cls, pairs: Pairs, ratings: Ratings) -> RatingsDataset:
        """From (user id, item id) pairs: a list, or a DataFrame with columns ``user, item[, rating]``."""
        if not pd.api.types.is_list_like(pairs):
            raise TypeError(f"pairs is a {type(pairs).__name__}: ask for pairs of ids, such as [(user, item), …].")
        columns = {0: "user", 1: "item"}
        df = pairs if isinstance(pairs, pd.DataFrame) else pd.DataFrame(list(pairs)).rename(columns=columns)
        if not {"user", "item"} <= set(df.columns):
            raise ValueError(
                "pairs of ids are asked for, such as [(user, item), …] or a DataFrame with columns user and item; here "
                f"are {len(df)} rows with the columns {list(df.columns)}."
            )
        user = ratings.users.index(df["user"].to_numpy())
        item = ratings.items.index(df["item"].to_numpy())
        y = torch.tensor(df["rating"].to_numpy("float32")).unsqueeze(1) if "rating" in df.columns else None
        return cls(
            torch.from_numpy(np.stack([user, item], axis=1)),
            y,
            torch.zeros(len(df), dtype=torch.bool),
            ratings,
        )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int | slice | Tensor) -> Batch:
        return (self.x[i],) if self.y is None else (self.x[i], self.y[i])

    def select(self, rows: Tensor) -> Batch:
        """``self[rows]`` for a tensor of row numbers, more than twice as quick on millions of rows."""
        return tuple(column.index_select(0, rows) for column in (self.x, self.y) if column is not None)

    def new_empty(self) -> RatingsDataset:
        """The vocabularies without the rows: what fastai's ``export`` keeps."""
        none = torch.arange(0)  # picked by index and so copied: a slice would keep, and pickle, all the rows behind it
        return RatingsDataset(
            self.x[none],
            None if self.y is None else self.y[none],
            self.cold[none],
            self.ratings.take(none.cpu().numpy()),
        )

    def to(self, device: str | torch.device) -> RatingsDataset:
        self.x, self.cold = self.x.to(device), self.cold.to(device)
        self.y = None if self.y is None else self.y.to(device)
        return self


class RatingsLoader(DataLoader):
    """Batches of a :class:`RatingsDataset`: x ``(B, 2)`` and y ``(B, 1)``, sliced from tensors on the device.

    With ``shuffle`` each epoch is one permutation drawn from ``seed``; the last, smaller batch is kept. With
    ``replacement`` too, an epoch draws as many rows *with* replacement, as fastai's tabular loader has done since
    2024: about 63 % of the rows are seen and the rest are not. Use it to reproduce published figures only.
    The order is drawn on the device: it repeats there, and differs from the order of another kind of device.
    Looking at a batch (``one_batch``, ``show_batch``) does not change the batches that training will see.

    Attributes:
        share: (r, W) when W processes share each batch: this one, the r-th from 0, gets each W-th row. See
            :class:`~collabkit.training.parallel.InParallel`.
    """

    n_inp = 1
    share = (0, 1)

    def __init__(
        self,
        dataset: RatingsDataset,
        bs: int = 64,
        shuffle: bool = False,
        drop_last: bool = False,
        device: str | torch.device | None = None,
        seed: int = 0,
        replacement: bool = False,
        **kwargs: Any,
    ):
        bs, seed = checks.whole("bs", bs, at_least=1), checks.seed(seed)
        replacement = checks.flag("replacement", replacement)
        kwargs.pop("num_workers", None)  # tensors are sliced in this process; there is nothing for a worker to do
        with _untouched_global_random():
            super().__init__(
                dataset, bs=bs, shuffle=shuffle, drop_last=drop_last, num_workers=0, device=device, **kwargs
            )
        self.seed, self.replacement = seed, replacement
        self._generator: torch.Generator | None = None

    def new(
        self, dataset: RatingsDataset | Pairs | None = None, cls: type[DataLoader] | None = None, **kwargs: Any
    ) -> DataLoader:
        """A loader like this one; ``dataset`` may be (user id, item id) pairs or a DataFrame of them."""
        if dataset is not None and not isinstance(dataset, RatingsDataset):
            dataset = RatingsDataset.of_pairs(dataset, self.dataset.ratings).to(self.dataset.x.device)
        return super().new(dataset, cls, **{"seed": self.seed, "replacement": self.replacement, **kwargs})

    def to(self, device: str | torch.device) -> None:
        self.device = device
        self.dataset.to(self.device)

    @property
    def generator(self) -> torch.Generator:
        """Where the order comes from: made on first use, on the device of the tensors, and anew on another device."""
        device = self.dataset.x.device
        if self._generator is None or self._generator.device != device:
            self._generator = torch.Generator(device).manual_seed(self.seed)
        return self._generator

    def get_idxs(self) -> Tensor:
        """Row numbers in the order of the coming epoch ``(n,)``, on the CPU, where fastai keeps predictions."""
        return self._order().cpu()

    def _order(self) -> Tensor:
        """The same, drawn and left where the tensors live."""
        device = self.dataset.x.device
        if not self.shuffle:
            return torch.arange(self.n, device=device)
        if self.replacement:
            return torch.randint(self.n, (self.n,), generator=self.generator, device=device)
        return torch.randperm(self.n, generator=self.generator, device=device)

    def __iter__(self) -> Iterator[Batch]:
        self.before_iter()
        pinned = "get_idxs" in vars(self)  # by get_preds, which puts predictions back into this order
        order = self.get_idxs().to(self.dataset.x.device) if pinned else self._order()
        stop = self.n - self.n % self.bs if self.drop_last else self.n
        many = max(1, GATHER // self.bs) * self.bs  # rows of whole batches
        rank, processes = self.share
        for start in range(0, stop, many):
            columns = self.dataset.select(order[start : min(start + many, stop)])
            for batch in zip(*(column.split(self.bs) for column in columns), strict=True):
                yield self.after_batch(tuple(column[rank::processes] for column in batch) if processes > 1 else batch)
        self.after_iter()

    def one_batch(self) -> Batch:
        state = self.generator.get_state()
        try:
            return tuple(column.clone() for column in super().one_batch())  # not views of all the rows gathered
        finally:
            self.generator.set_state(state)

    # ------------------------------------------------ what fastai calls to show a batch to people

    def decode(self, b: Batch) -> Batch:
        return b

    def decode_batch(self, b: Batch, max_n: int = 9, full: bool = True) -> list[tuple[Any, ...]]:
        """Rows of ``(user id, film label)`` and of whatever else the batch holds (stars, predictions)."""
        x, *rest = b
        user, item = x[:max_n].cpu().numpy().T
        ratings = self.dataset.ratings
        stars = [column[:max_n].flatten().tolist() for column in rest]
        return list(zip(zip(ratings.users.ids[user], ratings.labels[item], strict=True), *stars, strict=True))

    def show_batch(
        self, b: Batch | None = None, max_n: int = 9, show: bool = True, **kwargs: Any
    ) -> pd.DataFrame | None:
        """Show rows of a batch with film titles; ``show=False`` returns the table."""
        b = self.one_batch() if b is None else b
        names = ["rating", "prediction"][: len(b) - 1]
        rows = [(*pair, *stars) for pair, *stars in self.decode_batch(b, max_n)]
        table = pd.DataFrame(rows, columns=["user", "film", *names])
        return display_df(table) if show else table

    def show_results(
        self, b: Batch, out: Tensor, max_n: int = 9, show: bool = True, **kwargs: Any
    ) -> pd.DataFrame | None:
        """As :meth:`show_batch`, with a column of predictions."""
        return self.show_batch((*b, out), max_n=max_n, show=show)


def collab_dataloaders(
    split: Split,
    bs: int | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    replacement: bool = False,
) -> DataLoaders:
    """fastai DataLoaders over a split: the training part shuffled, the validation part in the order of its rows.

    Args:
        split: training and validation ratings over one vocabulary.
        bs: rows of a batch, by default those of ``RECIPE`` for so many training ratings; validation, which needs no
            gradients, uses at least 8,192.
        device: where the tensors live; the GPU when there is one, else the CPU.
        seed: of the order of the training rows.
        replacement: draw training rows with replacement (see :class:`~collabkit.loaders.RatingsLoader`).

    A user or item that occurs only in validation keeps its row of the table, which training leaves at its random
    start; ``dls.valid.dataset.cold`` marks such ratings.

    Shape: each batch is x ``(B, 2)`` int64 (user index, item index) and y ``(B, 1)`` float32 stars.
    Raises: ``ValueError`` for ``bs`` below 1, a seed below 0, and a device that PyTorch does not know; ``TypeError``
        for what is no split, such as its training part.
    """
    parted(split)
    bs = RECIPE.sized(len(split.train)).bs if bs is None else checks.whole("bs", bs, at_least=1)
    device = default_device() if device is None else checks.device(device)
    train, valid = (RatingsDataset.of(getattr(split, part), split.cold(part)).to(device) for part in ("train", "valid"))
    return DataLoaders(
        RatingsLoader(train, bs=bs, shuffle=True, seed=seed, replacement=replacement, device=device),
        RatingsLoader(valid, bs=max(bs, 8192), seed=seed, device=device),
        device=device,
    )


@contextmanager
def _untouched_global_random() -> Iterator[None]:
    """fastai's DataLoader seeds itself from Python's global generator; put its state back afterwards."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
