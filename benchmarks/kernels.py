"""Kernel sums beside plain ways: ``python benchmarks/kernels.py [--quick]``.

Ratios of medians, the ways taking turns in one run, so that a busy machine slows all of them. The
peak is the growth of the resident memory while a way runs alone. Widths are fixed, as the plain
ways have them; samples have 64 columns of float32.
"""

import argparse
import math

import numba
import numpy as np
import torch
from machine import describe, medians, peak

import infotheory as it

D = 64
WIDTH = math.sqrt(D)
TILE = 2048


def kernel(x, y):
    return torch.exp(-torch.cdist(x, y).square_() / (2 * WIDTH**2))


def tiles(x, y):
    """Sums of rows, a tile at a time."""
    rows = torch.arange(0, len(x), TILE)
    return torch.cat([kernel(x[row : row + TILE], y).sum(dim=1) for row in rows])


def divergence(x, y, precision):
    return it.divergence(x, y, method="cauchy_schwarz", width=WIDTH, precision=precision).value


def ours_single(x, y):
    return divergence(x, y, "single")


def ours_double(x, y):
    return divergence(x, y, "double")


def torch_naive(x, y):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    xx, yy, xy = (kernel(*pair).mean().item() for pair in ((x, x), (y, y), (x, y)))
    return math.log(xx * yy / xy**2)


def torch_tiles(x, y):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    xx, yy, xy = (tiles(*pair).double().mean().item() for pair in ((x, x), (y, y), (x, y)))
    return math.log(xx * yy / xy**2)


def information(x, y, precision):
    return it.mutual_information(
        x, y, method="cauchy_schwarz", width=WIDTH, precision=precision
    ).value


def information_single(x, y):
    return information(x, y, "single")


def information_double(x, y):
    return information(x, y, "double")


def product_of_matrices(x, y):
    """The form with the trace of K Q, which takes time as the cube of the samples."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    n, k, q = len(x), kernel(x, x), kernel(y, y)
    joint = torch.trace(k @ q.T).item() / n**2
    cross = (k.sum(dim=0) @ q.sum(dim=0)).item() / n**3
    return math.log(joint * k.mean().item() * q.mean().item() / cross**2)


def information_tiles(x, y):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    n, joint, of_k, of_q = len(x), 0.0, [], []
    for row in range(0, n, TILE):
        k, q = kernel(x[row : row + TILE], x), kernel(y[row : row + TILE], y)
        of_k.append(k.sum(dim=1).double())
        of_q.append(q.sum(dim=1).double())
        joint += k.mul_(q).sum(dim=1).double().sum().item()
    k, q = torch.cat(of_k), torch.cat(of_q)
    cross = (k @ q).item() / n**3
    return math.log(joint / n**2 * k.mean().item() * q.mean().item() / n**2 / cross**2)


def hsic(x, y, precision):
    return it.mutual_information(x, y, method="hsic", width=WIDTH, precision=precision).value


def hsic_single(x, y):
    return hsic(x, y, "single")


def hsic_double(x, y):
    return hsic(x, y, "double")


def centred_matrices(x, y):
    """The trace of K H L H, from both matrices."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    k, q = kernel(x, x), kernel(y, y)
    k = k - k.mean(dim=0) - k.mean(dim=1, keepdim=True) + k.mean()
    return (k * q).sum().item() / len(x) ** 2


def table(title, ways, sizes, rounds, largest):
    print(f"\n{title}, d={D}, {numba.get_num_threads()} threads\n")
    print("| samples | way | milliseconds | peak MB | times ours (single) | value |")
    print("|---" * 6 + "|")
    for n in sizes:
        rng = np.random.default_rng(n)
        x = rng.normal(size=(n, D)).astype(np.float32)
        y = (0.5 * x + rng.normal(size=(n, D))).astype(np.float32)
        chosen = [way for way in ways if n <= largest.get(way, n)]
        alone = {way: peak(way, x, y) for way in chosen}
        # What takes seconds is run once.
        taken = {way: 1e3 * seconds for way, (_, seconds, _) in alone.items()}
        if n <= 10_000:
            slow = {way for way in chosen if taken[way] > 5_000}
            taken |= medians([way for way in chosen if way not in slow], rounds, x, y)
        for way in chosen:
            memory, _, value = alone[way]
            print(
                f"| {n} | {way.__name__.replace('_', ' ')} | {taken[way]:.4g} |"
                f" {memory:.0f} | {taken[way] / taken[ways[0]]:.1f} | {value:.7f} |",
                flush=True,
            )


def report(quick):
    print(describe())
    sizes = [500, 2000] if quick else [1000, 10_000, 50_000, 100_000]
    rounds = 5
    ways = [ours_single, ours_double, torch_tiles, torch_naive]
    largest = {ours_double: 50_000, torch_tiles: 50_000, torch_naive: 10_000}
    table("Cauchy-Schwarz divergence", ways, sizes, rounds, largest)
    ways = [information_single, information_double, information_tiles, product_of_matrices]
    largest = {
        information_double: 50_000,
        information_tiles: 50_000,
        product_of_matrices: 10_000,
    }
    table("Cauchy-Schwarz quadratic information", ways, sizes, rounds, largest)
    ways = [hsic_single, hsic_double, centred_matrices]
    table("HSIC", ways, sizes[:3], rounds, {centred_matrices: 10_000})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, a few seconds")
    report(parser.parse_args().quick)
