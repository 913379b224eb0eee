"""What a benchmark ran on, and how long each way took, with how much memory."""

import math
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path


def describe():
    """Processor, cores and versions."""
    names = ("numpy", "scipy", "scikit-learn", "numba", "torch")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"Measured on {_processor()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, {versions}."
    )


def medians(ways, rounds, *arguments):
    """Milliseconds of each way, the ways taking turns."""
    times = {way: [] for way in ways}
    for way in ways:
        way(*arguments)
    for _ in range(rounds):
        for way in ways:
            # Fast ways are run several times, slow ones once.
            start, count = time.perf_counter(), 0
            while count == 0 or (count < 10 and time.perf_counter() - start < 0.01):
                way(*arguments)
                count += 1
            times[way].append((time.perf_counter() - start) / count)
    return {way: 1e3 * statistics.median(taken) for way, taken in times.items()}


def peak(way, *arguments):
    """Megabytes that memory grows by at most while a way runs, its seconds, and its value.

    NaN megabytes where the system does not let a process forget the most it ever held (Linux does).
    """
    forget, facts = Path("/proc/self/clear_refs"), Path("/proc/self/status")

    def kilobytes(name):
        lines = facts.read_text().splitlines() if facts.exists() else []
        return next((int(line.split()[1]) for line in lines if line.startswith(name)), math.nan)

    if forget.exists():
        forget.write_text("5")
    before, start = kilobytes("VmHWM"), time.perf_counter()
    value = way(*arguments)
    seconds = time.perf_counter() - start
    return (kilobytes("VmHWM") - before) / 1e3, seconds, value


def _processor():
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
