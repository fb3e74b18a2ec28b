import numpy as np
import pytest
import torch

from collabkit import DotProductBias, Recommender
from tests.tables import random_ratings


@pytest.fixture(scope="module")
def recommender():
    torch.manual_seed(0)
    model = DotProductBias(40, 60, 4, (0, 5.5))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return Recommender(model, random_ratings())


@pytest.fixture(scope="module")
def new(recommender):
    return recommender.fold_in({100: 5, 20: 0.5, 600: 4})


def test_lists_are_the_predictions_in_order(recommender, new):
    everything = recommender.ratings.items.ids
    rest = everything[~np.isin(everything, [100, 20, 600])]
    stars = new.predict(rest)
    order = np.argsort(-stars, kind="stable")
    found = new.recommend(k=1000)
    assert found.columns.tolist() == ["item", "label", "stars"]
    assert found.index.tolist() == list(range(1, 58))
    assert found.index.name == "rank"
    assert np.array_equal(found["item"], rest[order])
    assert np.array_equal(found["stars"], stars[order])
    assert new.recommend(4).equals(found.head(4))


def test_candidates(new):
    assert set(new.recommend(10, candidates=[30, 40, 30, 100])["item"]) == {30, 40}
    assert len(new.recommend(10, candidates=[])) == 0
    with pytest.raises(KeyError, match="unknown item 31"):
        new.recommend(10, candidates=[31])


def test_what_they_like_moves_towards_them(recommender, new):
    average = recommender.fold_in({})
    liked, disliked = new.predict([100, 20]) - average.predict([100, 20])
    assert liked > 0 > disliked


def test_the_average_user_is_whom_predict_takes_strangers_for(recommender):
    everything = recommender.ratings.items.ids
    strangers = recommender.predict(-1, everything)
    assert np.allclose(recommender.fold_in({}).predict(everything), strangers, atol=1e-5)
    assert np.isfinite(recommender.fold_in({}).predict([-1])).all()


def test_reasons_add_up(new):
    why, baseline, stars = new.explain(300, n=None)
    assert why.columns.tolist() == ["item", "label", "stars", "contribution"]
    assert why["contribution"].abs().is_monotonic_decreasing
    assert why.set_index("item")["stars"].to_dict() == {100: 5, 20: 0.5, 600: 4}
    assert baseline + why["contribution"].sum() == pytest.approx(stars)
    assert stars == pytest.approx(new.predict([300])[0])
    assert new.explain(300, n=1).shares.equals(why.head(1))
    with pytest.raises(KeyError, match="unknown item 3"):
        new.explain(3)


def test_the_average_user_has_no_reasons(recommender):
    why = recommender.fold_in({}).explain(300)
    assert len(why.shares) == 0
    assert why.baseline == why.stars
