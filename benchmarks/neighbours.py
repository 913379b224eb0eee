"""Neighbour searches beside their peers, in one run: ``python benchmarks/neighbours.py [--quick]``.

Each row is one job, and ours is the verb that a user calls. The contestants take turns, so that a
busy machine slows them alike, and the table gives median milliseconds and, in brackets, how many
times ours that is. A ratio below 1.3 means nothing. "-" marks a peer that cannot do the job;
"skipped" one whose time, extrapolated from the last smaller n, would exceed the limit.
"""

import argparse
import itertools
import time
import warnings

import numpy as np
from ennemi import estimate_entropy, estimate_mi
from machine import describe, peak
from scipy.spatial import cKDTree
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_regression
from sklearn.neighbors import NearestNeighbors

import infotheory as it

K = 3
WORKERS = 2
LIMIT = 30.0  # seconds
QUICK = 0.5  # seconds
REST = 0.03  # seconds, in which the threads of the one before stop looking for more work
LARGEST = 1_000_000  # numbers in x


def ksg(counts, n):
    """First estimator of Kraskov et al. (2004), in nats."""
    return digamma(K) + digamma(n) - np.mean(digamma(counts + 1).sum(0))


def our_mi(x, y):
    return it.mutual_information(x, y, k=K)


def tree_counts(part, radius):
    inside = np.nextafter(radius, 0)
    return cKDTree(part).query_ball_point(
        part, inside, p=np.inf, workers=WORKERS, return_length=True
    )


def line_counts(part, radius):
    """Far quicker than a tree of one column."""
    line = np.sort(part[:, 0])
    last = np.searchsorted(line, part[:, 0] + radius, "left")
    return last - np.searchsorted(line, part[:, 0] - radius, "right")


def tree_mi(counts):
    def run(x, y):
        joint = np.hstack([x, y])
        radius = cKDTree(joint).query(joint, [K + 1], p=np.inf, workers=WORKERS)[0][:, 0]
        return ksg(np.stack([counts(part, radius) - 1 for part in (x, y)]), len(x))

    return run


def sklearn_mi(x, y):
    return mutual_info_regression(x, y[:, 0], n_neighbors=K, random_state=0)[0]


def ennemi_mi(x, y):
    if x.shape[1] == 1:
        return estimate_mi(y[:, 0], x[:, 0], k=K, preprocess=False)[0, 0]
    # between vectors ennemi offers entropies only, from which MI has three searches instead of one
    return (
        estimate_entropy(x, k=K, multidim=True)
        + estimate_entropy(y, k=K, multidim=True)
        - estimate_entropy(np.hstack([x, y]), k=K, multidim=True)
    )


def our_entropy(metric):
    return lambda x: it.entropy(x, method="knn", k=K, metric=metric)


def tree_radius(p):
    return lambda x: cKDTree(x).query(x, [K + 1], p=p, workers=WORKERS)[0].mean()


def brute_radius(x):
    model = NearestNeighbors(n_neighbors=K, algorithm="brute", n_jobs=WORKERS).fit(x)
    return model.kneighbors()[0][:, -1].mean()


def ennemi_entropy(x):
    return estimate_entropy(x, k=K, multidim=True)


def timed(function, arrays):
    start = time.perf_counter()
    function(*arrays)
    return time.perf_counter() - start


def race(contestants, arrays, slow, repeats):
    """Median seconds of each, taking turns; one run only of what takes over two seconds.

    Quick ones have more turns: as many as fit into `QUICK` seconds.
    """
    times = {name: [] for name, run in contestants.items() if run and name not in slow}
    for turn in itertools.count():
        for name, taken in times.items():
            if turn and taken[0] < 0.1:
                time.sleep(REST)
                contestants[name](*arrays)  # and its own threads are awake
            if turn == 0 or min(taken) < 2.0:
                taken.append(timed(contestants[name], arrays))
        if turn >= repeats and turn * sum(map(min, times.values())) > QUICK:
            break
    # the first turn warms caches and compiles; it counts only where it was the only one
    return {name: np.median(taken[1:] or taken) for name, taken in times.items()}


def compiled():
    """Every path once, so that no compiling is taken for a slow run."""
    for columns in (1, 2, 10, 50):
        x, y = pair(2_500, columns)
        for n in (500, 2_500):
            our_mi(x[:n], y[:n])
            for metric in ("chebyshev", "euclidean"):
                our_entropy(metric)(x[:n])


def report(job, contestants, times):
    cells = []
    for name, run in contestants.items():
        if not run:
            cells.append(f"{name} -")
        elif name not in times:
            cells.append(f"{name} skipped")
        else:
            ratio = "" if name == "ours" else f" ({times[name] / times['ours']:.1f})"
            cells.append(f"{name} {1e3 * times[name]:.2f}{ratio}")
    print(f"{job:28}", " | ".join(cells), flush=True)


def run(title, jobs, make, repeats):
    """``jobs``: (label, n, columns, contestants, growth), smaller n first for each label."""
    print(title)
    last = {}
    for label, n, columns, contestants, growth in jobs:
        arrays = make(n, columns)
        slow = set()
        for name in contestants:
            before = last.get((label, columns, name))
            if before and before[1] * (n / before[0]) ** growth > LIMIT:
                slow.add(name)
        times = race(contestants, arrays, slow, repeats)
        for name, seconds in times.items():
            last[label, columns, name] = n, seconds
        report(f"{label} n={n} d={columns}", contestants, times)


def memory():
    """What the largest search adds to its samples, code aside."""
    more, *_ = peak(our_mi, *pair(LARGEST, 1))
    print(f"KSG n={LARGEST} d=1, memory beyond the samples: {more:.0f} MB\n", flush=True)


def pair(n, columns):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, columns))
    return x, 0.6 * x + 0.8 * rng.normal(size=(n, columns))


def single(n, columns):
    return (np.random.default_rng(0).normal(size=(n, columns)),)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="n up to 10,000 and fewer repeats")
    parser.add_argument("--only", choices=["J1", "J2"], help="information, or entropy")
    asked = parser.parse_args()
    quick = asked.quick
    repeats = 3 if quick else 5
    sizes = [1_000, 3_000, 10_000] if quick else [1_000, 3_000, 10_000, 30_000, 100_000]

    compiled()
    if asked.only != "J2" and not quick:
        memory()
    jobs = []
    for columns in (1, 2, 3, 5, 8, 10, 20, 50):
        peers = {
            "ours": our_mi,
            "cKDTree": tree_mi(tree_counts),
            "cKDTree, sorted lines": tree_mi(line_counts) if columns == 1 else None,
            "sklearn": sklearn_mi if columns == 1 else None,
            "ennemi": ennemi_mi,
        }
        growth = 1.1 if columns == 1 else 1.7
        large = [1_000_000] if columns == 1 and not quick else []
        jobs += [
            ("KSG", n, columns, peers, growth) for n in sizes + large if n * columns <= LARGEST
        ]
    if asked.only != "J2":
        run("J1 KSG mutual information, k=3, milliseconds (times ours)", jobs, pair, repeats)

    jobs = []
    for columns in (1, 2, 3, 5, 8, 10, 20, 50):
        for metric, p in (("chebyshev", np.inf), ("euclidean", 2)):
            peers = {
                "ours": our_entropy(metric),
                "cKDTree": tree_radius(p),
                "sklearn brute": brute_radius if metric == "euclidean" else None,
                "ennemi": ennemi_entropy if metric == "chebyshev" else None,
            }
            jobs += [(metric, n, columns, peers, 1.7) for n in sizes if n * columns <= 2 * LARGEST]
    if asked.only != "J1":
        title = "J2 entropy by nearest neighbours, k=3, milliseconds (times ours)"
        run(title, jobs, single, repeats)


if __name__ == "__main__":
    warnings.simplefilter("ignore", it.InfotheoryWarning)
    print(describe(), end="\n\n```text\n")
    main()
    print("```")
