"""Who declares tables, whose are read off a class that says nothing, and whose are not."""

import numpy as np
import pytest
import torch
from torch import nn

import collabkit
from collabkit import (
    ALS,
    DotProductBias,
    EmbeddingNet,
    ImplicitALS,
    MeanBaseline,
    PopularityBaseline,
    create_params,
    sigmoid_range,
)
from collabkit.models import filled
from collabkit.tables import COURSE, Tables, as_module, crossed, declares, level, rows_of, table, tables_of
from tests.tables import random_ratings, tiny_ratings

OURS = [getattr(collabkit, name) for name in COURSE]


def random(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data.normal_(generator=generator)
    return model.eval()


def stars(tables, x):
    """By the formula, in NumPy."""
    p, q = tables.users.astype("float64")[x[:, 0]], tables.items.astype("float64")[x[:, 1]]
    score = p[:, 0] + q[:, 0] + (p[:, 1:] * q[:, 1:]).sum(axis=1)
    if tables.y_range is None:
        return score
    lo, hi = tables.y_range
    return lo + (hi - lo) / (1 + np.exp(-score))


@pytest.mark.parametrize("y_range", [None, (0, 5.5)])
@pytest.mark.parametrize("n_factors", [0, 3])
@pytest.mark.parametrize("cls", OURS)
def test_the_tables_are_the_model(cls, n_factors, y_range):
    model = random(cls(4, 5, n_factors, y_range))
    x, tables = torch.cartesian_prod(torch.arange(4), torch.arange(5)), tables_of(model)
    assert declares(model)
    assert np.allclose(stars(tables, x), model(x).detach().numpy()[:, 0], atol=1e-5)
    assert {id(one) for one in tables[:4] if one is not None} == {id(one) for one in model.parameters()}
    assert tables.users.shape == (4, 1 + n_factors) and tables.items.shape == (5, 1 + n_factors)


@pytest.mark.parametrize("solver", [ALS(3, n_sweeps=2), MeanBaseline(damping=2)])
def test_a_solver_declares_what_it_predicts(solver):
    ratings = random_ratings()
    tables = tables_of(solver.fit(ratings))
    x = np.stack([ratings.user, ratings.item], axis=1)
    assert np.allclose(stars(tables, x), solver.predict(ratings.frame["user"], ratings.frame["item"]), atol=1e-5)
    before = tables.users
    tables.user_bias.add_(1)
    assert np.array_equal(tables_of(solver).users, before)  # its own are left alone


def test_rankers_declare_tables_too():
    ratings = tiny_ratings()
    assert tables_of(PopularityBaseline().fit(ratings)).items[:, 0].tolist() == [2, 2, 2, 1]
    model = ImplicitALS(2, n_sweeps=2).fit(ratings)
    assert np.array_equal(tables_of(model).items[:, 1:], model.item_)


@pytest.mark.parametrize("cls", OURS)
def test_a_module_is_filled_with_tables(cls):
    model = random(cls(4, 5, 3, (0, 5.5)))
    kind = OURS[0] if cls is OURS[0] else OURS[1]  # the third has tables made by hand
    again = filled(kind, tables_of(model)).eval()
    x = torch.cartesian_prod(torch.arange(4), torch.arange(5))
    assert torch.equal(again(x), model(x))
    for parameter in model.parameters():
        parameter.data.zero_()
    assert not any((one == 0).any() for one in again.parameters())


class Cosine(collabkit.DotProductBias):
    """The tables of the course, and another score."""

    def forward(self, x):
        user, item = self.user_factors(x[:, 0]), self.item_factors(x[:, 1])
        return nn.functional.cosine_similarity(user, item).unsqueeze(1)


class Shifted(Cosine):
    """A score of its own, and a declaration for it, which is another's again in a class without one."""

    def forward(self, x):
        return collabkit.DotProductBias.forward(self, x)

    def tables(self):
        return collabkit.DotProductBias.tables(self)


class Named(Shifted):
    pass


class Other(Named):
    def forward(self, x):
        return 2 * super().forward(x)


def test_a_declaration_speaks_for_the_score_it_was_written_with():
    assert tables_of(Cosine(4, 5, 2)) is None
    assert tables_of(Shifted(4, 5, 2)) is not None
    assert tables_of(Named(4, 5, 2)) is not None
    assert tables_of(Other(4, 5, 2)) is None


@pytest.mark.parametrize("model", [EmbeddingNet(4, 5, 2), nn.Linear(2, 1), collabkit.BayesianMF(), None, 3])
def test_what_has_no_tables(model):
    assert tables_of(model) is None


class Notebook:
    """Classes as a reader writes them along with chapters 2 to 5."""

    class DotProduct(nn.Module):
        def __init__(self, n_users, n_items, n_factors):
            super().__init__()
            self.user_factors, self.item_factors = nn.Embedding(n_users, n_factors), nn.Embedding(n_items, n_factors)

        def forward(self, x):
            return (self.user_factors(x[:, 0]) * self.item_factors(x[:, 1])).sum(dim=1, keepdim=True)

    class DotProductBias(DotProduct):
        def __init__(self, n_users, n_items, n_factors, y_range=None):
            super().__init__(n_users, n_items, n_factors)
            self.user_bias, self.item_bias = nn.Embedding(n_users, 1), nn.Embedding(n_items, 1)
            self.y_range = y_range

        def forward(self, x):
            score = super().forward(x) + self.user_bias(x[:, 0]) + self.item_bias(x[:, 1])
            return score if self.y_range is None else sigmoid_range(score, *self.y_range)

    class DotProductBiasParams(nn.Module):
        def __init__(self, n_users, n_items, n_factors, y_range=None):
            super().__init__()
            self.user_factors, self.user_bias = create_params([n_users, n_factors]), create_params([n_users, 1])
            self.item_factors, self.item_bias = create_params([n_items, n_factors]), create_params([n_items, 1])
            self.y_range = y_range

        def forward(self, x):
            user, item = x[:, 0], x[:, 1]
            score = (self.user_factors[user] * self.item_factors[item]).sum(dim=1, keepdim=True)
            score = score + self.user_bias[user] + self.item_bias[item]
            return score if self.y_range is None else sigmoid_range(score, *self.y_range)


@pytest.mark.parametrize(
    "model",
    [
        Notebook.DotProduct(4, 5, 3),
        Notebook.DotProductBias(4, 5, 3, (0, 5.5)),
        Notebook.DotProductBiasParams(4, 5, 3, (0.5, 5)),
    ],
    ids=COURSE,
)
def test_a_class_of_the_courses_name_with_exactly_its_tables_is_the_courses(model):
    x = torch.cartesian_prod(torch.arange(4), torch.arange(5))
    assert not declares(model)
    assert np.allclose(stars(tables_of(random(model)), x), model(x).detach().numpy()[:, 0], atol=1e-5)
    model.extra = nn.Parameter(torch.zeros(1))
    assert tables_of(model) is None


def test_any_other_name_has_to_declare_its_tables():
    class MyOwn(Notebook.DotProductBias):
        pass

    class Declared(MyOwn):
        def tables(self):
            p, q, b, c = self.user_factors, self.item_factors, self.user_bias, self.item_bias
            return Tables(p.weight, q.weight, b.weight, c.weight, self.y_range)

    assert tables_of(MyOwn(4, 5, 2)) is None
    assert tables_of(Declared(4, 5, 2, (1, 5))).y_range == (1, 5)


def test_tables_that_do_not_fit_are_refused():
    uneven = collabkit.DotProduct(4, 5, 2)
    uneven.item_factors = nn.Embedding(5, 3)
    with pytest.raises(ValueError, match=r"of this DotProduct do not fit each other: user_factors \(4, 2\), item_fact"):
        tables_of(uneven)
    narrow = collabkit.DotProductBias(4, 5, 2)
    narrow.item_bias = nn.Embedding(4, 1)
    with pytest.raises(ValueError, match=r"item_bias \(4, 1\)"):
        tables_of(narrow)
    narrow = Notebook.DotProductBias(4, 5, 2, (5, 0))
    with pytest.raises(ValueError, match=r"^y_range=\(5, 0\)"):
        tables_of(narrow)


def test_the_level_of_a_model():
    dot, bias, net = collabkit.DotProduct(4, 5, 2), collabkit.DotProductBias(4, 5, 2), EmbeddingNet(4, 5, 2)
    assert level(dot) is None
    assert level(bias) is bias.item_bias.weight
    assert level(net) is net.layers[-1].bias
    assert level(nn.ModuleDict({"inner": bias})) is bias.item_bias.weight
    assert level(nn.Linear(2, 3)) is None


def test_rows_are_told_by_name():
    net = EmbeddingNet(4, 5, 2)
    assert [list(rows_of(net, side)) for side in ("user", "item")] == [["user_factors.weight"], ["item_factors.weight"]]


@pytest.mark.parametrize("kind", [collabkit.DotProductBias, collabkit.DotProductBiasParams])
def test_one_table_is_a_copy(kind):
    model = kind(40, 60, 5)
    table(model, "item_factors")[:] = 0
    assert table(model, "item_factors").shape == (60, 5)
    assert table(model, "item_factors").any()


def test_a_missing_table_lists_the_others():
    with pytest.raises(AttributeError, match="DotProduct has no table 'item_bias'; it has item_factors, user_factors"):
        table(collabkit.DotProduct(2, 2, 2), "item_bias")


def test_the_module_of_what_was_trained():
    model = collabkit.DotProduct(2, 2, 2)
    assert as_module(model) is model
    als = ALS(2, n_sweeps=1).fit(tiny_ratings())
    assert np.array_equal(table(als, "user_bias"), table(als.as_module(), "user_bias"))
    for bad, message in (
        (ALS, "^ALS is a class: build one"),
        (collabkit.BayesianMF(), r"^BayesianMF is no module, and has no as_module\(\): pass the trained model"),
        (None, "^NoneType is no module.* learn.model"),
    ):
        with pytest.raises(TypeError, match=message):
            as_module(bad)
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        as_module(ALS())


@pytest.mark.parametrize(
    "model", [*(cls(4, 5, 3, (0, 5.5)) for cls in OURS), DotProductBias(4, 5, 0), EmbeddingNet(4, 5, 3)]
)
def test_scores_of_many_users_with_many_items_are_those_of_the_pairs_and_so_are_the_gradients(model):
    model, users, items = random(model), torch.tensor([3, 0, 0]), torch.tensor([1, 1, 4, 2])
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    found = crossed(model, users, items)
    pairs = model(torch.cartesian_prod(users, items)).view(3, 4)
    torch.testing.assert_close(found, pairs)
    parameters = [one for one in model.parameters() if one.numel()]
    ours, theirs = (torch.autograd.grad((one * weight).sum(), parameters) for one in (found, pairs))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
