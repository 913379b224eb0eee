"""
An information plane by kernels, and a loss that moves along it
===============================================================

The Cauchy-Schwarz information bottleneck (arXiv:2404.17951) measures a layer by quadratic
information, and adds that between the input and the layer to its loss. Here a small network learns
the diabetes data of scikit-learn by the squared error plus beta times
:func:`infotheory.losses.cauchy_schwarz_mi`, and the recorder draws the plane with the same
quantity. Without the second term both informations rise. With it the path turns back: the layer
first takes up what it can, then gives away what the target does not need, and the larger beta, the
more of it. Each bit that is left of the input tells more about the target, but the layer pays with
bits about the target too. Widths are fixed numbers, the same at every step and for every beta, so
part of what looks like forgetting is scale: the layer also shrinks, and a kernel of fixed width
sees less of a smaller layer.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_diabetes

import infotheory as it

BETAS, SEEDS, STEPS, UNITS = (0.0, 0.1, 1.0), range(2), 100, 8
X, T, Y = 1.5, 1.0, 0.5  # widths: of the ten standardised columns, the layer, the target
torch.set_num_threads(1)
x, y = (part[:256] for part in load_diabetes(return_X_y=True))
x, y = (
    torch.tensor((part - part.mean(0)) / part.std(0), dtype=torch.float32)
    for part in (x, y[:, None])
)
measures = [
    it.measure("I(X;T):cauchy_schwarz", width=(T, X)),
    it.measure("I(T;Y):cauchy_schwarz", width=(T, Y)),
]


def recorded(beta, seed, folder):
    """The run of one network, trained on all rows at once, and the spread of its layer."""
    torch.manual_seed(seed)
    layer = torch.nn.Sequential(
        torch.nn.Linear(10, 32), torch.nn.Tanh(), torch.nn.Linear(32, UNITS)
    )
    net = torch.nn.Sequential(layer, torch.nn.Linear(UNITS, 1))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    recorder = it.Recorder(
        net,
        layers="0.2",
        measures=measures,
        probe=(x, y),
        when=it.log_spaced(per_decade=8),
        out=folder,
    )
    with recorder:
        for _ in range(STEPS):
            hidden = layer(x)
            error = (net[1](hidden) - y).square().mean()
            kept = it.losses.cauchy_schwarz_mi(x, hidden, width=(X, T))
            optimiser.zero_grad()
            (error + beta * kept).backward()
            optimiser.step()
            recorder.step(loss=error)
    return it.load(folder), float(layer(x).detach().std(dim=0).norm())


# %%
# The values over steps in bits, of every beta and seed.
quantities, paths, spreads = ("I(X;T)", "I(T;Y)"), {}, {}
with tempfile.TemporaryDirectory() as runs:
    for beta in BETAS:
        for seed in SEEDS:
            run, spreads[beta, seed] = recorded(beta, seed, Path(runs) / f"{beta}-{seed}")
            nats = [
                [record["value"] for record in run.records if record["quantity"] == quantity]
                for quantity in quantities
            ]
            paths[beta, seed] = np.array(nats) / np.log(2)

# %%
figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for place, beta in enumerate(BETAS):
    across, up = np.mean([paths[beta, seed] for seed in SEEDS], axis=0)
    axis.plot(
        across, up, "osD"[place] + "-", markersize=3, color=f"C{place}", label=f"beta = {beta:g}"
    )
    axis.plot(across[-1], up[-1], "osD"[place], color=f"C{place}", markersize=9)  # the last step
axis.set(xlabel="I(X;T), Cauchy-Schwarz [bits]", ylabel="I(T;Y), Cauchy-Schwarz [bits]")
axis.legend()
plt.show()

# %%
# In every run: the further left the larger beta is, from a turning point on the way; and more bits
# about the target for each bit about the input. The last line is the caveat.
for seed in SEEDS:
    across, up = np.array([paths[beta, seed][:, -1] for beta in BETAS]).T
    assert (np.diff(across) < 0).all()
    assert (np.diff(up) < 0).all()
    assert (up[1:] / across[1:] > 1.5 * up[0] / across[0]).all()
    assert all(paths[beta, seed][0, -1] < paths[beta, seed][0].max() / 2 for beta in BETAS[1:])
    assert spreads[BETAS[-1], seed] < 0.5 * spreads[0.0, seed]
