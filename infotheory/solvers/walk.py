"""The random walk over samples: its spectrum, or sums over its spectrum where n is large."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from infotheory import ops
from infotheory.solvers.lanczos import GROUP, SpectralEstimate, spectral_estimate

__all__ = ["collision_entropy", "walk_entropy", "walk_spectrum"]

#: Relative error of a product in single precision.
_UNIT = 2.0**-23
#: Rows on which the rounding of kernels is measured.
_SAMPLED = 128
#: Probes that are multiplied at once where kernels are made again for them.
_TOGETHER = 32
#: The dense matrix is kept where it takes at most this share of the free memory: making kernels
#: again costs about twice the time, and a network that trains beside it needs its memory more.
_SHARE = 0.1

Product = Callable[[np.ndarray], np.ndarray]


class _Kernels(NamedTuple):
    """Products with the kernel matrix of samples, in double precision, and their path."""

    engine: Any
    x: Any
    matrix: Any
    """The matrix in float32, or None: kernels are then made again in each product."""

    @property
    def path(self) -> str:
        return "matrix-free" if self.matrix is None else "dense"

    def product(self, vectors: np.ndarray) -> np.ndarray:
        if self.matrix is None:
            return self.engine.kernel_product(self.x, vectors)
        return self.engine.matrix_product(self.matrix, vectors)

    def squares(self, vectors: np.ndarray) -> np.ndarray:
        """The squares of all kernels times vectors: kernels again, of rows farther apart."""
        if self.matrix is None:
            return self.engine.kernel_product(self.x * math.sqrt(2.0), vectors)
        return self.engine.matrix_product(self.matrix, vectors, squared=True)

    def fast_product(self, vectors: np.ndarray) -> np.ndarray:
        """In single precision."""
        if self.matrix is None:
            return self.engine.kernel_product(self.x, vectors, precision="single")
        return self.engine.matrix_product(self.matrix, vectors.astype(np.float32))


def walk_spectrum(x: Any, alpha: float, precision: str) -> np.ndarray:
    r"""Eigenvalues of the random walk whose steps are weighted by kernels.

    .. math:: A = D^{-1/2} K D^{-1/2}, \quad K_{ij} = \frac{G_{ij}}{(d_i d_j)^\alpha}, \quad
        d_i = \sum_j G_{ij}, \quad D_{ii} = \sum_j K_{ij}

    Parameters
    ----------
    x : real array, shape (n, d)
        Samples in units of the width, in double precision.
    alpha : float
    precision : {"double", "single"}
        Of the matrix and of its decomposition.

    Returns
    -------
    float64 array, shape (n,)
        Ascending; the largest is 1 up to rounding.

    Raises
    ------
    MemoryError
        If the matrix does not fit into the free memory.
    """
    engine = ops.of(x)
    matrix = engine.gram(x, precision=precision)
    scales, _ = _scales(lambda vectors: engine.matrix_product(matrix, vectors), len(x), alpha)
    return engine.spectrum(engine.scale_matrix(matrix, scales))


def walk_entropy(
    x: Any,
    alpha: float,
    functions: Callable[[np.ndarray], np.ndarray],
    combine: Callable[[np.ndarray], tuple[float, np.ndarray]],
    *,
    tol: float,
    rng: np.random.Generator,
) -> tuple[SpectralEstimate, str]:
    """A function of sums over the spectrum of `walk_spectrum` without the spectrum; and the path.

    `functions`, `combine`, `tol` and `rng` as for `lanczos.spectral_estimate`.
    """
    kernels = _kernels(x)
    scales, leading = _scales(kernels.product, len(x), alpha)
    moments = _moments(kernels, scales)

    def product(block: np.ndarray) -> np.ndarray:
        return scales[:, None] * kernels.fast_product(scales[:, None] * block)

    found = spectral_estimate(
        product,
        leading,
        moments,
        functions,
        combine,
        tol=tol,
        rng=rng,
        group=GROUP if kernels.matrix is not None else _TOGETHER,
        rounding=_rounding(kernels, scales, moments[1]),
        # Kernels near 1 are all rounded alike: a degree is off by as much as each of them.
        unsure=(_UNIT * moments[0], 2 * _UNIT * moments[1]),
    )
    return found, kernels.path


def collision_entropy(x: Any, alpha: float) -> tuple[float, str]:
    """Renyi entropy of order 2 of the spectrum, by sums over pairs; and the path."""
    # In double precision: a matrix in float32 would put its rounding where wide kernels, which
    # are nearly 1, have the whole value.
    kernels = _Kernels(ops.of(x), x, None)
    trace, square = _moments(kernels, _scales(kernels.product, len(x), alpha)[0])
    return 2 * math.log(trace) - math.log(square), kernels.path


def _kernels(x: Any) -> _Kernels:
    engine = ops.of(x)
    dense = 4 * len(x) ** 2 <= _SHARE * engine.free_memory(x)
    return _Kernels(engine, x, engine.gram(x, precision="single") if dense else None)


def _scales(product: Product, n: int, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Scales s with A_ij = s_i G_ij s_j, and the leading eigenvector of A, which is a root of D."""
    degrees = product(np.ones((n, 1)))[:, 0]
    with np.errstate(under="ignore"):
        outer = (degrees / degrees.min()) ** -alpha
        again = outer * product(outer[:, None])[:, 0] if alpha else degrees
    if not (again > 0).all():
        raise ValueError(f"alpha must not be so large that weights underflow; got {alpha:g}.")
    return outer / np.sqrt(again), np.sqrt(again / again.sum())


def _moments(kernels: _Kernels, scales: np.ndarray) -> tuple[float, float]:
    """The traces of A and of A A; the kernel of a sample with itself is 1."""
    weights = scales * scales
    return float(weights.sum()), float(weights @ kernels.squares(weights[:, None])[:, 0])


def _rounding(kernels: _Kernels, scales: np.ndarray, squares: float) -> float:
    """How far single precision moves the eigenvalues of A, as a root mean square."""
    # All the squares of the errors of a symmetric matrix are spread over n eigenvalues. Those of
    # the kernels are measured on some rows, those of the products are a part of each entry.
    n = len(scales)
    rows = np.linspace(0, n - 1, min(n, _SAMPLED)).astype(int)
    some, engine = kernels.x[rows], kernels.engine
    exact, single = (
        np.asarray(engine.matrix_product(engine.gram(some, precision=each), np.diag(scales[rows])))
        for each in ("double", "single")
    )
    errors = np.square(scales[rows, None] * (single - exact)).sum() * (n / len(rows)) ** 2
    return math.sqrt((errors + squares * _UNIT**2) / n)
