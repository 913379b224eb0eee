"""Labels made of a continuous variable."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

import infotheory as it

PAGES = Path(__file__).parents[1] / "docs" / "how_to"


def blobs(rng):
    names = np.arange(60) % 3
    return rng.standard_normal((60, 2)) * 0.1 + 2.0 * np.eye(3, 2)[names], names


def pairs(found, names):
    return {(a, b) for a, b in zip(found, names, strict=True)}


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_clusters_at_any_scale(rng, scale):
    x, names = blobs(rng)
    assert len(pairs(it.clusters(x * scale, 3), names)) == 3


def test_as_many_clusters_as_samples_are_refused(rng):
    with pytest.raises(ValueError, match="count must be between 1 and 19"):
        it.clusters(rng.standard_normal((20, 2)), 20)


def test_a_continuous_label_is_told_of_clusters(rng):
    x, _ = blobs(rng)
    with pytest.raises(ValueError, match=r"infotheory\.clusters"):
        it.mutual_information(x, x, method="diffusion")


def snippets(page, title):
    """The code of one section of a page."""
    text = (PAGES / page).read_text()
    section = re.split(r"(?:^|\n)(.+)\n[-=]{4,}\n", text)
    body = section[section.index(title) + 1]
    found = re.findall(r"\.\. code-block:: python\n\n((?:(?:    ? ?.*)?\n)+)", body)
    return [textwrap.dedent(each) for each in found]


@pytest.mark.filterwarnings("ignore::infotheory.InfotheoryWarning")
def test_the_snippet_of_the_page_runs():
    names = {}
    (first, *_) = snippets("measure_arrays.rst", "Measure arrays")
    (code,) = snippets("measure_arrays.rst", "Classes of a continuous target")
    exec(first + code, names)
    assert set(names["classes"]) == set(range(8))
    assert names["layer"].shape == (1000, 10)


def test_the_shared_bins_of_labels_by_definition(rng):
    """The classic Shannon information: rows cut once, and classes that share the bins."""
    x = rng.standard_normal((200, 3)) + np.arange(200)[:, None] % 4
    classes = it.clusters(x[:, 0], 4)
    found = it.mutual_information(
        x, classes, method="binned", strategy="columns", bins=2, discrete_y=True
    )
    cut = x > (x.min(axis=0) + x.max(axis=0)) / 2
    cells = cut @ [1, 2, 4]
    table = np.zeros((8, 4))
    np.add.at(table, (cells, classes), 1 / 200)
    assert found.value == pytest.approx(it.distribution_mutual_information(table).value, rel=1e-12)
    assert found.value > 0.3
