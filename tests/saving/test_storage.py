import json
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from collabkit import DotProduct, DotProductBias, DotProductBiasParams, EmbeddingNet, Ratings
from collabkit.saving.packing import same_json
from collabkit.saving.storage import FORMAT, KEYS, _header, _sealed, load_model, save_model
from tests.files import overwrite
from tests.tables import random_ratings, tiny_frame, tiny_ratings

MODELS = {
    "dot": lambda u, i: DotProduct(u, i, 3),
    "dot-range": lambda u, i: DotProduct(u, i, 3, y_range=(0, 5.5)),
    "no-factors": lambda u, i: DotProductBias(u, i, 0),
    "bias": lambda u, i: DotProductBias(u, i, 5, y_range=(0, 5.5)),
    "params": lambda u, i: DotProductBiasParams(u, i, 5, y_range=(0.5, 5)),
    "net": lambda u, i: EmbeddingNet(u, i, 4, (0, 5.5), layers=(16,), dropout=0.5),
    "net-everything": lambda u, i: EmbeddingNet(u, i, (6, 8), None, layers=(33, 12), embedding_dropout=0.2),
    "net-no-layers": lambda u, i: EmbeddingNet(u, i, 4, (0, 5.5), layers=()),
}


def made(name: str, ratings: Ratings) -> nn.Module:
    """A model with scores that differ, as after training."""
    model = MODELS[name](ratings.n_users, ratings.n_items)
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data.normal_(0, 0.5, generator=generator)
    return model


def all_pairs(ratings: Ratings) -> torch.Tensor:
    return torch.cartesian_prod(torch.arange(ratings.n_users), torch.arange(ratings.n_items))


def odd_ratings() -> Ratings:
    """Ids that are text, and titles that want to be something else."""
    df = tiny_frame().assign(user=["ünal", "bo", "o'\"", "bo", "ünal", "o'\"", "ünal"])
    df["item"] = df["item"].map({7: "7", 5: "<b>", 900: "🎬", 11: "a|b"})
    items = pd.DataFrame(
        {
            "item": ["7", "<b>", "🎬", "nobody rated it"],
            "title": ['Say "Ah\\"', "<img src=x onerror=alert(1)>", "🎬 | `# [x](javascript:1)\n```", "-"],
            "year": [1990, None, 2001, 1],
            "genres": ["Drama|War", None, "", ""],
        }
    )
    return Ratings.from_frame(df.drop(columns="timestamp"), items=items)


def assert_same_ratings(one: Ratings, other: Ratings) -> None:
    for name in ("user", "item", "rating", "timestamp"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b)), name
    for a, b in ((one.users, other.users), (one.items, other.items)):
        assert (a.what, a.ids.dtype, a.ids.tolist()) == (b.what, b.ids.dtype, b.ids.tolist())
    pd.testing.assert_frame_equal(one.films, other.films)
    assert one.films.equals(other.films)
    assert one.labels.tolist() == other.labels.tolist()
    assert one.scale == other.scale
    pd.testing.assert_frame_equal(one.frame, other.frame)


def folder(path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "films.safetensors"
    save_model(path, made("bias", tiny_ratings()), tiny_ratings(), {"rmse": 0.87})
    return path


@pytest.fixture
def saved(original, tmp_path):
    """A small saved model, whose card lies beside it."""
    for name, content in folder(original).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path / original.name


def refused(path, content: bytes) -> str:
    """What loading says of a file with this content: always a plain ValueError that names the file."""
    overwrite(path, content)
    with pytest.raises(ValueError) as caught:
        load_model(path)
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize("name", MODELS)
def test_a_model_and_its_ratings_come_back_bit_for_bit(name, tmp_path):
    ratings = random_ratings()
    model = made(name, ratings)
    save_model(tmp_path / "m.safetensors", model, ratings, {"rmse": 0.9})
    loaded, kept, header = load_model(tmp_path / "m.safetensors")
    assert type(loaded) is type(model)
    assert not loaded.training
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert torch.equal(loaded(all_pairs(ratings)), model.eval()(all_pairs(ratings)))
    assert_same_ratings(kept, ratings)
    assert header["scores"] == {"rmse": 0.9}


def test_a_fresh_process_predicts_the_same_bits(tmp_path):
    ratings = random_ratings()
    for name in MODELS:
        save_model(tmp_path / f"{name}.safetensors", made(name, ratings), ratings)
    code = """if True:
        import sys, torch
        from collabkit.saving.storage import load_model
        for path in sys.argv[1:]:
            model, ratings, _ = load_model(path)
            pairs = torch.cartesian_prod(torch.arange(ratings.n_users), torch.arange(ratings.n_items))
            print(model(pairs).detach().numpy().tobytes().hex())
    """
    files = [tmp_path / f"{name}.safetensors" for name in MODELS]
    said = subprocess.run([sys.executable, "-c", code, *files], check=True, capture_output=True, text=True).stdout
    for name, line in zip(MODELS, said.split(), strict=True):
        model = made(name, ratings).eval()
        assert line == model(all_pairs(ratings)).detach().numpy().tobytes().hex(), name


@pytest.mark.parametrize(
    "ratings", [tiny_ratings(), odd_ratings(), random_ratings().take([5, 3]), tiny_ratings().take([])]
)
def test_all_sorts_of_ratings_come_back(ratings, tmp_path):
    model = made("bias", ratings)
    save_model(tmp_path / "m.safetensors", model, ratings)
    loaded, kept, _ = load_model(tmp_path / "m.safetensors")
    assert_same_ratings(kept, ratings)
    assert torch.equal(loaded(all_pairs(ratings)), model(all_pairs(ratings)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_tables_keep_their_precision(dtype, saved):
    model = made("bias", tiny_ratings()).to(dtype)
    save_model(saved, model, tiny_ratings())
    loaded, _, _ = load_model(saved)
    assert loaded.user_factors.weight.dtype == dtype
    assert torch.equal(loaded(all_pairs(tiny_ratings())), model(all_pairs(tiny_ratings())))


def test_saving_changes_nothing_about_the_model_and_the_random_state(saved):
    model = made("net", tiny_ratings()).train()
    model.layers.eval()
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    save_model(saved, model, tiny_ratings())
    load_model(saved)
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes


def test_the_same_model_gives_the_same_bytes(saved):
    before = folder(saved)
    save_model(saved, made("bias", tiny_ratings()), tiny_ratings(), {"rmse": 0.87})
    assert folder(saved) == before


def test_what_the_header_says(saved):
    scores = {"rmse": np.float32(0.5), "n": np.int64(3), "cold": float("nan"), "split": "random", "none": None}
    save_model(saved, made("net-everything", tiny_ratings()), tiny_ratings().take([0, 1]), scores)
    _, _, header = load_model(saved)
    assert list(header) == KEYS
    assert header["format"] == FORMAT
    assert header["model"] == {
        "class": "EmbeddingNet",
        "n_users": 3,
        "n_items": 4,
        "n_factors": [6, 8],
        "layers": [33, 12],
        "y_range": None,
    }
    assert header["scores"] == {"rmse": 0.5, "n": 3, "cold": None, "split": "random", "none": None}
    assert header["data"] | {"sha256": ""} == {
        "ratings": 2,
        "users": 3,
        "items": 4,
        "cold_users": 1,
        "cold_items": 3,
        "sha256": "",
    }
    assert "non-commercial use with acknowledgement" in header["terms"]
    assert header["versions"].keys() == {"collabkit", "python", "torch", "numpy", "safetensors"}
    save_model(saved, made("dot", tiny_ratings()), tiny_ratings(), terms="Do as you like.")
    assert load_model(saved)[2]["terms"] == "Do as you like."


def test_other_programs_can_read_the_tables(saved):
    tensors = safetensors.torch.load_file(saved)
    assert torch.equal(tensors["model.user_factors.weight"], made("bias", tiny_ratings()).user_factors.weight)
    assert tensors["ratings.rating"].tolist() == tiny_ratings().rating.tolist()


# ---------------------------------------------------------------- what is not saved


class Notebook:
    """What a student may have written: classes of collabkit's names."""

    class DotProduct(nn.Module):
        def __init__(self, n_users, n_items, n_factors, factor=1, y_range=None):
            super().__init__()
            self.user_factors, self.item_factors = nn.Embedding(n_users, n_factors), nn.Embedding(n_items, n_factors)
            self.factor, self.y_range = factor, y_range

        def forward(self, x):
            return self.factor * torch.einsum("bk,bk->b", self.user_factors(x[:, 0]), self.item_factors(x[:, 1]))

    class SmallNet(DotProduct):
        pass

    class EmbeddingNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.user_factors, self.item_factors = nn.Embedding(3, 2), nn.Embedding(4, 2)
            self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    class DotProductBias(nn.Module):
        def __init__(self):
            super().__init__()
            self.users, self.items = nn.Embedding(3, 2), nn.Embedding(4, 2)


def test_a_class_written_in_a_notebook_is_saved_when_it_scores_like_ours(saved):
    model = Notebook.DotProduct(3, 4, 6)
    save_model(saved, model, tiny_ratings())
    loaded, _, _ = load_model(saved)
    assert type(loaded) is DotProduct
    assert torch.allclose(loaded(all_pairs(tiny_ratings())).flatten(), model(all_pairs(tiny_ratings())), atol=1e-5)


def diverged():
    model = made("bias", tiny_ratings())
    model.item_bias.weight.data[1, 0] = float("nan")
    return model


def described(**columns):
    items = pd.DataFrame({"item": [5, 7], "title": ["a", "b"], **columns})
    return Ratings.from_frame(tiny_frame(), items=items)


def with_genres(genres):
    ratings = described()
    ratings.films = ratings.films.assign(genres=[genres] * ratings.n_items)
    return ratings


def with_user_ids(ids):
    return Ratings.from_frame(tiny_frame().assign(user=ids))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": Notebook.SmallNet(3, 4, 6)}, "SmallNet cannot be saved as a recommender.*DotProductBiasParams"),
        ({"model": Notebook.EmbeddingNet()}, "not those of collabkit's EmbeddingNet.*layers.3.weight"),
        ({"model": Notebook.DotProductBias()}, "lacks a table user_factors or item_factors: it has users.weight"),
        ({"model": Notebook.DotProduct(3, 4, 6, factor=1.01)}, "scores otherwise than collabkit's"),
        ({"model": diverged()}, "item_bias.weight holds values that are not finite.*lower learning rate"),
        ({"model": Notebook.DotProduct(3, 4, 2, y_range=(5, 0))}, "first number has to be less"),
        ({"model": DotProduct(3, 5, 2)}, "3 users and 5 items, the ratings 3 and 4"),
        ({"ratings": with_user_ids([2**70, 1, 2, 1, 2**70, 2, 2**70])}, "user ids are object, such as 1"),
        ({"ratings": described(director=["x", "y"])}, "keeps the title, year and genres.*director.*Leave out"),
        ({"ratings": with_genres(["War"])}, r"has the genres \['War'\], which is not text"),
        ({"scores": {"rmse": [0.8]}}, r"the score 'rmse' is \[0.8\]: give a number or text"),
    ],
)
def test_what_cannot_come_back_is_not_saved(arguments, message, saved):
    before = folder(saved)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        save_model(saved, **{"model": made("bias", tiny_ratings()), "ratings": tiny_ratings(), **arguments})
    assert folder(saved) == before


def test_a_film_table_that_was_tampered_with_is_not_saved(saved):
    ratings = tiny_ratings()
    ratings.films = ratings.films.assign(label="?")
    with pytest.raises(ValueError, match="would not come back as it is"):
        save_model(saved, made("bias", ratings), ratings)


def test_where_it_cannot_be_written(saved):
    model, ratings = made("bias", tiny_ratings()), tiny_ratings()
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere: make it first"):
        save_model(saved.parent / "nowhere" / "m.safetensors", model, ratings)
    with pytest.raises(ValueError, match="is a folder"):
        save_model(saved.parent, model, ratings)
    notes = saved.with_name("notes.md")
    notes.write_text("# My own")
    with pytest.raises(ValueError, match="notes.md is in the place of the model's card"):
        save_model(saved.with_name("notes.safetensors"), model, ratings)
    assert notes.read_text() == "# My own"
    assert not saved.with_name("notes.safetensors").exists()


def test_a_name_of_any_kind_has_a_card_of_its_own(saved):
    for name, card in [("a.b", "a.b.md"), ("model", "model.md"), ("x.md", "x.md.md"), ("v1.2.safetensors", "v1.2.md")]:
        save_model(saved.with_name(name), made("bias", tiny_ratings()), tiny_ratings())
        load_model(saved.with_name(name))
        assert saved.with_name(card).exists()


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("new", [True, False])
def test_a_save_that_fails_leaves_both_old_files_and_nothing_else(function, error, call, new, saved, monkeypatch):
    before, calls, really = folder(saved), [], getattr(os, function)

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            raise error
        return really(*arguments)

    path = saved.with_name("other.safetensors") if new else saved
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(os, function, fail)
        save_model(path, made("dot", tiny_ratings()), tiny_ratings())
    assert len(calls) >= call
    assert folder(saved) == before
    assert type(load_model(saved)[0]) is DotProductBias


# ---------------------------------------------------------------- damage


def test_every_changed_byte_is_refused(saved):
    """All of them: the length, the header, its padding, the hash itself, every tensor."""
    ratings = odd_ratings()
    save_model(saved, made("bias", ratings), ratings)
    whole = saved.read_bytes()
    changed = bytearray(whole)
    for place, byte in enumerate(whole):
        # 0x20 turns e into E, which JSON's escapes do not tell apart, and 9 is a tab, as good as a space there
        for other in {byte ^ 0x01, byte ^ 0x20, byte ^ 0xFF, 9} - {byte}:
            changed[place] = other
            with pytest.raises(ValueError):
                _header(bytes(changed))
        changed[place] = byte
    _header(bytes(changed))
    for place in range(0, len(whole), 97):
        refused(saved, whole[:place] + b"?" + whole[place + 1 :])


def test_a_file_cut_off_anywhere_is_refused(saved):
    whole = saved.read_bytes()
    said = "is damaged: it was truncated or changed after it was saved. Copy it again, or save the model again."
    for length in range(1, len(whole)):
        with pytest.raises(ValueError, match=said):
            _header(whole[:length])
    for content in (whole[:1], whole[:8], whole[:9], whole[:-1], whole + b"\0", whole + whole):
        assert said in refused(saved, content)


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


def torch_saved(tmp_path, **how) -> bytes:
    torch.save({"model": Trap()}, tmp_path / "x", **how)
    return (tmp_path / "x").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda _: b"", "is empty"),
        (lambda _: b"\xff" * 8 + b'{"a":1}', "is damaged"),  # 18 exabytes of header
        (lambda _: b"\x08" + b"\0" * 7 + b'{"a":[[', "is damaged"),
        (lambda _: (10**6).to_bytes(8, "little") + b'{"a":' + b"[" * 10**6, "is damaged"),
        (lambda _: b"user,item,rating\n1,2,3\n", "is no safetensors file"),
        (lambda tmp: torch_saved(tmp), "is a pickle, as torch.save writes them.*code inside"),
        (lambda tmp: torch_saved(tmp, _use_new_zipfile_serialization=False), "is a pickle"),
        (lambda _: pickle.dumps([Trap()] * 9), "is a pickle"),
        (lambda _: safetensors.torch.save({"a": torch.ones(3)}), "of another program"),
        (lambda _: safetensors.torch.save({"a": torch.ones(3)}, {"format": "pt"}), "of another program"),
        (lambda _: safetensors.torch.save({"a": torch.ones(3)}, {"collabkit": "hello"}), "is damaged"),
        (lambda _: safetensors.torch.save({"a": torch.ones(3)}, {"collabkit": "{}"}), "is damaged"),
        (lambda _: safetensors.torch.save({"a": torch.ones(3)}, {"collabkit": "[1]"}), "is damaged"),
    ],
)
def test_files_that_are_something_else(content, message, saved):
    before = folder(saved)
    assert re.search(message, refused(saved.with_name("else.safetensors"), content(saved.parent)))
    assert folder(saved).items() >= before.items()
    load_model(saved)


def edited(path, change, edit=lambda text: text) -> bytes:
    """The file with another header or other tensors, and a hash that is right: made by another hand, not damaged."""
    header, tensors = _header(path.read_bytes()), safetensors.torch.load_file(path)
    header["sha256"] = "0" * 64
    change(header, tensors)
    return _sealed(edit(json.dumps(header, separators=(",", ":"))), tensors)


def put(*keys):
    """A change of one place in the header: ``put("model", "class", "X")``."""
    *outer, last, value = keys

    def change(header, _):
        for key in outer:
            header = header[key]
        header[last] = value

    return change


def table(name, change):
    return lambda _, tensors: tensors.update({name: change(tensors[name])})


def first(value):
    def change(column):
        column[0] = value
        return column

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("format", "version", 2), "is of format 2, saved by collabkit .*which reads format 1. Update collabkit"),
        (put("format", "version", 0), "is of format 0, .*Load it with that version, or train again"),
        (put("format", "version", "1"), "is damaged"),
        (put("format", "name", "other thing"), "is a 'other thing', not a 'collabkit recommender'"),
        (put("format", 1), "is damaged"),
        (lambda header, _: header.pop("scale"), "lacks keys of its format, or has others: scale"),
        (lambda header, _: header.pop("tensors_sha256"), "or has others: tensors_sha256"),
        (put("extra", 1), "or has others: extra"),
        (put("format", "version", True), "is damaged"),
        (put("format", "version", 1.0), "is damaged"),
        (put("terms", ["free"]), "terms are .*not text"),
        (put("scores", "rmse", True), "'rmse' is True"),
        (put("scores", "rmse", [0.8]), "'rmse' is .*give a number or text"),
        (put("scores", [0.8]), "do not fit together"),
        (put("versions", "torch", 2.0), "versions are not one each of collabkit, python"),
        (put("versions", "perl", "5"), "versions are not one each"),
        (put("data", "ratings", 7.0), "not those that the header names"),
        (put("users", "what", 3), "which is not text"),
        (lambda header, _: header["model"].pop("n_users"), "the model has None users and 4 items"),
        (put("model", "dropout", 1), "disagree on their sizes"),
        (put("model", "n_factors", 10**12), "disagree on their sizes"),
        (put("model", "class", "SmallNet"), "'SmallNet', which collabkit does not have"),
        (put("model", "class", "DotProduct"), "not those of collabkit's DotProduct.*user_bias"),
        (put("model", "class", ["DotProduct"]), "which collabkit does not have"),
        (put("model", "y_range", [5.5, 0]), "first number has to be less"),
        (put("model", "y_range", [0, "5"]), r"y_range\[1\]='5'.*choose a finite number"),
        (lambda header, _: header["users"]["ids"].pop(), "user codes lie outside the 2 ids"),
        (lambda header, _: header["items"]["ids"].append(901), "films do not have a title"),
        (put("items", "ids", [5, 7, 900, 11]), "item ids are not unique and sorted"),
        (put("items", "ids", [5, 7, 7, 900]), "films do not have a title|not unique and sorted"),
        (put("users", "ids", [10, 20, "30"]), "ids are not all int64"),
        (put("users", "ids", [10, 20, 2**63]), "do not fit together"),
        (put("users", "dtype", "V9999999999"), "ids are not all V9"),
        (put("users", "ids", 1, "x"), "ids are not all int64"),
        (lambda header, _: header["users"].pop("dtype"), "'dtype'"),
        (lambda header, _: header["films"]["title"].pop(), "films do not have a title"),
        (lambda header, _: header["films"].pop("year"), "films do not have a title"),
        (put("films", "title", 0, 3), "do not fit together"),
        (put("films", "year", 0, 10**6), "do not fit together"),
        (put("films", "genres", 0, ["x"]), "do not fit together"),
        (put("scale", [1, 5]), r"leave the scale \(1, 5\)"),
        (put("scale", 5), "do not fit together"),
        (put("scale", []), "do not fit together.*two numbers"),
        (put("scale", [0, 5, 10]), "do not fit together.*two numbers"),
        (put("data", "sha256", "0" * 64), "not those that the header names"),
        (put("tensors_sha256", "0" * 64), "not those that the header names"),
        (table("ratings.item", first(4)), "item codes lie outside the 4 ids"),
        (table("ratings.user", first(-1)), "user codes lie outside"),
        (table("ratings.rating", first(float("nan"))), "not finite numbers, or leave the scale"),
        (table("ratings.rating", first(3.5)), "not those that the header names"),
        (table("ratings.rating", torch.Tensor.double), "the column rating of the ratings is float64"),
        (table("ratings.rating", torch.Tensor.bfloat16), "do not fit together"),
        (table("ratings.user", lambda column: column[1:].clone()), r"the column user of the ratings is int32 \(6,\)"),
        (table("ratings.item", lambda column: column.view(-1, 1)), r"the column item of the ratings is int32 \(7, 1\)"),
        (table("model.user_bias.weight", first(float("inf"))), "user_bias.weight holds values that are not finite"),
        (table("model.user_bias.weight", first(0.0)), "not those that the header names"),
        (table("model.user_bias.weight", torch.Tensor.int), "do not fit together"),
        (
            table("model.item_bias.weight", lambda weight: weight[1:].clone()),
            r"not those of.*item_bias.weight is \(3, 1\) instead of \(4, 1\)",
        ),
        (table("model.user_factors.weight", lambda weight: weight[0].clone()), "lacks a table user_factors"),
        (
            lambda _, tensors: tensors.pop("model.item_bias.weight"),
            r"not those of.*item_bias.weight is absent instead of \(4, 1\)",
        ),
        (lambda _, tensors: tensors.pop("model.item_factors.weight"), "lacks a table user_factors or item_factors"),
        (lambda _, tensors: tensors.pop("ratings.item"), "'item'"),
        (lambda _, tensors: tensors.pop("ratings.timestamp"), "not those that the header names"),
        (
            lambda _, tensors: tensors.update({"model.extra": torch.ones(2)}),
            r"not those of.*extra is \(2,\) instead of absent",
        ),
        (lambda _, tensors: tensors.update({"ratings.extra": torch.ones(2)}), "columns of the ratings are .*extra"),
        (lambda _, tensors: tensors.update({"extra": torch.ones(2)}), "'extra'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message, saved):
    before = folder(saved)
    other = saved.with_name("other.safetensors")
    assert re.search(f"(?s){message}", refused(other, edited(saved, change)))
    assert folder(saved).items() >= before.items()
    load_model(saved)


WRONG = st.sampled_from([None, True, False, 0, 1, 2, -1, 1.0, 3.0, 10**12, "", "a", "abcd", [], [1], {}, {"a": 1}])


@settings(max_examples=100)
@given(data=st.data())
def test_any_value_of_the_header_is_of_its_type_or_refused(data, original):
    """What is read, whatever was put where, is what saving it again would write."""

    def change(header, _):
        place = header
        while True:
            keys = sorted(place.keys() - {"sha256"}) if isinstance(place, dict) else range(len(place))
            key = data.draw(st.sampled_from(keys))
            if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
                break
            place = place[key]
        place[key] = data.draw(WRONG)

    path = original.with_name("changed.safetensors")
    overwrite(path, edited(original, change))
    try:
        model, ratings, header = load_model(path)
    except ValueError as error:
        assert str(error).startswith(str(path))
        return
    again = original.with_name("again.safetensors")
    save_model(again, model, ratings, header["scores"], header["terms"])
    ours = [{**one, "sha256": None, "versions": sorted(one["versions"])} for one in (header, load_model(again)[2])]
    if y_range := header["model"]["y_range"]:  # a model has floats, also from whole numbers
        ours[0]["model"] = {**header["model"], "y_range": [float(end) for end in y_range]}
    assert same_json(*ours)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"scale":[0.5,5.0]', '"scale":[0.5,5.0],"scale":[0.5,5.0]'),
        ('"rmse":0.87', '"rmse":NaN'),
        ('"rmse":0.87', '"rmse":' + "[" * 50_000 + "]" * 50_000),
        ('"rmse":0.87', '"rmse":' + "9" * 5000),
    ],
    ids=["named twice", "no number", "too deep", "too long"],
)
def test_json_is_read_strictly(old, new, saved):
    assert "is damaged" in refused(saved, edited(saved, lambda *_: None, lambda text: text.replace(old, new)))


def test_a_file_that_is_edited_and_sealed_again_without_fault_is_read(saved):
    """So the tests above refuse for their own reason."""
    saved.write_bytes(edited(saved, put("terms", "other terms")))
    assert load_model(saved)[2]["terms"] == "other terms"


def test_a_network_that_lies_about_its_layers_is_refused(saved):
    save_model(saved, made("net", tiny_ratings()), tiny_ratings())
    assert "disagree on their sizes" in refused(saved, edited(saved, put("model", "layers", [10**9] * 3)))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*nothing.safetensors: check its name"):
        load_model(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match="no file"):
        load_model(tmp_path)
