import copy
import pickle
from collections import OrderedDict
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import infotheory as it
from infotheory.record.capture import Capture, Tap, reduced_by
from infotheory.record.layers import select
from infotheory.record.probe import quiet_probe

from .networks import chain, hooks_of


def capture(net, layers="**", batches=None, reduce="flatten", x=None):
    if batches is None:
        batches = [
            torch.randn(7, 4, generator=torch.Generator().manual_seed(1)) if x is None else x
        ]
    taken = Capture(net, select(net, layers), reduce)
    with quiet_probe(net):
        found = taken.run(batches)
    return found, taken.unheard(found)


def test_what_is_kept_is_what_the_layer_gave_although_the_next_works_in_place():
    net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 2))
    x = torch.randn(7, 4)
    (before, after), _ = capture(net, ["0", "1"], [x])
    assert torch.equal(before.values, net[0](x))
    assert before.values.min() < 0
    assert torch.equal(after.values, before.values.relu())
    assert not before.values.requires_grad


def test_the_output_of_the_network_is_not_changed_and_keeps_its_graph():
    net = chain(4, 5, 2)
    x = torch.randn(3, 4)
    taken = Capture(net, select(net, "**"))
    outputs = []
    handle = net.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    taken.run([x])
    handle.remove()
    assert outputs[0].requires_grad
    assert torch.equal(outputs[0], net(x))


@dataclass
class Outcome:
    loss: None
    state: torch.Tensor


class Several(nn.Module):
    def __init__(self, give):
        super().__init__()
        self.give = give

    def forward(self, x):
        return self.give(x)


@pytest.mark.parametrize(
    ("give", "path"),
    [
        (lambda x: x, ""),
        (lambda x: (x.argmax(1), x), "1"),
        (lambda x: [None, (torch.zeros(()), x)], "1.1"),
        (lambda x: OrderedDict(loss=x.sum(), logits=x), "logits"),
        (lambda x: Outcome(None, x), "state"),
        (lambda x: (x.T, {"hidden": (x,)}), "1.hidden.0"),
    ],
)
def test_the_first_floating_tensor_with_the_batch_in_front(give, path):
    x = torch.randn(7, 4)
    (found,), _ = capture(Several(give), x=x)
    assert torch.equal(found.values, x)
    assert found.output == path


def test_a_recurrent_layer_gives_its_sequence():
    (found,), _ = capture(nn.GRU(4, 3, batch_first=True), x=torch.randn(7, 5, 4))
    assert found.shape == (5, 3)
    assert found.values.shape == (7, 15)
    assert found.output == "0"


@pytest.mark.parametrize("give", [lambda x: x.T, lambda x: x.argmax(1), lambda x: None])
def test_an_output_without_samples_is_told(give):
    found, unheard = capture(nn.Sequential(Several(give)), x=torch.randn(7, 4))
    assert found == []
    assert "first dimension is the batch of 7" in unheard["0"]


def test_a_module_called_twice_is_two_layers():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.same = self.fc

        def forward(self, x):
            return self.same(torch.relu(self.fc(x)))

    net, x = Twice(), torch.randn(7, 4)
    found, _ = capture(net, batches=[x[:3], x[3:]])
    assert [(f.layer, f.index, f.call) for f in found] == [("fc", 0, 1), ("fc:2", 0, 2)]
    assert torch.allclose(found[0].values, net.fc(x))
    assert torch.allclose(found[1].values, net(x))


def test_calls_that_depend_on_the_batch_are_an_error():
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(x) if x[0, 0] > 0 else x

    net, x = Sometimes(), torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]])
    with pytest.raises(ValueError, match=r"'fc' is called 1 times in some batches"):
        capture(net, "fc", [x[:1], x[1:]])


def test_modules_that_are_never_called():
    net = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    found, unheard = capture(net, x=torch.randn(7, 3, 4))
    assert unheard == {"self_attn.out_proj": "it was never called"}
    # the fused path, on which no module inside is called, was off
    assert {"linear1", "norm1", "dropout2"} <= {f.layer for f in found}


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing(tmp_path, reentrant):
    class Thrifty(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = chain(4, 5, 5)
            self.head = nn.Linear(5, 2)

        def forward(self, x):
            return self.head(checkpoint(self.body, x, use_reentrant=reentrant))

    net = Thrifty()
    x = torch.randn(16, 4).repeat(4, 1)
    rec = it.Recorder(net, "body.*", ["H(T)"], probe=x, when=it.every(1), out=tmp_path)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    with rec:
        for _ in range(2):
            net(x.clone().requires_grad_()).square().mean().backward()
            optimiser.step()
            rec.step()
    records = it.load(tmp_path).records
    assert [(r["step"], r["layer"]) for r in records] == [
        (step, layer) for step in range(3) for layer in ("body.fc1", "body.act1", "body.fc2")
    ]


def test_copies_of_a_network_take_along_taps_that_do_nothing():
    heard = []
    net = nn.Sequential(nn.Linear(4, 2))
    handle = net[0].register_forward_hook(Tap(lambda output: heard.append(output)))
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), copy.copy(net[0])]
    x = torch.randn(3, 4)
    for one in copies[:2]:
        one(x)
    assert heard == []
    assert torch.equal(copies[0](x), net(x))
    assert len(heard) == 1
    handle.remove()


def test_a_network_copied_from_within_a_probe_does_not_record():
    class Copying(nn.Linear):
        copy = None

        def forward(self, x):
            Copying.copy = Copying.copy or [copy.deepcopy(self), pickle.loads(pickle.dumps(self))]
            return super().forward(x)

    import sys

    sys.modules[__name__].Copying = Copying
    Copying.__qualname__ = "Copying"
    found, _ = capture(nn.Sequential(Copying(4, 2)))
    assert len(found) == 1
    assert hooks_of(Copying.copy[0]) == 1
    Copying.copy[0](torch.randn(2, 4))
    assert len(found[0].values) == 7


def test_the_hooks_of_others_stay():
    net = nn.Sequential(nn.Linear(4, 2))
    net[0].register_forward_hook(lambda module, inputs, output: output + 100)
    (found,), _ = capture(net)
    assert found.values.min() > 50  # what the next layer gets
    assert hooks_of(net) == 1


def test_the_hooks_go_when_the_model_raises():
    net = nn.Sequential(nn.Linear(4, 2), nn.Linear(3, 1))
    with pytest.raises(RuntimeError):
        capture(net)
    assert hooks_of(net) == 0


@pytest.mark.parametrize(
    ("shape", "reduce", "width"),
    [
        ((), "flatten", 1),
        ((4,), "mean", 4),
        ((5, 4), "flatten", 20),
        ((5, 4), "mean", 4),
        ((3, 5, 4), "flatten", 60),
        ((3, 5, 4), "mean", 3),
        ((5, 4), lambda t: t[:, -1], 4),
    ],
)
def test_how_a_sample_becomes_a_row(shape, reduce, width):
    x = torch.randn(7, *shape)
    (found,), _ = capture(nn.Identity(), x=x, reduce=reduce)
    assert found.values.shape == (7, width)
    assert found.shape == shape
    if reduce == "mean":
        axes = {1: (), 2: (1,), 3: (2, 3)}[len(shape)]
        assert torch.allclose(found.values, x.mean(axes) if axes else x)


def test_reductions_have_names_and_are_checked():
    def last_token(output):
        return output[:, -1]

    assert reduced_by("mean") == "mean"
    assert reduced_by(last_token).endswith("last_token")
    with pytest.raises(ValueError, match="'0' it gave float32 \\(1, 7, 4\\)"):
        capture(nn.Sequential(nn.Identity()), reduce=lambda output: output[None])
    with pytest.raises(TypeError, match="callable"):
        reduced_by(3)


class Wrapped(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x)


@pytest.mark.parametrize("compile_in_place", [False, True])
def test_compiled_networks_are_recorded_and_not_compiled_again(tmp_path, compile_in_place):
    from torch._dynamo.testing import CompileCounter

    torch._dynamo.reset()
    counter = CompileCounter()
    inner = Wrapped(nn.Sequential(chain(4, 5, 3), nn.BatchNorm1d(3), nn.Dropout(0.1))).train()
    if compile_in_place:
        inner.compile(backend=counter)
        net = inner
    else:
        net = torch.compile(inner, backend=counter)
    x = torch.randn(16, 4).repeat(4, 1)
    net(x)
    compiled = counter.frame_count
    assert compiled > 0
    rec = it.Recorder(net, "**", ["H(T)"], probe=x, when=it.every(1), out=tmp_path)
    with rec:
        for _ in range(3):
            net(x)
            rec.step()
    assert counter.frame_count == compiled
    records = it.load(tmp_path).records
    assert len(records) == 4 * 5
    assert records[0]["layer"] == "body.0.fc1"


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_half_precision_is_measured_as_it_is(tmp_path):
    net = chain(4, 3).to(torch.bfloat16)
    with it.Recorder(net, measures=["H(T)", "H(T):knn"], probe=torch.randn(30, 4), out=tmp_path):
        pass
    assert {record["dtype"] for record in it.load(tmp_path).records} == {"bfloat16"}
