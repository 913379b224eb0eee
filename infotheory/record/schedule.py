"""When to measure: schedules of steps that compose, and a budget of wall time."""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from infotheory import checks

__all__ = ["Budget", "Schedule", "at", "every", "log_spaced"]

#: Probes that a budget lets pass at first: a log-spaced schedule has its points early, when
#: little time has gone by yet.
_CREDIT = 20
#: Weight of the past in the running mean of what a probe costs.
_INERTIA = 0.7


class _Rule(Protocol):
    def next(self, step: int) -> int | None:
        """The first due step after `step`."""


@dataclass(frozen=True)
class Schedule:
    """Due steps; ``a | b`` is due whenever either is.

    Attributes
    ----------
    rules : tuple
        What is due is what any of them says.
    """

    rules: tuple[_Rule, ...]

    def next(self, step: int) -> int | None:
        """The first due step strictly after `step`, or None if nothing is due any more."""
        due = [found for rule in self.rules if (found := rule.next(step)) is not None]
        return min(due, default=None)

    def __or__(self, other: Schedule) -> Schedule:
        if not isinstance(other, Schedule):
            return NotImplemented
        return Schedule(self.rules + other.rules)


@dataclass(frozen=True)
class _LogSpaced:
    per_decade: int

    def next(self, step: int) -> int | None:
        if step < 1:
            return 0 if step < 0 else 1
        # The first power that may round to more than `step`; one less, lest the logarithm's own
        # rounding jump over it.
        exponent = max(math.ceil(self.per_decade * math.log10(step + 0.5)) - 1, 0)
        while (due := round(10 ** (exponent / self.per_decade))) <= step:
            exponent += 1
        return due


@dataclass(frozen=True)
class _Every:
    steps: int

    def next(self, step: int) -> int | None:
        return max((step // self.steps + 1) * self.steps, 0)


@dataclass(frozen=True)
class _At:
    steps: tuple[int, ...]

    def next(self, step: int) -> int | None:
        place = bisect_right(self.steps, step)
        return self.steps[place] if place < len(self.steps) else None


def log_spaced(per_decade: int = 12) -> Schedule:
    """Steps 0, 1 and then evenly on a logarithmic scale.

    Parameters
    ----------
    per_decade : int
        Steps between one power of ten and the next, where whole numbers are that dense.

    Returns
    -------
    Schedule
        Composes with others by ``|``.

    Raises
    ------
    ValueError, TypeError
        If per_decade is not a whole number of at least 1.
    """
    return Schedule((_LogSpaced(checks.integer(per_decade, "per_decade", low=1)),))


def every(steps: int) -> Schedule:
    """Step 0 and every multiple of `steps`.

    Parameters
    ----------
    steps : int
        The distance, at least 1.

    Returns
    -------
    Schedule
        Composes with others by ``|``.

    Raises
    ------
    ValueError, TypeError
        If steps is not a whole number of at least 1.
    """
    return Schedule((_Every(checks.integer(steps, "steps", low=1)),))


def at(steps: Iterable[int]) -> Schedule:
    """The given steps.

    Parameters
    ----------
    steps : iterable of int
        In any order, each at least 0; a repeated one counts once.

    Returns
    -------
    Schedule
        Composes with others by ``|``.

    Raises
    ------
    ValueError, TypeError
        If one is not a whole number of at least 0.
    """
    chosen = {checks.integer(step, "each of the steps", low=0) for step in steps}
    return Schedule((_At(tuple(sorted(chosen))),))


class Budget:
    """A share of wall time that probes may take; what is due too soon has to wait.

    The first probes pass on credit, and later ones pay the debt back. A probe that has to wait
    takes place at the first step that can pay for it.

    Parameters
    ----------
    share : float
        Seconds of probing per second of wall time, between 0 and 1.
    clock : callable
        Seconds since whenever; tests bring their own.
    """

    def __init__(self, share: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = checks.number(share, "budget", above=0.0)
        if share > 1:
            raise ValueError(f"budget is a share of wall time, at most 1; got {share:g}.")
        self._clock = clock
        self._began = clock()
        self._probes = 0
        self._spent = 0.0
        self._last = 0.0
        self._usual = 0.0

    def start(self) -> None:
        """Count wall time from now on."""
        self._began = self._clock()

    def allows(self) -> bool:
        """Whether one more probe fits into the share of the time that has gone by."""
        if self._probes < _CREDIT:
            return True
        expected = max(self._usual, self._last)
        return self._spent + expected <= self._share * (self._clock() - self._began)

    def spend(self, seconds: float) -> None:
        """Note what a probe has cost."""
        self._usual = _INERTIA * self._usual + (1 - _INERTIA) * seconds if self._probes else seconds
        self._last = seconds
        self._spent += seconds
        self._probes += 1
