"""Information of a layer of a noisy network, by samples propagated through it (Goldfeld et al.)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from infotheory import checks, truth
from infotheory.estimate import Estimate
from infotheory.estimators.mixture import about_label, doubles
from infotheory.registry import estimator

__all__ = ["sample_propagation_mutual_information"]


def _noisy_layer(signal_to_noise: float) -> truth.Truth:
    """A layer of one normal unit with noise of variance 1, told by the row it was computed from."""
    channel = truth.gaussian_channel(signal_to_noise)
    return replace(
        channel,
        name=f"one noisy linear unit, ratio {signal_to_noise}",
        sample=lambda n, rng: (channel.sample(n, rng)[0], np.arange(n)),
        options={"noise_variance": 1.0},
    )


@estimator(
    "mutual_information:sample_propagation",
    inputs=("real", "codes"),
    estimand="information with noise",
    source="Goldfeld et al. (2019), arXiv:1810.05728",
    truth=(_noisy_layer(10.0), truth.separated_classes(4)),
)
def sample_propagation_mutual_information(
    x: Any,
    y: Any,
    *,
    noise_variance: float = 1e-2,
    draws: int = 1,
    rng: int | np.random.Generator = 0,
) -> Estimate:
    r"""Information of a noisy layer about the input of the network, by propagated samples.

    .. math:: \hat I = \hat h(S + Z) - \sum_y \frac{n_y}{n} \hat h(S + Z \mid Y = y),
        \quad Z \sim N(0, \beta^2)

    where each entropy is that of the mixture of normals around the rows, by Monte Carlo.

    Parameters
    ----------
    x : real array, shape (n,) or (n, d)
        S, the activations of the layer *before* its own noise is added, one row for each
        propagated sample.
    y : integers or strings, shape (n,) or (n, d)
        From which input of the network each row was propagated.
    noise_variance : float
        The variance beta^2 of the noise that the layer really has, in training and in use. The
        default, a deviation of 0.1, is only an example.
    draws : int
        Monte Carlo draws per row.
    rng : int or Generator
        Chance of the draws.

    Returns
    -------
    Estimate
        In nats. Diagnostics: ``ceiling``, ``saturated``.

    Raises
    ------
    TypeError, ValueError
        For a noise_variance that is not positive, draws below 1, and unequal lengths.

    Notes
    -----
    Not a measurement noise as in :func:`infotheory.mixture_mutual_information`: the network
    computes with it, and its information is finite and well defined. Noise in layers below makes
    the activations of one input random; pass each input several times then, through new noise in
    each::

        many = inputs.repeat_interleave(20, dim=0)
        below = first(many) + beta * torch.randn(len(many), 12)
        it.mutual_information(
            second(below), torch.arange(len(inputs)).repeat_interleave(20),
            method="sample_propagation", noise_variance=beta**2,
        )

    Where everything below is deterministic one pass is enough: with all y different the second
    entropy is that of the noise, d/2 ln(2 pi e beta^2), exactly. Bias: the mixture stands for
    all inputs, exactly if they are all there; else both entropies are low, by an amount that grows
    fast with d. Standard error: that of a mean over independent rows, too small where several
    share an input. Cost: O(n^2 d) time for each draw, O(n d) memory.

    References
    ----------
    Goldfeld et al., ICML (2019), arXiv:1810.05728, section 4;
    Goldfeld et al., IEEE Trans. Inf. Theory 66 (2020) 4368, doi:10.1109/TIT.2020.2975480.
    """
    variance = checks.number(noise_variance, "noise_variance", above=0.0)
    # Chance goes to rows in sorted order, equal ones by their label, so that the order in which
    # they come does not matter.
    labels = np.asarray(y.cpu() if checks.is_tensor(y) else y).reshape(len(x), -1)
    order = np.lexsort((*labels.T[::-1], *doubles(x).T[::-1]))
    found = about_label(x[order], y[order], variance, None, draws, rng, False)
    kept = {name: found.diagnostics[name] for name in found.diagnostics if name != "bound"}
    if found.diagnostics["saturated"]:
        kept["warnings"] = (
            f"the noise tells all {found.n} rows apart (the information about the row is at its "
            f"ceiling ln n), so the value says more about n than about the layer; propagate more "
            f"samples.",
        )
    return replace(found, params={}, diagnostics=kept)
