"""What an argument must be: shapes, finiteness, ranges, seeds, and one form of error."""

from __future__ import annotations

import difflib
import math
import numbers
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from infotheory.objects import of_table, refuse_mixed

__all__ = [
    "array",
    "choice",
    "costs",
    "flag",
    "generator",
    "integer",
    "is_tensor",
    "line",
    "near_misses",
    "number",
    "real",
    "refuse_non_finite",
    "same_columns",
    "same_length",
    "several",
    "shaped",
]


#: Floats hold all whole numbers up to this size.
_WHOLE = 2**53


def is_tensor(x: Any) -> bool:
    """Whether `x` is a torch tensor; torch is asked only if somebody has imported it already."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def real(x: Any, name: str) -> Any:
    """Samples of a real variable as a C-contiguous (n, d) array of float32 or float64.

    Lists, pandas objects, integers, half precision, strided and read-only arrays are converted;
    a CUDA tensor stays on its device. Whatever cannot be a sample is an error that says so, and
    so are integers whose differences no float would keep.
    """
    x = array(x, name)
    if is_tensor(x):
        return _real_tensor(x, name)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {x.dtype}.{_cure(x)}")
    x = _two_dimensional(x, name)
    _refuse_lost_digits(x, name)
    dtype = x.dtype.type if x.dtype in (np.float32, np.float64) else np.float64
    # numpy calls a single column that runs backwards contiguous; torch cannot take it
    x = np.require(x.copy() if min(x.strides) < 0 else x, dtype, ["C", "A", "W"])
    # One pass without a temporary: a finite sum proves every term finite. An infinite one may
    # only be an overflow of finite terms, so it is no proof of the contrary.
    with np.errstate(over="ignore", invalid="ignore"):
        proven = math.isfinite(x.sum())
    if not proven:
        refuse_non_finite(np.isfinite(x), name)
    return x


def line(x: Any, name: str) -> Any:
    """Samples of one real number each, as an (n, 1) array like that of `real`."""
    x = real(x, name)
    if x.shape[1] != 1:
        raise ValueError(
            f"{name} must be one-dimensional, shape (n,) or (n, 1); got {tuple(x.shape)}. "
            f"For several columns choose method='knn'."
        )
    return x


def array(x: Any, name: str) -> Any:
    """A strided numpy array or torch tensor, or a TypeError that names the argument."""
    module = type(x).__module__
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must not be a masked array, since a mask would be ignored; "
            f"drop the masked rows first: {name}[~{name}.mask.any(axis=1)].data."
        )
    if module.startswith("scipy.sparse"):
        raise TypeError(f"{name} must be dense; got {type(x).__name__}. Call {name}.toarray().")
    if is_tensor(x):
        return _tensor(x, name)
    if hasattr(x, "to_numpy"):
        x = of_table(x, name, _refuse_lost_digits)
    if isinstance(x, (list, tuple)):
        x = _of_list(x, name)
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} must be a rectangular array; {error}.") from None
    return x


def shaped(x: Any, name: str, dimensions: tuple[int, ...]) -> Any:
    """The array, which must have so many dimensions, and rows and columns."""
    shape = tuple(x.shape)
    if len(shape) not in dimensions:
        cure = f" Flatten the rest first: {name}.reshape({shape[0]}, -1)." if shape else ""
        raise ValueError(f"{name} must have shape (n,) or (n, d); got {shape}.{cure}")
    if 0 in shape:
        raise ValueError(f"{name} must not be empty; got shape {shape}.")
    return x


def refuse_non_finite(finite: np.ndarray, name: str) -> None:
    """An error that counts the values which are not, and says where the first is."""
    if finite.all():
        return
    bad = np.argwhere(~finite)
    first = tuple(int(i) for i in bad[0])
    raise ValueError(
        f"{name} must be finite; {len(bad)} of {finite.size} values are NaN or infinite, "
        f"the first at index {first}. Drop those rows, or look for the step that made them."
    )


def several(arrays: Any, name: str) -> list[Any]:
    """The arrays of a list. One array would be taken apart into its rows, and is refused."""
    if hasattr(arrays, "ndim"):
        raise TypeError(
            f"{name} must be a list of arrays, one for each variable; got one "
            f"{type(arrays).__name__} of shape {tuple(arrays.shape)}. Its columns are list(x.T)."
        )
    if isinstance(arrays, (str, bytes)) or not isinstance(arrays, Iterable):
        raise TypeError(
            f"{name} must be a list of arrays, one for each variable; got "
            f"{type(arrays).__name__} {arrays!r:.60}."
        )
    return list(arrays)


def costs(x: Any, name: str) -> Any:
    """Costs as a float64 array of shape (n, m) or (B, n, m); plus infinity forbids a cell."""
    x = array(x, name)
    kind = "c" if is_tensor(x) and x.is_complex() else "f" if is_tensor(x) else x.dtype.kind
    if kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers; got dtype {x.dtype}.{_cure(x)}")
    shape = tuple(x.shape)
    if len(shape) not in (2, 3):
        raise ValueError(f"{name} must have shape (n, m) or (B, n, m); got {shape}.")
    if 0 in shape:
        raise ValueError(f"{name} must not be empty; got shape {shape}.")
    x = x.double().contiguous() if is_tensor(x) else np.ascontiguousarray(x, dtype=np.float64)
    least = float(x.min())
    if not least > -math.inf:  # a NaN is no minimum either
        bad = ~((x > -math.inf).cpu().numpy() if is_tensor(x) else x > -math.inf)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} must not hold NaN or minus infinity; {int(bad.sum())} of {bad.size} do, the "
            f"first at index {first}."
        )
    return x


def same_length(**arrays: Any) -> int:
    """The common number of rows; an error names the arguments and their shapes."""
    shapes = {name: tuple(x.shape) for name, x in arrays.items()}
    if len({shape[0] for shape in shapes.values()}) > 1:
        came = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{' and '.join(shapes)} must have the same number of rows; got {came}.")
    _same_device(arrays)
    return next(iter(shapes.values()))[0]


def same_columns(**arrays: Any) -> int:
    """The common number of columns of samples that are not paired; an error names the shapes."""
    shapes = {name: tuple(x.shape) for name, x in arrays.items()}
    if len({shape[1:] for shape in shapes.values()}) > 1:
        came = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{' and '.join(shapes)} must have the same columns; got {came}.")
    _same_device(arrays)
    return next(iter(shapes.values()))[-1]


def integer(value: Any, name: str, *, low: int, high: int | None = None) -> int:
    """A whole number within [low, high]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer; got {type(value).__name__} {value!r}.")
    whole = int(value)
    if whole < low or (high is not None and whole > high):
        raise ValueError(f"{name} must be {_range(low, high)}; got {value}.")
    return whole


def number(value: Any, name: str, *, above: float = -math.inf, low: float = -math.inf) -> float:
    """A finite number, greater than `above` and at least `low`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number; got {type(value).__name__} {value!r}.")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a finite number; got one beyond 1.8e308.") from None
    if not math.isfinite(value) or value <= above or value < low:
        rule = f" greater than {above:g}" if above > -math.inf else ""
        rule = f" at least {low:g}" if low > -math.inf else rule
        raise ValueError(f"{name} must be a finite number{rule}; got {value:g}.")
    return value


def flag(value: Any, name: str) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False; got {type(value).__name__} {value!r}.")
    return bool(value)


def choice(value: Any, name: str, options: Sequence[Any]) -> Any:
    """One of `options`."""
    # True equals 1, but is not meant for it.
    alike = [each for each in options if isinstance(each, bool) == isinstance(value, bool)]
    if not any(value is option or value == option for option in alike):
        listed = ", ".join(map(repr, options))
        raise ValueError(f"{name} must be one of {listed}; got {value!r}.{_meant(value, options)}")
    return value


def generator(rng: Any) -> np.random.Generator:
    """The generator for `rng`: an integer seed, or a Generator handed through unchanged."""
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(integer(rng, "rng", low=0))


def near_misses(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known words that look most like `word`, whatever the case."""
    written = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), list(written), n=count, cutoff=0.5)
    return [written[each] for each in close]


def _of_list(rows: Sequence[Any], name: str) -> Sequence[Any]:
    """The rows of a list, of which none loses a mask, a gradient or its type on the way."""
    types = set(map(type, rows))
    if any(issubclass(kind, np.ma.MaskedArray) for kind in types):
        raise TypeError(
            f"{name} must not hold masked arrays, since their masks would be ignored; drop the "
            f"masked rows first."
        )
    refuse_mixed(rows, types, name)
    for row in rows:
        if isinstance(row, (list, tuple)):
            refuse_mixed(row, set(map(type, row)), name)
    if not any(map(is_tensor, rows)):
        return rows
    host = [_tensor(each, name) if is_tensor(each) else each for each in rows]
    return [each.cpu().numpy() if is_tensor(each) else each for each in host]


def _tensor(x: Any, name: str) -> Any:
    """A detached tensor on CUDA, or numpy for everything else."""
    if x.layout is not sys.modules["torch"].strided:
        raise TypeError(f"{name} must be dense; got a {x.layout} tensor. Call {name}.to_dense().")
    x = x.detach()
    if x.device.type == "cuda":
        return x
    if x.device.type != "cpu":
        warnings.warn(f"{name} is moved from {x.device} to the CPU.", stacklevel=4)
    x = x.cpu().resolve_conj().resolve_neg()
    if x.is_floating_point() and x.element_size() < 4:
        x = x.float()  # numpy has no bfloat16; both half precisions fit into float32
    return x.numpy()


def _real_tensor(x: Any, name: str) -> Any:
    if x.is_complex():
        raise TypeError(f"{name} must hold real numbers; got {x.dtype}.")
    x = _two_dimensional(x, name)
    _refuse_lost_digits(x, name)
    if not (x.is_floating_point() and x.element_size() >= 4):
        x = x.double()
    if not bool(x.isfinite().all()):
        refuse_non_finite(x.isfinite().cpu().numpy(), name)
    return x.contiguous()


def _refuse_lost_digits(x: Any, name: str) -> None:
    """An error where integers are rounded as floats, but would not be less an offset.

    The offset is not subtracted here: methods that compare samples need the same one for all.
    """
    if is_tensor(x):
        long = x.dtype.itemsize == 8 and not x.is_floating_point()
    else:
        long = x.dtype.itemsize == 8 and x.dtype.kind in "iu"
    if not long or x.shape[0] == 0:
        return
    for place in range(x.shape[1]):
        column = x[:, place]
        low, high = int(column.min()), int(column.max())
        if max(-low, high) <= _WHOLE or high - low > _WHOLE:
            continue
        if is_tensor(x):
            exact = bool((column.double().to(column.dtype) == column).all())
        else:
            with np.errstate(invalid="ignore"):
                exact = bool((column.astype(np.float64).astype(column.dtype) == column).all())
        if not exact:
            raise ValueError(
                f"{name} must hold integers below 2**53 in size, beyond which floats round them; "
                f"column {place} lies between {low} and {high}. Subtract an offset first: "
                f"{name} - {name}.min(axis=0), or the same for all arrays that are compared."
            )


def _same_device(arrays: dict[str, Any]) -> None:
    devices = {name: str(getattr(x, "device", "cpu")) for name, x in arrays.items()}
    if len(set(devices.values())) > 1:
        came = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise ValueError(f"{' and '.join(devices)} must be on the same device; got {came}.")


def _two_dimensional(x: Any, name: str) -> Any:
    x = shaped(x, name, (1, 2))
    return x[:, None] if x.ndim == 1 else x


def _cure(x: Any) -> str:
    cures = {
        "O": " Convert it first: numpy.asarray(values, dtype=float).",
        "c": " Pass real and imaginary part as two columns.",
        "U": " Strings are labels: choose a method for discrete data.",
        "S": " Strings are labels: choose a method for discrete data.",
        "T": " Strings are labels: choose a method for discrete data.",
    }
    kind = x.dtype.kind
    if kind == "O" and any(isinstance(value, (str, bytes)) for value in x.flat):
        kind = "U"
    return cures.get(kind, "")


def _range(low: int, high: int | None) -> str:
    return f"at least {low}" if high is None else f"between {low} and {high}"


def _meant(value: Any, options: Sequence[Any]) -> str:
    close = near_misses(str(value), [option for option in options if isinstance(option, str)], 1)
    return f" Did you mean {close[0]!r}?" if close else ""
