import numpy as np
import pytest

from infotheory.plot import paths
from infotheory.plot.curves import curves, save

from .factory import STEPS, make_records, make_scalars

UNIQUE = "binned(strategy='unique', bins=30)"


@pytest.fixture(scope="module")
def records():
    return make_records(seeds=2)


def lines(axes, gid):
    return {
        line.get_gid().partition(":")[2]: line
        for line in axes.get_lines()
        if (line.get_gid() or "").startswith(gid)
    }


def test_estimates_over_the_step_above_loss_and_accuracy(records, tmp_path):
    figure = curves(records, make_scalars(seeds=2), variant=UNIQUE)
    assert len(figure.axes) == 2 * 4
    assert [axes.get_ylabel() for axes in figure.axes[:4]] == [
        "Î(X;T) [bits]",
        "Î(T;Y) [bits]",
        "loss",
        "accuracy",
    ]
    assert {axes.get_xscale() for axes in figure.axes} == {"symlog"}
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    panel = paths.panel(records, variant=UNIQUE)
    for path in panel.paths:
        line = lines(figure.axes[0], "layer:")[path.layer]
        assert np.array_equal(line.get_xdata(), path.steps)
        assert np.allclose(line.get_ydata(), path.median["I(X;T)"])
        hollow = lines(figure.axes[0], "hollow:")[path.layer]
        assert len(hollow.get_xdata()) == path.saturated.sum()
    loss = lines(figure.axes[2], "scalar:")["loss"]
    assert loss.get_xdata().tolist() == STEPS
    assert loss.get_ydata()[0] == pytest.approx(0.705)
    save(figure, tmp_path / "one.svg")
    save(curves(records, make_scalars(seeds=2), variant=UNIQUE), tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_one_quantity_alone_is_enough(records):
    alone = [record for record in records if record["quantity"] == "I(T;Y)"]
    figure = curves(alone)
    assert [axes.get_ylabel() for axes in figure.axes] == ["Î(T;Y) [bits]", ""]


def test_no_records_is_an_error():
    with pytest.raises(ValueError, match="records is empty"):
        curves([])
