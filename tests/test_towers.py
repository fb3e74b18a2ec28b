import numpy as np
import pandas as pd
import pytest
import torch

from collabkit import Recommender, TwoTower, film_features
from collabkit.tables import tables_of
from tests.contracts import ModelContract
from tests.tables import random_ratings

GENERATOR = torch.Generator().manual_seed(3)
USER_FEATURES, ITEM_FEATURES = torch.randn(5, 2, generator=GENERATOR), torch.randn(7, 4, generator=GENERATOR)


class TestIdsAlone(ModelContract):
    def model(self, n_users=5, n_items=7):
        return TwoTower(n_users, n_items, 3)


class TestWithFeatures(ModelContract):
    def model(self, n_users=5, n_items=7):
        return TwoTower(n_users, n_items, 3, None, ITEM_FEATURES, id_dropout=0)


class TestWithLayers(ModelContract):
    def model(self, n_users=5, n_items=7):
        return TwoTower(n_users, n_items, 3, USER_FEATURES, ITEM_FEATURES, layers=(6,), id_dropout=0)


class TestWithTemperature(ModelContract):
    def model(self, n_users=5, n_items=7):
        return TwoTower(n_users, n_items, 4, None, ITEM_FEATURES, temperature=0.2, id_dropout=0)

    def test_scores_are_cosines_over_the_temperature(self):
        model = self.seeded()
        user, item = model.user_tower(torch.tensor([2])), model.item_tower(torch.tensor([6]))
        cosine = torch.nn.functional.cosine_similarity(user, item)
        assert model(torch.tensor([[2, 6]])).item() == pytest.approx(cosine.item() / 0.2, rel=1e-5)


def test_a_score_by_hand():
    model = TwoTower(1, 2, 2, item_features=[[1.0, 0.0], [2.0, 1.0]])
    state = {
        "user_tower.ids.weight": torch.tensor([[3.0, 1.0]]),
        "item_tower.ids.weight": torch.tensor([[0, 0], [1.0, 0]]),
    }
    state |= {
        "item_tower.net.0.weight": torch.tensor([[1.0, 0], [0, 2]]),
        "item_tower.net.0.bias": torch.tensor([0, 0.5]),
    }
    model.load_state_dict(state, strict=False)
    # item 1: id [1, 0] + W [2, 1] = [2, 2] + bias [0, .5] = [3, 2.5]; with the user [3, 1] that is 11.5
    assert model(torch.tensor([[0, 0], [0, 1]])).tolist() == [[3.5], [11.5]]
    assert model.item_vectors(known=torch.tensor([True, False])).tolist() == [[1, 0.5], [2, 2.5]]


def test_its_tables_give_its_scores():
    model = TwoTower(5, 7, 3, USER_FEATURES, ITEM_FEATURES, (6,), temperature=0.5).eval()
    found = tables_of(model)
    x = torch.cartesian_prod(torch.arange(5), torch.arange(7))
    scores = (found.user_factors @ found.item_factors.T).flatten()
    assert torch.allclose(scores, model(x)[:, 0], atol=1e-6)


def test_an_item_that_no_batch_reaches_keeps_the_vector_of_its_features():
    torch.manual_seed(0)
    model = TwoTower(5, 7, 3, item_features=ITEM_FEATURES)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    x = torch.cartesian_prod(torch.arange(5), torch.arange(6))  # all but item 6
    for _ in range(5):
        optimizer.zero_grad()
        (model(x) - 1).square().mean().backward()
        optimizer.step()
    ids = model.item_tower.ids.weight
    assert not ids[6].any()
    assert ids[:6].any(dim=1).all()


def test_ids_are_dropped_in_training_alone():
    torch.manual_seed(0)
    model = TwoTower(5, 7, 3, None, ITEM_FEATURES, id_dropout=0.5)
    torch.nn.init.ones_(model.item_tower.ids.weight)
    codes = torch.zeros(1000, dtype=torch.int64)
    without = model.item_vectors(codes, known=torch.zeros(1000, dtype=torch.bool)).eq(model.item_vectors(codes))
    assert 0.4 < without.all(dim=1).float().mean() < 0.6
    alone = model.eval().item_tower.net(ITEM_FEATURES[:1])
    assert torch.equal(model.item_vectors(codes), (alone + 1).expand(1000, 3))
    ids_alone = TwoTower(5, 7, 3, id_dropout=0.5).train()  # a side without features has nothing else to go by
    assert torch.equal(ids_alone.user_vectors(), ids_alone.user_tower.ids.weight)


@pytest.mark.parametrize(
    ("bad", "error", "said"),
    [
        (torch.ones(6, 2), ValueError, "6 rows for 7 codes"),
        (torch.ones(7), ValueError, r"item_features is \(7,\)"),
        (np.full((7, 2), np.nan), ValueError, "missing or infinite"),
        (np.ones((7, 0)), ValueError, r"\(7, 0\)"),
        (pd.DataFrame({"genre": ["Drama"] * 7}), TypeError, "item_features holds what is no number"),
        ("genres", TypeError, "item_features holds what is no number"),
    ],
)
def test_what_are_no_features(bad, error, said):
    with pytest.raises(error, match=said):
        TwoTower(5, 7, 3, item_features=bad)


# ---- served ----


def trained(ratings, **settings):
    torch.manual_seed(0)
    model = TwoTower(ratings.n_users, ratings.n_items, 4, **settings)
    x = torch.from_numpy(np.stack([ratings.user, ratings.item], axis=1).astype("int64"))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        (model(x) - 1).square().mean().backward()
        optimizer.step()
    return model


@pytest.fixture(scope="module")
def ratings():
    return random_ratings(n_users=12, n_items=20, n=150)


@pytest.fixture(scope="module")
def features():
    return np.random.default_rng(0).normal(size=(20, 3))


@pytest.fixture(scope="module")
def without_two(ratings):
    return ratings.take((ratings.item != 4) & (ratings.user != 3))


def test_a_cold_film_has_the_place_of_its_features(without_two, features):
    model = trained(without_two, item_features=features)
    torch.nn.init.ones_(model.item_tower.ids.weight[4])  # as a draw of negatives may have left it
    served = Recommender(model, without_two)
    alone = model.eval().item_tower.net(torch.from_numpy(features[4:5]).float())[0]
    expected = (model.user_vectors(torch.tensor([1]))[0] @ alone).item()
    film = without_two.items.ids[4]
    assert served.predict(without_two.users.ids[1], film)[0] == pytest.approx(expected, rel=1e-5)
    assert film in served.recommend(without_two.users.ids[1], k=20)["item"].tolist()
    assert len(served.similar_items(film, k=3)) == 3


def test_without_features_a_cold_film_is_average_and_has_no_neighbours(without_two):
    served = Recommender(trained(without_two), without_two)
    film, user = without_two.items.ids[4], without_two.users.ids[1]
    assert served.predict(user, film) == pytest.approx(
        served.predict(user, -7), rel=1e-6
    )  # who has never been heard of
    with pytest.raises(ValueError, match="has no training ratings"):
        served.similar_items(film)


def test_a_cold_user_is_the_mean_of_the_others(without_two, features):
    model = trained(without_two, item_features=features).eval()
    known = np.unique(without_two.user)
    mean = model.user_vectors(torch.from_numpy(known.astype("int64"))).mean(dim=0)
    expected = (model.item_vectors(torch.tensor([7]))[0] @ mean).item()
    asked = [without_two.users.ids[3], 10**6], without_two.items.ids[7]
    assert Recommender(model, without_two).predict(*asked) == pytest.approx([expected] * 2, rel=1e-5)


def test_what_serving_refuses(without_two, features):
    model = trained(without_two, item_features=features)
    served = Recommender(model, without_two)
    for ask in (lambda: served.fold_in({10: 5}), lambda: served.explain(1, 10)):
        with pytest.raises(TypeError, match="TwoTower cannot be folded into: .* no closed form"):
            ask()
    with pytest.raises(KeyError, match="unknown user"):
        served.recommend(10**6)
    with pytest.raises(KeyError, match="unknown"):
        served.similar_items(10**6)
    with pytest.raises(ValueError, match="TwoTower has 12 users, these ratings 40"):
        Recommender(model, random_ratings())
    torch.nn.init.constant_(model.user_tower.ids.weight, torch.nan)
    with pytest.raises(ValueError, match="TwoTower holds values that are not finite"):
        Recommender(model, without_two)


@pytest.mark.parametrize("layers", [(), (5, 4)])
@pytest.mark.parametrize("temperature", [None, 0.3])
def test_what_is_loaded_is_what_was_saved(without_two, features, tmp_path, layers, temperature):
    users = np.random.default_rng(1).normal(size=(12, 2))
    for settings in ({"item_features": features}, {"user_features": users, "item_features": features}, {}):
        model = trained(without_two, layers=layers, temperature=temperature, **settings)
        saved = Recommender(model, without_two)
        saved.save(tmp_path / "towers.safetensors")
        loaded = Recommender.load(tmp_path / "towers.safetensors")
        state, again = saved.model.state_dict(), loaded.model.state_dict()
        assert state.keys() == again.keys()
        assert all(torch.equal(one, again[key]) for key, one in state.items())
        everybody = without_two.users.ids
        pairs = np.repeat(everybody, 20), np.tile(without_two.items.ids, 12)
        assert np.array_equal(saved.predict(*pairs), loaded.predict(*pairs))
        assert saved.recommend(everybody).equals(loaded.recommend(everybody))
        assert "It folds nobody in." in (tmp_path / "towers.md").read_text()


def test_film_features_fit():
    ratings = random_ratings()
    model = TwoTower(ratings.n_users, ratings.n_items, 4, item_features=film_features(ratings))
    assert model.item_tower.features.shape == (60, film_features(ratings).shape[1])
