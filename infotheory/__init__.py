"""What a neural network knows: entropy, mutual information and how they change in training.

The names below are the public interface. Importing this package does no work: each name is
looked up when it is first used, so that neither torch nor numba is loaded before it is needed.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # for editors and type checkers alone
    from infotheory.bottleneck import (
        Bottleneck,
        Encoder,
        bottleneck_coupling,
        entropy_bounded_information,
    )
    from infotheory.counts import Counts
    from infotheory.coupling import Coupling, minimum_entropy_coupling
    from infotheory.distributions import (
        distribution_conditional_mutual_information,
        distribution_entropy,
        distribution_mutual_information,
        f_divergence,
    )
    from infotheory.estimate import Estimate, InfotheoryWarning
    from infotheory.kernel_divergences import conditional_divergence, generalized_cauchy_schwarz
    from infotheory.kernel_sums import KernelSums
    from infotheory.labels import clusters
    from infotheory.pairs import Pairwise, pairwise
    from infotheory.record.recorder import Recorder
    from infotheory.record.run import Run, load
    from infotheory.record.schedule import at, every, log_spaced
    from infotheory.registry import Measure, measure
    from infotheory.transport import Transport, sinkhorn
    from infotheory.unbalanced import UnbalancedTransport, unbalanced_sinkhorn
    from infotheory.uncertainty import (
        Interval,
        PermutationTest,
        confidence_interval,
        permutation_test,
    )
    from infotheory.verbs import (
        conditional_entropy,
        conditional_mutual_information,
        divergence,
        dual_total_correlation,
        entropy,
        methods,
        mutual_information,
        total_correlation,
    )

_HOMES = {
    "Bottleneck": "bottleneck",
    "Counts": "counts",
    "Coupling": "coupling",
    "Encoder": "bottleneck",
    "Estimate": "estimate",
    "InfotheoryWarning": "estimate",
    "KernelSums": "kernel_sums",
    "Measure": "registry",
    "Pairwise": "pairs",
    "Recorder": "record.recorder",
    "Run": "record.run",
    "Interval": "uncertainty",
    "PermutationTest": "uncertainty",
    "Transport": "transport",
    "UnbalancedTransport": "unbalanced",
    "at": "record.schedule",
    "bottleneck_coupling": "bottleneck",
    "clusters": "labels",
    "conditional_divergence": "kernel_divergences",
    "conditional_entropy": "verbs",
    "conditional_mutual_information": "verbs",
    "confidence_interval": "uncertainty",
    "distribution_conditional_mutual_information": "distributions",
    "distribution_entropy": "distributions",
    "distribution_mutual_information": "distributions",
    "divergence": "verbs",
    "dual_total_correlation": "verbs",
    "entropy": "verbs",
    "entropy_bounded_information": "bottleneck",
    "every": "record.schedule",
    "f_divergence": "distributions",
    "generalized_cauchy_schwarz": "kernel_divergences",
    "load": "record.run",
    "log_spaced": "record.schedule",
    "measure": "registry",
    "methods": "verbs",
    "minimum_entropy_coupling": "coupling",
    "mutual_information": "verbs",
    "pairwise": "pairs",
    "permutation_test": "uncertainty",
    "sinkhorn": "transport",
    "total_correlation": "verbs",
    "unbalanced_sinkhorn": "unbalanced",
}

#: Modules with functions that users call themselves.
_MODULES = ("losses", "widths")

__all__ = [
    "Bottleneck",
    "Counts",
    "Coupling",
    "Encoder",
    "Estimate",
    "InfotheoryWarning",
    "Interval",
    "KernelSums",
    "Measure",
    "Pairwise",
    "PermutationTest",
    "Recorder",
    "Run",
    "Transport",
    "UnbalancedTransport",
    "at",
    "bottleneck_coupling",
    "clusters",
    "conditional_divergence",
    "conditional_entropy",
    "conditional_mutual_information",
    "confidence_interval",
    "distribution_conditional_mutual_information",
    "distribution_entropy",
    "distribution_mutual_information",
    "divergence",
    "dual_total_correlation",
    "entropy",
    "entropy_bounded_information",
    "every",
    "f_divergence",
    "generalized_cauchy_schwarz",
    "load",
    "log_spaced",
    "measure",
    "methods",
    "minimum_entropy_coupling",
    "mutual_information",
    "pairwise",
    "permutation_test",
    "sinkhorn",
    "total_correlation",
    "unbalanced_sinkhorn",
]


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _HOMES:
        found = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    else:
        found = _module_or_estimator(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES, *(name for name in globals() if name.startswith("__"))})


def _module_or_estimator(name: str) -> Any:
    """A module of the package, or `<method>_<quantity>` of the register."""
    if importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    from infotheory import checks, registry

    for entry in registry.entries():
        if name == f"{entry.method}_{entry.quantity}":
            return entry.function
    close = checks.near_misses(name, __all__, 1)
    meant = f". Did you mean {close[0]!r}?" if close else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{meant}")
