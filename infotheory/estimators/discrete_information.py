"""Information between discrete variables: sums of entropies of one and the same correction.

What the methods differ in is the formula of the entropy alone, so each quantity is written once,
and its functions are made by a factory that fills in one documentation.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from infotheory import checks, truth
from infotheory.estimate import Estimate
from infotheory.estimators.discrete import (
    Formula,
    Table,
    at_samples,
    crowding,
    fingerprint,
    grassberger,
    jackknife,
    miller_madow,
    plugin,
    tabulate,
)
from infotheory.estimators.discrete_unseen import chao_shen, nsb, shrinkage
from infotheory.registry import estimator

__all__ = [
    "FORMULAS",
    "chao_shen_conditional_entropy",
    "chao_shen_conditional_mutual_information",
    "chao_shen_mutual_information",
    "conditional_entropy_of",
    "conditional_mutual_information_of",
    "grassberger_conditional_entropy",
    "grassberger_conditional_mutual_information",
    "grassberger_mutual_information",
    "jackknife_conditional_entropy",
    "jackknife_conditional_mutual_information",
    "jackknife_mutual_information",
    "miller_madow_conditional_entropy",
    "miller_madow_conditional_mutual_information",
    "miller_madow_mutual_information",
    "mutual_information_of",
    "nsb_conditional_entropy",
    "nsb_conditional_mutual_information",
    "nsb_mutual_information",
    "plugin_conditional_entropy",
    "plugin_conditional_mutual_information",
    "plugin_mutual_information",
    "shrinkage_conditional_entropy",
    "shrinkage_conditional_mutual_information",
    "shrinkage_mutual_information",
    "total_correlation_of",
]

_CHANNEL = truth.binary_symmetric_channel(0.11)
_FLIPPED = truth.conditional_entropy_table("a flipped bit", [[0.445, 0.055], [0.055, 0.445]])
_SUM = truth.exclusive_or(0.11)


def mutual_information_of(
    table: Table, formula: Formula = plugin, *, pointwise: bool = False
) -> Estimate:
    """I(X;Y) = H(X) + H(Y) - H(X,Y) of a table of two variables."""
    (of_x, x), (of_y, y) = table.part(0), table.part(1)
    counted = {"x": fingerprint(of_x), "y": fingerprint(of_y)}
    h = _of_variables(formula)
    value = h(counted["x"]) + h(counted["y"]) - h(fingerprint(table.counts))
    gain = np.log(table.counts * table.n / (of_x[x] * of_y[y].astype(float)))
    ceiling = min(map(plugin, counted.values())) if formula is plugin else None
    outcomes = (len(of_x), len(of_y), len(table.counts))
    noticed = _noticed(outcomes, ceiling) | crowding(table.n, counted)
    return _estimate(table, value, gain, noticed, pointwise)


def conditional_entropy_of(
    table: Table, formula: Formula = plugin, *, pointwise: bool = False
) -> Estimate:
    """H(X|Y) = H(X,Y) - H(Y) of a table of two variables."""
    (of_x, _), (of_y, y) = table.part(0), table.part(1)
    joint = fingerprint(table.counts)
    h = _of_variables(formula)
    value = h(joint) - h(fingerprint(of_y))
    surprise = np.log(of_y[y] / table.counts)
    ceiling = plugin(fingerprint(of_x)) if formula is plugin else None
    outcomes = (len(of_x), len(of_y), len(table.counts))
    noticed = _noticed(outcomes, ceiling) | crowding(table.n, {"(x, y)": joint})
    return _estimate(table, value, surprise, noticed, pointwise)


def conditional_mutual_information_of(
    table: Table, formula: Formula = plugin, *, pointwise: bool = False
) -> Estimate:
    """I(X;Y|Z) = H(X,Z) + H(Y,Z) - H(X,Y,Z) - H(Z) of a table of three variables."""
    (of_xz, xz), (of_yz, yz), (of_z, z) = table.part(0, 2), table.part(1, 2), table.part(2)
    counted = {"(x, z)": fingerprint(of_xz), "(y, z)": fingerprint(of_yz)}
    joint, alone = fingerprint(table.counts), fingerprint(of_z)
    h = _of_variables(formula)
    value = h(counted["(x, z)"]) + h(counted["(y, z)"]) - (h(joint) + h(alone))
    gain = np.log(table.counts * of_z[z] / (of_xz[xz] * of_yz[yz].astype(float)))
    lesser = min(map(plugin, counted.values()))
    ceiling = lesser - plugin(alone) if formula is plugin else None
    outcomes = (len(of_xz), len(of_yz), len(of_z), len(table.counts))
    noticed = _noticed(outcomes, ceiling) | crowding(table.n, counted)
    return _estimate(table, value, gain, noticed, pointwise)


def total_correlation_of(table: Table, *, pointwise: bool = False) -> Estimate:
    """The sum of the entropies of all variables of a table, less that of the table."""
    parts = [table.part(place) for place in range(len(table.columns))]
    counted = {f"variables[{i}]": fingerprint(counts) for i, (counts, _) in enumerate(parts)}
    entropies = sorted(map(plugin, counted.values()))
    value = sum(entropies) - plugin(fingerprint(table.counts))
    gain = np.log(table.counts / table.n)
    for counts, codes in parts:
        gain -= np.log(counts / table.n)[codes]
    outcomes = (*(len(counts) for counts, _ in parts), len(table.counts))
    noticed = _noticed(outcomes, sum(entropies[:-1])) | crowding(table.n, counted)
    return _estimate(table, value, gain, noticed, pointwise)


def _of_variables(formula: Formula) -> Formula:
    """The formula, where a constant tells nothing: Grassberger's gives it +-1/2n."""
    return lambda counted: 0.0 if counted.outcomes == 1 else formula(counted)


def _noticed(outcomes: tuple[int, ...], ceiling: float | None) -> dict[str, Any]:
    return {"outcomes": outcomes} | ({} if ceiling is None else {"ceiling": ceiling})


def _estimate(
    table: Table, value: float, local: np.ndarray, diagnostics: dict[str, Any], pointwise: bool
) -> Estimate:
    """An estimate whose error is that of the mean of the plug-in terms (the delta method)."""
    p = table.counts / table.n
    variance = float((p * (local - (p * local).sum()) ** 2).sum())
    if checks.flag(pointwise, "pointwise"):
        diagnostics = diagnostics | {"pointwise": at_samples(local, table)}
    error = (variance / table.n) ** 0.5
    return Estimate(value, stderr=error, n=table.n, diagnostics=diagnostics)


class _Method(NamedTuple):
    """What the documentation of a quantity has to say of a method."""

    formula: Formula
    title: str
    bias: str
    references: str


_METHODS: Mapping[str, _Method] = MappingProxyType(
    {
        "plugin": _Method(
            plugin,
            "observed frequencies (maximum likelihood)",
            "each entropy is too low by about (m - 1) / 2n",
            "Shannon, Bell System Technical Journal 27 (1948),\n"
            "    doi:10.1002/j.1538-7305.1948.tb01338.x;\n"
            "    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272.",
        ),
        "miller_madow": _Method(
            miller_madow,
            "Miller-Madow entropies",
            "O(1/n^2) once all joint outcomes that can occur have been seen",
            "Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 4.",
        ),
        "grassberger": _Method(
            grassberger,
            "entropies with Grassberger's correction (psi(n) form)",
            "that of the joint entropy dominates when many joint outcomes are seen once",
            "Grassberger (2003), arXiv:physics/0307138, eq. 35;\n"
            "    Schürmann, J. Phys. A 37 (2004), doi:10.1088/0305-4470/37/27/L02.",
        ),
        "chao_shen": _Method(
            chao_shen,
            "coverage-adjusted entropies (Chao-Shen)",
            "each entropy is adjusted for its own unseen outcomes, and what is left over differs",
            "Chao, Shen, Environmental and Ecological Statistics 10 (2003),\n"
            "    doi:10.1023/A:1026096204727.",
        ),
        "shrinkage": _Method(
            shrinkage,
            "entropies shrunk towards the uniform law (James-Stein)",
            "each entropy is drawn towards ln m of its m outcomes seen, the joint one strongest",
            "Hausser, Strimmer, Journal of Machine Learning Research 10 (2009), arXiv:0811.3579.",
        ),
        "jackknife": _Method(
            jackknife,
            "jackknifed entropies",
            "O(1/n^2) once all joint outcomes that can occur have been seen",
            "Zahl, Ecology 58 (1977), doi:10.2307/1936227;\n"
            "    Paninski, Neural Computation 15 (2003), doi:10.1162/089976603321780272, eq. 5.",
        ),
        "nsb": _Method(
            nsb,
            "Bayesian entropies (Nemenman-Shafee-Bialek)",
            "each entropy takes the m outcomes seen for all there are, and has a prior of its own",
            "Nemenman, Shafee, Bialek, NIPS 14 (2002), arXiv:physics/0108025.",
        ),
    }
)
#: The corrections by name, each a function of a fingerprint.
FORMULAS: Mapping[str, Formula] = MappingProxyType(
    {name: method.formula for name, method in _METHODS.items()}
)

_POINTWISE = """
    pointwise : bool
        Keep the term of every sample, which average to the value, in the diagnostics."""

_DOCUMENTATION = """{what} from {title}.

    .. math:: {formula}

    Parameters
    ----------
    {names} : integers or strings, shape (n,) or (n, d)
        Paired outcomes; of two dimensions each distinct row is an outcome.{pointwise}

    Returns
    -------
    Estimate
        In nats; {sign}. Diagnostics: ``outcomes``
        ({outcomes}){ceiling}, ``saturated``{kept}.

    Raises
    ------
    TypeError, ValueError
        If an argument does not hold labels, or their lengths differ.

    Notes
    -----
    Bias: {bias}.
    {note} Standard error: delta method of the plug-in terms, too small for a correction
    of many rare outcomes.
    Cost: O(n d) time and memory.

    References
    ----------
    {references}
    """


class _Quantity(NamedTuple):
    """A quantity, and what its documentation says whatever the method."""

    name: str
    of_table: Callable[..., Estimate]
    names: tuple[str, ...]
    truth: truth.Truth
    what: str
    formula: str
    outcomes: str
    ceiling: str
    note: str


_INFORMATION = _Quantity(
    "mutual_information",
    mutual_information_of,
    ("x", "y"),
    _CHANNEL,
    "Mutual information",
    r"\hat I(X;Y) = \hat H(X) + \hat H(Y) - \hat H(X, Y)",
    "distinct x, y and pairs",
    "the smaller of the two entropies",
    "When nearly every sample of x is an outcome of its own the plug-in value is H(Y) whatever\n"
    "    the data, which is warned of and called ``saturated``. At H(Y) without\n"
    "    that x determines y: a finding and no artefact.",
)
_CONDITIONAL_ENTROPY = _Quantity(
    "conditional_entropy",
    conditional_entropy_of,
    ("x", "y"),
    _FLIPPED,
    "Entropy of x that is left when y is known,",
    r"\hat H(X|Y) = \hat H(X, Y) - \hat H(Y)",
    "distinct x, y and pairs",
    "the entropy of x",
    "When nearly every pair is seen once the value says more about n than about x, which is\n"
    "    warned of.",
)
_CONDITIONAL_INFORMATION = _Quantity(
    "conditional_mutual_information",
    conditional_mutual_information_of,
    ("x", "y", "z"),
    _SUM,
    "Conditional mutual information",
    r"\hat I(X;Y|Z) = \hat H(X, Z) + \hat H(Y, Z) - \hat H(X, Y, Z) - \hat H(Z)",
    "distinct (x, z), (y, z), z and triples",
    "the smaller of H(X|Z) and H(Y|Z)",
    "It grows with the outcomes of z; when nearly every (x, z) or (y, z) is seen once, that is\n"
    "    warned of.",
)


def _made(quantity: _Quantity, name: str) -> Callable[..., Estimate]:
    """The registered function of a quantity by a method; only plug-in terms belong to samples."""
    method, local = _METHODS[name], name == "plugin"

    def of_samples(*variables: Any, **options: Any) -> Estimate:
        return quantity.of_table(tabulate(*variables), method.formula, **options)

    kinds = inspect.Parameter
    parameters = [kinds(n, kinds.POSITIONAL_OR_KEYWORD, annotation=Any) for n in quantity.names]
    if local:
        flag = kinds("pointwise", kinds.KEYWORD_ONLY, default=False, annotation=bool)
        parameters.append(flag)
    of_samples.__signature__ = inspect.Signature(parameters, return_annotation=Estimate)  # type: ignore[attr-defined]
    of_samples.__annotations__ = {each.name: each.annotation for each in parameters}
    of_samples.__annotations__["return"] = Estimate
    of_samples.__name__ = of_samples.__qualname__ = f"{name}_{quantity.name}"
    of_samples.__doc__ = _DOCUMENTATION.format(
        what=quantity.what,
        title=method.title,
        formula=quantity.formula,
        names=", ".join(quantity.names),
        pointwise=_POINTWISE if local else "",
        sign="negative by rounding alone" if local else "negative values are possible and kept",
        outcomes=quantity.outcomes,
        ceiling=f",\n        ``ceiling`` ({quantity.ceiling})" if local else "",
        kept="; ``pointwise`` if asked for" if local else "",
        bias=method.bias,
        note=quantity.note,
        references=method.references,
    )
    return estimator(
        f"{quantity.name}:{name}",
        inputs=("codes",) * len(quantity.names),
        source=method.references.partition(".\n")[0].replace("\n    ", " ").rstrip("."),
        truth=(quantity.truth,),
    )(of_samples)


plugin_mutual_information = _made(_INFORMATION, "plugin")
miller_madow_mutual_information = _made(_INFORMATION, "miller_madow")
grassberger_mutual_information = _made(_INFORMATION, "grassberger")
chao_shen_mutual_information = _made(_INFORMATION, "chao_shen")
shrinkage_mutual_information = _made(_INFORMATION, "shrinkage")
jackknife_mutual_information = _made(_INFORMATION, "jackknife")
nsb_mutual_information = _made(_INFORMATION, "nsb")

plugin_conditional_entropy = _made(_CONDITIONAL_ENTROPY, "plugin")
miller_madow_conditional_entropy = _made(_CONDITIONAL_ENTROPY, "miller_madow")
grassberger_conditional_entropy = _made(_CONDITIONAL_ENTROPY, "grassberger")
chao_shen_conditional_entropy = _made(_CONDITIONAL_ENTROPY, "chao_shen")
shrinkage_conditional_entropy = _made(_CONDITIONAL_ENTROPY, "shrinkage")
jackknife_conditional_entropy = _made(_CONDITIONAL_ENTROPY, "jackknife")
nsb_conditional_entropy = _made(_CONDITIONAL_ENTROPY, "nsb")

plugin_conditional_mutual_information = _made(_CONDITIONAL_INFORMATION, "plugin")
miller_madow_conditional_mutual_information = _made(_CONDITIONAL_INFORMATION, "miller_madow")
grassberger_conditional_mutual_information = _made(_CONDITIONAL_INFORMATION, "grassberger")
chao_shen_conditional_mutual_information = _made(_CONDITIONAL_INFORMATION, "chao_shen")
shrinkage_conditional_mutual_information = _made(_CONDITIONAL_INFORMATION, "shrinkage")
jackknife_conditional_mutual_information = _made(_CONDITIONAL_INFORMATION, "jackknife")
nsb_conditional_mutual_information = _made(_CONDITIONAL_INFORMATION, "nsb")
