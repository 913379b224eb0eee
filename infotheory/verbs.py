"""The verbs: one call for each quantity, with the method chosen by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infotheory import checks, registry
from infotheory.estimate import Estimate

__all__ = [
    "conditional_entropy",
    "conditional_mutual_information",
    "divergence",
    "dual_total_correlation",
    "entropy",
    "methods",
    "mutual_information",
    "total_correlation",
]


def entropy(x: Any, *, method: str | None = None, **options: Any) -> Estimate:
    """Entropy of samples.

    Parameters
    ----------
    x : array, shape (n,) or (n, d)
        Samples in rows: numpy, torch on any device, pandas or lists. Real numbers or labels,
        as the method asks.
    method : str
        There is no default, because discrete and differential entropy are different questions;
        `infotheory.methods("entropy")` lists the methods.
    **options
        Options of the method.

    Returns
    -------
    Estimate
        In nats, with standard error, sample size, resolved options and diagnostics.

    Raises
    ------
    TypeError, ValueError
        For a missing or unknown method or option (the message lists the known ones), and for
        data the method cannot take (the message names the argument, the rule and what came).
    """
    return registry.entry("entropy", method).function(x, **options)


def mutual_information(x: Any, y: Any, *, method: str = "ksg", **options: Any) -> Estimate:
    """Mutual information of paired samples.

    Parameters
    ----------
    x, y : arrays, shape (n,) or (n, d)
        Paired samples in rows: numpy, torch on any device, pandas or lists. Real numbers or
        labels, as the method asks.
    method : str
        `infotheory.methods("mutual_information")` lists the methods.
    **options
        Options of the method.

    Returns
    -------
    Estimate
        In nats, with standard error, sample size, resolved options and diagnostics.

    Raises
    ------
    TypeError, ValueError
        For an unknown method or option (the message lists the known ones), and for data the
        method cannot take (the message names the argument, the rule and what came).
    """
    return registry.entry("mutual_information", method).function(x, y, **options)


def conditional_entropy(x: Any, y: Any, *, method: str | None = None, **options: Any) -> Estimate:
    """Entropy of x that is left when y is known, H(X|Y), of paired labels.

    Parameters
    ----------
    x, y : arrays, shape (n,) or (n, d)
        Paired labels in rows.
    method : str
        There is no default; `infotheory.methods("conditional_entropy")` lists the methods.
    **options
        Options of the method.

    Returns
    -------
    Estimate
        In nats, with standard error, sample size, resolved options and diagnostics.

    Raises
    ------
    TypeError, ValueError
        For a missing or unknown method or option (the message lists the known ones), and for
        data the method cannot take (the message names the argument, the rule and what came).
    """
    return registry.entry("conditional_entropy", method).function(x, y, **options)


def conditional_mutual_information(
    x: Any, y: Any, z: Any, *, method: str = "ksg", **options: Any
) -> Estimate:
    """Information that x and y share beyond what z tells of either, I(X;Y|Z).

    Parameters
    ----------
    x, y, z : arrays, shape (n,) or (n, d)
        Samples of three variables, paired row by row; several conditions are columns of z.
    method : str
        `infotheory.methods("conditional_mutual_information")` lists the methods.
    **options
        Options of the method.

    Returns
    -------
    Estimate
        In nats, with standard error, sample size, resolved options and diagnostics.

    Raises
    ------
    TypeError, ValueError
        For an unknown method or option (the message lists the known ones), and for data the
        method cannot take (the message names the argument, the rule and what came).
    """
    return registry.entry("conditional_mutual_information", method).function(x, y, z, **options)


def total_correlation(variables: Sequence[Any], *, method: str = "ksg", **options: Any) -> Estimate:
    """Information that several variables share, counted from their full independence.

    Parameters
    ----------
    variables : sequence of arrays, each of shape (n,) or (n, d)
        Two variables or more, paired row by row. Of two it is their mutual information.
    method : str
        `infotheory.methods("total_correlation")` lists the methods.
    **options
        Options of the method.

    Returns
    -------
    Estimate
        In nats, with standard error, sample size, resolved options and diagnostics.

    Raises
    ------
    TypeError, ValueError
        For an unknown method or option (the message lists the known ones), and for data the
        method cannot take (the message names the argument, the rule and what came).
    """
    arrays = checks.several(variables, "variables")
    return registry.entry("total_correlation", method).function(*arrays, **options)


def dual_total_correlation(
    variables: Sequence[Any], *, method: str | None = None, **options: Any
) -> Estimate:
    """Information of several variables that none of them has to itself.

    Parameters
    ----------
    variables : sequence of arrays, each of shape (n,) or (n, d)
        Two variables or more, paired row by row. Of two it is their mutual information.
    method : str
        There is no default; `infotheory.methods("dual_total_correlation")` lists the methods.
    **options
        Options of the method.

    Returns
    -------
    Estimate
        In nats, with standard error, sample size, resolved options and diagnostics.

    Raises
    ------
    TypeError, ValueError
        For a missing or unknown method or option (the message lists the known ones), and for
        data the method cannot take (the message names the argument, the rule and what came).
    """
    arrays = checks.several(variables, "variables")
    return registry.entry("dual_total_correlation", method).function(*arrays, **options)


def divergence(x: Any, y: Any, *, method: str | None = None, **options: Any) -> Estimate:
    """Divergence of the distribution of x from that of y, from samples of each.

    Parameters
    ----------
    x, y : arrays, shape (n, d) and (m, d), or (n,) and (m,)
        Samples in rows. They are not paired: their numbers may differ, their columns may not.
    method : str
        There is no default; `infotheory.methods("divergence")` lists the methods.
    **options
        Options of the method.

    Returns
    -------
    Estimate
        In the unit of the method, with standard error, sample size, resolved options and
        diagnostics.

    Raises
    ------
    TypeError, ValueError
        For a missing or unknown method or option (the message lists the known ones), and for
        data the method cannot take (the message names the argument, the rule and what came).
    """
    return registry.entry("divergence", method).function(x, y, **options)


def methods(quantity: str | None = None) -> tuple[registry.Entry, ...]:
    """The registered estimators: key, inputs, unit, estimand, bound, options, source."""
    return registry.entries(quantity)
