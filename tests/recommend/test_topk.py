import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from collabkit import DotProduct, DotProductBias, EmbeddingNet
from collabkit.recommend import topk as module
from collabkit.recommend.topk import DotScores, predict_pairs, top_k
from collabkit.tables import tables_of

N_USERS, N_ITEMS = 40, 300


def drawn(model, std=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std, generator=generator)
    return model.eval()


def saturated(model):
    """Scores so large that the float32 sigmoid makes most of them one number."""
    model.item_bias.weight.data = torch.linspace(9, 30, N_ITEMS)[torch.randperm(N_ITEMS)].unsqueeze(1)
    return model


def in_steps(model):
    """Factors of few values: many exact ties, and many that rounding alone tells apart."""
    for parameter in model.parameters():
        parameter.data = (parameter.data * 2).round() / 3
    return model


def near_ties(model):
    """Items that differ by the order of their factors alone, all of them used: one score, rounded in many ways."""
    factors = model.item_factors.weight.data
    for item in range(1, N_ITEMS):
        factors[item] = factors[0, torch.randperm(factors.shape[1])]
    model.user_factors.weight.data[:] = model.user_factors.weight.data[:, :1]
    return model


MODELS = {
    "plain": lambda: drawn(DotProduct(N_USERS, N_ITEMS, 8)),
    "bias": lambda: drawn(DotProductBias(N_USERS, N_ITEMS, 50, (0, 5.5))),
    "no factors": lambda: drawn(DotProductBias(N_USERS, N_ITEMS, 0)),
    "double": lambda: drawn(DotProductBias(N_USERS, N_ITEMS, 5, (0, 5.5))).double(),
    "half": lambda: drawn(DotProductBias(N_USERS, N_ITEMS, 5, (0, 5.5))).half(),
    "wild": lambda: drawn(DotProductBias(N_USERS, N_ITEMS, 20, (0, 5.5)), std=4),
    "saturated": lambda: saturated(drawn(DotProductBias(N_USERS, N_ITEMS, 5, (0, 5.5)), std=0.1)),
    "in steps": lambda: in_steps(drawn(DotProductBias(N_USERS, N_ITEMS, 6, (0.5, 5)))),
    "near ties": lambda: near_ties(drawn(DotProduct(N_USERS, N_ITEMS, 33), std=1)),
    "near ties, range": lambda: near_ties(drawn(DotProduct(N_USERS, N_ITEMS, 33, (-3, 2)), std=1)),
    "net": lambda: drawn(EmbeddingNet(N_USERS, N_ITEMS, 5, (0, 5.5))),
}


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    return MODELS[request.param]()


def shortcut(model):
    tables = tables_of(model)
    return DotScores(tables.users, tables.items, tables.y_range, next(model.parameters()))


def ask(model, users, items, k, seen=None):
    scores = None if tables_of(model) is None else shortcut(model)
    return top_k(lambda u, i: predict_pairs(model, u, i), users, items, k, seen, scores)


def sorted_in_full(model, users, items, k, seen=None):
    rows = []
    for place, user in enumerate(users):
        allowed = items if seen is None else items[~seen[[user]].toarray()[0, items]]
        stars = predict_pairs(model, np.full(len(allowed), user), allowed)
        for at in np.lexsort((allowed, -stars))[:k]:
            rows.append((place, allowed[at], stars[at]))
    return [np.array(column) for column in zip(*rows, strict=True)]


def same(found, expected):
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("k", [1, 10, N_ITEMS, N_ITEMS + 5])
def test_as_a_full_sort_to_the_bit(model, k):
    users, items = np.arange(N_USERS), np.arange(N_ITEMS)
    assert same(ask(model, users, items, k), sorted_in_full(model, users, items, k))


def test_seen_and_candidates_and_small_chunks(model, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 500)
    rng = np.random.default_rng(0)
    seen = csr_matrix(rng.random((N_USERS, N_ITEMS)) < 0.5)
    users, items = rng.permutation(N_USERS)[:17], np.sort(rng.permutation(N_ITEMS)[:60])
    assert same(ask(model, users, items, 10, seen), sorted_in_full(model, users, items, 10, seen))
    assert same(ask(model, users, items, 10, seen), ask(model, users, items, 10, seen))


@st.composite
def questions(draw):
    """Few users, items and values, so that ties, repeats and lists that are too short are the rule."""
    n_users, n_items = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    K = draw(st.integers(0, 3))
    steps = st.sampled_from([-1.0, 0.0, 0.3, 1.0, 40.0])
    columns = [arrays("float32", shape, elements=steps) for n in (n_users, n_items) for shape in ((n, K), (n, 1))]
    model = DotProductBias(n_users, n_items, K, draw(st.sampled_from([None, (0, 5.5)])))
    names = ("user_factors", "user_bias", "item_factors", "item_bias")
    for name, column in zip(names, columns, strict=True):
        getattr(model, name).weight.data = torch.from_numpy(draw(column))
    users = draw(st.lists(st.integers(0, n_users - 1), max_size=6))
    items = draw(st.lists(st.integers(0, n_items - 1), unique=True).map(sorted))
    seen = draw(st.none() | arrays(bool, (n_users, n_items)))
    return model.eval(), np.array(users, "int64"), np.array(items, "int64"), draw(st.integers(1, 12)), seen


@given(questions(), st.sampled_from([1, 7, 10**6]))
def test_as_a_stable_argsort(question, budget):
    model, users, items, k, seen = question
    expected = []
    for place, user in enumerate(users):
        left = items if seen is None else items[~seen[user, items]]
        stars = predict_pairs(model, np.full(len(left), user), left)
        expected += [(place, left[at], stars[at]) for at in np.argsort(-stars, kind="stable")[:k]]
    asked = lambda u, i: predict_pairs(model, u, i), users, items, k, None if seen is None else csr_matrix(seen)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BUDGET", budget)
        for scores in (None, shortcut(model)):
            assert list(zip(*top_k(*asked, scores), strict=True)) == expected


def test_the_shortcut_looks_again_at_few():
    model = MODELS["bias"]()
    asked = []

    def predict(u, i):
        asked.append(len(u))
        return predict_pairs(model, u, i)

    scores = shortcut(model)
    top_k(predict, np.arange(N_USERS), np.arange(N_ITEMS), 10, scores=scores)
    assert sum(asked) < 1.1 * 10 * N_USERS


def test_a_shortcut_taken_at_its_word_would_be_wrong(monkeypatch):
    """The bound is what makes it exact."""
    torch.manual_seed(0)
    model, users, items = MODELS["near ties"](), np.arange(N_USERS), np.arange(N_ITEMS)
    monkeypatch.setattr(DotScores, "floor", lambda self, kth, users: kth.double())
    assert not same(ask(model, users, items, 10), sorted_in_full(model, users, items, 10))


def test_when_all_tie_the_order_is_that_of_the_codes():
    model = DotProductBias(N_USERS, N_ITEMS, 3, (0, 5.5))
    for parameter in model.parameters():
        parameter.data.fill_(0.3)
    row, item, stars = ask(model, np.array([5, 5]), np.arange(N_ITEMS), 4)
    assert row.tolist() == [0] * 4 + [1] * 4
    assert item.tolist() == [0, 1, 2, 3] * 2
    assert len(set(stars)) == 1


def test_never_more_scores_at_a_time_than_the_budget(monkeypatch):
    monkeypatch.setattr(module, "BUDGET", 1000)
    model, held = MODELS["bias"](), []
    scores = shortcut(model)

    class Watched:
        floor = scores.floor

        def __call__(self, users, items):
            held.append(len(users) * len(items))
            return scores(users, items)

    top_k(lambda u, i: predict_pairs(model, u, i), np.arange(N_USERS), np.arange(N_ITEMS), 10, scores=Watched())
    assert max(held) <= 1000
    assert sum(held) == N_USERS * N_ITEMS


def test_fewer_rows_when_fewer_items_remain():
    model, everything = MODELS["bias"](), np.ones((N_USERS, N_ITEMS), dtype=bool)
    everything[0, [3, 7]] = False
    row, item, stars = ask(model, np.arange(N_USERS), np.arange(N_ITEMS), 10, csr_matrix(everything))
    assert row.tolist() == [0, 0]
    assert set(item) == {3, 7}
    assert np.isfinite(stars).all()


@pytest.mark.parametrize(("n_users", "n_items"), [(0, 5), (3, 0), (0, 0)])
def test_nobody_and_nothing(n_users, n_items):
    for name in ("bias", "net"):
        assert [len(one) for one in ask(MODELS[name](), np.arange(n_users), np.arange(n_items), 10)] == [0, 0, 0]


@pytest.mark.parametrize("name", ["bias", "net"])
def test_a_prediction_does_not_depend_on_its_company(name):
    model, rng = MODELS[name](), np.random.default_rng(0)
    users, items = rng.integers(N_USERS, size=5000), rng.integers(N_ITEMS, size=5000)
    stars, order = predict_pairs(model, users, items), rng.permutation(5000)
    assert np.array_equal(predict_pairs(model, users[order], items[order]), stars[order])
    assert np.array_equal(predict_pairs(model, users[-1:], items[-1:]), stars[-1:])
    with torch.inference_mode():
        x = torch.from_numpy(np.stack([users, items], axis=1))
        assert np.allclose(stars, model(x)[:, 0].numpy(), atol=1e-5)
