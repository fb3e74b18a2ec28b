"""Notebooks are tests too, where nbval is installed."""

from importlib.util import find_spec

pytest_plugins = ["tools.notebook_tests"] if find_spec("nbval") else []
