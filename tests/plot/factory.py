"""Records as a recorder would write them, made up: two nets, four seeds, six layers."""

import math

import numpy as np

CEILING_X, CEILING_Y, N = 12 * math.log(2), 0.99916 * math.log(2), 4096
STEPS = sorted({0, *np.unique(np.geomspace(1, 3000, 38).astype(int)).tolist()})
VARIANTS = (
    (
        "binned(strategy='fixed', bin_width=0.07)",
        {"strategy": "fixed", "bins": 30, "bin_width": 0.07},
    ),
    ("binned(strategy='unique', bins=30)", {"strategy": "unique", "bins": 30, "bin_width": None}),
    ("mixture(bound='upper')", {"noise_variance": 1e-3, "noise": "fixed", "bound": "upper"}),
    ("mixture(bound='lower')", {"noise_variance": 1e-3, "noise": "fixed", "bound": "lower"}),
)
WIDTHS = (10, 7, 5, 4, 3, 2)


def make_records(groups=("tanh", "relu"), seeds=4, steps=STEPS, variants=VARIANTS, names=None):
    rng = np.random.default_rng(0)
    records = []
    for group in groups:
        for seed in range(seeds):
            for label, params in variants:
                for index, width in enumerate(WIDTHS):
                    layer = (
                        names[index]
                        if names
                        else ("softmax" if index == 5 else f"layer{index + 1}")
                    )
                    records += _path(rng, group, seed, label, params, layer, index, width, steps)
    return records


def _path(rng, group, seed, label, params, layer, index, width, steps):
    method = label.partition("(")[0]
    shift = rng.normal(0, 0.25)
    saturated = [0.995, 0.99, 0.93, 0.82, 0.68, 0.5][index] + 0.01 * (
        params.get("strategy") == "unique"
    )
    for step in steps:
        done = math.log1p(step) / math.log1p(steps[-1] or 1)
        growth = 1 / (1 + math.exp(-12 * (done - 0.55)))
        fall = max(0.0, done - 0.7) / 0.3 * (0.75 if group == "tanh" and index > 2 else 0.03)
        x = 12 * saturated * (0.75 + 0.25 * growth if index > 2 else 1.0) * (1 - fall)
        x = min(12.0, x + (shift * (1 - saturated) * 2 + rng.normal(0, 0.03)) * (index > 1))
        y = (0.9 - 0.12 * index) * (0.25 + 0.75 * growth) + growth * 0.119 * index + 0.05 * shift
        if params.get("bound") == "lower":
            x, y = 0.9 * x, 0.97 * y
        common = {
            "run": f"{group}-{seed}",
            "group": group,
            "seed": seed,
            "step": step,
            "epoch": float(step),
            "layer": layer,
            "layer_index": index,
            "call": 1,
            "probe": "all",
            "method": method,
            "stderr": None,
            "unit": "nats",
            "n": N,
            "d": width,
            "dtype": "float64",
            "ceiling_x": CEILING_X,
            "ceiling_y": CEILING_Y,
            "diagnostics": {},
        }
        for quantity, bits, more in (
            ("I(X;T)", x, {}),
            ("I(T;Y)", min(y, 0.999), {"discrete_y": True} if method == "binned" else {}),
        ):
            value = bits * math.log(2)
            yield common | {
                "measure": f"{quantity}:{label}",
                "quantity": quantity,
                "value": value,
                "params": params | more,
                "stderr": 0.003 if method == "mixture" else None,
                "saturated": quantity == "I(X;T)" and value >= 0.98 * CEILING_X,
            }


def make_scalars(groups=("tanh", "relu"), seeds=4, steps=STEPS):
    rows = []
    for group in groups:
        for seed in range(seeds):
            for step in steps:
                done = math.log1p(step) / math.log1p(steps[-1])
                base = {"run": f"{group}-{seed}", "group": group, "seed": seed, "step": step}
                rows.append(
                    base | {"name": "loss", "value": 0.7 * math.exp(-4 * done**4) + 0.01 * seed}
                )
                rows.append(base | {"name": "accuracy", "value": 0.5 + 0.49 * done**3})
    return rows
