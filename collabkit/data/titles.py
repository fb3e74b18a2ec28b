"""Titles: films are filed under their first noun, "Olvidados, Los", and spoken of with the article in front."""

from __future__ import annotations

import re

ARTICLES = "a|an|das|de|den|der|det|die|el|en|het|il|l'|la|las|le|les|lo|los|the|un|una|une"
_FILED = re.compile(rf"([^()]+(?:\([^()]*\))?), ({ARTICLES})(?= *[():]| *$)", re.IGNORECASE)


def spoken(title: str) -> str:
    """Each article behind a comma goes to the front: ``"Olvidados, Los (1950)"`` becomes ``"Los Olvidados (1950)"``.

    So it does in brackets, where MovieLens has other names of a film.
    """
    return _FILED.sub(lambda filed: filed[2] + " " * (not filed[2].endswith("'")) + filed[1], title)


def without_article(title: str) -> str:
    """The title without any article behind a comma: ``"Olvidados (1950)"``."""
    return _FILED.sub(r"\1", title)
