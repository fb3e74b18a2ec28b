"""A Sphinx extension: what a cell puts out and its metadata name is numbered, "Figure 2.3" or "Table 6.1".

A cell has its caption beside the alternative text of its picture, where neither Colab nor GitHub shows it:

    "mystnb": {"image": {"alt": …}, "figure": {"caption": "The loss, step by step.", "name": "fig-loss"}}

MyST-NB makes a figure of each output of that cell. Here the caption stays with the picture, where there is one. Where
there is none, the figure becomes a table, with its caption above.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.transforms import SphinxTransform


class CaptionedTable(nodes.figure):
    """A table with a caption, whatever it is made of: pandas writes its own HTML."""


def of_cells(document: nodes.document) -> list[list[nodes.figure]]:
    """The figures that MyST-NB has made, those of one cell together."""
    outputs = [one for one in document.findall(nodes.container) if one.get("nb_element") == "cell_code_output"]
    return [list(output.findall(nodes.figure)) for output in outputs]


def has_picture(figure: nodes.figure) -> bool:
    return any(figure.findall(nodes.image))


class Tables(SphinxTransform):
    default_priority = 200  # before Sphinx gives out ids

    def apply(self, **kwargs) -> None:
        for figures in of_cells(self.document):
            pictures = any(map(has_picture, figures))
            for figure in figures:
                bare = [child for child in figure if not isinstance(child, nodes.caption)]
                if pictures and not has_picture(figure):
                    figure.replace_self(bare)
                elif not pictures:
                    captions = [child for child in figure if isinstance(child, nodes.caption)]
                    attributes = {**figure.attributes, "classes": [*figure["classes"], "output-table"]}
                    figure.replace_self(table := CaptionedTable("", *captions, *bare, **attributes))
                    self.document.ids.update(dict.fromkeys(table["ids"], table))


def enter(translator, node) -> None:
    translator.visit_figure(node)


def leave(translator, node) -> None:
    translator.depart_figure(node)


def setup(app) -> dict[str, bool]:
    app.add_enumerable_node(CaptionedTable, "table", html=(enter, leave), latex=(enter, leave))
    app.add_transform(Tables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
