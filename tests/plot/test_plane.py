import itertools
import math
import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import SymLogNorm, same_color
from matplotlib.figure import Figure

from infotheory.plot import paths
from infotheory.plot.plane import plane, planes, save
from infotheory.plot.style import MARKERS

from .factory import STEPS, make_records

FIXED, UPPER = "binned(strategy='fixed', bin_width=0.07)", "mixture(bound='upper')"
LAYERS = ["layer1", "layer2", "layer3", "layer4", "layer5", "softmax"]


@pytest.fixture(scope="module")
def records():
    return make_records()


@pytest.fixture(scope="module")
def whole(records):
    """All planes; to be looked at, not changed."""
    return planes(records)


@pytest.fixture(scope="module")
def small():
    return make_records(groups=("tanh",), seeds=2, steps=[0, 1, 10, 100])


def artists(axes, gid):
    """By layer, those whose identity begins so."""
    found = [artist for artist in axes.get_children() if (artist.get_gid() or "").startswith(gid)]
    return {artist.get_gid().partition(":")[2]: artist for artist in found}


def words(figure_or_axes):
    return " ".join(
        text.get_text() for text in figure_or_axes.findobj(mpl.text.Text) if text.get_visible()
    ).replace("\n", " ")


def test_the_picture_names_estimator_parameters_n_seeds_and_units(records, whole):
    for said in (words(plane(records, variant=FIXED).figure), words(whole)):
        for part in ("binned", "strategy=fixed", "bin_width=0.07", "n = 4096", "over 4 seeds"):
            assert part in said
        assert "min to max" in said
        assert "Probe: all" in said
        assert "infinite" in said
    axes = plane(records, variant=FIXED)
    assert axes.get_xlabel() == "Î(X;T) [bits]"
    assert axes.get_ylabel() == "Î(T;Y) [bits]"
    assert plane(records, unit="nats").get_xlabel() == "Î(X;T) [nats]"


def test_a_difference_of_bounds_is_called_neither_bound(records):
    said = words(plane(records, variant=UPPER).figure)
    assert "an upper bound" in said
    assert "neither bound" in said
    assert "neither bound" not in words(plane(records, variant=FIXED).figure)


def test_the_points_are_the_medians(records):
    panel = paths.panel(records, variant=FIXED, group="relu")
    axes = plane(records, variant=FIXED, group="relu")
    filled, hollow = artists(axes, "filled:"), artists(axes, "hollow:")
    for path in panel.paths:
        drawn = np.concatenate([part[path.layer].get_offsets() for part in (filled, hollow)])
        expected = np.column_stack([path.median["I(X;T)"], path.median["I(T;Y)"]])
        assert np.allclose(sorted(map(tuple, drawn)), sorted(map(tuple, expected)))


def test_points_are_hollow_exactly_where_saturated(records):
    panel = paths.panel(records, variant=FIXED)
    axes = plane(records, variant=FIXED)
    filled, hollow = artists(axes, "filled:"), artists(axes, "hollow:")
    for path in panel.paths:
        assert len(hollow[path.layer].get_offsets()) == path.saturated.sum()
        assert len(filled[path.layer].get_offsets()) == (~path.saturated).sum()
        assert all(same_color(c, "white") for c in hollow[path.layer].get_facecolors())
        assert not any(same_color(c, "white") for c in filled[path.layer].get_facecolors())
        found = hollow[path.layer].get_offsets()[:, 0]
        assert (found >= 0.98 * 12).all()
    assert panel.saturated > 0
    assert f"hollow: at the ceiling, {panel.saturated} of {panel.points}" in words(axes)


def test_colour_is_the_step_on_a_log_scale_that_has_a_zero(records):
    axes = plane(records, variant=FIXED)
    bar = axes.figure.axes[-1]
    mapped = bar._colorbar.mappable if hasattr(bar, "_colorbar") else bar.collections[0]
    norm, colours = mapped.norm, mapped.cmap
    assert isinstance(norm, SymLogNorm)
    assert colours.name == "viridis"
    assert (norm.vmin, norm.vmax) == (0, 3000)
    assert norm(100) - norm(10) == pytest.approx(norm(1000) - norm(100))
    layer = artists(axes, "filled:")["softmax"]
    assert np.allclose(layer.get_facecolors(), colours(norm(STEPS)))
    assert [label.get_text() for label in bar.get_yticklabels()][::4] == ["0", "1000"]
    assert bar.get_yticklabels()[-1].get_text() == "3000"


def test_layers_are_told_apart_by_marker_and_name(records):
    axes = plane(records, variant=FIXED)
    outlines = {layer: one.get_paths()[0] for layer, one in artists(axes, "filled:").items()}
    assert list(outlines) == LAYERS
    for one, other in itertools.combinations(outlines.values(), 2):
        assert one.vertices.shape != other.vertices.shape or not np.allclose(
            one.vertices, other.vertices
        )
    assert {t.get_text() for t in axes.texts if t.get_gid() == "layer-name"} == set(LAYERS)
    assert len(set(MARKERS)) == len(MARKERS)


def test_ceilings_stand_at_h_y_and_at_h_x_or_log_n(small, whole):
    for scale, panels in (
        (1.0, [plane(small), *panels_of(whole)]),
        (math.log(2), [plane(small, unit="nats"), *panels_of(planes(small, unit="nats"))]),
    ):
        for axes in panels:
            lines = {line.get_gid(): line for line in axes.get_lines()}
            assert lines["ceiling-x"].get_xdata() == pytest.approx([12 * scale] * 2)
            assert lines["ceiling-y"].get_ydata() == pytest.approx([0.99916 * scale] * 2)
            assert axes.get_xlim()[1] > 12 * scale
            assert axes.get_ylim()[1] > scale
    assert "min(H(X), log n) = 12.00" in words(whole)
    assert "H(Y) = 1.00" in words(whole)


def panels_of(figure):
    return [axes for axes in figure.axes if artists(axes, "filled:")]


def test_first_and_last_step_have_sizes_of_their_own_and_arrows_point_along(records):
    axes = plane(records, variant=FIXED)
    sizes = artists(axes, "filled:")["softmax"].get_sizes()
    assert sizes[0] < sizes[1] == sizes[-2] < sizes[-1]
    arrows = [text for text in axes.texts if text.get_gid() == "direction"]
    assert len(arrows) == len(LAYERS)


def test_seeds_are_drawn_on_demand(records):
    def thin(axes):
        return [line for line in axes.get_lines() if line.get_gid() == "seed"]

    assert not thin(plane(records))
    assert len(thin(plane(records, seeds=True))) == 4 * 6


def test_a_single_seed_has_no_band(small):
    alone = [record for record in small if record["seed"] == 0]
    axes = plane(alone)
    assert not artists(axes, "band:")
    assert "1 seed." in words(axes.figure)
    assert artists(plane(small), "band:")


def boxes_of(axes, gids):
    renderer = axes.figure.canvas.get_renderer()
    texts = [text for text in axes.texts if text.get_gid() in gids]
    return {text.get_text(): mpl.text.Text.get_window_extent(text, renderer) for text in texts}


@pytest.mark.parametrize("names", [None, [f"blocks.{i}.attention.output" for i in range(6)]])
def test_names_of_layers_neither_overlap_nor_leave_their_panel(names):
    figure = planes(make_records(names=names))
    figure.canvas.draw()
    for axes in panels_of(figure):
        boxes = boxes_of(axes, {"layer-name", "ceiling-x-name", "ceiling-y-name"})
        assert len(boxes) == 8
        for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
            assert not a.overlaps(b), (one, other)
        frame = axes.get_window_extent()
        for name in set(boxes) - {"min(H(X), log n) = 12.00"}:
            box = boxes[name]
            assert frame.x0 <= box.x0
            assert box.x1 <= frame.x1 + 1
            assert box.y1 <= frame.y1 + 1


def test_nothing_is_cut_off_at_the_border(records, small, whole):
    for figure in (whole, planes(small), plane(records).figure):
        figure.canvas.draw()
        border = figure.bbox
        for text in figure.findobj(mpl.text.Text):
            if text.get_visible() and text.get_text():
                box = mpl.text.Text.get_window_extent(text)
                assert border.x0 <= box.x0, text
                assert box.x1 <= border.x1, text
                assert border.y0 <= box.y0, text
                assert box.y1 <= border.y1, text


def test_planes_share_axes_over_groups_and_variants(whole):
    figure = whole
    shown = panels_of(figure)
    assert len(shown) == 8
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in shown}) == 1
    assert len(figure.axes) == 9  # and one colour bar
    said = words(figure)
    for part in ("tanh", "relu", "strategy=unique", "bound=upper", "bound=lower"):
        assert part in said
    assert len([text for text in figure.texts if text.get_gid() == "caption"]) == 1


def test_a_group_without_a_variant_leaves_an_empty_place(small):
    other = make_records(groups=("relu",), seeds=1, steps=[0, 1])
    figure = planes(small + [record for record in other if record["method"] == "binned"])
    assert len(panels_of(figure)) == 6
    assert words(figure).count("not recorded") == 2


def test_the_same_figure_is_the_same_bytes(small, tmp_path):
    for name in ("one.svg", "two.svg"):
        save(plane(small).figure, tmp_path / name)
    one, two = (tmp_path / "one.svg").read_bytes(), (tmp_path / "two.svg").read_bytes()
    assert one == two
    text = one.decode()
    assert "bin_width=0.07" in text  # text stays text
    assert not re.search(r"<dc:date>", text)
    assert save(planes(small), tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"one.svg", "two.svg", "p.png"}


def test_save_refuses_other_suffixes(small, tmp_path):
    with pytest.raises(ValueError, match=r"saved as \.svg, \.png or \.pdf; got 'plane\.bmp'"):
        save(plane(small).figure, tmp_path / "plane.bmp")


def test_drawing_changes_no_settings_and_leaves_pyplot_alone(small):
    before = dict(mpl.rcParams)
    planes(small)
    assert dict(mpl.rcParams) == before
    code = "import sys; import infotheory.plot.plane; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plane_fits_into_axes_that_exist(small):
    figure = Figure(figsize=(9, 6))
    axes = figure.subplots(1, 2)
    assert plane(small, ax=axes[1], title="mine") is axes[1]
    assert "mine, n = 4096" in axes[1].get_title(loc="left")
    assert planes(small, figure=(own := Figure())) is own


@pytest.mark.parametrize("steps", [[0], [5], [0, 1]])
def test_very_short_runs_are_drawn(steps, tmp_path):
    records = make_records(groups=("tanh",), seeds=1, steps=steps)
    save(plane(records).figure, tmp_path / "short.png")


def test_infinite_values_do_not_stop_the_drawing(small, tmp_path):
    records = [
        record | ({"value": math.inf} if record["layer"] == "layer1" else {}) for record in small
    ]
    figure = plane(records).figure
    save(figure, tmp_path / "inf.svg")
    assert "estimates are not finite" in words(figure)
    with pytest.raises(ValueError, match="no finite values"):
        planes([record | {"value": math.nan} for record in small])


def test_no_records_is_an_error():
    for draw in (plane, planes):
        with pytest.raises(ValueError, match="records is empty"):
            draw([])


def test_other_quantities_go_on_the_axes(small):
    records = [
        record | {"quantity": record["quantity"].replace("I(X;T)", "H(T)")} for record in small
    ]
    axes = plane(records, x="H(T)")
    assert axes.get_xlabel() == "Ĥ(T) [bits]"
    assert "ceiling-x" not in {line.get_gid() for line in axes.get_lines()}


def test_a_folder_that_is_missing_is_named(small, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere to write plane\.png into"):
        save(planes(small), tmp_path / "nowhere" / "plane.png")
    (tmp_path / "run.png").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save(planes(small), tmp_path / "run.png")
