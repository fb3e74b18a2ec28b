"""A Sphinx extension: what a cell puts out and its metadata name is numbered, "Figure 2.3" or "Table 6.1".

A cell has its caption beside the alternative text of its picture, where neither Colab nor GitHub shows it:

    "mystnb": {"image": {"alt": …}, "figure": {"caption": "The loss, step by step.", "name": "fig-loss"}}

MyST-NB makes a figure of the cell's output, which is one: the build fails where two would have the same name. Here a
figure without a picture becomes a table, with its caption above.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.transforms import SphinxTransform


class CaptionedTable(nodes.figure):
    """A table with a caption, whatever it is made of: pandas writes its own HTML."""


def is_table(figure: nodes.figure) -> bool:
    """An output of a cell that is no picture."""
    bundles = [one for one in figure.findall(nodes.container) if one.get("nb_element") == "mime_bundle"]
    return bool(bundles) and not any(figure.findall(nodes.image))


class Tables(SphinxTransform):
    default_priority = 200  # before Sphinx gives out ids

    def apply(self, **kwargs) -> None:
        for figure in list(self.document.findall(nodes.figure)):
            if is_table(figure):
                above = sorted(figure.children, key=lambda child: not isinstance(child, nodes.caption))
                attributes = {**figure.attributes, "classes": [*figure["classes"], "output-table"]}
                figure.replace_self(table := CaptionedTable("", *above, **attributes))
                self.document.ids.update(dict.fromkeys(table["ids"], table))


def enter(translator, node) -> None:
    translator.visit_figure(node)


def leave(translator, node) -> None:
    translator.depart_figure(node)


def setup(app) -> dict[str, bool]:
    app.add_enumerable_node(CaptionedTable, "table", html=(enter, leave), latex=(enter, leave))
    app.add_transform(Tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
