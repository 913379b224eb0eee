"""
Couplings of least entropy
==========================

How much can two variables share whose distributions are given, but not how they depend on each
other? As much as a coupling of least entropy leaves. Finding it is NP-hard; a greedy rule is within
0.53 bits of it (arXiv:2302.11838), and of random distributions far closer. With a bottleneck of
limited entropy between the two (arXiv:2410.21666), an encoder first has to choose what to keep.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import entr

import infotheory as it

LN2 = np.log(2)
rng = np.random.default_rng(0)

# %%
# No coupling has less entropy than ``lower``. The gap between it and the greedy coupling, for pairs
# of random distributions, shrinks with the number of outcomes. It is an upper bound on what
# the rule misses: of few outcomes most of it is due to the lower bound, which no coupling meets.
SIZES, REPEATS = (4, 16, 64, 256, 1024), (1000, 300, 100, 30, 10)
gaps = {
    n: [
        it.minimum_entropy_coupling(rng.dirichlet(np.ones(n), 2)).to("bits").gap
        for _ in range(repeats)
    ]
    for n, repeats in zip(SIZES, REPEATS, strict=True)
}

figure, axes = plt.subplots(figsize=(5.5, 3.5), layout="constrained")
axes.plot(SIZES, [np.mean(gaps[n]) for n in SIZES], "o-", label="mean")
axes.plot(SIZES, [np.max(gaps[n]) for n in SIZES], "^:", label="largest")
axes.set(xscale="log", xlabel="outcomes of each variable", ylabel="gap [bits]", ylim=(0, 0.65))
axes.set_xticks(SIZES, labels=map(str, SIZES))
axes.minorticks_off()
axes.legend()
plt.show()

# %%
# What a coupling looks like: a variable of 24 outcomes and one of 16, both uniform. Without a limit
# every outcome of X leads to one or two of Y. The lower the rate, the more outcomes of X are
# treated alike, and the less X tells about Y.
p_x, p_y = np.full(24, 1 / 24), np.full(16, 1 / 16)
couplings = {
    share: it.bottleneck_coupling(p_x, p_y, share * np.log(24)) for share in (1.0, 0.5, 0.25)
}

whole = plt.figure(figsize=(12, 4))
for part, (share, found) in zip(whole.subfigures(1, 3), couplings.items(), strict=True):
    kept = found.to("bits").information
    found.plot(figure=part, title=f"rate {share:g} H(X), {kept:.2f} bits")
plt.show()

# %%
# The encoder alone: how much can T tell about X = (.7, .2, .1), if its entropy is at most R? Of a
# function of X all entropy is information, so the best functions make steps. An encoder that splits
# one outcome of X at random does better between the steps. Brute force, over all encoders
# whose probabilities are multiples of 1/20, finds nothing better.
p = np.array([0.7, 0.2, 0.1])
rates = np.linspace(0.01, entr(p).sum() - 0.005, 80)
functions, splits = (
    [it.entropy_bounded_information(p, rate, randomised=choice).information for rate in rates]
    for choice in (False, True)
)

steps = 20
rows = [(a, b, steps - a - b) for a in range(steps + 1) for b in range(steps + 1 - a)]
rows = np.array(rows) / steps
lost = [chance * entr(rows).sum(axis=1) for chance in p]
entropies, informations = [], []
for first, of_first in zip(rows, lost[0], strict=True):
    p_t = p[0] * first + p[1] * rows[:, None] + p[2] * rows[None]
    entropies.append(entr(p_t).sum(axis=-1).ravel())
    informations.append(entropies[-1] - of_first - (lost[1][:, None] + lost[2]).ravel())
entropies, informations = np.concatenate(entropies), np.concatenate(informations)
brute = [informations[entropies <= rate].max() for rate in rates]

figure, axes = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
axes.plot(rates / LN2, rates / LN2, color="black", linewidth=1, label="ceiling: the rate")
axes.plot(rates / LN2, np.array(splits) / LN2, label="one outcome split")
axes.plot(rates / LN2, np.array(brute) / LN2, ".", markersize=4, label="brute force on a grid")
axes.plot(rates / LN2, np.array(functions) / LN2, "--", label="functions of X")
axes.set(xlabel="rate R [bits]", ylabel="I(X;T) [bits]")
axes.legend()
plt.show()

# %%
# The claims, checked.
means = [np.mean(gaps[n]) for n in SIZES]
assert (np.diff(means) < 0).all()
assert np.allclose(means, (0.302, 0.276, 0.215, 0.147, 0.099), atol=0.04)
assert max(map(max, gaps.values())) < np.log2(np.e)  # guaranteed above ``lower``
kept = [found.information for found in couplings.values()]
assert kept[0] > kept[1] > kept[2]
for found in couplings.values():
    assert found.encoder.entropy <= found.encoder.rate + 1e-12
    assert np.allclose(found.dense().sum(axis=0), p_y, atol=1e-15)
assert (np.array(splits) >= np.array(brute) - 1e-12).all()
assert (np.array(splits) >= functions).all()
assert (np.array(splits) <= rates + 1e-12).all()
