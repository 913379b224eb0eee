"""Permutation tests of KSG beside a loop of estimates: ``python benchmarks/permutations.py``.

A test of 199 permutations needs 200 estimates. The last column is the time of the test as a share
of 200 times one estimate.
"""

from __future__ import annotations

import warnings

import numpy as np
from machine import describe, medians

import infotheory as it

PERMUTATIONS = 199
SIZES = ((1_000, 1), (1_000, 2), (5_000, 1), (5_000, 2), (5_000, 5), (20_000, 2))


def one(x, y):
    """A single estimate."""
    it.mutual_information(x, y)


def test(x, y):
    """A permutation test."""
    it.permutation_test("mutual_information:ksg", x, y, permutations=PERMUTATIONS)


def main() -> None:
    """Print one row for each size."""
    print(describe(), "\n")
    print("| n | d + d | one estimate [ms] | test [ms] | share of 200 estimates |")
    print("|---|---|---|---|---|")
    for n, d in SIZES:
        x, noise = np.random.default_rng(0).standard_normal((2, n, d))
        took = medians((one, test), 3, x, 0.6 * x + 0.8 * noise)
        share = took[test] / (PERMUTATIONS + 1) / took[one]
        print(f"| {n} | {d} + {d} | {took[one]:.2f} | {took[test]:.0f} | {share:.2f} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", it.InfotheoryWarning)
    main()
