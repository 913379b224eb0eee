"""The CPU engine: numba kernels where loops are needed, numpy where it is already fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from scipy.stats import rankdata

from infotheory.ops import MixtureLogSums, Neighbours
from infotheory.ops.kernels import mixture, rows
from infotheory.ops.kernels import neighbours as neighbour_kernels


def row_codes(
    x: Any,
    *,
    edges: np.ndarray | None = None,
    low: float = 0.0,
    step: float | None = None,
    bins: int | None = None,
) -> np.ndarray:
    codes, _ = rows.row_codes(_columns(x), edges=edges, low=low, step=step, bins=bins)
    return codes


def bincount(codes: Any) -> np.ndarray:
    return np.bincount(codes)


def unique_values(x: Any) -> np.ndarray:
    return np.unique(x)


def quantiles(x: Any, levels: np.ndarray) -> np.ndarray:
    return np.quantile(x, levels, method="inverted_cdf")


def value_range(x: Any) -> tuple[float, float]:
    return float(x.min()), float(x.max())


def standardise(x: Any) -> Any:
    x = np.asarray(x, dtype=np.float64)
    x = x / _power_of_two(np.abs(x).max(axis=0))
    varies = np.ptp(x, axis=0) > 0
    centred = x - x.mean(axis=0)
    deviation = np.sqrt((centred * centred).mean(axis=0))
    return np.where(varies, centred, 0.0) / np.where(varies, deviation, 1.0)


def rank(x: Any) -> Any:
    return rankdata(x, axis=0)


def covariance(*parts: Any) -> np.ndarray:
    x = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)
    centred = x - x.mean(axis=0)
    return centred.T @ centred / len(x)


def neighbours(parts: Sequence[Any], k: int, metric: str, *, counts: bool = True) -> Neighbours:
    doubles = [np.require(part, np.float64, ["C", "W"]) for part in parts]
    return Neighbours(*neighbour_kernels.neighbours(doubles, k, metric, counts=counts))


def mixture_log_sums(x: Any, variance: float, classes: Any | None = None) -> MixtureLogSums:
    x = np.require(x, np.float64, ["C", "W"])
    return MixtureLogSums(*mixture.mixture_log_sums(x, variance, classes))


def mixture_log_density(x: Any, points: Any, variance: float) -> np.ndarray:
    x = np.require(x, np.float64, ["C", "W"])
    points = np.require(points, np.float64, ["C", "W"])
    return mixture.mixture_density_log(x, points, variance)


def threads() -> int:
    return numba.get_num_threads()


def set_threads(count: int) -> None:
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]


def _columns(x: Any) -> Any:
    return x[:, None] if x.ndim == 1 else x


def _power_of_two(scale: np.ndarray) -> np.ndarray:
    """The power of two below each scale: dividing by it is exact, and nothing overflows."""
    _, exponent = np.frexp(np.where(scale > 0, scale, 1.0))
    return np.ldexp(1.0, np.clip(exponent, -1021, 1023))
