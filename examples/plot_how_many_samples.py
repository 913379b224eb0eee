"""
How many samples does an entropy need?
======================================

A loaded die with fifty faces is thrown n times. The plug-in entropy is too small by about
(m - 1) / 2n. Miller and Madow add that term back; Grassberger's correction works sooner, before
every face has been seen.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import infotheory as it

FACES, REPEATS = 50, 200
SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000)
rng = np.random.default_rng(0)  # one generator, made once, handed down

probabilities = 1 / np.arange(1, FACES + 1)
probabilities /= probabilities.sum()
exact = -(probabilities @ np.log2(probabilities))

# %%
# Each estimator sees the same throws. What counts is the mean over many experiments: its distance
# from the exact entropy is the bias, which more experiments of the same size do not cure.
# (In ten throws nearly every face is new, and the package warns of that; here it is the point.)
warnings.simplefilter("ignore", it.InfotheoryWarning)
methods = ("plugin", "miller_madow", "grassberger")
found = {method: np.empty((len(SIZES), REPEATS)) for method in methods}
for i, n in enumerate(SIZES):
    for repeat in range(REPEATS):
        throws = rng.choice(FACES, size=n, p=probabilities)
        for method in methods:
            found[method][i, repeat] = it.entropy(throws, method=method).to("bits")

# %%
# The band is one standard deviation of a single experiment.
figure, axis = plt.subplots(figsize=(6.4, 4), layout="constrained")
axis.axhline(exact, color="black", linewidth=1, label=f"exact, {exact:.2f} bits")
for method, marker, colour in zip(methods, "os^", ("#0072B2", "#E69F00", "#009E73"), strict=True):
    mean, deviation = found[method].mean(axis=1), found[method].std(axis=1)
    axis.plot(SIZES, mean, marker=marker, color=colour, label=method)
    axis.fill_between(SIZES, mean - deviation, mean + deviation, color=colour, alpha=0.15)
axis.set(xscale="log", xlabel="throws n", ylabel="entropy [bits]")
axis.set_xticks(SIZES, SIZES)
axis.minorticks_off()
axis.set_title(f"A die with {FACES} faces, mean of {REPEATS} experiments")
axis.legend()
plt.show()

# %%
# The claim, checked: with twice as many throws as faces, Miller and Madow leave less than half of
# the plug-in bias and Grassberger less than a fifth; and with few throws the order is the same.
bias = {method: abs(found[method].mean(axis=1) - exact) for method in methods}
enough, few = SIZES.index(100), SIZES.index(20)
assert bias["miller_madow"][enough] < bias["plugin"][enough] / 2
assert bias["grassberger"][enough] < bias["plugin"][enough] / 5
assert bias["grassberger"][few] < bias["miller_madow"][few] < bias["plugin"][few]
