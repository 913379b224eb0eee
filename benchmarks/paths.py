"""Where the searches for neighbours cross: ``python benchmarks/paths.py [--quick]``.

Milliseconds of each path of `infotheory.ops.kernels.neighbours.neighbours`, medians of turns in
one run, so that a busy machine slows all of them; in bold the one that is chosen. "manifold" are
samples of two dimensions turned into all columns, as activations are.
"""

import argparse
import functools

import numpy as np
from machine import describe, medians

from infotheory.ops.kernels.neighbours import neighbours

K = 3
PATHS = ("sort", "strips", "tree", "brute")
#: Samples times samples times columns beyond which brute force is not timed.
MOST = 2e11


def samples(kind, n, columns):
    rng = np.random.default_rng(n + columns)
    if kind == "normal":
        return rng.normal(size=(n, columns))
    return np.tanh(rng.normal(size=(n, 2)) @ rng.normal(size=(2, columns)))


def split(x, question):
    """One variable of all columns, without counts, or two of half each."""
    if question == "entropy":
        return [x]
    half = x.shape[1] // 2
    return [x[:, :half], x[:, half:]]


def possible(n, columns):
    """The paths that can answer; lines and strips have their numbers of columns."""
    found = ["sort"] * (columns == 1) + ["strips"] * (columns == 2) + ["tree"]
    return found + ["brute"] * (n * n * columns <= MOST)


def table(metric, question, kind, sizes, columns, rounds):
    print(f"\n{metric}, {question}, {kind} samples, k = {K}\n")
    print(f"| n | columns | {' | '.join(PATHS)} |")
    print(f"|---|---|{'---|' * len(PATHS)}")
    counts = question == "information"
    for n in sizes:
        for d in columns:
            parts = split(samples(kind, n, d), question)
            ask = functools.partial(neighbours, parts, K, metric, counts)
            chosen = ask()[2]
            ways = {path: functools.partial(ask, _path=path) for path in possible(n, d)}
            taken = medians(list(ways.values()), rounds)
            times = {path: f"{taken[way]:.3g}" for path, way in ways.items()}
            times[chosen] = f"**{times.get(chosen, 'not timed')}**"
            row = " | ".join(times.get(path, "") for path in PATHS)
            print(f"| {n} | {d} | {row} |", flush=True)


def report(quick):
    print(describe())
    sizes = [100, 2000] if quick else [300, 1000, 3000, 10_000, 30_000]
    columns = [1, 2, 16] if quick else [1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32, 64]
    rounds = 2 if quick else 5
    for metric in ("chebyshev", "euclidean"):
        table(metric, "entropy", "normal", sizes, columns, rounds)
        several = [d for d in columns if d > 1]
        table(metric, "information", "normal", sizes, several, rounds)
        many = [d for d in columns if d > 8]
        table(metric, "entropy", "manifold", sizes, many, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few sizes, to see that it runs")
    report(parser.parse_args().quick)
