"""A table of ratings: its ids, its columns, and the files it comes from."""
