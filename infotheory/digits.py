"""Whether samples still have the digits that a method looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from infotheory import ops
from infotheory.estimate import Estimate

__all__ = ["lost_digits", "noting_lost_digits"]

#: With fewer floats than so many between the smallest and the largest value, rounding is seen.
_FEWEST_STEPS = 4000.0
#: Half of that spread is at most this share of the largest value, or this far from zero: the floats
#: at a value are apart by at most the last place of 1 times it, but for the smallest of all.
_SHARES = {kind: 1.01 * _FEWEST_STEPS / 2 * np.finfo(kind).eps for kind in (np.float32, np.float64)}
_SMALL = 1e-300


def lost_digits(parts: Mapping[str, Any]) -> list[str]:
    """A warning for each variable whose floats are too far apart for its spread.

    Parameters
    ----------
    parts : mapping of real arrays, each of shape (n, d)
        The variables by name, as they came.

    Returns
    -------
    list of str
        Of the first column of each variable with an offset that has eaten its digits. Values on
        a grid that floats hold, whole numbers for example, have lost none.
    """
    said = []
    for name, x in parts.items():
        kind = np.float32 if x.dtype.itemsize == 4 else np.float64
        lows, highs = ops.of(x).column_ranges(x)
        largest, half = np.maximum(-lows, highs), highs / 2 - lows / 2
        if (half >= largest * _SHARES[kind] + _SMALL).all():
            continue
        apart = np.spacing(largest.astype(kind)).astype(np.float64)
        for place in np.flatnonzero((half > 0) & (half < apart * _FEWEST_STEPS / 2)):
            # Values on a grid of twice the step or more are what they are: rounding would have
            # put half of them between.
            steps = x[:, place] / (2 * float(apart[place]))
            if bool((steps == steps.round()).all()):
                continue
            low, high = float(lows[place]), float(highs[place])
            said.append(
                f"{name} has lost digits: floats near {max(low, high, key=abs):.3g} are "
                f"{apart[place]:.3g} apart, and its values spread over {high - low:.3g} only; "
                f"subtract an offset while they are exact."
            )
            break
    return said


def noting_lost_digits(found: Estimate, parts: Mapping[str, Any]) -> Estimate:
    """The estimate with the warnings of `lost_digits`."""
    for warning in lost_digits(parts):
        found = found.noting(warning)
    return found
