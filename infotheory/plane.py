"""The main job: train networks on a task, measure their layers, draw the information plane."""

from __future__ import annotations

import hashlib
import json
import math
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from infotheory import checks, files, registry, tasks
from infotheory.estimate import convert
from infotheory.plot import plane as drawing
from infotheory.record import run as recorded
from infotheory.record import store
from infotheory.record.recorder import Recorder

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["METHODS", "check", "new_folder", "run", "summary", "table"]

#: How `infotheory plane` measures unless it is told otherwise: two binning rules that disagree
#: about compression, and the two bounds of a noise model, from one pass over the distances.
METHODS = (
    "binned(strategy=fixed, bin_width=0.07)",
    "binned(strategy=unique)",
    "mixture(bound=upper)",
    "mixture(bound=lower)",
)
#: All pairs of rows are compared: beyond this many the plane is drawn from a random part.
_PROBE_ROWS = 4096
#: Data that large are trained on in batches unless told otherwise.
_FULL_BATCH_ROWS, _BATCH = 8192, 256
_SETTINGS = "settings.json"


def run(
    task: tasks.Task,
    *,
    out: Path,
    net: str = "szt",
    activations: Sequence[str] = ("tanh", "relu"),
    seeds: int = 4,
    steps: int = 3000,
    batch: int | None = None,
    methods: Sequence[str] | None = None,
    resume: bool = False,
    device: str = "auto",
    unit: str = "bits",
) -> recorded.Run:
    """Train and measure every network, and write log, figures and report.

    Parameters
    ----------
    task : tasks.Task
        The data.
    out : Path
        Folder of the run, new or empty unless `resume` is set.
    net : str
        Hidden widths, "mlp:10-7-5-4-3" or "szt".
    activations : sequence of str
        One kind of network each.
    seeds : int
        Networks of each kind, with the seeds 0 to seeds - 1.
    steps : int
        Training steps of each network.
    batch : int, optional
        Rows in a step; all training rows unless the data are large.
    methods : sequence of str, optional
        How I(X;T) and I(T;Y) are measured, "mixture" or "binned(strategy=unique, bins=30)".
    resume : bool
        Go on with the run in `out`: finished networks are kept, one that was cut off is trained
        again, and what it had recorded is neither lost nor written twice.
    device : str
        "cpu", "cuda" or "auto".
    unit : str
        Of the figure, "bits" or "nats"; the log is in nats, and the report offers both.

    Returns
    -------
    Run
        The recorded run, as `infotheory.load` gives it.

    Raises
    ------
    FileExistsError
        If `out` holds something and `resume` is not set.
    ValueError, TypeError
        For settings that cannot be, or that differ from those of the run to resume.
    """
    hidden, measures = check(net, activations, seeds, steps, methods, batch)
    device = _device(device)
    if batch is None and len(task.x) > _FULL_BATCH_ROWS:
        batch = _BATCH
    settings = {
        "data": task.name,
        "data_hash": hashlib.sha256(task.x.tobytes() + task.y.tobytes()).hexdigest(),
        "hidden": list(hidden),
        "activations": list(activations),
        "seeds": seeds,
        "steps": steps,
        "batch": batch,
        "measures": [str(measure) for measure in measures],
    }
    _prepare(out, settings, resume)
    with _one_torch_thread(), _progress(len(activations) * seeds * steps) as bar:
        for seed, activation in product(range(seeds), activations):
            folder = out / f"{activation}-{seed}"
            bar.set_description(folder.name)
            if not store.is_finished(folder):
                _train_one(task, activation, seed, measures, folder, settings, device, bar)
            else:
                bar.update(steps)
    made = recorded.load(out)
    figure = drawing.planes(made.records, unit=unit)
    drawing.save(figure, out / "plane.png")
    drawing.save(figure, out / "plane.svg")
    made.report(out / "report.html")
    return made


def check(
    net: str,
    activations: Sequence[str],
    seeds: int,
    steps: int,
    methods: Sequence[str] | None,
    batch: int | None = None,
) -> tuple[tuple[int, ...], list[registry.Measure]]:
    """The hidden widths and the measures, or an error for settings that cannot be."""
    checks.integer(seeds, "seeds", low=1)
    checks.integer(steps, "steps", low=1)
    if batch is not None:
        checks.integer(batch, "batch", low=1)
    for activation in activations:
        checks.choice(activation, "activation", tasks.ACTIVATIONS)
    return tasks.parse_network(net), _measures(METHODS if methods is None else methods)


def new_folder(task: tasks.Task, parent: Path = Path("runs")) -> Path:
    """The first of runs/<task>-1, runs/<task>-2, ... that does not exist."""
    number = 1
    while (parent / f"{task.name}-{number}").exists():
        number += 1
    return parent / f"{task.name}-{number}"


def summary(made: recorded.Run, unit: str) -> dict[str, Any]:
    """The last step of every layer as plain values: the median over seeds, in `unit`."""
    cells: dict[tuple[Any, ...], list[float]] = {}
    for record in made.last():
        _, _, method = record["measure"].partition(":")
        place = record["group"], record["layer"], method, record["quantity"]
        cells.setdefault(place, []).append(record["value"])
    accuracies: dict[str, list[float]] = {}
    for scalar in made.scalars:
        if scalar["name"] == "accuracy":
            accuracies.setdefault(scalar["group"], []).append(scalar["value"])
    rows = [
        {
            "group": group,
            "layer": layer,
            "method": method,
            "quantity": quantity,
            "value": convert(statistics.median(values), "nats", unit),
            "seeds": len(values),
        }
        for (group, layer, method, quantity), values in cells.items()
    ]
    medians = {group: statistics.median(values) for group, values in accuracies.items()}
    return {
        "path": str(made.path),
        "unit": unit,
        "accuracy": medians,
        "estimates": rows,
    }


def table(made: recorded.Run, unit: str) -> str:
    """The same as text: a block for each kind of network, a row for each layer."""
    found = summary(made, unit)
    estimates = found["estimates"]
    methods = list(dict.fromkeys(row["method"] for row in estimates))
    cells = {
        (row["group"], row["layer"], row["method"], row["quantity"]): row["value"]
        for row in estimates
    }
    width = max(len(row["layer"]) for row in estimates)
    lines = [f"I(X;T) and I(T;Y) at the last step, median over seeds [{unit}]"]
    lines += [f"  ({number}) {method}" for number, method in enumerate(methods, 1)]
    for group in dict.fromkeys(row["group"] for row in estimates):
        accuracy = found["accuracy"].get(group)
        known = "" if accuracy is None else f", accuracy {accuracy:.3f}"
        numbers = (f"{f'({number})':>15}" for number in range(1, len(methods) + 1))
        lines += ["", f"{group}{known}", f"  {'':<{width}}" + "".join(numbers)]
        for layer in dict.fromkeys(row["layer"] for row in estimates if row["group"] == group):
            pairs = (
                f"{cells.get((group, layer, method, 'I(X;T)'), math.nan):9.2f}"
                f"{cells.get((group, layer, method, 'I(T;Y)'), math.nan):6.2f}"
                for method in methods
            )
            lines.append(f"  {layer:<{width}}" + "".join(pairs))
    return "\n".join(lines)


def _train_one(
    task: tasks.Task,
    activation: str,
    seed: int,
    measures: Sequence[registry.Measure],
    folder: Path,
    settings: dict[str, Any],
    device: str,
    bar: tqdm[Any],
) -> None:
    """Train one network, recording; what its log has already is not measured again."""
    net = tasks.build(task, settings["hidden"], activation, seed).to(device)
    rows = _probe_rows(task)
    recorder = Recorder(
        net,
        layers=["hidden*", "output"],
        measures=measures,
        probe=(task.x[rows], task.y[rows]),
        out=folder,
        resume=folder.exists(),
        seed=seed,
        tags={"group": activation},
    )

    def on_step(step: int, loss: Any) -> None:
        recorder.step(loss=loss)
        bar.update()

    with recorder:
        accuracies = tasks.train(
            net,
            task,
            steps=settings["steps"],
            seed=seed,
            batch=settings["batch"],
            on_step=on_step,
            device=device,
        )
        recorder.log(**accuracies)


def _probe_rows(task: tasks.Task) -> np.ndarray:
    """The rows that are measured: all, or the same random part for every network."""
    n = len(task.x)
    if n <= _PROBE_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, size=_PROBE_ROWS, replace=False))


def _measures(methods: Sequence[str]) -> list[registry.Measure]:
    measures = []
    for method in methods:
        name, options = files.parse_call(method)
        measures += [
            registry.measure(f"{quantity}:{name}", **options) for quantity in ("I(X;T)", "I(T;Y)")
        ]
    return measures


def _prepare(out: Path, settings: dict[str, Any], resume: bool) -> None:
    """Make the folder and note the settings; on resuming, compare them."""
    noted = out / _SETTINGS
    if not resume:
        if out.exists() and any(out.iterdir()):
            raise FileExistsError(f"{out} is not empty: choose another --out, or add --resume.")
        out.mkdir(parents=True, exist_ok=True)
        fresh = noted.with_suffix(".tmp")
        fresh.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        os.replace(fresh, noted)
        return
    if not noted.exists():
        raise FileNotFoundError(f"{out} holds no run to resume ({_SETTINGS} is missing).")
    before = json.loads(noted.read_text(encoding="utf-8"))
    for name, value in settings.items():
        if before.get(name) != value:
            raise ValueError(
                f"the run in {out} has {name}={before.get(name)!r}, not {value!r}: "
                f"resume it with the settings it was started with."
            )


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Nets this small train no faster on more threads, and their last bit would depend on them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device(device: str) -> str:
    import torch

    checks.choice(device, "device", ("auto", "cpu", "cuda"))
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but torch finds no CUDA device.")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def _progress(total: int) -> tqdm[Any]:
    from tqdm import tqdm

    return tqdm(total=total, unit="step", disable=None, dynamic_ncols=True)
