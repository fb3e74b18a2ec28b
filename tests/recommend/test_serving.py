"""Every kind of model is served by the class that knows it, and what has no scores by code is refused."""

import pytest
import torch

from collabkit import ALS, EASE, BayesianMF, ImplicitALS, ItemKNNStars, MeanBaseline
from collabkit.models import DotProductBias
from collabkit.recommend.choices import ServedChoices
from collabkit.recommend.draws import ServedDraws
from collabkit.recommend.served import Served, ServedModule
from collabkit.recommend.served_items import ServedItems
from collabkit.recommend.serving import serve
from tests.tables import random_ratings

CPU = torch.device("cpu")


class ByCode:
    """Fitted, and with scores by code."""

    def __init__(self, ratings):
        self.users_, self.items_ = ratings.users, ratings.items

    def predict_codes(self, users, items):
        return users * 0.0


@pytest.fixture(scope="module")
def ratings():
    return random_ratings()


@pytest.mark.parametrize(
    ("make", "road"),
    [
        (lambda r: DotProductBias(r.n_users, r.n_items, 3), ServedModule),
        (lambda r: ALS(2, n_sweeps=1).fit(r), ServedModule),
        (lambda r: MeanBaseline().fit(r), ServedModule),
        (lambda r: ImplicitALS(2, n_sweeps=1).fit(r), ServedChoices),
        (lambda r: BayesianMF(2, 8).fit(r), ServedDraws),
        (lambda r: EASE().fit(r), ServedItems),
        (lambda r: ItemKNNStars().fit(r), ServedItems),
        (ByCode, Served),
    ],
)
@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_each_kind_takes_its_road(ratings, make, road):
    served = serve(make(ratings), ratings, CPU)
    assert type(served) is road
    assert serve(served, ratings, CPU) is served


def test_what_has_no_scores_by_code_is_refused(ratings):
    model = ByCode(ratings)
    del model.users_
    with pytest.raises(TypeError, match="needs the vocabularies"):
        serve(model, ratings, CPU)

    class ForStars:
        users_, items_ = ratings.users, ratings.items

        def predict(self, users, items):
            return users

    with pytest.raises(TypeError, match="predict_codes"):
        serve(ForStars(), ratings, CPU)
