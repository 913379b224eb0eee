import pytest
import torch
from torch import nn

from infotheory.record.layers import select, unwrap

from .networks import chain


def block():
    return nn.ModuleDict({"mlp": chain(4, 4, 4), "norm": nn.LayerNorm(4)})


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([block(), block()])
        self.module = nn.Linear(4, 4)  # a name that wrappers like to use
        self.head = nn.Linear(4, 2)
        self.tied = self.head
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(1))])


def names(layers, model=None):
    return [layer.name for layer in select(Tower() if model is None else model, layers)]


LEAVES = [
    *("blocks.0.mlp.fc1", "blocks.0.mlp.act1", "blocks.0.mlp.fc2", "blocks.0.norm"),
    *("blocks.1.mlp.fc1", "blocks.1.mlp.act1", "blocks.1.mlp.fc2", "blocks.1.norm"),
    *("module", "head"),
]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("**", LEAVES),
        ("head", ["head"]),
        ("tied", ["head"]),
        ("blocks.*.mlp", ["blocks.0.mlp", "blocks.1.mlp"]),
        ("*", ["blocks", "module", "head", "scales"]),
        ("blocks.1.**", LEAVES[4:8]),
        (
            "**.fc*",
            ["blocks.0.mlp.fc1", "blocks.0.mlp.fc2", "blocks.1.mlp.fc1", "blocks.1.mlp.fc2"],
        ),
        ("**.norm", ["blocks.0.norm", "blocks.1.norm"]),
        ("blocks.**.fc1", ["blocks.0.mlp.fc1", "blocks.1.mlp.fc1"]),
        (["head", "blocks.[1].norm"], ["blocks.1.norm", "head"]),
        (["**", "!blocks.**"], ["module", "head"]),
        ("!blocks.**", ["module", "head"]),
        (nn.Tanh, ["blocks.0.mlp.act1", "blocks.1.mlp.act1"]),
        ([nn.LayerNorm, "head"], ["blocks.0.norm", "blocks.1.norm", "head"]),
        (Tower, ["Tower"]),
        (lambda name, module: getattr(module, "out_features", 0) == 2, ["head"]),
    ],
)
def test_what_a_pattern_means(layers, expected):
    assert names(layers) == expected


def test_a_single_layer_is_a_network():
    assert names("**", nn.Linear(2, 2)) == ["Linear"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("haed", "'haed' matches no module. Similar: 'head'"),
        ("blocks.*.mpl", "Similar: 'blocks.1.mlp'|Similar: 'blocks.0.mlp'"),
        ("head.*", "matches no module"),
        ("xyzzy", "There are: 'blocks', 'blocks.0'"),
        ("!haed", "Similar: 'head'"),
        (nn.Conv2d, "'Conv2d' matches no module"),
        (nn.GELU, "There are: 'Tower', 'ModuleList'"),
        (lambda name, module: False, "matches no module"),
        ([], "matches no module"),
    ],
)
def test_a_pattern_that_means_nothing_is_an_error_with_near_misses(layers, message):
    if layers == []:
        assert names(layers) == LEAVES  # nothing is left out of everything
        return
    with pytest.raises(ValueError, match=message):
        names(layers)


@pytest.mark.parametrize("layers", [3, [None], nn.Linear(2, 2)])
def test_what_is_no_pattern(layers):
    with pytest.raises(TypeError, match="layers must"):
        names(layers)


def test_aliases_are_one_layer_and_are_told():
    (head,) = select(Tower(), "head")
    assert head.about() == {"name": "head", "type": "Linear", "aliases": ["tied"]}


def test_machinery_of_weights_is_no_layer():
    net = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)), nn.ReLU())
    assert names("**", net) == ["0", "1"]


def test_wrappers_are_known_by_type_and_not_by_name():
    inner = Tower()
    compiled = torch.compile(inner, backend="eager")
    assert unwrap(compiled) is inner
    assert names("**", compiled) == LEAVES
    inner.blocks[0]["mlp"] = torch.compile(inner.blocks[0]["mlp"], backend="eager")
    assert names("**", inner) == LEAVES


def test_data_parallel_is_refused_with_a_way_out():
    wrapped = nn.DataParallel(Tower())
    with pytest.raises(TypeError, match="DistributedDataParallel"):
        unwrap(wrapped)
    with pytest.raises(TypeError, match="DataParallel"):
        names("**", nn.Sequential(wrapped))


def test_distributed_data_parallel_is_unwrapped(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1
    )
    try:
        inner = chain(3, 2)
        assert unwrap(nn.parallel.DistributedDataParallel(inner)) is inner
    finally:
        torch.distributed.destroy_process_group()


def test_what_is_no_network_is_said():
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module; got str"):
        select("model", "**")
