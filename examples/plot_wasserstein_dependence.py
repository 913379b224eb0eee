"""
Wasserstein dependence, with and without its null
=================================================

The Wasserstein dependence of two variables is the cost of moving their joint distribution to the
product of its marginals. For normal variables of variance 1 and correlation r, with squared
distances, it is 4 - 2 (sqrt(1 + r) + sqrt(1 - r)). From samples the product is made by shuffling
one variable against the other, and any two finite sets of points are some cost apart, dependent or
not. So an estimate is only worth something beside its null: the cost between two shuffles.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

import infotheory as it

SIZES, SEEDS = (125, 250, 500, 1000), range(12)
TRUTHS = {r: 4 - 2 * (math.sqrt(1 + r) + math.sqrt(1 - r)) for r in (0.8, 0.0)}


def measured(correlation, n, seed):
    """The cost of the best assignment: raw, its null, and the first less the second."""
    rng = np.random.default_rng(seed)
    x, noise = rng.standard_normal((2, n))
    y = correlation * x + math.sqrt(1 - correlation**2) * noise
    found = it.mutual_information(x, y, method="wasserstein", solver="exact", shifts=1)
    return found.diagnostics["raw"], found.diagnostics["null"], found.value


# %%
# Axes: correlation, samples, seed, and the three numbers.
found = np.array([[[measured(r, n, seed) for seed in SEEDS] for n in SIZES] for r in TRUTHS])
means = found.mean(axis=2)
errors = found.std(axis=2, ddof=1) / math.sqrt(len(SEEDS))

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharex=True, layout="constrained")
names = ("raw", "null", "raw less null")
for axis, (r, truth), mean, error in zip(axes, TRUTHS.items(), means, errors, strict=True):
    axis.axhline(truth, color="black", linewidth=1, linestyle="dashed", label="truth")
    for k, name in enumerate(names):
        axis.errorbar(SIZES, mean[:, k], 2 * error[:, k], marker="o", capsize=3, label=name)
    axis.set(xscale="log", xlabel="samples", title=f"correlation {r:g}")
    axis.set_xticks(SIZES, map(str, SIZES))
    axis.minorticks_off()
axes[0].set_ylabel("squared Wasserstein distance")
axes[1].legend()
plt.show()

# %%
# Of independent variables the raw cost is nothing but its null, and it falls slowly: at n = 125 it
# is more than a fourth of what a correlation of .8 amounts to. Less its null, it is 0 within its
# error at any size. Of dependent variables the raw cost is too high, by about the null; what is
# left is the truth within the error.
for (_, truth), mean, error in zip(TRUTHS.items(), means, errors, strict=True):
    raw, null, debiased = mean.T
    assert (np.diff(null) < 0).all()
    assert (raw > truth).all()
    assert (np.abs(debiased - truth) < 3 * error[:, 2]).all()
    assert np.abs(debiased - truth).sum() < 0.6 * (raw - truth).sum()
assert means[1][0, 0] > TRUTHS[0.8] / 4
