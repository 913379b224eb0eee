"""Makes a link of each "doi:..." and "arXiv:..." in a docstring."""

from __future__ import annotations

import re
from typing import Any

_DOI = re.compile(r"\bdoi:(10\.[^\s,;]*[^\s,;.])")
_ARXIV = re.compile(r"\barXiv:((?:[a-z-]+/\d{7})|\d{4}\.\d{4,5})")


def linked(text: str) -> str:
    """The text with its identifiers as links, in reStructuredText."""
    text = _DOI.sub(r"`doi:\1 <https://doi.org/\1>`__", text)
    return _ARXIV.sub(r"`arXiv:\1 <https://arxiv.org/abs/\1>`__", text)


def _process(app: Any, what: str, name: str, it: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [linked(line) for line in lines]


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _process, priority=900)  # after numpydoc
    return {"parallel_read_safe": True}
