import pytest
import torch

from collabkit import BPR, BPRLoss, DotProductBias, Ratings, Recommender, bpr_loss
from collabkit.recipe import Recipe
from collabkit.training.fit import fit_ranking
from tests.contracts import ModelContract, RankerContract
from tests.tables import random_ratings, tiny_ratings

FEW = Recipe(bs=5000, epochs=2, lr=0.05, wd=0.01, n_factors=3)


class TestBPR(ModelContract):
    def model(self, n_users=5, n_items=7):
        return BPR(n_users, n_items, 3)

    def test_its_tables_are_its_score(self):
        model, x = self.seeded(), self.pairs()
        found = model.tables()
        score = (found.user_factors[x[:, 0]] * found.item_factors[x[:, 1]]).sum(1, keepdim=True)
        assert torch.allclose(model(x), score + found.item_bias[x[:, 1]])
        assert found.user_bias is None and found.y_range is None


class TestListsOfBPR(RankerContract):
    def make(self, train):
        return fit_ranking(train, None, BPRLoss, FEW)


def test_the_gradient_by_hand():
    r"""Of -ln sigmoid(x_ui - x_uj): -(1 - sigmoid(x_uij)) times that of x_uij, as in Rendle et al. (2009)."""
    torch.manual_seed(0)
    model = BPR(2, 3, 4).double()
    for parameter in model.parameters():
        parameter.data.normal_()
    u, i, j = 1, 0, 2
    bpr_loss(model(torch.tensor([[u, i]])), model(torch.tensor([[u, j]]))).backward()
    with torch.no_grad():
        p, q, b = model.user_factors.weight, model.item_factors.weight, model.item_bias.weight[:, 0]
        step = -(1 - torch.sigmoid(p[u] @ (q[i] - q[j]) + b[i] - b[j]))
        expected = {
            "user_factors": torch.zeros_like(p),
            "item_factors": torch.zeros_like(q),
            "item_bias": 0 * b[:, None],
        }
        expected["user_factors"][u] = step * (q[i] - q[j])
        expected["item_factors"][i], expected["item_factors"][j] = step * p[u], -step * p[u]
        expected["item_bias"][i], expected["item_bias"][j] = step, -step
    for name, gradient in expected.items():
        torch.testing.assert_close(getattr(model, name).weight.grad, gradient)


def test_the_loss_of_equal_scores_is_the_log_of_two_and_falls_with_the_gap():
    assert bpr_loss(torch.zeros(3, 1), torch.zeros(3, 1)).item() == pytest.approx(0.6931472)
    gaps = [bpr_loss(torch.tensor([gap]), torch.zeros(1)).item() for gap in (-100.0, -1, 0, 1, 100)]
    assert gaps == sorted(gaps, reverse=True) and gaps[0] == pytest.approx(100) and gaps[-1] < 1e-30


@pytest.mark.parametrize("other", [torch.zeros(3), torch.zeros(3, 2), torch.zeros(1, 1)])
def test_scores_that_are_no_pairs(other):
    with pytest.raises(ValueError, match=r"scores of shapes \(3, 1\) and .* are no pairs"):
        bpr_loss(torch.zeros(3, 1), other)


def test_a_batch_is_held_against_items_that_its_users_have_not_rated():
    ratings, asked = random_ratings(), []

    class Asked(DotProductBias):  # any module will do
        def forward(self, x):
            asked.append(x)
            return super().forward(x)

    model = Asked(40, 60, 3)
    x = torch.stack([torch.from_numpy(code.astype("int64")) for code in (ratings.user, ratings.item)], dim=1)
    scores = torch.zeros(len(x), 1)
    loss = BPRLoss(ratings)(model, x, scores)
    (others,) = asked
    assert torch.equal(others[:, 0], x[:, 0])
    rated = set(map(tuple, x.tolist()))
    assert not rated & set(map(tuple, others.tolist()))
    assert loss == bpr_loss(scores, model(others))


def test_it_puts_what_a_circle_chooses_before_what_it_does_not():
    pairs = torch.cartesian_prod(torch.arange(20), torch.arange(20))
    pairs = pairs[pairs[:, 0] % 2 == pairs[:, 1] % 2]
    held_out = torch.arange(len(pairs)) % 7 == 0
    frame = (
        random_ratings(20, 20, 400).frame.head(len(pairs)).assign(user=pairs[:, 0].tolist(), item=pairs[:, 1].tolist())
    )
    ratings = Ratings.from_frame(frame)
    model = fit_ranking(ratings.take(~held_out.numpy()), None, BPRLoss, FEW._replace(epochs=40, n_factors=2, wd=0.001))
    other = torch.cartesian_prod(torch.arange(20), torch.arange(20))
    other = other[other[:, 0] % 2 != other[:, 1] % 2]
    assert model(pairs[held_out]).min() > model(other).max()


def test_nobody_is_folded_in_and_the_error_says_who_can(tmp_path):
    ratings = random_ratings()
    found = Recommender(fit_ranking(ratings, None, BPRLoss, FEW), ratings)
    for ask in (lambda: found.fold_in({10: 5}), lambda: found.explain(1, 10), lambda: found.fold_in_item({1: 4})):
        with pytest.raises(TypeError, match="^BPR cannot be folded into: .* ImplicitALS ranks too"):
            ask()
    assert len(found.similar_items(10, 3)) == 3
    found.save(tmp_path / "bpr.safetensors")
    again = Recommender.load(tmp_path / "bpr.safetensors")
    assert type(again.model) is BPR
    assert again.recommend([1, 2, 3]).equals(found.recommend([1, 2, 3]))
    assert "It folds nobody in." in (tmp_path / "bpr.md").read_text("utf8")


def test_a_user_who_has_rated_everything_leaves_no_negatives():
    ratings = tiny_ratings()
    films = [5, 7, 11]
    full = ratings.take(ratings.frame["item"].isin(films))  # user 30 has rated all of these three
    narrow = Ratings.from_frame(full.frame)
    with pytest.raises(ValueError, match=r"^user 30 \(1 in all\) has rated every one of the 3 items"):
        BPRLoss(narrow)
