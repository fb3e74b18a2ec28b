"""A fit that was cut off goes on with the same call, and one of another kind is refused."""

import pytest
import torch
from fastai.callback.core import Callback

from collabkit import collab_dataloaders, random_split, rating_learner
from collabkit.models import DotProductBias
from collabkit.training.checkpoint import Checkpoint
from tests.tables import random_ratings


class PowerCut(Callback):
    def __init__(self, epoch):
        self.at = epoch

    def before_batch(self):
        if self.training and (self.epoch, self.iter) == (self.at, 3):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(), seed=0)


def fit(split, path, n_epoch=4, cut=None, bs=100, seed=0, n_factors=4):
    torch.manual_seed(1)
    model = DotProductBias(split.train.n_users, split.train.n_items, n_factors, y_range=(0, 5.5))
    cbs = [Checkpoint(path), *([] if cut is None else [PowerCut(cut)])]
    learn = rating_learner(collab_dataloaders(split, bs=bs, seed=seed), model, wd=0.3, cbs=cbs)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(n_epoch, 0.05)
    return learn


def tables(learn):
    return [parameter.detach().clone() for parameter in learn.model.parameters()]


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_fit_that_was_cut_off_ends_as_if_it_had_not_been(split, tmp_path, cut):
    whole = tables(fit(split, tmp_path / "whole.pt"))
    with pytest.raises(KeyboardInterrupt):
        fit(split, tmp_path / "cut.pt", cut=cut)
    assert (tmp_path / "cut.pt").exists() == (cut > 0)
    again = fit(split, tmp_path / "cut.pt")
    assert len(again.recorder.losses) == 8 * (4 - cut)  # only what was not done
    assert all(map(torch.equal, whole, tables(again)))


def test_a_fit_that_was_over_is_not_repeated(split, tmp_path):
    whole = tables(fit(split, tmp_path / "fit.pt"))
    again = fit(split, tmp_path / "fit.pt")
    assert len(getattr(again.recorder, "losses", [])) == 0 and all(map(torch.equal, whole, tables(again)))


@pytest.mark.parametrize(
    ("other", "named"),
    [({"n_epoch": 5}, "epochs"), ({"bs": 50}, "bs"), ({"seed": 1}, "seed"), ({"n_factors": 5}, "sizes")],
)
def test_the_checkpoint_of_another_fit_is_refused(split, tmp_path, other, named):
    fit(split, tmp_path / "fit.pt", n_epoch=1 if "n_epoch" not in other else 4)
    before = (tmp_path / "fit.pt").read_bytes()
    with pytest.raises(ValueError, match=rf"other {named}.*remove this one"):
        fit(split, tmp_path / "fit.pt", **{"n_epoch": 1} | other)
    assert (tmp_path / "fit.pt").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_what_is_no_checkpoint_is_refused(split, tmp_path, content):
    path = tmp_path / "fit.pt"
    fit(split, path, n_epoch=1)
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(ValueError, match=r"no checkpoint, or is damaged: remove it"):
        fit(split, path, n_epoch=1)


def test_there_has_to_be_a_folder(split, tmp_path):
    with pytest.raises(FileNotFoundError, match="make it first"):
        fit(split, tmp_path / "none/fit.pt", n_epoch=1)


def test_the_search_for_a_rate_is_no_fit(split, tmp_path):
    path = tmp_path / "fit.pt"
    learn = rating_learner(collab_dataloaders(split, bs=100), DotProductBias(40, 60, 4), cbs=Checkpoint(path))
    with learn.no_bar(), learn.no_logging():
        learn.lr_find(show_plot=False)
    assert not path.exists()
