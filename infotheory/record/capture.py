"""How the outputs of layers are kept during one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import nn

from infotheory import checks
from infotheory.record.layers import Layer

__all__ = ["Activations", "Capture", "Reduce", "Tap", "reduced_by"]

Reduce = str | Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Activations:
    """What one call of a layer gave for every sample.

    Attributes
    ----------
    layer, index, call : str, int, int
        Name ("fc", and "fc:2" for the second call), place among the selected layers, and
        which call of the forward pass it was.
    values : torch.Tensor, shape (n, d)
        In the dtype and on the device of the network.
    shape : tuple of int
        Of one sample, before it was reduced to d numbers.
    output : str
        Which part of the output it is, "" where the output is a tensor.
    """

    layer: str
    index: int
    call: int
    values: torch.Tensor
    shape: tuple[int, ...]
    output: str


def reduced_by(reduce: Reduce) -> str:
    """The name under which a log keeps the way outputs become rows."""
    if isinstance(reduce, str):
        return str(checks.choice(reduce, "reduce", tuple(_REDUCTIONS)))
    if not callable(reduce):
        raise TypeError(
            f"reduce must be one of {', '.join(map(repr, _REDUCTIONS))} or a callable; "
            f"got {reduce!r}."
        )
    return str(getattr(reduce, "__qualname__", type(reduce).__qualname__))


class Tap:
    """A forward hook that hands the output of a layer on and changes nothing.

    A copy of the network, by deepcopy or pickle, takes along a tap that does nothing.
    """

    def __init__(self, take: Callable[[Any], None] | None = None) -> None:
        self._take = take

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Hand `output` on; None, since anything else would take its place."""
        if self._take is not None:
            self._take(output)

    def __reduce__(self) -> tuple[Any, ...]:
        return Tap, ()


class Capture:
    """Runs a network and keeps what its layers give; hooks exist only while it runs.

    Parameters
    ----------
    model : torch.nn.Module
        The network, unwrapped.
    layers : list of Layer
        The layers to keep.
    reduce : "flatten", "mean" or callable
        How the output of a sample becomes d numbers where it has more than one axis.
    """

    def __init__(self, model: nn.Module, layers: list[Layer], reduce: Reduce = "flatten") -> None:
        reduced_by(reduce)
        self._model = model
        self._layers = layers
        self._reduce = _REDUCTIONS[reduce] if isinstance(reduce, str) else reduce
        self.silent: dict[str, str] = {}
        """Layers that gave nothing in the last run, and why."""

    def run(self, batches: Iterable[torch.Tensor]) -> list[Activations]:
        """Feed all batches, and give the activations of every layer and call in order."""
        kept: dict[tuple[int, int], list[_Kept]] = {}
        self.silent = {}
        count = 0
        for batch in batches:
            count += 1
            calls = [0] * len(self._layers)
            with ExitStack() as stack:
                for index, layer in enumerate(self._layers):
                    tap = Tap(_Taker(self, index, calls, kept, len(batch)))
                    stack.callback(layer.module.register_forward_hook(tap).remove)
                self._model(batch)
        return [self._joined(*place, parts, count) for place, parts in sorted(kept.items())]

    def _joined(self, index: int, call: int, parts: list[_Kept], batches: int) -> Activations:
        name = self._layers[index].name
        if len(parts) != batches:
            raise ValueError(
                f"layer {name!r} is called {call} times in some batches of the probe, but not in "
                f"all; choose a batch_size= that holds the whole probe."
            )
        return Activations(
            layer=name if call == 1 else f"{name}:{call}",
            index=index,
            call=call,
            values=parts[0].values if batches == 1 else torch.cat([p.values for p in parts]),
            shape=parts[0].shape,
            output=parts[0].output,
        )

    def unheard(self, activations: list[Activations]) -> dict[str, str]:
        """Layers that gave nothing, and why."""
        heard = {found.index for found in activations}
        never = "it was never called"
        return {
            layer.name: self.silent.get(layer.name, never)
            for index, layer in enumerate(self._layers)
            if index not in heard
        }


@dataclass(frozen=True)
class _Kept:
    values: torch.Tensor
    shape: tuple[int, ...]
    output: str


class _Taker:
    """Keeps one layer's outputs during one forward pass."""

    def __init__(
        self,
        capture: Capture,
        index: int,
        calls: list[int],
        kept: dict[tuple[int, int], list[_Kept]],
        n: int,
    ) -> None:
        self._capture = capture
        self._index = index
        self._calls = calls
        self._kept = kept
        self._n = n

    def __call__(self, output: Any) -> None:
        self._calls[self._index] += 1
        name = self._capture._layers[self._index].name
        found = _first_floating(output, self._n)
        if found is None:
            gave = ", ".join(f"{path or 'output'}: {_shape(x)}" for path, x in _tensors(output))
            self._capture.silent[name] = (
                f"it gave no floating tensor whose first dimension is the batch of {self._n} "
                f"({gave or type(output).__name__})"
            )
            return
        path, tensor = found
        rows = self._capture._reduce(tensor.detach())
        if not isinstance(rows, torch.Tensor) or rows.ndim == 0 or len(rows) != self._n:
            raise ValueError(
                f"reduce must give a tensor with a row for each of the {self._n} samples; for "
                f"layer {name!r} it gave {_shape(rows)}."
            )
        # A clone, since the next layer may work in place on what this one gave.
        rows = rows.detach().reshape(self._n, -1).clone()
        place = self._index, self._calls[self._index]
        self._kept.setdefault(place, []).append(_Kept(rows, tuple(tensor.shape[1:]), path))


def _flatten(output: torch.Tensor) -> torch.Tensor:
    return output.reshape(len(output), -1)


def _mean(output: torch.Tensor) -> torch.Tensor:
    """Mean over tokens of (n, tokens, features), over positions of (n, channels, ...)."""
    if output.ndim == 3:
        return output.mean(dim=1)
    return output.flatten(2).mean(dim=2) if output.ndim > 3 else output


_REDUCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "flatten": _flatten,
    "mean": _mean,
}


def _first_floating(output: Any, n: int) -> tuple[str, torch.Tensor] | None:
    for path, tensor in _tensors(output):
        if tensor.is_floating_point() and tensor.ndim > 0 and len(tensor) == n:
            return path, tensor
    return None


def _tensors(output: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors in nested tuples, mappings and dataclasses, each with its path."""
    if isinstance(output, torch.Tensor):
        yield path, output
        return
    if isinstance(output, Mapping):
        parts = list(output.items())
    elif isinstance(output, list | tuple):
        parts = list(enumerate(output))
    elif is_dataclass(output) and not isinstance(output, type):
        parts = [(part.name, getattr(output, part.name)) for part in fields(output)]
    else:
        parts = []
    for name, part in parts:
        yield from _tensors(part, f"{path}.{name}" if path else str(name))


def _shape(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return type(value).__name__
