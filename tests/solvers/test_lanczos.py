"""Stochastic Lanczos quadrature against spectra that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory import ops
from infotheory.solvers import lanczos
from infotheory.solvers.lanczos import spectral_estimate


def entropy_sums(eigenvalues):
    p = np.maximum(eigenvalues, 0.0)
    return np.stack([p, -p * np.log(np.where(p > 0, p, 1.0))])


def entropy_of(sums):
    total, other = sums
    return math.log(total) + other / total, np.array([(1 - other / total) / total, 1 / total])


def matrix_with(eigenvalues, rng):
    """A symmetric matrix of this spectrum, 1 first, and its leading eigenvector."""
    vectors = np.linalg.qr(rng.standard_normal((len(eigenvalues), len(eigenvalues))))[0]
    return (vectors * eigenvalues) @ vectors.T, vectors[:, 0].copy()


def estimated(matrix, leading, seed, tol=1e-3, **options):
    moments = float(np.trace(matrix)), float(np.square(matrix).sum())
    return spectral_estimate(
        lambda block: ops.of(matrix).matrix_product(matrix, block),
        leading,
        moments,
        entropy_sums,
        entropy_of,
        tol=tol,
        rng=np.random.default_rng(seed),
        **options,
    )


SPECTRA = {
    "flat": lambda n: np.append(1.0, np.linspace(0.0, 0.2, n - 1)),
    "decaying": lambda n: 1 / np.arange(1.0, n + 1) ** 2,
    "classes": lambda n: np.concatenate(
        [np.ones(10) - np.arange(10) / 100, np.geomspace(0.1, 1e-6, n - 10)]
    ),
}


@pytest.mark.parametrize("shape", SPECTRA)
@pytest.mark.parametrize("tol", [1e-2, 3e-3])
def test_the_error_is_the_one_reported(shape, tol, rng):
    eigenvalues = SPECTRA[shape](300)
    matrix, leading = matrix_with(eigenvalues, rng)
    exact, _ = entropy_of(entropy_sums(eigenvalues).sum(axis=1))
    found = [estimated(matrix, leading, seed, tol) for seed in range(12)]
    errors = np.array([each.value - exact for each in found])
    reported = np.array([each.error for each in found])
    assert all(each.converged and each.error <= tol for each in found)
    assert (np.abs(errors) < 4 * reported).all()
    assert math.sqrt(np.square(errors / reported).mean()) < 1.6
    assert abs(errors.mean()) < 3 * math.sqrt(np.square(reported).mean() / len(found))


def test_polynomials_of_second_degree_need_no_probe(rng):
    matrix, leading = matrix_with(SPECTRA["decaying"](200), rng)
    moments = float(np.trace(matrix)), float(np.square(matrix).sum())
    found = spectral_estimate(
        lambda block: ops.of(matrix).matrix_product(matrix, block),
        leading,
        moments,
        lambda x: np.stack([3 * np.square(x) - x + 2]),
        lambda sums: (float(sums[0]), np.ones(1)),
        tol=1e-3,
        rng=rng,
    )
    assert found.value == pytest.approx(3 * moments[1] - moments[0] + 400, rel=1e-12)
    assert found.error < 1e-10


def test_probes_are_added_until_the_tolerance_is_met(rng):
    matrix, leading = matrix_with(SPECTRA["decaying"](300), rng)
    loose, tight = (estimated(matrix, leading, 0, tol) for tol in (0.1, 1e-3))
    assert tight.probes + tight.directions > loose.probes + loose.directions
    assert tight.error <= 1e-3 < loose.error
    given_up = estimated(matrix, leading, 0, 1e-9, most=16)
    assert not given_up.converged
    assert given_up.probes == 16
    assert given_up.error > 1e-9


def test_directions_that_are_no_eigenvectors_bias_nothing(rng, monkeypatch):
    """Dropped without their own quadrature they would; here they are random altogether."""
    eigenvalues = SPECTRA["classes"](300)
    matrix, leading = matrix_with(eigenvalues, rng)
    exact, _ = entropy_of(entropy_sums(eigenvalues).sum(axis=1))

    def wrong(product, pilot):
        rows = rng.standard_normal((24, 300))
        rows -= (rows @ leading)[:, None] * leading
        return np.linalg.qr(rows.T)[0].T

    monkeypatch.setattr(lanczos, "_directions", wrong)
    found = [estimated(matrix, leading, seed, 2e-3) for seed in range(12)]
    found = [each for each in found if each.directions == 24]  # a lucky pilot needs none
    assert len(found) >= 10
    z = np.array([(each.value - exact) / each.error for each in found])
    assert abs(z.mean()) < 3 / math.sqrt(len(z))
    assert (np.abs(z) < 4).all()


def test_directions_save_probes(rng, monkeypatch):
    matrix, leading = matrix_with(SPECTRA["classes"](600), rng)
    with_them = estimated(matrix, leading, 0, 2e-3)
    assert with_them.directions > 0
    monkeypatch.setattr(lanczos, "_MANY_GROUPS", 10**9)
    without = estimated(matrix, leading, 0, 2e-3, most=1024)
    assert without.directions == 0
    assert without.probes > with_them.probes + with_them.directions


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_rows_are_answered(n, rng):
    eigenvalues = np.append(1.0, np.full(n - 1, 0.25))
    matrix, leading = matrix_with(eigenvalues, rng)
    exact, _ = entropy_of(entropy_sums(eigenvalues).sum(axis=1))
    found = estimated(matrix, leading, 0)
    assert found.value == pytest.approx(exact, abs=1e-9)
    assert found.error < 1e-6


def test_the_same_seed_gives_the_same_bits(rng):
    matrix, leading = matrix_with(SPECTRA["flat"](100), rng)
    assert estimated(matrix, leading, 5) == estimated(matrix, leading, 5)
    assert estimated(matrix, leading, 5).value != estimated(matrix, leading, 6).value
