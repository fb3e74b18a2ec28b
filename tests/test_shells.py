import sys

import numpy as np
import pytest

from collabkit import shells

pytest.importorskip("usearch", reason="pip install 'collabkit[index]'")


def of_length(length, directions):
    return (directions / np.linalg.norm(directions, axis=1, keepdims=True) * length).astype("float32")


def rows(n=6000, K=8, seed=0):
    """Lengths over three powers of ten, as widely as those of items differ."""
    rng = np.random.default_rng(seed)
    return of_length(10 ** rng.uniform(-2, 1, size=(n, 1)), rng.normal(size=(n, K)))


@pytest.fixture(scope="module")
def queries():
    return np.random.default_rng(1).normal(size=(50, 8)).astype("float32")


@pytest.fixture(scope="module")
def parts():
    return shells.cut(rows(), links=16, width=128, threads=1)


def exact(queries, items, n):
    products = queries @ items.T
    place = np.argsort(-products, axis=1, kind="stable")[:, :n]
    return place, np.take_along_axis(products, place, axis=1)


def test_every_vector_is_in_one_shell_and_none_is_much_shorter_than_another_there(parts):
    lengths = np.linalg.norm(rows(), axis=1)
    places = [np.sort(list(graph.keys)) for _, graph in parts]
    assert np.array_equal(np.sort(np.concatenate(places)), np.arange(6000))
    assert len(parts) >= 3
    for (longest, graph), mine, after in zip(parts, places, [*places[1:], np.array([], dtype=int)], strict=True):
        assert lengths[mine].max() == pytest.approx(longest)
        assert len(graph) == shells.LEAST or lengths[mine].min() >= longest / shells.SHORTER or not len(after)
        assert not len(after) or lengths[mine].min() > lengths[after].max()


def test_vectors_of_one_length_are_one_shell_and_so_are_nothing_but_zeros():
    for items, longest in ((of_length(0.7, rows(3000)), 0.7), (np.zeros((3000, 8), dtype="float32"), 0)):
        ((length, graph),) = shells.cut(items, 8, 32, 1)
        assert (length, len(graph)) == (pytest.approx(longest), len(items))


@pytest.mark.parametrize("n", [1, 10, 40])
def test_it_finds_the_largest_products_in_all_shells(parts, queries, n):
    place, score = shells.nearest(parts, queries, n, 256, 1)
    true, products = exact(queries, rows(), n)
    assert np.mean([len(set(one) & set(other)) / n for one, other in zip(place, true, strict=True)]) >= 0.99
    assert score[:, 0] == pytest.approx(products[:, 0], rel=1e-4)
    assert (np.diff(score) <= 0).all()
    alone, _ = shells.nearest(parts, queries[7:8], n, 256, 1)
    assert np.array_equal(alone[0], place[7])


def test_it_leaves_out_only_shells_that_hold_none_of_the_best(queries):
    """Two shells, the second with one vector that a query may want: who does gets it, and who cannot does not walk."""
    about = np.eye(8)[0] + 0.03 * np.random.default_rng(0).normal(size=(1500, 8))
    long, short = of_length(100, about), of_length(40, about)
    short[7] = 40 * np.eye(8)[1]
    first, second = shells.cut(np.concatenate([long, short]), 16, 64, 1)
    assert (len(first.graph), len(second.graph)) == (1500, 1500)
    towards, away = np.eye(8, dtype="float32")[:1], np.eye(8, dtype="float32")[1:2]
    assert shells.nearest([first, second], away, 1, 64, 1)[0].tolist() == [[1507]]
    unusable = second._replace(graph=None)
    assert shells.nearest([first, unusable], towards, 10, 64, 1)[0].max() < 1500
    with pytest.raises(AttributeError, match="NoneType"):
        shells.nearest([first, unusable], np.concatenate([towards, away]), 10, 64, 1)


def test_all_of_them_come_exactly_equal_ones_by_place(queries):
    items = np.repeat(rows(1500), 2, axis=0)
    items[:500] = 0
    place, score = shells.nearest(shells.cut(items, 4, 16, 1), queries, 3000, 16, 1)
    assert np.array_equal(np.sort(place, axis=1), np.tile(np.arange(3000), (50, 1)))
    assert score == pytest.approx(exact(queries, items, 3000)[1], abs=1e-4)
    first, second = place[:, :-1], place[:, 1:]
    assert (first < second)[np.diff(score) == 0].all()
    assert (np.diff(score) == 0).sum() >= 50 * (499 + 1250)


def test_among_near_ones_of_unlike_lengths_links_go_by_the_sphere():
    """Linked by the product alone, or the shortest first, it finds less than 0.98."""
    rng = np.random.default_rng(0)
    lengths, middles = rng.uniform(1, 1.45, size=(3000, 1)), rng.normal(size=(100, 8))
    items = of_length(lengths, middles[rng.integers(100, size=3000)] + 0.1 * rng.normal(size=(3000, 8)))
    many = rng.normal(size=(200, 8)).astype("float32")
    place, _ = shells.nearest(shells.cut(items, 8, 64, 1), many, 10, 40, 1)
    true, _ = exact(many, items, 10)
    assert np.mean([len(set(one) & set(other)) / 10 for one, other in zip(place, true, strict=True)]) >= 0.99


def test_vectors_come_back_from_their_shells(parts):
    places = np.array([5999, 0, 17, 17])
    assert shells.vectors(parts, places, 8) == pytest.approx(rows()[places], rel=1e-5)
    assert shells.vectors(parts, places[:0], 8).shape == (0, 8)


def test_without_its_package_it_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'collabkit\[index\]'"):
        shells.cut(rows(10), 4, 16, 1)
