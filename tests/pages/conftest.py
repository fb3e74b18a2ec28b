import pytest

from tests.pages import site


@pytest.fixture(scope="session")
def book():
    with site.served(site.HTML) as address:
        yield address


@pytest.fixture(scope="session")
def visitor(browser, book):
    return site.Visitor(browser, book)
