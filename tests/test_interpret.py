import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from collabkit import (
    DotProduct,
    DotProductBias,
    DotProductBiasParams,
    item_biases,
    item_components,
    mean_overlap,
    most_rated,
    random_split,
    similar_items,
)
from collabkit.tables import table
from tests.tables import random_ratings, tiny_ratings


@pytest.fixture(params=[DotProductBias, DotProductBiasParams])
def model(request):
    torch.manual_seed(0)
    return request.param(40, 60, 5)


def test_most_rated_breaks_ties_by_code():
    assert most_rated(tiny_ratings(), 3).tolist() == [0, 1, 2]  # two ratings each; item 3 has one


def test_item_biases_stand_beside_mean_and_count(model):
    ratings = random_ratings()
    train = random_split(ratings, valid=0.9).train
    biases = item_biases(model, train)
    assert biases["bias"].is_monotonic_increasing
    assert len(biases) == 60
    frame = train.frame.groupby("item")["rating"]
    rated = biases[biases["ratings"] > 0].set_index("item")
    assert rated["mean"].to_dict() == pytest.approx(frame.mean().to_dict(), rel=1e-6)
    assert rated["ratings"].to_dict() == frame.size().to_dict()
    assert biases.loc[biases["ratings"] == 0, "mean"].isna().all()
    row = biases.iloc[0]
    assert row["bias"] == pytest.approx(table(model, "item_bias")[ratings.items.index(row["item"])[0], 0])


def test_folded_biases_are_another_reading_of_the_same_predictions(model):
    train = random_ratings()
    x = torch.tensor([[0, 0], [3, 7], [39, 59]])
    before = model(x)
    tables = [model.user_factors, model.item_bias]
    users, bias = (one.weight.data if isinstance(one, torch.nn.Embedding) else one.data for one in tables)
    folded = item_biases(model, train, full=True).sort_index()["bias"].to_numpy()
    plain = item_biases(model, train).sort_index()["bias"].to_numpy()
    assert not np.allclose(folded, plain, atol=1e-6)
    bias[:, 0] = torch.tensor(folded)
    users -= users.mean(dim=0)
    assert torch.allclose(model(x), before, atol=1e-6)
    assert np.allclose(item_biases(model, train, full=True).sort_index()["bias"], folded, atol=1e-6)


def test_components_are_scikit_learns_up_to_sign(model):
    ratings = random_ratings()
    codes = most_rated(ratings, 30)
    found, explained = item_components(model, ratings, codes, n=3)
    expected = PCA(3).fit_transform(table(model, "item_factors")[codes])
    assert np.allclose(np.abs(found[["pc1", "pc2", "pc3"]]), np.abs(expected), atol=1e-5)
    assert (found["item"] == ratings.items.ids[codes]).all()
    assert 0 < sum(explained) < 1
    assert len(pd.concat([found, found])) == 60  # which compares attrs


def test_components_do_not_flip_with_the_sign_of_the_factors(model):
    ratings, codes = random_ratings(), np.arange(60)
    before = item_components(model, ratings, codes).table["pc1"]
    factors = model.item_factors.weight if isinstance(model, DotProductBias) else model.item_factors
    factors.data.neg_()
    assert np.allclose(before, item_components(model, ratings, codes).table["pc1"], atol=1e-5)


def test_similar_items_by_hand():
    ratings = tiny_ratings()
    model = DotProduct(3, 4, 2)
    model.item_factors.weight.data = torch.tensor([[1.0, 0], [5.0, 5], [0, 2], [-3.0, 0]])
    found = similar_items(model, ratings, item=5)
    assert found["item"].tolist() == [7, 11, 900]
    assert found["similarity"].tolist() == pytest.approx([0.5**0.5, 0, -1], abs=1e-6)
    assert similar_items(model, ratings, item=5, k=1)["item"].tolist() == [7]
    assert similar_items(model, ratings, item=5, codes=[0, 3])["item"].tolist() == [900]


def test_similar_items_refuses_unknown_ids(model):
    with pytest.raises(KeyError, match="unknown item 11"):
        similar_items(model, random_ratings(), item=11)


def test_mean_overlap_by_hand():
    assert mean_overlap([[1, 2], [2, 1]]) == 1
    assert mean_overlap([[1, 2], [3, 4]]) == 0
    assert mean_overlap([[1, 2], [2, 3], [5, 6]]) == pytest.approx((1 / 2 + 0 + 0) / 3)
    with pytest.raises(ValueError, match="at least two lists"):
        mean_overlap([[1, 2]])
