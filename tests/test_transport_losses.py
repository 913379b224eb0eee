"""The Sinkhorn divergence to train with: value of the estimator, gradient of differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import infotheory as it
from infotheory import losses
from infotheory.losses import transport


def batch(n, seed, d=2, scale=1.0, shift=0.0):
    drawn = np.random.default_rng(seed).standard_normal((n, d))
    return torch.from_numpy(scale * drawn + shift)


X, Y = batch(12, 0), batch(9, 1, scale=1.5, shift=1.0)


@pytest.mark.parametrize(
    "options",
    [{}, {"reg": 0.3, "reg_scale": None}, {"reg": 5.0, "reg_scale": None}, {"solver": "newton"}],
    ids=str,
)
def test_the_value_of_the_estimator(options):
    found = losses.sinkhorn_divergence(X, Y, **options)
    expected = it.divergence(X.numpy(), Y.numpy(), method="sinkhorn", **options).value
    assert found.dtype == torch.float64
    assert found.shape == ()
    assert found.item() == pytest.approx(expected, rel=1e-12)
    single = losses.sinkhorn_divergence(X.float(), Y.float(), **options)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reg", [0.1, 1.0, 20.0])
def test_the_gradient_is_that_of_finite_differences(reg):
    leaves = [part.clone().requires_grad_() for part in (X, Y)]

    def loss(x, y):
        return losses.sinkhorn_divergence(x, y, reg=reg, reg_scale=None, tol=1e-12)

    assert torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-7, rtol=1e-6)


def test_tiles_change_no_gradient(monkeypatch):
    def gradients():
        leaves = [part.clone().requires_grad_() for part in (X, Y)]
        return torch.autograd.grad(losses.sinkhorn_divergence(*leaves), leaves)

    whole = gradients()
    monkeypatch.setattr(transport, "TILE", 20)
    for one, other in zip(gradients(), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees():
    here, there = X.clone().requires_grad_(), X.cuda().requires_grad_()
    value = losses.sinkhorn_divergence(here, Y)
    on_cuda = losses.sinkhorn_divergence(there, Y.cuda())
    assert on_cuda.item() == pytest.approx(value.item(), abs=1e-8)
    value.backward()
    on_cuda.backward()
    torch.testing.assert_close(there.grad.cpu(), here.grad, rtol=1e-6, atol=1e-8)


def test_equal_batches_are_at_rest():
    x = X.clone().requires_grad_()
    found = losses.sinkhorn_divergence(x, X)
    (slope,) = torch.autograd.grad(found, x)
    assert abs(found.item()) < 1e-12
    assert slope.abs().max() < 1e-8
    # both arguments the same leaf: nothing that moves them together changes the value
    (slope,) = torch.autograd.grad(losses.sinkhorn_divergence(x, x), x)
    assert slope.abs().max() < 1e-12


def test_of_single_samples_by_hand():
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[4.0, 6.0]], dtype=torch.float64, requires_grad=True)
    slopes = torch.autograd.grad(losses.sinkhorn_divergence(x, y), [x, y])
    assert slopes[0].numpy() == pytest.approx(np.array([[-6.0, -8.0]]), rel=1e-12)
    assert slopes[1].numpy() == pytest.approx(np.array([[6.0, 8.0]]), rel=1e-12)


@pytest.mark.parametrize(("scale", "offset"), [(1e120, 0.0), (1e-120, 0.0), (1.0, 1e9)])
def test_units_and_offsets(scale, offset):
    def slope(x, y):
        x = x.clone().requires_grad_()
        (found,) = torch.autograd.grad(losses.sinkhorn_divergence(x, y), x)
        return found

    # offsets are exact in multiples of a power of two
    x, y = (torch.round(part * 1024) / 1024 for part in (X, Y))
    torch.testing.assert_close(
        slope(scale * x + offset, scale * y + offset) / scale, slope(x, y), rtol=1e-7, atol=1e-9
    )


def test_no_graph_holds_pairs_or_iterations():
    x = batch(400, 2).requires_grad_()
    kept = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses.sinkhorn_divergence(x, batch(300, 3))
    assert sum(kept) <= 2 * (400 + 300) * 2


def test_no_rule_has_a_gradient():
    x = X.clone().requires_grad_()
    found = losses.sinkhorn_divergence(x, Y, reg=0.1)
    fixed = it.divergence(X, Y, method="sinkhorn", reg=0.1).params["reg_value"]
    (by_rule,) = torch.autograd.grad(found, x)
    (by_number,) = torch.autograd.grad(
        losses.sinkhorn_divergence(x, Y, reg=fixed, reg_scale=None), x
    )
    torch.testing.assert_close(by_rule, by_number, rtol=1e-9, atol=1e-10)


def test_a_descent_reaches_the_other_batch():
    x = torch.zeros(10, 2, dtype=torch.float64) + 0.01 * batch(10, 4)
    x.requires_grad_()
    for _ in range(60):
        found = losses.sinkhorn_divergence(x, X[:10], reg=0.05, reg_scale=None)
        (slope,) = torch.autograd.grad(found, x)
        with torch.no_grad():
            x -= 0.5 * len(x) * slope
    assert it.divergence(x.detach(), X[:10], method="wasserstein").value < 0.05


def test_a_second_differentiation_is_an_error():
    """And not a penalty that is silently missing from another loss."""
    x = X.clone().requires_grad_()
    found = losses.sinkhorn_divergence(x, Y)
    (plain,) = torch.autograd.grad(found, x, retain_graph=True)
    (slope,) = torch.autograd.grad(found, x, create_graph=True)
    assert slope.requires_grad
    torch.testing.assert_close(slope.detach(), plain, rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="with respect to x, cannot be differentiated again"):
        (x.square().sum() + slope.square().sum()).backward()


def test_what_cannot_be_asked():
    with pytest.raises(TypeError, match="x must be a torch tensor"):
        losses.sinkhorn_divergence(X.numpy(), Y)
    broken = Y.clone()
    broken[3, 1] = math.nan
    with pytest.raises(ValueError, match=r"y must be finite; 1 of \d+ values .*\(3, 1\)"):
        losses.sinkhorn_divergence(X, broken)
    with pytest.raises(ValueError, match="must have the same columns"):
        losses.sinkhorn_divergence(X, Y[:, :1])
    with pytest.raises(ValueError, match="reg must be a finite number greater than 0"):
        losses.sinkhorn_divergence(X, Y, reg=0.0)
    with pytest.raises(ValueError, match="reg_scale must be one of"):
        losses.sinkhorn_divergence(X, Y, reg_scale="median")
    with pytest.warns(it.InfotheoryWarning, match="transport did not converge"):
        losses.sinkhorn_divergence(X, Y, reg=1e-3, max_iterations=2)
