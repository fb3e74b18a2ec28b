"""Gaussian stars: the noise of a chain against a loop, and a star's share as the mass of a normal."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm

from collabkit import BayesianMF, Ratings
from collabkit.gaussian import Gaussian
from collabkit.gibbs import WORTH, Side
from collabkit.sittings import Sittings
from tests.tables import random_ratings


def in_chain(ratings: Ratings, noise_df: float) -> Gaussian:
    side = Side(ratings.user, ratings.item, ratings.n_users, ratings.n_items, None, "user", 1, torch.device("cpu"))
    return Gaussian(ratings, side, Sittings(ratings, (), torch.device("cpu")), noise_df, torch.device("cpu"))


def test_precisions_follow_their_gammas():
    """Of users, given α, and of α, given users: means over many draws from one state."""
    ratings, rng = random_ratings(), torch.Generator().manual_seed(0)
    chain = in_chain(ratings, noise_df=6.0)
    left = torch.randn(len(ratings), generator=rng) * (1 + torch.from_numpy(ratings.user % 3).float())
    count = np.bincount(ratings.user, minlength=ratings.n_users + 1)
    misses = np.bincount(ratings.user, left.double().numpy() ** 2, ratings.n_users + 1)
    weights = []
    for _ in range(2000):
        chain.alpha = torch.tensor(0.7)
        error = chain.draw(left, rng, settling=False)
        weights.append(chain.weight)
    assert torch.stack(weights).mean(dim=0).numpy() == pytest.approx((6 + count) / (6 + 0.7 * misses), rel=0.06)
    assert chain.noise.numpy() == pytest.approx((6 + 0.7 * misses) / (4 + count) / 0.7, rel=1e-5)
    assert error == pytest.approx(chain.unit * float(left.square().mean()) ** 0.5)
    shape, rate = (WORTH + len(left)) / 2, (1 + float((chain.weight.double().numpy() * misses).sum())) / 2
    assert abs(float(chain.alpha) - shape / rate) < 5 * shape**0.5 / rate


def test_what_is_to_be_explained_has_mean_nought_and_is_in_units():
    df = random_ratings().frame
    chain = in_chain(Ratings.from_frame(df.assign(rating=df["rating"] * 200)), noise_df=5.0)
    assert float(chain.y.mean()) == pytest.approx(0, abs=1e-5)
    assert 0.7 < float(chain.y.std()) < 1.5


@pytest.mark.filterwarnings("ignore:the chain has not settled")
def test_a_star_has_the_mass_around_it():
    """Of halves, and of stars that lie unevenly."""
    for values in ([0.5, 1.0, 1.5, 2.0], [1.0, 2.0, 10.0]):
        frame = pd.DataFrame({"user": np.arange(60) % 6, "item": np.arange(60) // 6, "rating": np.resize(values, 60)})
        model = BayesianMF(1, n_samples=5, progress=False).fit(Ratings.from_frame(frame))
        assert model.stars_.tolist() == values
        shares = model.predict_proba([2, -1], [3, -1])
        at = torch.tensor([2, 6]), torch.tensor([3, 10])
        mean, deviation = Gaussian.answer(model, *at)
        for row in range(2):
            up_to = norm.cdf([(a + b) / 2 for a, b in pairwise(values)], mean[row], deviation[row])
            assert shares[row] == pytest.approx(np.diff([0, *up_to, 1]), abs=1e-12)
