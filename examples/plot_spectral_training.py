"""
The spectrum of a layer while it learns
=======================================

Liao, Liu et al. (arXiv:2312.04823) follow a network by the spectrum of a diffusion among its
activations. The entropy of that spectrum rises while the network learns, and so does its
information about the label; trained on shuffled labels, the network tells nothing of them on new
data. A small network on the digits of scikit-learn shows the same, in two or three minutes (with
``INFOTHEORY_TASK=mnist:FOLDER`` in the environment, on MNIST); the last panel shows that where the
entropy starts is decided by the scale of the initial weights alone.
"""

import itertools
import os
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import spearmanr

import infotheory as it
from infotheory import tasks

UNITS, EPOCHS, TRAINED, SAMPLES, SEEDS = 64, 60, 1000, 1797, range(4)
BATCHES = 10
task = tasks.load(os.environ.get("INFOTHEORY_TASK", "digits"))
pixels, digits = task.x[:SAMPLES], task.y[:SAMPLES]
torch.set_num_threads(1)
warnings.simplefilter("ignore", it.InfotheoryWarning)  # at the first steps all kernels are near 1


def network(seed, scale=1.0):
    """Two hidden layers; the recorder looks at the second."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential()
    sizes = (pixels.shape[1], UNITS, UNITS)
    for place, (before, after) in enumerate(itertools.pairwise(sizes)):
        layer = torch.nn.Linear(before, after)
        layer.weight.data *= scale
        net.add_module(f"linear{place}", layer)
        net.add_module(f"hidden{place}", torch.nn.ReLU())
    net.add_module("output", torch.nn.Linear(UNITS, 10))
    return net


def curve(seed, folder, shuffled):
    """Epochs, entropies and informations of the second layer, in bits."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(digits) if shuffled else digits
    order = rng.permutation(len(pixels))
    x, y = torch.tensor(pixels[order], dtype=torch.float32), torch.tensor(labels[order])
    net = network(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    recorder = it.Recorder(
        net,
        layers="hidden1",
        measures=["H(T):diffusion", "I(T;Y):diffusion"],
        probe=(x[TRAINED:], y[TRAINED:]),
        when=it.at([0, 10, 30, 60, 100, 160, 250, 400, EPOCHS * BATCHES]),
        out=folder,
    )
    with recorder:
        for epoch in range(EPOCHS):
            rows = np.random.default_rng((seed, epoch)).permutation(TRAINED)
            for batch in np.array_split(rows, BATCHES):
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
                optimiser.step()
                recorder.step(epoch=epoch)
    records = it.load(folder).records
    steps = sorted({record["step"] for record in records})
    found = {(record["step"], record["quantity"]): record["value"] for record in records}
    bits = [[found[step, name] / np.log(2) for step in steps] for name in ("H(T)", "I(T;Y)")]
    return np.array([steps, *bits])


# %%
# The kernel's width is the root of the number of units, at every step the same.
with tempfile.TemporaryDirectory() as runs:
    curves = {
        shuffled: [curve(seed, Path(runs) / f"{shuffled}{seed}", shuffled) for seed in SEEDS]
        for shuffled in (False, True)
    }
scales = np.geomspace(0.25, 8, 11)
images = torch.tensor(pixels, dtype=torch.float32)
with torch.no_grad():
    starts = [
        float(it.entropy(network(0, scale)[:4](images), method="diffusion").to("bits"))
        for scale in scales
    ]

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for shuffled, found in curves.items():
    for seed, (steps, entropies, informations) in zip(SEEDS, found, strict=True):
        style = {"color": "C1" if shuffled else "C0", "alpha": 0.8, "marker": "."}
        label = None if seed else "shuffled labels" if shuffled else "true labels"
        axes[0].plot(1 + steps, entropies, label=label, **style)
        axes[1].plot(1 + steps, informations, **style)
axes[0].set(xscale="log", xlabel="1 + step", title="spectral entropy [bits]")
axes[1].set(xscale="log", xlabel="1 + step", title="information about the label [bits]")
axes[0].legend()
axes[2].plot(scales, starts, ".-", color="C2")
axes[2].axhline(np.log2(len(pixels)), color="black", linestyle="dashed", linewidth=1)
axes[2].set(xscale="log", xlabel="initial weights, times", title="entropy before training [bits]")
axes[2].set_xticks(scales[::2], [f"{scale:.2g}" for scale in scales[::2]])
axes[2].minorticks_off()
plt.show()

# %%
# Both rise with the true labels, in every run; what the network learns of shuffled labels is less
# than a third of that. Before training, the entropy is a matter of scale: from nearly nothing to
# near ln n by the initial weights alone, so only runs of one initialisation compare. On MNIST the
# activations outgrow the width within these steps: there the information has its peak on the way,
# where the kernel just tells the classes apart, and falls while the entropy still rises.
for true, random in zip(curves[False], curves[True], strict=True):
    steps, entropies, informations = true
    assert spearmanr(steps, entropies).statistic >= 0.8
    if task.name == "digits":
        assert spearmanr(steps, informations).statistic >= 0.8
    assert informations[-1] - informations[0] > 0.5
    assert random[2].max() - random[2, 0] <= (informations.max() - informations[0]) / 3
assert (np.diff(starts) > 0).all()
assert starts[0] < 0.2
assert starts[-1] > 0.8 * np.log2(len(pixels))
