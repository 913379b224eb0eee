"""Matrix-based Renyi entropies: what the spectrum of a kernel matrix says, without a density."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.special import logsumexp

from infotheory import checks, ops, truth
from infotheory.digits import noting_lost_digits
from infotheory.estimate import AT_CEILING, Estimate
from infotheory.estimators.neighbours import is_constant
from infotheory.registry import estimator
from infotheory.solvers.spectral_entropy import spectral_renyi
from infotheory.widths import in_widths, kernel_widths

__all__ = [
    "matrix_renyi_conditional_entropy",
    "matrix_renyi_dual_total_correlation",
    "matrix_renyi_entropy",
    "matrix_renyi_mutual_information",
    "matrix_renyi_total_correlation",
]

_ESTIMAND = "matrix_renyi"
_SOURCE = "Sanchez Giraldo, Rao, Principe (2015), doi:10.1109/TIT.2014.2370058"
_RESOLVED = {"width": "sigma"}
#: An entropy below this share of ln n is that of kernels which reach all samples.
_NEARLY_NONE = 0.01


@estimator(
    "entropy:matrix_renyi",
    inputs=("real",),
    estimand=_ESTIMAND,
    source=_SOURCE,
    differentiable=True,
    resolved=_RESOLVED,
    truth=(truth.clusters_of_one(4),),
)
def matrix_renyi_entropy(
    x: Any, *, alpha: float = 1.01, width: str | float | Sequence[Any] = "sqrt_dim"
) -> Estimate:
    r"""Renyi entropy of the spectrum of a kernel matrix.

    .. math:: S_\alpha = \frac{1}{1 - \alpha} \ln \sum_i \lambda_i(A)^\alpha, \quad
        A_{ij} = \tfrac1n e^{-|x_i - x_j|^2 / 2 \sigma^2}

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        Samples.
    alpha : float
        Order, at least 0; 0 (the logarithm of the rank), 1 (von Neumann's entropy) and infinity
        (the largest eigenvalue) are its limits. Order 2 needs no eigenvalue.
    width : {"sqrt_dim", "median", "knn", "silverman"} or float
        The width sigma, or a rule that chooses it.

    Returns
    -------
    Estimate
        In nats, between 0 and ln n. ``params["sigma"]`` is the width. Diagnostics: ``ceiling``
        (ln n), ``saturated``.

    Raises
    ------
    MemoryError
        If n x n numbers do not fit into the free memory; order 2 needs none of them.
    TypeError, ValueError
        For an unknown width, and an order below 0.

    Notes
    -----
    It measures how many groups of samples the kernel tells apart, and is no estimate of a
    differential entropy: it falls with the order and with the width. Bias: against the operator
    of the distribution, downwards, of order (rank) / n; at most ln n, so values of different n
    do not compare. No standard error is known. Images of several channels, shape (n, c, h, w),
    are passed as x.reshape(n, -1): one Gaussian kernel of all numbers is the product of those of
    the channels. Cost: O(n^3) time and O(n^2) memory; O(n^2 d) and O(n d) for order 2.

    References
    ----------
    Sanchez Giraldo, Rao, Principe, IEEE Trans. Inf. Theory 61 (2015) 535,
    doi:10.1109/TIT.2014.2370058, eq. 9; convolutional layers: Wickstroem et al.,
    Entropy 25 (2023) 899, doi:10.3390/e25060899.
    """
    spectra = _Spectra({"x": x}, alpha, width)
    return spectra.estimate(spectra.entropy(0), ceiling=math.log(len(x)))


@estimator(
    "mutual_information:matrix_renyi",
    inputs=("real", "real"),
    estimand=_ESTIMAND,
    source="Yu et al. (2020), doi:10.1109/TPAMI.2019.2932976",
    differentiable=True,
    resolved=_RESOLVED,
    truth=(truth.clusters_of_two(),),
)
def matrix_renyi_mutual_information(
    x: Any, y: Any, *, alpha: float = 1.01, width: str | float | Sequence[Any] = "sqrt_dim"
) -> Estimate:
    r"""Matrix-based Renyi information of two variables.

    .. math:: I_\alpha(X;Y) = S_\alpha(A) + S_\alpha(B) - S_\alpha(n \, A \circ B)

    with the entropies of :func:`matrix_renyi_entropy`; the product is taken entry by entry.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    alpha : float
        Order, as for :func:`matrix_renyi_entropy`.
    width : {"sqrt_dim", "median", "knn", "silverman"}, float, or one of these for each variable
        The widths.

    Returns
    -------
    Estimate
        In nats, at most ln n. ``params["sigma"]`` has both widths. Diagnostics: ``entropies`` (of
        x, y and both), ``ceiling`` (the smaller entropy), ``saturated``.

    Raises
    ------
    MemoryError, TypeError, ValueError
        As :func:`matrix_renyi_entropy`; and if the lengths differ.

    Notes
    -----
    With narrow kernels every pair of variables shares ln n, dependent or not: compare with
    permuted samples. Bias: upwards, most so with narrow kernels and few samples. No standard
    error is known. Cost: three spectra of n x n, or for order 2 one streamed pass.

    References
    ----------
    Yu et al., IEEE Trans. Pattern Anal. Mach. Intell. 42 (2020) 2960,
    doi:10.1109/TPAMI.2019.2932976, eq. 6; Sanchez Giraldo, Rao, Principe (2015),
    doi:10.1109/TIT.2014.2370058.
    """
    spectra = _Spectra({"x": x, "y": y}, alpha, width)
    of_x, of_y, of_both = spectra.entropy(0), spectra.entropy(1), spectra.entropy(0, 1)
    return spectra.estimate(
        of_x + of_y - of_both, entropies=(of_x, of_y, of_both), ceiling=min(of_x, of_y)
    )


@estimator(
    "conditional_entropy:matrix_renyi",
    inputs=("real", "real"),
    estimand=_ESTIMAND,
    source=_SOURCE,
    resolved=_RESOLVED,
    truth=(truth.clusters_of_two_given(),),
)
def matrix_renyi_conditional_entropy(
    x: Any, y: Any, *, alpha: float = 1.01, width: str | float | Sequence[Any] = "sqrt_dim"
) -> Estimate:
    r"""Matrix-based Renyi entropy of x that is left when y is known.

    .. math:: S_\alpha(X|Y) = S_\alpha(n \, A \circ B) - S_\alpha(B)

    with the entropies of :func:`matrix_renyi_entropy`.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples.
    alpha, width
        As for :func:`matrix_renyi_mutual_information`.

    Returns
    -------
    Estimate
        In nats, between 0 and the entropy of x. Diagnostics: ``entropies`` (of y and both),
        ``saturated``.

    Raises
    ------
    MemoryError, TypeError, ValueError
        As :func:`matrix_renyi_mutual_information`.

    Notes
    -----
    Bias: as for :func:`matrix_renyi_entropy`. No standard error is known. Cost: two spectra of
    n x n, or for order 2 one streamed pass.

    References
    ----------
    Sanchez Giraldo, Rao, Principe, IEEE Trans. Inf. Theory 61 (2015) 535,
    doi:10.1109/TIT.2014.2370058, section III.
    """
    spectra = _Spectra({"x": x, "y": y}, alpha, width)
    of_y, of_both = spectra.entropy(1), spectra.entropy(0, 1)
    return spectra.estimate(of_both - of_y, entropies=(of_y, of_both))


@estimator(
    "total_correlation:matrix_renyi",
    inputs=("real", "real", "..."),
    estimand=_ESTIMAND,
    source="Yu et al. (2021), arXiv:2101.10160",
    resolved=_RESOLVED,
    truth=(truth.clusters_of_three(),),
)
def matrix_renyi_total_correlation(
    *variables: Any, alpha: float = 1.01, width: str | float | Sequence[Any] = "sqrt_dim"
) -> Estimate:
    r"""Matrix-based Renyi total correlation: the sum of all entropies less that of all together.

    .. math:: T_\alpha = \sum_{i=1}^L S_\alpha(A_i) - S_\alpha(n^{L-1} A_1 \circ \ldots \circ A_L)

    Parameters
    ----------
    variables : real arrays, each of shape (n,) or (n, d)
        Two variables or more, paired row by row.
    alpha, width
        As for :func:`matrix_renyi_mutual_information`.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``entropies`` (of each, and of all), ``normalised`` (over the sum of
        all entropies but the largest: between 0 and 1), ``saturated``.

    Raises
    ------
    MemoryError, TypeError, ValueError
        As :func:`matrix_renyi_mutual_information`.

    Notes
    -----
    Bias: as for :func:`matrix_renyi_mutual_information`. No standard error is known. Cost: a
    spectrum of n x n for each variable and one more.

    References
    ----------
    Yu et al., AAAI (2021), arXiv:2101.10160, eqs. 7 and 10.
    """
    spectra = _Spectra(_named(variables), alpha, width)
    apart = [spectra.entropy(place) for place in range(len(variables))]
    together = spectra.entropy(*range(len(variables)))
    value, most = math.fsum(apart) - together, math.fsum(apart) - max(apart)
    return spectra.estimate(
        value,
        entropies=(*apart, together),
        normalised=value / most if most > 0 else 0.0,
    )


@estimator(
    "dual_total_correlation:matrix_renyi",
    inputs=("real", "real", "..."),
    estimand=_ESTIMAND,
    source="Yu et al. (2021), arXiv:2101.10160",
    resolved=_RESOLVED,
    truth=(truth.clusters_of_three(dual=True),),
)
def matrix_renyi_dual_total_correlation(
    *variables: Any, alpha: float = 1.01, width: str | float | Sequence[Any] = "sqrt_dim"
) -> Estimate:
    r"""Matrix-based Renyi dual total correlation: what no variable has to itself.

    .. math:: D_\alpha = \sum_{i=1}^L S_\alpha(A_{[L] \setminus i}) - (L - 1) S_\alpha(A_{[L]})

    where :math:`A_{[L]}` is the product, entry by entry, of all matrices.

    Parameters
    ----------
    variables : real arrays, each of shape (n,) or (n, d)
        Two variables or more, paired row by row. Of two it is their mutual information.
    alpha, width
        As for :func:`matrix_renyi_mutual_information`.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``entropies`` (of all but each, and of all), ``normalised`` (over
        the entropy of all: between 0 and 1), ``saturated``.

    Raises
    ------
    MemoryError, TypeError, ValueError
        As :func:`matrix_renyi_mutual_information`.

    Notes
    -----
    Bias: as for :func:`matrix_renyi_mutual_information`. No standard error is known. Cost: a
    spectrum of n x n for each variable and one more.

    References
    ----------
    Yu et al., AAAI (2021), arXiv:2101.10160, eqs. 8 and 11.
    """
    spectra = _Spectra(_named(variables), alpha, width)
    places = range(len(variables))
    without = [spectra.entropy(*(other for other in places if other != i)) for i in places]
    together = spectra.entropy(*places)
    value = math.fsum(without) - (len(variables) - 1) * together
    return spectra.estimate(
        value,
        entropies=(*without, together),
        normalised=value / together if together > 0 else 0.0,
    )


class _Spectra:
    """The entropies of variables, alone and together, for one order and given widths."""

    def __init__(self, arrays: Mapping[str, Any], alpha: float, width: Any) -> None:
        self.alpha = _order(alpha)
        self.widths = kernel_widths(width, arrays)
        self.n = len(next(iter(arrays.values())))
        self._arrays = arrays
        # A constant variable adds nothing to any distance, and is left out so that no digit does.
        self._parts = [
            None if is_constant(x) else in_widths((x,), sigma, "double")[0]
            for x, sigma in zip(arrays.values(), self.widths, strict=True)
        ]

    def entropy(self, *places: int) -> float:
        """Of the variables at these places together."""
        parts = [part for place in places if (part := self._parts[place]) is not None]
        if not parts:
            return 0.0
        engine = ops.of(*parts)
        if self.alpha == 2:  # the sum of the squares of all entries, which are kernels again
            rows = engine.kernel_row_sums([part * math.sqrt(2) for part in parts])[-1]
            return float(2 * math.log(self.n) - logsumexp(rows))
        try:
            matrix = engine.gram(parts[0])
            for part in parts[1:]:
                matrix *= engine.gram(part)
            values = engine.spectrum(matrix)
        except MemoryError as error:
            raise MemoryError(f"{error} Choose alpha=2, which needs no matrix.") from None
        return spectral_renyi(values, self.alpha)

    def estimate(self, value: float, **noted: Any) -> Estimate:
        """With the widths, and with a warning where they decide the value."""
        params = {
            "alpha": self.alpha,
            "sigma": self.widths if len(self.widths) > 1 else self.widths[0],
        }
        entropies = noted.get("entropies", (value,))
        ceiling = math.log(self.n)
        # Variables that see others one by one may see none together, and the value is of n then.
        full = self.n > 1 and max(entropies) >= AT_CEILING * ceiling
        found = Estimate(value, n=self.n, params=params, diagnostics={"saturated": full} | noted)
        found = noting_lost_digits(found, self._arrays)
        if full:
            return found.noting(
                f"kernels of width {_written(self.widths)} reach no other sample (the entropy"
                f"{' of all together' if len(self.widths) > 1 else ''} is at its ceiling ln n), so "
                f"the value says more about n than about the data; choose a larger width."
            )
        varies = any(part is not None for part in self._parts)
        if varies and self.n > 1 and max(entropies) < _NEARLY_NONE * ceiling:
            return found.noting(
                f"kernels of width {_written(self.widths)} see all samples alike, so the value is "
                f"that of the kernel; choose a smaller width."
            )
        return found


def _order(alpha: Any) -> float:
    if isinstance(alpha, numbers.Real) and alpha == math.inf:
        return math.inf
    return checks.number(alpha, "alpha", low=0.0)


def _named(variables: Sequence[Any]) -> dict[str, Any]:
    return {f"variables[{place}]": x for place, x in enumerate(variables)}


def _written(widths: Sequence[float]) -> str:
    return ", ".join(f"{width:.3g}" for width in widths)
