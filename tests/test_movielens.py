"""MovieLens: the embedded edition whole, the others from folder, cache and host, and every way a copy can be bad."""

import hashlib
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import requests

from collabkit import load_movielens, movielens
from collabkit.movielens import EDITIONS, Edition

CSV = "userId,movieId,rating,timestamp\n1,10,4.0,900000100\n1,20,3.5,900000200\n2,10,5.0,900000300\n"
FILMS = 'movieId,title,genres\n10,Toy Story (1995),Animation|Comedy\n20,"Odd One, The",Drama\n'


def toy(**edition) -> Edition:
    return Edition(**{"folder": "toy", "ratings": 3, "users": 2, "films": 2, **edition})


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A tiny edition "toy" at a host of our own: ``host(files)`` packs its zip and puts its hash in the table."""
    archive = tmp_path / "host" / "toy.zip"
    archive.parent.mkdir()
    monkeypatch.setenv("COLLABKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLLABKIT_DATA", raising=False)

    def serve(url, target, pooch):
        if not archive.exists():
            raise requests.exceptions.SSLError("certificate has expired")
        shutil.copy(archive, target)

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: serve)

    def pack(files, **edition):
        with zipfile.ZipFile(archive, "w") as file:
            for name, content in files.items():
                file.writestr(name, content)
        md5 = hashlib.md5(archive.read_bytes()).hexdigest()
        monkeypatch.setitem(EDITIONS, "toy", toy(**{"zip": "toy.zip", "md5": md5, **edition}))
        return archive

    pack.cache = tmp_path / "cache"
    return pack


WHOLE = {"toy/ratings.csv": CSV, "toy/movies.csv": FILMS}


class TestEmbedded:
    def test_the_edition_is_whole(self):
        ratings = load_movielens()
        assert (len(ratings), ratings.n_users, ratings.n_items) == (100_004, 671, 9_066)
        assert ratings.scale == (0.5, 5.0)
        assert ratings.timestamp.min() > 700_000_000

    def test_no_film_is_merged_or_lost_to_its_title(self):
        films = load_movielens().films
        assert films["title"].duplicated(keep=False).sum() > 400
        assert films["title"].isna().sum() == 5
        assert (films["label"] == "Hamlet (2000)").sum() == 2
        assert (films["label"] == "War of the Worlds (2005)").sum() == 2
        assert films["item"].is_unique

    def test_labels_carry_the_year_and_untitled_films_their_id(self):
        ratings = load_movielens()
        toy_story, untitled = ratings.items.index([1, 108583])
        assert ratings.labels[toy_story] == "Toy Story (1995)"
        assert ratings.labels[untitled] == "Item 108583"

    def test_it_takes_no_path(self, tmp_path):
        with pytest.raises(ValueError, match="takes no path"):
            load_movielens(path=tmp_path)


def test_the_2018_edition(small_2018):
    ratings = load_movielens("small-2018", path=small_2018)
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_836, 610, 9_724)
    assert ratings.labels[ratings.items.index(1)] == "Toy Story (1995)"
    assert len(load_movielens("small-2018", path=small_2018.parent)) == 100_836


def test_a_truncated_copy_of_the_2018_edition_is_refused_and_left_alone(small_2018, tmp_path):
    folder = shutil.copytree(small_2018, tmp_path / "ml-latest-small")
    text = (folder / "ratings.csv").read_bytes()
    (folder / "ratings.csv").write_bytes(text.replace(b"\n", b"\r\n"))
    assert len(load_movielens("small-2018", path=folder)) == 100_836  # CRLF is the same data
    (folder / "ratings.csv").write_bytes(text[:-20_000])
    with pytest.raises(ValueError, match="truncated or changed"):
        load_movielens("small-2018", path=folder)
    assert (folder / "ratings.csv").exists()


@pytest.mark.parametrize("name", EDITIONS)
def test_an_edition_is_where_a_reader_looks_for_it(name):
    page = (Path(__file__).parents[1] / "book/data.md").read_text("utf8")
    assert re.search(rf"^\|.*`{name}`.*\|$", page, re.M), f"write a row of {name} into the table of book/data.md"
    assert f"``{name}``" in load_movielens.__doc__, f"name {name} in the docstring of load_movielens"


def test_unknown_editions_list_the_known_ones():
    with pytest.raises(ValueError, match="unknown edition '2m': choose one of .*'small-2018'"):
        load_movielens("2m")


class TestFormats:
    EXPECTED: ClassVar = pd.DataFrame(
        {
            "user": [1, 1, 2],
            "item": [10, 20, 10],
            "rating": [4.0, 3.0, 5.0],
            "timestamp": [900000100, 900000200, 900000300],
        }
    )
    FORMATS: ClassVar = {
        "csv": {"ratings.csv": CSV.replace("3.5", "3.0"), "movies.csv": FILMS},
        "dat": {
            "ratings.dat": "1::10::4::900000100\n1::20::3::900000200\n2::10::5::900000300\n",
            "movies.dat": "10::Toy Story (1995)::Animation|Comedy\n20::Odd One, The: part::Drama\n",
        },
        "100k": {
            "u.data": "1\t10\t4\t900000100\n1\t20\t3\t900000200\n2\t10\t5\t900000300\n",
            "u.item": "10|Toy Story (1995)|01-Jan-1995||http://x|0|1|1\n20|Odd One, The|||http://y|0|0|0\n",
            "u.genre": "unknown|0\nAnimation|1\nComedy|2\n\n",
        },
    }

    @pytest.mark.parametrize("name", FORMATS)
    @pytest.mark.parametrize("ends", ["\n", "\r\n"])
    def test_every_format_is_read(self, name, ends, tmp_path, monkeypatch):
        for file, text in self.FORMATS[name].items():
            (tmp_path / file).write_bytes(text.replace("\n", ends).encode())
        monkeypatch.setitem(EDITIONS, "toy", toy())
        ratings = load_movielens("toy", path=tmp_path)
        pd.testing.assert_frame_equal(ratings.frame, self.EXPECTED, check_dtype=False)
        film = ratings.films.iloc[0]
        assert (film["title"], film["year"], film["genres"]) == ("Toy Story", 1995, "Animation|Comedy")
        assert ratings.films["title"][1].startswith("Odd One, The")
        assert ratings.films["year"].isna()[1]

    def test_latin_1_titles(self, tmp_path, monkeypatch):
        (tmp_path / "ratings.dat").write_text("1::10::4::900000100\n")
        (tmp_path / "movies.dat").write_bytes("10::Misérables, Les (1995)::Drama\n".encode("latin-1"))
        monkeypatch.setitem(EDITIONS, "toy", toy(ratings=1, users=1, films=1, latin_1=True))
        assert load_movielens("toy", path=tmp_path).labels[0] == "Misérables, Les (1995)"
        monkeypatch.setitem(EDITIONS, "toy", toy(ratings=1, users=1, films=1))
        with pytest.raises(ValueError, match="movies.dat is truncated or changed: 'utf-8' codec"):
            load_movielens("toy", path=tmp_path)


class TestLocalFolder:
    def test_the_environment_names_the_folder(self, tmp_path, monkeypatch, host):
        host({})
        folder = tmp_path / "data" / "toy"
        folder.mkdir(parents=True)
        (folder / "ratings.csv").write_text(CSV)
        (folder / "movies.csv").write_text(FILMS)
        monkeypatch.setenv("COLLABKIT_DATA", str(tmp_path / "data"))
        assert len(load_movielens("toy")) == 3

    def test_a_path_with_nothing_in_it_says_what_to_unpack(self, tmp_path, host):
        host(WHOLE)
        with pytest.raises(FileNotFoundError, match="unpack toy there"):
            load_movielens("toy", path=tmp_path)

    @pytest.mark.parametrize("missing", ["rows", "films"])
    def test_a_damaged_copy_is_refused_and_left_alone(self, missing, tmp_path, host):
        host(WHOLE)
        folder = tmp_path / "toy"
        folder.mkdir()
        (folder / "ratings.csv").write_text(CSV if missing == "films" else CSV[:-18])
        if missing == "rows":
            (folder / "movies.csv").write_text(FILMS)
        with pytest.raises(ValueError, match="truncated or changed" if missing == "rows" else "lacks"):
            load_movielens("toy", path=folder)
        assert (folder / "ratings.csv").exists()

    def test_the_32m_edition_is_local_only(self, host):
        with pytest.raises(FileNotFoundError, match=r"local copy.*small-2016.*needs no network"):
            load_movielens("32m")


def in_cache(host) -> list[str]:
    """What lies there, but for the lock, which is an empty file that stays."""
    return sorted(path.name for path in host.cache.iterdir() if path.name != ".toy.zip.lock")


class TestDownload:
    def test_fetched_once_then_from_the_cache(self, host):
        archive = host(WHOLE)
        assert len(load_movielens("toy")) == 3
        archive.unlink()
        assert np.array_equal(load_movielens("toy").rating, np.float32([4, 3.5, 5]))
        assert in_cache(host) == ["toy.zip"]

    @pytest.mark.parametrize("name", TestFormats.FORMATS)
    def test_every_format_is_read_from_its_zip(self, name, host):
        host({f"toy/{file}": text for file, text in TestFormats.FORMATS[name].items()})
        for _ in range(2):
            pd.testing.assert_frame_equal(load_movielens("toy").frame, TestFormats.EXPECTED, check_dtype=False)

    def test_a_host_that_is_down_names_the_offline_choice(self, host):
        host(WHOLE).unlink()
        with pytest.raises(ConnectionError, match=r"GroupLens did not answer.*small-2016.*needs no network"):
            load_movielens("toy")
        assert in_cache(host) == []

    def test_a_tampered_archive_is_discarded_and_the_next_call_works(self, host):
        host(WHOLE, md5="0" * 32)
        with pytest.raises(ValueError, match="arrived damaged or changed and was discarded"):
            load_movielens("toy")
        assert in_cache(host) == []
        host(WHOLE)
        assert len(load_movielens("toy")) == 3

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"toy/ratings.csv": CSV[:-18], "toy/movies.csv": FILMS}, "ratings.csv is truncated or changed: 2 rows"),
            ({"toy/ratings.csv": CSV}, "lacks movies.csv"),
            ({"other/ratings.csv": CSV}, "lacks its ratings"),
        ],
    )
    def test_a_damaged_edition_is_discarded(self, files, message, host):
        host(files)
        with pytest.raises(ValueError, match=f"arrived damaged or changed and was discarded: .*{message}"):
            load_movielens("toy")
        assert in_cache(host) == []
        host(WHOLE)
        assert len(load_movielens("toy")) == 3

    def test_the_published_hashes(self):
        """GroupLens' own .md5 files."""
        assert EDITIONS["25m"].md5 == "6b51fb2759a8657d3bfcbfc42b592ada"
        assert EDITIONS["100k"].md5 == "0e33842e24a9c977be4e0107933c0723"
        for name, edition in EDITIONS.items():
            known = edition.md5 or edition.files_md5 or edition.zip is None
            assert known, f"{name} is fetched, so it needs a hash: md5 of the zip, or files_md5 of what is in it"
        assert movielens.URL.startswith("https://")

    def test_the_published_counts(self):
        """Numbers of stars add up to all ratings, and to the mean that the literature knows."""
        means = {"100k": 3.52986, "1m": 3.5816, "10m": 3.5124, "20m": 3.5255, "25m": 3.5339}
        for name, edition in EDITIONS.items():
            if edition.stars:
                assert sum(edition.stars) == edition.ratings, f"{name}: stars add up to another number than its ratings"
                assert name in means, f"write the mean of {name}, as published, into this test"
                mean = np.average(np.linspace(*edition.scale, len(edition.stars)), weights=edition.stars)
                assert mean == pytest.approx(means[name], abs=1e-4), name


class TestCache:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda zip: zip.write_bytes(zip.read_bytes()[:-40]),
            lambda zip: zip.write_bytes(b""),
            lambda zip: zip.write_bytes(zip.read_bytes().replace(b"Toy Story", b"Toy Storz")),
        ],
    )
    @pytest.mark.parametrize("known", [True, False])
    def test_what_is_damaged_later_is_set_aside(self, damage, known, host):
        host(WHOLE, **({} if known else {"md5": None}))
        load_movielens("toy")
        for number in (1, 2):
            damage(host.cache / "toy.zip")
            with pytest.raises(
                ValueError, match="toy.zip is .*set aside in the cache: the next call fetches a new one"
            ):
                load_movielens("toy")
            assert len(load_movielens("toy")) == 3
            assert in_cache(host) == ["toy.zip", *(f"toy.zip.damaged-{one + 1}" for one in range(number))]

    def test_whatever_is_in_its_place_is_set_aside_and_what_is_not_ours_stays(self, host, tmp_path):
        host(WHOLE)
        host.cache.mkdir()
        (host.cache / "notes.txt").write_text("mine")
        (host.cache / "toy.zip").mkdir()
        (host.cache / "toy.zip" / "notes.txt").write_text("mine too")
        assert len(load_movielens("toy")) == 3
        (host.cache / "toy.zip").unlink()
        (host.cache / "toy.zip").symlink_to(tmp_path / "gone")
        assert len(load_movielens("toy")) == 3
        assert in_cache(host) == ["notes.txt", "toy.zip", "toy.zip.damaged-1", "toy.zip.damaged-2"]
        assert (host.cache / "toy.zip.damaged-1" / "notes.txt").read_text() == "mine too"
        assert (host.cache / "toy.zip.damaged-2").is_symlink()

    def test_one_that_somebody_else_sets_aside_meanwhile(self, host, monkeypatch):
        host(WHOLE)
        load_movielens("toy")
        really = movielens.read_zip

        def vanish(archive, edition, what):
            monkeypatch.setattr(movielens, "read_zip", really)
            archive.unlink()
            return really(archive, edition, what)

        monkeypatch.setattr(movielens, "read_zip", vanish)
        assert len(load_movielens("toy")) == 3

    def test_a_new_one_is_not_set_aside_for_the_damage_of_the_old(self, host, monkeypatch):
        host(WHOLE)
        load_movielens("toy")

        def mend(archive, edition, what):
            archive.rename(archive.with_name("toy.zip.damaged-1"))
            archive.write_bytes(b"new")
            raise ValueError("damaged.")

        monkeypatch.setattr(movielens, "read_zip", mend)
        with pytest.raises(ValueError, match="damaged"):
            load_movielens("toy")
        assert (host.cache / "toy.zip").read_bytes() == b"new"

    def test_a_link_to_a_whole_zip_is_followed(self, host, tmp_path):
        archive = host(WHOLE).rename(tmp_path / "elsewhere.zip")
        host.cache.mkdir()
        (host.cache / "toy.zip").symlink_to(archive)
        assert len(load_movielens("toy")) == 3
        archive.write_bytes(b"damaged")
        with pytest.raises(ValueError, match="set aside"):
            load_movielens("toy")
        assert archive.read_bytes() == b"damaged"

    def test_a_file_in_the_place_of_the_cache_is_named(self, host):
        host(WHOLE)
        host.cache.write_text("mine")
        with pytest.raises(ValueError, match=r"cache .* is no folder: move it, or set \$COLLABKIT_CACHE"):
            load_movielens("toy")
        assert host.cache.read_text() == "mine"

    def test_what_a_killed_download_left_goes_with_the_next_call(self, host):
        host(WHOLE)
        for present in (False, True):
            (host.cache / ".toy.zip-k1ll3d.part").mkdir(parents=True)
            (host.cache / ".toy.zip-k1ll3d.part" / "toy.zip").write_text("half")
            assert (host.cache / "toy.zip").exists() == present
            assert len(load_movielens("toy")) == 3
            assert in_cache(host) == ["toy.zip"]


# Loads the toy edition, whose host takes its time, and says how often it was asked.
LOAD = """if True:
    import shutil, sys, time
    from collabkit import movielens
    from collabkit.data.movielens_files import Edition
    archive, md5 = sys.argv[1:]

    def serve(url, target, pooch):
        for _ in range(5):
            open(target, "ab").write(b"half")
            time.sleep(0.01)
        shutil.copy(archive, target)
        print("asked")

    import pooch.core
    pooch.core.choose_downloader = lambda *args, **kwargs: serve
    movielens.EDITIONS["toy"] = Edition("toy", 3, 2, 2, "toy.zip", md5)
    print("ready", flush=True)
    sys.stdin.readline()
    print(len(movielens.load_movielens("toy")))
"""


def loader(archive):
    command = [sys.executable, "-c", LOAD, archive, hashlib.md5(archive.read_bytes()).hexdigest()]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


class TestProcesses:
    def test_several_fill_an_empty_cache_and_one_asks_the_host(self, host):
        archive = host(WHOLE)
        loaders = [loader(archive) for _ in range(4)]
        for one in loaders:
            one.stdin.write("\n")
            one.stdin.flush()
        said = [one.communicate() for one in loaders]
        assert "".join(errors for _, errors in said).count("Traceback") == 0
        assert sorted(out for out, _ in said) == ["3\n"] * 3 + ["asked\n3\n"]
        assert in_cache(host) == ["toy.zip"]

    def test_a_kill_leaves_nothing_that_stays(self, host):
        archive, left = host(WHOLE), []
        for wait in (0.03, 0.04, 0.05):
            with loader(archive) as one:
                one.stdin.write("\n")
                one.stdin.flush()
                deadline = time.monotonic() + 20
                while not (found := list(host.cache.glob(".toy.zip-*"))) and time.monotonic() < deadline:
                    time.sleep(0.001)
                time.sleep(wait)
                one.kill()
            left += found
        assert left
        assert len(load_movielens("toy")) == 3
        assert in_cache(host) == ["toy.zip"]
