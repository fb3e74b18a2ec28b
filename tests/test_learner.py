"""The learner: every fastai feature a student would try, and decay that stays where it belongs."""

import warnings
import zipfile
from functools import partial

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.callback.tracker import EarlyStoppingCallback, SaveModelCallback
from fastai.learner import Learner, load_learner
from fastai.losses import MSELossFlat
from fastai.optimizer import Adam
from torch import nn

from collabkit import DotProduct, DotProductBias, collab_dataloaders, random_split, rating_learner, rmse
from collabkit.learner import mean_squared_error
from collabkit.training.optimizer import GroupedDecay, split_biases
from tests.tables import random_ratings

pytestmark = pytest.mark.anywhere


class Biased(nn.Module):
    """A model with one table of each kind."""

    def __init__(self, n_users, n_items):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, 3)
        self.item_bias = nn.Embedding(n_items, 1)
        self.layers = nn.Sequential(nn.Linear(3, 1))

    def forward(self, x):
        return self.layers(self.user_factors(x[:, 0])) + self.item_bias(x[:, 1])


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(), seed=0)


@pytest.fixture
def learn(split, tmp_path):
    torch.manual_seed(0)
    dls = collab_dataloaders(split, bs=64)
    dls.path = tmp_path
    learn = rating_learner(dls, DotProduct(split.train.n_users, split.train.n_items, 5, y_range=(0, 5.5)))
    with learn.no_logging(), learn.no_bar():
        yield learn


def test_fit_one_cycle_learns_and_reports_rmse_in_stars(learn, split):
    learn.fit_one_cycle(5, 0.05)
    losses = [values[0] for values in learn.recorder.values]
    valid_mse, valid_rmse = learn.recorder.values[-1][1:]
    assert losses[-1] < losses[0]
    assert learn.recorder.metric_names == ["epoch", "train_loss", "valid_loss", "rmse", "time"]
    assert valid_rmse == pytest.approx(valid_mse**0.5, rel=1e-5)
    assert valid_rmse == pytest.approx(rmse(split.valid.rating, learn.get_preds()[0]), rel=1e-5)


def test_a_fit_repeats_bit_for_bit(split):
    tables = []
    for _ in range(2):
        torch.manual_seed(0)
        again = rating_learner(collab_dataloaders(split, bs=64), DotProduct(40, 60, 5))
        with again.no_logging(), again.no_bar():
            again.fit_one_cycle(2, 0.05)
        tables.append(again.model.item_factors.weight.detach())
    assert torch.equal(*tables)


BAD = {"wd": [-1, np.nan, np.inf, "0.1", True], "lr": [0, -1, np.nan, np.inf, "0.1", True]}
BAD |= {"decay_factors": [1, "no", None], "decay_biases": [1, "no", None], "mean_start": [1, "no"]}


def test_settings_outside_their_range_are_refused_by_name(split, learn):
    for name, values in BAD.items():
        for value in values:
            with pytest.raises((ValueError, TypeError), match=f"^{name}=.*: choose"):
                rating_learner(learn.dls, learn.model, **{name: value})
    with pytest.raises(TypeError, match=r"^dls is a Split: collab_dataloaders\(split\) makes them"):
        rating_learner(split, learn.model)
    with pytest.raises(TypeError, match="^model is a type: pass the module to train"):
        rating_learner(learn.dls, DotProduct)


def test_a_fit_with_settings_outside_their_range_changes_nothing(learn):
    before = learn.model.user_factors.weight.tolist()
    for fit, rate in ((learn.fit, "lr"), (learn.fit_one_cycle, "lr_max")):
        for n_epoch in (0, -1, 1.5, np.nan, None, "1"):
            with pytest.raises((ValueError, TypeError), match="^n_epoch=.*: choose a whole number of at least 1"):
                fit(n_epoch)
        for value in BAD["lr"]:
            with pytest.raises((ValueError, TypeError), match=f"^{rate}=.*: choose a finite number above 0"):
                fit(1, value)
        for value in BAD["wd"]:
            with pytest.raises((ValueError, TypeError), match="^wd=.*: choose a finite number of at least 0"):
                fit(1, wd=value)
    assert learn.model.user_factors.weight.tolist() == before


def test_a_fit_takes_numbers_of_numpy_and_rates_by_group(learn):
    learn.fit_one_cycle(np.int64(1), np.float32(0.05), wd=np.float32(0.1))
    learn.fit(1, slice(0.01), wd=0)
    assert len(learn.recorder.values) == 1


def test_fits_warn_of_nothing(learn):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        learn.fit_one_cycle(1)
        learn.fit_one_cycle(1)
        learn.fit(1)
    assert [str(one.message) for one in caught] == []


def test_validate(learn):
    loss, stars = learn.validate()
    assert stars == pytest.approx(loss**0.5, rel=1e-5)
    assert list(learn.validate()) == [loss, stars]


def test_get_preds_is_complete_and_in_row_order(learn, split):
    for part, ratings in enumerate([split.train, split.valid]):
        predictions, stars = learn.get_preds(ds_idx=part)
        x = torch.from_numpy(np.stack([ratings.user, ratings.item], axis=1)).to(learn.dls.device)
        assert stars.flatten().tolist() == ratings.rating.tolist()
        assert torch.allclose(predictions, learn.model.to(x.device)(x).cpu(), atol=1e-6)


def test_get_preds_with_inputs_and_losses(learn, split):
    inputs, _, stars, losses = learn.get_preds(with_input=True, with_loss=True)
    assert inputs[:, 1].tolist() == split.valid.item.tolist()
    assert losses.shape[0] == len(stars)


def test_lr_find_suggests_a_rate_and_writes_nothing_that_stays(learn, tmp_path):
    import matplotlib

    matplotlib.use("agg")
    before = learn.model.user_factors.weight.tolist()
    assert 1e-6 < learn.lr_find(show_plot=False).valley < 10
    assert learn.model.user_factors.weight.tolist() == before
    assert not list(tmp_path.rglob("*.pth"))


def test_lr_find_may_diverge(split, tmp_path):
    learn = rating_learner(collab_dataloaders(split, bs=64), DotProduct(40, 60, 5), path=tmp_path)
    with learn.no_logging(), learn.no_bar():
        learn.lr_find(end_lr=1e12, stop_div=False, show_plot=False)


def test_predict_one_pair_of_ids(learn, split):
    row, decoded, raw = learn.predict((1, 10))
    x = torch.tensor([[0, 0]], device=learn.dls.device)
    assert raw.item() == pytest.approx(learn.model.to(x.device)(x).item())
    assert decoded.item() == pytest.approx(raw.item())
    assert row == pytest.approx(raw.item())


def test_predict_refuses_unknown_ids(learn):
    with pytest.raises(KeyError, match="unknown user 99"):
        learn.predict((99, 10))


def test_test_dl_predictions_match(learn):
    predictions, _ = learn.get_preds(dl=learn.dls.test_dl([(1, 10), (2, 20)]))
    assert predictions[0].item() == pytest.approx(learn.predict((1, 10))[2].item())


def test_show_results_has_titles_and_predictions(learn, monkeypatch):
    shown = []
    monkeypatch.setattr("collabkit.loaders.display_df", shown.append)
    learn.show_results(max_n=4)
    assert list(shown[0].columns) == ["user", "film", "rating", "prediction"]
    assert shown[0]["film"].str.startswith("Film").all()
    assert shown[0]["prediction"].between(0, 5.5).all()


def test_export_and_load(learn, tmp_path):
    learn.fit_one_cycle(1)
    expected = learn.predict((1, 10))[2]
    learn.export("learner.pkl")
    assert len(learn.dls.train.dataset) == 720  # the learner keeps its rows; the file has none
    with pytest.warns(UserWarning, match="insecure pickle"):
        loaded = load_learner(tmp_path / "learner.pkl")
    assert len(loaded.dls.train.dataset) == 0
    with loaded.no_logging(), loaded.no_bar():
        assert torch.equal(loaded.predict((1, 10))[2], expected)


def test_an_exported_file_holds_no_rating(tmp_path):
    """It goes to others. Pickling a slice keeps all that is behind it, and metrics keep what they were given."""
    ratings = random_ratings()
    ratings.timestamp = 900_000_000 + 977 * ratings.timestamp
    split = random_split(ratings, seed=0)
    learn = rating_learner(collab_dataloaders(split, bs=64), DotProductBias(40, 60, 5), path=tmp_path)
    with learn.no_logging(), learn.no_bar():
        learn.fit_one_cycle(1)
        learn.validate()
        learn.get_preds()
    learn.export("learner.pkl")
    with zipfile.ZipFile(tmp_path / "learner.pkl") as file:
        parts = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    content = b"".join(parts.values())
    for part in (split.train, split.valid):
        pairs = np.stack([part.user, part.item], axis=1, dtype="int64")
        for column in (pairs, part.user, part.item, part.rating, part.timestamp):
            runs = [column[row : row + 8] for row in range(len(column) - 7)]
            assert sum(run.tobytes() in content for run in runs if run.min() < run.max()) == 0
    tables = {table.nbytes for table in learn.model.parameters()}
    assert {len(part) for name, part in parts.items() if name.startswith("data/")} == {0, 4, *tables}


def test_save_and_load_the_weights(learn):
    learn.fit_one_cycle(1)
    learn.save("weights")
    before = learn.model.user_factors.weight.clone()
    learn.fit_one_cycle(1)
    learn.load("weights")
    assert torch.equal(before, learn.model.user_factors.weight)


def test_callbacks_see_every_batch_and_may_stop_training(learn):
    class Count(Callback):
        batches = 0

        def after_batch(self):
            Count.batches += self.training

    learn.fit_one_cycle(3, cbs=[Count(), SaveModelCallback(), EarlyStoppingCallback(min_delta=10.0, patience=1)])
    assert Count.batches == 2 * 12  # a gain of 10 is out of reach: stopped after the second epoch


class TestTheShortCuts:
    """What makes a fit quick changes nothing that can be seen."""

    def test_plain_fastai_makes_the_same_fit_bit_for_bit(self, split):
        def fit(cls, **settings):
            torch.manual_seed(0)
            model = DotProductBias(40, 60, 5, y_range=(0, 5.5))
            learn = cls(collab_dataloaders(split, bs=64), model, wd=0.3, **settings)
            with learn.no_logging(), learn.no_bar():
                learn.fit_one_cycle(3, 0.05)
            return learn

        adamw = partial(torch.optim.AdamW, betas=(0.9, 0.99), eps=1e-5, weight_decay=0.0, fused=True)
        opt_func = partial(GroupedDecay, opt=adamw, decays=(True, False))
        plain = fit(Learner, loss_func=MSELossFlat(), opt_func=opt_func, splitter=split_biases)
        ours = fit(rating_learner, mean_start=False)
        for expected, parameter in zip(plain.model.parameters(), ours.model.parameters(), strict=True):
            assert torch.equal(expected, parameter)
        seen, wanted = ([list(values[:2]) for values in learn.recorder.values] for learn in (ours, plain))
        # what is shown is an average over batches, which a GPU adds up in an order of its own
        assert seen == wanted if ours.dls.device.type == "cpu" else seen == [pytest.approx(row) for row in wanted]
        assert torch.equal(torch.stack(ours.recorder.losses), torch.stack(plain.recorder.losses))
        assert ours.recorder.lrs == plain.recorder.lrs
        assert ours.recorder.hps.keys() == plain.recorder.hps.keys()

    def test_every_event_reaches_callbacks_in_their_order(self, learn):
        events = []
        names = ["before_batch", "after_pred", "after_loss", "before_backward", "after_backward"]
        names += ["before_step", "after_step", "after_batch", "before_validate", "after_fit"]
        last = Callback(
            **{name: lambda self, name=name: events.append(name) for name in names}
        )  # methods of one object

        class First(Callback):
            order = -5

            def before_batch(self):
                events.append("first")

        learn.fit(1, cbs=[last, First()])
        assert events[:9] == ["first", *names[:8]]
        assert events.count("after_step") == 12
        assert events[-1] == "after_fit"

    def test_an_optimizer_of_fastai_takes_the_place_of_ours(self, split):
        learn = rating_learner(collab_dataloaders(split, bs=64), DotProduct(40, 60, 5), opt_func=Adam)
        with learn.no_logging(), learn.no_bar():
            learn.fit_one_cycle(1)

    def test_frozen_parameters_stay(self, split):
        learn = rating_learner(collab_dataloaders(split, bs=64), model := Biased(40, 60), wd=0.3)
        model.user_factors.weight.requires_grad_(False)
        before = model.user_factors.weight.tolist()
        with learn.no_logging(), learn.no_bar():
            learn.fit_one_cycle(1, 0.05)
        assert model.user_factors.weight.tolist() == before

    def test_the_momenta_are_saved_with_the_weights(self, learn):
        learn.fit_one_cycle(1)
        learn.save("both")
        step = learn.opt.state_dict()["state"][0]["step"].item()
        learn.fit_one_cycle(1)
        learn.load("both")
        assert learn.opt.state_dict()["state"][0]["step"].item() == step == 12

    def test_the_loss_takes_any_shape(self):
        stars = torch.tensor([[1.0], [3.0]])
        assert mean_squared_error(torch.tensor([2.0, 5.0]), stars) == 2.5
        assert mean_squared_error(stars, stars, reduction="none").tolist() == [0, 0]

    def test_a_fit_makes_no_optimizer_of_torch(self, learn, monkeypatch):
        """The first one in a process loads PyTorch's compiler, which takes longer than a fit of the course."""
        monkeypatch.setattr(torch.optim.Optimizer, "__init__", None)
        learn.fit_one_cycle(1)


def test_summary_counts_the_parameters(learn):
    assert f"Total params: {(40 + 60) * 5:,}" in str(learn.summary())


class TestDecay:
    @pytest.fixture
    def fitted(self, split):
        """Decay each group really had during a fit, for the switches and the way to set it."""

        def fit(switches, **how):
            learn = rating_learner(collab_dataloaders(split, bs=64), Biased(40, 60), wd=0.3, **switches)
            with learn.no_logging(), learn.no_bar():
                learn.fit_one_cycle(1, 1e-3, **how)
            return [hyper["wd"] for hyper in learn.opt.hypers]

        return fit

    def test_factors_are_decayed_and_biases_not(self, fitted):
        assert fitted({}) == [0.3, 0.0]

    def test_wd_given_to_the_fit_reaches_the_same_groups(self, fitted):
        assert fitted({}, wd=0.7) == [0.7, 0.0]

    @pytest.mark.parametrize(("factors", "biases"), [(True, True), (False, True), (False, False)])
    def test_the_switches(self, factors, biases, fitted):
        assert fitted({"decay_factors": factors, "decay_biases": biases}, wd=0.7) == [0.7 * factors, 0.7 * biases]

    def test_decay_shrinks_rows_without_gradients_and_leaves_biases(self, split):
        """Users and items that no batch holds move by decay alone."""
        part = split.train.take((split.train.user > 0) & (split.train.item > 0))
        learn = rating_learner(
            collab_dataloaders(type(split)(part, split.valid), bs=64), model := Biased(40, 60), wd=0.3
        )
        factors, bias = model.user_factors.weight[0].clone(), model.item_bias.weight[0].clone()
        with learn.no_logging(), learn.no_bar():
            learn.fit_one_cycle(2, 0.01)
        shrunk = model.user_factors.weight[0].cpu() / factors
        assert torch.allclose(shrunk, shrunk[0].expand(3), rtol=1e-4)
        assert 0.5 < shrunk[0] < 0.999
        assert torch.equal(model.item_bias.weight[0].cpu(), bias)

    def test_a_model_without_biases(self, learn):
        learn.fit_one_cycle(1)
        assert [len(group) for group in learn.opt.param_lists] == [2, 0]


def test_divergence_is_an_error_that_names_the_epoch(split):
    learn = rating_learner(collab_dataloaders(split, bs=64), DotProduct(40, 60, 5))
    with (
        learn.no_logging(),
        learn.no_bar(),
        pytest.raises(FloatingPointError, match="in epoch 0: .*lower learning rate"),
    ):
        learn.fit(2, 1e20)


def test_loss_metrics_and_callbacks_can_be_replaced(split):
    learn = rating_learner(collab_dataloaders(split, bs=64), DotProduct(40, 60, 5), metrics=[], loss_func=nn.L1Loss())
    assert len(learn.metrics) == 0
    assert isinstance(learn.loss_func, nn.L1Loss)


def test_model_and_batches_meet(split):
    learn = rating_learner(collab_dataloaders(split, bs=64), DotProduct(40, 60, 5))
    with learn.no_logging(), learn.no_bar():
        learn.fit_one_cycle(1)
    assert learn.model.user_factors.weight.device == learn.dls.train.one_batch()[0].device
