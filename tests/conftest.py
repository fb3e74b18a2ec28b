"""What every test stands on: no network, and the optional local data."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest

# How long an example takes says how busy the machine is, not whether the code is right: no deadline, and not the health
# check that is about time. In CI every run tries the same examples, so that a red test is that change's own.
with contextlib.suppress(ImportError):  # `make gpu` runs the notebooks without it
    import hypothesis

    hypothesis.settings.register_profile(
        "course",
        deadline=None,
        derandomize=bool(os.environ.get("CI")),
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("course")


def is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:  # a name
        return False


@pytest.fixture(scope="session", autouse=True)
def no_network():
    """Refuse every way out of this machine, in the tests' own process: notebooks run in kernels of their own."""

    def refuse(host: object) -> None:
        if not is_local(host):
            # fail() raises what no `except Exception` of the code under test can swallow
            pytest.fail(f"a test asked for the network ({host!r}); give it a local file, or replace the download")

    def guarded(method):
        def connect(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                refuse(address[0])
            return method(self, address)

        return connect

    getaddrinfo = socket.getaddrinfo

    def guarded_getaddrinfo(host, *args, **kwargs):
        refuse(host)
        return getaddrinfo(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
        yield


def a_gpu_is_here() -> bool:
    """Then tests that need no device of their own run on it, and the one made of Python (elsewhere.py) stays away."""
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def pytest_generate_tests(metafunc):
    """Tests marked ``anywhere`` run twice: where tensors go by default, and on a device that is not the CPU."""
    if metafunc.definition.get_closest_marker("anywhere"):
        metafunc.parametrize("where", ["here"] if a_gpu_is_here() else ["here", "elsewhere"], indirect=True)


def pytest_collection_finish(session):
    """PyTorch counts its devices at the first backward pass of a process: later is too late to register one."""
    if any("elsewhere" in item.nodeid for item in session.items):
        import tests.elsewhere  # noqa: F401


@pytest.fixture(autouse=True)
def where(request):
    if getattr(request, "param", "here") == "here":
        yield
        return
    from tests.elsewhere import everything_elsewhere

    with everything_elsewhere():
        yield


@pytest.fixture(scope="session")
def small_2018() -> Path:
    """The folder of MovieLens' 2018 edition, for tests that need the real files."""
    data = os.environ.get("COLLABKIT_DATA")
    if not data:
        pytest.skip("$COLLABKIT_DATA is not set: it names the folder that holds ml-latest-small")
    folder = Path(data, "ml-latest-small")
    if not (folder / "ratings.csv").is_file():
        pytest.skip(f"$COLLABKIT_DATA is {data}, which holds no ml-latest-small/ratings.csv")
    return folder


@cache
def embedded_edition():
    from collabkit.data.embedded import embedded

    return embedded()


@pytest.fixture(scope="module")
def read_once():
    """For tests that load the embedded edition many times, and are not about that: the first reading, copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("collabkit.movielens.embedded", lambda: deepcopy(embedded_edition()))
        yield


@pytest.fixture(scope="session")
def browser():
    """A real Chromium; what a test opens in it is the test's own."""
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("no Chromium on the path: on Debian, apt-get install chromium")
    pytest.importorskip("playwright.sync_api")
    from tools.browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def said(capsys):
    """What the check of an exercise prints when it refuses an answer."""

    def run(check, *answers) -> str:
        assert not check(*answers)
        return capsys.readouterr().out

    return run


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):  # a notebook's cells have none
            item.add_marker("browser")
