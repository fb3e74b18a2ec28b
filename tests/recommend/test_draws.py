"""Lists of BayesianMF: exact, though found by one matrix product in place of a hundred sums."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from collabkit import BayesianMF
from collabkit.data.vocabulary import Vocabulary
from collabkit.recommend.draws import ServedDraws, end_to_end
from collabkit.recommend.topk import DotScores, top_k

N_USERS, N_ITEMS, DRAWS = 30, 200, 12


def made(n_factors=4, spread=0.5, mean=3.5, scale=(0.5, 5.0), unit=1.0, draws=DRAWS, seed=0) -> BayesianMF:
    """As a fit leaves it, with tables of our own."""
    rng = torch.Generator().manual_seed(seed)
    model = BayesianMF(n_factors, draws)

    def table(n):
        return (spread * torch.randn(draws, n, 1 + n_factors, generator=rng)).half()

    model.user_draws_, model.item_draws_, model.item_means_ = (table(1 + n) for n in (N_USERS, N_ITEMS, N_ITEMS))
    model.user_priors_, model.item_priors_ = (torch.ones(draws, 2, 1 + n_factors) for _ in range(2))
    model.precisions_, model.noise_ = torch.ones(draws), torch.ones(1 + N_USERS, dtype=torch.float64)
    model.mean_, model.unit_, model.scale_, model.noise_df_, model.trace_ = mean, unit, scale, 5.0, [1.0] * draws
    model.users_, model.items_ = Vocabulary(range(N_USERS)), Vocabulary(range(N_ITEMS))
    return model


def in_steps():
    """Draws of few values, all draws alike: many exact ties."""
    model = made()
    for name in ("user_draws_", "item_means_"):
        setattr(model, name, (2 * getattr(model, name)[:1]).round().repeat(DRAWS, 1, 1) / 4)
    return model


def near_ties():
    """Items that differ by the order of their factors alone, for users to whom that is all one: but for rounding."""
    model = made(n_factors=33, spread=1)
    model.user_draws_ = model.user_draws_[..., :1].repeat(1, 1, 34)
    rng = torch.Generator().manual_seed(1)
    for item in range(1, N_ITEMS + 1):
        model.item_means_[:, item, 0] = model.item_means_[:, 0, 0]
        model.item_means_[:, item, 1:] = model.item_means_[:, 0, 1 + torch.randperm(33, generator=rng)]
    return model


MODELS = {
    "plain": made,
    "biases alone": lambda: made(n_factors=0),
    "one draw": lambda: made(draws=1),
    "all clipped above": lambda: made(mean=9.0),
    "all clipped below": lambda: made(mean=-9.0),
    "some clipped": lambda: made(mean=4.9, spread=0.7),
    "on another scale": lambda: made(mean=70.0, unit=16.0, scale=(0.0, 100.0)),
    "in steps": in_steps,
    "near ties": near_ties,
}


@pytest.fixture(params=MODELS)
def served(request):
    return ServedDraws(MODELS[request.param](), torch.device("cpu"))


def predicted(served):
    """Stars of all (U, I), asked for at once: it makes no difference who else is asked for, as a test says below."""
    return served.predict(np.arange(N_USERS).repeat(N_ITEMS), np.tile(np.arange(N_ITEMS), N_USERS)).reshape(N_USERS, -1)


def sorted_in_full(stars, users, items, k, seen=None):
    rows, hidden = [], np.zeros(stars.shape, bool) if seen is None else seen.toarray()
    for place, user in enumerate(users):
        allowed = items[~hidden[user, items]]
        best = allowed[np.lexsort((allowed, -stars[user, allowed]))[:k]]
        rows += [(place, item, stars[user, item]) for item in best]
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("k", [1, 10, N_ITEMS])
def test_as_a_full_sort_to_the_bit(served, k):
    users, items = np.arange(N_USERS), np.arange(N_ITEMS)
    stars, seen = predicted(served), csr_matrix(np.random.default_rng(0).random((N_USERS, N_ITEMS)) < 0.3)
    for some in (items, items[20:90], items[::3]):
        for hidden in (None, seen):
            found = top_k(served.predict, users, some, k, hidden, served.scores)
            expected = sorted_in_full(stars, users, some, k, hidden)
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_taken_at_its_word_the_shortcut_would_be_wrong(monkeypatch):
    served, users, items = ServedDraws(near_ties(), torch.device("cpu")), np.arange(N_USERS), np.arange(N_ITEMS)
    monkeypatch.setattr(DotScores, "floor", lambda self, kth, users: kth.double())
    found = top_k(served.predict, users, items, 10, scores=served.scores)
    assert not np.array_equal(found[1], sorted_in_full(predicted(served), users, items, 10)[1])


def test_it_looks_again_at_few():
    served, asked = ServedDraws(made(), torch.device("cpu")), []

    def predict(users, items):
        asked.append(len(users))
        return served.predict(users, items)

    top_k(predict, np.arange(N_USERS), np.arange(N_ITEMS), 10, scores=served.scores)
    assert sum(asked) < 1.1 * 10 * N_USERS


def test_predictions_are_those_of_the_model_whoever_else_is_asked_for(served):
    rng = np.random.default_rng(0)
    users, items = rng.integers(1 + N_USERS, size=3000), rng.integers(1 + N_ITEMS, size=3000)
    stars, order = served.predict(users, items), rng.permutation(3000)
    assert np.allclose(stars, served.model.predict_codes(users, items), rtol=1e-6)
    assert np.array_equal(served.predict(users[order], items[order]), stars[order])
    assert np.array_equal(served.predict(users[-1:], items[-1:]), stars[-1:])


def test_a_dot_product_of_rows_laid_end_to_end_is_the_mean_of_those_of_the_draws():
    model = made()
    p, q = model.user_draws_.double(), model.item_means_.double()
    mean = (p[..., :1] + q[..., 0].unsqueeze(1) + p[..., 1:] @ q[..., 1:].mT).mean(dim=0)  # (U + 1, I + 1)
    users, items = end_to_end(model.user_draws_), end_to_end(model.item_means_)
    assert torch.allclose(users[:, :1] + items[:, 0] + users[:, 1:] @ items[:, 1:].T, mean.float(), atol=1e-5)


def test_likeness_does_not_depend_on_how_a_draw_turns_its_factors():
    model = made()
    before = ServedDraws(model, torch.device("cpu")).similarity(7)
    turns = torch.linalg.qr(torch.randn(DRAWS, 4, 4, generator=torch.Generator().manual_seed(2)))[0]
    model.item_means_[..., 1:] = (model.item_means_[..., 1:].float() @ turns).half()
    after = ServedDraws(model, torch.device("cpu")).similarity(7)
    assert before.shape == (N_ITEMS,)
    assert np.allclose(before, after, atol=2e-3)
    assert before[7] == pytest.approx(1)
    assert np.abs(np.delete(before, 7)).max() < 0.9
