import sys

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from collabkit import ALS, EmbeddingNet, ImplicitALS, Index, Recommender
from collabkit.index import MAGIC
from tests.tables import random_ratings

pytest.importorskip("usearch", reason="pip install 'collabkit[index]'")


def vectors(n=2000, K=16, seed=0):
    """Lengths with a long tail, and a direction that all of them share, as biases make it."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, K)) * rng.gamma(1, size=(n, 1)) + 3 * np.eye(K)[0]).astype("float32")


@pytest.fixture(scope="module")
def built():
    return Index().build(vectors(), [f"film {n}" for n in range(2000)])


@pytest.fixture(scope="module")
def users():
    return np.random.default_rng(1).normal(size=(100, 16)).astype("float32")


def exact(users, items, k):
    return np.argsort(-(users @ items.T), axis=1, kind="stable")[:, :k]


def recall(found, true):
    k = true.shape[1]
    pairs = zip(found.item.reshape(-1, k).tolist(), true.tolist(), strict=True)
    return np.mean([len(set(one) & {f"film {n}" for n in other}) / k for one, other in pairs])


def test_it_finds_the_largest_products(built, users):
    found = built.query(users)
    assert recall(found, exact(users, vectors(), 10)) >= 0.99
    assert found.query.tolist() == np.repeat(np.arange(100), 10).tolist()
    best = (users @ vectors().T).max(axis=1)
    assert found.score.reshape(100, 10)[:, 0] == pytest.approx(best, rel=1e-4)
    assert (np.diff(found.score.reshape(100, 10)) <= 0).all()


def test_one_vector_a_tensor_and_more_than_there_are(built, users):
    alone, tensor = built.query(users[3], k=5), built.query(torch.tensor(users[3:4], requires_grad=True), k=5)
    among = built.query(users, k=5)
    assert alone.item.tolist() == tensor.item.tolist() == among.item[15:20].tolist()
    everything = built.query(users[:2], k=5000)
    assert len(everything.item) == 4000
    assert everything.item[2000:].tolist() == [f"film {n}" for n in exact(users[1:2], vectors(), 2000)[0]]
    assert len(built.query(users[:0]).item) == 0


def test_it_takes_the_mean_off():
    """All in one direction but for a little, as where biases are large: without that, links lead to the same few."""
    rng = np.random.default_rng(0)
    items = (rng.normal(size=(3000, 16)) * 0.3 + 20 * np.eye(16)[0]).astype("float32")
    users = (rng.normal(size=(50, 16)) + np.eye(16)[0]).astype("float32")
    index = Index().build(items, [f"film {n}" for n in range(3000)])
    assert recall(index.query(users, 50), exact(users, items, 50)) >= 0.95


def test_what_is_excluded_is_replaced(built, users):
    best = exact(users, vectors(), 30)
    lists = [[f"film {n}" for n in one[:20:2]] + ["unknown", f"film {one[0]}"] for one in best]
    lists[5] = []
    found = built.query(users, 10, exclude=lists)
    assert len(found.item) == 1000
    for row, (gone, one) in enumerate(zip(lists, best, strict=True)):
        mine = found.item[found.query == row]
        assert not set(mine) & set(gone)
        want = [f"film {n}" for n in one if f"film {n}" not in gone][:10]
        assert len(set(mine) & set(want)) >= 9
    all_but_two = built.query(users[:1], 10, exclude=[built.ids[2:]])
    assert sorted(all_but_two.item) == ["film 0", "film 1"]
    with pytest.raises(ValueError, match="exclude has 3 lists of ids for 100 queries"):
        built.query(users, 10, exclude=lists[:3])


def test_ids_come_back_as_they_are():
    ids = [30, 10, 20]
    found = Index().build(np.eye(3), ids).query([0.1, 3, 2], 3)
    assert found.item.tolist() == [10, 20, 30]
    assert found.item.dtype == np.int64
    assert Index().build(np.eye(3)).query([0.1, 3, 2], 3, exclude=[[1]]).item.tolist() == [2, 0]


def test_equal_vectors_come_in_the_order_of_the_index():
    found = Index().build(np.zeros((4, 2)), [9, 7, 8, 6]).query([[1.0, 1.0]], 4)
    assert found.item.tolist() == [9, 7, 8, 6]
    assert found.score.tolist() == [0, 0, 0, 0]


def test_it_does_not_stay_among_equal_vectors(users, tmp_path):
    """3,000 of 30 kinds: linked one by one, those of a kind are an island, and it finds 0.8 of the best."""
    kind = np.random.default_rng(2).integers(30, size=3000)
    rows, ids = vectors()[kind], np.arange(3000)[::-1]
    index = Index().build(rows, ids)
    index.save(tmp_path / "kinds")
    product = users @ vectors()[:30].T
    for one in (index, Index.load(tmp_path / "kinds")):
        found = one.query(users, 10)
        best = kind[2999 - found.item.reshape(100, 10)]
        assert (best == product.argmax(axis=1)[:, None]).all()
        assert (np.diff(found.item.reshape(100, 10)) < 0).all()  # equal ones in the order of the index
        assert one.vectors([7, 2000]) == pytest.approx(rows[[7, 2000]], abs=1e-5)
    second = np.argsort(-product, axis=1)[:, 1]
    gone = [ids[kind == best] for best in product.argmax(axis=1)]
    found = index.query(users, 3, exclude=gone)
    assert (kind[2999 - found.item.reshape(100, 3)] == second[:, None]).all()
    assert np.array_equal(np.sort(index.query(users[0], 5000).item), np.arange(3000))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_what_is_long_or_short_beyond_the_squares_of_float32(built, users, scale):
    index = Index().build(vectors() * np.float32(scale), built.ids)
    for one, rows in ((index, users), (built, users * np.float32(scale))):
        found = one.query(rows)
        assert recall(found, exact(users, vectors(), 10)) >= 0.99
        assert found.score / scale == pytest.approx(built.query(users).score, rel=1e-4)


def test_a_product_too_large_for_float32_is_infinite():
    found = Index().build([[1e30, 0], [0, 2e30], [-1e30, 0]]).query([[2e30, 1e30]], 3)
    assert found.item.tolist() == [0, 1, 2] or found.item.tolist() == [1, 0, 2]
    assert found.score.tolist() == [np.inf, np.inf, -np.inf]


def test_the_same_vectors_give_the_same_index(built, tmp_path):
    again = Index().build(vectors(), built.ids)
    for name, one in {"one": built, "again": again}.items():
        one.save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "again").read_bytes()


def test_with_many_threads_it_finds_nearly_the_same(users):
    index = Index(threads=16).build(vectors(), [f"film {n}" for n in range(2000)])
    assert recall(index.query(users, threads=2), exact(users, vectors(), 10)) >= 0.99


# ---- files ----


@pytest.fixture(scope="module")
def file(built, tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "films.index"
    built.save(path)
    return path


def test_what_is_loaded_is_what_was_saved(built, users, file):
    loaded = Index.load(file)
    assert (len(loaded), loaded.n_factors, loaded.links, loaded.width) == (2000, 16, 16, 128)
    for one, other in zip(built.query(users, 20), loaded.query(users, 20), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(built.vectors([5, 1999]), loaded.vectors([5, 1999]))
    assert loaded.vectors([5, 1999]) == pytest.approx(vectors()[[5, 1999]], abs=1e-5)
    loaded.save(file.with_name("again"))
    assert file.read_bytes() == file.with_name("again").read_bytes()


def test_whole_numbers_come_back_as_such(tmp_path):
    Index().build(np.eye(3), [30, 10, 20]).save(tmp_path / "three")
    loaded = Index.load(str(tmp_path / "three"))
    assert loaded.ids.dtype == np.int64
    assert loaded.ids.tolist() == [30, 10, 20]
    Index().build(np.eye(2), [5, 2**64 - 1]).save(tmp_path / "two")
    assert Index.load(tmp_path / "two").query([0.0, 1.0], 1).item.tolist() == [2**64 - 1]


@pytest.mark.parametrize("place", [len(MAGIC), len(MAGIC) + 30, 5000, 100_000, -40, -1])
def test_a_file_with_one_changed_byte_is_refused(file, tmp_path, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    (tmp_path / "changed").write_bytes(content)
    with pytest.raises(ValueError, match="changed is damaged: it was truncated or changed"):
        Index.load(tmp_path / "changed")


@pytest.mark.parametrize("length", [len(MAGIC), 30, 1000, 150_000, -1])
def test_a_file_that_was_cut_is_refused(file, tmp_path, length):
    (tmp_path / "cut").write_bytes(file.read_bytes()[:length])
    with pytest.raises(ValueError, match="cut is damaged: it was truncated or changed"):
        Index.load(tmp_path / "cut")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", MAGIC[1:] * 9])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match="other is no index that collabkit saved"):
        Index.load(tmp_path / "other")


@pytest.mark.parametrize("number", [1, 3])
def test_a_file_of_another_format_is_refused(built, tmp_path, monkeypatch, number):
    monkeypatch.setattr("collabkit.index.FORMAT", number)
    built.save(tmp_path / "other")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=f"is of format {number}; this collabkit reads 2. Build it again"):
        Index.load(tmp_path / "other")


def test_a_file_that_is_not_there(built, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*absent"):
        Index.load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="no folder"):
        built.save(tmp_path / "no" / "folder")


# ---- what is refused ----


@pytest.mark.parametrize(
    ("bad", "ids", "error", "said"),
    [
        (np.empty((0, 3)), None, ValueError, "vectors has none"),
        (np.empty((3, 0)), None, ValueError, "vectors has none"),
        (np.full((3, 2), np.nan), None, ValueError, "a NaN or an infinity"),
        (np.full((3, 2), np.inf), None, ValueError, "a NaN or an infinity"),
        (np.full((3, 2), 1e300), None, ValueError, "a NaN or an infinity"),
        (np.ones((2, 2, 2)), None, ValueError, r"vectors is \(2, 2, 2\)"),
        (["a", "b"], None, TypeError, "holds what is no number"),
        (np.ones((3, 2)), [1, 2], ValueError, "2 ids for 3 vectors"),
        (np.ones((3, 2)), [1, 2, 1], ValueError, "or one twice"),
    ],
)
def test_what_cannot_be_built_is_refused_and_nothing_is_lost(bad, ids, error, said):
    index = Index().build(np.eye(3))
    with pytest.raises(error, match=said):
        index.build(bad, ids)
    assert index.query([1, 2, 3], 1).item.tolist() == [2]


@pytest.mark.parametrize(
    ("bad", "said"), [(np.ones(15), "have 15 numbers, those of the index 16"), (np.full(16, np.nan), "a NaN")]
)
def test_what_cannot_be_asked(built, bad, said):
    with pytest.raises(ValueError, match=said):
        built.query(bad)


@pytest.mark.parametrize(
    ("bad", "error", "said"),
    [
        ([7], TypeError, "ids of another kind than the index, whose ids are text"),
        (np.array([7]), TypeError, "ids of another kind than the index, whose ids are text"),
        (["film 7", 7], TypeError, "excluded ids have to be all whole numbers or all text"),
        ([None], ValueError, "1 of 1 excluded ids are missing"),
    ],
)
def test_ids_of_another_kind_are_not_passed_over(built, bad, error, said):
    with pytest.raises(error, match=said):
        built.query(np.ones(16), exclude=[bad])
    numbers = Index().build(np.eye(3))
    for other in (["1"], [1.5]):
        with pytest.raises(TypeError, match="whole numbers"):
            numbers.query(np.ones(3), exclude=[other])


@pytest.mark.parametrize("place", [-1, 2000])
def test_a_place_that_is_not_there(built, place):
    with pytest.raises(IndexError, match=f"place {place} is none of the 2,000 vectors"):
        built.vectors([0, place])


def test_before_it_is_built_it_says_so(tmp_path):
    for ask in (lambda: Index().query([1.0]), lambda: Index().save(tmp_path / "x"), lambda: Index().vectors([0])):
        with pytest.raises(NotFittedError, match=r"nothing in it yet: call build\(vectors, ids\)"):
            ask()
    assert len(Index()) == 0


def test_without_its_package_it_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'collabkit\[index\]'"):
        Index()


# ---- of a recommender ----


@pytest.mark.parametrize("model", [ALS(n_factors=4), ImplicitALS(n_factors=4)], ids=["ALS", "ImplicitALS"])
def test_its_lists_are_those_of_the_recommender(model):
    ratings = random_ratings()
    recommender = Recommender(model.fit(ratings), ratings)
    everybody = ratings.users.ids
    plain, quick = recommender.recommend(everybody), recommender.recommend(everybody, index=Index.of(recommender))
    assert quick.equals(plain)  # so few items are all compared
    seen = recommender.recommend(everybody[0], exclude_seen=False, index=Index.of(recommender))
    assert seen.equals(recommender.recommend(everybody[0], exclude_seen=False))


def test_an_index_that_is_not_its_own_is_refused():
    ratings, other = random_ratings(), random_ratings(n_items=50)
    recommender = Recommender(ALS(n_factors=4).fit(ratings), ratings)
    again = Recommender(ALS(n_factors=4, bias_penalty=0.1).fit(ratings), ratings)
    index = Index.of(recommender)
    for stale in (again, Recommender(ALS(n_factors=5).fit(ratings), ratings)):
        with pytest.raises(ValueError, match=r"other vectors than this model: .* Index.of\(recommender\)"):
            stale.recommend(1, index=index)
    with pytest.raises(ValueError, match="the index has other items than these ratings"):
        Recommender(ALS(n_factors=4).fit(other), other).recommend(1, index=index)
    with pytest.raises(ValueError, match="give either candidates or an index"):
        recommender.recommend(1, candidates=[10], index=index)
    with pytest.raises(TypeError, match="EmbeddingNet has no vectors that an index could hold"):
        Index.of(Recommender(EmbeddingNet(40, 60, 3), ratings))
