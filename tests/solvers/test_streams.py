"""Transport between points whose costs are made on the way."""

import numpy as np
import pytest

import infotheory as it
from infotheory.ops import cpu
from infotheory.solvers import policy


@pytest.fixture
def precisions(monkeypatch):
    """In which precision each pass over the points was made."""
    made, plain = [], cpu.soft_minimum

    def spied(*arguments, precision="double", **options):
        made.append(precision)
        return plain(*arguments, precision=precision, **options)

    monkeypatch.setattr(policy, "LARGEST_DENSE", 100)
    monkeypatch.setattr(cpu, "soft_minimum", spied)
    return made


@pytest.mark.parametrize("columns", [2, 20])
def test_first_sweeps_are_short_and_the_last_are_not(rng, precisions, columns):
    x, y = rng.normal(size=(300, columns)), rng.normal(size=(280, columns)) + 0.3
    options = {"reg": 0.1, "reg_scale": "mean", "tol": 1e-10}
    found = it.sinkhorn(x, y, solver="sinkhorn", **options)
    short = precisions.count("single")
    assert precisions[: short + 1] == ["single"] * short + ["double"]
    assert 2 <= short < len(precisions) - 1
    cost = ((x[:, None] - y) ** 2).sum(axis=2)
    matrix = it.sinkhorn(cost=cost, **options)
    assert found.converged
    assert np.abs(found.plan.sum(axis=1) - 1 / 300).sum() <= 1e-9
    assert found.value == pytest.approx(matrix.value, rel=1e-10)
    assert np.abs(found.plan - matrix.plan).sum() <= 1e-8


@pytest.mark.filterwarnings("ignore:sinkhorn. not converged")
def test_exponents_that_float32_cannot_tell_are_never_short(rng, precisions):
    x, y = rng.normal(size=(2, 60, 2))
    found = it.sinkhorn(x, y, reg=1e-5, solver="sinkhorn", max_iterations=30)
    assert not found.converged
    assert set(precisions) == {"double"}


@pytest.mark.filterwarnings("ignore:sinkhorn. not converged")
def test_a_stop_among_the_short_sweeps_is_measured_in_full(rng, precisions):
    x, y = rng.normal(size=(200, 2)), rng.normal(size=(150, 2)) + 1.0
    found = it.sinkhorn(x, y, reg=0.05, reg_scale="mean", solver="sinkhorn", max_iterations=3)
    assert precisions.count("single") >= 3
    error = np.abs(found.plan.sum(axis=1) - 1 / 200).sum()
    error += np.abs(found.plan.sum(axis=0) - 1 / 150).sum()
    assert found.marginal_error == pytest.approx(error, rel=1e-6)
    assert found.lower <= found.upper
