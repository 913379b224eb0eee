"""A probe takes the memory of its greatest measure, not that of all together."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

import infotheory as it
from infotheory.record.capture import Activations
from infotheory.record.observe import observe
from infotheory.record.probe import Probe

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
N = 700


def layer():
    """The inputs, and what a layer makes of them."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, 6, generator=generator)
    return x, torch.tanh(x @ torch.randn(6, 4, generator=generator))


def observed(measures):
    x, t = layer()
    found = Activations("fc", 0, 0, t, (4,), "")
    probe = Probe(x, torch.arange(N) % 3)
    return observe(found, measures, probe, probe_name="train", when={"step": 0})


def peak_of(measures):
    observed(measures)  # what is compiled and loaded is not asked about
    tracemalloc.start()
    try:
        observed(measures)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("solver", ["exact", "lanczos"])
def test_six_spectra_take_no_more_than_one(solver):
    measures = [
        it.measure("H(T):diffusion", t=1 + k / 2, solver=solver, tol=0.01) for k in range(6)
    ]
    one, six = peak_of(measures[:1]), peak_of(measures)
    assert six < 1.3 * one
    assert six < (2.2 if solver == "exact" else 4) * 8 * N * N


def test_spectra_of_several_variables_are_those_of_the_estimator():
    measures = [
        it.measure(f"{quantity}:matrix_renyi")
        for quantity in ("I(X;T)", "I(T;Y)", "H(T|Y)", "H(T)")
    ]
    x, t = (part.numpy() for part in layer())
    y = (np.arange(N) % 3).astype(float)
    about_x, about_y, left, whole = (record["value"] for record in observed(measures))
    options = {"method": "matrix_renyi"}
    assert about_x == pytest.approx(it.mutual_information(t, x, **options).value, rel=1e-12)
    assert about_y == pytest.approx(it.mutual_information(t, y, **options).value, rel=1e-12)
    assert whole == pytest.approx(it.entropy(t, **options).value, rel=1e-12)
    assert left == pytest.approx(whole - about_y, rel=1e-12)
