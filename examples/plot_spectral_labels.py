"""
Wrong labels, columns of noise, and spectral information
========================================================

Two claims of Liao, Liu et al. (arXiv:2312.04823), tried again. Spectral information falls with
every label that is wrong, where that of a histogram rises first; this holds, with some values that
do not, but the rise comes from cutting each class into bins of its own: with bins that all classes
share, a histogram falls too. And spectral entropy bears columns of noise better than a histogram
does; this holds for a kernel whose width grows with the root of the number of columns, but not for
one of fixed width, and a histogram with many bins leaves nothing to compare. The page takes about
half a minute.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

import infotheory as it

BRANCHES, PER_BRANCH, TREES, WIDTH = (2, 5, 10), 100, 8, 10.0
WRONG = (0.0, 0.25, 0.5, 0.75, 1.0)
EXTRA = (0, 2, 5, 10, 20, 50, 100, 200, 500)
warnings.simplefilter("ignore", it.InfotheoryWarning)  # entropies at a ceiling are shown as such


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
    chosen = rng.choice(len(labels), int(share * len(labels)), replace=False)
    labels[chosen] = rng.permutation(labels[chosen])
    return labels


def spectral(samples, labels, **options):
    """Diffusion spectral information in bits."""
    found = it.mutual_information(samples, labels, method="diffusion", **options)
    return float(found.to("bits"))


def histogram(samples, strategy="columns", bins=2):
    """Entropy in bits of rows cut into bins."""
    return float(it.entropy(samples, method="binned", strategy=strategy, bins=bins).to("bits"))


def histogram_information(samples, labels, rng):
    """The same difference with histograms: random subsets less classes of their size.

    As the article's program does it, each of them is cut anew, over its own range: the entropies
    that are subtracted are of different bins, and the difference is no information.
    """
    falls = []
    for label in np.unique(labels):
        own = samples[labels == label]
        subsets = [rng.choice(len(samples), len(own), replace=False) for _ in range(5)]
        alike = np.mean([histogram(samples[rows]) for rows in subsets])
        falls.append(len(own) / len(samples) * (alike - histogram(own)))
    return sum(falls)


def shared_bins(samples, labels):
    """Shannon information in bits of labels and rows that are cut once, for all classes."""
    options = {"strategy": "columns", "bins": 2, "discrete_y": True}
    return float(it.mutual_information(samples, labels, method="binned", **options).to("bits"))


# %%
# Eight trees of each size, where the article has one, and three blobs in 20 columns.
paths, doubled, histograms, shared = {}, {}, [], []
for branches in BRANCHES:
    rows = []
    for seed in range(TREES):
        rng = np.random.default_rng(seed)
        samples, labels = tree(branches, rng)
        versions = [corrupted(labels, share, rng) for share in WRONG]
        rows.append([spectral(samples, wrong, width=WIDTH) for wrong in versions])
        if branches == 5:
            histograms.append([histogram_information(samples, wrong, rng) for wrong in versions])
            shared.append([shared_bins(samples, wrong) for wrong in versions])
        doubled[branches, seed] = spectral(samples, labels, width=WIDTH, t=2)
    paths[branches] = np.array(rows)
samples, labels = make_blobs(1500, 20, centers=3, random_state=0)
rng = np.random.default_rng(0)
blobs = [spectral(samples, corrupted(labels, share, rng)) for share in WRONG]
wider = spectral(*make_blobs(1500, 100, centers=3, random_state=0))
larger = spectral(*make_blobs(5000, 20, centers=3, random_state=0), repetitions=1)

# %%
# Three blobs with more and more columns of N(0, 1), which is also the spread of a blob: once in 2
# columns and once in 20 of their own.
noise = np.random.default_rng(0).standard_normal((300, EXTRA[-1]))
resilience = {}
for own in (2, 20):
    plain, _ = make_blobs(300, own, centers=3, random_state=0)
    for extra in EXTRA:
        samples = np.hstack([plain, noise[:, :extra]])
        for width in ("sqrt_dim", WIDTH):
            entropy = it.entropy(samples, method="diffusion", width=width)
            resilience[own, f"spectral, {width}", extra] = float(entropy.to("bits"))
        resilience[own, "2 bins", extra] = histogram(samples)
        resilience[own, "30 bins", extra] = histogram(samples, "range", 30)
NAMES = {
    "spectral, sqrt_dim": "spectrum, width √columns",
    "spectral, 10.0": "spectrum, width 10",
    "2 bins": "histogram, 2 bins",
    "30 bins": "histogram, 30 bins",
}

# %%
figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
for place, (branches, rows) in enumerate(paths.items()):
    axes[0, 0].plot(WRONG, rows.mean(0), ".-", color=f"C{place}", label=f"{branches} branches")
    axes[0, 0].fill_between(WRONG, rows.min(0), rows.max(0), color=f"C{place}", alpha=0.25)
axes[0, 0].plot(WRONG, blobs, ".--", color="C4", label="3 blobs")
axes[0, 0].set(title="spectral information [bits]")
axes[0, 0].legend()
axes[0, 1].plot(WRONG, np.transpose(histograms), color="gray", linewidth=0.8)
axes[0, 1].plot(WRONG, np.mean(histograms, axis=0), ".-", color="black", label="bins made anew")
axes[0, 1].plot(WRONG, np.transpose(shared), color="C1", linewidth=0.5)
axes[0, 1].plot(WRONG, np.mean(shared, axis=0), ".-", color="C1", label="bins of all classes")
axes[0, 1].set(title="information of a histogram, 5 branches [bits]")
axes[0, 1].legend()
for axis in axes[0]:
    axis.set(xlabel="share of labels permuted")
for axis, own in zip(axes[1], (2, 20), strict=True):
    for name, label in NAMES.items():
        axis.plot([resilience[own, name, extra] for extra in EXTRA], ".-", label=label)
    axis.axhline(np.log2(300), color="black", linestyle="dashed", linewidth=1)
    axis.set(title=f"entropy of 3 blobs in {own} columns [bits]", xlabel="columns of noise")
    axis.set(ylim=(0, 8.8))
    axis.set_xticks(range(len(EXTRA)), [str(extra) for extra in EXTRA])
axes[1, 1].legend(loc="lower right")
plt.show()

# %%
# Spectral information falls with the share of wrong labels in every tree, to 0 within 0.04 bits.
# Other trees of the same recipe are known to give the values below, in bits; all but one lie within
# 0.02 bits of the range of the eight trees.
TOLD = {
    2: (0.745, 0.209, 0.026, -0.004, 0.030),
    5: (1.756, 0.576, 0.277, 0.062, 0.018),
    10: (2.411, 0.858, 0.393, 0.117, 0.026),
}
strangers = []
for branches, rows in paths.items():
    assert (np.diff(rows, axis=1)[:, :2] < -0.03).all()  # later steps are within the scatter
    assert (rows[:, 0] > 2 * rows[:, 1]).all()
    assert (np.abs(rows[:, -1]) < 0.04).all()
    assert (rows[:, 0] < np.log2(branches)).all()
    for share, value, found in zip(WRONG, TOLD[branches], rows.T, strict=True):
        if not found.min() - 0.02 <= value <= found.max() + 0.02:
            strangers.append((branches, share))
for branches, right in {2: 0.78, 5: 1.77, 10: 2.42}.items():
    assert abs(paths[branches][:, 0].mean() - right) < 0.02
# Three blobs of 5000 points in 20 columns: 1.31 bits in the article's figure, whose blobs had no
# seed; here 1.32 to 1.34, by which subsets are drawn.
assert 1.31 < larger < 1.35
# With t = 2 and the right labels too, the values told are within the range.
for branches, value in {2: 0.710, 5: 1.820, 10: 2.710}.items():
    found = [doubled[branches, seed] for seed in range(TREES)]
    assert min(found) < value < max(found)

# %%
# What did not reproduce:
#
# - five branches with half of the labels permuted: 0.277 bits are told, ours are 0.20 on average
#   and 0.23 at most;
# - three blobs of 1500 points in 20 columns: 1.114 bits are told, ours are 1.160 with a standard
#   error of 0.005 (in 100 columns 0.871 are told, and 0.864 found);
# - a histogram of five branches with the right labels: 0.24 bits are told, ours are 0.05 on average
#   and 0.20 at most. With a quarter of the labels permuted 0.549 are told, and 0.53 found. So the
#   claim itself holds in every tree: such a histogram tells more about labels of which a quarter
#   is wrong than about the right ones.
assert strangers == [(5, 0.5)]
half = paths[5][:, WRONG.index(0.5)]
assert abs(half.mean() - 0.20) < 0.02
assert abs(half.max() - 0.23) < 0.02
assert abs(blobs[0] - 1.160) < 0.01
assert abs(wider - 0.864) < 0.01
assert abs(wider - 0.871) < 0.02
assert (np.diff(blobs) < 0).all()
assert abs(blobs[-1]) < 0.04
right, quarter = np.transpose(histograms)[:2]
assert abs(right.mean() - 0.05) < 0.02
assert abs(right.max() - 0.20) < 0.02
assert abs(quarter.mean() - 0.53) < 0.02
assert (quarter > right + 0.2).all()

# %%
# That is no fault of histograms, but of bins made anew for each class and each subset. A branch
# that is cut over its own range fills as many bins as all branches together, so that right labels
# seem to tell nothing. With bins that all classes share, which is what ``method="binned"`` does,
# the information falls with every label that is wrong, in every tree: from 2.27 bits of
# log2 5 = 2.32 to 1.12 on average. It does not fall to 0: the rows are in so many bins that labels
# permuted at random are told apart by chance, and a histogram of few samples does not know it.
# Spectral information, which takes away that of random subsets, does.
shared = np.array(shared)
assert (np.diff(shared, axis=1) < 0).all()
assert np.allclose(shared.mean(0), (2.27, 1.80, 1.45, 1.23, 1.12), atol=0.01)
assert (shared[:, -1] > 0.8).all()


# %%
# Columns of noise. Two bins in each column are at log2 300 = 8.23 bits after 20 columns of noise,
# from 1.87 bits of blobs in 2 columns, or 5.02 in 20. With the width at the root of the number of
# columns the spectrum goes from 3.69 to 6.07 bits under 500 columns of noise, or from 6.00 to
# 6.59: 65 and 10 %, against 340 and 64 %. This is the claim, and it holds. It does not hold
# in general. With the width at 10 the spectrum goes from 0.40 to 8.21 bits, or from 3.07 to 8.22,
# which is more than the histogram does. And with 30 bins the histogram is at 7.48 bits before any
# noise, or at its ceiling: it changes by 10 % or not at all, since it says nothing from the start.
def ends(own, name):
    """Entropy without noise, with all of it, and the change between, relative to the first."""
    first, last = resilience[own, name, 0], resilience[own, name, EXTRA[-1]]
    return first, last, last / first - 1


SEEN = {
    (2, "2 bins"): (1.87, 8.23, 3.40),
    (20, "2 bins"): (5.02, 8.23, 0.64),
    (2, "spectral, sqrt_dim"): (3.69, 6.07, 0.65),
    (20, "spectral, sqrt_dim"): (6.00, 6.59, 0.10),
    (2, "spectral, 10.0"): (0.40, 8.21, 19.5),
    (20, "spectral, 10.0"): (3.07, 8.22, 1.68),
    (2, "30 bins"): (7.48, 8.23, 0.10),
    (20, "30 bins"): (8.23, 8.23, 0.0),
}
for (own, name), values in SEEN.items():
    assert np.allclose(ends(own, name), values, rtol=0.01, atol=0.01), (own, name, ends(own, name))
for own in (2, 20):
    assert abs(resilience[own, "2 bins", 20] - np.log2(300)) < 0.01
    assert ends(own, "spectral, sqrt_dim")[2] < ends(own, "2 bins")[2] / 5
    assert ends(own, "spectral, 10.0")[2] > ends(own, "2 bins")[2]
