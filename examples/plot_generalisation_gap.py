"""
Does information about the input tell the generalisation gap?
=============================================================

Yu et al. (arXiv:2404.17951) report over a hundred networks that the Cauchy-Schwarz information
between the input and a hidden layer goes with the generalisation gap. Here a hundred small
networks of 2 to 8 layers and 16 to 128 units learn 400 handwritten digits, and the layer before
the last is measured on these same digits. The correlation is there, and strong, for a kernel whose
width grows with the root of the number of units and is the same for all networks of that size. It
is gone when each layer sets the width by its own median distance: what goes with the gap is how far
apart a network puts its samples, in units that it cannot choose.
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.ticker import MaxNLocator
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

import infotheory as it

DEPTHS, UNITS, SEEDS = (2, 4, 6, 8), (16, 32, 64, 96, 128), range(5)
EPOCHS, TRAINED = 40, 400
WIDTHS = {"sqrt_dim": "root of the number of units", "median": "median distance of the layer"}
pixels, digits = load_digits(return_X_y=True)
pixels /= 16
torch.set_num_threads(1)
loss_of = torch.nn.functional.cross_entropy


def network(depth, units):
    """All but the last layer, and the last layer."""
    sizes = [64, *[units] * depth]
    hidden = [
        part
        for before, after in itertools.pairwise(sizes)
        for part in (torch.nn.Linear(before, after), torch.nn.ReLU())
    ]
    return torch.nn.Sequential(*hidden), torch.nn.Linear(units, 10)


def trained(depth, units, seed):
    """The gap of a trained network, and its information about the input with each width."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed).permutation(len(pixels))
    x, y = torch.tensor(pixels[order], dtype=torch.float32), torch.tensor(digits[order])
    body, head = network(depth, units)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=1e-3)
    for epoch in range(EPOCHS):
        rows = np.random.default_rng((seed, epoch)).permutation(TRAINED)
        for batch in np.array_split(rows, 4):
            optimiser.zero_grad()
            loss_of(head(body(x[batch])), y[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        layer = body(x)
        seen, unseen = (loss_of(head(layer[part]), y[part]) for part in _halves)
    told = [
        it.mutual_information(x[:TRAINED], layer[:TRAINED], method="cauchy_schwarz", width=rule)
        for rule in (("median", width) for width in WIDTHS)
    ]
    return [float(unseen - seen), *map(float, told)]


_halves = slice(None, TRAINED), slice(TRAINED, None)

# %%
# About a minute on one core.
kinds = [(depth, units) for depth in DEPTHS for units in UNITS for _ in SEEDS]
found = [trained(depth, units, seed) for depth in DEPTHS for units in UNITS for seed in SEEDS]
gaps, *informations = np.transpose(found)
correlations = [spearmanr(information, gaps).statistic for information in informations]

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
sizes = [12 + depth * 8 for depth, _ in kinds]
for axis, information, rho, label in zip(
    axes, informations, correlations, WIDTHS.values(), strict=True
):
    points = axis.scatter(information, gaps, s=sizes, c=[units for _, units in kinds], alpha=0.8)
    axis.set(xlabel="I(X;T), Cauchy-Schwarz [nats]", title=f"width: {label}")
    axis.xaxis.set_major_locator(MaxNLocator(4))  # the numbers of the second panel are long
    axis.text(0.04, 0.93, f"Spearman {rho:.2f}", transform=axis.transAxes)
axes[0].set_ylabel("loss on new digits less loss on seen ones")
figure.colorbar(points, ax=axes, label="units of a layer (size: depth)")
plt.show()

# %%
# Strong with one width for all networks of a size, nothing with a width of each layer's own. The
# published figure has its widths in common too; it is not evidence that information, whatever the
# width, decides the gap.
common, own = correlations
assert common > 0.6
assert abs(own) < 0.3
