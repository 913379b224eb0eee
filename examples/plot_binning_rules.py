"""
One layer, four binning rules
=============================

The entropy of a binned layer depends on the rule that cuts the bins. Here nothing learns: random
activations of four units are only scaled up, as growing weights would do. A saturating layer and
a rectifying one are measured under all rules. The rules disagree about what happens.
"""

import matplotlib.pyplot as plt
import numpy as np

import infotheory as it

N, UNITS = 4096, 4
SCALES = np.logspace(-1, 2, 16)
RULES = {
    "fixed, bin_width 0.07": {"strategy": "fixed", "bin_width": 0.07},
    "range, 30 bins": {"strategy": "range", "bins": 30},
    "quantile, 30 bins": {"strategy": "quantile", "bins": 30},
    "unique, 30 bins": {"strategy": "unique", "bins": 30},
}
LAYERS = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}
# Three directions in the space of four units: the units are correlated, as in a real layer.
rng = np.random.default_rng(0)
activity = rng.standard_normal((N, 3)) @ rng.standard_normal((3, UNITS)) / np.sqrt(3)

# %%
# Bins of fixed width see a scaled rectifier grow without end. The three other rules follow the
# range or the ranks of the values, so that they do not notice the scale of a rectifier at all.
found = {}
for layer, function in LAYERS.items():
    for rule, options in RULES.items():
        estimates = [
            it.entropy(function(scale * activity), method="binned", **options) for scale in SCALES
        ]
        found[layer, rule] = np.array([float(e.to("bits")) for e in estimates])

# %%
# Every curve measures the same layer.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for axis, layer in zip(axes, LAYERS, strict=True):
    for rule, style in zip(RULES, ("-o", "--s", "-.^", ":D"), strict=True):
        axis.plot(SCALES, found[layer, rule], style, markersize=4, label=rule)
    axis.axhline(np.log2(N), color="black", linewidth=1)
    axis.set(xscale="log", xlabel="scale of the pre-activations", title=layer)
axes[0].text(SCALES[0], np.log2(N) + 0.1, "log2 n")
axes[0].set(ylabel="entropy of the binned layer [bits]", ylim=(2.5, 13))
axes[1].legend()
plt.show()

# %%
# The claim, checked: the same growth compresses tanh under fixed bins by bits, never a rectifier;
# the other rules give a rectifier one value whatever its scale.
fixed = "fixed, bin_width 0.07"
assert found["tanh", fixed].max() - found["tanh", fixed][-1] > 2
assert (np.diff(found["relu", fixed]) >= 0).all()
for rule in set(RULES) - {fixed}:
    assert np.ptp(found["relu", rule]) < 0.05
