import pytest
import torch

from collabkit.models import (
    DotProduct,
    DotProductBias,
    DotProductBiasParams,
    EmbeddingNet,
    create_params,
    embedding,
    sigmoid_range,
)
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
    for lo, hi in ((4, 1), (1, 1), (0, float("nan"))):
        with pytest.raises(ValueError, match="is no range: the first number has to be less"):
            sigmoid_range(x, lo, hi)


class TestDotProductBias(ModelContract):
    def model(self, n_users=5, n_items=7):
        return DotProductBias(n_users, n_items, 3)

    def test_by_hand(self):
        model = DotProductBias(1, 2, 2)
        model.load_state_dict(
            {
                "user_factors.weight": torch.tensor([[1.0, 2]]),
                "item_factors.weight": torch.eye(2),
                "user_bias.weight": torch.tensor([[10.0]]),
                "item_bias.weight": torch.tensor([[100.0], [200.0]]),
            }
        )
        assert model(torch.tensor([[0, 0], [0, 1]])).tolist() == [[111.0], [212.0]]


class TestDotProductBiasWithRange(ModelContract):
    def model(self, n_users=5, n_items=7):
        return DotProductBias(n_users, n_items, 3, y_range=(0, 5.5))


class TestDotProductBiasParams(ModelContract):
    def model(self, n_users=5, n_items=7):
        return DotProductBiasParams(n_users, n_items, 3, y_range=(0, 5.5))

    @pytest.mark.parametrize("y_range", [None, (0, 5.5)])
    def test_it_is_the_twin_of_dot_product_bias(self, y_range):
        by_hand, twin = DotProductBiasParams(5, 7, 3, y_range), DotProductBias(5, 7, 3, y_range)
        twin.load_state_dict({f"{name}.weight": value for name, value in by_hand.state_dict().items()})
        assert torch.allclose(by_hand(self.pairs()), twin(self.pairs()), atol=1e-6)


class TestEmbeddingNet(ModelContract):
    def model(self, n_users=5, n_items=7):
        return EmbeddingNet(n_users, n_items, 8, layers=(32,))


class TestEmbeddingNetWithEverything(ModelContract):
    def model(self, n_users=5, n_items=7):
        return EmbeddingNet(n_users, n_items, (6, 8), (0, 5.5), layers=(64, 32), embedding_dropout=0.01, dropout=0.01)

    def test_sizes(self):
        model = self.model()
        assert model.user_factors.weight.shape == (5, 6)
        assert model.item_factors.weight.shape == (7, 8)
        assert [layer.in_features for layer in model.layers if hasattr(layer, "in_features")] == [14, 64, 32]

    def test_dropout_stops_in_eval(self):
        model = EmbeddingNet(5, 7, 4, embedding_dropout=0.5, dropout=0.5).train()
        assert not torch.equal(model(self.pairs()), model(self.pairs()))
        assert torch.equal(model.eval()(self.pairs()), model(self.pairs()))


def test_create_params_is_a_parameter_that_starts_small():
    params = create_params([1000, 10])
    assert isinstance(params, torch.nn.Parameter)
    assert params.shape == (1000, 10)
    assert params.std().item() == pytest.approx(0.01, rel=0.1)
