"""Directions of a cloud of samples: which there are, and how nearly those of two parts coincide.

All of it is read off a *root* of the correlations: a matrix R of few rows, one column for each of
the samples', with R'R the correlations. Correlations themselves hold only half of the digits of
what a combination of columns varies by: that is the root of an eigenvalue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, ops

__all__ = [
    "Canonical",
    "Standard",
    "Whitening",
    "canonical",
    "shrunk_root",
    "standardised",
    "whitening",
]

SHRINKAGES = (None, "ledoit_wolf", "oas")
#: From this share of variance on, correlations hold all digits that are needed of a direction.
_PLAIN = 1e-3
#: Then the samples' own rounding is far below what matters, and this stands for it.
_NO_MATTER = 1e-8
#: Each look at what rounding has hidden resolves amplitudes a further 1e-7 below the last.
_LOOKS = 3
#: How often its resolution a combination of columns has to vary, to be one that is kept.
_CERTAIN = 8.0
#: Of how many roundings of its largest value the resolution of a column consists.
_ROUNDINGS = 4.0
#: Of a difference of squares, the share that is no more than their rounding.
_ROUNDED = 1e-12


class Standard(NamedTuple):
    """Samples whose columns have mean 0 and deviation 1, or are 0."""

    parts: list[Any]
    """The variables, each (n, d)."""
    log_deviations: list[np.ndarray]
    """Of each the logarithms of the deviations its columns had."""
    root: np.ndarray
    """A root of the correlations of all columns."""
    resolution: list[np.ndarray]
    """Of each for every column the least deviation of a combination that is no rounding."""


class Whitening(NamedTuple):
    """Uncorrelated directions of variance 1, where there is any variance."""

    into: np.ndarray
    """(d, rank) what takes columns to these directions."""
    basis: np.ndarray
    """(rows of the root, rank) the same directions, as combinations of the rows of the root."""
    deviations: np.ndarray
    """(rank,) the deviations along the principal axes of the columns, the largest first."""
    blurred: bool
    """Whether a combination of columns was left out that may be more than rounding."""

    @property
    def rank(self) -> int:
        """The number of directions."""
        return self.into.shape[1]


class Canonical(NamedTuple):
    """Pairs of directions, one of each part, that are correlated with each other alone."""

    correlations: np.ndarray
    """(p,) correlations of the pairs, the largest first."""
    unexplained: np.ndarray
    """(p,) one less their squares, to the digits of the samples."""
    x: np.ndarray
    """(d_x, p) what takes columns of x to their side of the pairs."""
    y: np.ndarray
    """(d_y, p) the same for y."""


def standardised(samples: Sequence[Any]) -> Standard:
    """The samples standardised, and what their directions are read off."""
    engine = ops.of(*samples)
    parts, log_deviations = zip(*map(engine.standardise, samples), strict=True)
    found, plain = _root(parts)
    if plain:
        resolution = [np.full(part.shape[1], _NO_MATTER) for part in parts]
    else:
        resolution = list(map(_resolution, samples, log_deviations))
    return Standard(list(parts), list(log_deviations), found, resolution)


def _root(parts: Sequence[Any]) -> tuple[np.ndarray, bool]:
    """A root of the correlations of all columns, and whether all directions are plain to see.

    A combination of columns that hardly varies is rounding in the matrix of correlations, but
    not in the samples. So where there is one, the samples are turned to their principal axes,
    each is blown up to variance 1, and the correlations are taken again.
    """
    engine = ops.of(*parts)
    back: Any = 1.0
    for look in range(_LOOKS):
        covariance = engine.covariance(*parts)
        deviations = np.sqrt(covariance.diagonal())
        still = deviations == 0
        scale = np.where(still, 0.0, 1 / np.where(still, 1.0, deviations))
        covariance = covariance * (scale[:, None] * scale)
        covariance.flat[:: len(scale) + 1] += still  # a constant is no reason to look closer
        spectrum, axes = np.linalg.eigh(covariance)
        plain = bool(spectrum[0] > _PLAIN)
        if plain or look == _LOOKS - 1:
            break
        parts = [engine.combined(parts, scale[:, None] * axes)]
        back = (axes.T * deviations) @ back if look else axes.T * deviations
    amplitudes = np.sqrt(np.maximum(spectrum, 0.0))
    turned = amplitudes[:, None] * axes.T * deviations
    return (turned @ back if look else turned), plain and look == 0


def _resolution(samples: Any, log_deviations: np.ndarray) -> np.ndarray:
    """For each column the least share of its deviation that is surely more than rounding.

    Values far from 0 are rounded the coarser for it, and float32 is from the start.
    """
    largest = np.maximum(*map(np.abs, ops.of(samples).column_ranges(samples)))
    own = 2.0**-23 if "float32" in str(samples.dtype) else 2.0**-52
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        share = np.exp(np.log(largest) - log_deviations) * own
    limit = _ROUNDINGS * share + 2.0**-52 * len(samples) ** 0.5
    return np.where(np.isfinite(log_deviations), np.minimum(limit, 0.5), 0.5)


def whitening(root: np.ndarray, resolution: np.ndarray) -> Whitening:
    """The directions of the columns of a root that vary by more than their resolution."""
    basis, deviations, axes = np.linalg.svd(root, full_matrices=False)
    limit = np.sqrt(np.square(axes * resolution).sum(axis=1))
    kept = deviations > _CERTAIN * limit
    left_out = deviations[~kept] > limit[~kept]  # which redundant columns alone do not leave
    return Whitening(
        axes[kept].T / deviations[kept], basis[:, kept], deviations[kept], bool(left_out.any())
    )


def canonical(x: Whitening, y: Whitening) -> Canonical:
    """The canonical pairs of two parts of one root.

    The cosine of a small angle says little of it: where a pair is closely correlated, its
    variance left unexplained is that of the residual (Bjorck & Golub 1973).
    """
    x_turn, cosines, y_turn = np.linalg.svd(x.basis.T @ y.basis, full_matrices=False)
    y_turn = y_turn.T
    unexplained = 1 - cosines**2
    close = int((unexplained < 0.5).sum())
    if close:
        turned = y.basis @ y_turn[:, :close]
        along = x.basis.T @ turned
        _, sines, again = np.linalg.svd(turned - x.basis @ along, full_matrices=False)
        order = np.arange(close)[::-1]  # the smallest angle first
        y_turn[:, :close] = y_turn[:, :close] @ again.T[:, order]
        x_turn[:, :close] = along @ again.T[:, order]
        x_turn[:, :close] /= np.sqrt(np.square(x_turn[:, :close]).sum(axis=0))
        unexplained[:close] = sines[order] ** 2
        cosines[:close] = np.sqrt(1 - unexplained[:close])
    return Canonical(cosines, unexplained, x.into @ x_turn, y.into @ y_turn)


def shrunk_root(
    standard: Standard, shrinkage: str | float | None
) -> tuple[np.ndarray, dict[str, float]]:
    """A root of the shrunk correlations, and what to say about it."""
    root, share = standard.root, shrinkage
    if share is None or isinstance(share, str):
        checks.choice(share, "shrinkage", SHRINKAGES)
    elif checks.number(share, "shrinkage", low=0.0) > 1:
        raise ValueError(f"shrinkage must be at most 1; got {share:g}.")
    if share is None:
        return root, {}
    if isinstance(share, str):
        rule = _ledoit_wolf if share == "ledoit_wolf" else _oas
        share = rule(root.T @ root, standard.parts)
    own = np.diag(np.sqrt(np.square(root).sum(axis=0)))
    shrunk = np.vstack([math.sqrt(1 - share) * root, math.sqrt(share) * own])
    return shrunk, {"shrinkage": float(share)}


def _ledoit_wolf(correlation: np.ndarray, parts: Sequence[Any]) -> float:
    """The share at which the expected squared error is least: noise over noise and signal."""
    lengths: Any = sum((part * part).sum(1) for part in parts)
    size = float(np.square(correlation).sum())
    n = len(parts[0])
    noise = (float((lengths * lengths).mean()) - size) / n
    signal = size - _variables(correlation)
    # Where all samples are equally far from their mean there is no noise but that of rounding.
    return min(1.0, noise / signal) if signal > 0 and noise > _ROUNDED * size / n else 0.0


def _oas(correlation: np.ndarray, parts: Sequence[Any]) -> float:
    """The same where samples are normal: the oracle approximating shrinkage."""
    n, d = len(parts[0]), max(1, _variables(correlation))
    mean_square = float(np.square(correlation).sum()) / d**2
    signal = (n + 1) * (mean_square - 1 / d)
    return min(1.0, (mean_square + 1) / signal) if signal > 0 else 1.0


def _variables(correlation: np.ndarray) -> int:
    """How many columns are not constant: each of the others has variance 1."""
    return int((np.diag(correlation) > 0.5).sum())
