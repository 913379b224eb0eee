"""From the activations of one layer to the records of its measures."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from infotheory import ops
from infotheory.estimate import Estimate, InfotheoryWarning
from infotheory.record import quantities
from infotheory.record.capture import Activations
from infotheory.record.frozen import Frozen
from infotheory.record.probe import Probe
from infotheory.registry import Measure

__all__ = ["observe", "samples"]

Record = dict[str, Any]


def observe(
    found: Activations,
    measures: Sequence[Measure],
    probe: Probe,
    *,
    probe_name: str,
    when: Record,
    frozen: Frozen | None = None,
    keep_errors: bool = False,
) -> list[Record]:
    """One record for each measure, in their order.

    Parameters
    ----------
    found : Activations
        Of one layer and call.
    measures : sequence of Measure
        What to measure.
    probe : Probe
        The data that were fed.
    probe_name : str
        For the records.
    when : dict
        Step, epoch and tag, for the records.
    frozen : Frozen, optional
        Widths of the first probe, which is kept there; without it each probe has its own.
    keep_errors : bool
        Make a record of what a measure raises, instead of raising it.
    """
    t = samples(found.values)
    about = when | {
        "layer": found.layer,
        "layer_index": found.index,
        "call": found.call,
        "probe": probe_name,
    }
    if found.output:
        about["output"] = found.output
    made: dict[int, Record] = {}
    # Measures of T and Y first: a pass over T that tells classes apart serves the others too.
    order = sorted(range(len(measures)), key=lambda i: not quantities.needs_y(measures[i]))
    with ops.remember(), warnings.catch_warnings():
        # The recorder says them, once for each layer and measure; they stay in the record.
        warnings.simplefilter("ignore", InfotheoryWarning)
        for place in order:
            measure = measures[place]
            began = time.perf_counter()
            try:
                fixed = frozen.fixed(measure, about) if frozen else measure
                estimate = quantities.estimate(fixed, t, probe)
            except Exception as error:
                error.add_note(
                    f"This was {measure} of layer {found.layer!r} at step {when['step']}."
                )
                if not keep_errors:
                    raise
                text = f"{type(error).__name__}: {error}"
                made[place] = {"kind": "error", **about, "measure": str(measure), "error": text}
                continue
            seconds = time.perf_counter() - began
            made[place] = {
                "kind": "estimate",
                **about,
                **_numbers(measure, estimate, probe),
                "d": found.values.shape[1],
                "dtype": str(found.values.dtype).removeprefix("torch."),
                "device": str(found.values.device),
                "seconds": round(seconds, 6),
            }
            if frozen:
                frozen.keep(made[place])
    return [made[place] for place in range(len(measures))]


def samples(values: torch.Tensor) -> Any:
    """The activations as the estimators take them: on CUDA where they are, else as an array.

    Nothing is rounded; half precision, which numpy does not have, fits into float32. Made once
    for each layer, so that all measures see the same object and share their passes over it.
    """
    if values.element_size() < 4:
        values = values.float()
    return values.contiguous() if values.is_cuda else values.cpu().contiguous().numpy()


def _numbers(measure: Measure, estimate: Estimate, probe: Probe) -> Record:
    bound = quantities.ceiling(measure, estimate, probe)
    return {
        "measure": str(measure),
        "quantity": estimate.quantity,
        "method": estimate.method,
        "params": dict(estimate.params),
        "value": estimate.value,
        "stderr": estimate.stderr,
        "unit": estimate.unit,
        "n": estimate.n,
        "saturated": quantities.saturated(measure, estimate, bound),
        "ceiling": bound,
        "diagnostics": dict(estimate.diagnostics),
    }
