"""What is mended in finished pages."""

from __future__ import annotations

import json

from tools.accessible import mend, once

TABLE = """<div class="output text_html"><div>
<table border="1" class="dataframe"><thead><tr><th></th><th>film</th><th>stars</th></tr></thead>
<tbody><tr><th>0</th><td>Heat</td><td>4.5</td></tr><tr><th>1</th><td>"Emma"</td><td>NaN</td></tr></tbody></table>"""


def test_the_heading_of_a_numbered_page_is_found_as_the_page():
    titles = ['<span class="section-number">6. </span>Weight decay', "Glossary"]
    index = {"titles": titles, "alltitles": {"Weight decay": [[0, "weight-decay"], [1, "w"]]}}
    mended = once(f"Search.setIndex({json.dumps(index)})")
    assert mended.startswith("Search.setIndex({") and mended.endswith("})")
    headings = json.loads(mended[16:-1])["alltitles"]
    assert headings == {"6. Weight decay": [[0, None]], "Weight decay": [[1, "w"]]}
    assert once(mended) == mended


def test_columns_of_words_are_marked_and_a_corner_is_no_heading():
    page = mend(TABLE)
    assert '<tr><td></td><th class="words">film</th><th>stars</th></tr>' in page
    assert '<td class="words">Heat</td><td>4.5</td>' in page and '<td class="words">"Emma"</td><td>NaN</td>' in page
    assert 'data-table" role="group" aria-label="Table">' in page


def test_twice_gives_the_same():
    figure = f'<img alt="A" src="../_images/{"0a" * 32}.png" /><div class="pst-scrollable-table-container">'
    page = mend(TABLE + figure)
    assert page.count("role=") == 3 and mend(page) == page
