"""The package on a device that is not the CPU (see elsewhere.py): what fails here would fail on a GPU."""

import numpy as np
import pandas as pd
import pytest
import torch
from fastai.callback.core import Callback
from fastai.learner import load_learner

import collabkit
from collabkit import (
    ALS,
    QUICK,
    BayesianMF,
    DotProduct,
    DotProductBias,
    DotProductBiasParams,
    EmbeddingNet,
    ImplicitALS,
    PopularityBaseline,
    Recommender,
    collab_dataloaders,
    evaluate,
    evaluate_ranking,
    item_biases,
    item_components,
    mae,
    most_rated,
    random_split,
    rating_learner,
    rmse,
    similar_items,
)
from collabkit.exercises import check
from tests.conftest import a_gpu_is_here
from tests.elsewhere import NAME, Far, Traffic, WrongDevice, everything_elsewhere
from tests.tables import random_ratings

pytestmark = pytest.mark.skipif(a_gpu_is_here(), reason="there is a GPU, on which the other tests run")

MODELS = [DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet]


@pytest.fixture(autouse=True)
def elsewhere():
    with everything_elsewhere() as device:
        yield device


@pytest.fixture(scope="module")
def split():
    return random_split(random_ratings(), seed=0)


def trained(split, model=DotProductBias, n_factors=5, epochs=1, path=None, bs=64, **kwargs):
    torch.manual_seed(0)
    dls = collab_dataloaders(split, bs=bs)
    dls.path = path or dls.path
    learn = rating_learner(dls, model(split.train.n_users, split.train.n_items, n_factors, (0, 5.5)), **kwargs)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, 0.05)
    return learn


@pytest.fixture
def learn(split, tmp_path):
    learn = trained(split, path=tmp_path)
    with learn.no_bar(), learn.no_logging():
        yield learn


class TestTheDevice:
    """It is as strict as a GPU."""

    def test_two_devices_do_not_mix(self, elsewhere):
        with pytest.raises(WrongDevice, match=r"add.*on the CPU"):
            torch.ones(3, device=elsewhere) + torch.ones(3)
        assert (torch.ones(3, device=elsewhere) + torch.tensor(1.0)).tolist() == [2, 2, 2]

    def test_no_way_to_numpy_but_through_the_cpu(self, elsewhere):
        far = torch.ones(3, device=elsewhere)
        for convert in (np.asarray, np.array, lambda one: one.numpy(), lambda one: one.detach().numpy()):
            with pytest.raises(WrongDevice, match=r"\.cpu\(\)"):
                convert(far)
        assert far.cpu().numpy().tolist() == [1, 1, 1]

    def test_a_generator_of_another_device(self, elsewhere):
        with pytest.raises(WrongDevice, match="random numbers"):
            torch.randn(5, generator=torch.Generator(), device=elsewhere)
        drawn = torch.randperm(5, generator=torch.Generator(elsewhere).manual_seed(0), device=elsewhere)
        assert sorted(drawn.tolist()) == [0, 1, 2, 3, 4]

    def test_it_rounds_in_its_own_way(self, elsewhere):
        torch.manual_seed(0)
        a, b = torch.randn(2, 60, 60)
        assert not torch.equal((a.to(elsewhere) @ b.to(elsewhere)).cpu(), a @ b)

    def test_gradients(self, elsewhere):
        w = torch.ones(3, device=elsewhere, requires_grad=True)
        (w * w).sum().backward()
        assert w.grad.tolist() == [2, 2, 2]
        assert isinstance(w.grad, Far)

    def test_traffic_is_counted(self, elsewhere):
        with Traffic() as traffic:
            (torch.ones(3, device=elsewhere) * 2).sum().item()
        assert traffic.launched["aten.mul.Tensor"] == 1
        assert sum(traffic.waited.values()) == 1


class TestLearner:
    @pytest.mark.parametrize("n_factors", [0, 5])
    @pytest.mark.parametrize("model", MODELS)
    def test_a_fit(self, split, model, n_factors):
        learn = trained(split, model, n_factors)
        assert all(table.device.type == NAME for table in learn.model.parameters())
        loss, stars = learn.recorder.values[-1][1:]
        assert stars == pytest.approx(loss**0.5, rel=1e-5)

    def test_a_step_waits_for_nothing(self, split):
        counts = []
        for epochs in (1, 3):
            with Traffic() as traffic:
                trained(split, epochs=epochs, bs=16)
            counts.append(traffic)
        steps = 2 * len(collab_dataloaders(split, bs=16).train)
        waited = sum(counts[1].waited.values()) - sum(counts[0].waited.values())
        assert steps == 90
        assert waited < 20, counts[1].waited  # some an epoch: the losses, the check for NaN, the validation
        launched = sum(counts[1].launched.values()) - sum(counts[0].launched.values())
        assert launched < 50 * steps, counts[1].launched.most_common(12)

    def test_losses_come_back_at_the_end_of_an_epoch(self, learn):
        assert len(learn.recorder.losses) == len(learn.dls.train)
        assert all(loss.device.type == "cpu" for loss in learn.recorder.losses)
        learn.recorder.plot_loss()

    def test_losses_come_back_from_an_epoch_that_was_stopped(self, split):
        class Stop(Callback):
            order = 100

            def after_batch(self):
                if self.train_iter == 3:
                    raise KeyboardInterrupt

        learn = rating_learner(collab_dataloaders(split, bs=64), DotProductBias(40, 60, 5), cbs=Stop())
        with learn.no_bar(), learn.no_logging(), pytest.raises(KeyboardInterrupt):
            learn.fit_one_cycle(2)
        assert [loss.device.type for loss in learn.recorder.losses] == ["cpu"] * 3

    def test_the_bar_does_not_wait_either(self, split):
        learn = rating_learner(collab_dataloaders(split, bs=8), DotProductBias(40, 60, 5))
        with learn.no_logging(), Traffic() as traffic:
            learn.fit(1)
        assert traffic.waited["aten._local_scalar_dense.default"] < len(learn.dls.train) / 2

    def test_the_order_is_drawn_there_and_repeats(self, split):
        first, again = (collab_dataloaders(split, bs=64, seed=3).train for _ in range(2))
        assert first.generator.device.type == NAME
        assert first.get_idxs().device.type == "cpu"  # where fastai keeps predictions
        assert [x.tolist() for x, _ in first] != [x.tolist() for x, _ in first]
        assert [x.tolist() for x, _ in collab_dataloaders(split, bs=64, seed=3).train] == [x.tolist() for x, _ in again]

    def test_moved_to_the_cpu_it_has_the_order_of_the_cpu(self, split):
        dls = collab_dataloaders(split, bs=64, seed=3)
        dls.one_batch(), list(dls.train)
        dls.cpu()
        expected = [x.tolist() for x, _ in collab_dataloaders(split, bs=64, seed=3, device="cpu").train]
        assert [x.tolist() for x, _ in dls.train] == expected

    @pytest.mark.parametrize("pairs", [[(1, 10), (2, 20)], pd.DataFrame({"user": [1], "item": [10], "rating": [3.0]})])
    def test_test_dl_is_where_the_other_loaders_are(self, learn, pairs):
        dl = learn.dls.test_dl(pairs)
        assert all(column.device.type == NAME for batch in dl for column in batch)
        assert dl.device == learn.dls.device
        assert len(learn.get_preds(dl=dl)[0]) == len(pairs)

    def test_what_a_student_calls(self, learn, split):
        predictions, stars = learn.get_preds()
        assert stars.flatten().tolist() == split.valid.rating.tolist()
        x = torch.from_numpy(np.stack([split.valid.user, split.valid.item], axis=1)).to(learn.dls.device)
        assert torch.allclose(predictions, learn.model(x).cpu(), atol=1e-6)
        assert learn.predict((1, 10))[2].numel() == 1
        assert len(learn.validate()) == 2
        assert len(learn.dls.show_batch(show=False)) == 9
        learn.show_results()
        learn.summary()

    def test_lr_find_leaves_the_weights(self, learn):
        before = learn.model.item_factors.weight.clone()
        assert 1e-7 < learn.lr_find(show_plot=False).valley < 10
        assert torch.equal(before, learn.model.item_factors.weight)

    def test_export_there_load_here(self, learn, split, tmp_path):
        expected = learn.get_preds()[0]
        learn.export(tmp_path / "learn.pkl")
        here = load_learner(tmp_path / "learn.pkl", cpu=True)
        assert next(here.model.parameters()).device.type == "cpu"
        pairs = list(zip(split.valid.frame["user"], split.valid.frame["item"], strict=True))
        with here.no_bar():
            assert torch.allclose(here.get_preds(dl=here.dls.test_dl(pairs))[0], expected, atol=1e-5)

    def test_frozen_parameters_and_decay(self, split):
        learn = rating_learner(collab_dataloaders(split, bs=64), DotProductBias(40, 60, 5), wd=0.3)
        learn.model.item_factors.weight.requires_grad_(False)
        before = learn.model.item_factors.weight.clone()
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(1, 0.05)
        assert torch.equal(before.cpu(), learn.model.item_factors.weight.cpu())

    def test_the_quick_recipe(self, split):
        learn = rating_learner(collab_dataloaders(split, bs=QUICK.bs), DotProductBias(40, 60, 5), wd=QUICK.wd)
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(QUICK.epochs, QUICK.lr)


class TestSolvers:
    @pytest.mark.parametrize(
        "make",
        [
            lambda device: ALS(n_factors=3, n_sweeps=2, device=device),
            lambda device: BayesianMF(n_factors=3, n_samples=4, burn_in=2, device=device, progress=False),
        ],
    )
    @pytest.mark.filterwarnings("ignore:the chain has not settled")
    def test_same_answers_as_on_the_cpu(self, make, split, elsewhere):
        far = evaluate(make(elsewhere).fit(split.train), split)["rmse"]
        assert far == pytest.approx(evaluate(make("cpu").fit(split.train), split)["rmse"], abs=0.05)

    @pytest.mark.filterwarnings("ignore:the chain has not settled")
    def test_deviation_and_features(self, split, elsewhere):
        features = np.random.default_rng(0).normal(size=(split.train.n_items, 3))
        model = BayesianMF(3, 4, burn_in=2, device=elsewhere, progress=False).fit(split.train, features)
        stars, deviation = model.predict([1, 999], [10, 20], return_std=True)
        assert np.isfinite(stars).all()
        assert (deviation > 0).all()

    def test_implicit(self, split, elsewhere):
        module = ImplicitALS(n_factors=3, n_sweeps=2, device=elsewhere).fit(split.train).as_module()
        assert len(Recommender(module, split.train).recommend(1)) == 10


class TestRecommender:
    @pytest.mark.parametrize("model", MODELS)
    def test_the_same_bits_before_and_after_saving(self, split, model, tmp_path):
        before = Recommender(trained(split, model).model, split.train)
        before.save(tmp_path / "model.safetensors")
        after = Recommender.load(tmp_path / "model.safetensors")
        assert before.device.type == after.device.type == "cpu"
        users = split.train.users.ids
        pd.testing.assert_frame_equal(before.recommend(users, k=60), after.recommend(users, k=60), check_exact=True)
        rows = split.valid.frame
        assert np.array_equal(before.predict(rows["user"], rows["item"]), after.predict(rows["user"], rows["item"]))

    @pytest.mark.parametrize("model", MODELS)
    def test_served_elsewhere(self, split, model, elsewhere, tmp_path):
        """Everything a recommender does, with its tables on the device."""
        recommender = Recommender(trained(split, model).model, split.train, device=elsewhere)
        lists = recommender.recommend([1, 2, 3], k=5)
        for exclude in (True, False):
            recommender.recommend(1, exclude_seen=exclude, candidates=[10, 20, 30])
        assert np.array_equal(recommender.predict(lists["user"], lists["item"]), lists["stars"])
        recommender.predict([1, 999], [10, 999])
        recommender.similar_items(10)
        if model is not EmbeddingNet:
            recommender.fold_in({10: 5, 20: 1}).recommend(3)
            recommender.fold_in_item({1: 5}).predict([1, 2])
            recommender.explain(1, 20)
        evaluate(recommender, random_split(random_ratings(), seed=0))
        evaluate_ranking(recommender, random_split(random_ratings(), seed=0))
        recommender.save(tmp_path / "model.safetensors")
        again = Recommender.load(tmp_path / "model.safetensors", device=elsewhere)
        pd.testing.assert_frame_equal(again.recommend([1, 2, 3], k=5), lists, check_exact=True)

    @pytest.mark.filterwarnings("ignore:the chain has not settled")
    def test_draws_are_served_elsewhere_wherever_they_were_drawn(self, split, elsewhere, tmp_path):
        lists = []
        for drawn_on in ("cpu", elsewhere):
            model = BayesianMF(3, 4, burn_in=2, device=drawn_on, progress=False).fit(split.train)
            recommender = Recommender(model, split.train, device=elsewhere)
            assert recommender.model.user_draws_.device.type == NAME
            lists.append(recommender.recommend([1, 2, 3], k=5))
            assert np.array_equal(recommender.predict(lists[-1]["user"], lists[-1]["item"]), lists[-1]["stars"])
            recommender.recommend(1, exclude_seen=False, candidates=[10, 20, 30])
            recommender.predict([1, 999], [10, 999])
            recommender.similar_items(10)
            recommender.fold_in({10: 5, 20: 1}).recommend(3)
            recommender.fold_in_item({1: 5}).predict([1, 2])
            recommender.explain(1, 20)
            recommender.save(tmp_path / "model.safetensors")
            again = Recommender.load(tmp_path / "model.safetensors", device=elsewhere)
            pd.testing.assert_frame_equal(again.recommend([1, 2, 3], k=5), lists[-1], check_exact=True)
            assert model.user_draws_.device.type == torch.device(drawn_on).type  # the caller's stays where it is

    def test_the_model_that_was_passed_stays_where_it_is(self, split):
        learn = trained(split)
        Recommender(learn.model, split.train)
        assert next(learn.model.parameters()).device.type == NAME

    def test_popularity(self, split, elsewhere):
        Recommender(PopularityBaseline().fit(split.train).as_module(), split.train, device=elsewhere).recommend(1)


class TestReading:
    def test_tables_maps_and_pages(self, split):
        model, ratings = trained(split).model, split.train
        codes = most_rated(ratings, 12)
        components = item_components(model, ratings, codes).table
        item_biases(model, ratings, full=True)
        similar_items(model, ratings, 10)
        collabkit.labelled_map(components["pc1"], components["pc2"], components["label"])
        collabkit.InteractiveMap(components["pc1"], components["pc2"], components["label"])._repr_html_()
        collabkit.RatePage(Recommender(model, ratings))._repr_html_()

    def test_measures_take_tensors_from_anywhere(self, elsewhere):
        actual, predicted = torch.tensor([3.0, 4.0]), torch.tensor([3.0, 2.0], requires_grad=True)
        assert rmse(actual.to(elsewhere), predicted.to(elsewhere)) == pytest.approx(2**0.5)
        assert mae(actual, predicted.to(elsewhere)) == 1


class TestExercises:
    def test_a_check_sees_answers_on_the_cpu(self, elsewhere):
        seen = []
        judge = check("0.0")(lambda one, some, named: seen.extend([one, some, named]))
        module = torch.nn.Linear(2, 1).to(elsewhere)
        judge(torch.ones(2, device=elsewhere), [torch.ones((), device=elsewhere)], {1: torch.ones(1, device=elsewhere)})
        check("0.0")(seen.append)(module)
        assert [str(one.device) for one in (seen[0], seen[1][0], seen[2][1], seen[3].weight)] == ["cpu"] * 4
        assert module.weight.device.type == NAME

    def test_a_function_that_answers_from_there(self, elsewhere):
        judge = check("0.0")(lambda f: None if np.asarray(f(2)).item() == 4 else "no")
        assert judge(lambda n: torch.tensor(n * n, device=elsewhere))
