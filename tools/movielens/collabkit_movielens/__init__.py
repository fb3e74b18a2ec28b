"""MovieLens' small edition of October 2016. The terms are GroupLens' own: README.md, beside this file, has them."""

__version__ = "2016.10"
