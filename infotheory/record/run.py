"""Reading what was recorded: one run, or a folder of runs."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infotheory.record import store

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["Run", "load"]

Record = dict[str, Any]

#: What a record of an estimate has as well, where the log has it.
_COPIED = (
    "step",
    "epoch",
    "layer",
    "layer_index",
    "call",
    "probe",
    "measure",
    "quantity",
    "method",
    "params",
    "value",
    "stderr",
    "unit",
    "n",
    "d",
    "dtype",
    "device",
    "saturated",
    "ceiling",
    "tag",
    "output",
    "diagnostics",
    "seconds",
)


class Run:
    """What one or more runs have recorded; made by :func:`load`.

    Attributes
    ----------
    path : Path
        The folder that was read.
    headers : list of dict
        What each log says of itself: versions, seed, tags, layers, measures, probes.
    records : list of dict
        The estimates, in nats: run, group, seed, step, epoch, layer, layer_index, call, probe,
        measure, quantity, method, params, value, stderr, unit, n, d, dtype, device, saturated,
        ceiling, ceiling_x (the entropy of the probe's inputs, at most ln n), ceiling_y (that of
        its labels), tag, diagnostics, seconds.
    scalars : list of dict
        The numbers of the training loop: run, group, seed, step, epoch, name, value.
    """

    def __init__(
        self, path: Path, headers: list[Record], records: list[Record], scalars: list[Record]
    ) -> None:
        self.path = path
        self.headers = headers
        self.records = records
        self.scalars = scalars

    def __repr__(self) -> str:
        steps = {record["step"] for record in self.records}
        return (
            f"<Run {str(self.path)!r}: {len(self.headers)} logs, {len(self.records)} estimates "
            f"at {len(steps)} steps>"
        )

    def frame(self) -> pandas.DataFrame:
        """The estimates as a table, one row each.

        Returns
        -------
        pandas.DataFrame
            Columns as the keys of `records`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "frame() needs pandas: pip install pandas. Without it, .records is a list of dicts."
            ) from error
        return pandas.DataFrame(self.records)

    def last(self) -> list[Record]:
        """The estimates at the last step of each run."""
        ends: dict[str, int] = {}
        for record in self.records:
            ends[record["run"]] = max(record["step"], ends.get(record["run"], 0))
        return [record for record in self.records if record["step"] == ends[record["run"]]]

    def plane(self, **options: Any) -> Axes:
        """Draw the information plane.

        Parameters
        ----------
        **options
            As for :func:`infotheory.plot.plane.plane`.

        Returns
        -------
        matplotlib.axes.Axes
            Its figure is ``.figure``.
        """
        axes: Axes = _plot("plane").plane(self.records, **options)
        return axes

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write a page with everything in it, for a browser.

        Parameters
        ----------
        path : path
            The HTML file.

        Returns
        -------
        Path
            The same.
        """
        written: Path = _plot("report").report(self, path)
        return written


def load(path: str | os.PathLike[str], *more: str | os.PathLike[str]) -> Run:
    """Read recorded runs, also while they are being written.

    Parameters
    ----------
    path, *more : path
        The folder of a run, its ``records.jsonl``, or a folder with runs at any depth below.

    Returns
    -------
    Run
        Of records about the same thing the last one counts.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no run in it.
    ValueError
        If a log is damaged; names file and line.
    """
    folders = [Path(one) for one in (path, *more)]
    logs: list[tuple[Record, list[Record]]] = []
    for name, log in _named([(folder, log) for folder in folders for log in _logs(folder)]):
        lines, _ = store.read(log)
        if not lines:
            continue
        store.refuse_foreign(log, lines[0])
        logs.append((lines[0] | {"run": name}, _latest(lines[1:])))
    logs.sort(key=lambda log: log[0]["created"])  # figures show what was run first, first
    headers = [header for header, _ in logs]
    records: list[Record] = []
    scalars: list[Record] = []
    for header, found in logs:
        name = header["run"]
        about = {"run": name, "group": header["tags"].get("group"), "seed": header["seed"]}
        records += [_estimate(line, about, header) for line in found if line["kind"] == "estimate"]
        scalars += _scalars([line for line in found if line["kind"] == "scalars"], about)
    if not headers:
        raise FileNotFoundError(
            f"{folders[0]} holds a log, but nothing has been written to it yet."
        )
    return Run(folders[0], headers, records, scalars)


def _plot(module: str) -> Any:
    """A module of the floor above, which knows this one; looked up when a picture is asked for."""
    return importlib.import_module(f"infotheory.plot.{module}")


def _logs(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder}.")
    found = sorted(folder.rglob(store.NAME))
    if not found:
        raise FileNotFoundError(
            f"there is no run in {folder}: no {store.NAME} in it or in the folders below."
        )
    return found


def _named(logs: Sequence[tuple[Path, Path]]) -> Iterable[tuple[str, Path]]:
    """Each log with the name of its run: its folder, as seen from the one that was asked for."""
    several = len({folder.resolve() for folder, _ in logs}) > 1
    done = set()
    for folder, log in logs:
        if log.resolve() in done:
            continue
        done.add(log.resolve())
        home = folder.parent if folder.is_file() else folder
        below = log.parent.relative_to(home)
        if several or below == Path():
            below = Path(home.resolve().name) / below
        yield below.as_posix(), log


def _latest(lines: Iterable[Record]) -> list[Record]:
    """In order of steps; of records about the same thing the last."""
    latest = {store.identity(line): line for line in lines if "step" in line}
    return sorted(latest.values(), key=lambda line: line["step"])


def _estimate(line: Record, about: Record, header: Record) -> Record:
    probe = header["probes"].get(line["probe"], {})
    bounds = [probe[name] for name in ("entropy_x", "ln_n") if probe.get(name) is not None]
    return (
        about
        | {name: line.get(name) for name in _COPIED}
        | {"ceiling_x": min(bounds, default=None), "ceiling_y": probe.get("entropy_y")}
    )


def _scalars(lines: Iterable[Record], about: Record) -> list[Record]:
    latest = {
        (line["step"], name): {
            **about,
            "step": line["step"],
            "epoch": line["epoch"],
            "name": name,
            "value": value,
        }
        for line in lines
        for name, value in line["values"].items()
    }
    return list(latest.values())
