"""Models and pages on disk: whole or not at all, and never pickled."""
