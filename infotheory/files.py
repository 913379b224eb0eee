"""Samples from files and options from words, for the command line."""

from __future__ import annotations

import ast
import csv
import re
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import numpy as np

__all__ = ["on_device", "parse_call", "parse_options", "read"]

_SELECTED = re.compile(r"^(?P<path>.+\.(?:npz|csv|tsv)|-):(?P<columns>.+)$")


def read(name: str) -> Any:
    """The samples in a file: `.npy`, `.npz:KEY`, `.csv` or `.tsv` (`:COLUMN,COLUMN`), `.pt`, `-`.

    Nothing is unpickled, so that a file from somebody else cannot run code. In a table the first
    row is a header if none of its cells is a number.
    """
    selected = _SELECTED.match(name)
    path = Path(selected["path"] if selected else name)
    columns = selected["columns"].split(",") if selected else []
    if str(path) == "-":
        return _table(sys.stdin, "stdin", columns, ",")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{name}: the name must end in one of {', '.join(_READERS)}.")
    return reader(path, columns)


def parse_options(pairs: Iterable[str]) -> dict[str, Any]:
    """{"k": 5} from ["k=5"]; a word that is no Python literal is a string."""
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name.isidentifier() and equals):
            raise ValueError(f"an option must look like NAME=VALUE; got {pair!r}.")
        options[name] = _literal(value)
    return options


def parse_call(text: str) -> tuple[str, dict[str, Any]]:
    """("binned", {"bins": 5}) from "binned(bins=5)"; the brackets may be left out."""
    name, bracket, rest = text.strip().partition("(")
    if bracket and not rest.endswith(")"):
        raise ValueError(f"a method must look like NAME or NAME(OPTION=VALUE, ...); got {text!r}.")
    pairs = (pair.strip() for pair in rest.rstrip(")").split(",") if pair.strip())
    return name, parse_options(pairs)


def on_device(samples: Iterable[Any], device: str) -> list[Any]:
    """The samples as they are, or as tensors on CUDA if that is asked for or "auto" finds it."""
    samples = list(samples)
    if device == "cpu":
        return samples
    import torch

    if not torch.cuda.is_available():
        if device == "cuda":
            raise ValueError("--device cuda: torch finds no CUDA device.")
        return samples
    return [
        x if getattr(x, "dtype", np.dtype(object)).kind in "USO" else torch.as_tensor(x).cuda()
        for x in samples
    ]


def _literal(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def _npy(path: Path, columns: list[str]) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        # numpy's own words advise to unpickle what cannot be read, which would run its code.
        raise ValueError(
            f"{path} is not a readable .npy file: it must hold numbers or strings, no Python "
            f"objects, as np.save writes them."
        ) from None


def _npz(path: Path, columns: list[str]) -> Any:
    with _archive(path) as archive:
        if not columns and len(archive.files) == 1:
            columns = archive.files
        if len(columns) != 1 or columns[0] not in archive:
            held = ", ".join(archive.files)
            raise ValueError(f"{path} holds {held}: choose one, for example {path}:{held[:1]}.")
        return archive[columns[0]]


def _archive(path: Path) -> Any:
    if path.exists() and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} must be a .npz file, as np.savez writes it.")
    return np.load(path, allow_pickle=False)


def _separated(path: Path, columns: list[str]) -> Any:
    try:
        # Spreadsheets put a mark before the first header, which is no part of its name.
        with path.open(newline="", encoding="utf-8-sig") as lines:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            return _table(lines, str(path), columns, delimiter)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be text in UTF-8; byte {error.start} is not. Save it again in UTF-8."
        ) from None


def _torch(path: Path, columns: list[str]) -> Any:
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # bytes that are no pickle make any kind of error
        raise ValueError(
            f"{path} must be a tensor as torch.save writes it, with no code in it; torch says "
            f"{type(error).__name__}."
        ) from None
    if not isinstance(loaded, torch.Tensor):
        raise ValueError(f"{path} must hold one tensor; got {type(loaded).__name__}.")
    return loaded


def _table(lines: TextIO, source: str, columns: list[str], delimiter: str) -> np.ndarray:
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    if not rows:
        raise ValueError(f"{source} is empty.")
    header = None if any(map(_is_number, rows[0])) else rows.pop(0)
    if columns:
        known = header or []
        missing = [column for column in columns if column not in known]
        if missing:
            raise ValueError(f"{source} has no column {missing[0]!r}; it has {', '.join(known)}.")
        chosen = [known.index(column) for column in columns]
        rows = [[row[column] for column in chosen] for row in rows]
    widths = {len(row) for row in rows}
    if len(widths) != 1:
        raise ValueError(f"{source} must have rows of one length; got {sorted(widths)}.")
    cells = np.array(rows)
    empty = np.argwhere(cells == "")
    if len(empty):
        raise ValueError(
            f"{source} must have no empty cells; {len(empty)} are, the first in row "
            f"{empty[0, 0] + 1} of the samples. Drop those rows, or choose other columns."
        )
    try:
        return cells.astype(np.float64)
    except ValueError:
        return cells


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


_READERS: Mapping[str, Callable[[Path, list[str]], Any]] = MappingProxyType(
    {".npy": _npy, ".npz": _npz, ".csv": _separated, ".tsv": _separated, ".pt": _torch}
)
