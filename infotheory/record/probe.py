"""Probes: fixed data, and the quiet in which a network can be looked at while it trains."""

from __future__ import annotations

import hashlib
import math
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from infotheory import checks, label_checks

__all__ = ["Probe", "own_chance", "place_of", "probes", "quiet_probe"]

#: The one probe of a recorder that names none.
_ONLY = "probe"


class Probe:
    """Fixed data to look at a network with: taken once, never shuffled, never changed.

    Parameters
    ----------
    x : array or tensor, shape (n, ...)
        Inputs of the network, one sample in each row.
    y : array or tensor, shape (n, ...), optional
        Labels or targets.
    batch_size : int, optional
        Rows in one forward pass; all of them unless given.
    name : str
        For error messages.

    Attributes
    ----------
    n : int
        Samples.
    hash : str
        SHA-256 of the data, so that a run resumed with other data is noticed.
    entropy_x, entropy_y : float, float or None
        Plug-in entropies of the distinct rows, in nats: ceilings of what a layer can know.
    classes : int or None
        Distinct rows of y.
    """

    def __init__(
        self, x: Any, y: Any = None, *, batch_size: int | None = None, name: str = _ONLY
    ) -> None:
        self._x = _inputs(x, f"probe {name!r}: x")
        self.n = len(self._x)
        self._batch = (
            self.n if batch_size is None else checks.integer(batch_size, "batch_size", low=1)
        )
        flat_x = _rows(self._x)
        flat_y = None if y is None else _rows(_array(y, f"probe {name!r}: y"))
        if flat_y is not None and len(flat_y) != self.n:
            raise ValueError(
                f"probe {name!r}: x and y must have the same number of rows; "
                f"got {self.n} and {len(flat_y)}."
            )
        self.hash = _hash(flat_x, flat_y)
        self.entropy_x, _ = _row_entropy(flat_x)
        self.entropy_y: float | None = None
        self.classes: int | None = None
        if flat_y is not None:
            self.entropy_y, self.classes = _row_entropy(flat_y)
        self._y = flat_y
        self._beside: dict[tuple[str, str], Any] = {}

    @property
    def has_y(self) -> bool:
        """Whether there are labels."""
        return self._y is not None

    @property
    def names_classes(self) -> bool:
        """Whether the labels are one column of more than two whole numbers, as of classes."""
        column = self._y is not None and self._y.shape[1] == 1 and self._y.dtype.kind in "iu"
        return column and (self.classes or 0) > 2

    def batches(self, device: torch.device, dtype: torch.dtype | None) -> Iterator[torch.Tensor]:
        """Inputs in their fixed order, on `device`; floating inputs in `dtype`."""
        for rows in self._x.split(self._batch):
            cast = dtype if rows.is_floating_point() else None
            yield rows.to(device=device, dtype=cast)

    def first(self, rows: int) -> Probe:
        """A probe of the first few rows."""
        return Probe(self._x[:rows])

    def beside(self, t: Any, kind: str) -> Any:
        """What goes with the activations `t`, where `t` is.

        "rows" numbers the rows, "inputs" the distinct rows of x, "labels" those of y, "codes" and
        "y" are y itself, as labels and as numbers, and "x" is the input, flattened. The same
        object comes again each time, so that passes over it can be remembered.
        """
        device = str(t.device) if checks.is_tensor(t) else "cpu"
        if (kind, device) not in self._beside:
            made = _MAKERS[kind](self)
            on_device = torch.as_tensor(made, device=t.device) if checks.is_tensor(t) else made
            self._beside[kind, device] = on_device
        return self._beside[kind, device]

    def about(self) -> dict[str, Any]:
        """What the header of a log says of this probe."""
        return {
            "n": self.n,
            "hash": self.hash,
            "entropy_x": self.entropy_x,
            "entropy_y": self.entropy_y,
            "ln_n": math.log(self.n),
            "classes": self.classes,
            "batch_size": self._batch,
        }

    def _labels(self) -> np.ndarray:
        assert self._y is not None
        return _numbered(self._y)[:, None].astype(np.float64)

    def _codes(self) -> np.ndarray:
        return label_checks.codes(_squeezed(self._y), "y")

    def _targets(self) -> np.ndarray:
        return checks.real(_squeezed(self._y), "y")


_MAKERS: dict[str, Callable[[Probe], np.ndarray]] = {
    "rows": lambda probe: np.arange(probe.n),
    "inputs": lambda probe: _numbered(_rows(probe._x)),
    "labels": Probe._labels,
    "codes": Probe._codes,
    "y": Probe._targets,
    "x": lambda probe: checks.real(_rows(probe._x), "x"),
}


def _numbered(rows: np.ndarray) -> np.ndarray:
    """The distinct rows by number."""
    _, numbered = np.unique(rows, axis=0, return_inverse=True)
    return numbered.ravel()


def probes(given: Any, batch_size: int | None) -> dict[str, Probe]:
    """The probes of a recorder: from x, (x, y), or a dict of these by name."""
    if isinstance(given, Probe):
        return {_ONLY: given}
    if not isinstance(given, dict):
        given = {_ONLY: given}
    if not given:
        raise ValueError("probe must hold at least one named probe; got an empty dict.")
    made = {}
    for name, data in given.items():
        if isinstance(data, Probe):
            made[str(name)] = data
            continue
        if isinstance(data, tuple) and len(data) != 2:
            raise ValueError(
                f"probe {name!r} must be (x, y) or x alone; got a tuple of {len(data)}."
            )
        x, y = data if isinstance(data, tuple) else (data, None)
        made[str(name)] = Probe(x, y, batch_size=batch_size, name=str(name))
    return made


@contextmanager
def own_chance(seed: int = 0) -> Iterator[None]:
    """Inside, every generator starts from `seed`; afterwards each is where it was before.

    A network that is noisy even in eval mode thus draws the same noise at every probe, and
    training goes on as if nobody had drawn.
    """
    with ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        random.seed(seed)
        stack.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002 - theirs, not ours
        np.random.seed(seed)  # noqa: NPY002
        for generator in _torch_generators():
            stack.callback(generator.set_state, generator.get_state())
            generator.manual_seed(seed)
        yield


@contextmanager
def quiet_probe(model: nn.Module, seed: int = 0) -> Iterator[None]:
    """A block in which `model` can be run without training noticing.

    Inside, every module is in eval mode, nothing records gradients, autocast is off, compiled
    parts run eagerly, and chance starts from `seed`. Afterwards, even if the block raises, the
    attributes and buffers of every module (training flags of frozen layers, running means,
    counters), all random generators and all switches are what they were.

    Parameters
    ----------
    model : torch.nn.Module
        The network, without wrappers such as DistributedDataParallel.
    seed : int
        For networks that draw noise in eval mode.

    Raises
    ------
    ValueError
        If the model has lazy parameters that no batch has shaped yet.

    Notes
    -----
    Attributes that a module replaces are put back; what it changes inside a list or dict of its
    own, or outside of itself, is not seen.
    """
    _refuse_lazy(model)
    with ExitStack() as stack:
        stack.enter_context(own_chance(seed))
        stack.enter_context(torch.no_grad())
        for kind in sorted({"cpu", _device(model).type}):
            # Without its cache, casts of weights made here cannot end up in a training step.
            stack.enter_context(torch.autocast(kind, enabled=False, cache_enabled=False))
        _force_eager(stack)
        stack.callback(
            torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled()
        )
        # The fused path of transformer layers skips the modules inside.
        torch.backends.mha.set_fastpath_enabled(False)
        for module in model.modules():
            stack.callback(_restore, module, *_snapshot(module))
        for module in model.modules():
            # Not model.eval(): one that overrides it may merge or free its weights there.
            module.training = False
        stack.enter_context(warnings.catch_warnings())
        # Gradient checkpointing says so whenever gradients are off, as they are meant to be.
        warnings.filterwarnings("ignore", "None of the inputs have requires_grad=True")
        yield


def place_of(model: nn.Module) -> tuple[torch.device, torch.dtype | None]:
    """Where the model's inputs belong: its device, and the dtype of its floating parameters."""
    floating = (p.dtype for p in model.parameters() if p.is_floating_point())
    return _device(model), next(floating, None)


def _device(model: nn.Module) -> torch.device:
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            return tensor.device
    return torch.device("cpu")


def _torch_generators() -> Iterator[torch.Generator]:
    yield torch.default_generator
    # Asking a device that is not in use would start it.
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        yield from torch.cuda.default_generators
    if torch.backends.mps.is_available():
        yield torch.mps._get_default_mps_generator()


def _force_eager(stack: ExitStack) -> None:
    # Loading the compiler takes seconds; who has not loaded it has compiled nothing.
    if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):
        stack.enter_context(torch.compiler.set_stance("force_eager"))


Snapshot = tuple[bool, dict[str, Any], dict[str, Any], dict[str, torch.Tensor]]


def _snapshot(module: nn.Module) -> Snapshot:
    """Training flag, attributes, buffers, and copies of what the buffers hold."""
    scripted = isinstance(module, torch.jit.ScriptModule)
    buffers = dict(module.named_buffers(recurse=False) if scripted else module._buffers)
    copies = {name: held.detach().clone() for name, held in buffers.items() if held is not None}
    return module.training, dict(module.__dict__), buffers, copies


def _restore(
    module: nn.Module,
    training: bool,
    attributes: dict[str, Any],
    buffers: dict[str, Any],
    copies: dict[str, torch.Tensor],
) -> None:
    if isinstance(module, torch.jit.ScriptModule):  # its attributes live outside of Python
        module.training = training
    else:
        _put_back(module.__dict__, attributes)
        _put_back(module._buffers, buffers)
    for name, copy in copies.items():
        # Written only where it differs: a graph that awaits its backward may have saved it.
        if not _same_bits(buffers[name], copy):
            buffers[name].data.copy_(copy)


def _put_back(now: dict[str, Any], before: dict[str, Any]) -> None:
    for name in set(now) - set(before):
        del now[name]
    for name, value in before.items():
        if name not in now or now[name] is not value:
            now[name] = value


def _same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    if a.layout is not torch.strided or a.is_quantized:
        return False
    a, b = (tensor.detach().contiguous().view(-1).view(torch.uint8) for tensor in (a, b))
    return torch.equal(a, b)


def _refuse_lazy(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if torch.nn.parameter.is_lazy(parameter):
            raise ValueError(
                f"parameter {name!r} has no shape yet: run one batch through the model before it "
                f"is measured, so that a probe does not initialise it."
            )


def _inputs(x: Any, name: str) -> torch.Tensor:
    x = _array(x, name)
    if isinstance(x, np.ndarray):
        if x.dtype.kind in "US":
            raise TypeError(f"{name} must hold numbers; got dtype {x.dtype}.")
        x = torch.from_numpy(x)
    return x


def _array(values: Any, name: str) -> Any:
    """A copy as CPU tensor (tensors) or array (everything else), with at least one row."""
    if checks.is_tensor(values):
        values = values.detach().cpu().clone()
    else:
        if isinstance(values, torch.utils.data.Dataset):
            raise TypeError(f"{name} must be an array; got a Dataset. Stack its samples first.")
        try:
            values = np.array(values.to_numpy() if hasattr(values, "to_numpy") else values)
        except ValueError:
            raise ValueError(
                f"{name} must have rows of one shape; got a {type(values).__name__} of unlike "
                f"ones. For inputs and labels give a tuple: probe=(x, y)."
            ) from None
        if values.dtype.kind == "O" and all(isinstance(one, str) for one in values.flat):
            values = values.astype(str)
        if values.dtype.kind not in "biufcUS":
            raise TypeError(f"{name} must hold numbers or strings; got dtype {values.dtype}.")
    if values.ndim == 0 or 0 in values.shape:
        raise ValueError(f"{name} must hold samples in rows; got shape {tuple(values.shape)}.")
    return values


def _rows(values: Any) -> np.ndarray:
    """(n, d) array with a row for each sample."""
    if checks.is_tensor(values):
        values = values.float() if values.dtype is torch.bfloat16 else values
        values = values.numpy()
    return np.ascontiguousarray(values.reshape(len(values), -1))


def _squeezed(y: Any) -> Any:
    return y[:, 0] if y.shape[1] == 1 else y


def _hash(*arrays: np.ndarray | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return f"sha256:{digest.hexdigest()}"


def _row_entropy(rows: np.ndarray) -> tuple[float, int]:
    """Plug-in entropy of the distinct rows in nats, and how many there are."""
    if rows.dtype.kind in "fc":
        rows = rows + 0.0  # -0.0 is 0.0
    p = np.array(list(Counter(map(bytes, rows)).values())) / len(rows)
    return float(-(p @ np.log(p))) + 0.0, len(p)
