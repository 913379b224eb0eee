"""Primitives: whole statistics of samples, on numba (CPU) and on torch (CUDA, or any tensor).

An estimator asks `of(x, y)` for the engine of its arrays and writes its formula on top. The
primitives trust their input: `infotheory.checks` has seen it before. Whatever the engine, the
answers are floats and numpy arrays, at most a few numbers per sample.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from infotheory import checks
from infotheory.ops.memory import remember, remembering

__all__ = [
    "Engine",
    "MixtureLogSums",
    "Neighbours",
    "of",
    "one_thread_each",
    "remember",
    "set_threads",
    "threads",
    "use",
]

_ENGINES = {"cpu": "infotheory.ops.cpu", "torch": "infotheory.ops.tensor"}
_forced: ContextVar[str | None] = ContextVar("infotheory_engine", default=None)


class Neighbours(NamedTuple):
    """Distances to the k-th neighbour in the joint space, and who is nearer in each part."""

    radius: np.ndarray
    """(n,) distance to the k-th nearest other sample, or (n, k) to each rank up to it; across
    parts the maximum counts."""
    counts: np.ndarray | None
    """(parts, n) other samples strictly nearer than `radius` within the part."""
    path: str
    """The algorithm taken."""


class MixtureLogSums(NamedTuple):
    """Logarithms of sums over all samples j, the sample itself included; each (n,)."""

    upper: np.ndarray
    """ln sum_j exp(-|x_i - x_j|^2 / (2 variance)), which leads to the upper bound."""
    lower: np.ndarray
    """ln sum_j exp(-|x_i - x_j|^2 / (8 variance)), which leads to the lower bound."""
    class_upper: np.ndarray | None
    """The same over the samples j of i's own class."""
    class_lower: np.ndarray | None


class Engine(Protocol):
    """What each engine offers; `infotheory.ops.cpu` and `infotheory.ops.tensor` satisfy it."""

    def row_codes(
        self,
        x: Any,
        *,
        edges: np.ndarray | None = None,
        low: float = 0.0,
        step: float | None = None,
        bins: int | None = None,
    ) -> np.ndarray:
        """(n,) codes 0..m-1 of the rows of x, in order of first appearance.

        Entries are compared by value, or first binned: by sorted `edges` (a value at an edge
        belongs to the bin above), or into floor((x - low) / step), at most bins - 1.
        """

    def bincount(self, codes: Any) -> np.ndarray:
        """(m,) how often each of the codes 0..m-1 occurs."""

    def unique_values(self, x: Any) -> np.ndarray:
        """The sorted distinct values of all entries."""

    def quantiles(self, x: Any, parts: int) -> np.ndarray:
        """(parts - 1,) entries with 1/parts, 2/parts, ... of all entries before them in order."""

    def value_range(self, x: Any) -> tuple[float, float]:
        """Smallest and largest of all entries."""

    def column_ranges(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """(d,) the smallest and the largest value of each column, as float64."""

    def standardise(self, x: Any) -> tuple[Any, np.ndarray]:
        """(x - mean) / deviation of each column, and (d,) ln of the deviations.

        Safe at any scale of any column. A constant column becomes 0 exactly, with ln 0.
        """

    def rank(self, x: Any) -> Any:
        """Ranks within each column, the average one for ties."""

    def covariance(self, *parts: Any) -> np.ndarray:
        """The covariance matrix of all columns of all parts, 1/n form."""

    def combined(self, parts: Sequence[Any], matrix: np.ndarray) -> Any:
        """(n, m) combinations of the columns of all parts, one for each column of a matrix."""

    def neighbours(
        self,
        parts: Sequence[Any],
        k: int,
        metric: str,
        *,
        counts: bool = True,
        every: bool = False,
    ) -> Neighbours:
        """Joint k-th neighbour distances and, if asked, the counts within each part.

        With `every` the radius is (n, k): the distances to the first, the second, ... neighbour.
        """

    def cross_neighbours(
        self, points: Any, samples: Any, k: int, metric: str, *, every: bool = False
    ) -> np.ndarray:
        """(n,) distance from each point to its k-th nearest of the samples of another set.

        With `every` it is (n, k): the distances to the first, the second, ... of them.
        """

    def nearer(self, parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
        """(n,) how many other samples are nearer, in all parts, than a radius for each."""

    def extents(self, parts: Sequence[Any], radius: np.ndarray, metric: str) -> np.ndarray:
        """(parts, n) the largest distance in each part of the others within a radius for each."""

    def permuted_counts(
        self, parts: Sequence[Any], k: int, metric: str, orders: np.ndarray
    ) -> np.ndarray:
        """(2, b, n) the counts of `neighbours` with the second part's rows in each of b orders."""

    def mixture_log_sums(
        self, x: Any, variance: float, classes: Any | None = None
    ) -> MixtureLogSums:
        """Log sums of a Gaussian mixture around the samples, all and by class, in one pass."""

    def mixture_log_density(self, x: Any, points: Any, variance: float) -> np.ndarray:
        """(m,) ln of (1/n) sum_j exp(-|point - x_j|^2 / (2 variance)), not normalised."""

    def kernel_log_sums(self, parts: Sequence[Any], variance: float) -> np.ndarray:
        """(n,) ln of the sum over the others j of exp(-|x_i - x_j|^2 / (2 variance)).

        x has the columns of all parts. An isolated sample has its true value: nothing cancels.
        """

    def kernel_row_sums(
        self,
        points: Sequence[Any],
        samples: Sequence[Any] | None = None,
        *,
        precision: str = "double",
        mutual: bool = False,
    ) -> np.ndarray:
        """(kinds, m) ln sum_j exp(-|p_i - s_j|^2 / 2) in each part, and of several in all together.

        Coordinates are in units of the widths. Without samples the points are summed over, the
        own term of 1 included. If mutual, (kinds, m + n): the sums at the samples follow.
        """

    def distance_quantile(self, x: Any, quantile: float) -> float:
        """The distance that a share of all distances between rows, but zeros, do not exceed.

        The square of it is rounded to 24 bits; NaN where all rows coincide.
        """

    def gram(self, x: Any, *, precision: str = "double") -> Any:
        """(n, n) array or tensor of exp(-|x_i - x_j|^2 / 2); x is in units of the width.

        Exactly symmetric, with ones on the diagonal; in float32 for "single".
        """

    def spectrum(self, matrix: Any) -> np.ndarray:
        """(n,) all eigenvalues of a symmetric matrix, ascending; its memory is overwritten."""

    def scale_matrix(self, matrix: Any, scales: np.ndarray) -> Any:
        """The matrix with entry (i, j) times scales_i scales_j, in the same memory."""

    def matrix_product(
        self, matrix: Any, vectors: np.ndarray, *, squared: bool = False
    ) -> np.ndarray:
        """(n, b) the matrix, or its entries squared, times vectors, in the vectors' precision."""

    def kernel_product(
        self, x: Any, vectors: np.ndarray, *, precision: str = "double"
    ) -> np.ndarray:
        """(n, b) the matrix of `gram` times vectors, without a matrix in memory."""

    def sliced_costs(self, x: Any, y: Any, directions: np.ndarray, order: float) -> np.ndarray:
        """(L,) the transport cost |u|^order of the samples projected on each of L directions.

        Each set of samples has mass 1, however many they are.
        """

    def slice_slope(
        self, x: Any, y: Any, direction: np.ndarray, order: float
    ) -> tuple[float, np.ndarray]:
        """That cost along one direction, and its gradient (d,) with respect to the direction."""

    def free_memory(self, x: Any) -> int:
        """Bytes that can still be taken where the answer for x is computed."""

    def squared_distances(self, x: Any, y: Any) -> Any:
        """(n, m) matrix of squared distances between rows, from differences."""

    def matrix_room(self, source: Any) -> Any:
        """A matrix like this one, whose entries are not set yet."""

    def soft_minimum(
        self,
        source: Any,
        potential: np.ndarray,
        reg: float,
        weights: np.ndarray | None = None,
        plan: Any | None = None,
        *,
        precision: str = "double",
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n,) f_i = -reg ln sum_j exp((potential_j - C_ij) / reg), infinite where all C_ij are.

        C is a matrix, or a pair (x, y) of points whose squared distances are made on the way. With
        weights also (m,) the column sums of weights_i exp((f_i + potential_j - C_ij) / reg), terms
        which go into the plan if there is one; the second answer is empty else. "single" takes
        what is between potentials and sums in float32, for points without a plan.
        """

    def plan_sums(
        self, source: Any, rows: np.ndarray, columns: np.ndarray, reg: float
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Sums of rows and columns of P = exp((rows_i + columns_j - C_ij) / reg), and of C P."""

    def rounded_value(
        self,
        source: Any,
        rows: np.ndarray,
        columns: np.ndarray,
        reg: float,
        excess: tuple[np.ndarray, np.ndarray],
        weights: tuple[np.ndarray, np.ndarray],
    ) -> float:
        """Sum C Q + reg sum Q ln(Q / (a b)) of Q = P + (the product of the two excesses)."""

    def scaling_step(
        self, kernel: Any, v: np.ndarray, u: np.ndarray, weights: np.ndarray, relaxation: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """S = K v, then w = u (weights / (s u))^relaxation, and K' w."""

    def plan_product(self, plan: Any, vector: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(m,) P' diag(weights) P vector, of a matrix or of what `sparse_plan` gave."""

    def plan_squares(self, plan: Any, weights: np.ndarray) -> np.ndarray:
        """(m,) sum_i weights_i P_ij^2."""

    def plan_gram(self, plan: Any, weights: np.ndarray) -> np.ndarray:
        """(m, m) P' diag(weights) P."""

    def plan_quantile(self, plan: Any, quantile: float) -> float:
        """The entry that a share of all entries do not exceed."""

    def sparse_plan(
        self, plan: Any, rows: np.ndarray, columns: np.ndarray, share: float
    ) -> Any | None:
        """The entries at least the limit of their row or of their column, row by row.

        None where they are more than a share of all, or where a matrix is faster anyway.
        """

    def transport_batch(
        self,
        costs: Any,
        a: np.ndarray,
        b: np.ndarray,
        reg: np.ndarray,
        tol: float,
        most: int,
        start: np.ndarray | None = None,
    ) -> tuple[np.ndarray, ...]:
        """Of B small problems f and g / reg, sums of rows and columns, costs, iterations.

        Costs have shape (B, n, m), weights (B, n) and (B, m), regularisations (B,), and g / reg
        to start from, if any, (B, m).
        """


@cache
def _engine(name: str) -> Any:
    return importlib.import_module(_ENGINES[name])


def of(*arrays: Any) -> Engine:
    """The engine for these arrays: torch for tensors on CUDA or inside `use("torch")`."""
    name = _forced.get() or ("torch" if any(map(checks.is_tensor, arrays)) else "cpu")
    return cast(Engine, remembering(_engine(name)))


@contextmanager
def use(name: str) -> Iterator[None]:
    """Force an engine, "cpu" or "torch", inside a `with` block of this thread or task."""
    token = _forced.set(checks.choice(name, "name", tuple(_ENGINES)))
    try:
        yield
    finally:
        _forced.reset(token)


def threads() -> dict[str, int]:
    """How many threads each engine computes with."""
    return {name: _engine(name).threads() for name in _ENGINES}


def one_thread_each() -> AbstractContextManager[None]:
    """Inside this block products of matrices, and equations, of numpy take one thread each.

    So they have the same bits whatever threads there are elsewhere, and small ones are faster. No
    primitive may be asked inside: some wait for their turn to set the threads of that library.
    """
    return cast(AbstractContextManager[None], _engine("cpu").one_thread_each())


def set_threads(count: int) -> None:
    """Let each engine compute with at most this many threads; no result depends on it."""
    for name in _ENGINES:
        _engine(name).set_threads(count)
