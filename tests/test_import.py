"""What importing costs, and what it drags in."""

import subprocess
import sys

import pytest

import collabkit


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_import_is_quick():
    seconds = [
        float(run("import time; t = time.perf_counter(); import collabkit; print(time.perf_counter() - t)"))
        for _ in range(3)
    ]
    assert min(seconds) < 0.3


@pytest.mark.parametrize("name", collabkit.__all__)
def test_every_public_name_is_there(name):
    assert getattr(collabkit, name) is not None


def test_unknown_names_are_an_attribute_error():
    with pytest.raises(AttributeError, match="it has .*load_movielens"):
        getattr(collabkit, "load_movielence")  # noqa: B009


@pytest.mark.parametrize(
    ("use", "absent"),
    [
        (
            "from collabkit import load_movielens, random_split, MeanBaseline, rmse; random_split(load_movielens())",
            "torch",
        ),
        ("from collabkit import DotProduct", "fastai"),
    ],
)
def test_arrows_never_run_back(use, absent):
    assert run(f"{use}\nimport sys; print({absent!r} in sys.modules)").strip() == "False"


def test_no_public_name_is_a_module_too():
    """Importing the module would hide the name."""
    from importlib.util import find_spec

    assert [name for name in collabkit.__all__ if find_spec(f"collabkit.{name}")] == []


def test_dir_lists_the_public_names():
    assert set(collabkit.__all__) <= set(dir(collabkit))
