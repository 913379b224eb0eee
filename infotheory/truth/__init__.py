"""Problems whose answer is known exactly: what estimators are tested and calibrated against."""

from __future__ import annotations

import numpy as np

from infotheory import checks
from infotheory.truth.clusters import (
    clusters_of_one,
    clusters_of_three,
    clusters_of_two,
    clusters_of_two_given,
)
from infotheory.truth.conditionals import (
    chain,
    common_cause,
    common_cause_table,
    conditional_entropy_table,
    conditional_normals,
    conditional_table,
    exclusive_or,
    noisy_copies,
    shared_normals,
    shared_table,
)
from infotheory.truth.divergences import (
    divergent_exponentials,
    divergent_laplaces,
    divergent_normals,
)
from infotheory.truth.entropies import (
    ball,
    binned_exponential,
    binned_uniform,
    binomial,
    density,
    die,
    dirichlet,
    geometric,
    multivariate_normal,
    multivariate_student,
    normal,
    normal_mixture,
    poisson,
    separated_points,
    zipf,
)
from infotheory.truth.informations import (
    additive_uniform_noise,
    binary_erasure_channel,
    binary_symmetric_channel,
    censored_normals,
    correlated_normals,
    counted_exponential,
    farlie_gumbel_morgenstern,
    gamma_exponential,
    gaussian_channel,
    joint_table,
    labelled_normals,
    labelled_uniforms,
    mapped,
    normal_pair_mixture,
    normals,
    normals_and_signs,
    overlapping_uniforms,
    separated_classes,
    students,
    sum_of_exponentials,
    symmetric_channel,
    z_channel,
)
from infotheory.truth.kernels import dependent_normals_by_kernels, divergent_normals_by_kernels
from infotheory.truth.problem import Truth
from infotheory.truth.spectra import labelled_clusters
from infotheory.truth.transport import dependent_normals_by_transport, transported_normals

__all__ = [
    "Truth",
    "additive_uniform_noise",
    "ball",
    "binary_erasure_channel",
    "binary_symmetric_channel",
    "binned_exponential",
    "binned_uniform",
    "binomial",
    "catalogue",
    "censored_normals",
    "chain",
    "clusters_of_one",
    "clusters_of_three",
    "clusters_of_two",
    "clusters_of_two_given",
    "common_cause",
    "common_cause_table",
    "conditional_entropy_table",
    "conditional_normals",
    "conditional_table",
    "correlated_normals",
    "counted_exponential",
    "density",
    "dependent_normals_by_kernels",
    "dependent_normals_by_transport",
    "die",
    "dirichlet",
    "divergent_exponentials",
    "divergent_laplaces",
    "divergent_normals",
    "divergent_normals_by_kernels",
    "exclusive_or",
    "farlie_gumbel_morgenstern",
    "gamma_exponential",
    "gaussian_channel",
    "geometric",
    "joint_table",
    "labelled_clusters",
    "labelled_normals",
    "labelled_uniforms",
    "mapped",
    "multivariate_normal",
    "multivariate_student",
    "noisy_copies",
    "normal",
    "normal_mixture",
    "normal_pair_mixture",
    "normals",
    "normals_and_signs",
    "overlapping_uniforms",
    "poisson",
    "separated_classes",
    "separated_points",
    "shared_normals",
    "shared_table",
    "students",
    "sum_of_exponentials",
    "symmetric_channel",
    "transported_normals",
    "z_channel",
    "zipf",
]


def catalogue(quantity: str, inputs: tuple[str, ...]) -> tuple[Truth, ...]:
    """Problems with an exact answer for estimators of a quantity from inputs of these kinds.

    Parameters
    ----------
    quantity : str
        As the register names it, "mutual_information" for example.
    inputs : tuple of str
        "real", "line" or "codes" for each array, as an entry of the register declares them.
    """
    known = {
        ("entropy", ("codes",)): _discrete_entropies,
        ("entropy", ("real",)): _differential_entropies,
        ("entropy", ("line",)): _entropies_on_a_line,
        ("mutual_information", ("codes", "codes")): _channels,
        ("mutual_information", ("real", "real")): _continuous_pairs,
        ("mutual_information", ("real", "codes")): _labelled,
        ("conditional_entropy", ("codes",) * 2): _conditional_entropies,
        ("conditional_mutual_information", ("codes",) * 3): _conditional_channels,
        ("conditional_mutual_information", ("real",) * 3): _continuous_triples,
        ("total_correlation", ("codes", "codes", "...")): _shared_codes,
        ("total_correlation", ("real", "real", "...")): _shared_reals,
    }
    return known[checks.choice((quantity, tuple(inputs)), "(quantity, inputs)", tuple(known))]()


def _discrete_entropies() -> tuple[Truth, ...]:
    return (
        die(0.5, 0.25, 0.125, 0.125),
        die(0.7, 0.3),
        geometric(0.25),
        binomial(10, 0.3),
        poisson(3.0),
        zipf(100),
    )


def _differential_entropies() -> tuple[Truth, ...]:
    covariance = [[2, 0.5, 0.3], [0.5, 1, -0.2], [0.3, -0.2, 0.5]]
    return (
        normal(),
        normal(5, 2.5),
        multivariate_normal(covariance),
        multivariate_student(4.0, covariance),
        normal_mixture([-2.0, 1.0], [1.0, 0.5], [0.4, 0.6]),
        dirichlet(1.0, 2.0, 3.0),
        ball(3),
        density("beta", a=2.0, b=5.0),
        density("beta", a=0.5, b=0.5),
        density("chi_square", degrees=5.0),
        density("exponential", rate=2.0),
        density("gamma", shape=2.5, scale=1.3),
        density("gumbel", scale=2.0),
        density("half_normal", scale=1.0),
        density("laplace", scale=1.5),
        density("logistic", scale=1.7),
        density("lognormal", mean=0.3, deviation=0.8),
        density("maxwell", scale=1.0),
        density("pareto", exponent=3.0),
        density("rayleigh", scale=1.2),
        density("student", degrees=3.0),
        density("triangular", low=0.0, mode=0.3, high=1.0),
        density("uniform", low=-1.0, high=3.0),
        density("von_mises", kappa=2.0),
        density("weibull", shape=1.5, scale=2.0),
    )


def _entropies_on_a_line() -> tuple[Truth, ...]:
    return tuple(
        problem
        for problem in _differential_entropies()
        if problem.sample(1, np.random.default_rng(0))[0].shape[1] == 1
    )


def _channels() -> tuple[Truth, ...]:
    return (
        binary_symmetric_channel(0.11),
        binary_erasure_channel(0.3),
        z_channel(0.5),
        symmetric_channel(4, 0.2),
        joint_table("a bit, and whether it and another are both 1", [[0.5, 0], [0.25, 0.25]]),
        joint_table("independent dice", [[0.1, 0.2, 0.2], [0.1, 0.2, 0.2]]),
    )


def _continuous_pairs() -> tuple[Truth, ...]:
    moderate = correlated_normals(0.75)
    return (
        *(correlated_normals(correlation) for correlation in (0.0, 0.3, 0.6, 0.9, 0.99)),
        correlated_normals(0.5, d=2),
        correlated_normals(0.5, d=5),
        normals([[5, 3, 1], [3, 4, 1.5], [1, 1.5, 2]], 2),
        gaussian_channel(10.0),
        students(2.0, [[1, 0], [0, 1]], 1),
        students(3.0, [[1, 0.5], [0.5, 1]], 1),
        additive_uniform_noise(0.1),
        additive_uniform_noise(0.75),
        gamma_exponential(3.4),
        sum_of_exponentials(1.0, 2.0),
        farlie_gumbel_morgenstern(0.8),
        normal_pair_mixture([0.5, 0.5], [(0, 0), (0, 0)], [0.9, -0.9]),
        normal_pair_mixture([0.5, 0.5], [(-1, -1), (2, 0.5)], [0.6, -0.4]),
        censored_normals(0.6, 1.0),
        normals_and_signs(0.9, 0.9),
        *(mapped(moderate, by) for by in ("cube", "half_cube", "asinh")),
    )


def _labelled() -> tuple[Truth, ...]:
    thirds = [0.2 / 1.7, 1 / 1.7, 0.5 / 1.7]
    return (
        separated_classes(4),
        labelled_normals([-1.0, 1.0], [1.0, 1.0], [0.5, 0.5]),
        labelled_normals([0.0, 4.0], [1.0, 1.0], [0.5, 0.5]),
        labelled_normals([0.4, 0.5, 0.8], [0.2, 0.3, 0.25], thirds),
        labelled_uniforms([0.0, 0.1, 0.2], [1.0, 1.2, 1.3], thirds),
        overlapping_uniforms(5),
        counted_exponential(0.0),
        counted_exponential(0.15),
    )


def _conditional_entropies() -> tuple[Truth, ...]:
    return (
        conditional_entropy_table("a bit given its flipped copy", [[0.45, 0.05], [0.05, 0.45]]),
        conditional_entropy_table("a die given if it is even", [[1 / 6, 0], [0, 1 / 6]] * 3),
        conditional_entropy_table("independent dice", [[0.1, 0.2, 0.2], [0.1, 0.2, 0.2]]),
    )


def _conditional_channels() -> tuple[Truth, ...]:
    return exclusive_or(0.0), exclusive_or(0.11), common_cause_table(0.2)


def _continuous_triples() -> tuple[Truth, ...]:
    covariance = [[2, 0.5, 0.3, 0], [0.5, 1, -0.2, 0.4], [0.3, -0.2, 0.5, 0], [0, 0.4, 0, 1]]
    return (
        chain(0.5),
        chain(-0.4),
        common_cause(),
        common_cause(2),
        conditional_normals(covariance, (1, 1, 2)),
    )


def _shared_codes() -> tuple[Truth, ...]:
    return noisy_copies(2, 0.11), noisy_copies(3, 0.2)


def _shared_reals() -> tuple[Truth, ...]:
    return (
        shared_normals([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]], (1, 1, 1)),
        shared_normals([[2, 0.5, 0.3], [0.5, 1, -0.2], [0.3, -0.2, 0.5]], (2, 1)),
    )
