"""Information of variables that are part real, part discrete, from neighbour counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import digamma

from infotheory import checks, label_checks, ops, truth
from infotheory.digits import lost_digits
from infotheory.estimate import Estimate
from infotheory.estimators.neighbours import (
    against_ceiling,
    check_neighbours,
    is_constant,
    rescaled_by_name,
    tied,
    too_few,
)
from infotheory.registry import estimator

__all__ = ["mixed_conditional_mutual_information", "mixed_mutual_information"]

VARIANTS = ("gao", "ross")

#: What to do about outcomes too rare to be atoms.
_OF_TIES = "choose a smaller k, or method='plugin' where all are whole labels"


@estimator(
    "mutual_information:mixed",
    inputs=("real", "real"),
    source="Gao et al. (2017), arXiv:1709.06212; Ross (2014), doi:10.1371/journal.pone.0087357",
    truth=(truth.correlated_normals(0.6), truth.censored_normals(0.6, 1.0)),
    labels={"y": ("variant", "ross")},
)
def mixed_mutual_information(
    x: Any,
    y: Any,
    *,
    k: int = 3,
    scale: str | None = "standardise",
    variant: str = "gao",
    pointwise: bool = False,
) -> Estimate:
    r"""Mutual information where either variable may be discrete, real, or part of each.

    .. math:: \hat I = \psi(n) + \langle \psi(k_i) - \psi(n_x + 1) - \psi(n_y + 1) \rangle

    where n_x and n_y count the other samples strictly nearer than the k-th neighbour in the joint
    space, and k_i = k. Where that neighbour coincides with the sample, k_i - 1, n_x and n_y count
    the others that coincide with it. In Ross's variant y holds labels, n_y + 1 is the size of the
    class of i, and the k-th neighbour is looked for within that class, in x alone.

    Parameters
    ----------
    x, y : real arrays, shape (n,) or (n, d)
        Paired samples; labels as numbers, or those of y in Ross's variant as strings.
    k : int
        Which neighbour; a larger k has less variance and more bias.
    scale : {"standardise", "rank", None}
        Each column to deviation 1; to ranks; or left alone. The true value does not depend on
        it.
    variant : {"gao", "ross"}
        "gao" finds out by itself where samples coincide. "ross" takes y for labels, whose
        numbers then have no order and no distance; x may be real or discrete.
    pointwise : bool
        Adds the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; negative values near independence are kept. Diagnostics: ``ties`` (the largest
        fraction, over the variables, of samples with an exact duplicate), ``atoms`` (the fraction
        whose k-th neighbour coincides with them), ``path`` (not for "ross"); and without atoms
        ``ceiling`` (psi(n) - psi(k)) and ``saturated``.

    Raises
    ------
    ValueError
        If k >= n, the lengths differ, for an unknown variant or scale, or if y holds fractions
        where it should hold labels, or no label twice.

    Notes
    -----
    Without ties the value is that of :func:`ksg_mutual_information` to the bit. Samples whose
    label nobody shares are left out in Ross's variant (their pointwise value is NaN), where k is
    lowered in classes of no more than k samples. Bias: towards zero, as for KSG; discrete
    outcomes that fewer than k others share are treated as real ones, which is wrong if their
    numbers have no order: choose a smaller k or "plugin". Gao et al. have ln n for psi(n),
    1 / 2n more. Standard error: as for :func:`ksg_mutual_information`, too small, but less so
    for labels. Cost: O(n log n) in few dimensions, O(n^2 d) in many; O(n d) memory.

    References
    ----------
    Gao, Kannan, Oh, Viswanath, NeurIPS (2017), arXiv:1709.06212, algorithm 1;
    Ross, PLoS ONE 9 (2014) e87357, doi:10.1371/journal.pone.0087357, eq. 2.
    """
    n = len(x)
    check_neighbours(n, k, "chebyshev", scale)
    checks.choice(variant, "variant", VARIANTS)
    checks.flag(pointwise, "pointwise")
    if variant == "ross":
        return _of_labels(x, y, k, scale, pointwise)
    ties, lost = max(tied(x), tied(y)), lost_digits({"x": x, "y": y})
    (x, y), swallowed = rescaled_by_name({"x": x, "y": y}, scale)
    lost += swallowed.values()
    if is_constant(x) or is_constant(y):
        return _noting(np.zeros(n), np.ones(n, bool), {"ties": ties}, pointwise)
    local, atoms, path = _gao([x, y], [[x], [y]], digamma(n), k)
    noted = {"ties": ties, "path": path, "warnings": lost + too_few({"x": x, "y": y})}
    return _noting(local, atoms, noted | _bounded(local, atoms, [x, y], k, noted), pointwise)


@estimator(
    "conditional_mutual_information:mixed",
    inputs=("real", "real", "real"),
    source="Mesner & Shalizi (2020), arXiv:1912.03387; Frenzel & Pompe (2007)",
    truth=(truth.chain(0.5), truth.exclusive_or(0.11)),
)
def mixed_conditional_mutual_information(
    x: Any,
    y: Any,
    z: Any,
    *,
    k: int = 3,
    scale: str | None = "standardise",
    pointwise: bool = False,
) -> Estimate:
    r"""Conditional mutual information where any variable may be discrete, real, or part of each.

    .. math:: \hat I = \langle \psi(k_i) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1)
        + \psi(n_z + 1) \rangle

    with counts and k_i as for :func:`mixed_mutual_information`: of the samples strictly nearer
    than the k-th joint neighbour, or of those that coincide where it does.

    Parameters
    ----------
    x, y, z : real arrays, shape (n,) or (n, d)
        Paired samples; labels as numbers. z is the condition.
    k : int
        Which neighbour; a larger k has less variance and more bias.
    scale : {"standardise", "rank", None}
        As for :func:`mixed_mutual_information`.
    pointwise : bool
        Adds the term of each sample as ``diagnostics["pointwise"]``.

    Returns
    -------
    Estimate
        In nats; negative values are kept. Diagnostics: as for :func:`mixed_mutual_information`.

    Raises
    ------
    ValueError
        If k >= n, the lengths differ, or for an unknown scale.

    Notes
    -----
    Without ties the value is that of :func:`ksg_conditional_mutual_information` to the bit.
    Bias: towards zero, and it grows quickly with the dimension of z. The article counts the
    samples at the distance of the neighbour too, and clips at zero; this does neither. Standard
    error: as for :func:`ksg_mutual_information`. Cost: O(n log n) in few dimensions, O(n^2 d) in
    many; O(n d) memory.

    References
    ----------
    Mesner & Shalizi, IEEE Trans. Inf. Theory 67 (2021) 464, arXiv:1912.03387, algorithm 1;
    Frenzel & Pompe, Phys. Rev. Lett. 99 (2007) 204101, doi:10.1103/PhysRevLett.99.204101.
    """
    n = len(x)
    check_neighbours(n, k, "chebyshev", scale)
    checks.flag(pointwise, "pointwise")
    ties = max(tied(x), tied(y), tied(z))
    lost = lost_digits({"x": x, "y": y, "z": z})
    (x, y, z), swallowed = rescaled_by_name({"x": x, "y": y, "z": z}, scale)
    lost += swallowed.values()
    if is_constant(x) or is_constant(y):
        return _noting(np.zeros(n), np.ones(n, bool), {"ties": ties}, pointwise)
    local, atoms, path = _gao([x, y, z], [[x, z], [y, z]], z, k)
    few = too_few({"x": x, "y": y, "z": z})
    noted = {"ties": ties, "path": path, "warnings": lost + few}
    return _noting(local, atoms, noted | _bounded(local, atoms, [x, y, z], k, noted), pointwise)


def _gao(
    whole: Sequence[Any], marginals: Sequence[Sequence[Any]], rest: Any, k: int
) -> tuple[np.ndarray, np.ndarray, str]:
    """psi(k_i) plus the rest less psi over the marginals, by sample; which are atoms; the path.

    The rest is a number, or the samples whose neighbours are counted for it.
    """
    engine = ops.of(*whole)

    def near(parts: Sequence[Any]) -> np.ndarray:
        return engine.nearer(parts, radius, "chebyshev") + 1.0

    found = engine.neighbours(whole, k, "chebyshev", counts=np.isscalar(rest))
    radius, atoms = _beyond_atoms(found.radius)
    neighbours = np.full(len(radius), float(k))
    if atoms.any():
        neighbours[atoms] = near(whole)[atoms]
    elif found.counts is not None:
        local = digamma(neighbours) + rest - digamma(found.counts + 1.0).sum(axis=0)
        return local, atoms, found.path
    rest = rest if np.isscalar(rest) else digamma(near([rest]))
    local = digamma(neighbours) + rest - sum(digamma(near(parts)) for parts in marginals)
    return local, atoms, found.path


def _of_labels(x: Any, y: Any, k: int, scale: str | None, pointwise: bool) -> Estimate:
    """Ross's variant, of the samples whose label another shares."""
    labels = ops.of(y).row_codes(label_checks.codes(y, "y"))
    shared = np.bincount(labels)[labels] > 1
    if not shared.any():
        raise ValueError(
            f"y must hold some label twice for variant='ross'; got {len(labels)} different ones."
        )
    labels = np.unique(labels[shared], return_inverse=True)[1]
    (kept,), swallowed = rescaled_by_name({"x": x[shared]}, scale)
    local, atoms = np.zeros(len(labels)), np.ones(len(labels), bool)
    if not is_constant(kept) and labels.max() > 0:
        local, atoms = _ross(kept, labels, k)
    noted = {
        "ties": max(tied(x), tied(y)),
        "warnings": [*lost_digits({"x": x}), *swallowed.values(), *too_few({"x": kept})],
    }
    found = _noting(local, atoms, noted, pointwise)
    if not pointwise or shared.all():
        return found
    everywhere = np.full(len(shared), np.nan)
    everywhere[shared] = local
    everywhere.flags.writeable = False
    return replace(found, diagnostics={**found.diagnostics, "pointwise": everywhere})


def _ross(x: Any, labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The local information about labels that are all shared, and which samples are atoms."""
    engine = ops.of(x)
    sizes = np.bincount(labels)
    neighbours = np.minimum(k, sizes - 1)[labels].astype(float)
    radius = np.empty(len(labels))
    classes = [labels == label for label in range(len(sizes))]
    for rows, size in zip(classes, sizes, strict=True):
        nearest = min(k, int(size) - 1)
        radius[rows] = engine.neighbours([x[rows]], nearest, "chebyshev", counts=False).radius
    radius, atoms = _beyond_atoms(radius)
    for rows in classes:
        if (coincide := rows & atoms).any():
            within = engine.nearer([x[rows]], radius[rows], "chebyshev") + 1.0
            neighbours[coincide] = within[atoms[rows]]
    near = engine.nearer([x], radius, "chebyshev") + 1.0
    local = digamma(len(labels)) + digamma(neighbours) - digamma(sizes[labels]) - digamma(near)
    return local, atoms


def _beyond_atoms(radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radii below which coincident samples lie too, and where they replace the neighbours."""
    atoms = radius == 0
    return np.where(atoms, np.nextafter(0.0, 1.0), radius), atoms


def _bounded(
    local: np.ndarray, atoms: np.ndarray, parts: Sequence[Any], k: int, noted: Mapping[str, Any]
) -> dict[str, Any]:
    """The value against its ceiling; atoms have none, since any number of samples may coincide."""
    if atoms.any():
        return {}
    ceiling = float(digamma(len(local)) - digamma(k))
    judged = against_ceiling(float(local.mean()), ceiling, 1 / k, parts, _OF_TIES)
    return judged | {"warnings": (*noted["warnings"], *judged.get("warnings", ()))}


def _noting(
    local: np.ndarray, atoms: np.ndarray, noted: Mapping[str, Any], pointwise: bool
) -> Estimate:
    """The mean of the local values, with all that was noticed."""
    diagnostics = {"atoms": float(atoms.mean()), **noted}
    said = tuple(diagnostics.pop("warnings", ()))
    diagnostics |= {"warnings": said} if said else {}
    return Estimate.average(local, pointwise=pointwise, diagnostics=diagnostics)
