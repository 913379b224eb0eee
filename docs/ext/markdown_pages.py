"""Reads the Markdown this project writes: headings, lists, tables, code, links, nothing else."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from docutils.parsers import rst
from docutils.transforms.universal import SmartQuotes

_UNDERLINES = "=-~^"
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_VERSION = re.compile(r"\[([^\]]+)\](?!\()")  # "## [0.1.0]" of a changelog


def translate(source: str) -> str:
    """The same text in reStructuredText."""
    translated: list[str] = []
    for fenced, lines in _parts(source.splitlines()):
        if fenced:
            language, *code = lines
            translated += ["", f".. code-block:: {language or 'text'}", ""]
            translated += [f"   {line}" for line in code] + [""]
            continue
        for is_table, group in groupby(lines, key=lambda line: line.startswith("|")):
            rows = list(group)
            translated += _table(rows) if is_table else map(_line, rows)
    return "\n".join(translated) + "\n"


def _parts(lines: list[str]) -> list[tuple[bool, list[str]]]:
    """Runs of text, and blocks of code that begin with their language."""
    parts: list[tuple[bool, list[str]]] = [(False, [])]
    for line in lines:
        fenced = parts[-1][0]
        if line.startswith("```"):
            parts.append((False, []) if fenced else (True, [line[3:].strip()]))
        else:
            parts[-1][1].append(line)
    return parts


def _line(line: str) -> str:
    level = len(line) - len(line.lstrip("#"))
    if 0 < level <= len(_UNDERLINES) and line[level : level + 1] == " ":
        title = _inline(_VERSION.sub(r"\1", line[level:].strip()))
        return f"\n{title}\n{_UNDERLINES[level - 1] * len(title)}\n"
    return _inline(line)


def _inline(text: str) -> str:
    text = _LINK.sub(r"`\1 <\2>`__", _CODE.sub("``\\1``", text))
    return text.replace("```` <", "`` <")


def _table(rows: list[str]) -> list[str]:
    cells = [[_inline(cell.strip()) for cell in row.strip().strip("|").split("|")] for row in rows]
    listed = ["", ".. list-table::", "   :header-rows: 1", ""]
    for row in [cells[0], *cells[2:]]:
        listed += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return [*listed, ""]


class Parser(rst.Parser):
    """Markdown in, document tree out."""

    supported = ("markdown", "md")

    def get_transforms(self) -> list[Any]:
        """All but typographic quotes, which would change what is to be typed."""
        return [one for one in super().get_transforms() if one is not SmartQuotes]

    def parse(self, inputstring: Any, document: Any) -> None:
        """Translate, then parse."""
        if not isinstance(inputstring, str):  # lines, from a page of its own
            inputstring = "\n".join(inputstring)
        super().parse(translate(inputstring), document)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_source_suffix(".md", "markdown")
    app.add_source_parser(Parser)
    return {"parallel_read_safe": True}
