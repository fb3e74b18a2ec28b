"""A chapter as the rules see it: its sections, its cells, and the names in its code."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from nbformat import NotebookNode


@dataclass
class Chapter:
    """A notebook, its number, and what it may refer to."""

    nb: NotebookNode
    number: int
    references: set[str] = field(default_factory=set)
    measured: set[float] = field(default_factory=set)

    @property
    def cells(self) -> list[NotebookNode]:
        return self.nb.cells

    def prose(self) -> list[str]:
        return [cell.source for cell in self.cells if cell.cell_type == "markdown"]

    def code(self, *, tagged: str | None = None, untagged: tuple[str, ...] = ()) -> list[NotebookNode]:
        found = [cell for cell in self.cells if cell.cell_type == "code"]
        return [c for c in found if (not tagged or tagged in tags(c)) and not set(untagged) & set(tags(c))]

    def uses_a_device(self) -> bool:
        """Whether tensors may be on a GPU: all that is not a learner's stays on the CPU unless it names a device."""
        return bool(re.search(r"rating_learner|collab_dataloaders|device", "\n".join(c.source for c in self.code())))

    def sections(self) -> list[tuple[str, list[NotebookNode]]]:
        """(heading, cells) of every `##` section; a heading starts its cell."""
        found: list[tuple[str, list[NotebookNode]]] = []
        for cell in self.cells:
            heading = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
            if heading:
                found.append((heading[1].strip(), []))
            if found:
                found[-1][1].append(cell)
        return found

    def section(self, title: str) -> list[NotebookNode]:
        return next((cells for heading, cells in self.sections() if heading == title), [])


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def tree(cell: NotebookNode) -> ast.Module:
    """The cell's syntax tree; empty when it is not Python, which `plain_python` reports."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module([], [])


def calls(cell: NotebookNode) -> list[str]:
    """Dotted names of all that a cell calls: "plt.plot", "quiz", "band.check" for band(...).check(...)."""

    def name(node: ast.AST) -> str:
        match node:
            case ast.Call():
                return name(node.func)
            case ast.Attribute():
                return f"{name(node.value)}.{node.attr}"
            case ast.Name():
                return node.id
        return ""

    return [name(node) for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]


def bound(cell: NotebookNode) -> set[str]:
    """Names that a cell assigns, defines or changes at its top level (imports apart)."""
    names: set[str] = set()
    todo: list[ast.AST] = list(tree(cell).body)
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names.add(node.id)
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                root: ast.AST = node
                while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
                    root = root.func if isinstance(root, ast.Call) else root.value
                names |= {root.id} if isinstance(root, ast.Name) else set()
        todo += ast.iter_child_nodes(node)
    return names


def used(cell: NotebookNode) -> set[str]:
    return {node.id for node in ast.walk(tree(cell)) if isinstance(node, ast.Name)}
