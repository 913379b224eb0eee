"""Which layers are meant: globs on clean names, types and callables."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from infotheory import checks

__all__ = ["Layer", "select", "unwrap"]

#: Wrappers that run a module of their own name: where they live, and where they keep it. They are
#: recognised by type, because a network may well have a child of its own called "module".
_WRAPPERS = (
    ("torch.nn.parallel.distributed", "DistributedDataParallel", "module"),
    ("torch._dynamo.eval_frame", "OptimizedModule", "_orig_mod"),
    (
        "torch.distributed.algorithms._checkpoint.checkpoint_wrapper",
        "CheckpointWrapper",
        "_checkpoint_wrapped_module",
    ),
)
#: Wrappers whose module cannot be run on its own, or not here; and what to do.
_REFUSED = (
    (
        "torch.nn.parallel.data_parallel",
        "DataParallel",
        "its replicas run in threads and are thrown away; use DistributedDataParallel, or pass "
        "model.module",
    ),
    (
        "torch.distributed.fsdp.fully_sharded_data_parallel",
        "FullyShardedDataParallel",
        "all ranks would have to take part in a probe; use DistributedDataParallel",
    ),
)
#: Modules that only hold others, or parameters.
_NEVER_CALLED = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)


@dataclass(frozen=True)
class Layer:
    """A module to look at.

    Attributes
    ----------
    name : str
        Its place in the network, without the names of wrappers.
    module : torch.nn.Module
        The module.
    aliases : tuple of str
        Other places of the same module.
    leaf : bool
        Whether it computes something itself, instead of holding modules that do.
    """

    name: str
    module: nn.Module
    aliases: tuple[str, ...] = ()
    leaf: bool = True

    def about(self) -> dict[str, Any]:
        """What the header of a log says of this layer."""
        known = {"name": self.name, "type": type(self.module).__name__}
        return known | ({"aliases": list(self.aliases)} if self.aliases else {})


def unwrap(model: nn.Module) -> nn.Module:
    """The network inside of wrappers (DistributedDataParallel, torch.compile)."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module; got {type(model).__name__}.")
    for home, kind, cure in _REFUSED:
        if _is(model, home, kind):
            raise TypeError(f"model must not be wrapped in {kind}: {cure}.")
    for home, kind, inside in _WRAPPERS:
        if _is(model, home, kind):
            return unwrap(getattr(model, inside))
    return model


def select(model: nn.Module, layers: Any) -> list[Layer]:
    """The layers that are meant, in the order in which the network holds them.

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    layers : str, type, callable, or a list of these
        Globs on names, segment by segment: ``*`` is one segment, ``**`` any number of them, and
        a ``**`` at the end means the leaf modules there. "!glob" leaves out. A type selects its
        instances, a callable gets name and module and says yes or no.

    Raises
    ------
    ValueError
        If one of them matches nothing; the message shows similar names.
    """
    found = _walk(unwrap(model))
    wanted = list(layers) if isinstance(layers, list | tuple) else [layers]
    excluded = [one for one in wanted if _is_exclusion(one)]
    included = [one for one in wanted if not _is_exclusion(one)] or ["**"]
    chosen = {id(layer) for one in included for layer in _matching(found, one)}
    chosen -= {id(layer) for one in excluded for layer in _matching(found, one)}
    if not chosen:
        raise ValueError(f"layers={layers!r} leaves nothing to record: all of it is excluded.")
    return [layer for layer in found if id(layer) in chosen]


def _is_exclusion(one: Any) -> bool:
    return isinstance(one, str) and one.startswith("!")


def _is(module: nn.Module, home: str, kind: str) -> bool:
    """Whether `module` is of a type that lives in `home`; who has not loaded it has none."""
    known = getattr(sys.modules.get(home), kind, None)
    return known is not None and isinstance(module, known)


def _walk(root: nn.Module) -> list[Layer]:
    """All modules by clean names, each once; the root bears the name of its type."""
    found: dict[int, tuple[str, nn.Module, bool]] = {}
    aliases: dict[int, list[str]] = {}

    def descend(name: str, module: nn.Module, prefix: str) -> None:
        if id(module) in found:
            aliases.setdefault(id(module), []).append(name)
            return
        children = _children(module)
        leaf = not children and not isinstance(module, _NEVER_CALLED)
        found[id(module)] = name, module, leaf
        for part, child in children:
            descend(prefix + part, unwrap(child), f"{prefix}{part}.")

    descend(type(root).__name__, root, "")
    return [
        Layer(name, module, tuple(aliases.get(id(module), ())), leaf)
        for name, module, leaf in found.values()
    ]


def _children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Children by name; the machinery that computes a weight is no part of the network."""
    hidden = "parametrizations" if is_parametrized(module) else None
    return [
        (name, child)
        for name, child in module._modules.items()
        if child is not None and name != hidden
    ]


def _matching(found: list[Layer], one: Any) -> list[Layer]:
    """The layers that one pattern, type or callable means; none is an error."""
    # The network itself is no layer of its own, unless it is a single layer.
    named = found[1:] or found
    if isinstance(one, str):
        matches = _by_glob(named, one)
    elif isinstance(one, type):
        matches = [layer for layer in found if isinstance(layer.module, one)]
    elif isinstance(one, nn.Module):
        raise TypeError(f"layers must name modules, not hold them; got a {type(one).__name__}.")
    elif callable(one):
        matches = [layer for layer in found if one(layer.name, layer.module)]
    else:
        raise TypeError(f"layers must hold strings, types or callables; got {one!r}.")
    if not matches:
        types = dict.fromkeys(type(layer.module).__name__ for layer in found)
        known = list(types) if isinstance(one, type) else [layer.name for layer in named]
        raise ValueError(_no_match(getattr(one, "__name__", str(one)), known))
    return matches


def _by_glob(named: list[Layer], glob: str) -> list[Layer]:
    pattern = glob.removeprefix("!").split(".")
    matches = [
        layer
        for layer in named
        if any(_fits(name.split("."), pattern) for name in (layer.name, *layer.aliases))
    ]
    if pattern[-1] == "**" and not _is_exclusion(glob):
        # What a container gives is what its last member gives.
        return [layer for layer in matches if layer.leaf]
    return matches


def _fits(name: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not name
    first, *rest = pattern
    if first == "**":
        return any(_fits(name[skipped:], rest) for skipped in range(len(name) + 1))
    return bool(name) and fnmatchcase(name[0], first) and _fits(name[1:], rest)


def _no_match(wanted: str, known: list[str]) -> str:
    close = checks.near_misses(wanted.removeprefix("!"), known)
    if close:
        return f"layers: {wanted!r} matches no module. Similar: {', '.join(map(repr, close))}."
    listed = ", ".join(map(repr, known[:20])) + (", ..." if len(known) > 20 else "")
    return f"layers: {wanted!r} matches no module. There are: {listed}."
