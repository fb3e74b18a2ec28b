"""The MyST that notebooks may use, and its translation into plain Markdown.

The rendered book understands MyST; Colab and GitHub show it raw. So notebooks keep to the short list below,
and `python tools/notebooks.py plain` turns it into Markdown that reads well everywhere.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

# All the MyST a notebook may use beyond plain Markdown and $math$; `plain` knows how to translate each.
DIRECTIVES = {"note": "Note", "tip": "Tip", "warning": "Warning", "admonition": ""}
ROLES = ("cite:p", "cite:t", "doc", "ref", "term")
GLOSSARY = "book/appendix/glossary.md"


class MystError(ValueError):
    """Markup that the book's rules do not allow, or that points nowhere."""


FENCE = re.compile(r"^(`{3,}|~{3,}|:{3,})(.*)$")
INLINE = re.compile(r"\{(?P<role>[\w:+-]+)\}`(?P<body>[^`]+)`|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)")
LINK = re.compile(r"\]\((?!https?:|mailto:|attachment:|#)([^)\s]+)")
FIGURE = re.compile(r"!\[(?P<alt>[^\]]+)\]\(\.\./_figures/(?P<name>\w+)\.svg\)")  # one that moves (tools/figures.py)
TARGET = re.compile(r"^\([\w-]+\)=$")


def blocks(text: str):
    """Split Markdown into (kind, info, lines), where kind is "text", "code" or "directive"."""
    opened, info = "", ""
    lines: list[str] = []
    for line in text.split("\n"):
        fence = FENCE.match(line)
        if not opened and fence and (fence[1][0] != ":" or fence[2].strip()):
            yield "text", "", lines
            opened, info, lines = fence[1], fence[2].strip(), [line]
        elif opened and fence and fence[1].startswith(opened) and not fence[2].strip():
            directive = opened[0] == ":" or info.startswith("{")
            yield "directive" if directive else "code", info, [*lines, line]
            opened, info, lines = "", "", []
        else:
            lines.append(line)
    if opened:
        raise MystError(f"the block that starts with '{lines[0]}' is never closed")
    yield "text", "", lines


def myst_problems(text: str) -> list[str]:
    """What in this Markdown is neither plain nor in `DIRECTIVES` and `ROLES`."""
    problems = []
    try:
        for kind, info, lines in blocks(text):
            if kind == "directive":
                name = re.match(r"\{(\S+)\}", info)
                if lines[0].startswith(("`", "~")):
                    problems.append(f"write '{lines[0]}' with colons (:::), not with backticks")
                if not name or name[1] not in DIRECTIVES:
                    problems.append(f"directive '{lines[0]}' is not one of {', '.join(DIRECTIVES)}")
                problems += myst_problems("\n".join(lines[1:-1]))
            elif kind == "text":
                roles = [m["role"] for m in INLINE.finditer("\n".join(lines)) if m["role"]]
                wrong = [role for role in roles if role not in ROLES]
                problems += [f"role '{{{role}}}' is not one of {', '.join(ROLES)}" for role in wrong]
                links = LINK.findall(FIGURE.sub("", INLINE.sub("", "\n".join(lines))))
                problems += [f"link '{link}' works in the book only: write {{doc}} instead" for link in links]
    except MystError as error:
        problems.append(str(error))
    return problems


def references(bib: str) -> dict[str, dict[str, str]]:
    """Entries of a BibTeX file whose fields are written one a line, `name = {value},`."""
    entries = {}
    for key, body in re.findall(r"^@\w+\{([^,\s]+),\n(.*?)^\}", bib, re.M | re.S):
        fields = re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", body, re.M)
        entries[key] = {name.lower(): re.sub(r"[{}]", "", value) for name, value in fields}
    return entries


def authors_year(entry: dict[str, str]) -> tuple[str, str]:
    names = [name.split(",")[0].strip() for name in entry["author"].split(" and ")]
    who = " & ".join(names) if len(names) < 3 else f"{names[0]} et al."
    return who, entry["year"]


def anchor(term: str) -> str:
    """A term as Sphinx writes it in the page's address."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", term).strip("-")


class Plain:
    """Translates one notebook's Markdown; names of pages start from the folder `here`.

    A link to a notebook leads to the notebook; one to a page or a term leads to the published book, at `site`.
    """

    def __init__(self, here: Path, root: Path, bib: dict[str, dict[str, str]], url: str, site: str):
        self.here, self.root, self.bib, self.url, self.site = here, root, bib, url, site

    def markdown(self, text: str) -> str:
        if problems := myst_problems(text):
            raise MystError("; ".join(problems))
        parts = [self.directive(lines) if kind == "directive"
                 else "\n".join(lines) if kind == "code"
                 else FIGURE.sub(self.figure, INLINE.sub(
                     self.role, "\n".join(line for line in lines if not TARGET.match(line))))
                 for kind, _, lines in blocks(text) if lines]  # fmt: skip
        return "\n".join(parts)

    def directive(self, lines: list[str]) -> str:
        name, title = lines[0].lstrip(":").strip().removeprefix("{").split("}", 1)
        body = "\n".join(lines[1:-1]).strip()
        text = re.sub(r"\A(:[\w-]+:.*\n?)+", "", body)
        options = body.removesuffix(text)
        body = self.markdown(text.strip())
        title = self.markdown(": ".join(part for part in (DIRECTIVES[name], title.strip()) if part))
        if re.search(r"^:class:.*\bdropdown\b", options, re.M):  # closed, as in the book: it may hold an answer
            return f"<details>\n<summary><b>{title}</b></summary>\n\n{body}\n\n</details>"
        return "\n".join(f"> {line}".rstrip() for line in [f"**{title}**", "", *body.split("\n")])

    def role(self, match: re.Match) -> str:
        role, body = match["role"], match["body"]
        if role is None:
            return match[0]  # a piece of code
        if role.startswith("cite"):
            return self.cite(role, [key.strip() for key in body.split(",")])
        text, _, target = body.rstrip(">").rpartition("<") if body.endswith(">") else ("", "", body)
        translate = {"doc": self.doc, "term": self.term}.get(role, lambda text, target: text or target)
        return translate(text.strip(), target)

    def cite(self, role: str, keys: list[str]) -> str:
        cited = []
        for key in keys:
            if key not in self.bib:
                raise MystError(f"citation '{key}' is not in references.bib")
            (who, year), entry = authors_year(self.bib[key]), self.bib[key]
            link = f"https://doi.org/{entry['doi']}" if "doi" in entry else entry.get("url", self.url)
            cited.append(f"[{who} {year}]({link})" if role == "cite:p" else f"{who} ([{year}]({link}))")
        return f"({'; '.join(cited)})" if role == "cite:p" else ", ".join(cited)

    def doc(self, text: str, target: str) -> str:
        for suffix in (".ipynb", ".md"):
            path = (self.here / (target + suffix)).resolve()
            if path.exists():
                break
        else:
            raise MystError(f"{{doc}}`{target}` points at no page")
        source = path.read_text("utf8")
        if suffix == ".ipynb":
            source = nbformat.reads(source, as_version=4).cells[0].source
        heading = re.search(r"^# (.+)$", source, re.M)
        title = text or (heading[1] if heading else target)
        if suffix == ".ipynb":
            return f"[{title}]({target}.ipynb)"
        return f"[{title}]({self.page(path)})"

    def figure(self, match: re.Match) -> str:
        """The still picture of a figure that moves, and a link to the page where it does."""
        shown = f"_figures/{match['name']}.svg"
        pages = [path for path in sorted(self.here.glob("*.ipynb")) if shown in path.read_text("utf8")]
        if not pages or not (self.root / "book" / shown).exists():
            raise MystError(f"the figure '{match['name']}' has no still picture, or no notebook shows it")
        page = self.page(pages[0].resolve())
        still = f"![{match['alt']}]({self.site.rstrip('/')}/_images/{match['name']}.svg)"
        return f"[{still}]({page})\n\n*[In the book]({page}) this picture moves.*"

    def term(self, text: str, target: str) -> str:
        return f"[{text or target}]({self.page(self.root / GLOSSARY)}#term-{anchor(target)})"

    def page(self, path: Path) -> str:
        return f"{self.site.rstrip('/')}/{path.relative_to(self.root).with_suffix('.html').as_posix()}"
