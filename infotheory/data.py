"""Labelled data to train on: the 12-bit task, digits, MNIST from a folder, arrays of one's own."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infotheory import checks

__all__ = ["Task", "arrays", "digits", "load", "mnist", "twelve_bit", "twelve_bit_orbits"]

# The twelve inputs of the 12-bit task are the corners of an icosahedron, in the order of the bits.
_CORNER_NEIGHBOURS = (
    (1, 3, 5, 10, 11),
    (0, 2, 3, 4, 11),
    (1, 3, 4, 8, 9),
    (0, 1, 2, 8, 10),
    (1, 2, 6, 9, 11),
    (0, 6, 7, 10, 11),
    (4, 5, 7, 9, 11),
    (5, 6, 8, 9, 10),
    (2, 3, 7, 9, 10),
    (2, 4, 6, 7, 8),
    (0, 3, 5, 7, 8),
    (0, 1, 4, 5, 6),
)
_ANTIPODES = ((0, 9), (1, 7), (2, 5), (3, 6), (4, 10), (8, 11))

_MNIST_FILES = (
    ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
)

_WRITE = "Write it with np.savez(path, x=x, y=y)."


@dataclass(frozen=True, eq=False)
class Task:
    """Labelled data to train on and to measure.

    Attributes
    ----------
    name : str
        What the data are called in a record.
    x : float64 array, shape (n, d)
        One sample per row.
    y : int64 array, shape (n,)
        The class of each row, 0 to c - 1.
    classes : tuple of str
        The name of each class, so that ``classes[y[i]]`` is the label of row i as it came.
    description : str
        One sentence for people.
    test_rows : int64 array, shape (m,), or None
        The rows that the data's authors hold out; None where the split is ours to draw.
    """

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    description: str
    test_rows: NDArray[np.int64] | None = None

    def split(
        self, seed: int | np.random.Generator, train_fraction: float = 0.8
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows to train on and the rows to test on, both in increasing order.

        A split that comes with the data wins, and nothing is drawn; otherwise the first
        ``int(train_fraction * n)`` rows (at least one) of a permutation are for training.

        Raises
        ------
        ValueError
            ``train_fraction`` is not in (0, 1].
        """
        if not 0 < train_fraction <= 1:
            raise ValueError(
                f"train_fraction must be above 0 and at most 1; got {train_fraction!r}."
            )
        if self.test_rows is not None:
            return np.setdiff1d(np.arange(len(self.x)), self.test_rows), np.sort(self.test_rows)
        shuffled = checks.generator(seed).permutation(len(self.x))
        count = max(1, int(train_fraction * len(self.x)))
        return np.sort(shuffled[:count]), np.sort(shuffled[count:])


def twelve_bit() -> Task:
    r"""All 4096 patterns of twelve bits, labelled by a rule with the icosahedron's symmetry.

    The twelve bits stand on the corners of an icosahedron. Of the corners whose bit is one, let
    k be the count, e the number of edges among them and a the number of antipodal pairs.

    .. math:: y = 1 \iff k \ge 8, \text{ or } k = 7 \text{ and } 2e - a \ge 15,
              \text{ or } k \in \{5, 6\} \text{ and } 2e - a \ge 12

    Returns
    -------
    Task
        ``x`` has shape (4096, 12) with entries -1 and +1, rows in the order of binary counting,
        first column the most significant bit; 2118 of the 4096 labels are 1, H(Y) = 0.99916 bits.

    Notes
    -----
    Equal bit for bit to the published file ``var_u.mat``. (k, e, a) takes 64 values, the orbits
    of the paper, and y is constant on each of them: see :func:`twelve_bit_orbits`.

    References
    ----------
    Shwartz-Ziv and Tishby (2017), arXiv:1703.00810, section 3.1.
    """
    ones, edges, antipodal = twelve_bit_orbits().T
    score = 2 * edges - antipodal
    y = (ones >= 8) | ((ones == 7) & (score >= 15)) | (np.isin(ones, (5, 6)) & (score >= 12))
    return Task(
        "twelve_bit",
        np.where(_patterns() == 1, 1.0, -1.0),
        y.astype(np.int64),
        ("0", "1"),
        "all 4096 patterns of 12 bits (as -1 and +1) and a symmetric rule (arXiv:1703.00810)",
    )


def twelve_bit_orbits() -> NDArray[np.int64]:
    """Return (k, e, a), the ones, edges and antipodal pairs, of each row; shape (4096, 3)."""
    bits = _patterns()
    adjacency = np.zeros((12, 12), dtype=np.int64)
    for corner, neighbours in enumerate(_CORNER_NEIGHBOURS):
        adjacency[corner, list(neighbours)] = 1
    edges = np.einsum("ni,ij,nj->n", bits, adjacency, bits) // 2  # each edge was met from both ends
    antipodal = sum(bits[:, i] * bits[:, j] for i, j in _ANTIPODES)
    return np.stack([bits.sum(axis=1), edges, antipodal], axis=1)


def _patterns() -> NDArray[np.int64]:
    return np.arange(4096)[:, None] >> np.arange(11, -1, -1) & 1


def digits() -> Task:
    """Handwritten digits of 8 x 8 pixels, as bundled with scikit-learn.

    Returns
    -------
    Task
        ``x`` has shape (1797, 64), pixels scaled to [0, 1]; ten classes.

    References
    ----------
    Alpaydin and Kaynak, UCI machine learning repository (1998), doi:10.24432/C50P49.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    x = np.asarray(data.data, dtype=np.float64) / 16.0  # a pixel counts the dots in a 4 x 4 block
    y, classes = _recode(np.asarray(data.target), "y")
    return Task("digits", x, y, classes, "1797 handwritten digits of 8 x 8 pixels (scikit-learn)")


def mnist(folder: str | os.PathLike[str]) -> Task:
    """MNIST, or a data set in its format, from a folder with the four gzipped idx files.

    Parameters
    ----------
    folder : str or path
        Holds ``train-images-idx3-ubyte.gz``, ``train-labels-idx1-ubyte.gz`` and the same two
        with ``t10k`` for ``train``.

    Returns
    -------
    Task
        ``x`` has shape (70000, 784), pixels scaled to [0, 1]: first the training images, then
        the test images, whose rows are ``test_rows``.

    Raises
    ------
    FileNotFoundError
        The folder or one of the four files is missing.
    ValueError
        A file is damaged, truncated or of another kind, or images and labels differ in number.

    Notes
    -----
    70000 rows of 784 float64 take 439 MB.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86 (1998), doi:10.1109/5.726791.
    """
    root = Path(folder).expanduser()
    names = [name for pair in _MNIST_FILES for name in pair]
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        raise FileNotFoundError(
            f"The MNIST folder must hold four gz files; {str(root)!r} lacks {', '.join(missing)}. "
            "Give the folder in which they lie: mnist:FOLDER."
        )
    images, labels = [], []
    for image_name, label_name in _MNIST_FILES:
        images.append(_read_idx(root / image_name, axes=3))
        labels.append(_read_idx(root / label_name, axes=1))
        if len(images[-1]) != len(labels[-1]):
            raise ValueError(
                f"Images and labels must be equal in number; {image_name} holds {len(images[-1])} "
                f"and {label_name} {len(labels[-1])}. Take both from one copy of the data."
            )
    sizes = [part.shape[1:] for part in images]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"Training and test images must have one size; got {sizes[0]} and {sizes[1]} pixels. "
            "Take all four files from one copy of the data."
        )
    x = np.concatenate([part.reshape(len(part), -1) for part in images]) / 255.0
    y, classes = _recode(np.concatenate(labels), "y")
    test_rows = np.arange(len(images[0]), len(x))
    return Task("mnist", x, y, classes, f"{len(x)} labelled images from {root}", test_rows)


def arrays(path: str | os.PathLike[str]) -> Task:
    """Read data of one's own: an npz file with arrays ``x`` and ``y``.

    Parameters
    ----------
    path : str or path
        Written by ``np.savez(path, x=x, y=y)``: x of shape (n,) or (n, d), finite real numbers;
        y of shape (n,), one class per row as integers, whole floats, booleans or strings.

    Returns
    -------
    Task
        Classes are numbered in sorted order.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is not an npz, or x or y breaks a rule above, or all rows are of one class.
    """
    path = Path(path).expanduser()
    x, labels = _read_npz(path)
    x = checks.real(x, f"x in {path}").astype(np.float64)
    if labels.shape != (len(x),):
        hint = " For one-hot rows: y.argmax(axis=1); for a column: y.ravel()."
        raise ValueError(
            f"y in {path} must have shape (n,) with one class per row of x, n = {len(x)}; "
            f"got {labels.shape}.{hint if labels.ndim == 2 else ''}"
        )
    y, classes = _recode(labels, f"y in {path}")
    return Task(path.stem, x, y, classes, f"{len(x)} rows of {x.shape[1]} numbers from {path}")


def load(spec: str) -> Task:
    """Return the task that a short text names.

    Parameters
    ----------
    spec : str
        ``"twelve_bit"``, ``"digits"``, ``"mnist:FOLDER"`` or a path that ends in ``.npz``.

    Raises
    ------
    ValueError
        Nothing goes by that name; the message offers near misses. Also as the loaders do.
    FileNotFoundError
        As the loaders do.
    """
    kind, _, folder = spec.partition(":")
    if kind == "mnist":
        if not folder:
            raise ValueError(
                f"MNIST is read from a folder; got {spec!r}. Write mnist:FOLDER, the folder with "
                f"{_MNIST_FILES[0][0]} and the three other files."
            )
        return mnist(folder)
    if spec.lower().endswith(".npz"):
        return arrays(spec)
    built_in = {"twelve_bit": twelve_bit, "digits": digits}
    return built_in[checks.choice(spec, "task", (*built_in, "mnist:FOLDER", "FILE.npz"))]()


def _read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """Read a gzipped idx file of unsigned bytes, the format of MNIST."""
    # An idx file is two zero bytes, the type (8 = unsigned byte), the number of axes, the length
    # of each axis as a big-endian 32-bit integer, and then the entries.
    try:
        with gzip.open(path, "rb") as file:
            content = file.read()
    except gzip.BadGzipFile as error:
        raise ValueError(f"{path} must be a gzip file ({error}): take the .gz itself.") from error
    except (EOFError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or damaged ({error}). Copy it again.") from error
    magic, header = bytes([0, 0, 8, axes]), 4 + 4 * axes
    if content[:4] != magic:
        raise ValueError(
            f"{path} must begin with the bytes {magic.hex(' ')} (idx, unsigned bytes, number of "
            f"axes {axes}); got {content[:4].hex(' ') or 'an empty file'}. Check that each file "
            "has its published name."
        )
    if len(content) < header:
        raise ValueError(f"{path} is truncated: it ends within its header. Copy it again.")
    shape = struct.unpack(f">{axes}I", content[4:header])
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise ValueError(
            f"{path} must hold {expected} bytes for the shape {shape} in its header; got "
            f"{len(content)}. It is truncated or damaged: copy it again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _read_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read the arrays ``x`` and ``y`` of an npz file; nothing in it is ever unpickled."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}. Check the path.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} must be an npz file; it is another kind, or truncated. {_WRITE}")
    try:
        with np.load(path, allow_pickle=False) as data:
            missing = [key for key in ("x", "y") if key not in data.files]
            if missing:
                raise ValueError(
                    f"{path} must hold arrays named x and y; {' and '.join(missing)} missing, "
                    f"it holds {', '.join(data.files) or 'none'}. {_WRITE}"
                )
            return _member(data, "x", path), _member(data, "y", path)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} is truncated or damaged ({error}). {_WRITE}") from error


def _member(data: Any, key: str, path: Path) -> NDArray[Any]:
    try:
        return np.asarray(data[key])
    except ValueError as error:  # numpy's own message tells users to allow pickles
        raise ValueError(
            f"{key} in {path} must be an array of numbers or strings; it is an object array, or "
            f"damaged. Convert it before saving: np.asarray({key}.tolist())."
        ) from error


def _recode(labels: NDArray[Any], name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return each label as 0 to c - 1, in the sorted order of the classes, and their names."""
    kind = labels.dtype.kind
    if kind not in "biufUS":
        raise ValueError(
            f"{name} must hold classes as integers or strings; got dtype {labels.dtype}. "
            "Convert it first."
        )
    if kind == "f":
        broken = labels[~np.isfinite(labels) | (labels != np.round(labels))]
        if len(broken):
            raise ValueError(
                f"{name} must hold classes, so its floats must be whole numbers; {len(broken)} of "
                f"{len(labels)} are not, the first is {broken[0]}. Cut a continuous label into "
                "classes first, for example with np.digitize."
            )
    values, codes = np.unique(labels, return_inverse=True)
    if kind == "S":
        names = [value.decode("utf-8", "backslashreplace") for value in values.tolist()]
    else:
        names = [str(int(value) if kind == "f" else value) for value in values.tolist()]
    if len(names) < 2:
        raise ValueError(
            f"{name} must hold at least two classes; all rows are of class {names[0]}. "
            "With one class there is nothing to learn."
        )
    return codes.astype(np.int64), tuple(names)
