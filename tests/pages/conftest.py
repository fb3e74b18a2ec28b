import pytest

from tests.pages import site
from tools.browser import serve


@pytest.fixture(scope="session")
def book():
    with serve() as address:
        yield address


@pytest.fixture(scope="session")
def visitor(browser, book):
    return site.Visitor(browser, book)
