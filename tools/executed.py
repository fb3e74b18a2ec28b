"""Run each notebook once, and keep what it put out: the tests assert it (tools/notebook_tests.py), the pages show it.

What is kept stands in `_build/executed`, one notebook for each, which Jupyter can open. It counts as long as nothing
has changed that its outputs depend on: the notebook's code, `collabkit` with its results, the versions, Python, and
this file. Prose is not among these. A notebook that fails is not kept.

This is a Sphinx extension too: it hands the outputs to the pages. Sphinx itself runs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbformat import NotebookNode

from collabkit.saving.atomic import write_together

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 300  # seconds a cell: a busy machine takes many times what the chapter says
SETTINGS = {
    "OMP_NUM_THREADS": "1",  # a fit of this size is no quicker on more, and far slower on a busy machine
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a debugger's notice about frozen modules: of no use in a page
}


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code(nb: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in nb.cells if cell.cell_type == "code"]


@cache
def versions() -> list[str]:
    """Python, and all that is installed for it."""
    installed = {f"{found.metadata['Name']}=={found.version}" for found in distributions()}
    return [sys.version, platform.machine(), *sorted(installed)]


def key(nb: NotebookNode) -> str:
    """Another one when anything has changed that can change an output of this notebook."""
    parts = [json.dumps([(cell.source, cell.metadata.get("tags")) for cell in code(nb)]), *versions()]
    parts.append(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    package = (path for path in (ROOT / "collabkit").rglob("*") if "__pycache__" not in path.parts and path.is_file())
    for path in (*sorted(package), Path(__file__)):
        parts += [os.path.relpath(path, ROOT), hashlib.sha256(path.read_bytes()).hexdigest()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def place(path: Path) -> Path:
    return ROOT / "_build/executed" / path.resolve().relative_to(ROOT)


def kept(path: Path) -> NotebookNode | None:
    """The notebook as it reads now with the outputs that were kept, or None when it has to run."""
    nb = read(path)
    if not place(path).exists():
        return None
    old = read(place(path))
    if old.metadata.pop("key") != key(nb):
        return None
    nb.metadata = old.metadata
    for cell, ran in zip(code(nb), code(old), strict=True):
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    return nb


def run(path: Path, keeps: bool = True) -> tuple[NotebookNode, int | None]:
    """Run a notebook in an empty folder, and keep it when it gets to its end.

    Returns: the notebook with its outputs; and which of its code cells failed, if one did, whose last output says why.
    """
    from jupyter_client.manager import AsyncKernelManager  # not for Sphinx, which only reads what is kept
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

    nb = read(path)
    wanted = key(nb)
    # The kernel is this Python, whatever others are set up; its ratings are those that come with the package.
    kernel = AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager())
    env = {name: value for name, value in os.environ.items() if not name.startswith("COLLABKIT_")}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]  # the package that runs is the one in the key
    env |= SETTINGS | {"PYTHONPATH": os.pathsep.join(paths)}
    with TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        # What a cell prints comes in parts, cut anywhere; Sphinx would put a line's end after each.
        how = {"timeout": TIMEOUT, "record_timing": False, "coalesce_streams": True}
        client = NotebookClient(nb, km=kernel, resources=where, **how)
        # Not `execute()`: when somebody stops it, that ends the kernel and goes on without.
        with client.setup_kernel(env=env, cleanup_kc=True):
            assert client.kc  # which the line above has set
            info = client.wait_for_reply(client.kc.kernel_info())
            nb.metadata.language_info = (info or {})["content"]["language_info"]  # pages colour code by it
            for position, cell in enumerate(nb.cells):
                try:
                    client.execute_cell(cell, position, execution_count=client.code_cells_executed + 1)
                except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                    if not isinstance(error, CellExecutionError):  # that one is among the outputs already
                        client.shutdown_kernel = "immediate"
                        lines = str(error).split("\n")
                        said = {"ename": type(error).__name__, "evalue": lines[0], "traceback": lines}
                        cell.outputs.append(nbformat.v4.new_output("error", **said))
                    return nb, sum(above.cell_type == "code" for above in nb.cells[:position])
    if keeps and key(read(path)) == wanted:  # else somebody edited it, or the package, while it ran
        keep(path, nb, wanted)
    return nb, None


def keep(path: Path, nb: NotebookNode, wanted: str) -> None:
    """Write it whole, then move it into its place: a run that is stopped, or a second one, leaves nothing halved."""
    place(path).parent.mkdir(parents=True, exist_ok=True)
    whole = nbformat.from_dict({**nb, "metadata": {**nb.metadata, "key": wanted}})
    write_together({place(path): nbformat.writes(whole).encode()})


def setup(app) -> dict[str, bool]:
    from sphinx.errors import ExtensionError

    def hand_in(app, page, source) -> None:
        path = Path(app.env.doc2path(page))
        if path.suffix == ".ipynb":
            nb = kept(path)
            if nb is None:
                raise ExtensionError(f"{page} has not run since it, or the package, has changed: `make book` runs it.")
            source[0] = nbformat.writes(nb)

    app.connect("source-read", hand_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
