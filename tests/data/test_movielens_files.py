"""Files of MovieLens that are cut off, changed, or made to harm: refused by name, or the edition to the letter."""

import hashlib
import tracemalloc
import zipfile
from functools import partial

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collabkit.data import movielens_files
from collabkit.data.movielens_files import read_folder
from tests.files import overwrite
from tests.test_movielens import CSV, FILMS, WHOLE, TestFormats, toy

STARS = (0, 0, 0, 0, 0, 0, 1, 1, 0, 1)  # of CSV
FORMATS = TestFormats.FORMATS
read_zip = partial(movielens_files.read_zip, read=read_folder)
FILES = [(name, file) for name, texts in FORMATS.items() for file in texts]


def written(folder, name):
    for file, text in FORMATS[name].items():
        (folder / file).write_text(text)
    return folder


def refused_or_same(read, place, edition, whole) -> bool:
    """Whether it is refused, by a plain ``ValueError`` that names the place; else it is the edition to the letter."""
    try:
        ratings = read(place, edition)
    except ValueError as error:
        assert type(error) is ValueError
        assert str(place) in str(error)
        return True
    pd.testing.assert_frame_equal(ratings.frame, whole.frame)
    pd.testing.assert_frame_equal(ratings.films, whole.films)
    return False


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_file_cut_off_anywhere_is_refused(name, file, tmp_path):
    whole = read_folder(written(tmp_path, name), toy())
    content = (tmp_path / file).read_bytes()
    for length in range(len(content.rstrip()) if file == "u.genre" else len(content)):
        overwrite(tmp_path / file, content[:length])
        assert refused_or_same(read_folder, tmp_path, toy(), whole), content[:length]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_file_that_is_not_there_is_named(name, file, tmp_path):
    (written(tmp_path, name) / file).unlink()
    with pytest.raises(
        ValueError, match="lacks its ratings" if "rating" in file or "data" in file else f"lacks {file}"
    ):
        read_folder(tmp_path, toy())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {name: written(tmp_path_factory.mktemp(name), name) for name in FORMATS}


@pytest.fixture(scope="module")
def editions(folders):
    """Of each format, as it is read from its folder."""
    return {name: read_folder(folder, toy()) for name, folder in folders.items()}


@settings(max_examples=120)
@given(which=st.sampled_from([which for which in FILES if which[1] != "u.genre"]), data=st.data())
def test_any_change_is_refused_where_hashes_are_known(which, data, folders, editions):
    name, file = which
    folder, content = folders[name], FORMATS[name][file].encode()
    edition = toy(files_md5={file: hashlib.md5(content).hexdigest()})
    overwrite(folder / file, changed(data, content))
    try:
        refused_or_same(read_folder, folder, edition, editions[name])
    finally:
        overwrite(folder / file, content)


@settings(max_examples=300)
@given(which=st.sampled_from(FILES), data=st.data())
def test_any_change_is_refused_by_name_or_keeps_every_row_complete(which, data, folders):
    """Without a hash a digit may change unseen, where no count changes with it."""
    name, file = which
    folder, content = folders[name], FORMATS[name][file].encode()
    overwrite(folder / file, changed(data, content))
    try:
        ratings = read_folder(folder, toy(stars=STARS))
        assert (len(ratings), ratings.n_users, sorted(ratings.rating)) == (3, 2, [3, 4, 5])
        assert ratings.films["title"].str.strip().all()
    except ValueError as error:
        assert type(error) is ValueError
        assert str(folder) in str(error)
    finally:
        overwrite(folder / file, content)


def changed(data, content: bytes) -> bytes:
    """Some bytes of it replaced by any others."""
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(start + 12, len(content))))
    odd = st.sampled_from([b"\0", b'"', b"\n", b"\r", b"\xff", b"-", b"9" * 30, b"nan", b",", b"::", b"|", b"1e400"])
    return content[:start] + data.draw(st.binary(max_size=6) | odd) + content[stop:]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1,10,4.0", "1,10,4.5", "ratings.csv .*other numbers of stars"),
        ("1,10,4.0", "1,10,4.1", "ratings.csv .*other numbers of stars"),
        ("1,10,4.0", "3,10,4.0", "ratings.csv .*3 ratings of 3 users where the edition has 3 of 2"),
        ("1,10,4.0", "1,11,4.0", "movies.csv .*lacks 1 films that have ratings, such as 11"),
        ("1,10,4.0,900000100", "1,10,4.0", "ratings.csv "),
        ("1,10,4.0,900000100", "1,10,4.0,900000100,1", "ratings.csv "),
        ("2,10,5.0", "1,10,5.0", "ratings.csv "),
        ("userId", "user", "ratings.csv .*its first line is"),
        ('20,"Odd', '21,"Odd', "movies.csv .*lacks 1 films"),
        ('20,"Odd', '10,"Odd', "movies.csv .*1 films where the edition has 2"),
        ("Toy Story (1995)", " ", "movies.csv .*no title"),
        ("Animation|Comedy", "", "movies.csv .*no genres"),
        ("Toy Story (1995),Animation|Comedy", "Toy St", "movies.csv .*a row has 2 fields instead of 3"),
    ],
)
def test_a_changed_value_is_told_by_what_it_changes(old, new, message, tmp_path):
    (tmp_path / "ratings.csv").write_text(CSV.replace(old, new))
    (tmp_path / "movies.csv").write_text(FILMS.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_folder(tmp_path, toy(stars=STARS))


@pytest.mark.parametrize("number", ["1.5", "1e30", "nan", "9" * 30, ""])
@pytest.mark.parametrize("name", FORMATS)
def test_numbers_that_are_not_whole_are_refused(number, name, tmp_path):
    file = next(iter(FORMATS[name]))
    for old in ("900000100", "10"):
        (written(tmp_path, name) / file).write_text(FORMATS[name][file].replace(old, number, 1))
        with pytest.raises(ValueError, match=f"{file} is truncated or changed"):
            read_folder(tmp_path, toy())


def test_a_title_that_looks_like_nothing_is_a_title(tmp_path):
    (tmp_path / "ratings.csv").write_text(CSV)
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n10,NA,Drama\n20,None (1999),Drama\n")
    assert read_folder(tmp_path, toy()).labels.tolist() == ["NA", "None (1999)"]


def test_both_files_of_the_2018_edition_are_known(small_2018, tmp_path):
    from collabkit import load_movielens

    for file in ("ratings.csv", "movies.csv"):
        (tmp_path / file).write_bytes((small_2018 / file).read_bytes().replace(b"\n", b"\r\n"))
    assert len(load_movielens("small-2018", path=tmp_path)) == 100_836
    for file, place in (("ratings.csv", 2_000_000), ("movies.csv", 400_000)):
        content = (tmp_path / file).read_bytes()
        for damaged in (content[:30], content[:-3], content[:place] + b"7" + content[place + 1 :]):
            (tmp_path / file).write_bytes(damaged)
            with pytest.raises(ValueError, match=f"{file} is truncated or changed: its hash is not that of the pub"):
                load_movielens("small-2018", path=tmp_path)
        (tmp_path / file).write_bytes(content)


# ---------------------------------------------------------------- zips


def packed(path, method=zipfile.ZIP_DEFLATED, files=WHOLE):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def whole_zip(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("zip") / "toy.zip")


@pytest.fixture(scope="module")
def zipped(whole_zip):
    return read_zip(whole_zip, toy())


@settings(max_examples=200)
@given(data=st.data())
def test_a_zip_with_any_change_is_refused_or_the_same(data, whole_zip, zipped):
    content = whole_zip.read_bytes()
    other = whole_zip.with_name("other.zip")
    place = data.draw(st.integers(0, len(content) - 1))
    many = data.draw(st.sampled_from([1, 2, 4]))
    new = data.draw(st.binary(min_size=many, max_size=many))
    overwrite(other, data.draw(st.sampled_from([content[:place], content[:place] + new + content[place + many :]])))
    refused_or_same(read_zip, other, toy(), zipped)


def test_every_bit_of_a_zip(whole_zip, zipped):
    content = bytearray(whole_zip.read_bytes())
    other = whole_zip.with_name("other.zip")
    for place in range(len(content)):
        bit = 1 << place % 8
        content[place] ^= bit
        overwrite(other, content)
        refused_or_same(read_zip, other, toy(), zipped)
        content[place] ^= bit


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(method, tmp_path):
    with pytest.raises(ValueError, match="packs toy/ratings.csv as GroupLens does not"):
        read_zip(packed(tmp_path / "toy.zip", method), toy())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("method", b"\x63\0", "packs toy/ratings.csv as GroupLens does not"),  # one that nobody knows
        ("flags", b"\1", "not a whole zip file, or an encrypted one.*encrypted"),
    ],
)
def test_headers_that_say_what_is_not_so(field, value, message, tmp_path):
    content = packed(tmp_path / "toy.zip").read_bytes()
    start = {"flags": 2, "method": 4}[field]  # bytes after the mark of a local header; in the directory two more
    for mark, at in ((b"PK\3\4", start), (b"PK\1\2", start + 2)):
        head, *parts = content.split(mark)
        content = mark.join([head, *(part[:at] + value + part[at + len(value) :] for part in parts)])
    (tmp_path / "toy.zip").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_zip(tmp_path / "toy.zip", toy())


def test_a_small_zip_that_holds_much_is_refused_before_it_is_read(tmp_path):
    bomb = packed(
        tmp_path / "toy.zip",
        files={"toy/ratings.csv": CSV + "1,10,4.0,900000100\n" * 2 * 10**6, "toy/movies.csv": FILMS},
    )
    assert bomb.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="has 38,000,0.. bytes of toy/ratings.csv, more than the 1,048,768"):
        read_zip(bomb, toy())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21  # bytes; unpacked it has 38 million
    assert [path.name for path in tmp_path.iterdir()] == ["toy.zip"]


def test_a_member_that_is_larger_than_it_says_is_refused(tmp_path):
    """Its length is read from the directory, and no more than that is unpacked."""
    long = CSV + "1,10,4.0,900000100\n" * 10**5
    content = packed(tmp_path / "toy.zip", files={"toy/ratings.csv": long, "toy/movies.csv": FILMS}).read_bytes()
    content = content.replace(len(long).to_bytes(4, "little"), len(CSV).to_bytes(4, "little"))
    (tmp_path / "toy.zip").write_bytes(content)
    with pytest.raises(ValueError, match="not a whole zip file.*CRC"):
        read_zip(tmp_path / "toy.zip", toy())
