"""Divergences from kernel sums that are no question of two plain samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from infotheory import checks, ops
from infotheory.digits import noting_lost_digits
from infotheory.estimate import Estimate, aloud
from infotheory.estimators.kernels import (
    PRECISIONS,
    log_mean,
    noting_reach,
    noting_sameness,
)
from infotheory.widths import in_widths, kernel_width, pooled

__all__ = [
    "completed",
    "conditional_cauchy_schwarz_from",
    "conditional_cauchy_schwarz_of",
    "conditional_divergence",
    "conditional_samples",
    "generalized_cauchy_schwarz",
    "generalized_cauchy_schwarz_from",
    "several_samples",
]


def conditional_divergence(
    y: Any,
    y_hat: Any,
    *,
    given: Any,
    method: str = "cauchy_schwarz",
    width_x: str | float = "median",
    width_y: str | float = "median",
    precision: str = "double",
) -> Estimate:
    r"""Cauchy-Schwarz divergence of what x says of y from what it says of y_hat.

    .. math:: \hat D = \ln S_{11} + \ln S_{22} - 2 \ln S_{21}, \qquad
        S_{ab} = \sum_j \frac{\sum_i K_{ji} \kappa(y^a_j - y^b_i)}{(\sum_i K_{ji})^2}

    with Gaussian kernels K between the rows of x, and y^1 = y, y^2 = y_hat.

    Parameters
    ----------
    y, y_hat : real arrays, shape (n,) or (n, d)
        Outcomes and, for the same rows of x, predictions.
    given : real array, shape (n,) or (n, d), or a pair of them
        x, shared by both; or one for y and one for y_hat, whose numbers of rows may differ.
    method : {"cauchy_schwarz"}
    width_x, width_y : {"median", "sqrt_dim", "knn", "silverman"} or float
        Widths of the kernels of x, and of y and y_hat together.
    precision : {"double", "single"}
        As for the divergence "cauchy_schwarz".

    Returns
    -------
    Estimate
        In nats, without a standard error; 0 if y_hat is y. ``params["sigma"]`` is the pair of
        widths.

    Raises
    ------
    TypeError, ValueError
        For arrays that do not fit together, and unknown or impossible options.

    Notes
    -----
    It is a weighted kind of regression error, not a consistent estimate: the integral behind it
    diverges for x without bounds, and rows with few neighbours in x weigh most. With K the
    identity it is -2 ln mean kappa(y_hat - y); with K constant it compares y and y_hat as unpaired
    samples, blind to x. So the width of x decides what is asked. With two x the cross term is the
    mean of the logarithms of both directions,

    .. math:: \ln S_{21} = \frac12 \sum_{ab = 12, 21} \ln \sum_j
        \frac{\sum_i K^{ab}_{ji} \kappa(y^a_j - y^b_i)}{\sum_i K^{aa}_{ji} \sum_i K^{ab}_{ji}}

    Cost: O(n^2 d) time, three passes; O(n d) memory.

    References
    ----------
    Yu et al. (2024), arXiv:2404.17951, proposition 1; two samples: Yu et al. (2025),
    arXiv:2301.08970.
    """
    checks.choice(method, "method", ("cauchy_schwarz",))
    checks.choice(precision, "precision", PRECISIONS)
    named = conditional_samples(y, y_hat, given)
    y, y_hat, x, *another = named.values()
    shared, x_hat = not another, another[0] if another else x
    sigma = (
        kernel_width(width_x, x if shared else pooled(x, x_hat), "given", "width_x"),
        kernel_width(width_y, pooled(y, y_hat), "y", "width_y"),
    )
    of_x = in_widths((x,) if shared else (x, x_hat), sigma[0], precision)
    p, q = in_widths((y, y_hat), sigma[1], precision)
    first, second = [of_x[0], p], [of_x[-1], q]
    engine = ops.of(x, y)
    own = engine.kernel_row_sums(first, precision=precision)
    hat = engine.kernel_row_sums(second, precision=precision)
    if shared:
        cross = engine.kernel_row_sums(second, first, precision=precision)
    else:
        cross = engine.kernel_row_sums(first, second, precision=precision, mutual=True)
    found = conditional_cauchy_schwarz_from(own, hat, cross, sigma, named)
    options = {"width_x": width_x, "width_y": width_y, "precision": precision}
    return completed(found, "conditional_divergence", options)


def conditional_samples(y: Any, y_hat: Any, given: Any) -> dict[str, Any]:
    """The arrays of a conditional divergence by their names, or an error that names the wrong one.

    The last is x, or the last two are that of y and that of y_hat.
    """
    y, y_hat = checks.real(y, "y"), checks.real(y_hat, "y_hat")
    named = {"y": y, "y_hat": y_hat}
    if isinstance(given, tuple) and len(given) == 2:
        of_x = {
            f"given[{place}]": checks.real(x, f"given[{place}]") for place, x in enumerate(given)
        }
        for outcome, x in zip(named, of_x, strict=True):
            checks.same_length(**{outcome: named[outcome], x: of_x[x]})
        checks.same_columns(**of_x)
    else:
        of_x = {"given": checks.real(given, "given")}
        checks.same_length(**named, **of_x)
    checks.same_columns(**named)
    return named | of_x


def conditional_cauchy_schwarz_from(
    own: np.ndarray,
    hat: np.ndarray,
    cross: np.ndarray,
    sigma: tuple[float, float],
    named: Mapping[str, Any],
) -> Estimate:
    """The conditional divergence, of sums that are there: of x, of y and of both.

    `own` and `hat` are within either sample. `cross` is at the second over the first where they
    share their x, and else at the first over the second, followed by that.
    """
    if len(named) == 3:
        between = _log_sum(cross[-1] - 2 * hat[0])
    else:
        there, back = np.split(cross, [own.shape[1]], axis=1)
        between = _log_sum(there[-1] - own[0] - there[0]) + _log_sum(back[-1] - hat[0] - back[0])
        between /= 2
    value = conditional_cauchy_schwarz_of(
        _log_sum(own[-1] - 2 * own[0]), _log_sum(hat[-1] - 2 * hat[0]), between
    )
    found = Estimate(value, n=own.shape[1], params={"sigma": sigma})
    found = noting_lost_digits(found, named)
    return _noting_kernels(found, (own, hat, cross), sigma, list(named)[2:])


def generalized_cauchy_schwarz(
    samples: Sequence[Any], *, width: str | float = "median", precision: str = "double"
) -> Estimate:
    r"""Cauchy-Schwarz divergence among several densities.

    .. math:: \hat D = -\ln \frac1m \sum_t \overline{\prod_{k \ne t} \hat p_k(x^t_i)}
        + \frac1m \sum_t \ln \overline{\hat p_t(x^t_i)^{m - 1}}

    with the mean kernels p_k around the samples of each density.

    Parameters
    ----------
    samples : sequence of real arrays, each of shape (n_t,) or (n_t, d)
        Two samples or more, of the same columns.
    width : {"median", "sqrt_dim", "knn", "silverman"} or float
        The width sigma of the kernels; rules look at all samples together.
    precision : {"double", "single"}
        As for the divergence "cauchy_schwarz".

    Returns
    -------
    Estimate
        In nats, without a standard error; 0 where all samples are the same. Of two samples it is
        half their squared divergence, as by ``convention="half"``.

    Raises
    ------
    TypeError, ValueError
        For fewer than two samples, columns that differ, and unknown or impossible options.

    Notes
    -----
    Limit of many samples and narrow kernels: the negative logarithm of the integral of the
    product over the geometric mean of the integrals of the m-th powers. At a finite width it is
    that of densities blurred by the kernels, in all factors but one. Cost: O((sum n_t)^2 d) time,
    O(m sum n_t) memory.

    References
    ----------
    Lu et al. (2024), arXiv:2405.04061.
    """
    checks.choice(precision, "precision", PRECISIONS)
    named = several_samples(samples)
    arrays = list(named.values())
    sigma = kernel_width(width, pooled(*arrays) if isinstance(width, str) else arrays[0], "samples")
    parts = in_widths(arrays, sigma, precision)
    engine = ops.of(*arrays)
    sizes = [len(x) for x in arrays]
    products = [np.zeros(n) for n in sizes]
    within = []
    for t, part in enumerate(parts):
        within.append(engine.kernel_row_sums([part], precision=precision)[0] - math.log(sizes[t]))
        for k in range(t + 1, len(parts)):
            both = engine.kernel_row_sums([part], [parts[k]], precision=precision, mutual=True)[0]
            products[t] += both[: sizes[t]] - math.log(sizes[k])
            products[k] += both[sizes[t] :] - math.log(sizes[t])
    found = generalized_cauchy_schwarz_from(within, products, sigma, named)
    return completed(found, "generalized_divergence", {"width": width, "precision": precision})


def several_samples(samples: Any) -> dict[str, Any]:
    """The samples of several densities by their names, or an error that names the wrong one."""
    given = enumerate(checks.several(samples, "samples"))
    named = {f"samples[{place}]": checks.real(x, f"samples[{place}]") for place, x in given}
    if len(named) < 2:
        raise ValueError(f"samples must hold two arrays or more; got {len(named)}.")
    checks.same_columns(**named)
    return named


def generalized_cauchy_schwarz_from(
    within: Sequence[np.ndarray],
    products: Sequence[np.ndarray],
    sigma: float,
    named: Mapping[str, Any],
) -> Estimate:
    """The divergence of several densities, of sums that are there.

    `within` are logarithms of the mean kernel at each sample over those of its own density, and
    `products` the sums of the same over each of the other densities.
    """
    count = len(within)
    powers = [log_mean((count - 1) * own) for own in within]
    joint = log_mean(np.array([log_mean(product) for product in products]))
    found = Estimate(
        math.fsum(powers) / count - joint, n=sum(map(len, within)), params={"sigma": sigma}
    )
    found = noting_lost_digits(found, named)
    for name, own in zip(named, within, strict=True):
        found = noting_reach(found, own, sigma, name)
    return noting_sameness(found, [*within, *products], sigma, "all densities")


def completed(found: Estimate, quantity: str, options: Mapping[str, Any]) -> Estimate:
    """The estimate with its name and options, whose warnings have been said aloud."""
    params = {**options, **found.params}
    return aloud(replace(found, quantity=quantity, method="cauchy_schwarz", params=params))


def conditional_cauchy_schwarz_of(log_own: Any, log_hat: Any, log_cross: Any) -> Any:
    """Of logarithms of the sums S_11, S_22 and S_21, which are weighted by 1 / (sum of K)^2."""
    return log_own + log_hat - 2 * log_cross


def _noting_kernels(
    found: Estimate, rows: Sequence[np.ndarray], sigma: tuple[float, float], givens: list[str]
) -> Estimate:
    """With warnings about each kernel that enters: of x, of y and of both, in both samples.

    `rows` are sums at x, y and both together: within the first sample, the second, and between.
    """
    own, hat, cross = rows
    inside = [each - math.log(each.shape[1]) for each in (own, hat)]
    # Between the samples each row has the number of the other one's samples for its terms.
    n, m = own.shape[1], hat.shape[1]
    counts = np.full(m, n) if cross.shape[1] == m else np.repeat([m, n], [n, m])
    between = cross - np.log(counts)
    before = found.diagnostics.get("warnings", ())
    for part, (names, option) in enumerate(((givens, "width_x"), (["y", "y_hat"], "width_y"))):
        alike = givens[0] if len(givens) == 1 else " and ".join(givens)
        alike = "y and y_hat" if part else alike
        for name, within in zip(names, inside, strict=False):
            found = noting_reach(found, within[part], sigma[part], name, option)
        everywhere = [each[part] for each in (*inside, between)]
        found = noting_sameness(found, everywhere, sigma[part], alike, option)
    # Kernels that see others in x and in y may see none in both.
    if found.diagnostics.get("warnings", ()) == before:
        for name, within in zip(("y", "y_hat"), inside, strict=True):
            found = noting_reach(found, within[2], sigma, f"{name} and x together")
    return found


def _log_sum(logs: np.ndarray) -> float:
    return log_mean(logs) + math.log(len(logs))
