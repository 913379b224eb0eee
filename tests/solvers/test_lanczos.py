"""Stochastic Lanczos quadrature against spectra that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory import ops
from infotheory.solvers import lanczos
from infotheory.solvers.lanczos import spectral_estimate
from infotheory.solvers.recurrence import Recurrence


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


def estimated(matrix, leading, seed, tol=1e-3, functions=entropy_sums, **options):
    moments = float(np.trace(matrix)), float(np.square(matrix).sum())
    return spectral_estimate(
        lambda block: ops.of(matrix).matrix_product(matrix, block),
        leading,
        moments,
        functions,
        entropy_of,
        tol=tol,
        rng=np.random.default_rng(seed),
        **options,
    )


def power_sums(t):
    def sums(eigenvalues):
        return entropy_sums(np.maximum(eigenvalues, 0.0) ** t)

    return sums


def assert_honest(found, eigenvalues):
    """Errors of many seeds are as large as they say, and have no sign in common."""
    exact, _ = entropy_of(entropy_sums(eigenvalues).sum(axis=1))
    z = np.array([(each.value - exact) / each.error for each in found])
    assert all(each.converged for each in found)
    assert (np.abs(z) < 4).all()
    assert math.sqrt(np.square(z).mean()) < 1.6
    assert abs(z.mean()) < 3 / math.sqrt(len(z))


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
    found = [estimated(matrix, leading, seed, tol) for seed in range(12)]
    assert all(each.error <= tol for each in found)
    assert_honest(found, eigenvalues)


def test_the_error_is_no_matter_of_luck(rng):
    """Eight probes that happen to agree would report a small part of it."""
    eigenvalues = SPECTRA["flat"](300)
    matrix, leading = matrix_with(eigenvalues, rng)
    exact, _ = entropy_of(entropy_sums(eigenvalues).sum(axis=1))
    found = [estimated(matrix, leading, seed, 0.1) for seed in range(60)]
    errors = np.array([each.error for each in found])
    assert all(each.probes == 8 for each in found)
    assert errors.max() < 1.5 * errors.min()
    z = np.array([each.value - exact for each in found]) / errors
    assert np.abs(z).max() < 4
    assert 0.7 < math.sqrt(np.square(z).mean()) < 1.3


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


def test_probes_are_added_until_the_tolerance_is_met(rng, monkeypatch):
    matrix, leading = matrix_with(SPECTRA["decaying"](300), rng)
    monkeypatch.setattr(lanczos, "_MANY", math.inf)
    found = [estimated(matrix, leading, 0, tol) for tol in (0.1, 0.02, 0.01)]
    probes = [each.probes for each in found]
    assert probes == sorted(set(probes))
    assert all(each.error <= tol for each, tol in zip(found, (0.1, 0.02, 0.01), strict=True))
    given_up = estimated(matrix, leading, 0, 1e-9, most=16)
    assert not given_up.converged
    assert given_up.probes == 16
    assert given_up.error > 1e-9


def test_directions_that_have_not_converged_stay_with_the_probes(rng, monkeypatch):
    """Taken for eigenvectors they would bias the value; here they are random altogether."""
    eigenvalues = SPECTRA["classes"](300)
    matrix, leading = matrix_with(eigenvalues, rng)

    def wrong(product, pilot):
        rows = rng.standard_normal((24, 300))
        rows -= (rows @ leading)[:, None] * leading
        rows = np.linalg.qr(rows.T)[0].T
        values = np.einsum("kn,kn->k", rows, product(rows.T).T)
        residuals = np.linalg.norm(product(rows.T).T - values[:, None] * rows, axis=1)
        return lanczos._Pairs(values, residuals, rows)

    monkeypatch.setattr(lanczos, "_pairs", wrong)
    found = [estimated(matrix, leading, seed, 2e-3) for seed in range(12)]
    assert not any(each.directions for each in found)
    assert_honest(found, eigenvalues)


def test_directions_found_after_few_steps_bias_nothing(rng, monkeypatch):
    """Of these some have converged and some have not."""
    eigenvalues = np.append(1.0, np.geomspace(0.9, 1e-3, 299))
    matrix, leading = matrix_with(eigenvalues, rng)
    monkeypatch.setattr(lanczos, "_CONVERGED", 0)
    found = [estimated(matrix, leading, seed, 2e-3) for seed in range(12)]
    assert all(0 < each.directions < lanczos.DIRECTIONS for each in found)
    assert_honest(found, eigenvalues)


def test_directions_save_probes(rng, monkeypatch):
    matrix, leading = matrix_with(SPECTRA["classes"](300), rng)
    with_them = estimated(matrix, leading, 0, 2e-3)
    assert with_them.directions > 0
    assert with_them.converged
    monkeypatch.setattr(lanczos, "_MANY", math.inf)
    without = estimated(matrix, leading, 0, 2e-3, most=128)
    assert without.directions == 0
    assert without.probes > 2 * with_them.probes


def test_one_eigenvalue_apart_is_seen(rng):
    """Each probe holds a few hundredths of it, and steps must not end before they find it."""
    eigenvalues = np.append([1.0, 0.9], np.linspace(0.002, 0.004, 498))
    matrix, leading = matrix_with(eigenvalues, rng)
    found = [estimated(matrix, leading, seed) for seed in range(12)]
    assert_honest(found, eigenvalues)


def test_what_rounding_of_products_can_do_is_in_the_error(rng):
    """Eigenvalues that are 0 are moved by errors of the matrix, in a way that no probe can see."""
    eigenvalues = np.append(np.ones(10), np.zeros(290))
    matrix, leading = matrix_with(eigenvalues, rng)
    errors = 1e-7 * rng.standard_normal((300, 300))
    errors = (errors + errors.T) / 2
    shift = math.sqrt(np.square(errors).sum() / 300)
    found = [estimated(matrix + errors, leading, seed, rounding=shift) for seed in range(6)]
    exact, _ = entropy_of(entropy_sums(eigenvalues).sum(axis=1))
    for each in found:
        assert 1e-6 < abs(each.value - exact) < 3 * each.error
    assert not estimated(matrix + errors, leading, 0, tol=1e-5, rounding=shift).converged


def test_sums_that_few_probes_make_impossible_are_not_the_end(rng):
    matrix, leading = matrix_with(SPECTRA["decaying"](300), rng)
    moments = float(np.trace(matrix)), float(np.square(matrix).sum())
    asked = []

    def combine(sums):
        asked.append(sums)
        if len(asked) < 12:
            return math.nan, np.full(2, math.nan)
        return entropy_of(sums)

    found = spectral_estimate(
        lambda block: ops.of(matrix).matrix_product(matrix, block),
        leading,
        moments,
        entropy_sums,
        combine,
        tol=1e-2,
        rng=rng,
    )
    exact, _ = entropy_of(entropy_sums(SPECTRA["decaying"](300)).sum(axis=1))
    assert abs(found.value - exact) < 4 * found.error
    assert found.converged


@pytest.mark.parametrize("shape", ["many", "few"])
@pytest.mark.parametrize("t", [0.25, 0.5, 0.75, 1.0, 1.5])
def test_what_steps_leave_out_is_in_the_error(shape, t, rng):
    """Eigenvalues that fall to 0, where powers have no derivative: steps gain little each."""
    small = np.geomspace(0.1, 1e-9, 120 if shape == "many" else 155)
    eigenvalues = np.concatenate([np.linspace(1.0, 0.9, 160 - len(small)), small])
    matrix, leading = matrix_with(eigenvalues, rng)
    exact, _ = entropy_of(power_sums(t)(eigenvalues).sum(axis=1))
    found = [estimated(matrix, leading, s, 3e-3, power_sums(t), most=32) for s in range(5)]
    z = np.array([(each.value - exact) / each.error for each in found])
    assert np.abs(z).max() < 3
    assert math.sqrt(np.square(z).mean()) < 1.6
    assert all(each.converged == (each.error <= 3e-3) for each in found)


def test_the_two_rules_lie_on_either_side(rng):
    eigenvalues = np.append(1.0, np.geomspace(0.5, 1e-8, 199))
    matrix, leading = matrix_with(eigenvalues, rng)
    starts = lanczos._signs(8, leading[None], rng)
    recurrence = Recurrence(lambda block: matrix @ block, starts, leading)
    values, vectors = np.linalg.eigh(matrix)
    exact = np.square(starts @ vectors[:, :-1]) @ np.sqrt(np.maximum(values[:-1], 0.0))
    for _ in range(6):
        recurrence.step()
        both = recurrence.measures()
        terms = 2 * both.weights * np.sqrt(np.maximum(both.nodes, 0.0))
        gauss, radau = ((terms * (both.signs == sign)).sum(axis=1) for sign in (1, -1))
        assert (radau < exact).all()
        assert (exact < gauss).all()


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
