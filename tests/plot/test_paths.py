import math

import numpy as np
import pytest

from infotheory.plot import paths
from infotheory.plot.variants import Variant, choose, recorded_variants

from .factory import CEILING_X, CEILING_Y, STEPS, make_records

X, Y = "I(X;T)", "I(T;Y)"


@pytest.fixture(scope="module")
def records():
    return make_records()


def test_a_variant_is_told_apart_by_its_options_alone(records):
    found = recorded_variants(records, (X, Y))
    assert [variant.name for variant in found] == [
        "binned(strategy='fixed', bin_width=0.07)",
        "binned(strategy='unique', bins=30)",
        "mixture(noise_variance=0.001, noise='fixed', bound='upper')",
        "mixture(noise_variance=0.001, noise='fixed', bound='lower')",
    ]
    assert {len(members) for members in found.values()} == {len(records) // 4}


def test_what_was_taken_from_the_data_of_a_layer_makes_no_variant():
    records = make_records(groups=("tanh",), seeds=1)
    for record in records:
        record["params"] = record["params"] | {"edge": -record["layer_index"], "variance": 1.0}
    assert len(recorded_variants(records, (X, Y))) == 4
    assert not any("edge" in variant.name for variant in recorded_variants(records))


@pytest.mark.parametrize(
    "wanted",
    [
        "binned(strategy='unique', bins=30)",
        "binned, strategy=unique, bins=30",
        Variant("binned", (("strategy", "unique"), ("bins", 30))),
    ],
)
def test_a_variant_is_chosen_by_name(records, wanted):
    found = choose(recorded_variants(records, (X, Y)), wanted, (X, Y))
    assert dict(found.params)["strategy"] == "unique"


def test_an_ambiguous_or_unknown_variant_is_refused_with_what_there_is(records):
    with pytest.raises(ValueError, match=r"'binned' fits several; there are: binned\(strategy"):
        paths.panel(records, variant="binned")
    with pytest.raises(ValueError, match="'ksg' was not recorded; there are: binned"):
        paths.panel(records, variant="ksg")
    with pytest.raises(
        ValueError, match="group 'gelu' was not recorded; there are: 'tanh', 'relu'"
    ):
        paths.panel(records, group="gelu")
    with pytest.raises(ValueError, match="no estimator was recorded for all of"):
        paths.panel(records, quantities=(X, "H(T)"))
    with pytest.raises(ValueError, match="records is empty"):
        paths.panel([])


def test_the_path_is_the_median_over_seeds_with_its_band(records):
    panel = paths.panel(records, group="relu", variant="binned(strategy='fixed', bin_width=0.07)")
    assert panel.seeds == 4
    assert panel.band == "min to max"
    path = panel.paths[3]
    assert path.layer == "layer4"
    assert path.steps.tolist() == STEPS
    own = [
        record["value"] / math.log(2)
        for record in records
        if (record["group"], record["layer"], record["step"]) == ("relu", "layer4", 3000)
        and record["measure"] == f"{X}:binned(strategy='fixed', bin_width=0.07)"
    ]
    assert len(own) == 4
    assert path.median[X][-1] == pytest.approx(np.median(own), rel=1e-12)
    assert (path.low[X][-1], path.high[X][-1]) == (pytest.approx(min(own)), pytest.approx(max(own)))


def test_the_band_of_many_seeds_is_quartiles():
    panel = paths.panel(make_records(groups=("tanh",), seeds=7, steps=[0, 1, 10]))
    own = panel.paths[4].seeds[X]
    assert panel.band == "quartiles"
    assert np.allclose(panel.paths[4].low[X], np.percentile(own, 25, axis=0))


def test_saturated_points_are_those_within_two_percent_of_the_ceiling(records):
    for panel in paths.panels(records):
        for path in panel.paths:
            near = path.seeds[X] >= 0.98 * panel.ceiling_x
            expected = (near.sum(axis=0) > 2) | (path.median[X] >= 0.98 * panel.ceiling_x)
            assert (path.saturated == expected).all()
    assert sum(panel.saturated for panel in paths.panels(records)) > 0


def test_units_convert_values_and_ceilings(records):
    bits, nats = paths.panel(records), paths.panel(records, unit="nats")
    assert bits.ceiling_x == pytest.approx(12.0)
    assert nats.ceiling_x == pytest.approx(CEILING_X)
    assert nats.ceiling_y == pytest.approx(CEILING_Y)
    assert np.allclose(bits.paths[0].median[X] * math.log(2), nats.paths[0].median[X])


def test_only_steps_that_all_seeds_share_are_drawn():
    records = make_records(groups=("tanh",), seeds=3, steps=[0, 1, 5, 10])
    records = [r for r in records if not (r["seed"] == 1 and r["step"] == 5)]
    panel = paths.panel(records)
    assert panel.paths[0].steps.tolist() == [0, 1, 10]
    assert panel.unshared == 1


def test_a_run_that_broke_off_early_does_not_hide_the_others():
    records = make_records(groups=("tanh",), seeds=4)
    panel = paths.panel([r for r in records if r["seed"] != 2 or r["step"] < 3])
    assert panel.seed_names == ("seed 0", "seed 1", "seed 3")
    assert panel.shorter_seeds == 1
    assert panel.paths[0].steps.tolist() == STEPS


def test_infinite_and_missing_values_are_left_out_and_counted():
    records = make_records(groups=("tanh",), seeds=2, steps=[0, 1, 10])
    for value, record in zip((math.inf, math.nan, None), records[:6:2], strict=True):
        assert record["quantity"] == X
        record["value"] = value  # layer1 of seed 0, all steps
    panel = paths.panel(records)
    assert panel.not_finite == 3
    first = panel.paths[0]
    assert np.isnan(first.seeds[X][0]).all()
    assert np.array_equal(first.median[X], first.seeds[X][1])
    # The point of seed 0 has lost its first coordinate, so the second does not count alone.
    assert np.array_equal(first.median[Y], first.seeds[Y][1])


def test_nothing_finite_is_an_error():
    records = [record | {"value": math.inf} for record in make_records(seeds=1, steps=[0, 1])]
    with pytest.raises(ValueError, match="nothing to draw"):
        paths.panel(records)
    assert paths.panels(records) == []


def test_a_repeated_call_is_a_layer_of_its_own():
    records = make_records(groups=("tanh",), seeds=1, steps=[0, 1])
    for record in records:
        if record["layer_index"] == 1:
            record.update(layer="layer1", layer_index=0, call=2)
    assert [path.layer for path in paths.panel(records).paths][:2] == ["layer1", "layer1:2"]
    assert [path.place for path in paths.panel(records).paths] == list(range(6))


def test_layers_at_one_position_share_a_marker_though_groups_name_them_differently():
    records = make_records(seeds=1, steps=[0, 1])
    for record in records:
        record["layer"] = f"{record['group']}{record['layer_index']}"
    places = {p.group: [path.place for path in p.paths] for p in paths.panels(records)}
    assert places == {"tanh": [0, 1, 2, 3, 4, 5], "relu": [0, 1, 2, 3, 4, 5]}


def test_groups_without_a_name_are_not_mixed_with_others():
    records = make_records(seeds=1, steps=[0, 1])
    for record in records:
        record["group"] = None if record["group"] == "relu" else "tanh"
    assert [p.group for p in paths.panels(records)[:2]] == ["tanh", None]
    assert {p.seed_names for p in paths.panels(records)} == {("seed 0",)}


def test_a_tagged_measurement_does_not_replace_the_regular_one():
    records = make_records(groups=("tanh",), seeds=1, steps=[0, 1])
    extra = [record | {"tag": "pruned", "value": 0.0} for record in records if record["step"] == 1]
    assert paths.panel(records + extra).paths[0].median[X][-1] > 1


def test_information_that_rises_from_layer_to_layer_is_a_failure_of_the_estimator():
    records = make_records(groups=("tanh",), seeds=3, steps=[0, 1])
    assert paths.panel(records).violations == ()
    for record in records:
        if record["layer"] == "layer4" and record["quantity"] == X:
            record["value"] = 11.9 * math.log(2)
    assert paths.panel(records).violations == ("I(X;T) rises from layer3 to layer4",)


def test_runs_that_end_where_they_please_are_cut_to_what_they_share():
    records = make_records(groups=("tanh",), seeds=3, steps=[0, 1, 5, 10, 50, 100])
    ends = {0: 100, 1: 50, 2: 10}
    panel = paths.panel([r for r in records if r["step"] <= ends[r["seed"]]])
    assert panel.seeds == 3
    assert panel.paths[0].steps.tolist() == [0, 1, 5, 10]
