"""Every row of docs/compatibility.md: their call beside ours, and where the two part.

A test has the name of its row. Rows that say "by formula" of packages whose licence keeps them out
of these tests have none; those of NPEET, which is on no index, are held against the formula itself.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import dit
import ennemi
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import digamma
from sklearn import metrics
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

import infotheory as it

PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
LN2 = math.log(2)

#: The digamma function of ennemi is a series, wrong by 1.5e-5 at 2 and less beyond.
SERIES = 2e-6


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def pair(rng):
    x = rng.normal(size=1000)
    return x, 0.6 * x + 0.8 * rng.normal(size=1000)


@pytest.fixture
def labelled(rng):
    y = rng.integers(0, 3, size=1000)
    return 1.5 * y + rng.normal(size=1000), y


@pytest.fixture
def codes(rng):
    x = rng.integers(0, 5, size=1000)
    return x, np.where(rng.random(1000) < 0.6, x, rng.integers(0, 4, size=1000))


def close(ours, theirs, within=1e-12):
    assert float(ours) == pytest.approx(float(theirs), rel=0, abs=within)


# The page


def rows():
    """The first cell of every row, and whether the row is said not to be run."""
    lines = re.findall(r"^\| ([A-Z]\d+) \|(.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: "by formula, not run" in text for name, text in lines}


def test_every_row_is_run_or_says_that_it_is_not():
    tested = {name.split("_")[1] for name in globals() if re.match(r"test_[A-Z]\d+_", name)}
    said = rows()
    assert tested == {name for name, unrun in said.items() if not unrun}
    assert {name[0] for name, unrun in said.items() if unrun} == {"I", "J"}


def test_every_call_of_ours_on_the_page_exists():
    for name in re.findall(r"\bit\.(\w+)\(", PAGE.read_text(encoding="utf-8")):
        assert callable(getattr(it, name))


# scikit-learn


def regression(x, y, **options):
    return mutual_info_regression(np.reshape(x, (len(x), -1)), y, random_state=0, **options)[0]


def classif(x, y, **options):
    return mutual_info_classif(np.reshape(x, (len(x), -1)), y, random_state=0, **options)[0]


@pytest.mark.parametrize("k", [3, 10])
def test_S1_regression(pair, k):
    x, y = pair
    close(it.ksg_mutual_information(x, y, k=k), regression(x, y, n_neighbors=k))
    close(it.ksg_mutual_information(1000 * x, y, k=k), regression(1000 * x, y, n_neighbors=k))


def test_S1_regression_parts_where_it_clips_and_adds_noise(rng, pair):
    x, y = pair[0], rng.permutation(pair[1])
    ours = it.ksg_mutual_information(x, y).value
    assert ours < 0
    assert regression(x, y) == 0
    x, y = np.round(pair, 1)
    with pytest.warns(it.InfotheoryWarning, match="duplicate"):
        first, second = (it.ksg_mutual_information(x, y).value for _ in range(2))
    assert first == second
    theirs = {mutual_info_regression(x[:, None], y, random_state=seed)[0] for seed in range(3)}
    assert len(theirs) == 3  # ties are broken by chance
    assert min(abs(first - other) for other in theirs) > 1e-3


def test_S2_regression_on_a_discrete_feature(labelled):
    x, y = labelled
    close(
        it.mixed_mutual_information(x, y, variant="ross"),
        regression(y, x, discrete_features=True),
    )


@pytest.mark.parametrize("k", [3, 7])
def test_S3_classif(labelled, k):
    x, y = labelled
    close(it.mixed_mutual_information(x, y, variant="ross", k=k), classif(x, y, n_neighbors=k))


def test_S3_classif_takes_words(labelled):
    x, y = labelled
    words = np.array([f"class {label}" for label in y])
    close(it.mixed_mutual_information(x, words, variant="ross"), classif(x, words))


def test_S3_classif_leaves_out_a_label_that_nobody_shares(labelled):
    x, y = np.append(labelled[0], 0.3), np.append(labelled[1], 9)
    close(it.mixed_mutual_information(x, y, variant="ross"), classif(x, y))


def test_S3_classif_parts_at_a_constant(labelled):
    constant = np.full(1000, 2.0)
    assert it.mixed_mutual_information(constant, labelled[1], variant="ross").value == 0
    values = [
        mutual_info_classif(constant[:, None], labelled[1], random_state=seed)[0]
        for seed in range(8)
    ]
    assert max(values) > 0.001  # of the noise that is added


def test_S4_classif_on_discrete_features(codes):
    close(it.plugin_mutual_information(*codes), classif(*codes, discrete_features=True))


def test_S5_mutual_info_score(codes):
    close(it.plugin_mutual_information(*codes), metrics.mutual_info_score(*codes))
    words = [np.array(list("abcde"))[part] for part in codes]
    close(it.plugin_mutual_information(*words), metrics.mutual_info_score(*codes))


def test_S6_normalized_mutual_info_score(codes):
    x, y = codes
    shared = it.plugin_mutual_information(x, y).value
    mean = (it.plugin_entropy(x).value + it.plugin_entropy(y).value) / 2
    close(shared / mean, metrics.normalized_mutual_info_score(x, y))


def test_S7_homogeneity_and_completeness(codes):
    true, found = codes
    left = it.plugin_conditional_entropy(true, found).value
    close(1 - left / it.plugin_entropy(true).value, metrics.homogeneity_score(true, found))
    left = it.plugin_conditional_entropy(found, true).value
    close(1 - left / it.plugin_entropy(found).value, metrics.completeness_score(true, found))


def test_chance_in_place_of_an_adjusted_score(codes):
    found = it.permutation_test("mutual_information:plugin", *codes, permutations=19)
    assert found.p == 0.05


# ennemi


def test_E1_estimate_mi(pair):
    x, y = pair
    ours = it.ksg_mutual_information(x, y)
    close(ours, ennemi.estimate_mi(y, x).item(), SERIES)
    close(ours, ennemi.estimate_mi(y, 1000 * x).item(), SERIES)


def test_E1_estimate_mi_as_it_is(pair):
    x, y = pair[0] * 30, pair[1]
    ours = it.ksg_mutual_information(x, y, scale=None)
    close(ours, ennemi.estimate_mi(y, x, preprocess=False).item(), SERIES)
    assert abs(ours.value - it.ksg_mutual_information(x, y).value) > 0.01


def test_E1_estimate_mi_parts_where_samples_are_tied(pair):
    x, y = np.round(pair, 1)
    with pytest.warns(it.InfotheoryWarning, match="duplicate"):
        ours = it.ksg_mutual_information(x, y).value
    theirs = ennemi.estimate_mi(y, x).item()
    assert theirs == ennemi.estimate_mi(y, x).item()  # the noise has a fixed seed
    assert abs(ours - theirs) > 1e-3


def test_E1_estimate_mi_with_a_lag(pair):
    x, y = pair[0], np.roll(pair[1], 3)
    theirs = ennemi.estimate_mi(y, x, lag=3).item()
    close(it.ksg_mutual_information(x[:-3], y[3:]), theirs, SERIES)


@pytest.mark.parametrize("columns", [1, 2])
def test_E2_estimate_mi_with_a_condition(rng, columns):
    z = rng.normal(size=(600, columns))
    x, y = z.sum(axis=1) + rng.normal(size=(2, 600))
    theirs = ennemi.estimate_mi(y, x, cond=z).item()
    close(it.ksg_conditional_mutual_information(x, y, z), theirs, SERIES)


def test_E3_estimate_mi_of_a_label(labelled):
    x, y = labelled
    theirs = ennemi.estimate_mi(y, x, discrete_y=True).item()
    close(it.mixed_mutual_information(x, y, variant="ross"), theirs, SERIES)


def test_E4_estimate_mi_of_a_label_with_a_condition(rng, labelled):
    x, y = labelled
    z = 0.5 * x + rng.normal(size=len(x))
    theirs = ennemi.estimate_mi(y, x, cond=z, discrete_y=True).item()
    x, z = ((part - part.mean()) / part.std() for part in (x, z))
    # Labels further apart than all samples are: no neighbour has another label.
    ours = it.mixed_conditional_mutual_information(x, 1000 * y, z, scale=None)
    close(ours, theirs, SERIES)
    near = it.mixed_conditional_mutual_information(x, 0.01 * y, z, scale=None)
    assert abs(near.value - theirs) > 0.01


def test_E5_estimate_mi_of_labels(rng, codes):
    x, y = codes
    both = {"discrete_x": True, "discrete_y": True}
    close(it.plugin_mutual_information(x, y), ennemi.estimate_mi(y, x, **both).item())
    z = rng.integers(0, 2, size=len(x))
    theirs = ennemi.estimate_mi(y, x, cond=z, **both).item()
    close(it.plugin_conditional_mutual_information(x, y, z), theirs)


def test_E6_pairwise_mi(pair, rng):
    data = np.column_stack([*pair, rng.normal(size=1000)])
    theirs = ennemi.pairwise_mi(data)
    for i, j in np.ndindex(3, 3):
        if i == j:
            assert math.isnan(theirs[i, j])  # theirs has no diagonal
        else:
            close(it.ksg_mutual_information(data[:, i], data[:, j]), theirs[i, j], SERIES)


def test_E7_normalized(pair):
    x, y = pair
    ours = it.ksg_mutual_information(x, y).value
    theirs = ennemi.estimate_mi(y, x, normalize=True).item()
    close(math.sqrt(1 - math.exp(-2 * ours)), theirs, SERIES)


def test_E8_estimate_entropy(rng):
    x = rng.normal(size=(1000, 2)) * [1, 5]
    close(it.knn_entropy(x), ennemi.estimate_entropy(x, multidim=True), SERIES)
    for ours, theirs in zip(x.T, ennemi.estimate_entropy(x), strict=True):
        close(it.knn_entropy(ours), theirs, SERIES)


def test_E8_estimate_entropy_of_labels(codes):
    close(it.plugin_entropy(codes[0]), ennemi.estimate_entropy(codes[0], discrete=True))


def test_E9_estimate_entropy_with_a_condition(pair):
    x, z = pair
    ours = it.knn_entropy(np.column_stack([x, z])).value - it.knn_entropy(z).value
    close(ours, ennemi.estimate_entropy(x, cond=z), SERIES)


# scipy


def test_P1_entropy_of_probabilities():
    p = [0.5, 0.25, 0.125, 0.125]
    close(it.distribution_entropy(p), stats.entropy(p))
    close(it.distribution_entropy(p).to("bits"), stats.entropy(p, base=2))
    assert stats.entropy([2, 1, 1]) == pytest.approx(stats.entropy([0.5, 0.25, 0.25]))
    with pytest.raises(ValueError, match="sum to 1"):
        it.distribution_entropy([2, 1, 1])


def test_P2_entropy_of_counts(codes):
    counts = np.unique(codes[1], return_counts=True)[1]
    close(it.plugin_entropy(codes[1]), stats.entropy(counts))


@pytest.mark.parametrize("variant", ["vasicek", "van es", "ebrahimi", "correa"])
@pytest.mark.parametrize("window", [None, 5])
def test_P3_differential_entropy(pair, variant, window):
    ours = it.spacing_entropy(pair[0], variant=variant, window=window)
    close(ours, stats.differential_entropy(pair[0], method=variant, window_length=window), 1e-10)


def test_P3_differential_entropy_chooses_by_n(rng):
    for n, variant in ((10, "van es"), (1000, "ebrahimi"), (1001, "vasicek")):
        x = rng.normal(size=n)
        close(it.spacing_entropy(x, variant=variant), stats.differential_entropy(x), 1e-10)


# dit


@pytest.fixture
def joint(rng):
    return rng.dirichlet(np.ones(12)).reshape(2, 3, 2)


def distribution(table):
    cells = ["".join(map(str, cell)) for cell in np.ndindex(table.shape)]
    return dit.Distribution(cells, table.ravel())


def test_D1_entropy(joint):
    close(it.distribution_entropy(joint).to("bits"), dit.shannon.entropy(distribution(joint)))


def test_D2_mutual_information(joint):
    theirs = dit.shannon.mutual_information(distribution(joint), [0], [1])
    close(it.distribution_mutual_information(joint.sum(axis=2)).to("bits"), theirs)


def test_D3_conditional_entropy(joint):
    theirs = dit.shannon.conditional_entropy(distribution(joint), [0, 1], [2])
    given = it.distribution_entropy(joint.sum(axis=(0, 1))).value
    close((it.distribution_entropy(joint).value - given) / LN2, theirs)


def test_D4_conditional_mutual_information(joint):
    theirs = dit.multivariate.coinformation(distribution(joint), [[0], [1]], [2])
    close(it.distribution_conditional_mutual_information(joint).to("bits"), theirs)


@pytest.mark.parametrize("order", [0, 0.5, 2, 3])
def test_D5_renyi_entropy(joint, order):
    theirs = dit.other.renyi_entropy(distribution(joint), order)
    close(it.distribution_entropy(joint, order=order).to("bits"), theirs)


def test_D6_entropy_of_a_table_of_samples(codes):
    pairs = np.column_stack(codes)
    counted = dit.inference.distribution_from_data([tuple(row) for row in pairs.tolist()], 1)
    counted.set_base("linear")
    close(it.plugin_entropy(pairs).to("bits"), dit.shannon.entropy(counted))


# NPEET: its formulas, in bits, with all distances at once


def reach(x, k):
    return np.sort(cdist(x, x, "chebyshev"), axis=1)[:, k]


def mean_psi(x, radius):
    """The sample itself is one of those nearer than its radius."""
    return digamma((cdist(x, x, "chebyshev") < radius[:, None]).sum(axis=1)).mean()


def npeet_entropy(x, k=3):
    n, d = x.shape
    return (digamma(n) - digamma(k) + d * LN2 + d * np.log(reach(x, k)).mean()) / LN2


def test_N1_entropy(rng):
    x = rng.normal(size=(300, 2))
    close(it.knn_entropy(x).to("bits"), npeet_entropy(x))


def test_N2_mi(rng):
    x = rng.normal(size=(300, 2)) * [1, 20]
    y = x[:, :1] + rng.normal(size=(300, 1))
    radius = reach(np.hstack([x, y]), 3)
    theirs = digamma(3) + digamma(300) - mean_psi(x, radius) - mean_psi(y, radius)
    close(it.ksg_mutual_information(x, y, scale=None).to("bits"), theirs / LN2)
    assert abs(it.ksg_mutual_information(x, y).to("bits").value - theirs / LN2) > 0.01


def test_N3_cmi(rng):
    x, y, z = rng.normal(size=(3, 300, 1))
    x, y = x + z, y + z
    radius = reach(np.hstack([x, y, z]), 3)
    within = [mean_psi(part, radius) for part in (np.hstack([x, z]), np.hstack([y, z]), z)]
    theirs = (digamma(3) - within[0] - within[1] + within[2]) / LN2
    close(it.ksg_conditional_mutual_information(x, y, z, scale=None).to("bits"), theirs)


def test_N4_micd(labelled):
    x, y = labelled
    kinds, counts = np.unique(y, return_counts=True)
    theirs = npeet_entropy(x[:, None]) - sum(
        count / len(y) * npeet_entropy(x[y == kind][:, None])
        for kind, count in zip(kinds, counts, strict=True)
    )
    ours = it.knn_entropy(x).value - sum(
        count / len(y) * it.knn_entropy(x[y == kind]).value
        for kind, count in zip(kinds, counts, strict=True)
    )
    close(ours / LN2, theirs)
    # Ross's estimator of the same quantity is another number.
    ross = it.mixed_mutual_information(x, y, variant="ross").to("bits").value
    assert ross != pytest.approx(theirs, abs=1e-6)
    assert ross == pytest.approx(theirs, abs=0.1)


def test_N5_discrete(codes):
    x, y = codes
    pairs = np.unique(np.column_stack(codes), axis=0, return_counts=True)[1] / len(x)
    alone = [np.unique(part, return_counts=True)[1] / len(x) for part in codes]
    of_x, of_y, of_both = (-(p @ np.log2(p)) for p in (*alone, pairs))
    close(it.plugin_entropy(x).to("bits"), of_x)
    close(it.plugin_mutual_information(x, y).to("bits"), of_x + of_y - of_both)
