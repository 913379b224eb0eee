"""Mixture sums beside plain ways: ``python benchmarks/mixture.py [--quick]``.

Ratios of medians, the ways taking turns in one run, so that a busy machine slows all of them. Each
way gives both bounds, over all samples and by class (two classes).
"""

import argparse

import numba
import numpy as np
import torch
from machine import describe, medians

from infotheory.ops.kernels.exponential import exp_negative
from infotheory.ops.kernels.mixture import mixture_log_sums
from infotheory.ops.tensor_mixture import mixture_log_sums as tensor_log_sums

VARIANCE = 0.1


def ours(x, classes):
    return mixture_log_sums(x, VARIANCE, classes)


def torch_tiles(x, classes):
    return tensor_log_sums(torch.from_numpy(x), VARIANCE, torch.from_numpy(classes))


def numpy_matrix(x, classes):
    """Matrices of all pairs by a product, in the manner of ibsgd's kde (which takes each alone)."""

    def sums(part, scale):
        squares = (part * part).sum(axis=1)
        distances = squares[:, None] + squares[None] - 2 * part @ part.T
        exponents = -distances / scale
        top = exponents.max(axis=1)
        return top + np.log(np.exp(exponents - top[:, None]).sum(axis=1))

    parts = [x] + [x[classes == kind] for kind in np.unique(classes)]
    return [sums(part, scale * VARIANCE) for part in parts for scale in (2, 8)]


@numba.njit
def own_exponentials(x, out):
    for i in range(x.size):
        out[i] = exp_negative(x[i])


@numba.njit
def library_exponentials(x, out):
    for i in range(x.size):
        out[i] = np.exp(x[i])


def numpy_exponentials(x, out):
    np.exp(x, out=out)


def report(quick):
    rng = np.random.default_rng(0)
    print(describe(), end="\n\n")
    print(
        f"both bounds and two classes, {numba.get_num_threads()} threads, milliseconds", end="\n\n"
    )
    print("| samples | d | kernel | torch tiles | numpy | times torch tiles | times numpy |")
    print("|---" * 7 + "|")
    sizes = [(512, 3), (1024, 12)] if quick else [(512, 3), (4096, 3), (4096, 12), (4096, 64)]
    for n, d in sizes:
        x, classes = rng.normal(size=(n, d)), rng.integers(0, 2, size=n)
        taken = medians([ours, torch_tiles, numpy_matrix], 3 if quick else 5, x, classes)
        kernel, tiles, matrix = taken.values()
        print(
            f"| {n} | {d} | {kernel:.3g} | {tiles:.3g} | {matrix:.3g} |"
            f" {tiles / kernel:.1f} | {matrix / kernel:.1f} |"
        )
    x = -rng.uniform(0, 50, size=4096)
    ways = [own_exponentials, library_exponentials, numpy_exponentials]
    taken = medians(ways, 200, x, np.empty_like(x))
    own, *others = (value * 1e6 / x.size for value in taken.values())
    print(f"\none exponential: {own:.2f} ns; numba {others[0]:.2f}; numpy {others[1]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
    report(parser.parse_args().quick)
