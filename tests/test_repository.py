import subprocess

import pytest

from tools import repository

OLD = "https://github.com/old-owner/old-kit"
NEW = "https://github.com/New-Owner/new.kit"

FILES = {
    "pyproject.toml": f'[project.urls]\nRepository = "{OLD}"\n',
    "README.md": f"[code]({OLD}), {OLD}.\n`git clone {OLD}.git`\n[book](https://old-owner.github.io/old-kit/a.html)\n",
    "a.ipynb": f'"source": "pip install collabkit@git+{OLD}"\n',
    "links.md": "[Colab](https://colab.research.google.com/github/old-owner/old-kit/blob/colab/book/a.ipynb)\n"
    "![Binder](https://mybinder.org/v2/gh/old-owner/old-kit/main)\n",
    "others.md": f"{OLD}-2 {OLD}.js https://github.com/bold-owner/old-kit old-owner/old-kit/file old-kit\n",
}
MOVED = {
    "pyproject.toml": f'[project.urls]\nRepository = "{NEW}"\n',
    "README.md": f"[code]({NEW}), {NEW}.\n`git clone {NEW}.git`\n[book](https://new-owner.github.io/new.kit/a.html)\n",
    "a.ipynb": f'"source": "pip install collabkit@git+{NEW}"\n',
    "links.md": "[Colab](https://colab.research.google.com/github/New-Owner/new.kit/blob/colab/book/a.ipynb)\n"
    "![Binder](https://mybinder.org/v2/gh/New-Owner/new.kit/main)\n",
    "others.md": FILES["others.md"],
}


@pytest.fixture
def clone(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff" + OLD.encode())
    (tmp_path / ".gitignore").write_text("built/\n")
    (tmp_path / "built").mkdir()
    (tmp_path / "built/page.html").write_text(OLD)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def contents(clone):
    return {name: (clone / name).read_bytes().decode() for name in FILES}


def test_one_command_moves_every_link_and_nothing_else(clone):
    changed = repository.rewrite(NEW, clone)
    assert contents(clone) == MOVED
    assert sorted(changed) == ["README.md", "a.ipynb", "links.md", "pyproject.toml"]
    assert changed[-1] == "pyproject.toml"  # the source of the old URL
    assert (clone / "picture.png").read_bytes().endswith(OLD.encode())
    assert (clone / "built/page.html").read_text() == OLD


def test_the_same_url_again_changes_nothing(clone):
    repository.rewrite(NEW, clone)
    assert repository.rewrite(NEW, clone) == []


def test_the_way_back_gives_the_same_files(clone):
    repository.rewrite(NEW, clone)
    repository.rewrite(OLD, clone)
    assert contents(clone) == FILES


@pytest.mark.parametrize("url", [NEW + "/", NEW + ".git"])
def test_ways_to_write_the_same_url(clone, url):
    repository.rewrite(url, clone)
    assert repository.current(clone) == NEW


@pytest.mark.parametrize(
    "url", ["", "me/kit", "github.com/me/kit", "http://github.com/me/kit", "https://github.com/me", NEW + "/tree/main"]
)
def test_what_is_no_repository_is_refused_and_nothing_changes(clone, url):
    with pytest.raises(SystemExit, match="https://github.com/OWNER/NAME"):
        repository.rewrite(url, clone)
    assert contents(clone) == FILES


def test_the_placeholder_is_not_a_repository_that_is_set(clone):
    assert repository.is_set(clone)
    repository.rewrite(f"https://github.com/{repository.PLACEHOLDER}/collabkit", clone)
    assert not repository.is_set(clone)
