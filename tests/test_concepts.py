"""tools/concepts.py: the map of concepts agrees with the glossary, says nothing twice, and no box hides another."""

import re

import pytest

from tools import concepts

RESTS_ON = {term: set(below) for term, (_, below) in concepts.CONCEPTS.items()}


def below(term: str) -> set[str]:
    """All that a concept rests on, at any depth."""
    return RESTS_ON[term].union(*(below(one) for one in RESTS_ON[term]))


def test_the_page_and_the_drawing_are_as_they_would_be_written():
    page = concepts.PAGE.read_text("utf8")
    same = concepts.written(page) == page and concepts.drawing() == concepts.DRAWING.read_text("utf8")
    assert same, "run `make notebooks`"


def test_every_chapter_has_a_concept_and_a_line_leads_down():
    of = concepts.chapters()
    assert {of[term][0] for term in RESTS_ON} == {number for number, _ in of.values()}
    for term, others in RESTS_ON.items():
        assert all(of[other][0] <= of[term][0] for other in others), f"{term} rests on what comes later"


def test_no_line_repeats_what_others_say():
    for term, others in RESTS_ON.items():
        for one in others:
            assert not any(one in below(other) for other in others - {one}), f"{term} rests on {one} through another"


def test_boxes_lie_apart_and_inside():
    boxes = list(concepts.places().values())
    for n, (x, y, width) in enumerate(boxes):
        assert x >= 20 and x + width < concepts.MARGIN
        assert all(y != y1 or x + width < x1 or x1 + w1 < x for x1, y1, w1 in boxes[:n])


def test_its_links_lead_to_chapters():
    links = re.findall(r'href="\.\./chapters/(\w+)\.html"', concepts.drawing())
    assert len(links) == len(RESTS_ON)
    assert all((concepts.ROOT / f"book/chapters/{stem}.ipynb").exists() for stem in links)


def test_a_page_without_the_table_is_left_alone():
    with pytest.raises(SystemExit, match="has 0 tables"):
        concepts.written("# Map\n")
