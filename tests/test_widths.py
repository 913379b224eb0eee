"""Rules for the width of a kernel, by definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infotheory import widths


def distances(x):
    apart = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))
    return apart[np.triu_indices(len(x), 1)]


@pytest.fixture
def x(rng):
    return rng.standard_normal((41, 3)) * [1.0, 2.0, 0.5]


def test_rules_by_definition(engine, x):
    found = {rule: widths.kernel_width(rule, x) for rule in widths.RULES}
    ordered = np.sort(distances(x))
    assert found["median"] == pytest.approx(ordered[len(ordered) // 2 - 1], rel=1e-7)
    assert found["sqrt_dim"] == math.sqrt(3)
    spread = math.sqrt(x.var(axis=0).mean())
    assert found["silverman"] == pytest.approx((4 / (41 * 5)) ** (1 / 7) * spread, rel=1e-12)
    apart = np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))
    near = np.sort(apart, axis=1)[:, 1:6]
    assert found["knn"] == pytest.approx(math.sqrt((near**2).mean()), rel=1e-12)


@pytest.mark.parametrize("rule", ["median", "knn", "silverman"])
@pytest.mark.parametrize("scale", [2.0**60, 1e3, 1e290, 1e-290])
def test_rules_follow_the_scale(engine, x, rule, scale):
    found = widths.kernel_width(rule, x * scale)
    assert found == pytest.approx(widths.kernel_width(rule, x) * scale, rel=1e-6)


@pytest.mark.parametrize("rule", widths.RULES)
def test_equal_rows_have_any_width(engine, rule):
    assert widths.kernel_width(rule, np.full((7, 2), 0.3)) == 1.0
    assert widths.kernel_width(rule, np.zeros((1, 2))) == 1.0


def test_coinciding_rows_do_not_count_for_the_median(engine):
    x = np.array([0.0] * 30 + [1.0, 3.0])[:, None]
    # distances that are not 0: 30 of 1, 30 of 3, one of 2
    assert widths.kernel_width("median", x) == pytest.approx(2.0)
    with pytest.raises(
        ValueError, match=r"^width='knn' must find distances .* every row of y has 5"
    ):
        widths.kernel_width("knn", np.repeat([0.0, 1.0], 9)[:, None], "y")


@pytest.mark.parametrize("rule", ["median", "knn"])
def test_distances_beyond_all_numbers_are_named(engine, rng, rule):
    signs = rng.choice([-1.7e308, 1.7e308], size=(40, 12))
    with pytest.raises(ValueError, match=rf"^width='{rule}' must find distances that are numbers"):
        widths.kernel_width(rule, signs, "y")
    found = widths.kernel_width(rule, signs / 2**10)
    assert found == pytest.approx(widths.kernel_width(rule, signs / 2**1020) * 2.0**1010, rel=1e-6)


def test_widths_of_several_variables(engine, x):
    arrays = {"x": x, "y": x[:, :1]}
    assert widths.kernel_widths("sqrt_dim", arrays) == (math.sqrt(3), 1.0)
    assert widths.kernel_widths(0.5, arrays) == (0.5, 0.5)
    assert widths.kernel_widths(["sqrt_dim", 2], arrays) == (math.sqrt(3), 2.0)
    with pytest.raises(ValueError, match="one for each of x, y; got 3"):
        widths.kernel_widths((1, 2, 3), arrays)
    for bad, error in [(0, ValueError), ("wide", ValueError), (None, TypeError), (True, TypeError)]:
        with pytest.raises(error, match=r"^width_x must be"):
            widths.kernel_width(bad, x, option="width_x")


def test_alignment_by_definition(engine, x):
    labels = np.array(["a", "b", "c"])[np.arange(41) % 3]
    x = x + 4 * np.eye(3)[np.arange(41) % 3]
    same = labels[:, None] == labels[None]
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    tried = widths.kernel_width("median", x) * np.geomspace(0.1, 10, 30)
    kernels = [np.exp(-squares / (2 * sigma**2)) for sigma in tried]
    alignments = [(k * same).sum() / math.sqrt((k * k).sum() * same.sum()) for k in kernels]
    found = widths.aligned_width(x, labels, candidates=30)
    assert found == pytest.approx(tried[int(np.argmax(alignments))], rel=1e-12)
    assert tried[0] < found < tried[-1]


def test_alignment_depends_on_the_labels(engine, rng):
    x = rng.standard_normal((60, 2)) + 6 * (np.arange(60) % 2)[:, None]
    own = widths.aligned_width(x, np.arange(60) % 2)
    other = widths.aligned_width(x, np.arange(60) // 30)  # which tell nothing about x
    assert other > 2 * own
    assert widths.aligned_width(np.ones((5, 2)), np.arange(5)) > 0


@pytest.mark.parametrize(
    ("x", "labels", "message"),
    [
        ([[math.nan], [1]], [0, 1], "^x must be finite"),
        ([[0.0], [1]], [0, 1.5], "^labels must hold"),
        ([[0.0], [1]], [0, 1, 1], "^x and labels must have the same number of rows"),
    ],
)
def test_alignment_of_bad_input(x, labels, message):
    with pytest.raises(ValueError, match=message):
        widths.aligned_width(x, labels)


@pytest.mark.parametrize("rule", widths.RULES)
@pytest.mark.parametrize("offset", [1e14, -1e14])
def test_rules_survive_an_offset(engine, rng, rule, offset):
    x = rng.integers(0, 4096, size=(60, 3)) / 64  # floats near 1e14 are so far apart
    found = widths.kernel_width(rule, x + offset)
    # the mean is rounded to 1/64 too, and the square of what it lost enters the deviation
    assert found == pytest.approx(widths.kernel_width(rule, x), rel=1e-6)


@pytest.mark.parametrize("rule", ["median", "knn"])
@pytest.mark.parametrize("constant", [0.1, 1e300, -1e300])
def test_constant_columns_change_no_distance(engine, x, rule, constant):
    beside = np.column_stack([np.full(len(x), constant), x])
    assert widths.kernel_width(rule, beside) == widths.kernel_width(rule, x)
