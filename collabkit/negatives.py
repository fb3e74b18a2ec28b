"""Negatives: items that a user has not chosen, drawn for whoever is asked for, all at once and on the device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from collabkit import checks
from collabkit.ratings import Ratings, rated


class Drawing(nn.Module):
    """What draws at random where its tensors live, and keeps them out of a ``state_dict``.

    The numbers come from ``seed``: they repeat on one kind of device, and differ from those of another.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.seed = checks.seed(seed)
        self._generator: torch.Generator | None = None

    def keep(self, **tensors: Tensor) -> None:
        for name, one in tensors.items():
            self.register_buffer(name, one, persistent=False)

    def generator(self, device: torch.device) -> torch.Generator:
        """Made on first use, and anew on another device."""
        if self._generator is None or self._generator.device != device:
            self._generator = torch.Generator(device).manual_seed(self.seed)
        return self._generator


class Negatives(Drawing):
    r"""For each user asked for, an item drawn uniformly from those that the user has not rated in ``train``.

    A user with :math:`n_u` of I items leaves :math:`I - n_u`. The r-th of these is item :math:`r + c`, where c counts
    the rated items, in the order of their codes, that come before it. So one draw of r and one binary search find an
    item, and no draw is ever thrown away, however many the user has rated.

    Args:
        train: the ratings that rule an item out, whatever their stars. To let a film that somebody disliked be drawn,
            leave those ratings out.
        seed: of the draws.

    Raises: ``ValueError`` when a user has rated every item, since no negative is left for them.
    """

    start: Tensor
    before: Tensor
    left: Tensor

    def __init__(self, train: Ratings, seed: int = 0):
        super().__init__(seed)
        rated(train, "train")
        count = np.bincount(train.user, minlength=train.n_users)
        if (count >= train.n_items).any():
            full = train.users.ids[count >= train.n_items].tolist()
            raise ValueError(
                f"user {full[0]!r} ({len(full)} in all) has rated every one of the {train.n_items} items, so there is "
                "no negative to draw: leave that user out, or count only high ratings as a yes."
            )
        self.width = train.n_items + 1
        start = np.cumsum(count) - count  # (U,)
        keys = np.sort(train.user.astype("int64") * self.width + train.item)  # by user, then by item
        passed = np.arange(len(keys)) - start[keys // self.width]  # rated items of the same user that come before it
        self.keep(
            start=torch.from_numpy(start),
            before=torch.from_numpy(keys - passed),  # user, and how many unrated items come before it; ascending
            left=torch.from_numpy(train.n_items - count),
        )

    def draw(self, users: Tensor, n: int = 1) -> Tensor:
        """Item codes ``(B, n)`` for user codes ``(B,)``, drawn with replacement."""
        device = self.left.device
        random = torch.randint(2**62, (len(users), n), generator=self.generator(device), device=device)
        place = random % self.left[users, None]  # the r-th that is not rated
        key = users[:, None] * self.width + place
        return place + torch.searchsorted(self.before, key, right=True) - self.start[users, None]
