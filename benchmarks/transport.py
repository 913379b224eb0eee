"""Entropic transport beside its peers, in one run: ``python benchmarks/transport.py [--quick]``.

Each row is one problem. The contestants take turns, so that a busy machine slows them alike; a cell
has median milliseconds, in brackets how many times ours that is, and the true error: the sum of the
absolute differences of both marginals from the weights. Ours is asked for 1e-9. Peers are asked for
1e-6 by tests of their own, most of which see one marginal; they are left out where they are not
installed.
"""

import argparse
import time
import warnings

import numpy as np
from machine import describe

import infotheory as it
from infotheory.ops.kernels.transport import squared_distances

try:
    import ot
except ImportError:
    ot = None
try:
    import regot
except ImportError:
    regot = None


def cloud(n, d):
    rng = np.random.default_rng(0)
    cost = squared_distances(rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 0.5)
    return cost / cost.mean()


def ours(cost, reg):
    return it.sinkhorn(cost=cost, reg=reg).plan


def pot(method):
    def solve(cost, reg):
        a = np.full(len(cost), 1 / len(cost))
        return ot.sinkhorn(a, a, cost, reg, method=method, numItermax=2_000, stopThr=1e-6)

    return solve


def ssns(cost, reg):
    a = np.full(len(cost), 1 / len(cost))
    return regot.sinkhorn_ssns(cost, a, a, reg, tol=1e-9, max_iter=1000).plan


def error(plan):
    n = len(plan)
    found = np.abs(plan.sum(axis=0) - 1 / n).sum() + np.abs(plan.sum(axis=1) - 1 / n).sum()
    return found if np.isfinite(found) else np.inf


def peers(names):
    known = {"ours": ours}
    if ot is not None:
        known |= {
            "POT": pot("sinkhorn"),
            "POT log": pot("sinkhorn_log"),
            "POT stabilised": pot("sinkhorn_stabilized"),
        }
    if regot is not None:
        known["regot SSNS"] = ssns
    return {name: known[name] for name in names if name in known}


def timed(function, *arguments):
    start = time.perf_counter()
    found = function(*arguments)
    return time.perf_counter() - start, found


def row(job, contestants, cost, reg, rounds):
    times, errors = {}, {}
    for turn in range(rounds):
        for name, run in contestants.items():
            if turn == 0 or times[name][0] < 2.0:
                seconds, plan = timed(run, cost, reg)
                times.setdefault(name, []).append(seconds)
                errors[name] = error(plan)
    middle = {name: np.median(taken[1:] or taken) for name, taken in times.items()}
    cells = [
        f"{name} {1e3 * seconds:.0f}"
        + ("" if name == "ours" else f" ({seconds / middle['ours']:.1f})")
        + f" err {errors[name]:.0e}"
        for name, seconds in middle.items()
    ]
    print(f"{job:32}", " | ".join(cells), flush=True)


def batch_row(rounds):
    costs = np.random.default_rng(0).random((256, 32, 32))
    a = np.full(32, 1 / 32)
    ways = {"ours": lambda: it.sinkhorn(cost=costs, reg=0.05)}
    if ot is not None:
        ways["loop of POT"] = lambda: [ot.sinkhorn(a, a, c, 0.05, stopThr=1e-9) for c in costs]
    times = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            times[name].append(timed(way)[0])
    middle = {name: np.median(taken[1:]) for name, taken in times.items()}
    cells = [f"{name} {1e3 * s:.1f} ({s / middle['ours']:.1f})" for name, s in middle.items()]
    print(f"{'256 problems of 32 x 32':32}", " | ".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="n up to 1,000 and fewer rounds")
    quick = parser.parse_args().quick
    rounds = 3 if quick else 5
    warnings.simplefilter("ignore")  # what peers say of their failures is in their errors
    ours(cloud(50, 2), 0.1)

    print("Milliseconds (times ours), true error; regularisation relative to the mean cost")
    for d in (2, 64):
        cost = cloud(1000, d)
        slow = () if quick else ("POT log",)
        for reg, names in (
            (0.1, ("ours", "POT", *slow, "regot SSNS")),
            (0.01, ("ours", "POT", "regot SSNS")),
            (0.001, ("ours", "POT stabilised", "regot SSNS")),
        ):
            row(f"n=1000 d={d} eps={reg}", peers(names), cost, reg, rounds)
    if not quick:
        for d in (2, 64):
            cost = cloud(5000, d)
            for reg in (0.1, 0.01, 0.001):
                names = ("ours", "POT") if reg == 0.1 else ("ours",)
                row(f"n=5000 d={d} eps={reg}", peers(names), cost, reg, 3)
    for seed in (0, 1):
        cost = np.random.default_rng(seed).random((500, 500))
        names = peers(("ours", "regot SSNS"))
        row(f"assignment n=500, seed {seed}", names, cost, 1 / 1200, rounds)
    batch_row(rounds)


if __name__ == "__main__":
    print(describe(), end="\n\n```text\n")
    main()
    print("```")
