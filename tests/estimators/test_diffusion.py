"""Diffusion spectral entropy and information: by hand, against numpy, and where they saturate."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

import infotheory as it
from infotheory.ops import ranges
from infotheory.solvers import walk

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
@pytest.mark.parametrize(("t", "order"), [(8, 0.1), (8, 0.0), (3, 0.5), (60, 0.0)])
def test_what_a_great_time_makes_small_is_not_rounding(t, order, engine):
    x = np.random.default_rng(0).standard_normal((60, 5))
    kernels = np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / (2 * 1.5**2))
    roots = np.sqrt(kernels.sum(axis=1))
    logs = order * t * np.log(np.linalg.eigvalsh(kernels / np.outer(roots, roots)))
    powers = t * np.log(np.linalg.eigvalsh(kernels / np.outer(roots, roots)))
    by_hand = (np.log(np.exp(logs).sum()) - order * np.log(np.exp(powers).sum())) / (1 - order)
    found = entropy(x, width=1.5, t=t, order=order, solver="exact").value
    assert found == pytest.approx(by_hand, rel=1e-10)
    assert order or found == pytest.approx(math.log(60), rel=1e-15)


@pytest.mark.parametrize("solver", ["exact", "lanczos"])
@pytest.mark.parametrize("order", [0.1 * 3 / 0.3, 1 - 1e-15, 1 + 1e-13, 1 - 1e-6])
def test_an_order_that_is_one_but_for_rounding(order, solver, engine):
    x = np.random.default_rng(0).standard_normal((100, 3))
    options = {"width": 1.0, "solver": solver, "tol": 0.01}
    near, at_one = (entropy(x, order=each, **options).value for each in (order, 1.0))
    assert order != 1
    assert near == pytest.approx(at_one, abs=1e-11 if abs(order - 1) < 1e-12 else 1e-5)


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
@pytest.mark.parametrize("order", [0.6, 0.99, 1.01, 1.4, 2.5])
def test_lanczos_of_other_orders(order, rng):
    x = rng.standard_normal((300, 20))
    options = {"width": 3.0, "order": order}
    exact = entropy(x, solver="exact", **options).value
    for seed in range(3):
        found = entropy(x, solver="lanczos", rng=seed, **options)
        assert abs(found.value - exact) < 3.5 * found.diagnostics["solver_error"]


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
def test_none_is_printed_without_a_sign(engine, rng):
    found = entropy(rng.standard_normal((50, 2)), t=1e6)
    assert str(found).startswith("0 nats")


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
@pytest.mark.parametrize("alpha", [0.0, 0.5])
@pytest.mark.parametrize("width", [1.0, 30.0, 3000.0])
def test_sums_of_order_2_keep_the_digits_of_wide_kernels(width, alpha, engine, rng):
    # The value is what the kernels are below 1, where single precision has no digit left.
    x = rng.standard_normal((60, 3))
    exact = entropy(x, width=width, alpha=alpha, order=2, solver="exact")
    found = entropy(x, width=width, alpha=alpha, order=2)
    assert found.diagnostics["path"].startswith("sums")
    assert found.value == pytest.approx(exact.value, rel=1e-7, abs=1e-13)


def test_orders_that_are_no_number_are_named():
    for order in (np.array([1.0, 2.0]), [1.0]):
        with pytest.raises(TypeError, match=r"^order must be a number"):
            entropy(X6, order=order)


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
def test_order_0_is_exact_alone():
    assert entropy(X6, width=1.0, order=0).value == pytest.approx(math.log(6), abs=1e-12)
    with pytest.raises(ValueError, match="order must be above 0"):
        entropy(X6, width=1.0, order=0, solver="lanczos")


def drawn(kind, n, rng):
    noise = rng.standard_normal((n, 512))
    centres = rng.standard_normal((10, 512))[np.arange(n) % 10]
    return {
        "flat": noise,
        "far classes": 2.5 * centres + noise,
        "classes": centres + 0.5 * noise,
        "tight": 3 * centres + 0.01 * noise,
        "copies": 0.7 * noise[np.arange(n) % (n // 5)],
    }[kind]


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
@pytest.mark.parametrize(("t", "alpha"), [(1, 0.0), (2, 0.5), (5, 1.0)])
@pytest.mark.parametrize("kind", ["flat", "far classes", "classes", "tight", "copies"])
def test_lanczos_knows_its_error(kind, t, alpha, rng):
    x = drawn(kind, 400, rng)
    options = {"width": 10.0, "t": t, "alpha": alpha}
    exact = entropy(x, solver="exact", **options).value
    for seed in range(4):
        found = entropy(x, solver="lanczos", rng=seed, **options)
        assert found.diagnostics["converged"]
        assert found.diagnostics["solver_error"] <= 1e-3
        error = abs(found.value - exact)
        assert error < 3.5 * found.diagnostics["solver_error"]
        assert error < 0.003 * math.log(400)
        assert found.value <= found.diagnostics["ceiling"]


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
@pytest.mark.parametrize(
    ("n", "d", "spread", "width", "t", "tol"),
    [
        (300, 8, 0.05, 0.5, 0.25, 1e-2),
        (300, 30, 0.02, 3.0, 0.25, 1e-2),
        (300, 8, 0.05, 0.5, 1, 1e-3),
    ],
)
def test_lanczos_near_powers_of_0_says_what_it_does_not_know(n, d, spread, width, t, tol):
    x = np.random.default_rng(0).standard_normal((n, d))
    x[: n // 2] *= spread
    options = {"width": width, "t": t}
    exact = entropy(x, solver="exact", **options).value
    for seed in range(2):
        found = entropy(x, solver="lanczos", tol=tol, rng=seed, **options)
        told = found.diagnostics
        assert abs(found.value - exact) < 3 * told["solver_error"]
        assert told["converged"] == (told["solver_error"] <= tol)
        assert t == 1 or (not told["converged"] and "solver='exact'" in told["warnings"][0])


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
@pytest.mark.parametrize(("d", "spread", "width"), [(8, 0.02, 0.5), (4, 0.01, 0.2)])
def test_lanczos_has_no_bias_of_its_own(d, spread, width):
    """Most rows near each other: many eigenvalues fall to 0, and steps come near them slowly."""
    x = np.random.default_rng(0).standard_normal((800, d))
    x[:720] *= spread
    exact = entropy(x, width=width, solver="exact").value
    found = [entropy(x, width=width, solver="lanczos", rng=seed) for seed in range(16)]
    z = np.array([(each.value - exact) / each.diagnostics["solver_error"] for each in found])
    assert math.sqrt(np.square(z).mean()) < 1.6
    assert abs(z.mean()) < 3 / math.sqrt(len(z))


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
def test_no_entropy_above_its_ceiling_is_returned(engine, rng, monkeypatch):
    """A norm that has lost 7%, as of 1e8 entries in single precision, is noticed."""
    x, moments = rng.standard_normal((400, 512)), walk._moments

    def short(kernels, scales):
        trace, square = moments(kernels, scales)
        return trace, 0.93**2 * square

    assert entropy(x, width=10.0, solver="lanczos").value < math.log(400)
    monkeypatch.setattr(walk, "_moments", short)
    with pytest.raises(ArithmeticError, match="is above ln n"):
        entropy(x, width=10.0, solver="lanczos")


def test_without_a_matrix_the_answer_is_within_its_error(engine, rng, monkeypatch):
    # other probes, since more of them at a time are worth making kernels again
    x = rng.standard_normal((300, 5))
    exact, dense = (entropy(x, solver=each) for each in ("exact", "lanczos"))
    monkeypatch.setattr(ranges, "free_memory", lambda: 700_000)
    free = entropy(x, solver="lanczos")
    assert dense.diagnostics["path"] == "lanczos, dense"
    assert free.diagnostics["path"] == "lanczos, matrix-free"
    for found in (dense, free):
        error = found.diagnostics["solver_error"]
        assert error <= 1e-3
        assert abs(found.value - exact.value) <= 3 * error
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
    assert "growth" not in entropy(x).diagnostics
    assert "growth" not in entropy(x, landmarks=1).diagnostics
    with pytest.raises(ValueError, match="landmarks must be between 1 and 200"):
        entropy(x, landmarks=201)


@pytest.mark.filterwarnings("ignore:entropy.diffusion")
def test_the_growth_of_landmarks_tells_their_bias(engine, rng):
    apart = entropy(rng.standard_normal((300, 64)), width=0.5, landmarks=100)
    assert apart.diagnostics["growth"] == pytest.approx(math.log(2), abs=1e-6)
    points = np.repeat(100.0 * np.arange(3), 200)  # three of them, however many rows there are
    assert abs(entropy(points, width=1.0, landmarks=100).diagnostics["growth"]) < 0.03
    x = drawn("classes", 1000, rng)
    for t, sign in ((1, 1), (2, -1)):
        whole = entropy(x, width=10.0, t=t).value
        some = entropy(x, width=10.0, t=t, landmarks=250)
        assert sign * (whole - some.value) > 0.1
        assert sign * some.diagnostics["growth"] > 0.1


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


@pytest.mark.filterwarnings("ignore:mutual_information.diffusion")
@pytest.mark.parametrize("kind", ["bits", "tenths", "single", "zeros"])
def test_information_does_not_depend_on_the_order_of_rows_or_memory(kind, engine, rng):
    # Rows that differ, of equal sums and equal ends.
    x = np.unique(rng.integers(0, 2, (90, 9)), axis=0) * (1.0 if kind == "bits" else 0.1)
    if kind == "single":
        x = x.astype(np.float32)
    y = rng.integers(0, 3, len(x))
    turned = rng.permutation(len(x))
    again = x if kind != "zeros" else np.where(x == 0, -0.0, x)
    first = it.diffusion_mutual_information(x, y, width=0.5)
    others = ((x[turned], y[turned], 1), (np.asfortranarray(again), y, 1), (x * 8, y, 8))
    for rows, labels, unit in others:
        other = it.diffusion_mutual_information(rows, labels, width=0.5 * unit)
        assert other.value == pytest.approx(first.value, abs=1e-12)
    if kind == "single":
        wide = it.diffusion_mutual_information(x.astype(np.float64), y, width=0.5)
        assert wide.value == pytest.approx(first.value, abs=1e-12)


def test_information_says_that_the_solver_missed_its_tolerance(rng):
    x, y = rng.standard_normal((120, 3)), np.arange(120) % 3
    options = {"solver": "lanczos", "t": 3, "repetitions": 2}
    with pytest.warns(it.InfotheoryWarning, match=r"of 9 spectra, above tol=1e-09; .*'exact'"):
        missed = information(x, y, tol=1e-9, **options)
    assert not missed.diagnostics["converged"]
    met = information(x, y, tol=0.1, **options)
    assert met.diagnostics["converged"]
    assert "warnings" not in met.diagnostics
    assert "converged" not in information(x, y, repetitions=2).diagnostics
    # of one subset the solver's own error is all that is known
    once, twice = (
        information(x, y, tol=0.1, solver="lanczos", repetitions=r).diagnostics for r in (1, 2)
    )
    assert 0 < once["solver_error"] < twice["solver_error"]
    assert "solver_error" not in information(x, y, repetitions=1).diagnostics


def test_where_memory_is_missing_information_names_what_it_has(rng, monkeypatch):
    x, y = rng.standard_normal((600, 3)), np.arange(600) % 2
    monkeypatch.setattr(ranges, "free_memory", lambda: 700_000)
    with pytest.raises(MemoryError, match=r"solver='lanczos'\.$"):
        information(x, y)


def test_an_exact_spectrum_takes_two_matrices_at_most(rng):
    n = 600
    x = rng.standard_normal((n, 4))

    def peak(**options):
        entropy(x[:50], width=2.0, solver="exact", **options)  # what is loaded is not asked about
        tracemalloc.start()
        try:
            entropy(x, width=2.0, solver="exact", **options)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak() < 2.1 * 8 * n * n
    assert peak(alpha=0.5, t=2) < 2.1 * 8 * n * n


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


def test_clusters_cut_a_line_and_group_points(rng):
    line = it.clusters(np.array([0.0, 0.09, 0.11, 0.55, 1.0]), 10)
    assert line.tolist() == [0, 0, 1, 5, 9]
    assert it.clusters(np.array([-1e308, 0.1e308, 1e308]), 2).tolist() == [0, 1, 1]
    assert it.clusters(np.full(5, 3.0)).tolist() == [0] * 5
    names = np.arange(60) % 3
    found = it.clusters(rng.standard_normal((60, 2)) * 0.1 + 2.0 * np.eye(3, 2)[names], 3)
    assert len({(a, b) for a, b in zip(found, names, strict=True)}) == 3
    with pytest.raises(ValueError, match="count must be between 1 and 4"):
        it.clusters(np.ones((5, 2)), 6)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_a_small_power_makes_nothing_of_rounding(engine, rng):
    # 8 rows, each five times: 32 eigenvalues are 0 but for rounding.
    rows = rng.standard_normal((8, 3))
    for options in ({"t": 0.1}, {"order": 0.1}, {"order": 0.0, "t": 0.1}):
        once, often = (
            it.entropy(x, method="diffusion", width=1.0, **options).value
            for x in (rows, np.repeat(rows, 5, axis=0))
        )
        assert often == pytest.approx(once, rel=1e-9)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_a_great_time_leaves_the_slowest_direction(engine, rng):
    x = rng.standard_normal((50, 2))
    assert it.entropy(x, method="diffusion", width=1.0, t=1e300).value == 0.0


def test_a_common_offset_costs_no_digits(engine, rng):
    x = rng.integers(0, 9, (60, 2)).astype(float)
    plain, far = (it.entropy(z, method="diffusion", width=1.5).value for z in (x, x + 2.0**50))
    assert far == pytest.approx(plain, rel=1e-12)


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_lost_digits_are_named(rng):
    x = rng.normal(size=100)
    with pytest.warns(it.InfotheoryWarning, match="x has lost digits"):
        it.entropy(x + 1e16, method="diffusion")
    with pytest.warns(it.InfotheoryWarning, match="x has lost digits"):
        it.mutual_information(x + 1e16, (x > 0).astype(int), method="diffusion")


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_moments_that_are_rounding_are_in_the_error():
    """A width far above the data: every eigenvalue but one vanishes among the digits of 1."""
    x = np.random.default_rng(1).standard_normal((500, 2))
    for seed in range(4):
        with pytest.raises(ArithmeticError, match=r"must be below ln n = 6\.2.* solver='exact'"):
            entropy(x, width=1e6, solver="lanczos", rng=seed)
    exact = entropy(x, width=30.0, solver="exact").value
    found = entropy(x, width=30.0, solver="lanczos")
    assert abs(found.value - exact) < 3 * found.diagnostics["solver_error"] < 1e-3


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
@pytest.mark.parametrize("apart", [0.0, 20.0])
def test_rounding_that_a_small_power_raises_is_in_the_error(apart):
    x = np.random.default_rng(0).normal(size=(500, 5))
    x[250:] += apart
    options = {"width": 30.0, "t": 0.3}
    exact = it.diffusion_entropy(x, solver="exact", **options)
    found = it.diffusion_entropy(x, solver="lanczos", **options)
    assert not found.diagnostics["converged"]
    assert abs(found - exact) <= 3 * found.diagnostics["solver_error"]
