"""The recorder: measures the layers of a network while it trains, without changing how."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import nn

from infotheory import checks
from infotheory.estimate import InfotheoryWarning, outside
from infotheory.record import store
from infotheory.record.capture import Activations, Capture, Reduce, reduced_by
from infotheory.record.header import header, known_measures, plain_number
from infotheory.record.layers import select, unwrap
from infotheory.record.observe import observe
from infotheory.record.probe import Probe, own_chance, place_of, probes, quiet_probe
from infotheory.record.schedule import Budget, Schedule, log_spaced
from infotheory.registry import Measure

__all__ = ["Recorder"]

Record = dict[str, Any]

_DEFAULT_WHEN = log_spaced()
_MEASURES = ("I(X;T)", "I(T;Y)")
_POLICIES = ("raise", "warn")
#: Outside of `with`: every step is due, and says so.
_CLOSED = -1
_NEVER = sys.maxsize


class Recorder:
    """Measures what the layers of a network know, at chosen steps of its training.

    At each due step the network is run, in eval mode and without gradients, on fixed data; its
    layers are measured; the numbers are appended to a log. A measured run trains bit for bit
    like one that is not measured.

    Parameters
    ----------
    model : torch.nn.Module
        The network; wrapped in DistributedDataParallel or torch.compile or not.
    layers : str, type, callable, or a list of these
        Globs on module names, segment by segment: ``"blocks.*.mlp"``; ``"**"`` is all leaf
        modules; ``"!**.dropout"`` leaves out. Types select their instances; callables get
        (name, module).
    measures : sequence of str or Measure
        ``H(T)``, ``H(T|Y)``, ``I(X;T)``, ``I(T;Y)``, ``I(X;T|Y)`` with ``:method`` (bare means
        "binned"), or any estimator of one array, such as ``entropy:knn``.
    probe : (x, y), x alone, or a dict of these by name
        The data to look with: arrays or tensors with a row for each sample.
    when : Schedule
        Due steps. The first step and the last are always measured.
    out : path
        Folder for the log, new or empty; holds ``records.jsonl``.
    resume : bool
        Go on with the log in `out`. Steps that it holds completely are not measured again.
    start_step : int
        Steps that the network has been trained for already, as from a checkpoint. On resuming
        later records are dropped.
    seed, tags : int, dict, optional
        Noted in the log; ``tags={"group": "tanh"}`` puts runs together in figures.
    budget : float, optional
        Share of wall time that measuring may take; what is due too soon has to wait. The number
        of samples is never reduced.
    batch_size : int, optional
        Rows in one forward pass; the whole probe unless given.
    reduce : "flatten", "mean" or callable
        How the output of one sample becomes a row where it has more than one axis: all numbers;
        the mean over tokens (n, tokens, d) or positions (n, channels, ...); or your own function
        of the output tensor.
    freeze_widths : bool
        Whether a kernel width that a rule takes from the data ("median" for example) is that of
        the first probe at all later ones, for each layer, so that steps compare. The widths are
        in the log. False follows the rule anew at each probe.
    on_missing, on_error : "raise" or "warn"
        What to do about layers that are never called, and about a measure that fails. By
        default the first probe raises, before any time is spent on training, and a measure that
        fails later (for a network that has diverged, say) is warned of and noted in the log.

    Raises
    ------
    ValueError, TypeError
        For layers, measures or data that cannot be; the message names near misses.
    FileExistsError
        If `out` holds something and `resume` is not set.
    LogError
        If the log cannot be written; an OSError that names the file and the reason.

    Notes
    -----
    All numbers in the log are nats. Warnings of an estimate are said once for each layer and
    measure, and are in every record.

    Examples
    --------
    >>> with Recorder(model, probe=(x, y), out="runs/a1") as recorder:   # doctest: +SKIP
    ...     for epoch in range(epochs):
    ...         ...
    ...         recorder.step(epoch=epoch, loss=loss)
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Any = "**",
        measures: str | Measure | Sequence[str | Measure] = _MEASURES,
        *,
        probe: Any,
        out: str | os.PathLike[str],
        when: Schedule = _DEFAULT_WHEN,
        resume: bool = False,
        start_step: int = 0,
        seed: int | None = None,
        tags: Mapping[str, str | int] | None = None,
        budget: float | None = None,
        batch_size: int | None = None,
        reduce: Reduce = "flatten",
        freeze_widths: bool = True,
        on_missing: str = "raise",
        on_error: str = "warn",
    ) -> None:
        self._model = unwrap(model)
        self._layers = select(model, layers)
        self._probes = probes(probe, batch_size)
        self._measures = known_measures(measures, self._probes)
        if not callable(getattr(when, "next", None)):
            raise TypeError(f"when must be a schedule, such as log_spaced(); got {when!r}.")
        self._when = when
        self._reduce = reduce
        self._reduced_by = reduced_by(reduce)
        self._freeze_widths = checks.flag(freeze_widths, "freeze_widths")
        self._capture = Capture(self._model, self._layers, reduce)
        self._on_missing = checks.choice(on_missing, "on_missing", _POLICIES)
        self._on_error = checks.choice(on_error, "on_error", _POLICIES)
        self._budget = None if budget is None else Budget(budget)
        self._start = checks.integer(start_step, "start_step", low=0)
        self._seed = seed
        self._tags = dict(tags or {})
        self._out = Path(out)
        self._resume = resume
        store.refuse_used(self._out, resume)
        self._log: store.Log | None = None
        self._heard = self._proven = False
        self._warned: set[tuple[str, str]] = set()
        self._step = self._start
        self._due = _CLOSED
        self._measured = _CLOSED
        self._epoch: Any = None

    def __enter__(self) -> Recorder:
        if self._log is not None:
            raise RuntimeError("this recorder is in use already.")
        self._log = store.open_log(
            self._out, self._about(), resume=self._resume, start_step=self._start
        )
        self._step = self._start
        self._due = self._next()
        if self._budget is not None:
            self._budget.start()
        try:
            due = self._when.next(self._start - 1) == self._start
            # Going on from a checkpoint, only what an uninterrupted run would have measured.
            if due or self._start == 0 or self._log.is_new:
                self._measure_once({})
        except BaseException as error:
            self._close(error)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and self._measured != self._step:
                self._measure_once({})
        except BaseException as failure:
            self._close(failure)
            raise
        self._close(error)

    def step(self, epoch: float | None = None, **scalars: Any) -> None:
        """Count one training step, and measure if it is due.

        Parameters
        ----------
        epoch : number, optional
            Noted with what is measured.
        **scalars
            Numbers or tensors of one element, kept at due steps alone; otherwise they are not
            looked at.
        """
        self._step += 1
        self._epoch = epoch
        if self._step >= self._due:
            self._on_due(scalars)

    def log(self, epoch: float | None = None, **scalars: Any) -> None:
        """Write numbers to the log at once.

        Parameters
        ----------
        epoch : number, optional
            Noted with them; that of the last step unless given.
        **scalars
            Numbers or tensors of one element.
        """
        log = self._opened()
        self._epoch = self._epoch if epoch is None else epoch
        log.write_once(self._scalars(scalars))

    def measure(self, tag: str | None = None) -> list[Record]:
        """Measure now, due or not.

        Parameters
        ----------
        tag : str, optional
            Tells this measurement apart, "after pruning" for example.

        Returns
        -------
        list of dict
            The records, as they are in the log; none if the log that is resumed has them.
        """
        return self._measure_once({}, tag)

    def dry_run(self) -> str:
        """A table of the layers and what they give, from a forward pass of two samples.

        Writes nothing; takes place in the same quiet as a probe.
        """
        probe = next(iter(self._probes.values()))
        with quiet_probe(self._model):
            found = self._capture.run(probe.first(2).batches(*place_of(self._model)))
        missing = self._capture.unheard(found)
        kinds = [type(layer.module).__name__ for layer in self._layers]
        rows = [("layer", "type", "sample", "d")]
        rows += [(f.layer, kinds[f.index], str(f.shape), str(f.values.shape[1])) for f in found]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        lines += [f"{name}: {why}" for name, why in missing.items()]
        lines += ["", "measures: " + ", ".join(map(str, self._measures))]
        lines += [f"probe {name!r}: n = {one.n}" for name, one in self._probes.items()]
        return "\n".join(lines)

    def _on_due(self, scalars: Mapping[str, Any]) -> None:
        try:
            log = self._opened()
        except RuntimeError:
            self._step -= 1
            raise
        waits = self._budget is not None and not self._budget.allows()
        if waits and (self._step, None) not in log.complete:
            self._due = self._step + 1  # it waits for the first step that can pay for it
            return
        self._due = self._next()
        self._measure_once(scalars)

    def _next(self) -> int:
        due = self._when.next(self._step)
        return _NEVER if due is None else due

    def _measure_once(self, scalars: Mapping[str, Any], tag: str | None = None) -> list[Record]:
        """One probe of everything, unless the log that is resumed holds it completely."""
        log = self._opened()
        if tag is None:
            self._measured = self._step
        if (self._step, tag) in log.complete:
            return []
        began = time.perf_counter()
        when: Record = {"step": self._step, "epoch": plain_number(self._epoch, "epoch")}
        if tag is not None:
            when["tag"] = str(tag)
        if scalars:
            log.write_once(self._scalars(scalars))
        written = []
        with own_chance():  # whatever an estimator may draw
            for name, probe in self._probes.items():
                for found in self._look(probe):
                    records = observe(
                        found,
                        self._measures,
                        probe,
                        probe_name=name,
                        when=when,
                        frozen=log.frozen if self._freeze_widths else None,
                        keep_errors=self._proven and self._on_error == "warn",
                    )
                    for record in records:
                        log.write_once(record)
                    written += records
        seconds = time.perf_counter() - began
        if self._budget is not None:
            self._budget.spend(seconds)
        closing = {key: value for key, value in when.items() if key != "epoch"}
        log.write({"kind": "probe", **closing, "seconds": round(seconds, 6)})
        log.sync()
        self._proven = True
        self._say(written)  # last, since a filter may turn a warning into an error
        return written

    def _look(self, probe: Probe) -> list[Activations]:
        try:
            with quiet_probe(self._model):
                found = self._capture.run(probe.batches(*place_of(self._model)))
        except Exception as error:
            error.add_note("while the network was run on the probe, whose x it must take: model(x)")
            raise
        if not self._heard:
            self._mind_missing(self._capture.unheard(found), bool(found))
            self._heard = True
        return found

    def _mind_missing(self, missing: dict[str, str], some: bool) -> None:
        if not missing:
            return
        told = "; ".join(f"{name!r}: {why}" for name, why in missing.items())
        message = f"layers gave nothing to measure: {told}."
        if self._on_missing == "warn" and some:
            warnings.warn(message, InfotheoryWarning, stacklevel=outside())
            return
        rest = [f"!{name}" for name in missing]
        raise ValueError(
            f"{message} Leave them out by adding {rest} to layers=, or go on without them by "
            f"on_missing='warn'."
        )

    def _say(self, records: list[Record]) -> None:
        """The warnings of these records, once for each layer and measure."""
        for record in records:
            said = record.get("diagnostics", {}).get("warnings", ())
            message = record.get("error") or " ".join(map(str, said))
            key = record["layer"], record["measure"]
            if not message or key in self._warned:
                continue
            self._warned.add(key)
            warnings.warn(
                f"layer {record['layer']!r}, {record['measure']}, from step {record['step']}: "
                f"{message}",
                InfotheoryWarning,
                stacklevel=outside(),
            )

    def _scalars(self, scalars: Mapping[str, Any]) -> Record:
        values = {name: plain_number(value, name) for name, value in scalars.items()}
        epoch = plain_number(self._epoch, "epoch")
        return {"kind": "scalars", "step": self._step, "epoch": epoch, "values": values}

    def _opened(self) -> store.Log:
        if self._log is None:
            raise RuntimeError("a recorder records inside `with recorder:` alone.")
        return self._log

    def _close(self, error: BaseException | None) -> None:
        """Write how it ended; an error that is on its way is not hidden by another."""
        log = self._opened()
        self._log, self._due = None, _CLOSED
        end: Record = {"kind": "end", "status": "finished", "step": self._step}
        if error is not None:
            end["status"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped"
            end["error"] = f"{type(error).__name__}: {error}"
        try:
            log.write(end)
            log.sync()
        except store.LogError:
            if error is None:
                raise
        finally:
            log.close()

    def _about(self) -> Record:
        return header(
            run=self._out.resolve().name,
            model=self._model,
            layers=self._layers,
            measures=self._measures,
            probes=self._probes,
            reduce=self._reduced_by,
            freeze_widths=self._freeze_widths,
            seed=self._seed,
            tags=self._tags,
        )
