"""`.. accuracy::`, `.. own-quantities::` and `.. benchmarks::` show errors and times."""

from __future__ import annotations

import ast
import math
import re
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
_SPACE = "\N{NO-BREAK SPACE}"


class Accuracy(SphinxDirective):
    """What benchmarks/accuracy.py found, and which estimators are newer than that."""

    def run(self) -> list[nodes.Node]:
        """The file of results as it is, its tables in small print."""
        result = Path(self.env.srcdir).parent / "benchmarks" / "results" / "accuracy.md"
        self.env.note_dependency(str(result))
        found = self.parse_text_to_nodes("\n".join([*_included(result), "", *_unmeasured(result)]))
        for node in found:
            for each in node.findall(nodes.table):
                each["classes"].append("register")
        return found


def _included(result: Path) -> list[str]:
    line = f".. include:: /../benchmarks/results/{result.name}"
    return [line, "   :parser: myst_parser.sphinx_"]


def _unmeasured(result: Path) -> Iterator[str]:
    """A sentence on estimators that the results do not have."""
    known = re.findall(r"^\| ([A-Z].*?) \| (\w+) ", result.read_text("utf-8"), re.MULTILINE)
    missing = [
        f"``{entry.key}``"
        for entry in registry.entries()
        if entry.estimand == "shannon"
        and not any(
            title.startswith(entry.quantity.replace("_", " ").capitalize())
            and method == entry.method
            for title, method in known
        )
    ]
    if missing:
        yield f"Not measured yet: {', '.join(missing)}. ``make bench`` adds them."


class OwnQuantities(SphinxDirective):
    """Errors of estimators whose estimand is not a Shannon quantity, measured now."""

    def run(self) -> list[nodes.Node]:
        """One table."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InfotheoryWarning)
            return self.parse_text_to_nodes("\n".join(_own_quantities()))


def _own_quantities() -> Iterator[str]:
    rows = [["Estimator", "Estimand", "Problem", "Exact [nats]", "Error [nats]"]]
    for entry in registry.entries():
        if entry.estimand != "shannon":
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
            if path.stem == "accuracy":  # has a page of its own
                continue
            result = folder / "results" / f"{path.stem}.md"
            for source in (path, result):
                self.env.note_dependency(str(source))
            text = path.read_text(encoding="utf-8")
            if "__main__" not in text:
                continue
            about = ast.get_docstring(ast.parse(text)) or path.stem
            lines += [f"**{path.stem}**", "", about, ""]
            if result.exists():
                lines += _included(result)
            else:
                command = f"python benchmarks/{path.name} > benchmarks/results/{result.name}"
                lines += [".. code-block:: text", "", f"   {command}"]
            lines.append("")
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("accuracy", Accuracy)
    app.add_directive("benchmarks", Benchmarks)
    app.add_directive("own-quantities", OwnQuantities)
    return {"parallel_read_safe": True}
