"""
The spectrum of a layer while it learns
=======================================

Liao, Liu et al. (arXiv:2312.04823) follow a network by the spectrum of a diffusion among its
activations. The entropy of that spectrum rises while the network learns, and so does its
information about the label; trained on shuffled labels, the network tells nothing of them on new
data. A small network on the digits of scikit-learn shows the same, and with
``INFOTHEORY_TASK=mnist:FOLDER`` in the environment, on MNIST. The kernel's width decides how far
this goes: at the 10 of the article the information on MNIST has its peak on the way. The last panel
shows that where the entropy starts is decided by the scale of the initial weights alone. The page
takes half a minute to three.
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
WIDTHS = (20.0, 10.0)  # the second is that of the article
MEASURES = [(name, width) for name in ("H(T):diffusion", "I(T;Y):diffusion") for width in WIDTHS]
task = tasks.load(os.environ.get("INFOTHEORY_TASK", "digits"))
pixels, digits = task.x[:SAMPLES], task.y[:SAMPLES]
torch.set_num_threads(1)
warnings.simplefilter("ignore", it.InfotheoryWarning)  # at the first steps all kernels are near 1


def network(seed, scale=None):
    """Two hidden layers, of weights N(0, scale^2) if asked; the recorder looks at the second."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential()
    sizes = (pixels.shape[1], UNITS, UNITS)
    for place, (before, after) in enumerate(itertools.pairwise(sizes)):
        layer = torch.nn.Linear(before, after)
        if scale is not None:
            torch.nn.init.normal_(layer.weight, std=scale)
            torch.nn.init.zeros_(layer.bias)
        net.add_module(f"linear{place}", layer)
        net.add_module(f"hidden{place}", torch.nn.ReLU())
    net.add_module("output", torch.nn.Linear(UNITS, 10))
    return net


def curve(seed, folder, shuffled):
    """Steps, and at each the entropies and informations of the second layer, in bits."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(digits) if shuffled else digits
    order = rng.permutation(len(pixels))
    x, y = torch.tensor(pixels[order], dtype=torch.float32), torch.tensor(labels[order])
    net = network(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    recorder = it.Recorder(
        net,
        layers="hidden1",
        measures=[it.measure(name, width=width) for name, width in MEASURES],
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
    found = {}
    for record in records:
        key = record["quantity"], record["params"]["sigma"]
        found.setdefault(key, []).append(record["value"])
    bits = {key: np.array(values) / np.log(2) for key, values in found.items()}
    return np.array(steps), bits


# %%
# Four networks with true labels, four with shuffled ones. A width is the same at every step.
with tempfile.TemporaryDirectory() as runs:
    curves = {
        shuffled: [curve(seed, Path(runs) / f"{shuffled}{seed}", shuffled) for seed in SEEDS]
        for shuffled in (False, True)
    }
scales = np.geomspace(0.01, 1, 9)
images = torch.tensor(pixels, dtype=torch.float32)
starts = []
for scale in scales:
    with torch.no_grad():
        layer = network(0, scale)[:4](images)
    starts.append(float(it.entropy(layer, method="diffusion", width=10.0).to("bits")))

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for shuffled, runs_of_one_kind in curves.items():
    for seed, (steps, bits) in zip(SEEDS, runs_of_one_kind, strict=True):
        for width in WIDTHS:
            label = f"{'shuffled' if shuffled else 'true'} labels, width {width:g}"
            style = {
                "color": "C1" if shuffled else "C0",
                "linestyle": "solid" if width == WIDTHS[0] else "dotted",
                "label": None if seed else label,
            }
            axes[0].plot(1 + steps, bits["H(T)", width], **style)
            axes[1].plot(1 + steps, bits["I(T;Y)", width], **style)
axes[0].set(xscale="log", xlabel="1 + step", title="spectral entropy [bits]")
axes[1].set(xscale="log", xlabel="1 + step", title="information about the label [bits]")
axes[0].legend(loc="upper left", fontsize="small")
axes[2].plot(scales, starts, ".-", color="C2")
axes[2].axhline(np.log2(len(pixels)), color="black", linestyle="dashed", linewidth=1)
axes[2].set(xscale="log", xlabel="standard deviation of initial weights")
axes[2].set(title="entropy before training [bits]")
plt.show()

# %%
# With the true labels both rise, in every run; of shuffled labels the network tells nothing on new
# data, though its entropy rises a little. The values in bits after the last step, over the seeds:
#
# =================  ============  ============  ============  ============
# ..                 digits, 20    digits, 10    MNIST, 20     MNIST, 10
# =================  ============  ============  ============  ============
# entropy            1.41 to 1.55  3.41 to 3.65  3.49 to 3.90  6.70 to 7.12
# information        0.89 to 0.96  1.81 to 1.86  1.37 to 1.43  1.14 to 1.26
# entropy, shuffled  0.09 to 0.12  0.31 to 0.38  0.80 to 0.84  2.43 to 2.53
# =================  ============  ============  ============  ============
#
# Did not reproduce: with width 10 on MNIST the information does not rise to the end. It has a peak
# of 1.47 to 1.58 bits after 100 to 160 steps, where the kernel just tells the classes apart, and
# falls while the entropy still rises: the activations outgrow the width. With width 20 it rises all
# the way. The article's larger networks reach 2.1 to 2.6 bits on MNIST, at width 10.
ENDS = {  # entropy, information, entropy with shuffled labels
    ("digits", 20): ((1.41, 1.55), (0.89, 0.96), (0.09, 0.12)),
    ("digits", 10): ((3.41, 3.65), (1.81, 1.86), (0.31, 0.38)),
    ("mnist", 20): ((3.49, 3.90), (1.37, 1.43), (0.80, 0.84)),
    ("mnist", 10): ((6.70, 7.12), (1.14, 1.26), (2.43, 2.53)),
}
for width in WIDTHS:
    for (steps, true), (_, random) in zip(curves[False], curves[True], strict=True):
        entropies, informations = true["H(T)", width], true["I(T;Y)", width]
        assert spearmanr(steps, entropies).statistic >= 0.8
        if (task.name, width) == ("mnist", 10):
            peak = informations.argmax()
            assert 100 <= steps[peak] <= 160
            assert 1.4 < informations[peak] < 1.65
            assert informations[-1] < informations[peak] - 0.2
        else:
            assert spearmanr(steps, informations).statistic >= 0.8
        told = np.abs(random["I(T;Y)", width] - random["I(T;Y)", width][0])
        assert told.max() <= 0.1
        assert told.max() <= (informations[-1] - informations[0]) / 3
        ends = entropies[-1], informations[-1], random["H(T)", width][-1]
        for end, (low, high) in zip(ends, ENDS.get((task.name, width), ()), strict=False):
            assert 0.95 * low - 0.02 <= end <= 1.05 * high + 0.02, (width, end)

# %%
# Before training, the entropy is a matter of scale: from nothing at a standard deviation of 0.01 to
# 10.8 bits, the ceiling, at 1. So only runs of one initialisation compare. Did not reproduce: at
# 0.1 the convolutions of the article are near their ceiling (13.3 bits, on CIFAR-10), but this
# network is at 0.05 bits (0.46 on MNIST). The scale that matters is that of the activations, which
# also depends on the inputs of a unit and on the number of layers.
assert (np.diff(starts) > 0).all()
assert starts[0] < 0.01
assert abs(starts[-1] - 10.8) < 0.05
assert starts[-1] > 0.99 * np.log2(len(pixels))
for name, start in (("digits", 0.05), ("mnist", 0.46)):
    assert task.name != name or abs(starts[4] - start) < 0.02
assert np.isclose(scales[4], 0.1)
