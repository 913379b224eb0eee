import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import infotheory as it
from infotheory.record import recorder as recording
from infotheory.record.schedule import Budget
from infotheory.record.store import LogError, read

from .networks import Restless, chain, data, hooks_of

pytestmark = pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")


def log_of(folder):
    records, _ = read(folder / "records.jsonl")
    return records


def of_kind(folder, kind):
    return [record for record in log_of(folder) if record["kind"] == kind]


def train(folder=None, steps=12):
    """Everything that training leaves behind."""
    torch.manual_seed(0)
    np.random.seed(1)  # noqa: NPY002
    random.seed(2)
    net = Restless().train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    x, y = data()
    losses = []

    def one_step():
        rows = np.random.permutation(len(x))[:20]  # noqa: NPY002
        scale = 1 + 0.1 * random.random()
        loss = nn.functional.cross_entropy(net(x[rows] * scale), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        return loss

    if folder is None:
        for _ in range(steps):
            one_step()
    else:
        rec = it.Recorder(
            net,
            measures=["I(X;T)", "I(T;Y)", "I(X;T):mixture"],
            probe={"train": (x, y), "test": data(seed=6)},
            when=it.every(2) | it.at([1]),
            out=folder,
            batch_size=16,
        )
        with rec:
            for epoch in range(steps):
                rec.step(epoch=epoch, loss=one_step())
    flags = {name: module.training for name, module in net.named_modules()}
    chance = torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002
    moments = [value for state in optimiser.state.values() for value in state.values()]
    return net.state_dict(), net.count.steps, flags, losses, moments, chance


def test_a_measured_run_trains_bit_for_bit_like_an_unmeasured_one(tmp_path):
    plain, measured = train(), train(tmp_path / "run")
    weights, steps, flags, losses, moments, chance = plain
    assert list(weights) == list(measured[0])
    for name, tensor in weights.items():
        assert torch.equal(tensor, measured[0][name]), name
    assert (steps, flags, losses) == measured[1:4]
    assert flags["norm"]
    assert not flags["frozen"]
    assert all(torch.equal(a, b) for a, b in zip(moments, measured[4], strict=True))
    assert torch.equal(chance[0], measured[5][0])
    assert np.array_equal(chance[1], measured[5][1])
    assert chance[2] == measured[5][2]
    # and it has measured: steps 0, 1, 2, 4, ... 12, two probes, seven layers, three measures
    assert len(of_kind(tmp_path / "run", "estimate")) == 8 * 2 * 7 * 3


def make(folder, net=None, **options):
    options = {"measures": ["H(T)", "I(T;Y)"], "when": it.at([2]), "probe": data()} | options
    return it.Recorder(net or chain(6, 5, 3), out=folder, **options)


def test_first_due_and_last_steps_are_measured_with_their_scalars(tmp_path):
    with make(tmp_path, seed=7, tags={"group": "tanh"}) as rec:
        for step in range(1, 5):
            rec.step(epoch=step / 10, loss=torch.tensor(2.0 * step), rate=np.float32(0.5))
        rec.log(accuracy=float("nan"))
    assert [record["step"] for record in of_kind(tmp_path, "probe")] == [0, 2, 4]
    scalars = of_kind(tmp_path, "scalars")
    assert [record["step"] for record in scalars] == [2, 4]
    assert scalars[0]["values"] == {"loss": 4.0, "rate": 0.5}
    assert scalars[0]["epoch"] == 0.2
    assert np.isnan(scalars[1]["values"]["accuracy"])
    assert log_of(tmp_path)[-1] == {"kind": "end", "status": "finished", "step": 4}
    header = log_of(tmp_path)[0]
    assert header["seed"] == 7
    assert header["tags"] == {"group": "tanh"}
    assert [layer["name"] for layer in header["layers"]] == ["fc1", "act1", "fc2"]
    record = of_kind(tmp_path, "estimate")[0]
    assert record["layer"] == "fc1"
    assert record["measure"] == "H(T):binned"
    assert record["unit"] == "nats"
    assert (record["n"], record["d"], record["dtype"]) == (40, 5, "float32")
    assert record["ceiling"] == pytest.approx(np.log(40))


def test_nothing_is_touched_while_nothing_is_due(tmp_path):
    class Untouchable:
        def __getattribute__(self, name):
            raise AssertionError(f"{name} was looked up")

    net = chain(6, 5, 3)
    with make(tmp_path, net, when=it.at([9])) as rec:
        assert hooks_of(net) == 0
        size = (tmp_path / "records.jsonl").stat().st_size
        rec.step(loss=Untouchable())
        assert hooks_of(net) == 0
        assert (tmp_path / "records.jsonl").stat().st_size == size
        rec.step()


def test_a_scalar_that_is_no_number_is_named(tmp_path):
    with make(tmp_path) as rec, pytest.raises(TypeError, match="loss must be a number"):
        rec.log(loss=torch.zeros(2))


def test_two_probes_are_told_apart(tmp_path):
    probes = {"train": data(), "test": data(n=24, seed=6)}
    with make(tmp_path, probe=probes):
        pass
    records = it.load(tmp_path).records
    assert {(record["probe"], record["n"]) for record in records} == {("train", 40), ("test", 24)}
    assert of_kind(tmp_path, "header")[0]["probes"]["test"]["classes"] == 3


def test_labels_are_asked_for_where_a_measure_needs_them(tmp_path):
    with pytest.raises(ValueError, match=r"I\(T;Y\):binned needs labels"):
        make(tmp_path, probe=data()[0])
    with make(tmp_path, probe=data()[0], measures="H(T)"):
        pass
    assert of_kind(tmp_path, "estimate")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measures": ["I(X;T):bined"]}, "Did you mean 'binned'"),
        ({"measures": ["I(X,T)"]}, "Did you mean 'I.X;T.'"),
        ({"measures": []}, "at least one"),
        ({"measures": ["H(T)", "H(T):binned"]}, "twice"),
        ({"measures": ["I(X;T|Y):kde"]}, "not available for 'kde'"),
        ({"measures": [it.measure("I(X;T|Y):ksg", variant=2)]}, "no option 'variant'"),
        ({"measures": [it.measure("I(X;T):ksg", pointwise=True)]}, "leave pointwise out"),
        ({"measures": ["H(T|Y):ksg"]}, "there is no 'entropy:ksg'"),
        ({"measures": ["mutual_information:ksg"]}, "which quantity"),
        ({"layers": "fc9"}, "'fc9' matches no module. Similar: "),
        ({"layers": ["**", "!drop"]}, "'!drop' matches no module"),
        ({"layers": ["fc1", "!fc*"]}, "all of it is excluded"),
        ({"on_error": "ignore"}, "on_error must be one of"),
        ({"reduce": "max"}, "reduce must be one of"),
        ({"budget": 2.0}, "share of wall time"),
        ({"probe": (1, 2, 3)}, r"must be \(x, y\)"),
        ({"probe": (data()[0], data(n=24)[1])}, "same number of rows; got 40 and 24"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_training(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path, **options)


def test_when_must_be_a_schedule(tmp_path):
    with pytest.raises(TypeError, match="log_spaced"):
        make(tmp_path, when=5)


def test_layers_that_are_never_called_are_an_error_that_names_them(tmp_path):
    net = chain(6, 5, 3)
    net.spare = nn.Linear(1, 1)
    net.forward = lambda x: net.fc2(torch.tanh(net.fc1(x)))
    with pytest.raises(ValueError, match=r"'act1'.*'spare'.*never called.*'!act1', '!spare'"):
        make(tmp_path, net).__enter__()
    assert hooks_of(net) == 0
    assert log_of(tmp_path)[-1]["status"] == "stopped"
    with pytest.warns(it.InfotheoryWarning, match="spare"):
        make(tmp_path / "b", net, on_missing="warn").__enter__()
    assert {record["layer"] for record in of_kind(tmp_path / "b", "estimate")} == {"fc1", "fc2"}


def test_a_probe_leaves_torch_its_number_of_threads(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with make(tmp_path, measures=["H(T):mixture", "H(T)"]) as rec:
            rec.step()
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_failing_measure_names_layer_and_step(tmp_path):
    too_many = it.measure("entropy:knn", k=99)
    with pytest.raises(ValueError, match="k=99") as caught:
        make(tmp_path, measures=["H(T)", too_many]).__enter__()
    assert caught.value.__notes__ == ["This was entropy:knn(k=99) of layer 'fc1' at step 0."]
    end = log_of(tmp_path)[-1]
    assert end["status"] == "stopped"
    assert "k=99" in end["error"]


def _diverge(tmp_path, **options):
    net = chain(6, 5, 3)
    with make(tmp_path, net, layers="fc*", measures="H(T)", **options) as rec:
        torch.nn.init.constant_(net.fc1.weight, torch.nan)
        rec.step()
        rec.step()


def test_a_network_that_diverges_is_noted_and_goes_on_training(tmp_path):
    with pytest.warns(it.InfotheoryWarning, match="must be finite") as caught:
        _diverge(tmp_path)
    assert len([w for w in caught if "finite" in str(w.message)]) == 2  # once for each layer
    assert {record["layer"] for record in of_kind(tmp_path, "error")} == {"fc1", "fc2"}
    assert log_of(tmp_path)[-1]["status"] == "finished"


def test_a_measure_that_fails_later_can_be_an_error(tmp_path):
    with pytest.raises(ValueError, match="must be finite"):
        _diverge(tmp_path, on_error="raise")


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("boom"), "stopped"), (KeyboardInterrupt(), "interrupted")]
)
def test_an_exception_in_training_leaves_a_readable_log(tmp_path, error, status):
    net = chain(6, 5, 3)

    def train_until_it_fails():
        with make(tmp_path, net) as rec:
            rec.step()
            raise error

    with pytest.raises(type(error)):
        train_until_it_fails()
    assert [record["step"] for record in of_kind(tmp_path, "probe")] == [0]
    assert log_of(tmp_path)[-1]["status"] == status
    assert hooks_of(net) == 0
    assert len(it.load(tmp_path).records) == 6


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_model_that_raises_in_mid_probe_is_left_as_it_was(tmp_path, error):
    class Fragile(nn.Module):
        broken = False

        def forward(self, x):
            if self.broken:
                raise error("in mid-probe")
            return x

    net = nn.Sequential(Restless(), Fragile()).train()
    before = {name: module.training for name, module in net.named_modules()}
    chance = torch.get_rng_state()
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}

    def measure_what_breaks():
        with make(tmp_path, net) as rec:
            net[1].broken = True
            rec.measure()

    with pytest.raises(error, match="in mid-probe"):
        measure_what_breaks()
    assert hooks_of(net) == 0
    assert {name: module.training for name, module in net.named_modules()} == before
    assert torch.equal(torch.get_rng_state(), chance)
    assert torch.is_grad_enabled()
    assert all(torch.equal(buffers[name], buffer) for name, buffer in net.named_buffers())


def test_inputs_that_the_network_does_not_take_are_told_to_be_the_probes(tmp_path):
    x, y = data()
    recorder = it.Recorder(chain(6, 4, 3), probe=(torch.cat([x, x], 1), y), out=tmp_path / "run")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as caught, recorder:
        pass
    assert "run on the probe" in caught.value.__notes__[0]


def test_warnings_are_said_once_for_each_layer_and_measure_and_kept(tmp_path):
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    rec = make(tmp_path, layers="fc*", probe=(x, x[:, 0] > 0), measures=["I(X;T)"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with rec:
            rec.step()
            rec.step()
    said = [str(warning.message) for warning in caught]
    assert len(said) == len({message[:30] for message in said})
    assert said[0].startswith("layer 'fc1', I(X;T):binned, from step 0: ")
    assert caught[0].filename == __file__
    saturated = [r for r in of_kind(tmp_path, "estimate") if r["layer"] == "fc1"]
    assert len(saturated) == 2
    assert all(r["saturated"] and r["diagnostics"]["warnings"] for r in saturated)


def test_a_warning_made_an_error_loses_no_record(tmp_path):
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error", it.InfotheoryWarning)
        with pytest.raises(it.InfotheoryWarning):
            make(tmp_path, probe=(x, x[:, 0] > 0)).__enter__()
    assert len(of_kind(tmp_path, "estimate")) == 6
    assert of_kind(tmp_path, "probe")


def test_measuring_by_hand_carries_a_tag(tmp_path):
    with make(tmp_path) as rec:
        rec.step()
        records = rec.measure("after pruning")
    assert {record["tag"] for record in records} == {"after pruning"}
    tags = [(r["step"], r.get("tag")) for r in of_kind(tmp_path, "probe")]
    assert tags == [(0, None), (1, "after pruning"), (1, None)]


def test_a_recorder_outside_of_with_says_so(tmp_path):
    rec = make(tmp_path)
    with pytest.raises(RuntimeError, match="with recorder"):
        rec.step()
    with rec:
        rec.step()
    assert log_of(tmp_path)[-1]["step"] == 1
    with pytest.raises(RuntimeError, match="with recorder"):
        rec.step()


def test_dry_run_shows_layers_and_writes_nothing(tmp_path):
    net = chain(6, 5, 3).train()
    shown = make(tmp_path / "new", net).dry_run()
    assert "fc2    Linear  (3,)    3" in shown
    assert "n = 40" in shown
    assert not (tmp_path / "new").exists()
    assert net.training


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_budget_postpones_probes_and_pays_debts_back():
    clock = Clock()
    budget = Budget(0.1, clock)
    for _ in range(20):  # the credit
        assert budget.allows()
        budget.spend(1.0)
    clock.now = 209.9
    assert not budget.allows()
    clock.now = 210.0  # 20 seconds spent, one more expected
    assert budget.allows()
    budget.spend(3.0)  # dearer than usual
    clock.now = 259.9
    assert not budget.allows()  # 23 spent, 3 expected
    clock.now = 260.0
    assert budget.allows()


def test_what_waits_is_measured_at_the_first_step_that_can_pay(tmp_path, monkeypatch):
    class Purse:
        full = True

        def start(self):
            pass

        def allows(self):
            return self.full

        def spend(self, seconds):
            assert seconds > 0

    purse = Purse()
    monkeypatch.setattr(recording, "Budget", lambda share: purse)
    with make(tmp_path, when=it.every(2), budget=0.1) as rec:
        purse.full = False
        for _ in range(5):
            rec.step()
        purse.full = True
        for _ in range(4):
            rec.step()
    assert [record["step"] for record in of_kind(tmp_path, "probe")] == [0, 6, 8, 9]
    assert {record["n"] for record in of_kind(tmp_path, "estimate")} == {40}


def test_a_log_error_is_not_hidden_by_the_end_that_cannot_be_written(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    def measure_into_a_full_disk():
        with make(tmp_path) as rec:
            monkeypatch.setattr("os.write", full)
            rec.measure()

    with pytest.raises(LogError, match="No space left"):
        measure_into_a_full_disk()
    monkeypatch.undo()
    assert [record["kind"] for record in log_of(tmp_path)].count("probe") == 1
