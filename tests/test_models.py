import pytest
import torch

from collabkit.models import DotProduct, embedding, sigmoid_range
from tests.contracts import ModelContract


class TestDotProduct(ModelContract):
    def model(self, n_users=5, n_items=7):
        return DotProduct(n_users, n_items, 3)

    def test_by_hand(self):
        model = DotProduct(2, 2, 3)
        model.load_state_dict(
            {"user_factors.weight": torch.tensor([[1.0, 2, 3], [0, 0, 1]]), "item_factors.weight": torch.eye(2, 3)}
        )
        assert model(torch.tensor([[0, 1], [1, 0]])).tolist() == [[2.0], [0.0]]


class TestDotProductWithRange(ModelContract):
    def model(self, n_users=5, n_items=7):
        return DotProduct(n_users, n_items, 3, y_range=(0, 5.5))

    def test_scores_stay_inside(self):
        model = self.model()
        model.user_factors.weight.data.mul_(1e4)
        scores = model(torch.cartesian_prod(torch.arange(5), torch.arange(7)))
        assert scores.min() >= 0
        assert scores.max() <= 5.5


def test_embedding_starts_small():
    assert embedding(10_000, 10).weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_sigmoid_range_meets_its_middle_and_its_ends():
    x = torch.tensor([-100.0, 0.0, 100.0])
    assert sigmoid_range(x, 1, 4).tolist() == pytest.approx([1.0, 2.5, 4.0])
