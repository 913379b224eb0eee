"""The verbs: one call for each quantity, with the method chosen by name."""

from __future__ import annotations

from typing import Any

from infotheory import registry
from infotheory.estimate import Estimate

__all__ = ["entropy", "methods", "mutual_information"]


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


def methods(quantity: str | None = None) -> tuple[registry.Entry, ...]:
    """The registered estimators: key, inputs, unit, estimand, bound, options, source."""
    return registry.entries(quantity)
