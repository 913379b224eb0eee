"""The log: append-only JSON lines that survive a crash, a full disk and a second start."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infotheory.record.frozen import Frozen

__all__ = [
    "FORMAT",
    "NAME",
    "Log",
    "LogError",
    "identity",
    "is_finished",
    "open_log",
    "read",
    "refuse_foreign",
    "refuse_used",
]

FORMAT = 1
NAME = "records.jsonl"

Record = dict[str, Any]

#: A log goes on only if the header says the same about what is measured.
_AGREE: Mapping[str, Callable[[Record], Any]] = {
    "format": lambda header: header.get("format"),
    "list of layers": lambda header: header.get("layers"),
    "list of measures": lambda header: header.get("measures"),
    "data to probe with": lambda header: {
        name: probe["hash"] for name, probe in header.get("probes", {}).items()
    },
    "reduce": lambda header: header.get("reduce"),
    "freeze_widths": lambda header: header.get("freeze_widths", True),
}
_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class LogError(OSError):
    """The log cannot be written; the message names the file and the reason."""


class Log:
    """An open log: one record is one line is one write at the end of the file.

    Made by :func:`open_log`.

    Attributes
    ----------
    path : Path
        The file.
    is_new : bool
        Whether it began with this start.
    complete : frozenset of (step, tag)
        Probes that an earlier start has finished, and that need not be measured again.
    frozen : Frozen
        Widths of its first probe.
    """

    def __init__(self, path: Path, earlier: Iterable[Record]) -> None:
        self.path = path
        earlier = list(earlier)
        self.frozen = Frozen(earlier)
        self.is_new = not earlier
        self.complete = frozenset(
            (record["step"], record.get("tag")) for record in earlier if record["kind"] == "probe"
        )
        self._known = {identity(record) for record in earlier if "step" in record}
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.open(path, flags, 0o666)
            self._length = os.fstat(self._file).st_size
        except OSError as error:
            raise _failure(path, error) from error
        self._torn = False

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record, whole or not at all."""
        line = (json.dumps(encode(record), allow_nan=False) + "\n").encode()
        try:
            if self._torn:
                self._cut()
            self._torn = True  # until the whole line is there
            written = 0
            while written < len(line):  # a full disk takes a part; asked again it says why
                written += os.write(self._file, line[written:])
            self._torn = False
            self._length += len(line)
        except OSError as error:
            raise _failure(self.path, error) from error
        finally:
            if self._torn:
                self._cut_if_possible()

    def write_once(self, record: Mapping[str, Any]) -> None:
        """Append a record, unless an earlier start has written the same already."""
        if identity(record) not in self._known:
            self.write(record)

    def sync(self) -> None:
        """Ask the system to put what was written onto the disk."""
        try:
            os.fsync(self._file)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTSUP):  # not a file on a disk
                return
            raise _failure(self.path, error) from error

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _cut(self) -> None:
        """Take back half a record, so that the next one starts on a line of its own."""
        os.ftruncate(self._file, self._length)
        self._torn = False

    def _cut_if_possible(self) -> None:
        # If not, it is tried again before the next record, and meanwhile the reader drops it.
        with contextlib.suppress(OSError):
            self._cut()


def open_log(folder: Path, header: Record, *, resume: bool = False, start_step: int = 0) -> Log:
    """Start a log, or go on with one.

    Parameters
    ----------
    folder : Path
        Folder of the run; made if it is missing.
    header : dict
        The first record.
    resume : bool
        Go on with the log in `folder`, if there is one: half a record at its end is cut off.
    start_step : int
        When resuming from a checkpoint: later records are dropped, since training repeats them.

    Raises
    ------
    FileExistsError
        If `folder` holds something and `resume` is not set.
    ValueError
        If the log to resume was made with other layers, measures or data.
    LogError
        If the folder or the file cannot be written.
    """
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_used(folder, resume)
        earlier = _resumed(path, header, start_step) if path.exists() else None
    except (FileExistsError, LogError) as error:
        if not folder.is_dir():
            raise _failure(path, NotADirectoryError(errno.ENOTDIR, "out= is a file")) from error
        raise
    except OSError as error:
        raise _failure(path, error) from error
    log = Log(path, earlier or ())
    if earlier is None:
        try:
            log.write(header)
        except LogError:
            log.close()
            raise
    return log


def refuse_used(folder: Path, resume: bool) -> None:
    """An error if the folder holds something, unless it is to be resumed."""
    if not resume and folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(
            f"{folder} is not empty, and a run never writes over another: choose a new folder for "
            f"out=, or go on with the run in it by resume=True."
        )


def read(path: Path) -> tuple[list[Record], int]:
    """The records of a log, header first, and the length in bytes of the whole lines.

    Half a record at the end, as a crash can leave it, is dropped.

    Raises
    ------
    ValueError
        If a line before the last one is no record; names file and line.
    """
    data = path.read_bytes()
    lines = data.split(b"\n")
    lines.pop()  # empty, or cut off before its end
    records: list[Record] = []
    length = 0
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            record["kind"]
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines):
                break  # the last line of a machine that lost power can hold anything
            raise ValueError(
                f"{path}, line {number}, is not a record ({error}). The log has been changed or "
                f"damaged; remove that line to read the rest."
            ) from None
        records.append(decode(record))
        length += len(line) + 1
    return records, length


def refuse_foreign(path: Path, first: Record) -> None:
    """An error if the first record of a file is not a header that this version understands."""
    if first["kind"] != "header":
        raise ValueError(f"{path} does not begin with a header: it is not the log of a run.")
    if first["format"] > FORMAT:
        raise ValueError(
            f"{path} was written by a newer version of infotheory (format {first['format']}, and "
            f"this one reads up to {FORMAT}): pip install --upgrade infotheory-torch."
        )


def is_finished(folder: Path) -> bool:
    """Whether the log in the folder ends with the end of a run that was not cut off."""
    try:
        records, _ = read(folder / NAME)
    except FileNotFoundError:
        return False
    return bool(records) and records[-1].get("status") == "finished"


def identity(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a record is about: of two with the same, the later one counts."""
    place = ("kind", "step", "tag", "probe", "layer", "call", "measure")
    names = tuple(sorted(record["values"])) if record.get("kind") == "scalars" else ()
    return *(record.get(part) for part in place), names


def encode(record: Mapping[str, Any]) -> Record:
    """Plain JSON values; each number that JSON cannot hold becomes null and is told in flags."""
    flags: Record = {}
    plain: Record = {name: _plain(value, name, flags) for name, value in record.items()}
    if "value" in flags:
        plain["flag"] = flags.pop("value")
    return plain | ({"flags": flags} if flags else {})


def decode(record: Record) -> Record:
    """The record with its non-finite numbers put back."""
    flags = record.pop("flags", {})
    if "flag" in record:
        flags["value"] = record.pop("flag")
    _restore(record, flags)
    return record


def _plain(value: Any, name: str, flags: Record) -> Any:
    """A JSON value; `flags` mirrors the shape of the record down to what is not finite."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        flags[name] = str(value)
        return None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    below: Record = {}
    made: Any
    if isinstance(value, Mapping):
        made = {str(key): _plain(part, str(key), below) for key, part in value.items()}
    elif isinstance(value, list | tuple):
        made = [_plain(part, str(place), below) for place, part in enumerate(value)]
    else:
        made = str(value)
    if below:
        flags[name] = below
    return made


def _restore(values: Any, flags: Mapping[str, Any]) -> None:
    for name, flag in flags.items():
        place = int(name) if isinstance(values, list) else name
        if isinstance(flag, str):
            values[place] = _NON_FINITE[flag]
        else:
            _restore(values[place], flag)


def _resumed(path: Path, header: Record, start_step: int) -> list[Record] | None:
    """The records to go on from, after the file was brought to hold exactly these."""
    records, length = read(path)
    if not records:
        os.truncate(path, 0)
        return None
    _refuse_another(path, records[0], decode(json.loads(json.dumps(encode(header)))))
    kept = records
    if start_step > 0:
        kept = [record for record in records if record.get("step", 0) <= start_step]
    if len(kept) < len(records):
        _replace(path, kept)
    elif length < path.stat().st_size:
        os.truncate(path, length)
    return kept


def _refuse_another(path: Path, before: Record, now: Record) -> None:
    refuse_foreign(path, before)
    for name, part in _AGREE.items():
        if part(before) != part(now):
            raise ValueError(
                f"cannot resume {path}: its {name} is not that of this recorder.\n"
                f"  the log:       {_short(part(before))}\n"
                f"  this recorder: {_short(part(now))}\n"
                f"Make the recorder as it was, or choose another folder for out=."
            )


def _short(value: Any, width: int = 400) -> str:
    text = json.dumps(value)
    return text if len(text) <= width else text[:width] + "..."


def _replace(path: Path, records: Iterable[Record]) -> None:
    """Put these records in place of the file, in one step that cannot be seen half done."""
    fresh = path.with_name(path.name + ".tmp")
    lines = "".join(json.dumps(encode(record), allow_nan=False) + "\n" for record in records)
    with open(fresh, "wb") as file:
        file.write(lines.encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _failure(path: Path, error: OSError) -> LogError:
    reason = error.strerror or str(error)
    return LogError(error.errno, f"cannot write the log of the run: {reason}", str(path))
