import numpy as np
import pytest

import infotheory as it
from infotheory.plot.coupling import heat_map, save


def bars(axes, horizontal):
    return [bar.get_width() if horizontal else bar.get_height() for bar in axes.patches]


def test_a_heat_map_shows_the_table_and_its_marginals(tmp_path):
    p, q = [0.5, 0.3, 0.2], [0.6, 0.4]
    coupling = it.minimum_entropy_coupling([p, q])
    axes = coupling.plot(title="three and two", names=("A", "B"))
    image = axes.images[0].get_array()
    assert np.array_equal(image.filled(0.0), coupling.dense())
    assert (image.mask == (coupling.dense() == 0)).all()
    _, above, beside, _ = axes.figure.axes
    assert bars(above, horizontal=False) == pytest.approx(q)
    assert bars(beside, horizontal=True) == pytest.approx(p)
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("A", "B")
    assert axes.figure.axes[-1].get_ylabel() == "probability"
    assert axes.yaxis_inverted()
    assert [text.get_text() for text in axes.figure.texts] == ["three and two"]
    save(axes.figure, tmp_path / "one.svg")
    save(coupling.plot(title="three and two", names=("A", "B")).figure, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_coupling_through_a_bottleneck_is_drawn_too():
    found = it.bottleneck_coupling(np.full(30, 1 / 30), [0.5, 0.5], 0.5)
    axes = found.plot()
    assert axes.images[0].get_array().shape == (30, 2)
    assert axes.images[0].get_array().filled(0.0) == pytest.approx(found.dense())


def test_part_of_a_figure_can_be_drawn_on():
    from infotheory.plot.style import new_figure

    whole = new_figure(8, 4)
    left, right = whole.subfigures(1, 2)
    for part in (left, right):
        assert heat_map([[0.5, 0.0], [0.0, 0.5]], figure=part).figure is part


@pytest.mark.parametrize(
    ("joint", "error", "says"),
    [
        ([0.5, 0.5], ValueError, r"joint must have shape \(n, m\); got \(2,\)"),
        (np.ones((2, 2, 2)), ValueError, r"joint must have shape \(n, m\); got \(2, 2, 2\)"),
        ([[0.5, -0.5]], ValueError, "joint must have entries of at least 0"),
        ([[0.0, 0.0]], ValueError, "not all zero; they are between 0 and 0"),
        ([[0.5, np.nan]], ValueError, "joint must be finite"),
        ([["a"]], TypeError, "joint must hold real numbers"),
    ],
)
def test_what_cannot_be_drawn(joint, error, says):
    with pytest.raises(error, match=says):
        heat_map(joint)


def test_three_variables_have_no_heat_map():
    with pytest.raises(ValueError, match=r"got \(1, 1, 2\)"):
        it.minimum_entropy_coupling([[1.0], [1.0], [0.5, 0.5]]).plot()
