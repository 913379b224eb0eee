"""Formulas as MathML, which browsers draw themselves: no script, no font, no network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml, unichar2tex

#: An accent and what it stands on, in front of an index.
_ACCENTED = re.compile(r"\\(?:hat|bar|tilde)\s*(?:\\[a-zA-Z]+|\{[^{}]*\}|\w)(?=\s*[_^])")


def _markup(node: nodes.Node, as_block: bool) -> str:
    # Grouped, or the index of \hat H_n would be set below the accent.
    source = _ACCENTED.sub(r"{\g<0>}", node.astext()).translate(unichar2tex.uni2tex_table)
    return latex2mathml.tex2mathml(source, as_block=as_block)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_markup(node, as_block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="formula">{_markup(node, as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True}
