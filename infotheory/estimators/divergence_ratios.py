"""Divergences of samples from a classifier's ratio of their densities, of samples held out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops, truth
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.registry import estimator

__all__ = [
    "TERMS",
    "Terms",
    "by_classifier",
    "check_classifier",
    "held_out",
    "jensen_shannon_divergence",
    "of_ratios",
    "total_variation_divergence",
]

#: Of the smaller sample for each feature of the classifier that is built in.
_SAMPLES_PER_FEATURE = 10


class Terms(NamedTuple):
    """Functions of ln r whose means, over x and over y, add up to the divergence (or overlap)."""

    over_x: Callable[[np.ndarray], np.ndarray]
    over_y: Callable[[np.ndarray], np.ndarray]
    largest: float = math.inf


def _above(logs: np.ndarray) -> np.ndarray:
    return np.sign(logs) / 2


#: f'(r) over x, and f(r) - r f'(r) over y. At the true r they are the influence of each sample on
#: the divergence, so an error of the classifier enters by its square alone, and lowers the mean.
TERMS: Mapping[str, Terms] = MappingProxyType(
    {
        "kl": Terms(lambda logs: 1 + logs, lambda logs: -np.exp(logs)),
        "jeffreys": Terms(
            lambda logs: 1 + logs - np.exp(-logs), lambda logs: 1 - logs - np.exp(logs)
        ),
        "chi2": Terms(lambda logs: 2 * np.expm1(logs), lambda logs: -np.expm1(2 * logs)),
        "hellinger": Terms(
            lambda logs: (1 - np.exp(-logs / 2)) / 2, lambda logs: (1 - np.exp(logs / 2)) / 2, 1.0
        ),
        "jensen_shannon": Terms(
            lambda logs: (math.log(2) - np.logaddexp(0, -logs)) / 2,
            lambda logs: (math.log(2) - np.logaddexp(0, logs)) / 2,
            math.log(2),
        ),
        "total_variation": Terms(_above, lambda logs: -_above(logs), 1.0),
    }
)

_GAP = (0.0, 1.0, 0.7, 1.69)


@estimator(
    "divergence:jensen_shannon",
    inputs=("real", "real"),
    paired=False,
    estimand="jensen_shannon_divergence",
    bound="lower",
    source="Nguyen, Wainwright, Jordan (2010), arXiv:0809.0853; Lin (1991), doi:10.1109/18.61115",
    truth=(truth.divergent_normals("jensen_shannon", *_GAP),),
)
def jensen_shannon_divergence(
    x: Any, y: Any, *, classifier: Any = None, folds: int = 5, rng: int | np.random.Generator = 0
) -> Estimate:
    r"""Jensen-Shannon divergence by a classifier that tells x from y.

    .. math:: \hat D = \ln 2 - \frac{1}{2n} \sum_i \ln(1 + e^{-\hat l(x_i)})
        - \frac{1}{2m} \sum_j \ln(1 + e^{\hat l(y_j)})

    where l is the logarithm of the ratio of the densities, by a classifier that was trained
    without the sample it judges. It is the divergence itself, not its root.

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples of each distribution, not paired.
    classifier : None or classifier of scikit-learn
        None is a logistic regression on columns, squares and products; where there are fewer
        than 10 samples for each of these, without products or squares. Else any classifier with
        ``fit`` and ``predict_proba``, which is cloned. A poor one lowers the value.
    folds : int
        In how many parts the samples are left out, at most as many as the smaller sample has.
    rng : int or Generator
        Deals the samples to the folds; their order does not matter.

    Returns
    -------
    Estimate
        In nats, at most ln 2. Diagnostics: ``classifier``, ``ties`` (the fraction of samples with
        an exact duplicate), ``ceiling``, ``saturated``.

    Raises
    ------
    TypeError, ValueError
        For a sample of one point, a classifier without ``predict_proba``, fewer than 2 folds.

    Notes
    -----
    Bias: downwards, by the square of the classifier's error: the expectation is a lower bound.
    Negative values say that nothing tells the samples apart. There is no form with ratios of
    neighbour counts: at n = m = 2000 samples of one normal distribution, 45 neighbours of each
    sample would say 0.011 nats, by the curvature of the divergence;
    ``classifier=KNeighborsClassifier(k)`` leaves samples out, and is a lower bound too. Exact
    duplicates in several folds let a flexible classifier learn them by heart. Columns are
    standardised in the pooled sample, which changes no divergence. Standard error: that of two
    means of independent terms, without the classifier's own. Cost: one fit for each fold;
    O((n + m) f^2) with f features by default.

    References
    ----------
    Lin, IEEE Trans. Inf. Theory 37 (1991) 145, doi:10.1109/18.61115;
    Nguyen, Wainwright,
    Jordan, IEEE Trans. Inf. Theory 56 (2010) 5847, arXiv:0809.0853.
    """
    return by_classifier(TERMS["jensen_shannon"], x, y, classifier, folds, rng)


@estimator(
    "divergence:total_variation",
    inputs=("real", "real"),
    paired=False,
    unit="",
    estimand="total_variation",
    bound="lower",
    source="Nguyen, Wainwright, Jordan (2009), arXiv:math/0510521",
    truth=(truth.divergent_normals("total_variation", 0, 1, 1, 1),),
)
def total_variation_divergence(
    x: Any, y: Any, *, classifier: Any = None, folds: int = 5, rng: int | np.random.Generator = 0
) -> Estimate:
    r"""Total variation distance by a classifier that tells x from y.

    .. math:: \hat D = \frac{1}{2n} \sum_i \mathrm{sign} \, \hat l(x_i)
        - \frac{1}{2m} \sum_j \mathrm{sign} \, \hat l(y_j)

    with l as for :func:`jensen_shannon_divergence`: the classifier's balanced accuracy, twice,
    minus 1.

    Parameters
    ----------
    x, y : real arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples of each distribution, not paired.
    classifier : None or classifier of scikit-learn
        As for :func:`jensen_shannon_divergence`.
    folds : int
        In how many parts the samples are left out, at most as many as the smaller sample has.
    rng : int or Generator
        Deals the samples to the folds; their order does not matter.

    Returns
    -------
    Estimate
        A pure number (its unit is ""), at most 1. Diagnostics as
        :func:`jensen_shannon_divergence`.

    Raises
    ------
    TypeError, ValueError
        As :func:`jensen_shannon_divergence`.

    Notes
    -----
    Bias: downwards, as no classifier is better than the true ratio: the expectation is a lower
    bound. Negative values say that nothing tells the samples apart. Shares of 45 neighbours
    would say 0.12 for n = m = 2000 samples of one normal distribution. Standard error: that of
    two means of independent terms. Cost: as :func:`jensen_shannon_divergence`.

    References
    ----------
    Nguyen, Wainwright, Jordan, Annals of Statistics 37 (2009) 876, arXiv:math/0510521.
    """
    return by_classifier(TERMS["total_variation"], x, y, classifier, folds, rng)


def by_classifier(
    terms: Terms, x: Any, y: Any, classifier: Any, folds: int, rng: int | np.random.Generator
) -> Estimate:
    """The sum of the means of terms of held-out log ratios."""
    check_classifier(classifier, folds)
    logs, noted = held_out(x, y, classifier, folds, rng)
    return of_ratios(terms, logs, noted, classifier)


def of_ratios(
    terms: Terms, logs: list[np.ndarray], noted: Mapping[str, Any], classifier: Any
) -> Estimate:
    """The same of log ratios that are there, over x and over y."""
    with np.errstate(over="ignore"):  # a ratio beyond all numbers makes the value infinite
        found = _of_two_means(terms.over_x(logs[0]), terms.over_y(logs[1]), noted)
    if classifier is not None:  # in words, since params are written to files
        found = replace(found, params={"classifier": " ".join(repr(classifier).split())})
    apart = bool((logs[0] > 0).all() and (logs[1] < 0).all())
    reached: dict[str, Any] = {"saturated": apart}
    if math.isfinite(terms.largest):
        reached["ceiling"] = terms.largest
    found = replace(found, diagnostics=reached | dict(found.diagnostics))
    if not apart:
        return found
    return found.noting(
        "the classifier tells x from y without an error, so the value is at its ceiling: how much "
        "further apart the distributions are is not in the samples, and the value says more about "
        "the classifier."
    )


def _of_two_means(over_x: np.ndarray, over_y: np.ndarray, noted: Mapping[str, Any]) -> Estimate:
    """The sum of two means of independent terms, with its standard error."""
    everything = np.concatenate([over_x, over_y])
    if np.isnan(everything).any() or {-math.inf, math.inf} <= set(everything):
        raise ValueError(
            "classifier is certain of samples of either side, so that the value would be infinity "
            "minus infinity; choose a classifier of smoother probabilities."
        )
    value = float(over_x.mean() + over_y.mean())
    if not math.isfinite(value):
        return Estimate(value, diagnostics=noted).noting(
            "the classifier is certain of samples of the other side, which makes the value "
            "infinite; choose a classifier of smoother probabilities."
        )
    variance = float(over_x.var()) / len(over_x) + float(over_y.var()) / len(over_y)
    return Estimate(value, stderr=math.sqrt(variance), diagnostics=noted)


def check_classifier(classifier: Any, folds: int) -> None:
    """Errors that name classifier or folds."""
    able = all(callable(getattr(classifier, name, None)) for name in ("fit", "predict_proba"))
    if classifier is not None and (not able or isinstance(classifier, type)):
        raise TypeError(
            f"classifier must be None or a classifier of scikit-learn with predict_proba; "
            f"got {type(classifier).__name__} {classifier!r}."
        )
    checks.integer(folds, "folds", low=2)


def held_out(
    x: Any, y: Any, classifier: Any, folds: int, rng: int | np.random.Generator
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Ln of the density ratio at each sample of x and of y, by classifiers that saw others.

    The samples are sorted first, so that the folds depend on what they are and not on their order.
    """
    from sklearn.base import clone

    generator = checks.generator(rng)
    samples = [_sorted(each) for each in (x, y)]
    for name, each in zip("xy", samples, strict=True):
        if len(each) < 2:
            raise ValueError(
                f"{name} must have 2 rows or more, some to train on and some to hold out; "
                f"got n={len(each)} samples."
            )
    pooled, label = np.concatenate(samples), np.repeat([1, 0], [len(each) for each in samples])
    # Standardised whatever the scale; constant columns are 0.
    standard = np.asarray(ops.of(pooled).standardise(pooled)[0])
    few = min(map(len, samples))
    model, told = classifier, type(classifier).__name__
    threads: AbstractContextManager[None] = nullcontext()
    if classifier is None:
        model, told = _logistic(standard.shape[1], few)
        threads = ops.one_thread_each()  # more would only wait: the systems are small
    folds = min(folds, few)
    dealt = [generator.permutation(len(each)) % folds for each in samples]
    fold, logs = np.concatenate(dealt), np.empty(len(pooled))
    with threads, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stops early is only a worse classifier
        for number in range(folds):
            out = fold == number
            fitted = clone(model).fit(standard[~out], label[~out])
            shares = np.bincount(label[~out], minlength=2)
            logs[out] = _log_odds(fitted, standard[out]) - math.log(shares[1] / shares[0])
    noted: dict[str, Any] = {"classifier": told, "ties": _tied(samples)}
    if said := lost_digits({"x": x, "y": y}):
        noted["warnings"] = tuple(said)
    return [logs[label == 1], logs[label == 0]], noted


def _sorted(x: Any) -> np.ndarray:
    """The rows in lexicographic order, as a numpy array."""
    x = x.cpu().numpy() if checks.is_tensor(x) else x
    return x[np.lexsort(x.T[::-1])]


def _tied(samples: list[np.ndarray]) -> float:
    """The larger fraction of the sorted samples with an exact duplicate among their own."""
    shares = []
    for x in samples:
        same = np.concatenate([[False], (x[1:] == x[:-1]).all(axis=1), [False]])
        shares.append(float((same[1:] | same[:-1]).mean()))
    return max(shares)


def _logistic(d: int, few: int) -> tuple[Any, str]:
    """Logistic regression on as many features as the samples bear, which are right for normals."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler

    fit = LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=100)
    bearable = few / _SAMPLES_PER_FEATURE
    if d * (d + 3) / 2 <= bearable:
        features, told = PolynomialFeatures(2, include_bias=False), "columns, squares, products"
    elif 2 * d <= bearable:
        features, told = FunctionTransformer(_with_squares), "columns and squares"
    else:
        features, told = FunctionTransformer(), "columns"
    return make_pipeline(features, StandardScaler(), fit), f"logistic regression on {told}"


def _with_squares(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, x * x], axis=1)


def _log_odds(fitted: Any, x: np.ndarray) -> np.ndarray:
    """Ln of the odds of x against y; of a linear model by the form that loses no digits."""
    last = fitted[-1] if hasattr(fitted, "steps") else fitted
    if type(last).__name__ == "LogisticRegression":
        return fitted.decision_function(x)
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(fitted.predict_proba(x), dtype=np.float64))
    return logs[:, 1] - logs[:, 0]
