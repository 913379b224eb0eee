"""The register: what is looked up, fixed, listed and refused."""

from __future__ import annotations

import dataclasses
import pickle
import re

import numpy as np
import pytest

import infotheory as it
from infotheory import registry
from infotheory.estimate import Estimate


@pytest.fixture
def toy(monkeypatch):
    """An estimator of nothing, registered for one test."""
    registry.entries()  # what registers on import must not be forgotten with the toy
    monkeypatch.setattr(registry, "_register", dict(registry._register))

    seen = []

    @registry.estimator(
        "entropy:toy", inputs=("real", "codes"), source="none", truth=(), unit="bits"
    )
    def toy(signal, label, *, k: int = 3, width: float | None = None):
        """Nothing at all."""
        seen[:] = signal, label, k, width
        diagnostics = {"warnings": ("too few",)} if k > 5 else {}
        return Estimate(1.0, params={"width": 0.5}, diagnostics=diagnostics)

    toy.seen = seen
    return toy


def test_the_decorator_completes_the_estimate(toy):
    found = toy([1, 2, 3], ["a", "b", "a"], k=4)
    assert (found.value, found.unit, found.n) == (1.0, "bits", 3)
    assert (found.quantity, found.method, found.key) == ("entropy", "toy", "entropy:toy")
    assert found.params == {"k": 4, "width": 0.5}  # what was resolved wins over the default


def test_the_decorator_checks_arrays_by_their_kind(toy):
    toy([1, 2, 3], ["b", "a", "b"])
    signal, label, k, width = toy.seen
    assert signal.shape == (3, 1)
    assert signal.dtype == np.float64
    assert label.tolist() == [1, 0, 1]
    assert (k, width) == (3, None)
    with pytest.raises(ValueError, match=r"^signal must be finite"):
        toy([np.nan, 1], [0, 1])
    with pytest.raises(ValueError, match=r"^signal and label must have .* signal \(2, 1\)"):
        toy([2, 1], [0, 1, 1])


def test_the_decorator_says_warnings_aloud(toy):
    with pytest.warns(it.InfotheoryWarning, match=r"^entropy:toy: too few$") as said:
        toy([1, 2], [0, 1], k=6)
    assert [warning.filename for warning in said] == [__file__]


def test_a_new_entry_is_known_everywhere(toy):
    assert registry.entry("entropy", "toy").function is toy
    assert "entropy:toy" in [entry.key for entry in it.methods("entropy")]
    assert it.measure("entropy:toy", k=4)([1, 2], [0, 1]).params["k"] == 4
    with pytest.raises(ValueError, match="'toy'"):
        it.entropy([1.0], method="tpy")


def test_an_entry_tells_what_it_is():
    entry = registry.entry("mutual_information", "ksg")
    assert (entry.quantity, entry.method) == ("mutual_information", "ksg")
    assert dict(entry.options) == {
        "k": 3,
        "variant": 1,
        "metric": "chebyshev",
        "scale": "standardise",
        "pointwise": False,
    }
    assert entry.inputs == ("real", "real")
    assert (entry.unit, entry.estimand, entry.bound) == ("nats", "shannon", None)
    assert entry.engines == ("cpu", "torch")
    assert not entry.differentiable
    assert "neighbour" in entry.function.__doc__
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.key = "entropy:ksg"
    with pytest.raises(TypeError):
        entry.options["k"] = 4


#: The defaults that design.md freezes.
FROZEN = {
    "mutual_information:ksg": {"k": 3, "variant": 1, "metric": "chebyshev", "scale": "standardise"},
    "entropy:knn": {"k": 3, "metric": "chebyshev", "scale": None},
    "entropy:binned": {"strategy": "range", "bins": 30, "bin_width": None},
    "mutual_information:binned": {"strategy": "range", "bins": 30, "bin_width": None},
    "entropy:mixture": {"noise_variance": 1e-3, "noise": "fixed", "bound": "upper"},
    "mutual_information:mixture": {"noise_variance": 1e-3, "noise": "fixed", "bound": "upper"},
    "entropy:plugin": {},
}


@pytest.mark.parametrize("key", FROZEN)
def test_defaults_are_frozen(key):
    assert FROZEN[key].items() <= dict(it.measure(key).entry.options).items()


def test_bounds_and_estimands_are_declared():
    assert registry.entry("entropy", "mixture").bound == "upper"
    assert registry.entry("mutual_information", "mixture").bound is None
    assert registry.entry("entropy", "mixture").estimand != "shannon"
    assert registry.entry("entropy", "binned").estimand != "shannon"
    for entry in registry.entries():
        assert entry.bound in ("lower", "upper", None)


def test_entries_are_sorted_and_chosen_by_quantity():
    keys = [entry.key for entry in registry.entries()]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys))
    assert {entry.quantity for entry in registry.entries("entropy")} == {"entropy"}
    assert it.methods() == registry.entries()
    with pytest.raises(ValueError, match=r"quantity must be one of .*'entropy', .*Did you mean"):
        it.methods("entropi")


def test_a_summary_is_one_line():
    for entry in registry.entries():
        assert entry.summary
        assert "\n" not in entry.summary


# ---- measures -----------------------------------------------------------------------------


def test_a_measure_keeps_the_options_that_were_given():
    ksg5 = it.measure("mutual_information:ksg", k=5)
    assert ksg5.options == {"k": 5}
    assert str(ksg5) == "mutual_information:ksg(k=5)"
    assert str(it.measure("entropy:plugin")) == "entropy:plugin"
    x = np.random.default_rng(0).normal(size=(2, 50))
    assert ksg5(*x).value == it.mutual_information(*x, k=5).value
    assert ksg5(*x).value != it.mutual_information(*x).value
    assert pickle.loads(pickle.dumps(ksg5)) == ksg5


def test_a_measure_of_a_measure_adds_options():
    ksg5 = it.measure("mutual_information:ksg", k=5, metric="euclidean")
    assert it.measure(ksg5) == ksg5
    assert it.measure(ksg5, k=7).options == {"k": 7, "metric": "euclidean"}
    assert ksg5.options["k"] == 5


def test_bare_layer_quantities_are_binned():
    assert it.measure("I(X;T)").key == "I(X;T):binned"
    assert it.measure("I(T;Y):ksg", k=5).entry.key == "mutual_information:ksg"
    assert it.measure("H(T)").entry.key == "entropy:binned"
    assert it.measure("H(T|Y):mixture", noise_variance=0.1).options == {"noise_variance": 0.1}
    for quantity in registry.LAYER_QUANTITIES:
        assert it.measure(quantity).method == "binned"


def test_a_layer_quantity_is_not_called():
    with pytest.raises(TypeError, match=re.escape("I(X;T):binned is a quantity of a layer")):
        it.measure("I(X;T)")([1.0], [2.0])


@pytest.mark.parametrize(
    ("key", "options", "error", "said"),
    [
        ("entropi:knn", {}, ValueError, "Did you mean 'entropy'"),
        ("entropy:knnn", {}, ValueError, "Did you mean 'knn'"),
        ("entropy:KNN", {}, ValueError, "Did you mean 'knn'"),
        ("mutual_information:ksg", {"K": 3}, TypeError, "Did you mean 'k'"),
        ("entropy", {}, TypeError, "entropy needs method="),
        ("I(X;Z)", {}, ValueError, "must be one of"),
        ("I(X;T):binnd", {}, ValueError, "Did you mean 'binned'"),
        ("entropy:knn", {"K": 3}, TypeError, "its options are: k, metric, scale"),
        ("entropy:miller_madow", {"k": 3}, TypeError, "its options are: none"),
        ("H(T):knn", {"bins": 3}, TypeError, "entropy:knn has no option 'bins'"),
    ],
)
def test_a_wrong_measure_is_refused_when_it_is_made(key, options, error, said):
    with pytest.raises(error, match=re.escape(said)):
        it.measure(key, **options)


# ---- the package --------------------------------------------------------------------------


def test_all_names_exist():
    for name in it.__all__:
        assert getattr(it, name) is not None
        assert name in dir(it)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(
        AttributeError, match=r"has no attribute 'mutual_informatoin'\. Did you mean"
    ):
        it.mutual_informatoin  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'cosine_entropy'"):
        it.cosine_entropy  # noqa: B018
    assert not hasattr(it, "_private")


def test_a_function_is_no_measure_and_the_error_says_what_is():
    for wrong in (it.mutual_information, 3):
        with pytest.raises(TypeError, match="must be a key such as 'mutual_information:ksg'"):
            it.confidence_interval(wrong, [0.0], [0.0])


def test_the_listed_names_are_those_for_users():
    listed = {name for name in dir(it) if not name.startswith("__")}
    assert listed == {*it.__all__, "losses", "widths"}
