"""with_average_rows: whoever has no training ratings gets the average of those that have some, in a copy."""

import pytest
import torch

from collabkit import DotProductBias
from collabkit.recommend.average_rows import with_average_rows
from tests.tables import random_ratings


@pytest.fixture
def trained():
    """A model, and ratings in which user 0 and item 1 have none."""
    ratings = random_ratings()
    ratings = ratings.take((ratings.user != 0) & (ratings.item != 1))
    return DotProductBias(ratings.n_users, ratings.n_items, 3), ratings


@pytest.mark.parametrize(("side", "cold"), [("user", 0), ("item", 1)])
def test_cold_rows_and_one_more_are_the_average_of_the_others(trained, side, cold):
    model, ratings = trained
    before = getattr(model, f"{side}_factors").weight.detach().clone()
    after = getattr(with_average_rows(model, ratings), f"{side}_factors").weight
    warm = torch.from_numpy(getattr(ratings, side)).long().unique()
    assert cold not in warm and len(after) == len(before) + 1
    for row in (cold, -1):
        torch.testing.assert_close(after[row], before[warm].mean(dim=0))
    assert torch.equal(after[warm], before[warm])


def test_the_model_itself_stays_as_it_was(trained):
    model, ratings = trained
    before = {name: one.clone() for name, one in model.state_dict().items()}
    served = with_average_rows(model, ratings)
    assert not served.training and not any(one.requires_grad for one in served.parameters())
    assert model.training and all(one.requires_grad for one in model.parameters())
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


def test_a_model_of_other_ratings_is_refused(trained):
    _, ratings = trained
    with pytest.raises(ValueError, match=f"no user_… tables of {ratings.n_users} rows"):
        with_average_rows(DotProductBias(ratings.n_users + 1, ratings.n_items, 3), ratings)
