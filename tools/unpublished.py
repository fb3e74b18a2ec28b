"""A Sphinx extension: until the repository's URL is set, no page links to where the course would be published.

Buttons for Colab, the repository and its issues are left out, and so are the pages' own addresses; a link in the text
is text only. The build ends with how to set the URL.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.util import logging

from tools import repository

BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button", "use_source_button")


def leave_out_buttons(app, config) -> None:
    config.html_theme_options = {**config.html_theme_options, **dict.fromkeys(BUTTONS, False), "launch_buttons": {}}
    config.html_baseurl = config.ogp_site_url = ""


def leave_out_links(app, doctree, page) -> None:
    for link in list(doctree.findall(nodes.reference)):
        if repository.PLACEHOLDER in link.get("refuri", ""):
            link.replace_self(link.children)


def say_how(app, error) -> None:
    logging.getLogger(__name__).info(
        "The pages have no buttons for Colab, the repository and its issues, since its URL is not set: "
        "make repository URL=https://github.com/OWNER/NAME"
    )


def setup(app) -> dict[str, bool]:
    if not repository.is_set():
        app.connect("config-inited", leave_out_buttons)
        app.connect("doctree-resolved", leave_out_links)
        app.connect("build-finished", say_how)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
