"""Built-in data, networks and the training loop: what ``infotheory plane`` trains and measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from infotheory import checks
from infotheory.data import (
    Task,
    arrays,
    digits,
    load,
    mnist,
    twelve_bit,
    twelve_bit_orbits,
)

if TYPE_CHECKING:  # torch takes a second to import: only building or training a net pays for it
    import torch

__all__ = [
    "ACTIVATIONS",
    "Task",
    "arrays",
    "build",
    "digits",
    "load",
    "mnist",
    "network",
    "parse_network",
    "train",
    "twelve_bit",
    "twelve_bit_orbits",
]

# name: (class in torch.nn, variance of a weight times its fan-in). The rectifier family passes
# about half of a signal's power on, so its weights get twice the variance (arXiv:1502.01852).
_ACTIVATIONS = {
    "elu": ("ELU", 2.0),
    "gelu": ("GELU", 2.0),
    "hardtanh": ("Hardtanh", 1.0),
    "leaky_relu": ("LeakyReLU", 2.0),
    "linear": ("Identity", 1.0),
    "mish": ("Mish", 2.0),
    "relu": ("ReLU", 2.0),
    "sigmoid": ("Sigmoid", 1.0),
    "silu": ("SiLU", 2.0),
    "softplus": ("Softplus", 2.0),
    "softsign": ("Softsign", 1.0),
    "tanh": ("Tanh", 1.0),
}
ACTIVATIONS = tuple(_ACTIVATIONS)

_NAMED_NETWORKS = {"szt": (10, 7, 5, 4, 3)}  # the hidden widths of arXiv:1703.00810


def parse_network(spec: str) -> tuple[int, ...]:
    """Return the widths of the hidden layers that a short text names.

    Parameters
    ----------
    spec : str
        ``"mlp:64-32-16"``, or ``"szt"`` for the 10-7-5-4-3 of arXiv:1703.00810.

    Raises
    ------
    ValueError
        The name is not known, or a width is not a whole number of at least 1.
    """
    kind, _, text = spec.partition(":")
    if kind != "mlp" or not text:
        return _NAMED_NETWORKS[checks.choice(spec, "network", (*_NAMED_NETWORKS, "mlp:64-32-16"))]
    parts = text.split("-")
    wrong = [part for part in parts if not (part.isascii() and part.isdecimal() and int(part))]
    if wrong:
        raise ValueError(
            f"The widths of a network must be whole numbers of at least 1, joined by '-'; got "
            f"{wrong[0]!r} in {spec!r}. Write for example mlp:64-32-16."
        )
    return tuple(int(part) for part in parts)


def network(
    widths: Sequence[int],
    activation: str,
    seed: int | np.random.Generator,
    dtype: torch.dtype | None = None,
) -> torch.nn.Sequential:
    """Build a fully connected classifier whose layers have names to record.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden widths, classes: (12, 10, 7, 5, 4, 3, 2) is the network of the 12-bit task.
    activation : str
        One of ``ACTIVATIONS``, used after every hidden layer.
    seed : int or Generator
        Decides the weights; the global random state is neither read nor moved.
    dtype : torch.dtype, optional
        Of the parameters; float64 unless given, because saturated float32 activations collide.

    Returns
    -------
    torch.nn.Sequential
        Children ``hidden1``, ``hidden2``, ... (each Linear, then activation), ``logits``
        (Linear), ``output`` (softmax). ``net[:-1]`` gives logits, for a cross-entropy.

    Raises
    ------
    ValueError
        Fewer than two widths, a width below 1, fewer than two classes, an unknown activation.

    Notes
    -----
    Weights are N(0, 1/fan_in) for saturating and linear activations, N(0, 2/fan_in) for the
    rectifier family (last layer included); biases are zero.

    References
    ----------
    He, Zhang, Ren and Sun (2015), arXiv:1502.01852, equation 10.
    """
    import torch

    if len(widths) < 2 or min(widths) < 1 or widths[-1] < 2:
        raise ValueError(
            "widths must be (inputs, hidden widths, classes), each at least 1 and at least two "
            f"classes; got {tuple(widths)}."
        )
    kind, gain = _ACTIVATIONS[checks.choice(activation, "activation", ACTIVATIONS)]
    generator = checks.generator(seed)

    def linear(inputs: int, outputs: int) -> torch.nn.Linear:
        # built on "meta", where the constructor's own draw leaves the global random state alone
        layer = torch.nn.Linear(inputs, outputs, device="meta", dtype=dtype or torch.float64)
        layer.to_empty(device="cpu")
        weights = generator.standard_normal((inputs, outputs)) * (gain / inputs) ** 0.5
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weights.T))
            layer.bias.zero_()
        return layer

    net = torch.nn.Sequential()
    *hidden, logits = pairwise(widths)
    for index, (inputs, outputs) in enumerate(hidden, start=1):
        layers = linear(inputs, outputs), getattr(torch.nn, kind)()
        net.add_module(f"hidden{index}", torch.nn.Sequential(*layers))
    net.add_module("logits", linear(*logits))
    net.add_module("output", torch.nn.Softmax(dim=1))
    return net


def build(
    task: Task,
    hidden: Sequence[int],
    activation: str,
    seed: int,
    *,
    train_fraction: float = 0.8,
    dtype: torch.dtype | None = None,
) -> torch.nn.Sequential:
    """Build the network that a seed stands for on a task, ready for :func:`train`.

    One generator draws first the split of the rows, then the weights: the order behind the
    numbers that the tests and the gallery expect of the 12-bit task.

    Parameters
    ----------
    task : Task
        Gives the number of inputs and of classes.
    hidden : sequence of int
        The widths between them, as :func:`parse_network` returns them.
    activation, dtype
        As in :func:`network`.
    seed : int
        Give the same one to :func:`train` and to ``task.split``, which then draw the same split.
    train_fraction : float
        As in :func:`train`.

    Returns
    -------
    torch.nn.Sequential
        As :func:`network` does.

    Raises
    ------
    ValueError
        As :func:`network` and ``task.split`` do.
    """
    generator = checks.generator(seed)
    task.split(generator, train_fraction)
    widths = (task.x.shape[1], *hidden, len(task.classes))
    return network(widths, activation, generator, dtype)


def train(
    net: torch.nn.Sequential,
    task: Task,
    *,
    steps: int,
    seed: int,
    lr: float = 3e-3,
    batch: int | None = None,
    train_fraction: float = 0.8,
    on_step: Callable[[int, torch.Tensor], None] | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Train a classifier in place: Adam on the cross-entropy of its logits.

    Parameters
    ----------
    net : torch.nn.Sequential
        Ends in a softmax, which training leaves out; moved to ``device``, left in eval mode.
    task : Task
        The data; its own split is kept where it has one.
    steps : int
        Optimiser steps.
    seed : int
        Decides the split and the order of the batches.
    lr : float
        Learning rate of Adam.
    batch : int, optional
        Rows per step; all training rows unless given. Batches are drawn without replacement, anew
        in each pass over the data.
    train_fraction : float
        Share of the rows to train on, for a task without a split of its own.
    on_step : callable, optional
        ``on_step(step, loss)`` is called after each optimiser step, step = 1, 2, ..., steps. The
        loss is a detached tensor, of the weights before the step; to read it costs a wait.
    device : str
        Where to train, such as "cpu" or "cuda".

    Returns
    -------
    dict
        ``accuracy`` on all rows, ``train`` and ``test`` on those of the split (NaN if no row is
        held out), and ``loss``, the last one (NaN if no step was made).

    Raises
    ------
    ValueError
        ``steps`` is negative, ``batch`` below 1, ``train_fraction`` not in (0, 1].

    References
    ----------
    Kingma and Ba (2015), arXiv:1412.6980.
    """
    import torch

    checks.integer(steps, "steps", low=0)
    checks.number(lr, "lr", above=0)
    batch = len(task.x) if batch is None else checks.integer(batch, "batch", low=1)
    generator = checks.generator(seed)
    train_rows, test_rows = task.split(generator, train_fraction)
    net.to(device).train()
    logits = net[:-1]
    x = torch.as_tensor(task.x).to(device, next(net.parameters()).dtype)
    y = torch.as_tensor(task.y).to(device)
    batches = _batches(x[train_rows], y[train_rows], batch, generator.spawn(1)[0])
    # fused: with layers this small, Adam's many little operations would cost a third of the step
    optimiser = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    loss = torch.tensor(float("nan"))
    for step in range(1, steps + 1):
        inputs, labels = next(batches)
        loss = torch.nn.functional.cross_entropy(logits(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if on_step is not None:
            on_step(step, loss.detach())

    net.eval()
    with torch.no_grad():
        right = (logits(x).argmax(dim=1) == y).double().cpu().numpy()
    test = float(right[test_rows].mean()) if len(test_rows) else float("nan")
    return {
        "accuracy": float(right.mean()),
        "train": float(right[train_rows].mean()),
        "test": test,
        "loss": loss.item(),
    }


def _batches(
    x: torch.Tensor, y: torch.Tensor, batch: int, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    while batch >= len(x):  # all rows: their order is nothing to the gradient
        yield x, y
    while True:
        shuffled = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            chosen = shuffled[start : start + batch]
            yield x[chosen], y[chosen]
