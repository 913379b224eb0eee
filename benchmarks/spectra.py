"""Diffusion spectral entropy beside the published steps: ``benchmarks/spectra.py [--large]``.

Each row is one job; the ways take turns, and the table gives milliseconds and, in brackets, how
many times faster than the published steps written with numpy. Errors are in nats.
"""

import argparse
import math

import numpy as np
from machine import describe, medians
from scipy.spatial.distance import cdist

import infotheory as it

SIGMA = 10.0


def published(x):
    """Distances, kernels, two products with diagonal matrices, a check, all eigenvalues."""
    kernels = np.exp(-(cdist(x, x) ** 2) / (2 * SIGMA**2)) / (SIGMA * math.sqrt(2 * math.pi))
    roots = np.diag(1 / np.sqrt(kernels.sum(axis=1)))
    matrix = roots @ kernels @ roots
    if not np.allclose(matrix, matrix.T):
        raise ValueError("the matrix must be symmetric")
    values = np.abs(np.linalg.eigvalsh(matrix))
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def double(x):
    return it.diffusion_entropy(x, width=SIGMA, solver="exact")


def single(x):
    return it.diffusion_entropy(x, width=SIGMA, solver="exact", precision="single")


def lanczos(x):
    return it.diffusion_entropy(x, width=SIGMA, solver="lanczos")


WAYS = (published, double, single, lanczos)


def samples(n, classes):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 512))
    if classes:
        x += 2.5 * rng.standard_normal((10, 512))[rng.integers(0, 10, n)]
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="n = 10,000 too, in some minutes")
    sizes = [1_000, 2_000, 5_000] + [10_000] * parser.parse_args().large
    print("Spectral entropy, D=512, sigma=10, milliseconds (times faster than the published steps)")
    for n in sizes:
        for classes in (False, True):
            x = samples(n, classes)
            times = medians(WAYS, 3 if n <= 2_000 else 1, x)
            cells = [
                f"{way.__name__} {times[way]:.0f} ({times[published] / times[way]:.1f})"
                for way in WAYS
            ]
            exact, found = double(x).value, lanczos(x)
            print(f"n={n} {'10 classes' if classes else 'flat':10}", " | ".join(cells))
            print(
                f"    lanczos off by {found.value - exact:.1e}, reported "
                f"{found.diagnostics['solver_error']:.1e}, allowed {0.003 * math.log(n):.1e}; "
                f"single off by {single(x).value - exact:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", it.InfotheoryWarning)
    print(describe(), end="\n\n```text\n")
    main()
    print("```")
