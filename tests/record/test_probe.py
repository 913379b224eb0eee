import math
import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from infotheory.record.probe import Probe, place_of, probes, quiet_probe

from .networks import NoisyInEval, Restless, data

CPU = torch.device("cpu")


class Hoarder(nn.Module):
    """Replaces a buffer and adds another, with the attribute that says how long they are."""

    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.tensor([math.nan, -0.0]))
        self.register_buffer("later", None)
        self.length = 2

    def forward(self, x):
        self.cache = torch.zeros(5)
        self.later = torch.ones(1)
        self.register_buffer("extra", torch.ones(2))
        self.length = 5
        self.note = "new"
        return x


def test_training_flags_come_back_one_by_one():
    net = Restless().train()
    net.norm.track_running_stats = True
    before = {name: module.training for name, module in net.named_modules()}
    assert not before["frozen"]
    with quiet_probe(net):
        assert not any(module.training for module in net.modules())
    assert {name: module.training for name, module in net.named_modules()} == before


def test_a_model_that_overrides_eval_is_not_asked():
    class Merging(nn.Linear):
        def train(self, mode=True):
            raise AssertionError("weights would be merged here")

    with quiet_probe(Merging(2, 2)):
        pass


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_buffers_and_attributes_come_back_to_the_bit(error):
    net = Hoarder()
    cache = net.cache
    keys = set(net.__dict__)

    def look():
        with quiet_probe(net):
            net(torch.zeros(1))
            cache.fill_(7.0)
            if error:
                raise error

    with pytest.raises(error) if error else nullcontext():
        look()
    assert net.cache is cache
    assert math.isnan(cache[0])
    assert math.copysign(1, cache[1]) == -1
    assert net.later is None
    assert "later" in net._buffers
    assert "extra" not in net._buffers
    assert net.length == 2
    assert set(net.__dict__) == keys


def test_a_backward_that_awaits_its_turn_still_works():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1)).eval()
    loss = net(torch.randn(4, 3)).sum()
    with quiet_probe(net):
        net(torch.randn(4, 3))
    loss.backward()
    assert net[1].weight.grad is not None


def test_every_generator_goes_on_as_if_nobody_had_drawn():
    def draw():
        return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()  # noqa: NPY002

    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    expected = draw()
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    with quiet_probe(nn.Identity()):
        inside = draw()
    assert draw() == expected
    with quiet_probe(nn.Identity()):
        assert draw() == inside  # noise is the same at every probe
    assert inside != expected


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_switches_come_back(error):
    torch.backends.mha.set_fastpath_enabled(True)

    def look():
        with quiet_probe(nn.Linear(2, 2)):
            assert not torch.is_grad_enabled()
            assert not torch.is_autocast_enabled("cpu")
            assert not torch.backends.mha.get_fastpath_enabled()
            if error:
                raise error

    with torch.autocast("cpu", dtype=torch.bfloat16):
        with pytest.raises(error) if error else nullcontext():
            look()
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_autocast_cache_enabled()
        assert torch.is_grad_enabled()
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_probe_inside_of_autocast_does_not_cut_gradients():
    class Casting(nn.Linear):
        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return super().forward(x)

    net = Casting(4, 2)
    x = torch.randn(3, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with quiet_probe(net):
            assert net(x).dtype is torch.bfloat16
        net(x).sum().backward()
    assert net.weight.grad is not None


def test_a_probe_inside_of_autocast_sees_full_precision():
    net = nn.Linear(4, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16), quiet_probe(net):
        assert net(torch.randn(3, 4)).dtype is torch.float32


def test_spectral_norm_is_not_iterated():
    net = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with quiet_probe(net):
        net(torch.randn(5, 4))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_lazy_parameters_are_not_initialised_by_a_probe():
    with (
        pytest.raises(ValueError, match="'weight' has no shape yet"),
        quiet_probe(nn.LazyLinear(3)),
    ):
        pass


def test_the_same_noise_at_every_probe():
    net, x = NoisyInEval(), torch.zeros(3, 2)
    with quiet_probe(net):
        first = net(x)
    torch.rand(17)
    with quiet_probe(net):
        assert torch.equal(net(x), first)


def test_a_probe_holds_its_data_and_knows_them():
    x, y = torch.tensor([[0.0], [-0.0], [1.0], [1.0]]), ["a", "b", "b", "b"]
    probe = Probe(x, y)
    kept = probe.hash
    x.fill_(9.0)
    assert next(probe.batches(CPU, None)).max() == 1
    assert probe.hash == kept != Probe(x, y).hash
    assert kept.startswith("sha256:")
    assert kept != Probe([[0.0], [0.0], [1.0], [1.0]], ["a", "a", "b", "b"]).hash
    assert probe.entropy_x == pytest.approx(math.log(2))
    assert probe.entropy_y == pytest.approx(math.log(4) - 0.75 * math.log(3))
    assert probe.about() == {
        "n": 4,
        "hash": kept,
        "entropy_x": probe.entropy_x,
        "entropy_y": probe.entropy_y,
        "ln_n": math.log(4),
        "classes": 2,
        "batch_size": 4,
    }
    assert Probe(x).entropy_y is None


def test_batches_keep_the_order_and_take_the_dtype_of_the_model():
    x = np.arange(10.0).reshape(5, 2)
    device, dtype = place_of(nn.Linear(2, 2))
    batches = list(Probe(x, batch_size=2).batches(device, dtype))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert {batch.dtype for batch in batches} == {torch.float32}
    assert torch.equal(torch.cat(batches).double(), torch.from_numpy(x))
    tokens = next(Probe(np.array([[1, 2]])).batches(device, dtype))
    assert tokens.dtype is torch.int64
    assert place_of(nn.Identity()) == (CPU, None)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.array([["a"]]), TypeError),
        (np.array([None]), TypeError),
        (3.0, ValueError),
        (np.zeros((0, 2)), ValueError),
        (torch.utils.data.TensorDataset(torch.zeros(3)), TypeError),
    ],
)
def test_inputs_that_cannot_be(x, error):
    with pytest.raises(error, match="probe 'probe': x must"):
        Probe(x)


def test_probes_by_name():
    x, y = data()
    assert list(probes((x, y), None)) == ["probe"]
    assert not probes(x, None)["probe"].has_y
    both = probes({"train": (x, y), "test": x}, 8)
    assert [both[name].has_y for name in ("train", "test")] == [True, False]
    with pytest.raises(ValueError, match="empty dict"):
        probes({}, None)
    with pytest.raises(ValueError, match="batch_size"):
        probes(x, 0)


def test_what_goes_beside_the_activations_is_the_same_object_each_time():
    probe = Probe(np.zeros((3, 2, 2)), np.array(["b", "a", "b"]))
    t = np.zeros((3, 1))
    for kind in ("rows", "labels", "codes", "x"):
        assert probe.beside(t, kind) is probe.beside(t, kind)
    assert probe.beside(t, "rows").tolist() == [0, 1, 2]
    assert probe.beside(t, "labels").tolist() == [[1.0], [0.0], [1.0]]
    assert probe.beside(t, "codes").tolist() == [1, 0, 1]
    assert probe.beside(t, "x").shape == (3, 4)
    with pytest.raises(TypeError, match="y must hold real numbers"):
        probe.beside(t, "y")
    with pytest.raises(ValueError, match="y must hold discrete labels"):
        Probe([1.0, 2.0], [0.5, 1.5]).beside(t, "codes")


def test_a_list_of_inputs_and_labels_is_told_to_be_a_tuple():
    x, y = data()
    with pytest.raises(ValueError, match=r"give a tuple: probe=\(x, y\)"):
        probes([x, y], None)
