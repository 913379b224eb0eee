"""Entropic transport beside its peers: ``python benchmarks/transport.py [--quick] [--only TEXT]``.

Times are those at which the *true* error is reached: the sum of the absolute differences of both
marginals of the plan from the weights. Ours is asked for that error. A peer gets as many iterations
as it needs, which are sought beforehand; so the stopping rule of a peer, which often sees one
marginal in another norm, plays no part. Every time is that of the whole call, with the plan. The
contestants take turns, so that a busy machine slows them alike. Peers that are not installed are
left out; compiling (OTT, and ours) is not counted.
"""

import argparse
import functools
import math
import statistics
import time
import warnings

import numpy as np
from machine import describe, peak

import infotheory as it

try:
    import ot
except ImportError:
    ot = None
try:
    import regot
except ImportError:
    regot = None
try:
    import torch
    from geomloss import ot as geomloss
except ImportError:
    geomloss = None
try:
    import jax
    from ott import utils as _  # noqa: F401  (fails where the two do not fit together)
    from ott.geometry import geometry
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import sinkhorn as ott

    jax.config.update("jax_enable_x64", True)
except ImportError:
    jax = None

GOALS = (1e-6, 1e-9)
#: Iterations between two looks at a peer.
STEP = 10
#: Iterations at most: a peer that gives up at once never takes long.
MOST = 1_000_000


# Contestants: (cost, regularisation, iterations) to a plan -------------------------------------


def uniform(n):
    return np.full(n, 1 / n)


def by_pot(method):
    def plan(cost, reg, iterations):
        a = uniform(len(cost))
        return ot.sinkhorn(
            a, a, cost, reg, method=method, numItermax=iterations, stopThr=0.0, warn=False
        )

    return plan


def by_geomloss(cost, reg, iterations):
    return geomloss.solve(torch.from_numpy(cost), reg=reg, max_iter=iterations).plan.numpy()


@functools.cache
def ott_solver(log_domain, iterations):
    solver = ott.Sinkhorn(
        lse_mode=log_domain,
        threshold=-1.0,
        inner_iterations=STEP,
        min_iterations=iterations,
        max_iterations=iterations,
    )

    def plan(cost, reg):
        problem = linear_problem.LinearProblem(geometry.Geometry(cost_matrix=cost, epsilon=reg))
        return solver(problem).matrix

    return jax.jit(plan)


def by_ott(log_domain):
    def plan(cost, reg, iterations):
        return np.asarray(ott_solver(log_domain, iterations)(cost, reg))

    return plan


def peers():
    """Those that are installed."""
    found = {}
    if ot is not None:
        found["POT"] = by_pot("sinkhorn")
        found["POT log"] = by_pot("sinkhorn_log")
        found["POT stabilised"] = by_pot("sinkhorn_stabilized")
    if geomloss is not None:
        found["geomloss"] = by_geomloss
    if jax is not None:
        found["OTT log"] = by_ott(True)
        found["OTT kernel"] = by_ott(False)
    return found


def ours(cost, reg, tol):
    return it.sinkhorn(cost=cost, reg=reg, tol=tol).plan


# Problems --------------------------------------------------------------------------------------


def cloud(n, d):
    """Squared distances of two normal samples, in units of their mean."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 0.5
    cost = np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2 * x @ y.T
    return cost / cost.mean()


def error(plan):
    """Sum of absolute differences of both marginals from uniform weights."""
    n, m = plan.shape[-2:]
    found = np.abs(plan.sum(-2) - 1 / m).sum(-1) + np.abs(plan.sum(-1) - 1 / n).sum(-1)
    return float(np.max(np.where(np.isfinite(found), found, np.inf)))


# Measuring -------------------------------------------------------------------------------------


def timed(function, *arguments):
    start = time.perf_counter()
    found = function(*arguments)
    return time.perf_counter() - start, found


class Search:
    """How many iterations a peer needs for each goal, within a number of seconds for one run."""

    def __init__(self, run, seconds):
        self.run, self.seconds = run, seconds
        self.seen = {}  # iterations: (seconds, error)

    def at(self, iterations):
        """Seconds and error of so many iterations."""
        if iterations not in self.seen:
            if not self.seen:
                self.run(STEP)  # compiles
            seconds, plan = timed(self.run, iterations)
            self.seen[iterations] = seconds, error(plan)
        return self.seen[iterations]

    def reach(self, goal):
        """The least number of iterations found to reach the goal, or None."""
        count = STEP
        while self.at(count)[1] > goal:
            seconds, found = self.at(count)
            if 1.5 * seconds > self.seconds or count > MOST or not np.isfinite(found):
                return None
            if found > 1.99:  # next to nothing is where it belongs
                return None
            # As the error falls, so it will: the count that two errors foretell, twice at most.
            before = self.at(count // 2)[1] if count > STEP and count % 20 == 0 else math.inf
            rate = math.log(before / found) / (count / 2) if found < before < math.inf else 0.0
            need = math.log(found / goal) / rate if rate > 0 else math.inf
            count += STEP * math.ceil(min(need, count) / STEP)
        low = max((k for k in self.seen if k < count and self.at(k)[1] > goal), default=0)
        while count - low > max(STEP, count // 8):
            middle = STEP * round((low + count) / 2 / STEP)
            if self.at(middle)[1] <= goal:
                count = middle
            else:
                low = middle
        return count

    def failure(self):
        """What came of it where no number of iterations was enough."""
        seconds, found = self.seen[max(self.seen)]
        if not np.isfinite(found) or found > 1.99:
            return "fails"
        return f"{found:.0e} after {seconds:.3g} s"


def medians(ways, rounds):
    """Seconds of each way, the ways taking turns; slow ones once."""
    times = {name: [] for name in ways}
    for turn in range(rounds):
        for name, way in ways.items():
            if turn == 0 or times[name][0] < 2.0:
                times[name].append(timed(way)[0])
    return {name: statistics.median(taken) for name, taken in times.items()}


def shown(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 10 else f"{1e3 * seconds:.0f}"


def cell(goal, cost, reg, searches, rounds):
    """One row: ours, and each peer in milliseconds, with how many times ours that is."""
    counts = {name: search.reach(goal) for name, search in searches.items()}
    ways = {"ours": lambda: ours(cost, reg, goal)}
    for name, count in counts.items():
        if count is not None:
            ways[name] = functools.partial(searches[name].run, count)
    reached = error(ways["ours"]())
    assert reached <= 1.001 * goal, reached
    times = medians(ways, rounds)
    texts = [f"**{shown(times['ours'])}**"]
    for name, search in searches.items():
        if name in times:
            texts.append(f"{shown(times[name])} ({times[name] / times['ours']:.2g})")
        else:
            texts.append(search.failure())
    rivals = [seconds for name, seconds in times.items() if name != "ours"]
    best = f"{min(rivals) / times['ours']:.2g}" if rivals else "none reaches it"
    return [*texts, best], times


def line(*texts):
    print("| " + " | ".join(texts) + " |", flush=True)


# Tables ----------------------------------------------------------------------------------------


def clouds(quick, only):
    contestants = peers()
    rounds, seconds = (3, 2.0) if quick else (5, 20.0)
    for n in (1000,) if quick else (1000, 5000):
        heading = False
        for d in (2, 64):
            for reg in (0.1, 0.01, 0.001):
                if only not in f"n={n} d={d} eps={reg}":
                    continue
                if not heading:
                    print(f"\nClouds of n = {n:,} points\n")
                    line("d, eps / mean, error", "ours", *contestants, "best peer / ours")
                    line(*("---" for _ in range(len(contestants) + 3)))
                    heading = True
                cost = cloud(n, d)
                searches = {
                    name: Search(functools.partial(run, cost, reg), seconds)
                    for name, run in contestants.items()
                }
                for goal in GOALS:
                    texts, _ = cell(goal, cost, reg, searches, rounds if n < 5000 else 3)
                    line(f"{d}, {reg}, {goal:.0e}", *texts)


def assignment(quick, only):
    if regot is None or only not in "assignment n=500":
        return
    print("\nRandom assignment, n = 500, eta = 1200\n")
    line("seed, error", "ours", "regot SSNS")
    line("---", "---", "---")
    a, reg = uniform(500), 1 / 1200
    for seed in range(2 if quick else 5):
        cost = np.random.default_rng(seed).random((500, 500))

        def ssns(tol, cost=cost):
            return regot.sinkhorn_ssns(cost, a, a, reg, tol=tol, max_iter=1000).plan

        for goal in GOALS:
            tol = next(t for t in 10.0 ** -np.arange(5, 13) if error(ssns(t)) <= goal)
            times = medians(
                {
                    "ours": functools.partial(ours, cost, reg, goal),
                    "regot": functools.partial(ssns, tol),
                },
                5,
            )
            line(
                f"{seed}, {goal:.0e}",
                f"**{shown(times['ours'])}**",
                f"{shown(times['regot'])} ({times['regot'] / times['ours']:.2g})",
            )


def batch(quick, only):
    if ot is None or only not in "batch of 256":
        return
    print("\n256 problems of 32 x 32 costs, uniform on (0, 1)\n")
    line("eps, error", "ours", "loop of POT")
    line("---", "---", "---")
    costs, a = np.random.default_rng(0).random((256, 32, 32)), uniform(32)
    for reg in (0.05,) if quick else (0.5, 0.05, 0.01):
        for goal in GOALS:

            def loop(iterations, reg=reg):
                options = {"numItermax": iterations, "stopThr": 0.0, "warn": False}
                return np.stack([ot.sinkhorn(a, a, cost, reg, **options) for cost in costs])

            def many(reg=reg, goal=goal):
                return np.stack([f.plan for f in it.sinkhorn(cost=costs, reg=reg, tol=goal)])

            search = Search(loop, 5.0)
            count = search.reach(goal)
            assert error(many()) <= 1.001 * goal
            ways = {"ours": many}
            if count is not None:
                ways["loop"] = functools.partial(loop, count)
            times = medians(ways, 5)
            beside = search.failure()
            if count is not None:
                beside = f"{shown(times['loop'])} ({times['loop'] / times['ours']:.2g})"
            line(f"{reg}, {goal:.0e}", f"**{shown(times['ours'])}**", beside)


def memory(quick, only):
    if only not in "memory":
        return
    n = 1000 if quick else 5000
    print(f"\nMemory beyond the costs, n = {n:,}, as multiples of the costs\n")
    line("d, eps / mean", "potentials and value", "with the plan")
    line("---", "---", "---")
    for d in (2, 64):
        cost = cloud(n, d)
        for reg in (0.1, 0.01, 0.001):
            alone, _, found = peak(functools.partial(it.sinkhorn, cost=cost, reg=reg))
            beside, *_ = peak(lambda found=found: found.plan)
            del found
            size = cost.nbytes / 1e6
            line(f"{d}, {reg}", f"{alone / size:.2f}", f"{beside / size:.2f}")


def streamed(quick, only):
    if only not in "streamed":
        return
    print("\nPoints, streamed: 2 columns, eps = 0.1 of the mean cost, to an error of 1e-6\n")
    line("n", "sweeps", "seconds", "true error", "peak MB")
    line(*("---" for _ in range(5)))
    for n in (5_000,) if quick else (20_000, 50_000):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + 0.5
        options = {"reg": 0.1, "reg_scale": "mean", "tol": 1e-6}
        size, seconds, found = peak(functools.partial(it.sinkhorn, x, y, **options))
        line(
            f"{n:,}", str(found.iterations), f"{seconds:.3g}", f"{found.marginal_error:.0e}",
            f"{size:.3g}",
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="n up to 1,000, shorter searches")
    parser.add_argument("--only", default="", help="rows with this in their name, without a head")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # what peers say of their failures is in their errors
    if not options.only:
        names = ", ".join(peers()) or "none"
        print(f"{describe()} Peers: {names}.\n")
        print("Milliseconds for a plan whose true error is at most that of the row, in brackets as")
        print("multiples of ours; how far a peer came where it does not reach it.")
    for reg in (0.1, 0.01, 0.001):  # compiles
        it.sinkhorn(cost=cloud(600, 2), reg=reg).plan  # noqa: B018
    for table in (clouds, assignment, batch, memory, streamed):
        table(options.quick, options.only)


if __name__ == "__main__":
    main()
