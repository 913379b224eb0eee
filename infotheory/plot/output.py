"""Figures and pages as files: whole or not at all, and the same bytes for the same content."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save", "write"]

#: Without these, matplotlib writes the date.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {},
}


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a figure as .svg (with its text as text), .png or .pdf.

    The same figure gives the same bytes, so that a file changes only when its content does.

    Parameters
    ----------
    figure : Figure
        What to write.
    path : str or path
        Where; the suffix says how. An older file is replaced in one move.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        For another suffix.
    """
    import matplotlib

    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _METADATA:
        raise ValueError(f"a figure is saved as .svg, .png or .pdf; got {path.name!r}.")
    # Identifiers in an svg are random without a salt.
    fixed: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "infotheory",
        "pdf.fonttype": 42,
    }
    drawn = io.BytesIO()
    with matplotlib.rc_context(fixed):
        figure.savefig(drawn, format=kind, dpi=160, metadata=_METADATA[kind])
    return write(drawn.getvalue(), path)


def write(content: bytes, path: str | os.PathLike[str]) -> Path:
    """Write a file in one move: readers see the old one or the new one, never a part."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the name of a file in it.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
