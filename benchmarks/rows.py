"""Rows to codes beside the usual ways: ``python benchmarks/rows.py [--quick]``.

Ratios of medians, the ways taking turns in one run, so that a busy machine slows all of them.
The layer is tanh of normal numbers; "repeated" has 1024 distinct rows among 4096.
"""

import argparse
import functools
import itertools

import numba
import numpy as np
from machine import describe, medians, peak

import infotheory as it
from infotheory.ops.kernels.rows import row_codes

SAMPLES = 4096
BINS = 30
METHODS = (
    "plugin",
    "miller_madow",
    "grassberger",
    "chao_shen",
    "shrinkage",
    "jackknife",
    "nsb",
    "renyi",
)


def unique_of_bytes(digitised):
    """Sort rows as strings of bytes, in the manner of ibsgd (MIT licence)."""
    kind = np.dtype((np.void, digitised.dtype.itemsize * digitised.shape[1]))
    rows = np.ascontiguousarray(digitised).view(kind)
    return np.unique(rows, return_inverse=True, return_counts=True)


def by_floor(x, low, step):
    return unique_of_bytes(np.floor((x - low) / step).astype(int))


def by_digitize(x, low, step):
    edges = (low + step * np.arange(BINS + 1)).astype(x.dtype)
    return unique_of_bytes(edges[np.digitize(x.ravel(), edges) - 1].reshape(x.shape))


def by_axis(x, low, step):
    places = np.floor((x - low) / step).astype(int)
    return np.unique(places, axis=0, return_inverse=True, return_counts=True)


def by_codes(x, low, step):
    codes, m = row_codes(x, low=low, step=step, bins=BINS)
    return codes, np.bincount(codes, minlength=m)


def by_edges(x, low, step):
    codes, m = row_codes(x, edges=low + step * np.arange(BINS + 1))
    return codes, np.bincount(codes, minlength=m)


def layer(rng, units, dtype, repeated):
    x = np.tanh(rng.normal(size=(SAMPLES, units))).astype(dtype)
    return x[rng.integers(SAMPLES // 4, size=SAMPLES)] if repeated else x


def report(quick):
    rng = np.random.default_rng(0)
    ways = [by_codes, by_edges, by_floor, by_digitize, by_axis]
    names = ["row_codes", "its edges", "floor+bytes", "digitize+bytes", "axis=0"]
    print(describe(), end="\n\n")
    print(
        f"{SAMPLES} samples, {BINS} bins, {numba.get_num_threads()} threads, milliseconds",
        end="\n\n",
    )
    print(
        "| units | type | rows |",
        " | ".join(names),
        "| times floor+bytes | digitize+bytes | axis=0 |",
    )
    print("|---" * (len(names) + 6) + "|")
    sizes = (10, 64) if quick else (10, 64, 256, 1024)
    for units, dtype, repeated in itertools.product(sizes, ("float32", "float64"), (False, True)):
        x = layer(rng, units, dtype, repeated)
        low = float(x.min())
        step = (float(x.max()) - low) / BINS
        taken = medians(ways, 3 if quick else 7, x, low, step)
        ratios = [taken[way] / taken[by_codes] for way in ways[2:]]
        cells = [f"{taken[way]:.3g}" for way in ways] + [f"{ratio:.0f}" for ratio in ratios]
        rows = "repeated" if repeated else "all new"
        print(f"| {units} | {dtype} | {rows} |", " | ".join(cells), "|")
    n, kinds = (10**6, 10**5) if quick else (10**7, 10**6)
    near = rng.integers(kinds, size=(n, 1))
    far = rng.integers(-(2**62), 2**62, size=kinds)[near]
    print(f"\n{n:.0e} integers of {kinds:.0e} kinds, seconds")
    for name, x in (("small range", near), ("64 bits", far)):
        taken = medians([row_codes, lambda x: np.unique(x, return_inverse=True)], 1, x)
        ours, theirs = taken.values()
        print(f"{name}: row_codes {ours / 1e3:.2f}, np.unique {theirs / 1e3:.2f}")
    estimates(far[:, 0])


def estimates(symbols):
    """Seconds of each entropy, and the memory it takes beside the symbols."""
    held = f"{len(symbols):.0e} symbols of 64 bits, {symbols.nbytes / 1e6:.0f} MB"
    print(f"\nEntropies of {held}\n\n| method | seconds | MB beside | nats |\n|---|---|---|---|")
    for method in METHODS:
        it.entropy(symbols[:1000] % 7, method=method)
        more, seconds, found = peak(functools.partial(it.entropy, method=method), symbols)
        print(f"| {method} | {seconds:.2f} | {more:.0f} | {found:.6f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
    report(parser.parse_args().quick)
