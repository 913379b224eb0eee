"""
Spectral entropy counts what a kernel can tell apart
====================================================

Two figures of Liao, Liu et al. (arXiv:2312.04823), made again. Left: samples that vary in the first
d of 2048 columns, with some noise in all of them. The entropy of their diffusion grows with d up to
the logarithm of the number of samples, later for longer diffusion times t, while the entropy of a
histogram is at its ceiling everywhere. Right: trees whose branches are labels, of which more and
more are wrong; the information about the label falls with them.
"""

import matplotlib.pyplot as plt
import numpy as np

import infotheory as it

N, COLUMNS, WIDTH = 500, 2048, 10.0
DIMENSIONS = (102, 307, 512, 717, 1024, 1331, 1536, 2048)
TIMES = (1, 2, 3, 5)
BRANCHES, PER_BRANCH = (2, 5, 10), 100
CORRUPTED = (0.0, 0.25, 0.5, 0.75, 1.0)


def toy(d, noise, rng):
    """Uniform in the first d columns, one constant in the others, and noise in all."""
    samples = np.full((N, COLUMNS), rng.uniform(-1, 1))
    samples[:, :d] = rng.uniform(-1, 1, (N, d))
    return samples + noise * rng.uniform(-1, 1, (N, COLUMNS))


def tree(branches, rng):
    """Branches that are random walks, each from a point of an earlier one, in 20 dimensions."""
    walks = [np.cumsum(rng.uniform(-1, 1, (PER_BRANCH, 20)), axis=0)]
    for _ in range(branches - 1):
        start = walks[rng.integers(len(walks))][rng.integers(PER_BRANCH)]
        walks.append(start + np.cumsum(rng.uniform(-1, 1, (PER_BRANCH, 20)), axis=0))
    return np.concatenate(walks), np.repeat(np.arange(branches), PER_BRANCH)


def corrupted(labels, share, rng):
    """The labels with a share of them permuted among themselves."""
    labels = labels.copy()
    chosen = rng.random(len(labels)) < share
    labels[chosen] = rng.permutation(labels[chosen])
    return labels


# %%
# One draw of each; the figure of the article averages three.
rng = np.random.default_rng(0)
entropies = {
    (t, d): float(it.entropy(samples, method="diffusion", width=WIDTH, t=t).to("bits"))
    for d in DIMENSIONS
    for samples in [toy(d, 0.01, rng)]
    for t in TIMES
}
informations = {}
for branches in BRANCHES:
    samples, labels = tree(branches, np.random.default_rng(0))
    for share in CORRUPTED:
        wrong = corrupted(labels, share, np.random.default_rng(1))
        told = it.mutual_information(samples, wrong, method="diffusion", width=WIDTH)
        informations[branches, share] = float(told.to("bits"))

# %%
ceiling = np.log2(N)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for t in TIMES:
    axes[0].plot(DIMENSIONS, [entropies[t, d] for d in DIMENSIONS], ".-", label=f"t = {t}")
axes[0].axhline(ceiling, color="black", linestyle="dashed", linewidth=1)
axes[0].text(DIMENSIONS[0], ceiling, f"ln n = {ceiling:.2f} bits", va="bottom")
axes[0].set(xlabel="columns that vary", ylabel="spectral entropy [bits]", ylim=(0, ceiling + 0.8))
axes[0].legend()
for branches in BRANCHES:
    axes[1].plot(
        CORRUPTED,
        [informations[branches, s] for s in CORRUPTED],
        ".-",
        label=f"{branches} branches",
    )
axes[1].set(xlabel="share of labels permuted", ylabel="information about the label [bits]")
axes[1].legend()
plt.show()

# %%
# The entropies agree with the published curves to what their drawing allows. The information
# falls as in the article; its values for clean labels depend on the tree, of which the article
# draws another.
for (t, d), published in {(1, 102): 2.97, (1, 512): 7.92, (2, 512): 0.62, (3, 1024): 1.10}.items():
    assert abs(entropies[t, d] - published) < 0.15, (t, d, entropies[t, d])
assert entropies[1, 2048] > 0.99 * ceiling
assert entropies[5, 1536] < entropies[1, 1536]
for branches in BRANCHES:
    falling = [informations[branches, share] for share in CORRUPTED]
    assert falling[0] > 2 * falling[1] > 0
    assert abs(falling[-1]) < 0.1
    assert falling[0] <= np.log2(branches)
