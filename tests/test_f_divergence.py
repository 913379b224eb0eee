"""Exact divergences of tables of probabilities."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it
from infotheory import truth

LN2 = math.log(2)
P, Q = [0.5, 0.25, 0.25, 0.0], [0.25, 0.25, 0.25, 0.25]
KINDS = ["kl", "jensen_shannon", "jeffreys", "hellinger", "total_variation", "chi2"]

counts = st.lists(st.integers(0, 9), min_size=6, max_size=6).filter(any)
orders = st.sampled_from([0.1, 0.5, 0.999, 1, 1.001, 2, 3.5, 20, 200, math.inf])


def exact(p, q, kind="kl", **options):
    return it.f_divergence(p, q, kind=kind, **options).value


def frequencies(row):
    return np.array(row) / np.sum(row)


def test_logarithmic_kinds_by_hand_in_two_units():
    kl = it.f_divergence(P, Q)
    assert kl.value == pytest.approx(0.5 * LN2, rel=1e-14)
    assert kl.to("bits").value == pytest.approx(0.5, rel=1e-14)
    assert (kl.stderr, kl.n, kl.unit, kl.quantity) == (0.0, 0, "nats", "divergence")
    # the middle is (3/8, 1/4, 1/4, 1/8)
    js = 0.5 * (0.5 * math.log2(4 / 3)) + 0.5 * (0.25 * math.log2(2 / 3) + 0.25)
    found = it.f_divergence(P, Q, kind="jensen_shannon")
    assert found.to("bits").value == pytest.approx(js, rel=1e-14)
    assert found.value == pytest.approx(js * LN2, rel=1e-14)
    found = it.f_divergence([0.5, 0.5], [0.25, 0.75], kind="jeffreys")
    assert found.value == pytest.approx(0.25 * math.log(3), rel=1e-14)
    assert found.to("bits").value == pytest.approx(0.25 * math.log2(3), rel=1e-14)


def test_pure_numbers_by_hand():
    for kind, value in {
        "hellinger": 1 - math.sqrt(1 / 8) - 0.5,
        "total_variation": 0.25,
        "chi2": 0.25 + 0.25,
    }.items():
        found = it.f_divergence(P, Q, kind=kind)
        assert found.value == pytest.approx(value, rel=1e-14)
        assert found.unit == ""
        with pytest.raises(ValueError, match="only nats and bits"):
            found.to("bits")


@pytest.mark.parametrize(
    ("order", "bits"),
    [
        (0, math.log2(4 / 3)),
        (0.5, -2 * math.log2(math.sqrt(1 / 8) + 0.5)),
        (1, 0.5),
        (2, math.log2(1.5)),
        (3, math.log2(0.5**3 * 16 + 0.5) / 2),
        (math.inf, 1),
    ],
)
def test_renyi_by_hand(order, bits):
    found = it.f_divergence(P, Q, kind="renyi", order=order)
    assert found.to("bits").value == pytest.approx(bits, rel=1e-13)
    assert found.value == pytest.approx(bits * LN2, rel=1e-13)
    assert dict(found.params) == {"kind": "renyi", "order": float(order)}


def test_outcomes_that_only_one_of_them_has():
    for kind in ("kl", "jeffreys", "chi2"):
        assert exact(Q, P, kind) == math.inf
    assert exact(P, Q, "jeffreys") == math.inf
    assert exact(P, Q, "chi2") < math.inf
    for order in (1, 1.5, math.inf):
        assert exact(Q, P, "renyi", order=order) == math.inf
    assert exact(Q, P, "renyi", order=0.5) == exact(P, Q, "renyi", order=0.5)
    apart = ([0.7, 0.3, 0, 0], [0, 0, 0.4, 0.6])
    for order in (0, 0.5, 0.999, 1, 2, math.inf):
        assert exact(*apart, "renyi", order=order) == math.inf
    assert exact(*apart, "jensen_shannon") == pytest.approx(LN2, rel=1e-15)
    assert exact(*apart, "hellinger") == pytest.approx(1, rel=1e-15)
    assert exact(*apart, "total_variation") == pytest.approx(1, rel=1e-15)


@given(p=counts, q=counts)
def test_inequalities(p, q):
    p, q = frequencies(p), frequencies(q)
    kl, js, jeffreys, hellinger, variation, chi2 = (exact(p, q, kind) for kind in KINDS)
    slack = 1e-12
    assert hellinger <= variation + slack
    assert variation <= math.sqrt(hellinger * (2 - hellinger)) + slack
    assert variation <= math.sqrt(kl / 2) + slack
    assert kl <= math.log1p(chi2) + slack
    assert js <= LN2 * variation + slack
    assert jeffreys == pytest.approx(kl + exact(q, p), rel=1e-12)
    # exact by Renyi's orders
    assert exact(p, q, "renyi", order=1) == kl
    overlap = math.exp(-exact(p, q, "renyi", order=0.5) / 2)
    assert overlap == pytest.approx(1 - hellinger, abs=1e-12)
    assert math.expm1(exact(p, q, "renyi", order=2)) == pytest.approx(chi2, rel=1e-10, abs=1e-12)
    for kind in ("jensen_shannon", "jeffreys", "hellinger", "total_variation"):
        assert exact(p, q, kind) == pytest.approx(exact(q, p, kind), rel=1e-13, abs=1e-15)


@given(p=counts, q=counts)
def test_zero_only_where_equal(p, q):
    p, q = frequencies(p), frequencies(q)
    for kind in KINDS:
        assert exact(p, p, kind) == 0
        assert (exact(p, q, kind) > 0) == (p != q).any()
    for order in (0.3, 1, 2, 50):
        assert exact(p, p, "renyi", order=order) == 0
        assert (exact(p, q, "renyi", order=order) > 0) == (p != q).any()


@given(p=counts, q=counts, order=orders)
def test_merging_outcomes_never_adds(p, q, order):
    p, q = frequencies(p), frequencies(q)
    coarse = [np.add.reduceat(row, [0, 2, 3]) for row in (p, q)]
    for kind in KINDS:
        assert exact(*coarse, kind) <= exact(p, q, kind) * (1 + 1e-12) + 1e-12
    fine = exact(p, q, "renyi", order=order)
    assert exact(*coarse, "renyi", order=order) <= fine * (1 + 1e-10) + 1e-10


@given(p=counts, q=counts)
def test_renyi_grows_with_the_order_and_reaches_its_limits(p, q):
    p, q = frequencies(p), frequencies(q)
    rising = [0, 1e-9, 0.01, 0.3, 0.9, 0.999999, 1, 1.000001, 1.1, 2, 7, 90, 3000, math.inf]
    found = [exact(p, q, "renyi", order=order) for order in rising]
    for below, above in itertools.pairwise(found):
        assert below <= above + 1e-9
    assert found[1] == pytest.approx(found[0], abs=1e-6)
    if math.isfinite(found[6]):
        assert found[5] == pytest.approx(found[6], abs=1e-4)
        assert found[7] == pytest.approx(found[6], abs=1e-4)
        assert found[-2] == pytest.approx(found[-1], abs=1e-2)


@pytest.mark.parametrize("step", [1e-15, 1e-12, 1e-9, 1e-6, 1e-4, 1e-2])
def test_near_equality_has_all_its_digits(step):
    """All are quadratic there: 2 step^2 for KL of (1/2 + step, 1/2 - step) from (1/2, 1/2)."""
    p, q = np.array([0.5 + step, 0.5 - step]), np.array([0.5, 0.5])
    step = p[0] - 0.5  # as rounded
    near = {"rel": max(2 * step**2, 1e-13) * 2}
    assert exact(p, q) == pytest.approx(2 * step**2, **near)
    assert exact(p, q, "jensen_shannon") == pytest.approx(step**2 / 2, **near)
    assert exact(p, q, "jeffreys") == pytest.approx(4 * step**2, rel=4 * near["rel"] + 1e-10)
    assert exact(p, q, "chi2") == pytest.approx(4 * step**2, rel=1e-13)
    for order in (0.2, 0.999999, 1.5, 3):
        found = exact(p, q, "renyi", order=order)
        assert found == pytest.approx(2 * order * step**2, rel=20 * near["rel"])


def test_large_orders_and_small_probabilities_do_not_overflow():
    p, q = [1 - 1e-300, 1e-300], [1e-300, 1 - 1e-300]
    assert exact(p, q, "renyi", order=1e5) == pytest.approx(300 * math.log(10), rel=1e-4)
    assert exact(p, q) == pytest.approx(300 * math.log(10), rel=1e-12)
    assert exact(p, q, "renyi", order=0.5) == pytest.approx(300 * math.log(10) - 2 * LN2, rel=1e-12)


def exact_renyi(p, q, order):
    """In 60 digits, of tables divided by their exact sums."""
    p, q = ([mpmath.mpf(float(each)) for each in table] for table in (p, q))
    p, q = ([each / mpmath.fsum(table) for each in table] for table in (p, q))
    shared = [(a, b) for a, b in zip(p, q, strict=True) if a > 0 and b > 0]
    if order == 0:
        return float(-mpmath.log(mpmath.fsum(b for _, b in shared)))
    power = mpmath.mpf(order) - 1
    return float(mpmath.log(mpmath.fsum(a * (a / b) ** power for a, b in shared)) / power)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([1, 0.0], [1e-17, 1.0]),
        ([1, 0.0], [1e-15, 1 - 1e-15]),
        ([5e-324, 0.5, 0.5], [0.4, 0.3, 0.3]),
        ([0.5, 0.5, 1e-20], [0.5, 0.4, 0.1]),
        ([0.1] * 10, np.arange(1, 11) / 55),
        ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5]),
    ],
)
def test_any_order_of_tiny_probabilities_has_its_digits(p, q):
    near = [1 + sign * 10.0**-digits for digits in range(1, 17) for sign in (1, -1)]
    with mpmath.workdps(60):
        for order in (0, 1e-12, 1e-9, 0.01, 0.3, 0.5, 0.7, *near, 0.1 * 3 / 0.3, 1.5, 3, 50, 1000):
            if order == 1:
                continue
            found = exact(p, q, "renyi", order=order)
            assert found == pytest.approx(exact_renyi(p, q, order), rel=1e-14), order


def test_closed_forms_on_a_fine_grid():
    """Densities on a fine grid have the divergences of the densities."""
    t = np.arange(-14, 14, 1e-3)
    p = np.exp(-t * t / 2)
    q = np.exp(-((t - 0.7) ** 2) / (2 * 1.69))
    p, q = p / p.sum(), q / q.sum()
    for kind in KINDS:
        known = truth.divergent_normals(kind, 0, 1, 0.7, 1.69).value
        assert exact(p, q, kind) == pytest.approx(known, rel=1e-6), kind
    for order in (0.3, 0.5, 2):
        known = truth.divergent_normals("renyi", 0, 1, 0.7, 1.69, order=order).value
        assert exact(p, q, "renyi", order=order) == pytest.approx(known, rel=1e-9)


def test_published_numbers_of_normals():
    given = (0, 1, 0.7, 1.69)
    assert truth.divergent_normals("chi2", *given).value == pytest.approx(0.345897, abs=1e-6)
    overlap = 1 - truth.divergent_normals("hellinger", *given).value
    assert overlap == pytest.approx(0.939362, abs=1e-6)
    order = truth.divergent_normals("renyi", *given, order=0.3).value
    assert math.exp(-0.7 * order) == pytest.approx(0.943663, abs=1e-6)
    found = truth.divergent_normals("bhattacharyya", 0, 1, 1, 4).value
    assert found == pytest.approx(0.161571775657, abs=1e-12)
    assert truth.divergent_normals("chi2", 0, 4, 0, 1).value == math.inf
    assert truth.divergent_normals("total_variation", 0, 1, 0, 1).value == 0
    # of unequal deviations, against a sum over a fine grid
    t = np.arange(-30, 30, 1e-4)
    p, q = np.exp(-t * t / 2), np.exp(-((t - 1) ** 2) / 8) / 2
    summed = np.abs(p - q).sum() * 1e-4 / math.sqrt(2 * math.pi) / 2
    found = truth.divergent_normals("total_variation", 0, 1, 1, 4).value
    assert found == pytest.approx(summed, abs=1e-8)
    with pytest.raises(ValueError, match="covariances must be equal"):
        truth.divergent_normals("total_variation", [0, 0], np.eye(2), [0, 0], 2 * np.eye(2))


def test_tables_of_any_shape_and_tensors():
    p, q = np.array(P).reshape(2, 2), torch.tensor(Q).reshape(2, 2).double()
    assert exact(p, q) == exact(P, Q)
    with pytest.raises(ValueError, match=r"^p and q must have the same shape; got \(4,\)"):
        exact(P, q)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "kll"}, r"kind must be one of .*Did you mean 'kl'"),
        ({"kind": "renyi"}, r"order belongs to kind='renyi'"),
        ({"order": 2.0}, r"order belongs to kind='renyi'"),
        ({"kind": "renyi", "order": -1}, r"order must be a number from 0 to infinity"),
        ({"q": [0.5, 0.6, 0, 0]}, r"^q must sum to 1"),
        ({"p": [-0.5, 1.5, 0, 0]}, r"^p must not be negative"),
        ({"q": [np.nan, 1, 0, 0]}, r"^q must be finite"),
        ({"p": []}, r"^p must be a table"),
    ],
)
def test_wrong_questions_are_errors(change, said):
    with pytest.raises(ValueError, match=said):
        it.f_divergence(**{"p": P, "q": Q, **change})


def test_complex_tables_are_a_type_error():
    with pytest.raises(TypeError, match=r"^q must hold real numbers"):
        it.f_divergence(P, np.array(Q) + 0j)
