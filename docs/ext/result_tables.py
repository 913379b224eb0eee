"""`.. result:: NAME`: the table that `make bench` wrote, or the command that writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from markdown_pages import translate
from sphinx.util.docutils import SphinxDirective


class Result(SphinxDirective):
    """Shows benchmarks/results/NAME.md."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The content of the file, or a note that it has not been made here."""
        root = Path(self.env.srcdir).parent
        path = root / "benchmarks" / "results" / f"{self.arguments[0]}.md"
        self.env.note_dependency(str(path))
        if path.exists():
            return self.parse_text_to_nodes(translate(path.read_text(encoding="utf-8")))
        text = (
            f".. note:: This table is not part of this build. ``make bench`` writes it to "
            f"``{path.relative_to(root)}``; build the site again to see it here."
        )
        return self.parse_text_to_nodes(text)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("result", Result)
    return {"parallel_read_safe": True}
