"""Kernel estimates from samples that arrive in blocks: sums added as the blocks meet."""

from __future__ import annotations

import copy
import itertools
import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from infotheory import checks, kernel_divergences, ops, registry
from infotheory.estimate import Estimate, InfotheoryWarning
from infotheory.kernel_forms import FORMS, Form, Groups, Summed
from infotheory.widths import in_widths, refuse_narrow

__all__ = ["KernelSums"]


class KernelSums:
    """An estimate from kernel sums, of samples that arrive in blocks or lie on several machines.

    The samples are kept, with the sums at each; blocks that meet add the sums between them, so
    that no pair is looked at twice. The value is that of the estimator on all samples together, up
    to rounding, whatever the blocks and their order.

    Parameters
    ----------
    key : str or Measure
        "divergence:cauchy_schwarz", "divergence:mmd", "mutual_information:cauchy_schwarz",
        "mutual_information:euclidean" or "mutual_information:hsic";
        "conditional_divergence:cauchy_schwarz" for :func:`infotheory.conditional_divergence`,
        "generalized_divergence:cauchy_schwarz" for :func:`infotheory.generalized_cauchy_schwarz`.
    **options
        Options of that estimator. ``width`` must be a number (for an information, or two), since
        a rule needs all samples at once; so must ``width_x`` and ``width_y``.

    Raises
    ------
    TypeError, ValueError
        For a measure that is unknown or needs more than kernel sums, a width that is no number,
        and unknown or bad options.

    Notes
    -----
    Objects can be pickled. Cost: O(n d) time for each new sample, n being those so far; O(n d)
    memory in all. Of m densities there are m sums at each sample.

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
        form = FORMS.get(key) if isinstance(key, str) else None
        if form is not None and form.check is not None:
            registry.refuse_unknown(str(key), form.options, options)
            self.measure = registry.Measure(str(key), options)
        else:
            self.measure = registry.measure(key, **options)
        if self.measure.key not in FORMS:
            known = ", ".join(map(repr, FORMS))
            raise ValueError(
                f"KernelSums must have a measure made of kernel sums alone, one of {known}; got "
                f"{self.measure.key!r}."
            )
        for name in _widths_in(self._options):
            width = self._options[name]
            several = self._paired and isinstance(width, (tuple, list))
            if not all(isinstance(each, numbers.Real) for each in (width if several else (width,))):
                raise ValueError(
                    f"{name} must be a number for KernelSums, since a rule needs all samples at "
                    f"once; got {width!r}."
                )
        with warnings.catch_warnings():
            # One sample is enough for the estimator to refuse a bad option.
            warnings.simplefilter("ignore", InfotheoryWarning)
            self._form.function(**self._one_sample(), **self.measure.options)
        # The variables by their names, and sums at the samples of one group over those of another.
        self._parts: dict[str, np.ndarray] = {}
        self._sums: dict[tuple[int, int], np.ndarray] = {}

    @property
    def n(self) -> int:
        """The number of samples so far, as the estimate will have it.

        Where samples are not paired, that of the first variable, or of several densities all.
        """
        return self._form.n_of([len(part) for part in self._parts.values()] or [0])

    def partial_fit(self, *arrays: Any, **named: Any) -> KernelSums:
        """Add one block.

        Parameters
        ----------
        *arrays, **named : real arrays, shape (n,) or (n, d)
            As the estimator takes them: x and y, paired row by row for an information, of any
            numbers of rows for a divergence; y and y_hat with ``given=``; a list of samples.

        Returns
        -------
        KernelSums
            This object.

        Raises
        ------
        TypeError, ValueError
            For arrays that the estimator would refuse, or that differ from earlier ones in their
            columns or their number.
        """
        block = copy.copy(self)
        block._parts = {name: _on_host(x) for name, x in self._checked(arrays, named).items()}
        for width, part in zip(block._widths, block._parts.values(), strict=True):
            refuse_narrow(width, float(np.abs(part).max()))
        block._sums = block._within()
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
            If other is no KernelSums, or one of another measure, other options, or arrays of
            another number or other columns.
        """
        if not isinstance(other, KernelSums):
            raise TypeError(f"other must be a KernelSums; got {type(other).__name__}.")
        # Widths as numbers, since a list of them says the same as a tuple.
        asked, offered = (
            (each.measure.key, {**each._options, "width": each._sigma}) for each in (self, other)
        )
        if asked != offered:
            raise ValueError(f"other must be of {self.measure} too; got one of {other.measure}.")
        if not self._parts or not other._parts:
            return copy.copy(self if self._parts else other)
        if self._parts.keys() != other._parts.keys():
            came = " and ".join(f"({', '.join(each._parts)})" for each in (self, other))
            raise ValueError(f"all blocks must hold the same arrays; got {came}.")
        pairs = {name: (part, other._parts[name]) for name, part in self._parts.items()}
        for name, (mine, theirs) in pairs.items():
            if mine.shape[1] != theirs.shape[1]:
                raise ValueError(
                    f"{name} must have as many columns in all blocks; got {mine.shape[1]} and "
                    f"{theirs.shape[1]}."
                )
        merged = copy.copy(self)
        merged._sums = self._met(other)
        merged._parts = {name: np.concatenate(pair) for name, pair in pairs.items()}
        return merged

    def finalize(self) -> Estimate:
        """The estimate of all samples so far; more can be added afterwards.

        Returns
        -------
        Estimate
            That of the estimator, up to rounding.

        Raises
        ------
        ValueError
            If there is no sample yet.
        """
        if not self._parts:
            raise ValueError("KernelSums has no samples yet; call partial_fit first.")
        found = self._form.finish(Summed(self._parts, self._sums, self._sigma, self._options))
        if self._form.check is None:
            return self.measure.entry.completed(found, self._options)
        return kernel_divergences.completed(found, self.measure.quantity, self._options)

    def __repr__(self) -> str:
        return f"<KernelSums for {self.measure}, n={self.n}>"

    @property
    def _form(self) -> Form:
        return FORMS[self.measure.key]

    @property
    def _options(self) -> dict[str, Any]:
        return {**self._form.options, **self.measure.options}

    @property
    def _paired(self) -> bool:
        """Whether one option holds a width for each variable."""
        return self.measure.quantity == "mutual_information"

    @property
    def _sigma(self) -> tuple[float, ...]:
        """The widths that were given, one where all variables have the same."""
        given = [self._options[name] for name in _widths_in(self._options)]
        if self._paired:
            given = list(given[0]) if isinstance(given[0], (tuple, list)) else given * 2
        return tuple(map(float, given))

    @property
    def _widths(self) -> tuple[float, ...]:
        """The width of each variable."""
        return self._form.widths_of(self._sigma, len(self._parts))

    @property
    def _groups(self) -> Groups:
        return self._form.groups(len(self._parts))

    def _one_sample(self) -> dict[str, Any]:
        names = self._form.arrays.parameters
        return {name: [[0.0]] * (2 if name == "samples" else 1) for name in names}

    def _checked(self, arrays: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        signature = self._form.arrays
        try:
            given = signature.bind(*arrays, **named).arguments
        except TypeError as error:
            raise TypeError(f"partial_fit for {self.measure} takes {signature}; {error}.") from None
        if self._form.check is not None:
            return self._form.check(**given)
        return dict(zip(given, self.measure.entry.check(*given.values()), strict=True))

    def _between(
        self, group: tuple[int, ...], other: KernelSums | None, theirs: tuple[int, ...] = ()
    ) -> np.ndarray:
        """Sums between a group of variables and one of another object, at the samples of both.

        Without another object: within the group.
        """
        parts, samples = list(self._parts.values()), list((other or self)._parts.values())
        points, columns = [], []
        for mine, place in zip(group, theirs or group, strict=True):
            # What all blocks have in common goes before the division, or digits would go with it.
            here, there = in_widths((parts[mine], samples[place]), self._widths[mine], "double")
            points.append(here)
            columns.append(there)
        engine, precision = ops.of(*points), self._options["precision"]
        if other is None:
            return engine.kernel_row_sums(points, precision=precision)
        return engine.kernel_row_sums(points, columns, precision=precision, mutual=True)

    def _across(self, other: KernelSums, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
        """Sums at one group over another one's samples, and at these over those of the first."""
        group = self._groups[a]
        sums = self._between(group, other, self._groups[b])
        here, there = np.split(sums, [len(list(self._parts.values())[group[0]])], axis=1)
        return here, there

    def _within(self) -> dict[tuple[int, int], np.ndarray]:
        """Sums at each group over each, in one pass for every two."""
        groups = self._groups
        found = {(a, a): self._between(group, None) for a, group in enumerate(groups)}
        for a, b in itertools.combinations(range(len(groups)), 2):
            found[a, b], found[b, a] = self._across(self, a, b)
        return found

    def _met(self, other: KernelSums) -> dict[tuple[int, int], np.ndarray]:
        """Sums at the samples of both, those between the two added."""
        between = {(a, b): self._across(other, a, b) for a, b in self._sums}
        found = {}
        for a, b in self._sums:
            own = self._sums[a, b], other._sums[a, b]
            met = between[a, b][0], between[b, a][1]
            found[a, b] = np.logaddexp(*(np.concatenate(each, axis=1) for each in (own, met)))
        return found


def _on_host(x: Any) -> np.ndarray:
    return np.asarray(x.cpu().numpy() if checks.is_tensor(x) else x, dtype=np.float64)


def _widths_in(options: Mapping[str, Any]) -> list[str]:
    return [name for name in options if name.startswith("width")]
