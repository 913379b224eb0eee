"""Diffusion spectral entropy beside the published steps: ``benchmarks/spectra.py [--sizes N ...]``.

The ways take turns, and times are medians. "lanczos" has its default tolerance, 1e-3 nats, and
"lanczos loose" one that makes three of its errors .003 of ln n. Libraries with several threads
suffer most on a busy machine, so the published steps are run with the threads of their library and
with one, and the faster of the two is what the others are compared with. Errors are in nats, over
several seeds; ``--only errors --sizes 10000`` measures those alone. ``--huge`` measures 50,000
samples instead, their memory too.
"""

import argparse
import math
import resource
import statistics
import time

import numpy as np
import threadpoolctl
from machine import describe
from sklearn.metrics import pairwise_distances

import infotheory as it
from infotheory.solvers.walk import walk_spectrum

SIGMA, D = 10.0, 512
SEEDS = 5


def published(x):
    """Distances, kernels, two products with diagonal matrices, a check, all eigenvalues."""
    kernels = np.exp(-(pairwise_distances(x) ** 2) / (2 * SIGMA**2))
    kernels /= SIGMA * math.sqrt(2 * math.pi)
    roots = np.diag(1 / np.sqrt(kernels.sum(axis=1)))
    matrix = roots @ kernels @ roots
    if not np.allclose(matrix, matrix.T):
        raise ValueError("the matrix must be symmetric")
    values = np.abs(np.linalg.eigvalsh(matrix))
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def published_one_thread(x):
    with threadpoolctl.threadpool_limits(1):
        return published(x)


def entropy(x, **options):
    return it.diffusion_entropy(x, width=SIGMA, **options)


def double(x):
    return entropy(x, solver="exact")


def single(x):
    return entropy(x, solver="exact", precision="single")


def lanczos(x):
    return entropy(x, solver="lanczos")


def lanczos_loose(x):
    return entropy(x, solver="lanczos", tol=loose(len(x)))


def loose(n):
    """Three errors of the solver are .003 of the largest entropy."""
    return 0.001 * math.log(n)


PUBLISHED = (published, published_one_thread)
OURS = (double, single, lanczos, lanczos_loose)


def samples(kind, n):
    """Normal in all columns; or around ten centres, with equal or with falling deviations."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((n, D))
    if kind == "flat":
        return noise
    centres = rng.standard_normal((10, D))[rng.integers(0, 10, n)]
    if kind == "10 classes":
        return centres + 0.5 * noise
    falling = 1 / np.sqrt(np.arange(1, D + 1))
    return centres + 0.5 * noise * falling / math.sqrt(np.square(falling).mean())


KINDS = ("flat", "10 classes", "10 classes, falling")


def milliseconds(ways, rounds, x):
    """Medians, the ways taking turns, after few samples have compiled what has to be."""
    for way in ways:
        way(x[:300])
    taken = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            start = time.perf_counter()
            way(x)
            taken[way].append(1e3 * (time.perf_counter() - start))
    return {way: statistics.median(times) for way, times in taken.items()}


def times(sizes):
    print("\n| samples | data | way | milliseconds | times faster than the published steps |")
    print("|---" * 5 + "|")
    for n in sizes:
        base = None
        for kind in KINDS:
            # The published steps take the same time whatever the data, and long where n is large.
            ways = (*PUBLISHED, *OURS) if base is None else OURS
            taken = milliseconds(ways, 5 if n <= 2_000 else 1, samples(kind, n))
            base = base or min(taken[way] for way in PUBLISHED)
            for way in ways:
                name = way.__name__.replace("_", " ")
                print(f"| {n} | {kind} | {name} | {taken[way]:.0f} | {base / taken[way]:.1f} |")


#: Steps of the walk, and how far the density is taken out; the first need up to 256 probes.
SLOW, SETTINGS = ((0.5, 0.0),), ((1, 0.0), (2, 0.0), (1, 0.5))


def exactly(values, t):
    """Of a spectrum, whose values below rounding are left out where a small power raises them."""
    values = values[values > (len(values) * np.finfo(float).eps if t < 1 else 0.0)] ** t
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def errors(sizes):
    print(
        "\n| samples | data | t | alpha | tol | exact | largest error | reported there |"
        " largest share of reported | allowed |"
    )
    print("|---" * 10 + "|")
    for n in sizes:
        for kind in KINDS:
            x = samples(kind, n)
            spectra = {alpha: walk_spectrum(x / SIGMA, alpha, "double") for alpha in (0.0, 0.5)}
            for t, alpha in (*SETTINGS, *(SLOW if n <= 2_000 else ())):
                exact = exactly(spectra[alpha], t)
                for tol in (1e-3, loose(n)):
                    options = {"t": t, "alpha": alpha, "solver": "lanczos", "tol": tol}
                    found = [entropy(x, rng=seed, **options) for seed in range(SEEDS)]
                    off = [abs(each.value - exact) for each in found]
                    told = [each.diagnostics["solver_error"] for each in found]
                    worst = off.index(max(off))
                    share = max(one / other for one, other in zip(off, told, strict=True))
                    print(
                        f"| {n} | {kind} | {t} | {alpha} | {tol:.1e} | {exact:.5f} |"
                        f" {off[worst]:.1e} | {told[worst]:.1e} | {share:.1f} |"
                        f" {0.003 * math.log(n):.1e} |",
                        flush=True,
                    )


def huge(n=50_000):
    x = samples("10 classes", n).astype(np.float32)
    print("\n| samples | way | seconds | peak MB of the process | nats | error | path |")
    print("|---" * 7 + "|")
    for name, options in (
        ("2000 landmarks", {"landmarks": 2000}),
        ("lanczos", {"solver": "lanczos"}),
    ):
        start = time.perf_counter()
        found = entropy(x, **options)
        taken = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        told = found.diagnostics
        growth, solver = told.get("growth"), told.get("solver_error")
        error = f"{solver:.1e}" if growth is None else f"growth {growth:.2f}"
        print(
            f"| {n} | {name} | {taken:.1f} | {peak:.0f} | {found.value:.5f} | {error} |"
            f" {told['path']} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 2_000, 5_000])
    parser.add_argument("--only", choices=["times", "errors"], help="one of the two tables")
    parser.add_argument("--huge", action="store_true", help="50,000 samples, in some minutes")
    asked = parser.parse_args()
    print(describe())
    if asked.huge:
        huge()
        return
    if asked.only != "errors":
        times(asked.sizes)
    if asked.only != "times":
        errors(asked.sizes)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", it.InfotheoryWarning)
    main()
