"""Gives an example that the build does not run the figure of an earlier run of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FIGURE = """
.. figure:: /_static/{name}.png
   :alt: The figure of this page

   This page takes longer than the building of the site may take, so it was not run just now.
   This is the figure of an earlier run; ``make gallery`` runs the page again.
"""


def _show(app: Any, document: str, content: list[str]) -> None:
    for name in app.config.unrun_examples:
        figure = Path(app.srcdir) / "_static" / f"{name}.png"
        if document == f"gallery/plot_{name}" and figure.exists():
            # Sphinx-gallery writes this line between the introduction and the first code.
            introduction, mark, code = content[0].partition(".. GENERATED FROM PYTHON SOURCE")
            content[0] = "".join([introduction, _FIGURE.format(name=name), "\n", mark, code])


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("unrun_examples", [], "env")
    app.connect("source-read", _show)
    return {"parallel_read_safe": True}
