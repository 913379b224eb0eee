"""How estimates are made of kernel sums: which sums each one wants, and what it makes of them."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from infotheory import kernel_divergences
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.estimators import kernel_information, kernels
from infotheory.widths import in_widths

__all__ = ["FORMS", "Form", "Groups", "Summed"]

#: Of variables by their places: each group of them is paired row by row, and sums are wanted
#: within the groups and between them.
Groups = tuple[tuple[int, ...], ...]


class Summed(NamedTuple):
    """Samples, and kernel sums at them."""

    parts: Mapping[str, np.ndarray]
    """The variables by their names, each (n, d)."""
    sums: Mapping[tuple[int, int], np.ndarray]
    """(kinds, n) logarithms of sums at the samples of one group over those of another."""
    sigma: tuple[float, ...]
    """The widths that were given."""
    options: Mapping[str, Any]


def _same(sigma: tuple[float, ...], count: int) -> tuple[float, ...]:
    return sigma * count


def _own(sigma: tuple[float, ...], count: int) -> tuple[float, ...]:
    return sigma


class Form(NamedTuple):
    """How an estimate is made of kernel sums."""

    function: Callable[..., Estimate]
    """The estimator, of all samples at once."""
    check: Callable[..., dict[str, Any]] | None
    """The arrays by their names, as it takes them; of a registered estimator its entry knows."""
    groups: Callable[[int], Groups]
    """Of so many variables."""
    finish: Callable[[Summed], Estimate]
    widths_of: Callable[[tuple[float, ...], int], tuple[float, ...]] = _same
    """The width of each of so many variables, of those that were given."""
    n_of: Callable[[list[int]], int] = itemgetter(0)
    """What the estimate has for n, of the numbers of samples of each variable."""

    @property
    def arrays(self) -> inspect.Signature:
        """How the estimator takes its arrays: what has no default."""
        parameters = _parameters(self.function)
        plain = [each.replace(annotation=each.empty) for each in parameters]
        return inspect.Signature([each for each in plain if each.default is each.empty])

    @property
    def options(self) -> dict[str, Any]:
        """Every option with its default; the method is in the key."""
        parameters = _parameters(self.function)
        given = {each.name: each.default for each in parameters if each.default is not each.empty}
        return {name: default for name, default in given.items() if name != "method"}


@functools.cache
def _parameters(function: Callable[..., Estimate]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(function).parameters.values())


def _pair(summed: Summed) -> kernels.Pair:
    logs = [math.log(len(part)) for part in summed.parts.values()]
    ways = ((0, 0), (1, 1), (0, 1), (1, 0))
    xx, yy, xy, yx = (summed.sums[a, b][0] - logs[b] for a, b in ways)
    return kernels.Pair(xx, yy, xy, yx, summed.sigma[0], lost_digits(summed.parts))


def _dependence(summed: Summed) -> kernel_information.Sums:
    named, sigma, precision = summed.parts, summed.sigma, summed.options["precision"]
    x, y, both = summed.sums[0, 0] - math.log(len(named["x"]))
    pairs = zip(named.values(), sigma, strict=True)
    parts = [in_widths((part,), width, "double")[0] for part, width in pairs]
    return kernel_information.Sums(x, y, both, sigma, parts, precision, lost_digits(named))


def _conditional(summed: Summed) -> Estimate:
    rows, parts = summed.sums, summed.parts
    cross = rows[1, 0] if len(parts) == 3 else np.concatenate([rows[0, 1], rows[1, 0]], axis=1)
    sigma = summed.sigma[0], summed.sigma[1]
    return kernel_divergences.conditional_cauchy_schwarz_from(
        rows[0, 0], rows[1, 1], cross, sigma, parts
    )


def _generalized(summed: Summed) -> Estimate:
    logs = [math.log(len(part)) for part in summed.parts.values()]
    means = {(a, b): rows[0] - logs[b] for (a, b), rows in summed.sums.items()}
    places = range(len(logs))
    products = [sum(means[a, b] for b in places if b != a) for a in places]
    within = [means[a, a] for a in places]
    return kernel_divergences.generalized_cauchy_schwarz_from(
        within, products, summed.sigma[0], summed.parts
    )


def _together(count: int) -> Groups:
    return (tuple(range(count)),)


def _each_alone(count: int) -> Groups:
    return tuple((place,) for place in range(count))


def _with_x(count: int) -> Groups:
    """Of y and y_hat, each with its x; the last one is that of y_hat."""
    return (2, 0), (count - 1, 1)


def _information(
    function: Callable[..., Estimate], made: Callable[[kernel_information.Sums], Estimate]
) -> Form:
    def finish(summed: Summed) -> Estimate:
        return made(_dependence(summed))

    return Form(function, None, _together, finish, widths_of=_own)


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "divergence:cauchy_schwarz": Form(
            kernels.cauchy_schwarz_divergence,
            None,
            _each_alone,
            lambda summed: kernels.cauchy_schwarz_from(_pair(summed), summed.options["convention"]),
        ),
        "divergence:mmd": Form(
            kernels.mmd_divergence,
            None,
            _each_alone,
            lambda summed: kernels.mmd_from(_pair(summed)),
        ),
        "mutual_information:cauchy_schwarz": _information(
            kernel_information.cauchy_schwarz_mutual_information,
            kernel_information.cauchy_schwarz_from,
        ),
        "mutual_information:euclidean": _information(
            kernel_information.euclidean_mutual_information, kernel_information.euclidean_from
        ),
        "mutual_information:hsic": _information(
            kernel_information.hsic_mutual_information, kernel_information.hsic_from
        ),
        "conditional_divergence:cauchy_schwarz": Form(
            kernel_divergences.conditional_divergence,
            kernel_divergences.conditional_samples,
            _with_x,
            _conditional,
            widths_of=lambda sigma, count: (sigma[1],) * 2 + (sigma[0],) * (count - 2),
        ),
        "generalized_divergence:cauchy_schwarz": Form(
            kernel_divergences.generalized_cauchy_schwarz,
            kernel_divergences.several_samples,
            _each_alone,
            _generalized,
            n_of=sum,
        ),
    }
)
