"""Kernel estimates from samples that arrive in blocks: sums added as the blocks meet."""

from __future__ import annotations

import copy
import math
import numbers
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from infotheory import checks, ops, registry
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate, InfotheoryWarning
from infotheory.estimators import kernel_information, kernels
from infotheory.widths import refuse_narrow

__all__ = ["KernelSums"]

_DIVERGENCES: Mapping[str, Callable[..., Estimate]] = MappingProxyType(
    {
        "divergence:cauchy_schwarz": lambda pair, options: kernels.cauchy_schwarz_from(
            pair, options["convention"]
        ),
        "divergence:mmd": lambda pair, options: kernels.mmd_from(pair),
    }
)
_INFORMATIONS: Mapping[str, Callable[..., Estimate]] = MappingProxyType(
    {
        "mutual_information:cauchy_schwarz": kernel_information.cauchy_schwarz_from,
        "mutual_information:euclidean": kernel_information.euclidean_from,
        "mutual_information:hsic": kernel_information.hsic_from,
    }
)


class KernelSums:
    """An estimate from kernel sums, of samples that arrive in blocks or lie on several machines.

    The samples are kept, with the sums at each; blocks that meet add the sums between them, so
    that no pair is looked at twice. The value is that of the estimator on all samples together, up
    to rounding, whatever the blocks and their order.

    Parameters
    ----------
    key : str or Measure
        "divergence:cauchy_schwarz", "divergence:mmd", "mutual_information:cauchy_schwarz",
        "mutual_information:euclidean" or "mutual_information:hsic".
    **options
        Options of that estimator. ``width`` must be a number (for an information, or two), since
        a rule needs all samples at once.

    Raises
    ------
    TypeError, ValueError
        For a measure that is unknown or needs more than kernel sums, a width that is no number,
        and unknown or bad options.

    Notes
    -----
    Objects can be pickled. Cost: O(n d) time for each new sample, n being those so far; O(n d)
    memory in all.

    Examples
    --------
    >>> import numpy as np
    >>> import infotheory as it
    >>> from infotheory.kernel_sums import KernelSums
    >>> x, y = np.random.default_rng(0).normal(size=(2, 100))
    >>> sums = KernelSums("divergence:cauchy_schwarz", width=1.0)
    >>> for block in (slice(0, 30), slice(30, 100)):
    ...     sums = sums.partial_fit(x[block], y[block])
    >>> together = it.divergence(x, y, method="cauchy_schwarz", width=1.0)
    >>> abs(sums.finalize() - together) < 1e-12
    True
    """

    def __init__(self, key: str | registry.Measure, **options: Any) -> None:
        self.measure = registry.measure(key, **options)
        if self.measure.key not in {*_DIVERGENCES, *_INFORMATIONS}:
            known = ", ".join(map(repr, (*_DIVERGENCES, *_INFORMATIONS)))
            raise ValueError(
                f"KernelSums must have a measure made of kernel sums alone, one of {known}; got "
                f"{self.measure.key!r}."
            )
        width = self._options["width"]
        paired = self.measure.key in _INFORMATIONS
        numbers_given = width if paired and isinstance(width, (tuple, list)) else (width,)
        if not all(isinstance(each, numbers.Real) for each in numbers_given):
            raise ValueError(
                f"width must be a number for KernelSums, since a rule needs all samples at once; "
                f"got {width!r}."
            )
        with warnings.catch_warnings():
            # One sample is enough for the estimator to refuse a bad option.
            warnings.simplefilter("ignore", InfotheoryWarning)
            self.measure([0.0], [0.0])
        # Samples of x and of y, and sums at them: within x and y and both, paired; or within and
        # across, of x and of y.
        self._parts: list[np.ndarray] = []
        self._sums: list[np.ndarray] = []

    @property
    def n(self) -> int:
        """The number of samples so far; where they are not paired, of the first variable."""
        return len(self._parts[0]) if self._parts else 0

    def partial_fit(self, x: Any, y: Any) -> KernelSums:
        """Add one block.

        Parameters
        ----------
        x, y : real arrays, shape (n,) or (n, d)
            As the estimator takes them: paired row by row for an information, of any numbers of
            rows for a divergence.

        Returns
        -------
        KernelSums
            This object.

        Raises
        ------
        TypeError, ValueError
            For arrays that the estimator would refuse, or whose columns differ from earlier ones.
        """
        arrays = self.measure.entry.check(x, y)
        arrays = [a.cpu().numpy() if checks.is_tensor(a) else a for a in arrays]
        block = copy.copy(self)
        block._parts = [np.asarray(a, dtype=np.float64) for a in arrays]
        for part, width in zip(block._parts, self._widths, strict=True):
            refuse_narrow(width, float(np.abs(part).max()))
        block._sums = self._within(block._parts)
        self.__dict__.update(self.merge(block).__dict__)
        return self

    def merge(self, other: KernelSums) -> KernelSums:
        """The sums of both together.

        Parameters
        ----------
        other : KernelSums
            Of the same measure with the same options, with other samples.

        Returns
        -------
        KernelSums
            A new object; neither of the two is changed.

        Raises
        ------
        TypeError, ValueError
            If other is no KernelSums, or one of another measure, other options or other columns.
        """
        if not isinstance(other, KernelSums):
            raise TypeError(f"other must be a KernelSums; got {type(other).__name__}.")
        # Widths as numbers, since a list of them says the same as a tuple.
        asked, offered = (
            (each.measure.key, {**each._options, "width": each._widths}) for each in (self, other)
        )
        if asked != offered:
            raise ValueError(f"other must be of {self.measure} too; got one of {other.measure}.")
        if not self._parts or not other._parts:
            return copy.copy(self if self._parts else other)
        for name, mine, theirs in zip("xy", self._parts, other._parts, strict=True):
            if mine.shape[1] != theirs.shape[1]:
                raise ValueError(
                    f"{name} must have as many columns in all blocks; got {mine.shape[1]} and "
                    f"{theirs.shape[1]}."
                )
        merged = copy.copy(self)
        merged._sums = self._met(other)
        merged._parts = [
            np.concatenate(pair) for pair in zip(self._parts, other._parts, strict=True)
        ]
        return merged

    def finalize(self) -> Estimate:
        """The estimate of all samples so far; more can be added afterwards.

        Returns
        -------
        Estimate
            That of the registered estimator, up to rounding.

        Raises
        ------
        ValueError
            If there is no sample yet.
        """
        if not self._parts:
            raise ValueError("KernelSums has no samples yet; call partial_fit first.")
        key, options = self.measure.key, self._options
        logs = [math.log(len(part)) for part in self._parts]
        said = lost_digits(dict(zip("xy", self._parts, strict=True)))
        if key in _INFORMATIONS:
            x, y, both = self._sums[0] - logs[0]
            parts = self._in_widths(self._parts)
            sums = kernel_information.Sums(
                x, y, both, self._widths, parts, options["precision"], said
            )
            found = _INFORMATIONS[key](sums)
        else:
            (xx, xy), (yy, yx) = self._sums
            pair = kernels.Pair(
                xx - logs[0], yy - logs[1], xy - logs[1], yx - logs[0], self._widths[0], said
            )
            found = _DIVERGENCES[key](pair, options)
        return self.measure.entry.completed(found, options)

    def __repr__(self) -> str:
        return f"<KernelSums for {self.measure}, n={self.n}>"

    @property
    def _options(self) -> dict[str, Any]:
        return {**self.measure.entry.options, **self.measure.options}

    @property
    def _widths(self) -> tuple[float, float]:
        width = self._options["width"]
        pair = width if isinstance(width, (tuple, list)) else (width, width)
        return float(pair[0]), float(pair[1])

    def _between(self, points: list[np.ndarray], samples: list[np.ndarray] | None) -> np.ndarray:
        precision = self._options["precision"]
        scaled = self._in_widths(points), samples and self._in_widths(samples, points)
        return ops.of(*points).kernel_row_sums(*scaled, precision=precision, mutual=True)

    def _in_widths(
        self, parts: list[np.ndarray], others: list[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Distances in widths from the centre of the parts, or of others of the same spaces."""
        # What all blocks have in common must go before the division, or digits go with it.
        about = zip(parts, others or parts, self._widths, strict=False)
        return [(part - other.mean(axis=0)) / width for part, other, width in about]

    def _within(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        if self.measure.key in _INFORMATIONS:
            return [self._between(parts, None)]
        x, y = parts
        across = np.split(self._between([x], [y])[0], [len(x)])
        within = [self._between([part], None)[0] for part in parts]
        return [np.stack(pair) for pair in zip(within, across, strict=True)]

    def _met(self, other: KernelSums) -> list[np.ndarray]:
        """Sums at the samples of both, those between the two added."""
        mine, theirs = self._parts, other._parts
        if self.measure.key in _INFORMATIONS:
            pairs = [(self._sums[0], other._sums[0], self._between(mine, theirs))]
        else:
            # What is within for one variable is across for the other.
            n, m = len(mine[0]), len(theirs[0])
            xy = self._between([mine[0]], [theirs[1]])[0]
            yx = self._between([mine[1]], [theirs[0]])[0]
            x = np.stack([self._between([mine[0]], [theirs[0]])[0], [*xy[:n], *yx[-m:]]])
            y = np.stack([self._between([mine[1]], [theirs[1]])[0], [*yx[:-m], *xy[n:]]])
            pairs = [(self._sums[0], other._sums[0], x), (self._sums[1], other._sums[1], y)]
        return [np.logaddexp(np.concatenate(pair[:2], axis=1), pair[2]) for pair in pairs]
