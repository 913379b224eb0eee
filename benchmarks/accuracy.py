"""Errors of every estimator on known truths: ``python benchmarks/accuracy.py [--quick]``.

Every registered estimator of a Shannon quantity, and some with other options, meets problems whose
answer is known exactly: few and many samples, one to 25 dimensions, no, middle and strong
dependence, kind and unkind distributions. All meet the same samples, drawn with fixed seeds, and no
time is taken: a second run prints the same tables.
"""

import argparse
import math
import warnings
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np

from infotheory import InfotheoryWarning, registry, truth

#: Samples, and how many data sets of that size.
SIZES = {300: 20, 3000: 10, 10_000: 5}
#: Methods whose cost is n^2 in any dimension stop before this size.
QUADRATIC, TOO_MANY = ("kde",), 10_000

#: Further columns: a method with other options than its own.
OPTIONS = {
    "entropy:knn": [{"k": 50, "weighted": True}],
    "mutual_information:ksg": [{"variant": 2}, {"scale": "rank"}],
    "mutual_information:binned": [{"strategy": "quantile", "bins": 10}],
    "total_correlation:ksg": [{"variant": 2}],
}
LABELS = {
    "mutual_information:mixed": [{"variant": "ross"}],
    "mutual_information:binned": [{"discrete_y": True}],
}


# The problems


def identical(rows, value):
    """A covariance of ones, and `value` wherever two variables differ."""
    return np.full((rows, rows), float(value)) + (1 - value) * np.eye(rows)


def sparse(d, correlation=0.8):
    """Two of d pairs are correlated, nothing else is: with 0.8 that is 1.02 nats for any d."""
    covariance = np.eye(2 * d)
    for i in range(min(d, 2)):
        covariance[i, d + i] = covariance[d + i, i] = correlation
    return renamed(truth.normals(covariance, d), f"sparse normals, {d}+{d}, two pairs at 0.8")


def dense(d, correlation=0.5):
    found = truth.normals(identical(2 * d, correlation), d)
    return renamed(found, f"dense normals, {d}+{d}, all correlations {correlation}")


def renamed(problem, name):
    return replace(problem, name=name)


def normal_channel(correlation):
    problem = truth.correlated_normals(correlation)
    return renamed(problem, f"normals, correlation {correlation}")


def student(degrees, d):
    problem = truth.students(degrees, np.eye(2 * d), d)
    return renamed(problem, f"Student, {degrees:g} degrees, {d}+{d}")


def independent(outcomes, variables, make):
    shape = (outcomes,) * variables
    name = f"{variables} independent dice of {outcomes} sides"
    return make(name, np.full(shape, 1 / outcomes**variables))


def equal_outcomes(outcomes):
    return renamed(truth.die(*[1 / outcomes] * outcomes), f"{outcomes} equal outcomes")


def conditional_pairs(d, correlation):
    """Pairs tied by `correlation` and, as strongly, to a cause that is given."""
    covariance = np.kron(identical(3, correlation), np.eye(d))
    found = truth.conditional_normals(covariance, (d, d, d))
    return renamed(found, f"normals, {d}+{d} given {d}, correlation {correlation}")


def shared(variables, correlation):
    found = truth.shared_normals(identical(variables, correlation), (1,) * variables)
    return renamed(found, f"{variables} normals, correlation {correlation}")


def entropies():
    yield from (truth.normal(d) for d in (1, 2, 5, 25))
    for d in (2, 5, 25):
        problem = truth.multivariate_normal(identical(d, 0.99))
        yield renamed(problem, f"normal, {d} dimensions, correlation 0.99")
    yield from (truth.density("student", degrees=degrees) for degrees in (1.0, 2.0, 3.0))
    yield renamed(truth.multivariate_student(2.0, np.eye(5)), "Student, 2 degrees, 5 dimensions")
    yield truth.density("uniform", low=0.0, high=1.0)
    yield truth.density("beta", a=0.5, b=0.5)
    yield truth.density("exponential", rate=2.0)
    yield truth.density("lognormal", mean=0.3, deviation=0.8)
    yield truth.density("pareto", exponent=3.0)
    yield renamed(
        truth.normal_mixture([-5.0, 5.0], [0.1, 1.0], [0.5, 0.5]), "two peaks, narrow and wide"
    )
    yield from (truth.ball(3), truth.ball(10))


def code_entropies():
    yield truth.die(0.7, 0.3)
    yield truth.die(0.5, 0.25, 0.125, 0.125)
    yield from (truth.geometric(0.25), truth.poisson(3.0), truth.zipf(100))
    yield from (equal_outcomes(100), equal_outcomes(1000))
    yield from (truth.zipf(10_000), truth.geometric(0.01))


def pairs():
    yield from map(normal_channel, (0.0, 0.3, 0.75, 0.99, 0.9999))
    yield from map(dense, (2, 5, 25))
    yield from map(sparse, (2, 5, 25))
    yield truth.correlated_normals(0.99, 5)
    for by in ("cube", "asinh"):
        yield truth.mapped(normal_channel(0.75), by)
    yield truth.mapped(sparse(5), "half_cube")
    yield from map(truth.additive_uniform_noise, (0.1, 0.75))
    yield from (student(degrees, 1) for degrees in (1.0, 2.0, 3.0))
    yield from (student(2.0, 5), truth.mapped(student(2.0, 5), "asinh"))
    yield truth.gamma_exponential(3.4)
    yield truth.farlie_gumbel_morgenstern(0.8)
    crossed = truth.normal_pair_mixture([0.5, 0.5], [(0, 0), (0, 0)], [0.9, -0.9])
    yield renamed(crossed, "two crossed normals, correlations 0.9 and -0.9")
    yield from (truth.censored_normals(0.6, 1.0), truth.normals_and_signs(0.9, 0.9))


def labels():
    yield truth.labelled_normals([-1.0, 1.0], [1.0, 1.0], [0.5, 0.5])
    yield truth.labelled_normals([0.0, 4.0], [1.0, 1.0], [0.5, 0.5])
    yield truth.labelled_normals([0.4, 0.5, 0.8], [0.2, 0.3, 0.25], [0.1, 0.6, 0.3])
    yield truth.labelled_normals([0.0] * 2, [1.0] * 2, [0.5, 0.5])
    yield from (truth.separated_classes(4), truth.overlapping_uniforms(5))
    yield from map(truth.counted_exponential, (0.0, 0.15, 0.7))


def channels():
    yield truth.binary_symmetric_channel(0.11)
    yield from (truth.binary_erasure_channel(0.3), truth.z_channel(0.5))
    yield truth.symmetric_channel(4, 0.2)
    yield from (truth.symmetric_channel(symbols, 0.2) for symbols in (30, 200))
    yield from (independent(outcomes, 2, truth.joint_table) for outcomes in (2, 10, 30))


def triples():
    yield from (conditional_pairs(1, correlation) for correlation in (0.1, 0.5, 0.9))
    yield from (conditional_pairs(d, 0.5) for d in (2, 5, 25))
    yield from map(truth.common_cause, (1, 2, 5, 25))
    strong = [[1, 0.99, 0.5], [0.99, 1, 0.5], [0.5, 0.5, 1]]
    found = truth.conditional_normals(strong, (1, 1, 1))
    yield renamed(found, "normals, 1+1 given 1, x and y at 0.99")


def code_triples():
    yield from map(truth.exclusive_or, (0.0, 0.11))
    yield truth.common_cause_table(0.2)
    yield from (independent(outcomes, 3, truth.conditional_table) for outcomes in (2, 5, 10))


def code_conditionals():
    yield truth.conditional_entropy_table(
        "a bit given its noisy copy", [[0.45, 0.05], [0.05, 0.45]]
    )
    yield truth.conditional_entropy_table("a die given if it is even", [[1 / 6, 0], [0, 1 / 6]] * 3)
    for outcomes in (10, 30):
        yield independent(outcomes, 2, truth.conditional_entropy_table)


def several():
    yield from (shared(3, correlation) for correlation in (0.0, 0.5, 0.99))
    yield from (shared(5, 0.5), shared(25, 0.5))


def code_several():
    yield from (truth.noisy_copies(copies, 0.2) for copies in (2, 3, 6, 10))


#: Title, quantity, the kinds of inputs of methods that can take it, problems, further columns.
TABLES = (
    ("Entropy of real variables", "entropy", ("real", "line"), entropies, OPTIONS),
    ("Entropy of labels", "entropy", ("codes",), code_entropies, {}),
    ("Mutual information of real variables", "mutual_information", ("real",), pairs, OPTIONS),
    ("Mutual information of a number and a label", "mutual_information", ("real",), labels, LABELS),
    ("Mutual information of labels", "mutual_information", ("codes",), channels, {}),
    ("Conditional entropy of labels", "conditional_entropy", ("codes",), code_conditionals, {}),
    (
        "Conditional mutual information of real variables",
        "conditional_mutual_information",
        ("real",),
        triples,
        OPTIONS,
    ),
    (
        "Conditional mutual information of labels",
        "conditional_mutual_information",
        ("codes",),
        code_triples,
        {},
    ),
    ("Total correlation of real variables", "total_correlation", ("real",), several, OPTIONS),
    ("Total correlation of labels", "total_correlation", ("codes",), code_several, {}),
)


# The cells


def columns(quantity, kinds, options):
    """Entries of the register whose inputs are of these kinds, and options for them."""
    for entry in registry.entries(quantity):
        if entry.estimand == "shannon" and set(entry.inputs) - {"..."} <= set(kinds):
            yield entry, {}
            yield from ((entry, chosen) for chosen in options.get(entry.key, ()))


def heading(entry, options):
    chosen = ", ".join(f"{name}={value}" for name, value in options.items())
    return f"{entry.method} ({chosen})" if chosen else entry.method


def data_sets(problem, n, repeats):
    """The same for every method, whatever else is measured."""
    seed = zlib.crc32(problem.name.encode())
    return [problem.sample(n, np.random.default_rng([seed, n, turn])) for turn in range(repeats)]


def judged(entry, options, problem, samples):
    """What to print of one method on one problem, and its grade: "right", "off", "far", or none."""
    if "line" in entry.inputs and samples[0][0].shape[1] > 1:
        return "–", ""
    if entry.method in QUADRATIC and len(samples[0][0]) >= TOO_MANY:
        return "–", ""
    try:
        found = [entry.function(*arrays, **options) for arrays in samples]
    except ValueError:
        return "refused", "refused"
    errors = np.array([each.value for each in found]) - problem.value
    if not np.isfinite(errors).all():
        infinite = [each for each in errors if not math.isfinite(each)]
        text = f"{infinite[0]:+.0f} in {len(infinite)} of {len(errors)}"
        return f"**{text.replace('inf', '∞').replace('-', '−')} ✗**", "far"
    mean, deviation = float(errors.mean()), float(errors.std(ddof=1))
    digits = 0 if deviation > 100 else 3
    text = f"{mean:+.{digits}f} ± {deviation:.{digits}f}".replace("-", "−")
    if abs(mean) > max(0.1, 0.1 * abs(problem.value)):
        return f"**{text} ✗**", "far"
    known = [each.stderr for each in found if each.stderr is not None]
    if known and abs(mean) > max(3 * float(np.mean(known)), 1e-9):
        return f"{text} !", "off"
    return text, "right"


def tables(sizes):
    """The lines of all tables, and the grades of each method, by title, heading and n."""
    lines, grades = [], Counter()
    for title, quantity, kinds, problems, options in TABLES:
        methods = list(columns(quantity, kinds, options))
        names = [heading(*method) for method in methods]
        lines += ["", f"## {title}", "", "| problem | exact | n | " + " | ".join(names) + " |"]
        lines += ["|---|--:|--:|" + "--:|" * len(names)]
        for problem in problems():
            for n, repeats in sizes.items():
                samples = data_sets(problem, n, repeats)
                cells = [judged(*method, problem, samples) for method in methods]
                grades.update(
                    (title, name, n, grade) for name, (_, grade) in zip(names, cells, strict=True)
                )
                texts = " | ".join(text.replace(" ", "\N{NO-BREAK SPACE}") for text, _ in cells)
                first = n == min(sizes)
                name = f"{problem.name} | {problem.value:.4f}" if first else " | "
                lines.append(f"| {name} | {n} | {texts} |")
    return lines, grades


def summary(grades, sizes):
    """How often each method was right, off and far off."""
    lines = ["| | method | " + " | ".join(f"n = {n}" for n in sizes) + " |"]
    lines += ["|---|---|" + "--:|" * len(sizes)]
    for title, name in dict.fromkeys((title, name) for title, name, _, _ in grades):
        cells = []
        for n in sizes:
            right, off, far, refused = (
                grades[title, name, n, grade] for grade in ("right", "off", "far", "refused")
            )
            cell = f"{right} / {off} / {far}" if right + off + far else "–"
            cells.append(cell + (f", {refused} refused" if refused else ""))
        lines.append(f"| {title} | {name} | " + " | ".join(cells) + " |")
    return lines


def report(sizes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfotheoryWarning)
        lines, grades = tables(sizes)
    repeats = ", ".join(f"{count} of n = {n}" for n, count in sizes.items())
    print("# Errors on known truths\n")
    print(f"Mean error ± deviation of one estimate, in nats, over data sets: {repeats}.\n")
    print(
        "✗: the mean error exceeds 0.1 nats and 10 % of the exact value, or a value is infinite.  "
    )
    print("!: smaller, but over 3 of the standard errors that the estimates give for themselves.  ")
    print("–: not for this problem, or left out because it takes n² time.\n")
    print("## In short\n\nProblems where the method is right / ! / ✗.\n")
    print("\n".join([*summary(grades, sizes), *lines]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="n = 300 alone, a few data sets")
    report({300: 5} if parser.parse_args().quick else SIZES)
