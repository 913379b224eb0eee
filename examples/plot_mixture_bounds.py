"""
Two bounds, and the ceiling of both
===================================

Samples plus Gaussian noise are a mixture of normals. Pairwise distances bound its entropy from
below and from above; noisy draws estimate it in between. Less the entropy of the noise, all three
are the information of the noisy variable about the sample, which cannot exceed ln n.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import infotheory as it

N = 800
DIMENSIONS = (1, 5, 20)
BOUNDS = ("lower", None, "upper")  # None: the mixture itself, by Monte Carlo
VARIANCES = np.logspace(-5, 0, 11)
rng = np.random.default_rng(0)


def information(samples, variance, bound):
    """Information of sample + noise about the sample, and its standard error, in bits."""
    options = {"noise_variance": variance, "bound": bound, "draws": 2}
    estimate = it.entropy(samples, method="mixture", **options).to("bits")
    return estimate.diagnostics["information"], estimate.stderr


# %%
# Noise that is too small tells all samples apart. The package then warns that the value is at
# its ceiling ln n: a fact about n, not about the variable. Here that is wanted.
warnings.simplefilter("ignore", it.InfotheoryWarning)
found = {}
for d in DIMENSIONS:
    samples = rng.random((N, d))
    for bound in BOUNDS:
        found[d, bound] = np.array([information(samples, s, bound) for s in VARIANCES]).T

# %%
# The band between the bounds closes where the noise hides nothing.
ceiling = np.log2(N)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), sharey=True, layout="constrained")
for axis, d in zip(axes, DIMENSIONS, strict=True):
    lower, middle, upper = (found[d, bound][0] for bound in BOUNDS)
    axis.axhline(ceiling, color="black", linewidth=1, linestyle="dashed")
    axis.text(VARIANCES[-1], ceiling, f"log2 n = {ceiling:.2f} bits", ha="right", va="bottom")
    axis.fill_between(VARIANCES, lower, upper, alpha=0.3, label="between the bounds")
    axis.plot(VARIANCES, middle, "k.-", label="Monte Carlo")
    axis.set(xscale="log", xlabel="variance of the noise", title=f"uniform, d = {d}, n = {N}")
axes[0].set(ylabel="information [bits]", ylim=(0, ceiling + 0.9))
axes[2].legend(loc="lower left")
plt.show()

# %%
# The claim, checked at every noise and dimension: lower <= Monte Carlo <= upper <= ln n, where
# Monte Carlo is given two of its standard errors, since it is drawn.
for d in DIMENSIONS:
    (lower, _), (middle, error), (upper, _) = (found[d, bound] for bound in BOUNDS)
    assert (lower <= middle + 2 * error + 1e-9).all()
    assert (middle - 2 * error <= upper + 1e-9).all()
    assert (upper <= ceiling + 1e-9).all()
