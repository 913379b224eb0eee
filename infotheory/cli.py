"""The command line: one function for each command, heavy libraries imported inside it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infotheory import __version__, terminal
from infotheory.estimate import InfotheoryWarning

__all__ = ["main"]

#: Exit codes, beside 0 for success and argparse's 2 for a wrong command line.
FAILED, UNREADABLE, INTERRUPTED = 1, 3, 130


class InputError(Exception):
    """An input file that cannot be read, or does not hold what was asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: done. 1: the computation failed. 2: wrong command line. 3: an input cannot be read or is
    no valid data. 130: interrupted. `--debug` shows the traceback of an error.
    """
    # Idle threads of OpenMP spin by default, which costs more than they gain on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    terminal.spell_what_it_lacks()
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code: int = options.command(options, parser)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has gone (`| head`); Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (InputError, ValueError, TypeError, OSError, MemoryError) as error:
        if options.debug:
            raise
        print(f"infotheory: error: {_first_words(error)}", file=sys.stderr)
        return UNREADABLE if isinstance(error, InputError) else FAILED


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show the traceback of an error")
    shared.add_argument(
        "--threads", type=_threads, metavar="N", help="threads to compute with (default: all)"
    )
    parser = argparse.ArgumentParser(
        prog="infotheory",
        description="What a neural network knows: measure it, draw it, and doubt it.",
    )
    parser.add_argument("--version", action="version", version=f"infotheory {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Any, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about, parents=[shared])
        made.set_defaults(command=command)
        return made

    _plane_arguments(add("plane", _plane, "train networks, measure their layers, draw the plane"))
    _estimate_arguments(add("estimate", _estimate, "one estimate from the samples in files"))

    plot = add("plot", _plot, "draw the information plane of recorded runs")
    plot.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    plot.add_argument("--out", type=Path, default=Path("plane.svg"), help="default: %(default)s")
    _unit_argument(plot, "bits")

    report = add("report", _report, "write the one-page report of recorded runs")
    report.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    report.add_argument(
        "--out", type=Path, default=Path("report.html"), help="default: %(default)s"
    )

    methods = add("methods", _methods, "list the estimators")
    methods.add_argument("quantity", nargs="?", help="only those of this quantity")
    methods.add_argument("--json", action="store_true", help="one JSON object on stdout")

    doctor = add("doctor", _doctor, "versions, devices, and clashes with other packages")
    doctor.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _plane_arguments(plane: argparse.ArgumentParser) -> None:
    plane.add_argument(
        "--data", default="twelve_bit", help="twelve_bit, digits, mnist:FOLDER or file.npz (x, y)"
    )
    plane.add_argument(
        "--net", default="mlp:10-7-5-4-3", help="hidden widths (default: %(default)s)"
    )
    plane.add_argument("--activation", default="tanh,relu", help="default: %(default)s")
    plane.add_argument("--seeds", type=int, default=4, help="networks of each kind (default: 4)")
    plane.add_argument("--steps", type=int, default=3000, help="training steps (default: 3000)")
    plane.add_argument("--batch", type=int, help="rows of a training step (default: all)")
    plane.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="how to measure, for example mixture 'binned(strategy=fixed, bin_width=0.07)'",
    )
    plane.add_argument("--out", type=Path, help="folder of the run (default: a new one in runs/)")
    plane.add_argument("--resume", action="store_true", help="go on with the run in --out")
    _device_argument(plane)
    plane.add_argument("--json", action="store_true", help="one JSON object on stdout")
    _unit_argument(plane, "bits")


def _estimate_arguments(estimate: argparse.ArgumentParser) -> None:
    estimate.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="one file for each variable: .npy, .npz:KEY, .csv or .tsv (:COLUMN,COLUMN), .pt, "
        "or - for CSV on stdin",
    )
    estimate.add_argument("--quantity", help="default: entropy of one, mutual_information of two")
    estimate.add_argument("--method", help="default: ksg for mutual_information")
    estimate.add_argument(
        "-o",
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the method, for example -o k=5; may be repeated",
    )
    estimate.add_argument(
        "--ci",
        nargs="?",
        type=float,
        const=0.95,
        metavar="LEVEL",
        help="confidence interval by subsampling (default level: .95)",
    )
    estimate.add_argument(
        "--permutations", type=int, metavar="B", help="p-value against B permuted pairings"
    )
    estimate.add_argument("--seed", type=int, default=0, help="chance of --ci and --permutations")
    _device_argument(estimate)
    estimate.add_argument("--json", action="store_true", help="one JSON object on stdout")
    _unit_argument(estimate, "nats")


def _device_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        default="auto",
        choices=("auto", "cpu", "cuda"),
        help="default: auto, which is CUDA if torch finds it",
    )


def _unit_argument(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--unit", default=default, choices=("nats", "bits"), help="default: %(default)s"
    )


def _plane(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from infotheory import plane, tasks

    _set_threads(options.threads)
    try:
        task = tasks.load(options.data)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"--data {options.data}: {_first_words(error)}") from error
    if options.resume and options.out is None:
        parser.error("--resume needs --out, the folder of the run to go on with")
    activations = options.activation.split(",")
    try:
        plane.check(
            options.net,
            activations,
            options.seeds,
            options.steps,
            options.methods,
            options.batch,
        )
    except (TypeError, ValueError) as error:
        parser.exit(2, f"infotheory: error: {error}\n")
    out = options.out or plane.new_folder(task)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InfotheoryWarning)
        try:
            made = plane.run(
                task,
                out=out,
                net=options.net,
                activations=activations,
                seeds=options.seeds,
                steps=options.steps,
                batch=options.batch,
                methods=options.methods,
                resume=options.resume,
                device=options.device,
                unit=options.unit,
            )
        except KeyboardInterrupt:
            hint = f"what was recorded is in {out}; go on with --out {out} --resume"
            print(hint, file=sys.stderr)
            raise
    if caught:
        said = len({str(warning.message) for warning in caught})
        print(f"{said} warnings of estimates are in the log and the report", file=sys.stderr)
    if options.json:
        _print_json(plane.summary(made, options.unit))
    else:
        print(plane.table(made, options.unit))
        print(f"\nwritten to {made.path}: records, plane.png, plane.svg, report.html")
    return 0


def _estimate(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from infotheory import files, registry

    _set_threads(options.threads)
    quantity = options.quantity or ("entropy", "mutual_information")[len(options.files) > 1]
    method = options.method or registry.DEFAULT_METHODS.get(quantity)
    try:
        entry = registry.entry(quantity, method)
        measure = registry.measure(entry.key, **files.parse_options(options.option))
        if not entry.takes_any_number and len(options.files) != len(entry.inputs):
            raise ValueError(
                f"{entry.key} takes {len(entry.inputs)} files, one a variable; got "
                f"{len(options.files)}. Others are named by --quantity."
            )
    except (TypeError, ValueError) as error:
        parser.exit(2, f"infotheory: error: {error}\n")
    try:
        samples = [files.read(name) for name in options.files]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(_first_words(error)) from error
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            samples = files.on_device(samples, options.device)
            found, more = _estimated(measure, samples, options)
        except (ValueError, TypeError) as error:
            raise InputError(_first_words(error)) from error
    seconds = time.perf_counter() - started
    said = [str(warning.message) for warning in caught]
    if options.json:
        fields = found.as_dict() | more | {"seconds": seconds, "warnings": said}
        _print_json(fields)
        return 0
    print(found)
    for name, value in more.items():
        print(f"{name}: {value}")
    for message in said:
        print(f"warning: {message}", file=sys.stderr)
    return 0


def _estimated(
    measure: Any, samples: list[Any], options: argparse.Namespace
) -> tuple[Any, dict[str, Any]]:
    """The estimate in the unit asked for, and what was asked for beside it."""
    from infotheory import uncertainty

    found = measure(*samples)
    more: dict[str, Any] = {}
    unit = options.unit if found.unit in ("nats", "bits") else found.unit
    if options.ci is not None:
        interval = uncertainty.confidence_interval(
            measure, *samples, level=options.ci, rng=options.seed
        )
        interval = interval.to(unit)
        more["interval"] = [interval.low, interval.high]
        more["level"] = interval.level
    if options.permutations is not None:
        if len(samples) != 2:
            raise ValueError("--permutations tests the independence of two variables.")
        test = uncertainty.permutation_test(
            measure, *samples, permutations=options.permutations, rng=options.seed
        )
        more["p"] = test.p
    return found.to(unit), more


def _plot(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from infotheory.plot import plane as drawing

    figure = drawing.planes(_load(options.runs).records, unit=options.unit)
    drawing.save(figure, options.out)
    print(options.out)
    return 0


def _report(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    print(_load(options.runs).report(options.out))
    return 0


def _load(folders: Sequence[Path]) -> Any:
    from infotheory.record import run

    try:
        return run.load(*folders)
    except (OSError, ValueError) as error:
        raise InputError(_first_words(error)) from error


def _methods(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from infotheory import registry

    try:
        known = registry.entries(options.quantity)
    except ValueError as error:
        parser.exit(2, f"infotheory: error: {error}\n")
    rows: list[dict[str, Any]] = [
        {
            "key": entry.key,
            "inputs": list(entry.inputs),
            "unit": entry.unit,
            "estimand": entry.estimand,
            "bound": entry.bound,
            "engines": list(entry.engines),
            "differentiable": entry.differentiable,
            "options": dict(entry.options),
            "source": entry.source,
            "summary": entry.summary,
        }
        for entry in known
    ]
    if options.json:
        _print_json({"methods": rows})
        return 0
    for row in rows:
        given = ", ".join(f"{name}={value!r}" for name, value in row["options"].items())
        print(f"{row['key']}({given})")
        print(f"    {row['summary']}")
        bound = f", {row['bound']} bound" if row["bound"] else ""
        print(f"    takes {' and '.join(row['inputs'])}; estimates {row['estimand']}{bound}")
        print(f"    {row['source']}")
    return 0


def _doctor(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    from infotheory import doctor

    _set_threads(options.threads)
    found = doctor.examine()
    if options.json:
        _print_json(found)
    else:
        print(doctor.table(found))
    return FAILED if found["problems"] else 0


def _print_json(found: dict[str, Any]) -> None:
    """One strict JSON object: an infinite value is null, with a flag that says which."""
    from infotheory.record import store

    print(json.dumps(store.encode({"schema": 1} | found), allow_nan=False))


def _set_threads(threads: int | None) -> None:
    if threads is None:
        return
    from infotheory import ops

    ops.set_threads(threads)


def _threads(word: str) -> int:
    count = int(word)
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1; got {count}")
    return count


def _first_words(error: BaseException) -> str:
    """The message; an OSError with its reason and path, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"out of memory. {error}"
    return str(error) or type(error).__name__
