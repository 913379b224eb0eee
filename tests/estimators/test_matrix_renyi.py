"""Matrix-based Renyi entropies: by hand, against operators known exactly, and their laws."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import infotheory as it
from infotheory.ops import ranges
from infotheory.solvers.spectral_entropy import spectral_renyi

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
ORDERS = [0.5, 1.0, 1.01, 2.0, 5.0]


def entropy(*arrays, alpha=1.01, width=1.0):
    """The entropy of arrays side by side, each with its width."""
    widths = width if isinstance(width, tuple) else (width,) * len(arrays)
    columns = [x.reshape(len(x), -1) / s for x, s in zip(arrays, widths, strict=True)]
    together = np.concatenate(columns, axis=1)
    return it.entropy(together, method="matrix_renyi", alpha=alpha, width=1.0).value


def information(x, y, **options):
    return it.mutual_information(x, y, method="matrix_renyi", **options).value


def draw(rng, n=60):
    x = rng.standard_normal((n, 2))
    return x, x[:, :1] + 0.5 * rng.standard_normal((n, 1)), rng.standard_normal((n, 1))


# ---- by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, *ORDERS, math.inf])
def test_far_points_and_equal_points(engine, alpha):
    far = 100.0 * np.arange(7)
    assert entropy(far, alpha=alpha) == pytest.approx(math.log(7), rel=1e-14)
    assert entropy(np.full(7, 0.1), alpha=alpha) == 0.0
    pairs = np.repeat(far, 2)  # every point twice: seven eigenvalues again
    assert entropy(pairs, alpha=alpha) == pytest.approx(math.log(7), rel=1e-13)


@pytest.mark.parametrize("alpha", ORDERS)
def test_two_points(engine, alpha):
    x = np.array([0.0, 1.5])
    k = math.exp(-(1.5**2) / (2 * 0.8**2))
    shares = np.array([1 + k, 1 - k]) / 2
    by_hand = (
        -(shares * np.log(shares)).sum()
        if alpha == 1
        else math.log((shares**alpha).sum()) / (1 - alpha)
    )
    found = it.entropy(x, method="matrix_renyi", alpha=alpha, width=0.8)
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    assert found.to("bits").value == pytest.approx(by_hand / math.log(2), rel=1e-12)
    assert found.params["sigma"] == 0.8


@pytest.mark.parametrize("alpha", ORDERS)
def test_blocks_of_ones_are_labels(engine, rng, alpha):
    # clusters in the shares of labels: Renyi's entropy of labels, and the discrete information
    x, y = rng.integers(0, 4, 90), rng.integers(0, 3, 90)
    y = np.where(rng.random(90) < 0.5, x % 3, y)
    discrete = {"method": "renyi", "order": alpha}
    both = np.stack([x, y], axis=1)
    assert entropy(100.0 * x, alpha=alpha) == pytest.approx(
        it.entropy(x, **discrete).value, rel=1e-10
    )
    parts = [it.entropy(part, **discrete).value for part in (x, y, both)]
    found = information(100.0 * x, 100.0 * y, alpha=alpha, width=1.0)
    assert found == pytest.approx(parts[0] + parts[1] - parts[2], abs=1e-10)


# ---- exact operators ----------------------------------------------------------------------


def operator_entropy(alpha, variance, width):
    """Of a normal variable: eigenvalues (1 - b) b^k of the kernel's operator."""
    density, kernel = 1 / (4 * variance), 1 / (2 * width**2)
    b = kernel / (density + kernel + math.sqrt(density**2 + 2 * density * kernel))
    if alpha == 1:
        return (-b * math.log(b) - (1 - b) * math.log(1 - b)) / (1 - b)
    return math.log((1 - b) ** alpha / (1 - b**alpha)) / (1 - alpha)


@pytest.mark.parametrize("alpha", [1.0, 1.01, 2.0, 5.0])
def test_normal_samples_approach_the_operator(engine, alpha):
    exact = operator_entropy(alpha, 1.0, 0.8)
    if alpha in (1.0, 2.0, 5.0):  # as it has been computed elsewhere, in bits
        published = {1.0: 1.837, 2.0: 1.429, 5.0: 1.098}[alpha]
        assert exact / math.log(2) == pytest.approx(published, abs=5e-4)
    errors = []
    for n, repeats in ((50, 40), (400, 10)):
        rngs = map(np.random.default_rng, range(repeats))
        found = [entropy(rng.standard_normal(n), alpha=alpha, width=0.8) for rng in rngs]
        errors.append(abs(np.mean(found) - exact))
    assert errors[1] < 0.03
    assert errors[1] < errors[0]


@pytest.mark.parametrize(("alpha", "bits"), [(1.0, 0.5418), (2.0, 0.4657)])
def test_information_of_normals_approaches_the_operator(engine, alpha, bits):
    # the sum and the difference of x and y are independent, of variance 1 +- rho
    exact = 2 * operator_entropy(alpha, 1, 0.8)
    exact -= operator_entropy(alpha, 1.8, 0.8) + operator_entropy(alpha, 0.2, 0.8)
    assert exact / math.log(2) == pytest.approx(bits, abs=5e-5)
    x, z = np.random.default_rng(0).standard_normal((2, 1000))
    found = information(x, 0.8 * x + 0.6 * z, alpha=alpha, width=0.8)
    assert found == pytest.approx(exact, abs=0.03)


# ---- laws ---------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", ORDERS)
def test_quantities_are_sums_of_entropies(engine, rng, alpha):
    x, y, z = draw(rng)
    widths = (0.7, 1.0, 1.3)
    h = {
        places: entropy(
            *((x, y, z)[i] for i in places), alpha=alpha, width=tuple(widths[i] for i in places)
        )
        for places in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    }
    options = {"method": "matrix_renyi", "alpha": alpha}
    found = it.mutual_information(x, y, width=widths[:2], **options)
    assert found.value == pytest.approx(h[0,] + h[1,] - h[0, 1], abs=1e-10)
    assert found.params["sigma"] == widths[:2]
    found = it.conditional_entropy(x, y, width=widths[:2], **options)
    assert found.value == pytest.approx(h[0, 1] - h[1,], abs=1e-10)
    found = it.total_correlation([x, y, z], width=widths, **options)
    assert found.value == pytest.approx(h[0,] + h[1,] + h[2,] - h[0, 1, 2], abs=1e-10)
    assert 0 <= found.diagnostics["normalised"] <= 1
    found = it.dual_total_correlation([x, y, z], width=widths, **options)
    by_hand = h[0, 1] + h[0, 2] + h[1, 2] - 2 * h[0, 1, 2]
    assert found.value == pytest.approx(by_hand, abs=1e-10)
    assert 0 <= found.diagnostics["normalised"] <= 1
    # of two variables both are the information
    two = it.dual_total_correlation([x, y], width=widths[:2], **options).value
    assert two == pytest.approx(information(x, y, alpha=alpha, width=widths[:2]), abs=1e-10)
    # the joint entropy is between the larger and the sum
    assert max(h[0,], h[1,]) - 1e-12 <= h[0, 1] <= h[0,] + h[1,] + 1e-12


@given(
    weights=st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda w: sum(w) > 0.1),
)
def test_entropies_fall_with_the_order_and_are_continuous_at_one(weights):
    shares = np.array(weights) / sum(weights)
    orders = [0.3, 0.9, 0.999, 1.0, 1.001, 1.01, 2.0, 10.0, math.inf]
    values = [spectral_renyi(shares, alpha) for alpha in orders]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(values))
    near = [spectral_renyi(shares, alpha) for alpha in (1 - 1e-9, 1.0, 1 + 1e-9)]
    assert near[0] == pytest.approx(near[1], abs=1e-6)
    assert near[2] == pytest.approx(near[1], abs=1e-6)


@pytest.mark.parametrize("k", range(1, 17))
def test_orders_near_one_lose_no_digits(k, rng):
    weights = rng.random(50) ** 6
    for alpha in (1 - 10.0**-k, 1 + 10.0**-k, 1 + 3 * 10.0**-k):
        with mpmath.workdps(60):
            exact = [mpmath.mpf(float(w)) for w in weights]
            total = mpmath.fsum(exact)
            shares = [w / total for w in exact]
            if alpha == 1:
                wanted = -mpmath.fsum(p * mpmath.log(p) for p in shares)
            else:
                order = mpmath.mpf(alpha)
                wanted = mpmath.log(mpmath.fsum(p**order for p in shares)) / (1 - order)
        # of terms that have any sum, and of shares whose sum is 1 but for rounding
        for scale in (1.0, 1 / weights.sum()):
            assert spectral_renyi(weights * scale, alpha) == pytest.approx(float(wanted), rel=1e-14)


@pytest.mark.parametrize("alpha", [0.1 * 3 / 0.3, 1 - 1e-15, 1 + 1e-13])
def test_an_order_that_is_one_but_for_rounding(alpha, engine):
    x = np.random.default_rng(0).standard_normal((100, 3))
    assert alpha != 1
    near, at_one = (entropy(x, alpha=each, width=math.sqrt(3)) for each in (alpha, 1.0))
    assert near == pytest.approx(at_one, abs=1e-11)


def test_order_two_by_sums_is_order_two_by_eigenvalues(engine, rng):
    x, y, _ = draw(rng)
    for width in (0.1, 1.0, 10.0):
        by_sums = information(x, y, alpha=2.0, width=width)
        by_spectrum = information(x, y, alpha=2.0 + 1e-12, width=width)
        assert by_sums == pytest.approx(by_spectrum, abs=1e-9)


def test_a_wide_image_is_the_product_of_its_channels(engine, rng):
    images = rng.standard_normal((40, 3, 4, 4))
    channels = [images[:, place].reshape(40, -1) for place in range(3)]
    whole = entropy(images.reshape(40, -1), width=3.0)
    spectrum = np.ones((40, 40))
    for channel in channels:
        squares = ((channel[:, None] - channel[None]) ** 2).sum(-1)
        spectrum *= np.exp(-squares / (2 * 3.0**2))
    assert whole == pytest.approx(
        spectral_renyi(np.linalg.eigvalsh(spectrum) / 40, 1.01), rel=1e-11
    )


def test_rules_follow_the_scale_and_are_kept(engine, rng):
    x, y, _ = draw(rng)
    for rule in ("median", "knn", "silverman"):
        found = it.mutual_information(x, y, method="matrix_renyi", width=rule)
        scaled = it.mutual_information(1e200 * x, 1e-200 * y, method="matrix_renyi", width=rule)
        assert scaled.value == pytest.approx(found.value, rel=1e-6)
        again = information(x, y, width=found.params["sigma"])
        assert again == pytest.approx(found.value, rel=1e-12)
    assert it.mutual_information(x, y, method="matrix_renyi").params["sigma"] == (math.sqrt(2), 1.0)


# ---- what is said -------------------------------------------------------------------------


@pytest.mark.filterwarnings("default::infotheory.InfotheoryWarning")
def test_widths_that_decide_the_value_are_said(rng):
    x, y, _ = draw(rng)
    with pytest.warns(it.InfotheoryWarning, match="reach no other sample"):
        found = it.mutual_information(x, y, method="matrix_renyi", width=1e-7)
    assert found.diagnostics["saturated"]
    assert found.value == pytest.approx(math.log(60))
    with pytest.warns(it.InfotheoryWarning, match="see all samples alike"):
        it.entropy(x, method="matrix_renyi", width=1e4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -0.1}, "^alpha must be"),
        ({"alpha": math.nan}, "^alpha must be"),
        ({"width": 0.0}, "^width must be"),
        ({"width": "wide"}, "^width must be one of"),
        ({"width": (1.0, 2.0, 3.0)}, "^width must be one, or one for each of x, y; got 3"),
    ],
)
def test_bad_options(rng, options, message):
    x, y, _ = draw(rng)
    with pytest.raises(ValueError, match=message):
        it.mutual_information(x, y, method="matrix_renyi", **options)


@pytest.mark.parametrize("alpha", [6.0, 8.0, 20.0, 100.0, 1e4])
def test_high_orders_lose_no_digits(engine, rng, alpha):
    far = 100.0 * np.arange(400)
    assert entropy(far, alpha=alpha) == pytest.approx(math.log(400), rel=1e-12)
    x = rng.standard_normal((300, 5))
    largest = entropy(x, alpha=math.inf)
    assert largest <= entropy(x, alpha=alpha) <= largest * alpha / (alpha - 1) + 1e-12


def test_variables_that_see_nobody_together_are_warned_of(rng):
    x, y = rng.standard_normal((2, 200, 8))
    with pytest.warns(it.InfotheoryWarning, match="of all together"):
        found = it.mutual_information(x, y, method="matrix_renyi", alpha=2, width=0.8)
    assert found.diagnostics["saturated"]


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_lost_digits_are_named(rng):
    x, y = rng.normal(size=(2, 100))
    with pytest.warns(it.InfotheoryWarning, match="x has lost digits"):
        it.entropy(x + 1e16, method="matrix_renyi")
    with pytest.warns(it.InfotheoryWarning, match="y has lost digits"):
        it.mutual_information(x, y + 1e16, method="matrix_renyi")


def test_orders_that_are_no_number_are_named(rng):
    x, y, _ = draw(rng)
    for alpha in (np.array([1.0, 2.0]), [1.0], "one"):
        with pytest.raises(TypeError, match=r"^alpha must be a number"):
            information(x, y, alpha=alpha)


def test_where_memory_is_missing_order_two_fits(rng, engine, monkeypatch):
    x, y, _ = draw(rng, 300)
    monkeypatch.setattr(ranges, "free_memory", lambda: 700_000)
    with pytest.raises(MemoryError, match=r"300 x 300 takes .*alpha=2"):
        information(x, y)
    assert information(x, y, alpha=2) > 0
