"""Served from a file: the same answers to the bit, from little memory."""

import subprocess
import sys

import numpy as np
import pytest

from collabkit import ALS, BayesianMF, Ratings, Recommender, Vocabulary
from collabkit.data.columns import film_table
from collabkit.recommend import average_rows
from collabkit.saving.storage import save_model
from tests.saving.test_storage import MODELS, made
from tests.tables import random_ratings


@pytest.fixture(params=MODELS)
def both(request, tmp_path, monkeypatch):
    """A recommender from memory and from the file, of ratings in which some users and items have none."""
    monkeypatch.setattr(average_rows, "ROWS", 7)
    ratings = random_ratings()
    ratings = ratings.take((ratings.user != 5) & (ratings.item != 9))
    path = tmp_path / "model.safetensors"
    save_model(path, made(request.param, ratings), ratings)
    return Recommender.load(path), Recommender.load(path, mmap=True), path


def test_answers_are_equal_to_the_bit(both):
    whole, mapped, _ = both
    users, items = np.append(whole.ratings.users.ids, 10**6), np.append(whole.ratings.items.ids, 10**6)
    pairs = np.repeat(users, len(items)), np.tile(items, len(users))
    np.testing.assert_array_equal(mapped.predict(*pairs), whole.predict(*pairs))
    for exclude in (True, False):
        everybody = whole.ratings.users.ids
        assert mapped.recommend(everybody, 5, exclude).equals(whole.recommend(everybody, 5, exclude))
    assert mapped.recommend(1, candidates=items[:7]).equals(whole.recommend(1, candidates=items[:7]))
    assert (mapped.served.scores is None) == (whole.served.scores is None)


def test_what_needs_factors_answers_too(tmp_path):
    ratings = random_ratings()
    whole = Recommender(ALS(n_factors=3, n_sweeps=3).fit(ratings), ratings)
    whole.save(tmp_path / "als.safetensors")
    mapped = Recommender.load(tmp_path / "als.safetensors", mmap=True)
    assert mapped.similar_items(10).equals(whole.similar_items(10))
    new = {10: 5.0, 20: 1.0}
    assert mapped.fold_in(new).recommend(3).equals(whole.fold_in(new).recommend(3))
    np.testing.assert_array_equal(
        mapped.fold_in_item({1: 5.0, 2: 1.0}).predict([3, 4]), whole.fold_in_item({1: 5.0, 2: 1.0}).predict([3, 4])
    )
    assert mapped.explain(1, 10).stars == whole.explain(1, 10).stars


def test_a_model_without_tables_of_its_own_is_read_whole(tmp_path):
    ratings = random_ratings()
    model = BayesianMF(n_factors=2, n_samples=2, burn_in=0, progress=False).fit(ratings)
    Recommender(model, ratings).save(tmp_path / "draws.safetensors")
    with pytest.raises(ValueError, match="BayesianMF has no tables to map; its file is read whole: load it without"):
        Recommender.load(tmp_path / "draws.safetensors", mmap=True)


def test_a_mapped_recommender_is_saved_like_any_other_even_over_its_own_file(both):
    whole, mapped, path = both
    stars = whole.predict(1, 10)
    content = path.read_bytes()
    mapped.save(path)
    assert path.read_bytes() == content
    assert mapped.predict(1, 10) == stars
    mapped.save(path.with_name("again.safetensors"))
    assert path.with_name("again.safetensors").read_bytes() == content


def test_what_is_written_to_its_ratings_stays_out_of_the_file(both):
    _, mapped, path = both
    content = path.read_bytes()
    mapped.ratings.rating[:] = 1
    assert path.read_bytes() == content


def test_another_device_is_refused(both):
    for device in ("meta", "cuda"):
        with pytest.raises(ValueError, match=f"device='{device}': a file is mapped into the memory of the CPU"):
            Recommender.load(both[2], device, mmap=True)
    with pytest.raises(TypeError, match="mmap='yes'"):
        Recommender.load(both[2], mmap="yes")


SERVE = """
import re, sys
from pathlib import Path
import numpy as np
from collabkit import Recommender
import collabkit.recommend.mapped, collabkit.saving.mapped

def resident(kind):
    return int(re.search(rf"{kind}:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

kinds = "RssAnon", "RssFile"
Recommender.load(sys.argv[2], mmap=sys.argv[3] == "mapped").recommend([0, 1], 10)  # and all that is imported late
before = [resident(kind) for kind in kinds]
recommender = Recommender.load(sys.argv[1], mmap=sys.argv[3] == "mapped")
users = np.random.default_rng(0).integers(0, recommender.ratings.n_users, 100)
for user in users:
    recommender.recommend(user, 10)
print(*(resident(kind) - one for kind, one in zip(kinds, before)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says what is resident")
def test_many_users_are_served_from_little_memory(tmp_path):
    """200,000 users of 16 factors, and 2 million ratings: 13 MB of tables and 24 MB of ratings, in several copies."""

    def write(name, n_users):
        n = 10 * n_users
        user = np.repeat(np.arange(n_users, dtype="int32"), 10)
        item = ((user * 7 + np.tile(np.arange(10), n_users) * 13) % 500).astype("int32")
        items = Vocabulary(np.arange(500), "item")
        stars = np.full(n, 3.5, dtype="float32")
        ratings = Ratings(
            user, item, stars, None, Vocabulary(np.arange(n_users), "user"), items, film_table(items, None)
        )
        model = ALS(n_factors=16, n_sweeps=1).fit(ratings).as_module()
        save_model(tmp_path / name, model, ratings)
        return tmp_path / name

    small, large = write("small.safetensors", 100), write("large.safetensors", 200_000)
    taken = {}
    for how in ("mapped", "whole"):
        command = [sys.executable, "-c", SERVE, str(large), str(small), how]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        taken[how] = sum(map(int, done.stdout.split()))
    assert taken["mapped"] < taken["whole"] / 2, taken
