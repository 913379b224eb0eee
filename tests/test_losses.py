"""Losses: the value of their estimator, a gradient that finite differences agree with."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import infotheory as it
from infotheory import losses, registry

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
GENERATOR = torch.Generator().manual_seed(0)


def normal(n, d, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(100 * n + d), dtype=dtype)


X, Y, Z = normal(24, 3), normal(24, 2), normal(17, 3)
Y = Y + X[:, :2]

#: Every loss, of the arrays it takes, and the estimator whose value it has.
CASES = {
    "cauchy_schwarz": (
        lambda x, z: losses.cauchy_schwarz(x, z, width=1.3),
        (X, Z),
        lambda x, z: it.divergence(x, z, method="cauchy_schwarz", width=1.3),
    ),
    "cauchy_schwarz half": (
        lambda x, z: losses.cauchy_schwarz(x, z, width=0.8, convention="half"),
        (X, Z),
        lambda x, z: it.divergence(x, z, method="cauchy_schwarz", width=0.8, convention="half"),
    ),
    "conditional_cauchy_schwarz": (
        lambda y, guess, x: losses.conditional_cauchy_schwarz(
            y, guess, given=x, width_x=1.4, width_y=0.9
        ),
        (Y, Y + 0.3 * normal(24, 2), X),
        lambda y, guess, x: it.conditional_divergence(
            y, guess, given=x, method="cauchy_schwarz", width_x=1.4, width_y=0.9
        ),
    ),
    "cauchy_schwarz_mi": (
        lambda x, y: losses.cauchy_schwarz_mi(x, y, width=(1.2, 0.8)),
        (X, Y),
        lambda x, y: it.mutual_information(x, y, method="cauchy_schwarz", width=(1.2, 0.8)),
    ),
    "hsic": (
        lambda x, y: losses.hsic(x, y, width=(1.2, 0.8)),
        (X, Y),
        lambda x, y: it.mutual_information(x, y, method="hsic", width=(1.2, 0.8)),
    ),
    "matrix_renyi": (
        lambda x: losses.matrix_renyi(x, width=1.1),
        (X,),
        lambda x: it.entropy(x, method="matrix_renyi", width=1.1),
    ),
    "matrix_renyi mi": (
        lambda x, y: losses.matrix_renyi(x, y, alpha=1.5),
        (X, Y),
        lambda x, y: it.mutual_information(x, y, method="matrix_renyi", alpha=1.5),
    ),
    "matrix_renyi 1": (
        lambda x: losses.matrix_renyi(x, alpha=1.0),
        (X,),
        lambda x: it.entropy(x, method="matrix_renyi", alpha=1.0),
    ),
    "matrix_renyi 2": (
        lambda x, y: losses.matrix_renyi(x, y, alpha=2.0),
        (X, Y),
        lambda x, y: it.mutual_information(x, y, method="matrix_renyi", alpha=2.0),
    ),
    "diffusion": (
        lambda x: losses.diffusion(x, width=1.5),
        (X,),
        lambda x: it.entropy(x, method="diffusion", width=1.5),
    ),
    "diffusion 2 1/2": (
        lambda x: losses.diffusion(x, width=1.5, t=2, alpha=0.5),
        (X,),
        lambda x: it.entropy(x, method="diffusion", width=1.5, t=2, alpha=0.5),
    ),
}
each_case = pytest.mark.parametrize(
    ("loss", "arrays", "estimator"), [pytest.param(*case, id=name) for name, case in CASES.items()]
)


@each_case
def test_the_value_is_that_of_the_estimator(loss, arrays, estimator):
    found = loss(*arrays)
    assert found.shape == ()
    assert found.dtype == torch.float64
    expected = estimator(*(part.numpy() for part in arrays)).value
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)
    single = loss(*(part.float() for part in arrays))
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@each_case
def test_cuda_agrees(loss, arrays, estimator):
    here = [part.clone().requires_grad_() for part in arrays]
    there = [part.cuda().requires_grad_() for part in arrays]
    value, on_cuda = loss(*here), loss(*there)
    assert on_cuda.device.type == "cuda"
    assert on_cuda.item() == pytest.approx(value.item(), rel=1e-8, abs=1e-8)
    value.backward()
    on_cuda.backward()
    for mine, theirs in zip(here, there, strict=True):
        torch.testing.assert_close(theirs.grad.cpu(), mine.grad, rtol=1e-6, atol=1e-8)


@each_case
def test_the_gradient_is_that_of_finite_differences(loss, arrays, estimator):
    leaves = [part.clone().requires_grad_() for part in arrays]
    assert torch.autograd.gradcheck(loss, leaves, eps=1e-6, atol=1e-6, rtol=1e-5)


@each_case
def test_a_second_differentiation_is_an_error(loss, arrays, estimator):
    """And not a penalty, or a Hessian, that is silently missing."""
    leaves = [part.clone().requires_grad_() for part in arrays]
    found = loss(*leaves)
    plain = torch.autograd.grad(found, leaves, retain_graph=True)
    slopes = torch.autograd.grad(found, leaves, create_graph=True)
    for slope, same in zip(slopes, plain, strict=True):
        assert torch.equal(slope.detach(), same)
    for leaf in leaves:
        total = leaf.square().sum() + sum(slope.square().sum() for slope in slopes)
        with pytest.raises(RuntimeError, match="cannot be differentiated again: a penalty on it"):
            torch.autograd.grad(total, leaf, retain_graph=True)
    with pytest.raises(RuntimeError, match=r"with respect to \w+, cannot be differentiated again"):
        total.backward()
    with pytest.raises(RuntimeError, match="cannot be differentiated again"):
        torch.autograd.functional.hessian(lambda x: loss(x, *arrays[1:]), arrays[0])


def test_a_penalty_on_the_gradient_of_weights_is_an_error():
    weights = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    found = losses.hsic(Y, X @ weights, width=1.0)
    (slope,) = torch.autograd.grad(found, weights, create_graph=True)
    with pytest.raises(RuntimeError, match="with respect to t, cannot be differentiated again"):
        torch.autograd.grad(found + slope.square().sum(), weights)


@each_case
def test_bad_samples_are_named(loss, arrays, estimator):
    with pytest.raises(TypeError, match="must be a torch tensor"):
        loss(arrays[0].numpy(), *arrays[1:])
    broken = arrays[0].clone()
    broken[3, 1] = math.nan
    with pytest.raises(ValueError, match=r"must be finite; 1 of \d+ values .*\(3, 1\)"):
        loss(broken, *arrays[1:])
    with pytest.raises(TypeError, match="must hold floating-point numbers"):
        loss(arrays[0].long(), *arrays[1:])


def test_every_loss_is_an_estimator_that_says_so():
    said = {entry.key for entry in registry.entries() if entry.differentiable}
    assert said == {
        "divergence:cauchy_schwarz",
        "divergence:sinkhorn",
        "entropy:diffusion",
        "entropy:matrix_renyi",
        "mutual_information:cauchy_schwarz",
        "mutual_information:hsic",
        "mutual_information:matrix_renyi",
    }


@pytest.mark.parametrize("rule", ["median", "sqrt_dim", "knn", "silverman"])
def test_a_rule_for_the_width_is_a_constant_to_the_gradient(rule):
    x, y = X.clone().requires_grad_(), Z.clone().requires_grad_()
    found = losses.cauchy_schwarz(x, y, width=rule)
    estimate = it.divergence(X.numpy(), Z.numpy(), method="cauchy_schwarz", width=rule)
    assert found.item() == pytest.approx(estimate.value, rel=1e-9)
    by_rule = torch.autograd.grad(found, [x, y])
    fixed = losses.cauchy_schwarz(x, y, width=estimate.params["sigma"])
    for one, other in zip(by_rule, torch.autograd.grad(fixed, [x, y]), strict=True):
        torch.testing.assert_close(one, other)


# ---- where others overflow or lose their gradient ------------------------------------------


def released(y, guess):
    """What the released code of arXiv:2404.17951 computes of targets of shape (n,)."""
    return math.log2(math.e) * ((y - guess) ** 2).sum()


def test_it_is_finite_at_the_start_where_sums_underflow():
    # 128 targets, and guesses so far off that every kernel between them is 0 in float32
    y, x = normal(128, 1, torch.float32), normal(128, 4, torch.float32)
    guess = (y + 40).requires_grad_()
    assert torch.exp(-((y - guess) ** 2) / 2).max() == 0
    for value in (
        losses.conditional_cauchy_schwarz(y, guess, given=x, width_x=1.0, width_y=1.0),
        losses.cauchy_schwarz(y, guess, width=1.0),
    ):
        (gradient,) = torch.autograd.grad(value, guess)
        assert value.isfinite()
        assert gradient.isfinite().all()
        assert gradient.sum() > 0  # all of them further off is worse


def test_equal_samples_have_a_gradient():
    # eigenvalues coincide: the derivative of an eigenvector would be infinite
    x = torch.ones(6, 2, dtype=torch.float64).cumsum(0).repeat(2, 1)
    for loss in (losses.matrix_renyi, losses.diffusion):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf, width=0.01), leaf)
        assert gradient.isfinite().all()
        constant = torch.zeros(5, 2, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(loss(constant), constant)
        assert gradient.isfinite().all()


# ---- the limits of the conditional divergence ---------------------------------------------


def test_a_narrow_kernel_makes_it_the_correntropy_loss():
    x, y = normal(30, 3), normal(30, 1)
    guess = y + 0.4 * normal(30, 1)[torch.randperm(30, generator=GENERATOR)]
    found = losses.conditional_cauchy_schwarz(y, guess, given=x, width_x=1e-3, width_y=1.0)
    correntropy = -2 * torch.log(torch.exp(-((y - guess) ** 2) / 2).mean())
    assert found.item() == pytest.approx(correntropy.item(), rel=1e-9)


def test_a_wide_kernel_does_not_know_who_belongs_to_whom():
    x, y = normal(30, 3), normal(30, 1)
    found = losses.conditional_cauchy_schwarz(y, y.flip(0), given=x, width_x=1e6)
    assert found.item() == pytest.approx(0, abs=1e-9)
    narrow = losses.conditional_cauchy_schwarz(y, y.flip(0), given=x, width_x=0.1, width_y=1.0)
    assert narrow.item() > 0.1


def test_the_released_loss_is_the_squared_error():
    # its kernel matrix of targets of one dimension broadcasts to a single number for all pairs
    y, guess = normal(20, 1)[:, 0], normal(20, 2)[:, 0]
    squares = y.square().sum() + guess.square().sum() - 2 * (y * guess).sum()
    between = torch.exp(-squares / 2) * torch.ones(20, 20, dtype=torch.float64)
    within = torch.ones(20, 20, dtype=torch.float64)
    kernel = torch.exp(-(normal(20, 3)[:, None] - normal(20, 3)[None]).square().sum(-1) / 2)

    def conditional(other):
        return torch.log2(((kernel * other).sum(-1) / kernel.sum(-1) ** 2).sum())

    whole = 2 * conditional(within) - 2 * conditional(between)
    assert whole.item() == pytest.approx(released(y, guess).item(), rel=1e-12)


# ---- memory and use -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cauchy_schwarz", "conditional_cauchy_schwarz", "hsic"])
def test_no_graph_holds_all_pairs(name):
    n = 1500
    x, y = normal(n, 2).requires_grad_(), normal(n, 1).requires_grad_()
    kept = []

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        if name == "cauchy_schwarz":
            losses.cauchy_schwarz(x, x.flip(0) + 1, width=1.0)
        elif name == "conditional_cauchy_schwarz":
            losses.conditional_cauchy_schwarz(y, y.flip(0), given=x)
        else:
            losses.hsic(x, y, width=1.0)
    assert max(kept) < n * 20


def test_half_precision_and_one_dimension():
    x, y = normal(20, 1)[:, 0], normal(20, 2)[:, 0]
    found = losses.hsic(x.bfloat16(), y.bfloat16(), width=1.0)
    assert found.dtype == torch.bfloat16
    column = losses.hsic(x[:, None], y[:, None], width=1.0)
    assert losses.hsic(x, y, width=1.0).item() == column.item()
    assert found.item() == pytest.approx(column.item(), rel=0.05)


def test_a_descent_goes_down():
    x = normal(60, 2)
    weights = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    target = x @ torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    optimiser = torch.optim.Adam([weights], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        losses.conditional_cauchy_schwarz(
            target, x @ weights, given=x, width_x=0.5, width_y=1.0
        ).backward()
        optimiser.step()
    assert weights.detach().numpy()[:, 0] == pytest.approx(np.array([1.0, -2.0]), abs=0.1)


@pytest.mark.parametrize("alpha", [0.1, 0.6, 1.4, 1.6, 8.0, 40.0])
def test_all_orders_have_a_value_and_a_gradient(alpha):
    for batch in (100.0 * torch.arange(60.0, dtype=torch.float64)[:, None], normal(40, 5)):
        x = batch.clone().requires_grad_()
        found = losses.matrix_renyi(x, alpha=alpha, width=1.0)
        found.backward()
        by_estimator = it.entropy(batch, method="matrix_renyi", alpha=alpha, width=1.0)
        assert found.item() == pytest.approx(by_estimator.value, rel=1e-9)
        assert x.grad.isfinite().all()
    assert torch.autograd.gradcheck(
        lambda z: losses.matrix_renyi(z, alpha=alpha, width=1.0),
        normal(12, 3).requires_grad_(),
    )


@pytest.mark.parametrize(("loss", "arrays", "estimator"), CASES.values(), ids=CASES)
def test_a_common_offset_costs_no_digits(loss, arrays, estimator):
    grid = [torch.round(8 * array) / 8 for array in arrays]  # which the offset leaves exact
    near, far = loss(*grid), loss(*(array + 2.0**40 for array in grid))
    assert far.item() == pytest.approx(near.item(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("loss", "arrays", "estimator"), CASES.values(), ids=CASES)
def test_distances_that_overflow_are_refused(loss, arrays, estimator):
    with pytest.raises(ValueError, match="width must not be so small"):
        loss(*(array * 1e200 for array in arrays))


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_a_diffusion_whose_weights_underflow_is_refused():
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((100, 3))).requires_grad_()
    for alpha in (5.0, 50.0, 200.0):
        value = losses.diffusion(x, alpha=alpha)
        told = it.entropy(x.detach().numpy(), method="diffusion", alpha=alpha).value
        assert value.item() == pytest.approx(told, abs=1e-10)
        (gradient,) = torch.autograd.grad(value, x)
        assert torch.isfinite(gradient).all()
    with pytest.raises(ValueError, match="alpha must not be so large that weights underflow"):
        losses.diffusion(x, alpha=1e4)
    with pytest.raises(ValueError, match="alpha must not be so large that weights underflow"):
        it.entropy(x.detach().numpy(), method="diffusion", alpha=1e4)
