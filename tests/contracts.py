"""What every model owes its users. A test class inherits a contract and says how to build the model."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from collabkit import rmse
from tests.tables import random_ratings


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
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        model.train()
        losses = []
        for _ in range(n):
            loss = (model(x) - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    @pytest.mark.parametrize("n", [1, 2, 32])
    def test_shapes(self, n):
        assert self.seeded().eval()(self.pairs(n)).shape == (n, 1)

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
            self.steps(model, x, y, 3)
        assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))

    def test_state_dict_round_trip(self):
        model, other = self.seeded().eval(), self.model().eval()
        other.load_state_dict(model.state_dict())
        assert torch.equal(model(self.pairs()), other(self.pairs()))

    def test_ten_steps_reduce_the_loss(self):
        losses = self.steps(self.seeded(), self.pairs(), torch.full((32, 1), 3.5), 11)
        assert losses[-1] < losses[0]

    def test_overfits_one_batch(self):
        x = torch.unique(self.pairs(12), dim=0)
        y = torch.linspace(1, 5, len(x)).unsqueeze(1)
        assert min(self.steps(self.seeded(), x, y, 500)) < 0.05

    def test_a_batch_and_its_model_share_a_device(self):
        """On the meta device a stray CPU tensor shows without a GPU."""
        model = self.seeded().to("meta")
        x, y = self.pairs().to("meta"), torch.empty(32, 1, device="meta")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with OneDevice():
            (model(x) - y).square().mean().backward()
            optimizer.step()


class PredictorContract:
    """For whatever has ``fit(train)`` and ``predict(users, items)``, ids as in the data."""

    def make(self):
        raise NotImplementedError

    @pytest.fixture
    def train(self):
        return random_ratings()

    @pytest.fixture
    def fitted(self, train):
        return self.make().fit(train)

    def test_fit_returns_self(self, train):
        model = self.make()
        assert model.fit(train) is model

    @pytest.mark.parametrize("n", [0, 1, 7])
    def test_one_prediction_a_row(self, fitted, train, n):
        rows = train.frame.head(n)
        predicted = np.asarray(fitted.predict(rows["user"], rows["item"]))
        assert predicted.shape == (n,)
        assert np.isfinite(predicted).all()

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
