"""Is what the package calls true, true? Each value is computed again in another way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

import infotheory as it
from infotheory import truth

KINDS = [
    ("entropy", ("codes",)),
    ("entropy", ("real",)),
    ("mutual_information", ("codes", "codes")),
    ("mutual_information", ("real", "real")),
    ("mutual_information", ("real", "codes")),
]
COVARIANCE = [[2, 0.5, 0.3], [0.5, 1, -0.2], [0.3, -0.2, 0.5]]
THIRDS = [0.2 / 1.7, 1 / 1.7, 0.5 / 1.7]


def assert_mean(values, expected):
    """The mean of independent values is `expected` within 4.5 of its standard errors."""
    error = values.std() / math.sqrt(len(values))
    assert values.mean() == pytest.approx(expected, abs=4.5 * error + 1e-12)
    assert error < 0.02


# ---- densities on a line: quadrature, and the sampler against the distribution -------------

FAMILIES = [
    ("beta", {"a": 2.0, "b": 5.0}, stats.beta(2, 5)),
    ("chi_square", {"degrees": 5.0}, stats.chi2(5)),
    ("exponential", {"rate": 2.0}, stats.expon(scale=1 / 2)),
    ("gamma", {"shape": 2.5, "scale": 1.3}, stats.gamma(2.5, scale=1.3)),
    ("gamma", {"shape": 0.7, "scale": 3.0}, stats.gamma(0.7, scale=3)),
    ("gumbel", {"scale": 2.0}, stats.gumbel_r(scale=2)),
    ("half_normal", {"scale": 1.7}, stats.halfnorm(scale=1.7)),
    ("laplace", {"scale": 1.5}, stats.laplace(scale=1.5)),
    ("logistic", {"scale": 1.7}, stats.logistic(scale=1.7)),
    ("lognormal", {"mean": 0.3, "deviation": 0.8}, stats.lognorm(0.8, scale=math.exp(0.3))),
    ("maxwell", {"scale": 0.6}, stats.maxwell(scale=0.6)),
    ("pareto", {"exponent": 3.0}, stats.pareto(3)),
    ("rayleigh", {"scale": 1.2}, stats.rayleigh(scale=1.2)),
    ("student", {"degrees": 3.0}, stats.t(3)),
    ("student", {"degrees": 1.0}, stats.cauchy()),
    ("triangular", {"low": -1.0, "mode": 0.3, "high": 2.0}, stats.triang(1.3 / 3, -1, 3)),
    ("uniform", {"low": -1.0, "high": 3.0}, stats.uniform(-1, 4)),
    ("von_mises", {"kappa": 2.0}, stats.vonmises(2)),
    ("weibull", {"shape": 1.5, "scale": 2.0}, stats.weibull_min(1.5, scale=2)),
]


@pytest.mark.parametrize(("family", "parameters", "law"), FAMILIES, ids=lambda x: str(x)[:30])
def test_densities(family, parameters, law):
    known = truth.density(family, **parameters)

    def surprise(u):  # at the quantile u, so that every tail is inside [0, 1]
        return -law.logpdf(law.ppf(u))

    pieces = [0, 1e-9, 1e-4, 0.1, 0.5, 0.9, 1 - 1e-4, 1 - 1e-9]
    value = sum(
        integrate.quad(surprise, low, high, epsabs=1e-11, limit=400)[0]
        for low, high in itertools.pairwise(pieces)
    )
    assert known.value == pytest.approx(value, abs=2e-7)
    (x,) = known.sample(20_000, np.random.default_rng(1))
    assert stats.kstest(x[:, 0], law.cdf).pvalue > 1e-3


def test_every_family_is_tested():
    from infotheory.truth.entropies import _DENSITIES

    assert {family for family, *_ in FAMILIES} == set(_DENSITIES)


def test_an_unknown_family_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"family must be one of 'beta'.*Did you mean 'gamma'"):
        truth.density("gama", shape=1.0)


# ---- densities in several dimensions: the sampler's mean surprise under scipy's density -----

VECTORS = [
    (truth.normal(3, 0.5), stats.multivariate_normal(np.zeros(3), 0.25 * np.eye(3))),
    (truth.multivariate_normal(COVARIANCE), stats.multivariate_normal(np.zeros(3), COVARIANCE)),
    (truth.multivariate_student(4.0, COVARIANCE), stats.multivariate_t(np.zeros(3), COVARIANCE, 4)),
    (truth.multivariate_student(1.5, np.eye(2)), stats.multivariate_t(np.zeros(2), np.eye(2), 1.5)),
]


@pytest.mark.parametrize(("known", "law"), VECTORS, ids=lambda x: getattr(x, "name", "law"))
def test_vectors(known, law):
    (x,) = known.sample(100_000, np.random.default_rng(2))
    assert_mean(-law.logpdf(x), known.value)
    assert known.value == pytest.approx(law.entropy(), abs=1e-9)


def test_student_tends_to_the_normal():
    known = truth.multivariate_student(1e7, COVARIANCE)
    assert known.value == pytest.approx(truth.multivariate_normal(COVARIANCE).value, abs=1e-5)


def test_dirichlet():
    known, law = truth.dirichlet(1.0, 2.0, 3.0), stats.dirichlet([1, 2, 3])
    (x,) = known.sample(100_000, np.random.default_rng(2))
    assert x.shape == (100_000, 2)
    assert_mean(-law.logpdf(np.column_stack([x, 1 - x.sum(axis=1)]).T), known.value)
    assert known.value == pytest.approx(law.entropy(), abs=1e-12)


def test_ball():
    assert truth.ball(1).value == pytest.approx(math.log(2))
    assert truth.ball(2, 3.0).value == pytest.approx(math.log(math.pi * 9))
    assert truth.ball(3).value == pytest.approx(math.log(4 / 3 * math.pi))
    (x,) = truth.ball(3, 2.0).sample(20_000, np.random.default_rng(3))
    radius = np.linalg.norm(x, axis=1)
    assert stats.kstest((radius / 2) ** 3, "uniform").pvalue > 1e-3
    assert stats.kstest(x[:, 0] / radius, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_normal_mixture():
    means, deviations, weights = [-2.0, 1.0], [1.0, 0.5], [0.4, 0.6]
    known = truth.normal_mixture(means, deviations, weights)

    def p(x):
        parts = zip(weights, means, deviations, strict=True)
        return sum(w * stats.norm(m, s).pdf(x) for w, m, s in parts)

    value = integrate.quad(lambda x: -p(x) * math.log(p(x)), -12, 8, epsabs=1e-12, limit=400)[0]
    assert known.value == pytest.approx(value, abs=1e-10)
    (x,) = known.sample(100_000, np.random.default_rng(4))
    assert_mean(-np.log(p(x[:, 0])), known.value)


# ---- discrete entropies -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "p"),
    [
        (truth.die(0.5, 0.25, 0.125, 0.125), [0.5, 0.25, 0.125, 0.125]),
        (truth.die(0.5, 0.5, 0.0), [0.5, 0.5]),
        (truth.geometric(0.25), stats.geom(0.25).pmf(np.arange(1, 300))),
        (truth.binomial(10, 0.3), stats.binom(10, 0.3).pmf(np.arange(11))),
        (truth.poisson(3.0), stats.poisson(3).pmf(np.arange(80))),
        (truth.poisson(0.2), stats.poisson(0.2).pmf(np.arange(80))),
        (truth.poisson(200.0), stats.poisson(200).pmf(np.arange(800))),
        (truth.zipf(100), stats.zipfian(1, 100).pmf(np.arange(1, 101))),
        (truth.zipf(7, 2.5), stats.zipfian(2.5, 7).pmf(np.arange(1, 8))),
        (truth.binned_exponential(0.5), stats.geom(1 - math.exp(-0.5)).pmf(np.arange(1, 99))),
        (truth.binned_uniform(0.25), [0.25] * 4),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_discrete_entropies(known, p):
    assert known.value == pytest.approx(stats.entropy(p), abs=1e-12)
    (x,) = known.sample(200_000, np.random.default_rng(5))
    if known.options:
        x = np.floor(x / known.options["bin_width"]).astype(int)
    _, counts = np.unique(x, return_counts=True)
    assert stats.entropy(counts) == pytest.approx(known.value, abs=0.01)


def test_far_points_with_noise():
    known = truth.separated_points(8, 1e-3)
    p = np.arange(1, 9) / 36
    noise = stats.norm(0, math.sqrt(1e-3)).entropy()
    assert known.value == pytest.approx(stats.entropy(p) + noise, abs=1e-12)
    (x,) = known.sample(100_000, np.random.default_rng(6))
    assert np.bincount(x[:, 0].astype(int)) / 1e5 == pytest.approx(p, abs=0.01)


# ---- discrete information: the table by enumeration, the sampler by its frequencies ---------

LN2 = math.log(2)


@pytest.mark.parametrize(
    ("known", "by_hand"),
    [
        (truth.binary_symmetric_channel(0.11), LN2 - stats.entropy([0.11, 0.89])),
        (truth.binary_erasure_channel(0.3), 0.7 * LN2),
        (truth.z_channel(0.5), stats.entropy([0.25, 0.75]) - LN2 / 2),
        (truth.symmetric_channel(4, 0.2), 2 * LN2 - stats.entropy([0.85, 0.05, 0.05, 0.05])),
        (truth.symmetric_channel(3, 1.0), 0.0),
        (truth.symmetric_channel(5, 0.0), math.log(5)),
        (truth.joint_table("copy", np.diag([0.2, 0.8])), stats.entropy([0.2, 0.8])),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_channels(known, by_hand):
    assert known.value == pytest.approx(by_hand, abs=1e-14)
    x, y = known.sample(200_000, np.random.default_rng(7))
    joint, *_ = np.histogram2d(x, y, bins=[np.arange(7) - 0.5] * 2)
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    assert stats.entropy(joint.ravel(), product.ravel()) == pytest.approx(known.value, abs=0.006)


def test_the_channels_input_is_the_first_array():
    x, y = truth.binary_erasure_channel(0.3).sample(1000, np.random.default_rng(8))
    assert set(x) == {0, 1}
    assert set(y) == {0, 1, 2}


# ---- continuous information: the mean of the log ratio of densities ------------------------


def _normal(x, mean, deviation):
    return stats.norm(mean, deviation).logpdf(x)


def _ratio_of_normals(covariance, split):
    covariance = np.array(covariance, dtype=float)
    d = len(covariance)

    def ratio(x, y):
        def ln_p(z, part):
            block = covariance[np.ix_(part, part)]
            return stats.multivariate_normal(np.zeros(len(part)), block).logpdf(z)

        joint = ln_p(np.column_stack([x, y]), range(d))
        return joint - ln_p(x, range(split)) - ln_p(y, range(split, d))

    return ratio


def _ratio_of_students(degrees, shape, split):
    shape = np.array(shape, dtype=float)
    d = len(shape)

    def ratio(x, y):
        def ln_p(z, part):
            block = shape[np.ix_(part, part)]
            return stats.multivariate_t(np.zeros(len(part)), block, degrees).logpdf(z)

        joint = ln_p(np.column_stack([x, y]), range(d))
        return joint - ln_p(x, range(split)) - ln_p(y, range(split, d))

    return ratio


def _uniform_noise(half_width):
    def ratio(x, y):
        low, high = np.maximum(y - half_width, 0), np.minimum(y + half_width, 1)
        p_y = (high - low) / (2 * half_width)
        return -np.log(2 * half_width) - np.log(p_y)

    return ratio


def _gamma_exponential(x, y):
    return stats.expon(scale=1 / x).logpdf(y) - stats.lomax(3.4).logpdf(y)


def _sum_of_exponentials(x, y):
    p_y = 1 * 2 / (2 - 1) * (np.exp(-y) - np.exp(-2 * y))
    return stats.expon(scale=1 / 2).logpdf(y - x) - np.log(p_y)


def _pairs(weights, means, correlations):
    def ratio(x, y):
        joint = first = second = 0.0
        for w, (a, b), r in zip(weights, means, correlations, strict=True):
            law = stats.multivariate_normal([a, b], [[1, r], [r, 1]])
            joint = joint + w * law.pdf(np.column_stack([x, y]))
            first = first + w * stats.norm(a).pdf(x[:, 0])
            second = second + w * stats.norm(b).pdf(y[:, 0])
        return np.log(joint / (first * second))

    return ratio


def _censored(x, y):
    x, y = x[:, 0], y[:, 0]
    rest = math.sqrt(1 - 0.36)
    inside = _normal(x, 1 + 0.6 * y, rest) - _normal(x, 1, 1)
    at_floor = stats.norm(1 + 0.6 * y, rest).logcdf(0) - stats.norm(1, 1).logcdf(0)
    return np.where(x > 0, inside, at_floor)


def _normals_and_signs(x, y):
    x, y = x[:, 0], y[:, 0]
    signs = (np.abs(x) == 1) & (np.abs(y) == 1)
    normal = _ratio_of_normals([[1, 0.9], [0.9, 1]], 1)(x[:, None], y[:, None]) + LN2
    sign = np.log(np.where(x == y, 0.45, 0.05) / 2 / (0.25 * 0.25))
    return np.where(signs, sign, normal)


def _copula(x, y):
    return np.log(1 + 0.8 * (1 - 2 * x) * (1 - 2 * y))


TWO_PAIRS = np.kron([[1, 0.5], [0.5, 1]], np.eye(2))
PAIRS = [
    (truth.correlated_normals(0.6), _ratio_of_normals([[1, 0.6], [0.6, 1]], 1)),
    (truth.correlated_normals(0.5, 2), _ratio_of_normals(TWO_PAIRS, 2)),
    (
        truth.normals([[5, 3, 1], [3, 4, 1.5], [1, 1.5, 2]], 2),
        _ratio_of_normals([[5, 3, 1], [3, 4, 1.5], [1, 1.5, 2]], 2),
    ),
    (truth.gaussian_channel(10.0), _ratio_of_normals([[10, 10], [10, 11]], 1)),
    (truth.students(2.0, np.eye(4), 2), _ratio_of_students(2.0, np.eye(4), 2)),
    (
        truth.students(3.0, [[1, 0.5], [0.5, 1]], 1),
        _ratio_of_students(3.0, [[1, 0.5], [0.5, 1]], 1),
    ),
    (truth.additive_uniform_noise(0.1), _uniform_noise(0.1)),
    (truth.additive_uniform_noise(0.75), _uniform_noise(0.75)),
    (truth.gamma_exponential(3.4), _gamma_exponential),
    (truth.sum_of_exponentials(1.0, 2.0), _sum_of_exponentials),
    (truth.farlie_gumbel_morgenstern(0.8), _copula),
    (
        truth.normal_pair_mixture([0.5, 0.5], [(-1, -1), (2, 0.5)], [0.6, -0.4]),
        _pairs([0.5, 0.5], [(-1, -1), (2, 0.5)], [0.6, -0.4]),
    ),
    (truth.censored_normals(0.6, 1.0), _censored),
    (truth.normals_and_signs(0.9, 0.9), _normals_and_signs),
]  # fmt: skip


@pytest.mark.parametrize(("known", "ratio"), PAIRS, ids=lambda x: getattr(x, "name", ""))
def test_continuous_information(known, ratio):
    x, y = known.sample(100_000, np.random.default_rng(9))
    assert_mean(np.ravel(ratio(x, y)), known.value)


def test_independent_copies_add():
    one, three = truth.additive_uniform_noise(0.2), truth.additive_uniform_noise(0.2, 3)
    assert three.value == pytest.approx(3 * one.value)
    x, y = three.sample(50, np.random.default_rng(0))
    assert x.shape == y.shape == (50, 3)
    assert (abs(x - y) <= 0.2).all()


def test_a_slower_second_exponential_is_refused():
    with pytest.raises(ValueError, match="rate must be positive and below other_rate; got 2"):
        truth.sum_of_exponentials(2.0, 1.0)


def test_a_covariance_must_be_one():
    with pytest.raises(ValueError, match="positive definite"):
        truth.normals([[1, 2], [2, 1]], 1)


# ---- labels -------------------------------------------------------------------------------


def _classes(laws, weights):
    def ratio(x, label):
        p = np.array([law.pdf(x[:, 0]) for law in laws])
        return np.log(p[label, np.arange(len(x))] / (weights @ p))

    return ratio


def _counts(lost):
    def ratio(x, k):
        given = (1 - lost) * stats.poisson(x[:, 0]).pmf(k) + lost * (k == 0)
        alone = (1 - lost) * stats.geom(0.5).pmf(k + 1) + lost * (k == 0)
        return np.log(given / alone)

    return ratio


LABELLED = [
    (
        truth.labelled_normals([0.4, 0.5, 0.8], [0.2, 0.3, 0.25], THIRDS),
        _classes([stats.norm(0.4, 0.2), stats.norm(0.5, 0.3), stats.norm(0.8, 0.25)], THIRDS),
    ),
    (
        truth.labelled_uniforms([0, 0.1, 0.2], [1, 1.2, 1.3], THIRDS),
        _classes([stats.uniform(0, 1), stats.uniform(0.1, 1.1), stats.uniform(0.2, 1.1)], THIRDS),
    ),
    (
        truth.overlapping_uniforms(5),
        _classes([stats.uniform(c, 2) for c in range(5)], np.full(5, 0.2)),
    ),
    (truth.counted_exponential(0.0), _counts(0.0)),
    (truth.counted_exponential(0.15), _counts(0.15)),
    (truth.counted_exponential(0.7), _counts(0.7)),
]


@pytest.mark.parametrize(("known", "ratio"), LABELLED, ids=lambda x: getattr(x, "name", ""))
def test_information_about_labels(known, ratio):
    x, label = known.sample(100_000, np.random.default_rng(10))
    assert_mean(ratio(x, label), known.value)


def test_overlapping_uniforms_closed_form():
    for m in (2, 5, 9):
        assert truth.overlapping_uniforms(m).value == pytest.approx(math.log(m) - (m - 1) * LN2 / m)


def test_separated_classes():
    known = truth.separated_classes(4)
    x, label = known.sample(1000, np.random.default_rng(0))
    assert (x[:, 0] == label).all()
    assert known.value == pytest.approx(stats.entropy([1, 2, 3, 4]))


def test_lost_counts_are_not_the_published_form():
    published = (1 - 0.15) * truth.counted_exponential(0.0).value
    assert published == pytest.approx(0.256058, abs=1e-6)
    assert truth.counted_exponential(0.15).value == pytest.approx(0.229776, abs=1e-6)


#: Printed elsewhere (Czyz et al. 2023; Ross 2014; ennemi; Kraskov et al. 2004), to their digits.
PUBLISHED = [
    (truth.correlated_normals(0.75), 0.413339286592, 1e-11),
    (truth.students(1.0, np.eye(4), 2), 0.431945622, 1e-9),
    (truth.students(1.0, np.eye(2), 1), 0.224171427529, 1e-11),
    (truth.students(2.0, np.eye(10), 5), 0.448150676915, 1e-11),
    (truth.additive_uniform_noise(0.1), 1.70943791243, 1e-10),
    (truth.gamma_exponential(3.4), 0.139910051804, 1e-11),
    (truth.gamma_exponential(1 / 200), 4.729296455, 1e-8),
    (truth.sum_of_exponentials(0.2, 0.3), 0.806852819, 1e-9),
    (truth.sum_of_exponentials(3.0, 3.1), 0.593789749, 1e-9),
    (truth.labelled_normals([-1, 1], [1, 1], [0.5, 0.5]), 0.336830820347, 1e-11),
    (truth.labelled_normals([0, 4], [1, 1], [0.5, 0.5]), 0.632720194, 1e-9),
    (truth.labelled_normals([0.4, 0.5, 0.8], [0.2, 0.3, 0.25], THIRDS), 0.20524 * LN2, 4e-6),
    (truth.labelled_uniforms([0, 0.1, 0.2], [1, 1.2, 1.3], THIRDS), 0.14587 * LN2, 4e-6),
    (truth.censored_normals(0.6, 1.0), 0.214746756, 1e-6),
    (truth.normal_pair_mixture([0.5, 0.5], [(-1, -1), (2, 0.5)], [0.6, -0.4]), 0.326809487, 1e-6),
    (truth.normal_pair_mixture([0.5, 0.5], [(0, 0), (0, 0)], [0.9, -0.9]), 0.408443, 1e-6),
    (truth.normals_and_signs(0.9, 0.9), 1.29236208585, 1e-10),
    (truth.poisson(3.0), 1.93147019815, 1e-10),
    (truth.density("gamma", shape=2.5, scale=1.3), 1.99231217397, 1e-10),
    (truth.density("beta", a=0.5, b=0.5), math.log(math.pi / 4), 1e-12),  # arcsine
    (truth.density("logistic", scale=1.7), 2.53062825106, 1e-10),
    (truth.multivariate_normal(COVARIANCE), 4.03756311852, 1e-10),
]


@pytest.mark.parametrize(
    ("known", "value", "tolerance"), PUBLISHED, ids=lambda x: getattr(x, "name", "")
)
def test_published_values(known, value, tolerance):
    assert known.value == pytest.approx(value, rel=0, abs=tolerance)


# ---- maps and catalogue -------------------------------------------------------------------


@pytest.mark.parametrize("by", ["cube", "half_cube", "asinh", "exp"])
def test_a_map_changes_the_samples_and_not_their_order(by):
    plain = truth.correlated_normals(0.75)
    known = truth.mapped(plain, by)
    assert known.value == plain.value
    before = plain.sample(500, np.random.default_rng(0))
    after = known.sample(500, np.random.default_rng(0))
    for a, b in zip(before, after, strict=True):
        assert not np.allclose(a, b)
        assert (np.argsort(a, axis=0) == np.argsort(b, axis=0)).all()
    ranked = [float(it.mutual_information(*pair, scale="rank")) for pair in (before, after)]
    assert ranked[0] == ranked[1]


def test_labels_are_not_mapped():
    known = truth.mapped(truth.separated_classes(3), "exp")
    x, label = known.sample(50, np.random.default_rng(0))
    assert (x[:, 0] == np.exp(label)).all()


@pytest.mark.parametrize(("quantity", "inputs"), KINDS)
def test_the_catalogue_samples_what_it_says(quantity, inputs):
    catalogue = truth.catalogue(quantity, inputs)
    assert len(catalogue) >= 6
    assert len({known.name for known in catalogue}) == len(catalogue)
    for known in catalogue:
        assert known.source
        assert math.isfinite(known.value)
        drawn = known.sample(40, np.random.default_rng(3))
        again = known.sample(40, np.random.default_rng(3))
        assert len(drawn) == len(inputs)
        for kind, array, twin in zip(inputs, drawn, again, strict=True):
            assert (array == twin).all()
            assert len(array) == 40
            assert array.dtype.kind == ("f" if kind == "real" else "i"), known.name
            assert array.ndim == (2 if kind == "real" else 1)


def test_an_unknown_kind_of_problem_is_refused():
    with pytest.raises(ValueError, match="must be one of"):
        truth.catalogue("entropy", ("images",))
