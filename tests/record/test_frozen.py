"""Widths that follow the data are those of the first probe, unless asked otherwise."""

import warnings

import numpy as np
import pytest
import torch

import infotheory as it
from infotheory import registry
from infotheory.record.store import read

from .networks import chain, data

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
MEASURES = [
    it.measure("H(T):diffusion", width="median"),
    it.measure("I(X;T):cauchy_schwarz"),
    it.measure("I(T;Y):diffusion", width=0.7),
]


def train(folder, *, stop=4, resume=False, saved=None, start_step=0, measures=MEASURES, **options):
    torch.manual_seed(0)
    net = chain(6, 5, 4, 3)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    x, y = data()
    if saved is not None:
        net.load_state_dict(saved)
    recorder = it.Recorder(
        net,
        measures=measures,
        probe={"train": (x, y), "test": data(seed=9)},
        when=it.every(2),
        out=folder,
        resume=resume,
        start_step=start_step,
        **options,
    )
    with recorder:
        for _ in range(start_step, stop):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(x), y).backward()
            optimiser.step()
            recorder.step()
    return net.state_dict()


def widths_of(folder):
    """The widths of each layer, measure and probe, in the order of the steps."""
    found = {}
    for record in read(folder / "records.jsonl")[0]:
        if record["kind"] == "estimate":
            key = record["layer"], record["measure"], record["probe"]
            found.setdefault(key, []).append(record["params"]["sigma"])
    return found


def test_they_are_those_of_the_first_probe(tmp_path):
    train(tmp_path / "run")
    found = widths_of(tmp_path / "run")
    assert len(found) >= 3 * 3 * 2
    for (layer, measure, _), sigmas in found.items():
        assert len(sigmas) == 3
        assert all(sigma == sigmas[0] for sigma in sigmas)
        assert sigmas == found[layer, measure, "train"]
    labels = {measure for _, measure, _ in found}
    assert labels == set(map(str, MEASURES))  # the log speaks of what was asked for
    first = next(
        sigmas[0] for (_, measure, _), sigmas in found.items() if measure == "I(X;T):cauchy_schwarz"
    )
    assert len(first) == 2


def test_each_probe_has_its_own_on_request(tmp_path):
    train(tmp_path / "run", freeze_widths=False)
    found = widths_of(tmp_path / "run")
    for (_, measure, _), sigmas in found.items():
        fixed = "width=0.7" in measure
        assert (sigmas[0] == sigmas[-1]) == fixed


def test_they_are_kept_when_a_run_goes_on(tmp_path):
    saved = train(tmp_path / "run", stop=2)
    train(tmp_path / "run", resume=True, start_step=2, saved=saved)
    train(tmp_path / "whole")
    assert widths_of(tmp_path / "run") == widths_of(tmp_path / "whole")


def test_a_run_does_not_go_on_with_another_rule(tmp_path):
    train(tmp_path / "run", stop=2)
    with pytest.raises(ValueError, match="freeze_widths"):
        train(tmp_path / "run", resume=True, start_step=2, freeze_widths=False)


def test_the_option_is_a_flag(tmp_path):
    with pytest.raises(TypeError, match=r"^freeze_widths must be True or False"):
        train(tmp_path / "run", freeze_widths="first")


def test_the_value_is_that_of_the_estimator(tmp_path):
    train(tmp_path / "run", stop=1)
    records = [
        record
        for record in read(tmp_path / "run" / "records.jsonl")[0]
        if record["kind"] == "estimate" and record["quantity"] == "I(X;T)" and record["step"] == 0
    ]
    torch.manual_seed(0)
    net, (x, _) = chain(6, 5, 4, 3), data()
    layer = dict(net.named_modules())[records[0]["layer"]]
    kept = []
    layer.register_forward_hook(lambda module, given, out: kept.append(out.detach()))
    net(x)
    alone = it.mutual_information(kept[0], x, method="cauchy_schwarz")
    assert records[0]["value"] == pytest.approx(alone.value, rel=1e-12)
    assert np.allclose(records[0]["params"]["sigma"], alone.params["sigma"], rtol=1e-12)


def methods_with_both():
    """Methods of numbers that have an entropy and an information of T and Y: those of H(T|Y)."""
    known = {entry.key for entry in registry.entries() if entry.inputs[0] == "real"}
    methods = sorted({key.partition(":")[2] for key in known})
    return [m for m in methods if {f"entropy:{m}", f"mutual_information:{m}"} <= known]


def test_every_layer_measure_goes_on_after_the_first_probe(tmp_path):
    """An entropy of T alone takes T's width of the frozen pair."""
    labels = [
        f"{quantity}:{method}"
        for method in methods_with_both()
        for quantity in ("H(T)", "I(X;T)", "I(T;Y)", "H(T|Y)")
        if not (quantity == "I(X;T)" and method == "diffusion")  # inputs are no classes
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(tmp_path / "run", measures=labels)
    records = read(tmp_path / "run" / "records.jsonl")[0]
    assert [record for record in records if record["kind"] == "error"] == []
    steps = {}
    for record in records:
        if record["kind"] == "estimate":
            steps.setdefault(record["measure"], set()).add(record["step"])
    assert set(steps) == set(labels)
    assert all(each == {0, 2, 4} for each in steps.values())


@pytest.mark.parametrize("width", ["median", ("median", 1.0), 0.8])
def test_the_widths_of_what_is_left_given_labels_are_frozen(tmp_path, width):
    left = it.measure("H(T|Y):matrix_renyi", width=width)
    both = [
        it.measure(f"{quantity}:matrix_renyi", width=width) for quantity in ("I(X;T)", "I(T;Y)")
    ]
    train(tmp_path / "run", measures=[left, *both])
    found = widths_of(tmp_path / "run")
    for (layer, measure, probe), sigmas in found.items():
        if measure == str(left):
            assert sigmas == found[layer, str(both[1]), probe]
            assert all(sigma == sigmas[0] for sigma in sigmas)
