"""Kullback-Leibler divergences, one way and both, from nearest neighbours or a classifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from infotheory import truth
from infotheory.estimate import Estimate
from infotheory.estimators.divergence_neighbours import (
    check_options,
    jeffreys_of,
    kl_of,
    neighbour_ratios,
    of_both,
)
from infotheory.estimators.divergence_ratios import TERMS, by_classifier
from infotheory.registry import estimator

__all__ = ["jeffreys_divergence", "kl_divergence"]

_GAP = (0.0, 1.0, 0.7, 1.69)


@estimator(
    "divergence:kl",
    inputs=("real", "real"),
    paired=False,
    estimand="kl_divergence",
    source="Wang, Kulkarni, Verdu (2009), doi:10.1109/TIT.2009.2016060",
    truth=(
        truth.divergent_normals("kl", *_GAP),
        replace(truth.divergent_normals("kl", *_GAP), options={"estimator": "classifier"}),
    ),
)
def kl_divergence(
    x: Any,
    y: Any,
    *,
    estimator: str = "knn",
    k: int = 5,
    metric: str = "euclidean",
    classifier: Any = None,
    folds: int = 5,
    rng: int | np.random.Generator = 0,
) -> Estimate:
    r"""Kullback-Leibler divergence of the distribution of x from that of y.

    .. math:: \hat D = \frac{d}{n} \sum_i \ln \frac{\nu_i}{\rho_i} + \ln \frac{m}{n - 1}

    where rho_i is the distance from x_i to the k-th nearest other sample of x, and nu_i that to
    the k-th nearest sample of y. With a classifier of log ratio l, of samples held out,
    the mean of 1 + l over x less that of exp(l) over y.

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples of each distribution, not paired.
    estimator : {"knn", "classifier"}
        Where the ratio of the densities comes from.
    k : int
        Which neighbour; a larger k has less variance and more bias.
    metric : {"euclidean", "chebyshev"}
        The norm of the distances. Columns are used in the units they have.
    classifier, folds, rng
        For ``estimator="classifier"``, as for :func:`jensen_shannon_divergence`.

    Returns
    -------
    Estimate
        In nats; may be negative. Infinite if samples of x coincide with k others of x, minus
        infinity if with k of y. Diagnostics: ``ties``, ``coincident``.

    Raises
    ------
    TypeError, ValueError
        If k >= n or k > m, for unknown choices, and if samples coincide with k of x and with k of
        y: the ratio is then 0 / 0, and the data discrete (:func:`infotheory.f_divergence`).

    Notes
    -----
    Bias: small in one and two dimensions. In more it has the sign of what y has more of width: in
    five with n = m = 2000 it is -0.08 of 0.40 nats for normals of one deviation, 0.07 of 0.43 with
    y 1.2 times as wide as x, and -0.31 of 0.46 with 0.85 times. A classifier is biased downwards,
    and by its square error alone. Columns that are one constant in both samples are left out;
    samples that fill fewer dimensions than they have columns are taken for more of them than
    they are, which multiplies the value. Standard error: that of independent terms, in which what
    distances add counts twice, as neighbours share it, and the samples of y by the second moment
    of the ratio. Cost: O((n + m) ln m) in few dimensions, O(n (n + m) d) in many; O((n + m) d)
    memory.

    References
    ----------
    Wang, Kulkarni, Verdu, IEEE Trans. Inf. Theory 55 (2009) 2392, doi:10.1109/TIT.2009.2016060;
    by a classifier: Nguyen, Wainwright, Jordan (2010), arXiv:0809.0853.
    """
    check_options(estimator, k, metric, classifier, folds, rng)
    if estimator == "classifier":
        return by_classifier(TERMS["kl"], x, y, classifier, folds, rng)
    ratios, noted = neighbour_ratios(x, y, k, metric)
    return kl_of(ratios, noted)


@estimator(
    "divergence:jeffreys",
    inputs=("real", "real"),
    paired=False,
    estimand="jeffreys_divergence",
    source="Wang, Kulkarni, Verdu (2009), doi:10.1109/TIT.2009.2016060, both ways",
    truth=(
        truth.divergent_normals("jeffreys", *_GAP),
        replace(truth.divergent_normals("jeffreys", *_GAP), options={"estimator": "classifier"}),
    ),
)
def jeffreys_divergence(
    x: Any,
    y: Any,
    *,
    estimator: str = "knn",
    k: int = 5,
    metric: str = "euclidean",
    classifier: Any = None,
    folds: int = 5,
    rng: int | np.random.Generator = 0,
) -> Estimate:
    r"""Jeffreys divergence: both Kullback-Leibler divergences together.

    .. math:: \hat J = \hat D(x \| y) + \hat D(y \| x)

    with the terms of :func:`kl_divergence`.

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples of each distribution, not paired.
    estimator, k, metric, classifier, folds, rng
        As for :func:`kl_divergence`.

    Returns
    -------
    Estimate
        In nats; may be negative. Diagnostics as :func:`kl_divergence`.

    Raises
    ------
    TypeError, ValueError
        As :func:`kl_divergence`, with x and y in either role.

    Notes
    -----
    Bias: the sum of the biases of :func:`kl_divergence`, mostly downwards: a tenth of the value
    where one distribution is 1.3 times as wide as the other, at n = m = 2000. Standard error: from
    what each sample adds to both sums. Cost: twice that of :func:`kl_divergence`.

    References
    ----------
    Jeffreys, Proc. R. Soc. A 186 (1946) 453, doi:10.1098/rspa.1946.0056; Wang, Kulkarni, Verdu
    (2009), doi:10.1109/TIT.2009.2016060.
    """
    check_options(estimator, k, metric, classifier, folds, rng)
    if estimator == "classifier":
        return by_classifier(TERMS["jeffreys"], x, y, classifier, folds, rng)
    forth, noted = neighbour_ratios(x, y, k, metric)
    back, again = neighbour_ratios(y, x, k, metric, names="yx")
    return jeffreys_of(forth, back, of_both(noted, again))
