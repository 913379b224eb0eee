"""What this installation looks like, and whether something stands in its way."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from infotheory import __version__

__all__ = ["examine", "table"]

_OURS = "infotheory-torch"
#: Another project on PyPI has this name, and installs into the same folder.
_THEIRS = "infotheory"
_DEPENDENCIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "numba",
    "matplotlib",
    "joblib",
    "tqdm",
    "pandas",
)


def examine() -> dict[str, Any]:
    """Versions, threads, devices and problems."""
    import torch

    from infotheory import ops

    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "infotheory": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: _version(name) for name in _DEPENDENCIES},
        "cores": os.cpu_count(),
        "threads": ops.threads(),
        "cuda": devices,
        "problems": _problems(),
    }


def table(found: dict[str, Any]) -> str:
    """The findings as text."""
    rows = {name: found[name] for name in ("infotheory", "python", "platform")}
    rows |= {name: version or "not installed" for name, version in found["versions"].items()}
    rows["threads"] = ", ".join(f"{name} {count}" for name, count in found["threads"].items())
    rows["threads"] += f" on {found['cores']} cores"
    rows["cuda"] = ", ".join(found["cuda"]) or "none"
    rows["problems"] = "\n              ".join(found["problems"]) or "none"
    return "\n".join(f"{name:<13} {value}" for name, value in rows.items())


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _problems() -> list[str]:
    problems = []
    if _version(_THEIRS) is not None:
        problems.append(
            f"the distribution {_THEIRS!r} is installed too. It is another project that uses the "
            f"same import name, and each overwrites files of the other: pip uninstall {_THEIRS} "
            f"{_OURS}, then install {_OURS} again."
        )
    if _version(_OURS) is None:
        problems.append(f"{_OURS} is not installed, only found on the path: pip install -e .")
    return problems
