"""
Entropic transport at any regularisation
========================================

As the regularisation shrinks, Sinkhorn's kernel underflows, forms that are meant to be stable need
more iterations than anyone waits for, and a package may return a plan that is far from its weights.
Here costs of eight kinds, from clouds of points to assignments of integers, meet
regularisations from a tenth down to a ten-thousandth of the mean cost. A cell is right if the sums
of the plan's rows and columns are within 1e-6 of the weights, and its cost is that of the best
plan, which two bounds certify. Other packages are asked with their defaults.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import ot

import infotheory as it

N = 64
SHARES = (1e-1, 1e-2, 1e-3, 1e-4)  # regularisation over mean cost
METHODS = ("sinkhorn", "sinkhorn_stabilized", "sinkhorn_epsilon_scaling")

# %%
# Costs and weights: clouds in two and in 64 dimensions with squared and absolute distances, five
# clusters far apart, a random assignment, costs with many ties, a grid of integers with unequal
# weights, and weights over twelve powers of ten.
rng = np.random.default_rng(0)


def distances(x, y, order=2):
    """Between points, squared or plain."""
    squares = ((x[:, None] - y[None]) ** 2).sum(-1)
    return squares if order == 2 else np.sqrt(squares)


flat = rng.standard_normal((N, 2)), 0.5 + rng.standard_normal((N, 2))
deep = rng.standard_normal((N, 64)), 0.5 + rng.standard_normal((N, 64))
centres = 30 * rng.standard_normal((5, 2))
grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(-1, 2)
uniform = np.full(N, 1 / N)


def weights(spread):
    """Random, over so many powers of ten."""
    drawn = 10 ** rng.uniform(-spread, 0, N)
    return drawn / drawn.sum()


problems = {
    "plane, squared": (distances(*flat), uniform, uniform),
    "plane, absolute": (distances(*flat, order=1), uniform, uniform),
    "64-D, squared": (distances(*deep), uniform, uniform),
    "clusters": (
        distances(
            centres[np.arange(N) % 5] + rng.standard_normal((N, 2)),
            centres[rng.integers(0, 5, N)] + rng.standard_normal((N, 2)),
        ),
        uniform,
        uniform,
    ),
    "assignment": (rng.random((N, N)), uniform, uniform),
    "ties": (rng.integers(0, 20, (N, N)).astype(float), uniform, uniform),
    "grid, unequal": (distances(grid, grid), weights(1), weights(1)),
    "twelve decades": (distances(*flat), weights(12), weights(12)),
}

# %%
# Ours: the plan is within 1e-9 of its weights, and between its bounds there is next to nothing.
exact = {name: ot.emd2(a, b, cost) for name, (cost, a, b) in problems.items()}
ours = {}
for name, (cost, a, b) in problems.items():
    for share in SHARES:
        found = it.sinkhorn(cost=cost, a=a, b=b, reg=share, reg_scale="mean")
        assert found.converged
        assert np.abs(found.plan.sum(1) - a).sum() + np.abs(found.plan.sum(0) - b).sum() <= 1.1e-9
        assert found.upper - found.lower <= 1e-6 * cost.mean()
        ours[name, share] = found
    costs = np.array([ours[name, share].cost for share in SHARES])
    assert (np.diff(costs) <= 1e-8 * cost.mean()).all()
    assert 0 <= costs[-1] - exact[name] + 1e-8 * cost.mean() <= 2e-3 * cost.mean()

# %%
# The others.
warnings.simplefilter("ignore")
right = np.zeros((len(METHODS), len(problems), len(SHARES)), dtype=bool)
for row, (name, (cost, a, b)) in enumerate(problems.items()):
    for column, share in enumerate(SHARES):
        for place, method in enumerate(METHODS):
            with np.errstate(all="ignore"):
                plan = ot.sinkhorn(a, b, cost, share * cost.mean(), method=method)
            error = np.abs(plan.sum(1) - a).sum() + np.abs(plan.sum(0) - b).sum()
            gap = abs(float((plan * cost).sum()) - ours[name, share].cost)
            right[place, row, column] = error <= 1e-6 and gap <= 1e-5 * cost.mean()

# %%
tables = [("infotheory", np.ones_like(right[0])), *zip(METHODS, right, strict=True)]
figure, axes = plt.subplots(1, 4, figsize=(10, 3.6), sharey=True, layout="constrained")
for axis, (name, table) in zip(axes, tables, strict=True):
    axis.imshow(table, cmap="RdYlGn", vmin=-0.3, vmax=1.3, aspect="auto")
    for (row, column), good in np.ndenumerate(table):
        axis.text(column, row, "right" if good else "wrong", ha="center", va="center", size=8)
    axis.set(title=name, xlabel="regularisation / mean cost")
    axis.set_xticks(range(len(SHARES)), [f"{share:g}" for share in SHARES])
    axis.set_yticks(range(len(problems)), problems)
plt.show()

# %%
# Ours is right in every cell. The others are at a tenth of the mean cost; the plain and the
# stabilised form are nowhere from a thousandth on, and scaling the regularisation down, which takes
# longest, helps in about half of the cells.
assert right[:, :, 0].all()
assert not right[:2, :, 2:].any()
assert right[2, :, 2:].mean() < 0.75
