"""Private parts of other packages: there, or gone with an error that says so."""

import ast
from types import SimpleNamespace

import pytest
from fastai.callback.progress import ProgressCallback

from collabkit.borrowed import DecaysByGroup, part
from tools.notebooks import ROOT


def test_a_part_that_has_gone_is_named_with_the_versions_that_have_it():
    with pytest.raises(ImportError, match=r"^torch has no _gone any more, .* fastai 2\.8 and PyTorch 2\.11 to 2\.13"):
        part(SimpleNamespace(__name__="torch"), "_gone")


def test_an_optimizer_whose_settings_pass_elsewhere_would_decay_biases_in_silence():
    with pytest.raises(ImportError, match="^Other has no _set_hyper any more"):
        type("Grouped", (DecaysByGroup, type("Other", (), {})), {})


def test_the_bar_is_known_by_its_name():
    assert ProgressCallback().name == "progress"


@pytest.mark.parametrize("path", sorted((ROOT / "collabkit").rglob("*.py")), ids=lambda path: path.stem)
def test_no_other_module_touches_them(path):
    if path.stem == "borrowed":
        return
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = node.value
            assert not (isinstance(owner, ast.Name) and owner.id in ("torch", "fastai", "F", "nn")), ast.unparse(node)
            if isinstance(owner, ast.Call) and ast.unparse(owner) == "super()":
                assert node.attr == "_replace", f"{path.name}: {ast.unparse(node)}"
