"""Total correlation of discrete variables: what two of them share, of any number."""

from __future__ import annotations

from typing import Any

from infotheory import truth
from infotheory.estimate import Estimate
from infotheory.estimators.discrete import tabulate
from infotheory.estimators.discrete_information import total_correlation_of
from infotheory.registry import estimator

__all__ = ["plugin_total_correlation"]


@estimator(
    "total_correlation:plugin",
    inputs=("codes", "codes", "..."),
    source="Watanabe (1960), doi:10.1147/rd.41.0066",
    truth=(truth.noisy_copies(3, 0.2),),
)
def plugin_total_correlation(*variables: Any, pointwise: bool = False) -> Estimate:
    r"""Total correlation of the observed joint frequencies of two variables or more.

    .. math:: \hat C = \sum_i \hat H(X_i) - \hat H(X_1, X_2, \ldots)

    Parameters
    ----------
    variables : integers or strings, each of shape (n,) or (n, d)
        Paired outcomes; of two dimensions each distinct row is an outcome.
    pointwise : bool
        Keep the term of every sample, which average to the value, in the diagnostics.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``outcomes`` (distinct ones of each variable, and jointly),
        ``ceiling`` (the sum of the entropies without the largest), ``saturated``;
        ``pointwise`` if asked for.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold labels, or their lengths differ.

    Notes
    -----
    Bias: about (m_joint - sum of m_i + number of variables - 1) / 2n, upwards. Of two variables
    it is their mutual information. Standard error: delta method. Cost: O(n d) time and memory.

    References
    ----------
    Watanabe, IBM Journal of Research and Development 4 (1960), doi:10.1147/rd.41.0066.
    """
    return total_correlation_of(tabulate(*variables), pointwise=pointwise)
