"""`.. accuracy::` measures every estimator; `.. benchmarks::` shows what benchmarks found."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from register_pages import table
from sphinx.util.docutils import SphinxDirective

from infotheory import InfotheoryWarning, registry, truth

SAMPLES, REPEATS = 1000, 10
_KINDS = {"real": "real numbers"}
_SPACE = "\N{NO-BREAK SPACE}"


class Accuracy(SphinxDirective):
    """Errors of all registered estimators on problems with exact answers."""

    def run(self) -> list[nodes.Node]:
        """One table for each kind of data, and one for quantities of their own."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InfotheoryWarning)
            return self.parse_text_to_nodes("\n".join(accuracy()))


def accuracy() -> Iterator[str]:
    """The tables, in reStructuredText."""
    groups: dict[tuple[str, tuple[str, ...]], list[registry.Entry]] = {}
    alone = []
    for entry in registry.entries():
        if entry.estimand == "shannon":
            groups.setdefault((entry.quantity, entry.inputs), []).append(entry)
        else:
            alone.append(entry)
    for (quantity, inputs), members in groups.items():
        kinds = " and ".join(_KINDS.get(kind, kind) for kind in inputs)
        yield f"**{quantity.replace('_', ' ').capitalize()} of {kinds}**\n"
        rows = [["Problem", "Exact [nats]", *(member.method for member in members)]]
        for problem in truth.catalogue(quantity, inputs):
            cells = [_error(member, problem) for member in members]
            rows.append([problem.name, f"{problem.value:.4f}", *cells])
        yield from table(rows)
    yield "**Quantities of their own**\n"
    rows = [["Estimator", "Estimand", "Problem", "Exact [nats]", "Error [nats]"]]
    for entry in alone:
        for problem in entry.truth:
            exact, error = f"{problem.value:.4f}", _error(entry, problem)
            rows.append([entry.key, entry.estimand, problem.name, exact, error])
    yield from table(rows)


def _error(entry: registry.Entry, problem: truth.Truth) -> str:
    """Mean error, and the deviation of a single estimate."""
    rng = np.random.default_rng(0)
    options = {name: value for name, value in problem.options.items() if name in entry.options}
    errors = [
        entry.function(*problem.sample(SAMPLES, rng), **options).value - problem.value
        for _ in range(REPEATS)
    ]
    mean, deviation = float(np.mean(errors)), float(np.std(errors, ddof=1))
    if not math.isfinite(mean):
        return str(mean)
    return f"{mean:+.3f} ± {deviation:.3f}".replace(" ", _SPACE)


class Benchmarks(SphinxDirective):
    """What each file in benchmarks/ measures, and what it printed."""

    def run(self) -> list[nodes.Node]:
        """A paragraph, the command, and the result where there is one."""
        folder = Path(self.env.srcdir).parent / "benchmarks"
        lines: list[str] = []
        for path in sorted(folder.glob("[a-z]*.py")):
            result = folder / "results" / f"{path.stem}.md"
            for source in (path, result):
                self.env.note_dependency(str(source))
            text = path.read_text(encoding="utf-8")
            if "__main__" not in text:
                continue
            about = ast.get_docstring(ast.parse(text)) or path.stem
            lines += [f"**{path.stem}**", "", about, ""]
            if result.exists():
                included = f".. include:: /../benchmarks/results/{result.name}"
                lines += [included, "   :parser: myst_parser.sphinx_"]
            else:
                command = f"python benchmarks/{path.name} > benchmarks/results/{result.name}"
                lines += [".. code-block:: text", "", f"   {command}"]
            lines.append("")
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("accuracy", Accuracy)
    app.add_directive("benchmarks", Benchmarks)
    return {"parallel_read_safe": True}
