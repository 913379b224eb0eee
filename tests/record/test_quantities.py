import math

import numpy as np
import pytest
import torch

import infotheory as it
from infotheory import ops
from infotheory.record import quantities
from infotheory.record.capture import Activations
from infotheory.record.observe import observe, samples
from infotheory.record.probe import Probe

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")

#: Four rows in three places; the label tells the first place from the other two.
T = np.array([[0.0], [1.0], [1.0], [2.0]])
PROBE = Probe(np.arange(4.0), np.array(["a", "b", "b", "b"]))
H_T = 1.5 * math.log(2)
H_Y = math.log(4) - 0.75 * math.log(3)


def value(key, t=T, probe=PROBE, **options):
    found = quantities.estimate(it.measure(key, **options), t, probe)
    assert found.quantity == key.partition(":")[0]
    assert found.unit == "nats"
    return found.value


def test_by_hand():
    assert value("H(T)") == pytest.approx(H_T)
    assert value("I(X;T)") == pytest.approx(H_T)
    assert value("I(T;Y)") == pytest.approx(H_Y)
    assert value("H(T|Y)") == pytest.approx(H_T - H_Y)
    assert value("I(X;T|Y)") == pytest.approx(H_T - H_Y)


def test_the_row_as_x_is_the_mutual_information_with_the_numbers_of_rows():
    rows = np.arange(4)
    binned = it.mutual_information(T, rows, method="binned", discrete_y=True).value
    assert value("I(X;T)") == pytest.approx(binned)
    mixture = it.mutual_information(T, rows, method="mixture", noise_variance=0.1).value
    assert value("I(X;T):mixture", noise_variance=0.1) == mixture
    assert value("I(X;T|Y):mixture", noise_variance=0.1) == pytest.approx(
        mixture - value("I(T;Y):mixture", noise_variance=0.1)
    )


def test_other_methods_see_the_numbers_of_x():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2, 1))
    t = x[:, :, 0] @ np.array([[1.0], [0.5]]) + 0.1 * rng.normal(size=(50, 1))
    probe = Probe(x, rng.normal(size=50))
    for method in ("ksg", "gaussian"):
        expected = it.mutual_information(t, x[:, :, 0], method=method).value
        assert value(f"I(X;T):{method}", t, probe) == expected
    expected = it.entropy(t, method="gaussian").value - value("I(T;Y):gaussian", t, probe)
    assert value("H(T|Y):gaussian", t, probe) == pytest.approx(expected)


def test_numbers_that_name_classes_are_doubted():
    rng = np.random.default_rng(0)
    x, classes = rng.normal(size=(60, 2)), np.arange(60) % 3

    def said(method, y):
        found = quantities.estimate(it.measure(f"I(T;Y):{method}"), x, Probe(x, y))
        return any("taken as numbers" in text for text in found.diagnostics.get("warnings", ()))

    for method in ("hsic", "cauchy_schwarz", "gaussian"):
        assert said(method, classes)
        assert not said(method, np.eye(3)[classes])
        assert not said(method, classes % 2)
        assert not said(method, rng.normal(size=60))
    assert not said("mixed", classes)


def test_a_conditional_estimator_is_asked_where_there_is_one():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60, 1))
    t = x + y + 0.3 * rng.normal(size=(60, 1))
    probe = Probe(x, y[:, 0])
    for method, options in (("ksg", {"k": 4}), ("mixed", {}), ("gaussian", {"shrinkage": 0.1})):
        expected = it.conditional_mutual_information(x, t, y, method=method, **options).value
        assert value(f"I(X;T|Y):{method}", t, probe, **options) == expected


def test_the_same_input_given_several_times_is_one_x():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(30, 3)), 4, axis=0)
    probe = Probe(torch.from_numpy(x), np.arange(120) % 2)
    t = x[:, :1] + 0.1 * rng.normal(size=(120, 1))  # noise of the layers below
    expected = it.mutual_information(t, np.arange(120) // 4, method="sample_propagation")
    assert value("I(X;T):sample_propagation", t, probe) == pytest.approx(expected.value, rel=1e-12)
    assert 0 < expected.value < math.log(30)


class _Noise(torch.nn.Module):
    def forward(self, t):
        return t + 0.3 * torch.randn_like(t)


def test_a_noisy_network_is_measured_by_sample_propagation(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2), _Noise(), torch.nn.Linear(2, 1, bias=False), _Noise()
    ).double()
    x = torch.randn(100, 2, dtype=torch.float64)
    probe = x.repeat_interleave(10, dim=0)
    measure = it.measure("I(X;T):sample_propagation", noise_variance=0.09)
    with it.Recorder(
        model, layers=["0", "2"], measures=[measure], probe=probe, out=tmp_path / "run"
    ) as recorder:
        recorder.step()
    first, second = it.load(tmp_path / "run").records[:2]
    w, v = (model[i].weight.detach().numpy() for i in (0, 2))
    s = np.cov(x.numpy().T, bias=True)
    of_first = np.linalg.slogdet(np.eye(2) + w @ s @ w.T / 0.09)[1] / 2
    signal, noise = v @ w @ s @ w.T @ v.T, v @ v.T * 0.09 + 0.09 * np.eye(1)
    of_second = np.log(1 + signal / noise).item() / 2
    assert of_second < of_first  # data processing
    # a hundred inputs are a rough normal distribution
    assert first["value"] == pytest.approx(of_first, abs=0.15)
    assert second["value"] == pytest.approx(of_second, abs=0.1)


def test_options_go_to_every_part():
    assert value("I(X;T)", bins=1) == 0
    assert value("H(T|Y)", bins=1) == 0
    assert value("I(X;T)", strategy="fixed", bin_width=5.0) == 0
    assert value("I(X;T)", discrete_y=True) == pytest.approx(H_T)


def test_numeric_targets_may_be_binned():
    probe = Probe(np.arange(4.0), np.array([0.0, 0.1, 0.9, 1.0]))
    t = np.array([[0.0], [0.2], [1.8], [2.0]])
    assert value("I(T;Y)", t, probe, discrete_y=False, bins=2) == pytest.approx(math.log(2))
    assert value("I(T;Y)", probe=probe) == pytest.approx(H_T)  # each number is a label


def test_ceilings_and_saturation():
    repeated = Probe(np.array([0.0, 0.0, 1.0, 1.0]), [0, 0, 1, 1])
    t = np.array([[0.0], [0.0], [1.0], [1.0]])

    def limits(key, t=t, probe=repeated):
        measure = it.measure(key)
        found = quantities.estimate(measure, t, probe)
        bound = quantities.ceiling(measure, found, probe)
        return bound, quantities.saturated(measure, found, bound)

    # H(X) = ln 2, and T has all of it; at ln n it is not.
    assert limits("I(X;T)") == (pytest.approx(math.log(2)), True)
    assert limits("H(T)") == (pytest.approx(math.log(4)), False)
    # The label is known: that is an answer, and no failure of the estimator.
    assert limits("I(T;Y)") == (pytest.approx(math.log(2)), False)
    assert limits("H(T|Y)") == (pytest.approx(math.log(4) - math.log(2)), False)
    assert limits("I(X;T)", np.arange(4.0)[:, None], PROBE) == (pytest.approx(math.log(4)), True)


def test_an_infinite_entropy_stays_what_it_is():
    t = np.zeros((6, 2))
    assert value("H(T|Y):gaussian", t, Probe(np.arange(6.0), np.arange(6.0))) == -math.inf


def test_measures_of_one_layer_share_their_passes(monkeypatch):
    from infotheory.ops import cpu

    passes = []
    original = cpu.mixture_log_sums
    monkeypatch.setattr(
        cpu, "mixture_log_sums", lambda *a, **k: passes.append(1) or original(*a, **k)
    )
    keys = [
        it.measure(f"{quantity}:mixture", bound=bound)
        for quantity in ("I(X;T)", "H(T)", "I(T;Y)", "I(X;T|Y)")
        for bound in ("upper", "lower")
    ]
    values = torch.randn(20, 2, dtype=torch.float64)
    found = Activations("fc", 0, 1, values, (2,), "")
    probe = Probe(np.arange(20.0), np.arange(20) % 3)
    records = observe(found, keys, probe, probe_name="probe", when={"step": 3, "epoch": None})
    assert len(passes) == 1
    assert [record["measure"] for record in records] == list(map(str, keys))
    alone = it.mutual_information(values.numpy(), np.arange(20), method="mixture").value
    assert records[0]["value"] == alone


def test_samples_are_not_rounded():
    double = torch.randn(3, 2, dtype=torch.float64).T
    assert np.array_equal(samples(double), double.numpy())
    assert samples(double).dtype == np.float64
    assert samples(double).flags["C_CONTIGUOUS"]
    half = torch.randn(3, 2).to(torch.bfloat16)
    assert samples(half).dtype == np.float32
    assert np.array_equal(samples(half), half.float().numpy())


def test_measures_of_samples_go_to_the_layer():
    assert value("entropy:binned") == pytest.approx(H_T)


def test_the_torch_engine_answers_alike():
    with ops.use("torch"):
        torch_value = value("I(T;Y):mixture", noise_variance=0.1)
    assert torch_value == pytest.approx(value("I(T;Y):mixture", noise_variance=0.1), rel=1e-9)
