"""The torch engine on a CUDA device beside two cores: ``python benchmarks/cuda.py [--trial]``.

Each row is one job on the device, after a small one has warmed it up, its seconds, the most memory
of the device that it held, and, where that takes no more than minutes, the seconds and the value of
the same job on the CPU. The limits of the device are measured first: the rate of products of
matrices in float64 and float32 (without TF32), and of a sum that reads memory. ``--trial`` runs all
at small sizes, on CPU tensors where there is no device: it shows that the script works, not more.
"""

import argparse
import time

import numpy as np
import torch
from machine import describe

import infotheory as it
from infotheory import ops

SCALE = {"ksg": 100_000, "sums": 1_000_000, "spectrum": 10_000, "transport": 10_000}
TRIAL = {name: size // 100 for name, size in SCALE.items()}


def synchronised():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(way):
    synchronised()
    start = time.perf_counter()
    value = way()
    synchronised()
    return time.perf_counter() - start, value


def limits(device, size):
    """Products in both precisions, in 1e12 operations a second, and reading, in GB/s."""
    for dtype in (torch.float64, torch.float32):
        square = torch.randn(size, size, device=device, dtype=dtype)
        square @ square
        taken, _ = seconds(lambda square=square: square @ square)
        print(f"| product of matrices, {dtype} | {2 * size**3 / taken / 1e12:.1f} Tflop/s |")
    line = torch.randn(size * size, device=device, dtype=torch.float64)
    line.sum()
    taken, _ = seconds(line.sum)
    print(f"| reading float64 | {8 * size * size / taken / 1e9:.0f} GB/s |")


def jobs(sizes):
    """Name, arrays and way of each job, and whether the CPU is asked too."""
    rng = np.random.default_rng(0)
    n = sizes["ksg"]
    x = rng.normal(size=(n, 20))
    y = 0.6 * x + 0.8 * rng.normal(size=x.shape)
    yield f"ksg, n = {n}, 20 + 20 columns", (x, y), it.ksg_mutual_information, True
    n = sizes["sums"]
    x, y = rng.normal(size=(2, n, 64))
    for precision in ("single", "double"):
        yield (
            f"Cauchy-Schwarz divergence, n = {n}, 64 columns, {precision}",
            (x, y + 0.1),
            lambda *xy, p=precision: it.cauchy_schwarz_divergence(*xy, width=8.0, precision=p),
            False,
        )
    x = rng.normal(size=(sizes["spectrum"], 512))
    for precision in ("single", "double"):
        yield (
            f"diffusion entropy, exact, n = {len(x)}, 512 columns, {precision}",
            (x,),
            lambda x, p=precision: it.diffusion_entropy(x, width=10.0, solver="exact", precision=p),
            True,
        )
    x, y = rng.normal(size=(2, sizes["transport"], 2))
    for reg in (0.1, 0.01):
        yield (
            f"transport, n = {len(x)}, eps = {reg} of the mean cost, to 1e-9",
            (x, y),
            lambda *xy, reg=reg: it.sinkhorn(*xy, reg=reg, reg_scale="mean"),
            True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--trial", action="store_true", help="small sizes, and CPU tensors if need be"
    )
    trial = parser.parse_args().trial
    there = torch.cuda.is_available()
    if not there and not trial:
        raise SystemExit("no CUDA device; --trial runs small sizes on CPU tensors.")
    device = "cuda" if there else "cpu"
    print(describe(), f"Device: {torch.cuda.get_device_name() if there else 'none'}.\n")
    print("| limit | reached |\n|---|---|")
    limits(device, 500 if trial else 8_000)
    print(
        "\n| job | device, s | device, GB | CPU, s | times | value | on the CPU |\n"
        + "|---" * 7
        + "|"
    )
    for name, arrays, way, both in jobs(TRIAL if trial else SCALE):
        tensors = [torch.as_tensor(each, device=device) for each in arrays]
        with ops.use("torch"):
            way(*(each[:200] for each in tensors))
            if there:
                torch.cuda.reset_peak_memory_stats()
            taken, found = seconds(lambda way=way, tensors=tensors: way(*tensors))
        held = torch.cuda.max_memory_allocated() / 1e9 if there else float("nan")
        beside = "- | - | "
        other = "-"
        if both:
            way(*(each[:200] for each in arrays))
            alone, expected = seconds(lambda way=way, arrays=arrays: way(*arrays))
            beside, other = f"{alone:.2f} | {alone / taken:.1f} | ", f"{float(expected):.9g}"
        print(
            f"| {name} | {taken:.3f} | {held:.2f} | {beside}{float(found):.9g} | {other} |",
            flush=True,
        )


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", it.InfotheoryWarning)
    main()
