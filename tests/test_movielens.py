"""MovieLens: the embedded edition whole, the others from folder, cache and host, and every way a copy can be bad."""

import hashlib
import shutil
import zipfile
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import requests

from collabkit import load_movielens, movielens
from collabkit.movielens import EDITIONS, Edition

CSV = "userId,movieId,rating,timestamp\n1,10,4.0,100\n1,20,3.5,200\n2,10,5.0,300\n"
FILMS = 'movieId,title,genres\n10,Toy Story (1995),Animation|Comedy\n20,"Odd One, The",Drama\n'


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

    def pack(files, ratings=3, **edition):
        with zipfile.ZipFile(archive, "w") as file:
            for name, content in files.items():
                file.writestr(name, content)
        md5 = hashlib.md5(archive.read_bytes()).hexdigest()
        monkeypatch.setitem(
            EDITIONS, "toy", Edition(**{"folder": "toy", "ratings": ratings, "zip": "toy.zip", "md5": md5, **edition})
        )
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


def test_unknown_editions_list_the_known_ones():
    with pytest.raises(ValueError, match="unknown edition '2m': choose one of .*'small-2018'"):
        load_movielens("2m")


class TestFormats:
    EXPECTED: ClassVar = pd.DataFrame(
        {"user": [1, 1, 2], "item": [10, 20, 10], "rating": [4.0, 3.0, 5.0], "timestamp": [100, 200, 300]}
    )
    FORMATS: ClassVar = {
        "csv": {"ratings.csv": CSV.replace("3.5", "3.0"), "movies.csv": FILMS},
        "dat": {
            "ratings.dat": "1::10::4::100\n1::20::3::200\n2::10::5::300\n",
            "movies.dat": "10::Toy Story (1995)::Animation|Comedy\n20::Odd One, The: part::Drama\n",
        },
        "100k": {
            "u.data": "1\t10\t4\t100\n1\t20\t3\t200\n2\t10\t5\t300\n",
            "u.item": "10|Toy Story (1995)|01-Jan-1995||http://x|0|1|1\n20|Odd One, The|||http://y|0|0|0\n",
            "u.genre": "unknown|0\nAnimation|1\nComedy|2\n\n",
        },
    }

    @pytest.mark.parametrize("name", FORMATS)
    @pytest.mark.parametrize("ends", ["\n", "\r\n"])
    def test_every_format_is_read(self, name, ends, tmp_path, monkeypatch):
        for file, text in self.FORMATS[name].items():
            (tmp_path / file).write_bytes(text.replace("\n", ends).encode())
        monkeypatch.setitem(EDITIONS, "toy", Edition("toy", 3))
        ratings = load_movielens("toy", path=tmp_path)
        pd.testing.assert_frame_equal(ratings.frame, self.EXPECTED, check_dtype=False)
        film = ratings.films.iloc[0]
        assert (film["title"], film["year"], film["genres"]) == ("Toy Story", 1995, "Animation|Comedy")
        assert ratings.films["title"][1].startswith("Odd One, The")
        assert ratings.films["year"].isna()[1]

    def test_latin_1_titles(self, tmp_path, monkeypatch):
        (tmp_path / "ratings.dat").write_text("1::10::4::100\n")
        (tmp_path / "movies.dat").write_bytes("10::Misérables, Les (1995)::Drama\n".encode("latin-1"))
        monkeypatch.setitem(EDITIONS, "toy", Edition("toy", 1))
        assert load_movielens("toy", path=tmp_path).labels[0] == "Misérables, Les (1995)"


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
        (folder / "ratings.csv").write_text(CSV if missing == "films" else CSV[:-12])
        if missing == "rows":
            (folder / "movies.csv").write_text(FILMS)
        with pytest.raises(ValueError, match="truncated or changed" if missing == "rows" else "lacks"):
            load_movielens("toy", path=folder)
        assert (folder / "ratings.csv").exists()

    def test_the_32m_edition_is_local_only(self, host):
        with pytest.raises(FileNotFoundError, match=r"local copy.*small-2016.*needs no network"):
            load_movielens("32m")


class TestDownload:
    def test_fetched_once_then_from_the_cache(self, host):
        archive = host(WHOLE)
        assert len(load_movielens("toy")) == 3
        archive.unlink()
        assert np.array_equal(load_movielens("toy").rating, np.float32([4, 3.5, 5]))
        assert [path.name for path in host.cache.iterdir()] == ["toy"]

    def test_a_host_that_is_down_names_the_offline_choice(self, host):
        host(WHOLE).unlink()
        with pytest.raises(ConnectionError, match=r"GroupLens did not answer.*small-2016.*needs no network"):
            load_movielens("toy")
        assert list(host.cache.iterdir()) == []

    def test_a_tampered_archive_is_discarded_and_the_next_call_works(self, host, monkeypatch):
        host(WHOLE, md5="0" * 32)
        with pytest.raises(ValueError, match="arrived damaged or changed and was discarded"):
            load_movielens("toy")
        assert list(host.cache.iterdir()) == []
        host(WHOLE)
        assert len(load_movielens("toy")) == 3

    def test_a_truncated_archive_is_discarded(self, host):
        archive = host(WHOLE, md5=None)
        archive.write_bytes(archive.read_bytes()[:-40])
        with pytest.raises(ValueError, match="not a whole zip file and was discarded"):
            load_movielens("toy")
        assert list(host.cache.iterdir()) == []

    def test_flipped_bytes_in_an_archive_without_a_hash(self, host):
        archive = host({**WHOLE, "toy/big.txt": "abc" * 5000}, md5=None)
        content = bytearray(archive.read_bytes())
        middle = len(content) // 3
        content[middle : middle + 8] = b"\xff" * 8
        archive.write_bytes(content)
        with pytest.raises(ValueError, match="discarded|removed"):
            load_movielens("toy")
        assert list(host.cache.iterdir()) == []

    @pytest.mark.parametrize(
        "files", [{"toy/ratings.csv": CSV[:-12], "toy/movies.csv": FILMS}, {"toy/ratings.csv": CSV}]
    )
    def test_a_damaged_edition_is_removed_from_the_cache(self, files, host):
        host(files)
        with pytest.raises(ValueError, match="removed: the next call fetches a new one"):
            load_movielens("toy")
        assert list(host.cache.iterdir()) == []
        host(WHOLE)
        assert len(load_movielens("toy")) == 3

    def test_a_cached_copy_damaged_later_is_removed(self, host):
        host(WHOLE)
        load_movielens("toy")
        (host.cache / "toy" / "ratings.csv").write_text(CSV[:-12])
        with pytest.raises(ValueError, match="removed"):
            load_movielens("toy")
        assert len(load_movielens("toy")) == 3

    @pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "toy/../../evil.txt"])
    def test_nothing_is_unpacked_outside_the_folder(self, name, host):
        host({**WHOLE, name: "x"})
        with pytest.raises(ValueError, match="points outside"):
            load_movielens("toy")
        assert list(host.cache.rglob("evil.txt")) == []

    def test_an_archive_without_the_edition(self, host):
        host({"other/ratings.csv": CSV})
        with pytest.raises(ValueError, match="holds no folder toy"):
            load_movielens("toy")

    def test_the_published_hashes(self):
        """GroupLens' own .md5 files."""
        assert EDITIONS["25m"].md5 == "6b51fb2759a8657d3bfcbfc42b592ada"
        assert EDITIONS["100k"].md5 == "0e33842e24a9c977be4e0107933c0723"
        assert all(edition.md5 or edition.ratings_md5 or edition.zip is None for edition in EDITIONS.values())
        assert movielens.URL.startswith("https://")
