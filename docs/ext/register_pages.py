"""Writes the reference from the package itself: the register, the public names, the parser."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from links import linked

import infotheory
from infotheory import cli, losses, registry, widths

_ABOUT_THE_TABLES = """
*Inputs* are what each array must be: real numbers, or codes (labels). *Estimand* is what the number
approaches with more and more samples: "shannon" is the entropy or the mutual information itself,
anything else a quantity of its own, which is not comparable with it. *Bound* is given where the
number is known to lie on one side of its estimand.
"""


def write(folder: Path) -> None:
    """Write all pages into `folder`, leaving those that have not changed untouched."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"estimators": _estimators(), "interface": _interface(), "command_line": _commands()}
    pages |= {"losses": _losses(), "widths": _widths()}
    pages |= {_name(entry): _estimator(entry) for entry in registry.entries()}
    for name, lines in pages.items():
        page, text = folder / f"{name}.rst", "\n".join(lines) + "\n"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
    for page in folder.glob("*.rst"):
        if page.stem not in pages:
            page.unlink()


def _name(entry: registry.Entry) -> str:
    return entry.key.replace(":", "-")


def _title(text: str, underline: str = "=") -> list[str]:
    return [text, underline * len(text), ""]


def table(rows: Iterable[Iterable[str]], *, widths: str = "auto", header: bool = True) -> list[str]:
    """A table in reStructuredText, its first row or its first column the header."""
    lines = [".. list-table::", "   :class: register", f"   :header-rows: {int(header)}"]
    lines += [f"   :widths: {widths}"]
    lines += ["   :stub-columns: 1"] * (not header) + [""]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return [*lines, ""]


def _estimators() -> Iterator[str]:
    """The table of all estimators, a section for each quantity."""
    yield from [":html_theme.sidebar_secondary.remove:", ""]  # the tables need the room
    yield from _title("Estimators")
    yield _ABOUT_THE_TABLES
    entries = registry.entries()
    for quantity in dict.fromkeys(entry.quantity for entry in entries):
        yield from _title(quantity.replace("_", " ").capitalize(), "-")
        rows = [("Key", "Inputs", "Unit", "Estimand", "Bound", "Engines", "Source")]
        rows += [
            (
                f":doc:`{entry.key} <{_name(entry)}>`",
                ", ".join(entry.inputs),
                entry.unit or "none",
                entry.estimand,
                entry.bound or "",
                ", ".join(entry.engines),
                linked(entry.source),
            )
            for entry in entries
            if entry.quantity == quantity
        ]
        yield from table(rows, widths="23 10 7 14 8 9 29")
    yield from [".. toctree::", "   :hidden:", ""]
    yield from (f"   {_name(entry)}" for entry in entries)


def _estimator(entry: registry.Entry) -> Iterator[str]:
    """What the register knows of one estimator, then its docstring."""
    function = f"{entry.method}_{entry.quantity}"
    yield from _title(entry.key)
    yield from [f".. py:currentmodule:: {infotheory.__name__}", ""]
    verb = getattr(infotheory, entry.quantity, None)
    if verb is not None:
        arrays = ", ".join(_arrays(entry))
        call = f'it.{entry.quantity}({arrays}, method="{entry.method}")'
        yield from [".. code-block:: python", "", "   import infotheory as it", ""]
        yield from [f"   {call}", f"   it.{function}({arrays})  # the same", ""]
    rows = {
        "Inputs": ", ".join(entry.inputs),
        "Unit": entry.unit or "none",
        "Estimand": entry.estimand,
        "Bound": entry.bound or "none",
        "Engines": ", ".join(entry.engines),
        "Differentiable": "yes" if entry.differentiable else "no",
        "Source": linked(entry.source),
        "Tested against": "; ".join(
            f"{truth.name} (exactly {truth.value:.6g})" for truth in entry.truth
        ),
    }
    yield from table(rows.items(), widths="20 80", header=False)
    yield from [f".. autofunction:: {function}", ""]


def _arrays(entry: registry.Entry) -> list[str]:
    parameters = inspect.signature(entry.function).parameters
    return [name for name, one in parameters.items() if one.kind is not one.KEYWORD_ONLY]


def _interface() -> Iterator[str]:
    """Every public name, verbs before the rest, as the package lists them."""
    yield from _title("Python interface")
    yield from [
        "All names of ``infotheory``, usually imported as ``import infotheory as it``. Each",
        ":doc:`estimator <estimators>` is a name of it as well: ``it.ksg_mutual_information``.",
        "",
        f".. py:currentmodule:: {infotheory.__name__}",
        "",
    ]
    found = {name: getattr(infotheory, name) for name in infotheory.__all__}
    functions = [name for name, it in found.items() if not inspect.isclass(it)]
    classes = [name for name, it in found.items() if inspect.isclass(it)]
    yield from _title("Functions", "-")
    for name in functions:
        yield from [f".. autofunction:: {name}", ""]
    yield from _title("Classes", "-")
    for name in classes:
        is_warning = issubclass(found[name], Warning)
        yield from [f".. autoclass:: {name}"] + ["   :members:"] * (not is_warning) + [""]


def _losses() -> Iterator[str]:
    """Every loss, as their module lists them."""
    yield from _title("Losses")
    yield from [
        "All names of ``infotheory.losses``. See :doc:`/how_to/train_with_a_loss`.",
        "",
    ]
    yield from _functions(losses, losses.__all__)


def _widths() -> Iterator[str]:
    """The rules of kernel widths that users call themselves."""
    yield from _title("Kernel widths")
    yield from ["The widths that methods with kernels choose, from ``infotheory.widths``.", ""]
    yield from _functions(widths, ("kernel_width", "aligned_width"))


def _functions(module: ModuleType, names: Iterable[str]) -> Iterator[str]:
    yield from [f".. py:currentmodule:: {module.__name__}", ""]
    for name in names:
        yield from [f".. autofunction:: {name}", ""]


def _commands() -> Iterator[str]:
    """Each command with its options, from the parser itself."""
    parser = cli._parser()
    yield from _title("Command line")
    codes = inspect.cleandoc(cli.main.__doc__ or "").partition("\n\n")[2]
    yield from ["Exit codes. " + " ".join(codes.split()), ""]
    yield from _options(parser, parser.prog)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from _title(f"{parser.prog} {name}", "-")
                yield from [_sentence(command.description), "", ".. code-block:: text", ""]
                command.formatter_class = _Narrow
                yield from (f"   {line}" for line in command.format_usage().splitlines())
                yield ""
                yield from _options(command, f"{parser.prog} {name}")


class _Narrow(argparse.HelpFormatter):
    """Usage that fits into the page, whatever the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=66)


def _options(parser: argparse.ArgumentParser, program: str) -> Iterator[str]:
    formatter = argparse.HelpFormatter(parser.prog)
    yield from [f".. program:: {program}", ""]
    for action in parser._actions:
        if isinstance(action, (argparse._SubParsersAction, argparse._HelpAction)):
            continue
        value = "" if action.nargs == 0 else f" {formatter._format_args(action, _value(action))}"
        names = ", ".join(f"{name}{value}" for name in action.option_strings) or value.strip()
        about = formatter._expand_help(action) if action.help else _default(action)
        yield from [f".. option:: {names}", "", f"   {about}", ""]


def _value(action: argparse.Action) -> str:
    if action.metavar is not None:
        return str(action.metavar)
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _default(action: argparse.Action) -> str:
    return f"default: {action.default}" if action.default is not None else ""


def _sentence(text: str | None) -> str:
    text = (text or "").strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") or not text else ".")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "reference" / "generated"))
    return {"parallel_read_safe": True}
