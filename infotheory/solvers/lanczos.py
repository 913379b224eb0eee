"""Sums over the spectrum of a large symmetric matrix that is known by its products alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from infotheory.solvers.recurrence import Measures, Product, Recurrence, measured

__all__ = ["SpectralEstimate", "spectral_estimate"]

#: Probes that are multiplied together at first, and at most.
GROUP, LARGEST_GROUP = 8, 32
#: Fewer probes than this may see few large eigenvalues too badly to be enough by their word alone.
_SURE = 16
#: Probes at most, and steps of each at most.
PROBES = 256
STEPS = 80
#: The first number of steps that may be enough, and how many steps lie between two compared.
_FIRST, _APART = 6, 2
#: Up to so many steps each is looked at, later one of so many.
_OFTEN, _SELDOM = 16, 4
#: Two rules agree where half their difference is below this share of the tolerance.
_AGREED = 0.1
#: Eigenvectors taken out of the probes at most; they are looked for where so many more probes would
#: be needed else, after steps in which those that matter have converged as a rule.
DIRECTIONS = 48
_MANY = 16
_CONVERGED = 16
#: Deviations below this share of the mean are not measured in units of their own.
_NARROW = 1e-6
#: Vectors that are shorter than this, less what lies along others, may be rounding.
_DEPENDENT = 1e-3

Functions = Callable[[np.ndarray], np.ndarray]
Combine = Callable[[np.ndarray], tuple[float, np.ndarray]]


class SpectralEstimate(NamedTuple):
    """A function of spectral sums, and how well it is known."""

    value: float
    error: float
    """A bound of the standard error over probes and, added in squares, what the quadrature leaves
    open after its steps, what residuals of the directions do, and what rounding of the products
    can do."""
    probes: int
    steps: int
    directions: int
    """How many directions were taken out of the probes, the leading one not counted."""
    converged: bool
    """Whether the error is within the tolerance."""


def spectral_estimate(
    product: Product,
    leading: np.ndarray,
    moments: tuple[float, float],
    functions: Functions,
    combine: Combine,
    *,
    tol: float,
    rng: np.random.Generator,
    group: int = GROUP,
    most: int = PROBES,
    rounding: float = 0.0,
    unsure: tuple[float, float] = (0.0, 0.0),
) -> SpectralEstimate:
    r"""A function of sums over the spectrum, by stochastic Lanczos quadrature.

    .. math:: \operatorname{tr} f(A) = f(1) + \sum_q f(\theta_q)
        + \operatorname{E} \, (Pz)^\top f(A) \, Pz

    with random signs z and P the projection away from the leading eigenvector and from further
    eigenvectors q. Each quadratic form is a quadrature by the Lanczos recurrence, the mean of
    Gauss' rule and of Radau's with a node at 0: of powers, and of x ln x, one is above and one
    below, so half their difference is no less than what steps are missing. Of f the closest
    combination of 1, x and x^2 is summed exactly, from n, the trace and the sum of squares of all
    entries; probes see the rest alone.

    Parameters
    ----------
    product : callable
        The symmetric matrix A times a float64 array of shape (n, b); its eigenvalues are in [0, 1]
        up to rounding.
    leading : float64 array, shape (n,)
        The eigenvector of eigenvalue 1, of length 1.
    moments : tuple of float
        Trace of A, and of A A.
    functions : callable
        Eigenvalues of any shape to an array with one more leading axis: the functions f. What
        rounding puts below 0 it must take as 0.
    combine : callable
        The sums of all functions to the value wanted, and its derivatives by the sums; not a
        number where the sums are impossible, as few probes can make them.
    tol : float
        Probes are added until the error of the value is at most this.
    rng : numpy.random.Generator
    group : int
        The first probes, at least 8: as many as make reading the matrix, or making it, worth while.
    most : int
        Probes at most.
    rounding : float
        How far rounding of the products moves eigenvalues, as a root mean square.
    unsure : tuple of float
        How far rounding may have moved each of the moments.

    Returns
    -------
    SpectralEstimate

    Notes
    -----
    Where few large eigenvalues make most of the variance, their eigenvectors q are looked for in
    what the first probes have spanned. Those whose residual is too small to bias the value are
    taken out; the first probes are then given up, since later ones are independent of q.
    Directions that have not converged stay with the probes. Cost: a product with 8 to 32 vectors
    for each of 6 to about 20 steps, and for each of some groups of probes; n * 32 * steps numbers
    of memory.

    References
    ----------
    Ubaru, Chen, Saad, SIAM J. Matrix Anal. Appl. 38 (2017) 1075, doi:10.1137/16M1104974;
    Golub, Meurant (2010), ISBN 978-0-691-14341-5, chapter 6 (the two rules);
    Meyer, Musco, Musco, Woodruff, SOSA (2021), arXiv:2010.09649 (the projection).
    """
    n = len(leading)
    exact = np.array([n, *moments], dtype=float) - 1.0
    known = _Known(functions, combine, exact, functions(np.ones(1))[:, 0])
    pilot = Recurrence(product, _signs(group, leading[None], rng), leading)
    _until_steady(pilot, known, tol)
    steps, measures, outside, bias = pilot.steps, pilot.measures(), leading[None], 0.0
    sought = n <= 4 * DIRECTIONS
    while True:
        probes = len(measures.nodes)
        seen = known.estimate(measures)
        moved = known.moved(measures, seen.slope, rounding), seen.doubt(unsure)
        rest = math.hypot(known.apart(measures, seen.slope), bias, *moved)
        error = math.hypot(seen.error, rest)
        enough = error <= tol and (probes >= _SURE or seen.error <= tol / 4)
        # What is left to the rest no more probes can mend.
        if enough or seen.error <= rest / 4 or probes >= most:
            break
        count = min(_wanted(probes, seen.error / tol), most - probes)
        if count >= _MANY and not sought:
            sought = True
            pairs, doubts = known.converged(seen.slope, _pairs(product, pilot), tol)
            if doubts.size:
                known, bias = known.without(pairs), float(doubts.sum())
                outside = np.concatenate([outside, pairs.vectors])
                first = _signs(max(group, _SURE), outside, rng)
                measures = measured(product, first, leading, steps)
                continue
        more = measured(product, _signs(count, outside, rng), leading, steps)
        measures = Measures(*map(np.concatenate, zip(measures, more, strict=True)))
    return SpectralEstimate(seen.value, error, probes, steps, len(outside) - 1, error <= tol)


def _wanted(probes: int, ratio: float) -> int:
    """How many more probes a ratio of the error to the tolerance asks for, in eights."""
    missing = probes * (ratio**2 - 1) if ratio < 10 else math.inf
    return 8 * math.ceil(max(missing, 1) / 8) if missing < LARGEST_GROUP else LARGEST_GROUP


class _Pairs(NamedTuple):
    """Directions near eigenvectors."""

    values: np.ndarray
    """(k,) of the quadratic form."""
    residuals: np.ndarray
    """(k,) lengths of what is no multiple of a direction in its product."""
    vectors: np.ndarray
    """(k, n) orthonormal"""


class _Parabolas(NamedTuple):
    """Of each function its closest a + b u + c u^2, where u = (x - middle) / spread."""

    middle: float
    spread: float
    fit: np.ndarray
    """(3, functions)"""

    def sums(self, moments: np.ndarray) -> np.ndarray:
        """(functions,) over the eigenvalues x of which these are the sums of 1, x and x^2."""
        ones, firsts, squares = moments
        middle, spread = self.middle, self.spread
        about = [
            ones,
            (firsts - middle * ones) / spread,
            (squares - 2 * middle * firsts + middle**2 * ones) / spread**2,
        ]
        return (self.fit.T * about).sum(axis=1)


class _Seen(NamedTuple):
    """What the probes say."""

    value: float
    error: float
    """A bound of the standard error over the probes."""
    slope: np.ndarray
    """(functions,) derivatives of the value by the sums of the functions."""
    parabolas: _Parabolas

    def doubt(self, unsure: tuple[float, float]) -> float:
        """How far the value may be off if the moments are, by so much each."""
        # Where all eigenvalues but the first nearly vanish, they leave rounding of the moments.
        first, second = np.diag([0.0, *unsure])[1:]
        return math.hypot(*(self.slope @ self.parabolas.sums(each) for each in (first, second)))


class _Known(NamedTuple):
    """What is summed exactly, and how a value is made of it and of what the probes have seen."""

    functions: Functions
    combine: Combine
    moments: np.ndarray
    """(3,) sums of 1, x and x^2 over the part of the spectrum that is left to the probes."""
    fixed: np.ndarray
    """(functions,) sums of the functions over the rest."""

    def without(self, pairs: _Pairs) -> _Known:
        """The same with more eigenvectors taken out of the probes."""
        squares = np.square(pairs.values) + np.square(pairs.residuals)
        sums = [len(pairs.values), pairs.values.sum(), squares.sum()]
        fixed = self.fixed + self.functions(pairs.values).sum(axis=1)
        return self._replace(moments=self.moments - sums, fixed=fixed)

    def estimate(self, probes: Measures) -> _Seen:
        """The value, and a bound of its standard error over the probes."""
        parabolas, rest = self._closest(probes)
        sums = self.fixed + parabolas.sums(self.moments) + probes.sums(rest).mean(axis=0)
        value, slope = self.combine(sums)
        if not math.isfinite(value):
            return _Seen(math.nan, math.inf, slope, parabolas)
        # Signs z give z' B z a variance of twice the squares of B off its diagonal: at most twice
        # the sum of g^2 over the spectrum, which all probes together know well. How few of them
        # differ they know badly, and to stop when they happen to differ little is to stop early.
        g = (slope[:, None, None] * rest).sum(axis=0)
        variance = 2 * float((np.square(g) * probes.weights).sum()) / len(g)
        return _Seen(float(value), math.sqrt(variance / len(g)), slope, parabolas)

    def _closest(self, probes: Measures) -> tuple[_Parabolas, np.ndarray]:
        """Of each function its closest parabola, and at the nodes what is left of it."""
        # What is left over is the error (see `estimate`): least squares in the measure of all
        # probes, not between their few sums.
        nodes, weights, _ = probes
        values = self.functions(nodes)
        total = weights.sum()
        if not total > 0:
            return _Parabolas(0.0, 1.0, np.zeros((3, len(values)))), values
        middle = (nodes * weights).sum() / total
        spread = math.sqrt((np.square(nodes - middle) * weights).sum() / total)
        spread = max(spread, _NARROW * abs(middle)) or 1.0
        powers = _powers((nodes - middle) / spread)
        products = (powers[:, None] * powers * weights).sum(axis=(2, 3))
        sides = (powers[:, None] * values * weights).sum(axis=(2, 3))
        fit = np.linalg.lstsq(products, sides, rcond=1e-13)[0]
        rest = values - (powers[:, None] * fit[:, :, None, None]).sum(axis=0)
        return _Parabolas(middle, spread, fit), rest

    def converged(self, slope: np.ndarray, pairs: _Pairs, tol: float) -> tuple[_Pairs, np.ndarray]:
        """The pairs that may be taken for eigenpairs, and how far each may then bias the value."""
        # The measure that a direction sees has this mean and this deviation.
        curves = np.abs(self._curves(pairs.values, pairs.residuals))
        doubts = (np.abs(slope)[:, None] * curves).sum(axis=0)
        kept = (2 * pairs.residuals < pairs.values) & (doubts <= 0.1 * tol / DIRECTIONS)
        return _Pairs(*(part[kept] for part in pairs)), doubts[kept]

    def apart(self, probes: Measures, slope: np.ndarray) -> float:
        """Half of how far the value by Gauss' rule and that by Radau's are apart."""
        values = self.functions(probes.nodes) * probes.signs
        return float(abs((slope * probes.sums(values).mean(axis=0)).sum()))

    def moved(self, probes: Measures, slope: np.ndarray, distance: float) -> float:
        """How far the value may be off if eigenvalues are moved by so much, up or down."""
        if distance == 0:
            return 0.0
        # Node by node: those that rounding has moved already bend the other way.
        curves = self._curves(probes.nodes, distance)
        moves = np.abs((slope[:, None, None] * curves).sum(axis=0))
        return float((moves * probes.weights).sum(axis=1).mean())

    def _curves(self, values: np.ndarray, distance: np.ndarray | float) -> np.ndarray:
        f = self.functions
        return f(values + distance) + f(values - distance) - 2 * f(values)


def _until_steady(recurrence: Recurrence, known: _Known, tol: float) -> None:
    """Steps until the last two have changed little, and until two rules agree."""
    most = recurrence.vectors[0].shape[1]
    values: dict[int, float] = {}
    while recurrence.steps < min(STEPS, most):
        recurrence.step()
        steps = recurrence.steps
        # To look costs the cube of the steps: more seldom where one step more is a small part.
        if steps < _FIRST - _APART or (steps > _OFTEN and steps % _SELDOM):
            continue
        seen = known.estimate(recurrence.gauss())
        values[steps] = seen.value
        before = [value for step, value in values.items() if step <= steps - _APART]
        # Steps may change little one by one, and much together.
        steady = bool(before) and abs(values[steps] - before[-1]) < tol / 10
        if steady and known.apart(recurrence.measures(), seen.slope) < _AGREED * tol:
            break


def _pairs(product: Product, pilot: Recurrence) -> _Pairs:
    """The largest eigenpairs in what the first probes have spanned, converged or not."""
    while pilot.steps < _CONVERGED:
        pilot.step()
    rows = _spanned(pilot)
    products = np.ascontiguousarray(product(rows.T).T)
    form = _inner(rows, products)
    values, turn = np.linalg.eigh((form + form.T) / 2)
    vectors, products = (np.einsum("jk,jn->kn", turn, part) for part in (rows, products))
    left = products - values[:, None] * vectors
    return _Pairs(values, np.sqrt(np.einsum("kn,kn->k", left, left)), vectors)


def _spanned(pilot: Recurrence) -> np.ndarray:
    """Orthonormal rows that span what each probe sees as the largest eigenvectors."""
    _, combinations = pilot.decomposed()
    basis = np.stack([vector[:GROUP] for vector in pilot.vectors[1 : pilot.steps + 1]])
    rows, count = np.empty((DIRECTIONS, basis.shape[2])), 0
    # The largest of all probes first: most of theirs are the same, and others have their turn.
    for place in range(1, pilot.steps + 1):
        for vector in np.einsum("bm,mbn->bn", combinations[:GROUP, :, -place], basis):
            for _ in range(2):  # again, for what rounding left
                seen = np.einsum("kn,n->k", rows[:count], vector)
                vector -= np.einsum("k,kn->n", seen, rows[:count])
            length = math.sqrt(np.einsum("n,n->", vector, vector))
            if length > _DEPENDENT and count < DIRECTIONS:
                rows[count], count = vector / length, count + 1
    return rows[:count]


def _inner(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Inner products of all rows, by einsum: the library's product depends on its threads."""
    return np.einsum("in,jn->ij", first, second)


def _signs(count: int, outside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random signs, (count, n), less their parts along orthonormal rows."""
    signs = 2.0 * rng.integers(0, 2, size=(count, outside.shape[1])) - 1.0
    for _ in range(2):  # again, for what rounding left
        for row in outside:
            signs -= np.einsum("bn,n->b", signs, row)[:, None] * row
    return signs


def _powers(nodes: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(nodes), nodes, np.square(nodes)])
