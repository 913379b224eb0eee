"""Diffusion spectral entropy and information: by hand, against numpy, and where they saturate."""

from __future__ import annotations

import math

import numpy as np
import pytest

import infotheory as it
from infotheory.ops import ranges

X6 = np.array([[0, 0], [0.5, 0], [0, 0.5], [3, 3], [3.5, 3], [3, 4]])


def by_numpy(x, sigma, t=1.0, alpha=0.0):
    """The row-stochastic walk itself, which is not symmetric, and its eigenvalues."""
    kernels = np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / (2 * sigma**2))
    degrees = kernels.sum(axis=1)
    kernels = kernels / np.outer(degrees, degrees) ** alpha
    walk = kernels / kernels.sum(axis=1, keepdims=True)
    powers = np.abs(np.linalg.eigvals(walk).real) ** t
    shares = powers / powers.sum()
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def entropy(x, **options):
    return it.diffusion_entropy(x, **options)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("t", [0.7, 1, 2, 3])
def test_the_entropy_is_that_of_the_walk(alpha, t, engine, rng):
    x = rng.standard_normal((40, 3))
    found = entropy(x, width=1.5, t=t, alpha=alpha)
    assert found.value == pytest.approx(by_numpy(x, 1.5, t, alpha), abs=1e-8 if t >= 1 else 1e-5)
    assert found.stderr is None
    assert found.diagnostics["path"] == "exact"


def test_two_points_by_hand_in_two_units(engine):
    # K = [[1, g], [g, 1]] / (1 + g): eigenvalues 1 and (1 - g) / (1 + g).
    g = math.exp(-0.5)
    second = (1 - g) / (1 + g)
    p = 1 / (1 + second)
    by_hand = -p * math.log(p) - (1 - p) * math.log(1 - p)
    found = entropy([[0.0], [2.0]], width=2.0)
    assert found.value == pytest.approx(by_hand, abs=1e-14)
    assert found.to("bits").value == pytest.approx(by_hand / math.log(2), abs=1e-14)


def test_the_published_program_takes_alpha_0(engine):
    assert entropy(X6, width=1.0).to("bits").value == pytest.approx(1.738774336612, abs=1e-10)
    stated = entropy(X6, width=1.0, alpha=0.5).to("bits").value
    assert stated == pytest.approx(1.741024375596, abs=1e-10)


@pytest.mark.parametrize("solver", ["exact", "lanczos"])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_far_clusters_count(solver, alpha, engine):
    x = np.repeat(1000.0 * np.eye(8)[:, :2] + 1e4 * np.arange(8)[:, None], 5, axis=0)
    found = entropy(x, width=1.0, solver=solver, alpha=alpha, t=2)
    assert found.value == pytest.approx(math.log(8), abs=1e-9 if solver == "exact" else 1e-5)


def test_identical_points_have_none(engine):
    for solver in ("exact", "lanczos"):
        assert entropy(np.full((20, 3), 0.1), solver=solver).value == 0.0


@pytest.mark.parametrize(
    ("order", "error"), [(0.5, 1e-8), (2, 1e-12), (3, 1e-12), (math.inf, 1e-12)]
)
def test_other_orders(order, error, engine, rng):
    x = rng.standard_normal((50, 2)) * 3
    kernels = np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / 2)
    degrees = kernels.sum(axis=1)
    values = np.linalg.eigvalsh(kernels / np.sqrt(np.outer(degrees, degrees)))
    shares = np.maximum(values, 0) / values.sum()
    by_hand = (
        -math.log(shares.max())
        if order == math.inf
        else math.log((shares**order).sum()) / (1 - order)
    )
    found = entropy(x, width=1.0, order=order, solver="exact")
    assert found.value == pytest.approx(by_hand, abs=max(error, 1e-6 if order < 1 else 0))
    if order == 2:
        pairs = entropy(x, width=1.0, order=2)
        assert pairs.diagnostics["path"].startswith("sums")
        assert pairs.value == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
def test_order_0_is_exact_alone():
    assert entropy(X6, width=1.0, order=0).value == pytest.approx(math.log(6), abs=1e-12)
    with pytest.raises(ValueError, match="order must be above 0"):
        entropy(X6, width=1.0, order=0, solver="lanczos")


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
@pytest.mark.parametrize("t", [1, 2])
def test_lanczos_knows_its_error(t, rng):
    flat = rng.standard_normal((700, 512))
    labels = rng.integers(0, 10, 700)
    classes = rng.standard_normal((700, 512)) + 2.5 * rng.standard_normal((10, 512))[labels]
    for x in (flat, classes):
        exact = entropy(x, width=10.0, t=t, solver="exact").value
        for seed in range(3):
            found = entropy(x, width=10.0, t=t, solver="lanczos", rng=seed)
            assert found.diagnostics["converged"]
            error = abs(found.value - exact)
            assert error < 3.5 * found.diagnostics["solver_error"] + 1e-5
            assert error < 0.003 * math.log(700)
            assert found.value <= found.diagnostics["ceiling"]


def test_without_a_matrix_the_answer_is_the_same(engine, rng, monkeypatch):
    x = rng.standard_normal((300, 5))
    dense = entropy(x, solver="lanczos")
    monkeypatch.setattr(ranges, "free_memory", lambda: 100_000)
    free = entropy(x, solver="lanczos")
    assert dense.diagnostics["path"] == "lanczos, dense"
    assert free.diagnostics["path"] == "lanczos, matrix-free"
    assert free.value == pytest.approx(dense.value, abs=1e-4)
    with pytest.raises(MemoryError, match=r"300 x 300 takes .*solver='lanczos'"):
        entropy(x, solver="exact")


def test_single_precision_is_near(engine, rng):
    x = rng.standard_normal((300, 64))
    double, single = (entropy(x, precision=each).value for each in ("double", "single"))
    assert single == pytest.approx(double, abs=1e-5)
    assert single != double


def test_what_the_width_alone_decides_is_said(rng):
    x = rng.standard_normal((60, 2))
    with pytest.warns(it.InfotheoryWarning, match=r"width 0\.001 reach hardly any other"):
        identity = entropy(x, width=1e-3)
    assert identity.value == pytest.approx(math.log(60), abs=1e-3)
    assert identity.diagnostics["saturated"]
    with pytest.warns(it.InfotheoryWarning, match="see all samples alike"):
        assert entropy(x, width=1e4).value < 1e-5
    with pytest.raises(ValueError, match="width must not be so small"):
        entropy(x * 1e200, width=1e-200)


def test_landmarks_are_some_of_the_rows(rng):
    x = rng.standard_normal((200, 3))
    found = entropy(x, landmarks=50)
    assert found.n == 200
    assert found.diagnostics["ceiling"] == pytest.approx(math.log(50))
    assert entropy(x, landmarks=200).value == entropy(x).value
    with pytest.raises(ValueError, match="landmarks must be between 1 and 200"):
        entropy(x, landmarks=201)


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
@pytest.mark.parametrize(
    ("columns", "normal", "t", "bits"),
    [(512, False, 1, 7.92), (512, False, 2, 0.62), (1024, False, 3, 1.10), (512, True, 2, 8.84)],
)
def test_the_published_figure_of_toy_data(columns, normal, t, bits, rng):
    x = np.full((500, 2048), rng.random())
    drawn = rng.standard_normal if normal else lambda size: rng.uniform(-1, 1, size)
    x[:, :columns] = drawn((500, columns))
    x += 0.01 * rng.uniform(-1, 1, x.shape)
    found = it.entropy(x, method="diffusion", width=10.0, t=t)
    assert found.to("bits").value == pytest.approx(bits, abs=0.06)


def information(x, y, **options):
    return it.diffusion_mutual_information(x, y, **options)


def test_information_by_hand(engine):
    # Two far points, three times each: a class is one of them, a random half holds both.
    x = np.repeat([0.0, 1e3], 3)
    y = np.repeat([0, 1], 3)
    found = information(x, y, repetitions=400)
    # Of 20 halves 2 hold one point alone.
    assert found.value == pytest.approx(
        0.9 * math.log(2), abs=4 * found.diagnostics["solver_error"]
    )
    assert found.to("bits").value == pytest.approx(found.value / math.log(2))


def test_one_class_and_constants_say_nothing(engine, rng):
    x = rng.standard_normal((30, 2))
    assert information(x, np.zeros(30, int)).value == 0.0
    assert information(np.full((30, 2), 0.3), np.arange(30) % 3).value == 0.0


def test_shuffled_labels_say_little(rng):
    y = np.arange(300) % 3
    x = rng.standard_normal((300, 4)) + 6 * np.eye(3, 4)[y]
    told, mixed = information(x, y).value, information(x, rng.permutation(y)).value
    assert told > 0.5
    assert abs(mixed) < 0.1


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
def test_clusters_cut_a_line_and_group_points(rng):
    line = it.clusters(np.array([0.0, 0.09, 0.11, 0.55, 1.0]), 10)
    assert line.tolist() == [0, 0, 1, 5, 9]
    assert it.clusters(np.array([-1e308, 0.1e308, 1e308]), 2).tolist() == [0, 1, 1]
    assert it.clusters(np.full(5, 3.0)).tolist() == [0] * 5
    names = np.arange(60) % 3
    found = it.clusters(rng.standard_normal((60, 2)) * 0.1 + 2.0 * np.eye(3, 2)[names], 3)
    assert len({(a, b) for a, b in zip(found, names, strict=True)}) == 3
    with pytest.raises(ValueError, match="count must be between 1 and 5"):
        it.clusters(np.ones((5, 2)), 6)
