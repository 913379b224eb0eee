"""What all tests share: hypothesis profiles, the two engines, a seeded generator."""

from __future__ import annotations

import os

# Before anything starts a thread: idle threads of OpenMP spin, and where there are more threads
# than free cores each small kernel then waits for a time slice, a hundred times its own time.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from infotheory import ops

# Deadlines measure the machine: the first call of a kernel compiles it. The fixture `engine`
# holds for all examples of a test alike.
_SHARED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("ci", derandomize=True, max_examples=60, database=None, **_SHARED)
settings.register_profile("dev", max_examples=30, **_SHARED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(params=["cpu", "torch"])
def engine(request):
    """Run the test on both engines; the torch one sees CPU tensors."""
    with ops.use(request.param):
        yield request.param


@pytest.fixture
def rng():
    return np.random.default_rng(20170302)
