"""What a benchmark ran on, in one line."""

import os
import platform
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


def _processor():
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
