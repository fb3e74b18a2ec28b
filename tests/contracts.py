"""What every model owes its users. A test class inherits a contract and says how to build the model."""

import math
import sys
from itertools import count
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from collabkit import Recommender, random_split, rmse
from tests.tables import random_ratings, tiny_ratings


class OneDevice(TorchDispatchMode):
    """Refuse any operation whose tensors live on different devices; 0-dim constants may come from anywhere."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [t for t in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        devices = {t.device for t in tensors if t.dim() > 0}
        assert len(devices) <= 1, f"{func} mixes devices {devices}"
        return func(*args, **(kwargs or {}))


class ModelContract:
    """For modules ``(B, 2) -> (B, 1)``."""

    def model(self, n_users=5, n_items=7):
        raise NotImplementedError

    def seeded(self, **sizes):
        torch.manual_seed(0)
        return self.model(**sizes)

    @staticmethod
    def pairs(n=32, n_users=5, n_items=7):
        generator = torch.Generator().manual_seed(1)
        return torch.stack([torch.randint(size, (n,), generator=generator) for size in (n_users, n_items)], dim=1)

    @staticmethod
    def steps(model, x, y, n, lr=0.05):
        """Take n steps of training, or as many as are asked for, and yield the loss before each."""
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        model.train()
        for _ in range(n):
            loss = (model(x) - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()

    @pytest.mark.parametrize("n", [1, 2, 32])
    def test_shapes(self, n):
        assert self.seeded().eval()(self.pairs(n)).shape == (n, 1)

    @pytest.mark.parametrize("shape", [(), (2,), (4, 1), (4, 3), (4, 2, 1)])
    def test_another_shape_is_refused(self, shape):
        with pytest.raises(ValueError, match=r"was asked for x of shape .* \(B, 2\)"):
            self.seeded()(torch.zeros(shape, dtype=torch.int64))

    @pytest.mark.parametrize("pair", [[5, 0], [0, 7], [-1, 0], [0, -1]])
    def test_unknown_index_raises(self, pair):
        with pytest.raises(IndexError):
            self.seeded()(torch.tensor([pair]))

    def test_gradient_reaches_every_parameter(self):
        model, x = self.seeded(), torch.cartesian_prod(torch.arange(5), torch.arange(7))
        model(x).square().sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name

    def test_same_seed_same_bits(self):
        x, y = self.pairs(), torch.linspace(1, 5, 32).unsqueeze(1)
        first, again = self.seeded(), self.seeded()
        for model in (first, again):
            torch.manual_seed(2)
            list(self.steps(model, x, y, 3))
        assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))

    def test_state_dict_round_trip(self):
        model, other = self.seeded().eval(), self.model().eval()
        other.load_state_dict(model.state_dict())
        assert torch.equal(model(self.pairs()), other(self.pairs()))

    def test_ten_steps_reduce_the_loss(self):
        losses = list(self.steps(self.seeded(), self.pairs(), torch.full((32, 1), 3.5), 11))
        assert losses[-1] < losses[0]

    def test_overfits_one_batch(self):
        x = torch.unique(self.pairs(12), dim=0)
        y = torch.linspace(1, 5, len(x)).unsqueeze(1)
        assert any(loss < 0.05 for loss in self.steps(self.seeded(), x, y, 500))

    def test_a_batch_and_its_model_share_a_device(self):
        """On the meta device a stray CPU tensor shows without a GPU."""
        model = self.seeded().to("meta")
        x, y = self.pairs().to("meta"), torch.empty(32, 1, device="meta")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with OneDevice():
            (model(x) - y).square().mean().backward()
            optimizer.step()


NO_NUMBER = [None, "3", True, [3], np.array([3]), 3j]
NOT_FINITE = [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400]


class EstimatorContract:
    """For whatever has ``fit(train)``, as scikit-learn has it: settings are kept as given, and checked when fitted.

    Attributes:
        settings: for each setting, values that will do and values that will not, besides what is no number at all.
        ask: what can be asked once it is fitted.
    """

    settings: ClassVar[dict[str, tuple[list, list]]] = {}
    ask = ("predict", "tables", "as_module")

    def make(self, **settings):
        raise NotImplementedError

    def answer(self, model):
        """All that it says of the pairs of two tables."""
        asked = []
        if hasattr(model, "predict"):
            users, items = np.divmod(np.arange(50 * 70), 70)
            asked.append(np.asarray(model.predict(users, items * 10)))
        elif hasattr(model, "predict_codes"):
            n_users, n_items = len(model.users_) + 1, len(model.items_) + 1
            asked.append(model.predict_codes(*np.divmod(np.arange(n_users * n_items), n_items)))
        if hasattr(model, "as_module"):
            asked += [table.numpy() for table in model.as_module().state_dict().values()]
        return asked

    def same(self, one, other):
        pairs = zip(self.answer(one), self.answer(other), strict=True)
        return all(np.array_equal(a, b) for a, b in pairs)

    @pytest.fixture
    def tables(self):
        return random_ratings(), random_ratings(n_users=30, n_items=70, n=400, seed=1)

    def test_settings_outside_their_range_are_refused_by_name_and_nothing_is_lost(self, tables):
        model = self.make().fit(tables[0])
        for name, (_, bad) in self.settings.items():
            good, learnt = getattr(model, name), dict(vars(model))
            for value in [*bad, *(one for one in NO_NUMBER + NOT_FINITE if one is not good)]:
                if value is None and None in self.settings[name][0]:
                    continue
                assert getattr(self.make(**{name: value}), name) is value  # kept as given
                setattr(model, name, value)
                with pytest.raises((ValueError, TypeError)) as caught:
                    model.fit(tables[1])
                assert str(caught.value).startswith(f"{name}="), (name, value, caught.value)
                assert "\n" not in str(caught.value)
                setattr(model, name, good)
                assert all(vars(model)[key] is one for key, one in learnt.items())

    def test_settings_inside_their_range_will_do(self, tables):
        for name, (good, _) in self.settings.items():
            for value in good:
                assert all(np.isfinite(one).all() for one in self.answer(self.make(**{name: value}).fit(tables[0])))

    def test_only_ratings_are_fitted_and_nothing_is_lost(self, tables):
        model = self.make().fit(tables[0])
        learnt = dict(vars(model))
        for bad in (tables[1].frame, random_split(tables[1]), None, np.ones((3, 3))):
            with pytest.raises(TypeError, match=r"^train is a \w+ and has to be a Ratings: Ratings.from_frame"):
                model.fit(bad)
        with pytest.raises(ValueError, match="^train has no rows, so there is nothing to learn from"):
            model.fit(tables[1].take([]))
        assert vars(model) == learnt

    def test_before_it_is_fitted_it_says_so(self, tables):
        from sklearn.exceptions import NotFittedError

        for ask in self.ask:
            arguments = ([1], [10]) if ask.startswith("predict") else ()
            with pytest.raises(NotFittedError, match=r"has learnt nothing yet: call fit\(train\)"):
                getattr(self.make(), ask)(*arguments)

    def test_a_fit_that_is_stopped_at_any_line_leaves_one_whole_model(self, tables):
        first, second = tables
        model, other = self.make().fit(first), self.make().fit(second)
        learnt = dict(vars(model))
        for line in count(1):
            vars(model).clear()
            vars(model).update(learnt)
            if not stopped(model.fit, second, line):
                break
            if model.users_ is first.users:
                assert all(vars(model)[key] is one for key, one in learnt.items())
            else:
                assert self.same(model, other)
        assert line > 4
        assert self.same(model, other)

    def test_a_first_fit_that_is_stopped_has_learnt_nothing(self, tables):
        model = self.make()
        assert stopped(model.fit, tables[0], 3)
        assert vars(model) == vars(self.make())

    def test_what_was_fitted_decides_not_what_is_set_later(self, tables):
        model, other = self.make().fit(tables[0]), self.make().fit(tables[0])
        for name in vars(model):
            if not name.endswith("_"):
                setattr(model, name, None)
        assert self.same(model, other)

    @pytest.mark.parametrize("rows", [[0], [0, 1], [1, 3], [0, 4, 6], [2, 4]])
    def test_one_rating_or_two_of_one_user_or_one_item(self, rows):
        assert all(np.isfinite(one).all() for one in self.answer(self.make().fit(tiny_ratings().take(rows))))


def stopped(fit, train, line: int) -> bool:
    """Whether ``fit(train)`` was stopped, as by Ctrl-C, before this one of the lines that it runs."""
    lines = count(1)

    def in_fit(frame, event, argument):
        if event == "line" and next(lines) == line:
            raise KeyboardInterrupt
        return in_fit

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: in_fit if frame.f_code is fit.__func__.__code__ else None)
    try:
        fit(train)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


class PredictorContract:
    """For whatever has ``fit(train)`` and ``predict(users, items)``, ids as in the data."""

    def make(self):
        raise NotImplementedError

    @pytest.fixture
    def train(self):
        return random_ratings()

    @pytest.fixture
    def fitted(self, train):
        """One for all tests of a class: none of them changes it."""
        mine = type(self)
        if "one" not in vars(mine):
            mine.one = self.make().fit(train)
        return mine.one

    def test_fit_returns_self(self, train):
        model = self.make()
        assert model.fit(train) is model

    @pytest.mark.parametrize("n", [0, 1, 7])
    def test_one_prediction_a_row(self, fitted, train, n):
        rows = train.frame.head(n)
        predicted = np.asarray(fitted.predict(rows["user"], rows["item"]))
        assert predicted.shape == (n,)
        assert np.isfinite(predicted).all()

    def test_one_id_goes_with_many_and_other_lengths_are_refused(self, fitted):
        assert np.array_equal(fitted.predict(3, [10, 20]), fitted.predict([3, 3], [10, 20]))
        assert np.array_equal(fitted.predict([3, -3], 10), fitted.predict([3, -3], [10, 10]))
        assert len(fitted.predict([], [])) == 0
        with pytest.raises(ValueError, match="3 users but 2 items"):
            fitted.predict([1, 2, 3], [10, 20])

    def test_ids_of_the_other_kind_are_no_strangers(self, fitted):
        for users, items in ((["1"], [10]), ([1], ["10"]), ("1", "10"), ([1, "2"], [10, 20])):
            with pytest.raises(TypeError, match="ids (of this data are whole numbers|have to be all whole numbers)"):
                fitted.predict(users, items)

    def test_unknown_ids_get_a_finite_answer(self, fitted):
        predicted = fitted.predict([1, -5, -5], [-7, 10, -7])
        assert np.isfinite(predicted).all()
        assert 0 < predicted[2] < 5.5

    def test_it_learns(self, fitted, train):
        frame = train.frame
        assert rmse(train.rating, fitted.predict(frame["user"], frame["item"])) <= train.rating.std() + 1e-6

    def test_repeats_bit_for_bit_and_leaves_global_random_states_alone(self, fitted, train):
        rows = train.frame.head(50)
        state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
        again = self.make().fit(train)
        assert np.array_equal(again.predict(rows["user"], rows["item"]), fitted.predict(rows["user"], rows["item"]))
        assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), torch_state)

    def test_a_user_with_one_rating(self):
        model = self.make().fit(random_ratings(n_users=30, n_items=20, n=31))
        assert np.isfinite(model.predict(np.arange(1, 31), np.full(30, 10))).all()


class RankerContract:
    """For whatever makes lists, through a :class:`Recommender`: a module, or what has ``as_module()``."""

    def make(self, train):
        """The model, trained."""
        raise NotImplementedError

    @pytest.fixture
    def train(self):
        return random_ratings()

    @pytest.fixture
    def ranker(self, train):
        """One for all tests of a class: none of them changes it."""
        mine = type(self)
        if "one" not in vars(mine):
            mine.one = Recommender(self.make(train), train)
        return mine.one

    @staticmethod
    def seen(train, user) -> set:
        return set(train.frame.loc[train.frame["user"] == user, "item"])

    @pytest.mark.parametrize("exclude_seen", [True, False])
    @pytest.mark.parametrize("k", [1, 7])
    def test_k_known_items_each_once_the_best_first(self, ranker, train, k, exclude_seen):
        catalogue = set(train.items.ids)
        for user, lists in ranker.recommend(train.users.ids, k, exclude_seen).groupby("user"):
            items, stars = lists["item"].tolist(), lists["stars"].to_numpy()
            assert lists.index.tolist() == list(range(1, k + 1))
            assert len(set(items)) == k and set(items) <= catalogue
            assert np.array_equal(stars, ranker.predict(user, items))
            ranks = list(zip(-stars, items, strict=True))
            others = sorted(catalogue - set(items) - (self.seen(train, user) if exclude_seen else set()))
            assert ranks == sorted(ranks)  # ties in the order of their ids
            assert ranks[-1] < min(zip(-ranker.predict(user, others), others, strict=True))

    def test_what_was_seen_is_left_out_unless_it_is_asked_for(self, ranker, train):
        new, everything = (ranker.recommend(train.users.ids, 5, exclude) for exclude in (True, False))
        assert not any(item in self.seen(train, user) for user, item in zip(new["user"], new["item"], strict=True))
        assert any(item in self.seen(train, u) for u, item in zip(everything["user"], everything["item"], strict=True))
        assert ranker.recommend(3, candidates=sorted(self.seen(train, 3))).empty

    def test_beyond_the_catalogue_there_is_what_there_is(self, ranker, train):
        for user in (1, 20, 40):
            seen, catalogue = self.seen(train, user), set(train.items.ids)
            assert set(ranker.recommend(user, k=1000)["item"]) == catalogue - seen
            assert sorted(ranker.recommend(user, k=1000, exclude_seen=False)["item"]) == sorted(catalogue)

    def test_unknown_users_are_refused_by_name(self, ranker):
        with pytest.raises(KeyError, match="unknown user 999 .1 of 1 asked for"):
            ranker.recommend(999)
        with pytest.raises(KeyError, match="unknown user -7 .2 of 3 asked for"):
            ranker.recommend([3, -7, 999])

    def test_lists_repeat_bit_for_bit_and_leave_global_random_states_alone(self, ranker, train):
        everybody = train.users.ids
        state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
        again = Recommender(self.make(train), train)
        lists = again.recommend(everybody)
        assert lists.equals(ranker.recommend(everybody)) and lists.equals(again.recommend(everybody))
        assert again.recommend(3).equals(lists[lists["user"] == 3].drop(columns="user"))
        assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), torch_state)
