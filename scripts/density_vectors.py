#!/usr/bin/env python3
"""Reference values for the densities that models answer with, from scipy.

    python scripts/density_vectors.py > src/density/vectors.jsonl     writes them
    python scripts/density_vectors.py --check                         makes them anew and compares
    python scripts/density_vectors.py --seed 7                        others, as many

Needs scipy 1.15 or newer. Seeded: the same scipy gives the same file. Each line holds an item as a
model would write it, a place `x`, and at that place what scipy says. The CRPS is the integral of
(F(y) - 1{y >= x})^2, by two methods that must agree to a relative 1e-9: Gauss-Legendre over panels
between quantiles, and, for a single family, the quantile loss integrated over the quantile function;
for a mixture, tanh-sinh over the cdf. Nothing is left out: a disagreement ends the script.
"""

import json
import math
import pathlib
import sys

import numpy as np
from scipy import integrate, optimize, special, stats

FIXTURE = pathlib.Path(__file__).parent.parent / "src" / "density" / "vectors.jsonl"
AGREE = 1e-9
EACH, MIXTURES, NESTED, OTHERS = 44, 240, 100, 16
NODES, WEIGHTS = np.polynomial.legendre.leggauss(30)
SEED = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 20240615
rng = np.random.default_rng(SEED)


def short(value):
    """Six digits: the same number for every reader."""
    return float(f"{value:.6g}")


def log_uniform(low, high):
    return short(math.exp(rng.uniform(math.log(low), math.log(high))))


# The families built in, with the ranges that their shapes are drawn from.
BUILTIN = {
    "norm": {},
    "lognorm": {"s": (0.01, 3.0)},
    "expon": {},
    "t": {"df": (0.6, 60.0)},
    "weibull_min": {"c": (0.4, 12.0)},
    "weibull_max": {"c": (0.4, 12.0)},
    "gamma": {"a": (0.2, 200.0)},
    "beta": {"a": (0.3, 40.0), "b": (0.3, 40.0)},
    "chi": {"df": (0.5, 100.0)},
    "chi2": {"df": (0.5, 200.0)},
    "rayleigh": {},
    "pareto": {"b": (0.8, 20.0)},
    "cauchy": {},
    "laplace": {},
    "f": {"dfn": (0.5, 60.0), "dfd": (1.5, 60.0)},
}
SCIPY = {
    "uniform": {},
    "logistic": {},
    "gumbel_r": {},
    "gumbel_l": {},
    "skewnorm": {"a": (-20.0, 20.0)},
    "invgamma": {"a": (0.8, 30.0)},
    "johnsonsu": {"a": (-3.0, 3.0), "b": (0.5, 5.0)},
    "genextreme": {"c": (-0.9, 0.9)},
}
# The nearest to where a mean, a variance or a bounded density ends.
EXTREMES = [
    ("t", {"df": 1.05}), ("t", {"df": 1.0}), ("t", {"df": 2.0}), ("t", {"df": 1e8}), ("pareto", {"b": 1.05}),
    ("lognorm", {"s": 3.0}), ("lognorm", {"s": 0.001}), ("f", {"dfn": 3.0, "dfd": 2.1}),
    ("f", {"dfn": 0.5, "dfd": 4.5}), ("beta", {"a": 0.3, "b": 0.3}), ("beta", {"a": 0.3, "b": 30.0}),
    ("gamma", {"a": 0.2}), ("gamma", {"a": 20000.0}), ("weibull_min", {"c": 0.4}),
    ("weibull_max", {"c": 0.4}), ("chi2", {"df": 0.5}), ("chi", {"df": 0.5}),
]  # fmt: skip


def shape_of(name, ranges):
    drawn = {}
    for key, (low, high) in ranges.items():
        drawn[key] = short(rng.uniform(low, high)) if low < 0 else log_uniform(low, high)
    return drawn


def single(name, shapes, kind="builtin"):
    """A family at a random place and scale: about as often in returns as in dollars."""
    scale = log_uniform(1e-4, 1e-2) if rng.random() < 0.4 else log_uniform(0.1, 500.0)
    loc = short(rng.normal() * scale * rng.choice([0.0, 0.3, 3.0]))
    return {"type": kind, "name": name, "params": {**shapes, "loc": loc, "scale": scale}}


def any_builtin(scale, loc):
    """A family for a mixture: places and scales of one order."""
    name = str(rng.choice(list(BUILTIN)))
    drawn = single(name, shape_of(name, BUILTIN[name]))
    drawn["params"]["scale"] = short(scale * math.exp(rng.normal()))
    drawn["params"]["loc"] = short(loc + scale * rng.normal() * 2)
    return drawn


def mixture(count, depth=0):
    scale, loc = log_uniform(1e-4, 300.0), 0.0
    parts = []
    for _ in range(count):
        # Every third is of normals alone: those have a way of their own.
        density = any_builtin(scale, loc) if count % 3 else single("norm", {})
        if depth and rng.random() < 0.6:
            density = mixture(int(rng.integers(1, 4)), depth - 1)
        weight = short(rng.uniform(0.05, 2.0)) * (-1 if rng.random() < 0.25 else 1)
        parts.append({"density": density, "weight": weight})
    return {"type": "mixture", "components": parts}


def leaves(density, share=1.0):
    if density["type"] != "mixture":
        return [(share, getattr(stats, density["name"])(**density["params"]))]
    total = sum(abs(part["weight"]) for part in density["components"])
    found = []
    for part in density["components"]:
        found += leaves(part["density"], share * abs(part["weight"]) / total)
    return found


def ladder(each=8):
    return np.logspace(-17, math.log10(0.5), 17 * each)


def cdf(parts, y):
    return sum(share * dist.cdf(y) for share, dist in parts)


def sf(parts, y):
    return sum(share * dist.sf(y) for share, dist in parts)


def over(function, points):
    """Gauss-Legendre over each panel."""
    points = np.unique(points[np.isfinite(points)])
    half = np.diff(points) / 2
    middle = points[:-1] + half
    values = function(middle[:, None] + half[:, None] * NODES)
    return float(np.sum(half * (values @ WEIGHTS)))


def quantiles(dist):
    """ppf and isf. scipy's own for f gives up in the upper tail, so that goes by the beta's."""
    if dist.dist.name != "f":
        return dist.ppf, dist.isf
    given = dist.kwds
    half_n, half_d, loc, scale = given["dfn"] / 2, given["dfd"] / 2, given["loc"], given["scale"]

    def isf(u):
        beta = special.betaincinv(half_d, half_n, u)
        return loc + scale * half_d / half_n * (1 - beta) / beta

    return dist.ppf, isf


def marks(dist, p):
    """Places that part the range finely: quantiles, doublings of the spread, the support's ends."""
    ppf, isf = quantiles(dist)
    low, middle, high = dist.ppf([0.25, 0.5, 0.75])
    far = (high - low) * 2.0 ** np.arange(-30, 60)
    ends = np.array(dist.support())
    points = np.concatenate([ppf(p), isf(p), middle + far, middle - far, ends])
    return points[(points >= ends[0]) & (points <= ends[1])]


def crps_by_panels(parts, x):
    p = ladder()
    points = np.concatenate([marks(dist, p) for _, dist in parts])
    below = np.append(points[points < x], x)
    above = np.append(points[points > x], x)
    return over(lambda y: cdf(parts, y) ** 2, below) + over(lambda y: sf(parts, y) ** 2, above)


def crps_by_quantiles(dist, x):
    """2 * integral of (1{x <= q(p)} - p) * (q(p) - x): no cdf but at x."""
    ppf, isf = quantiles(dist)
    below, above = dist.cdf(x), dist.sf(x)
    p = ladder(10)

    def up_to(function, low, high):
        return over(function, np.concatenate([[low], p[(p > low) & (p < high)], [high]]))

    # Probabilities near one are taken by what they leave to one.
    low = up_to(lambda u: u * (x - ppf(u)), 0.0, min(below, 0.5))
    high = up_to(lambda u: u * (isf(u) - x), 0.0, min(above, 0.5))
    if below > 0.5:
        low += up_to(lambda v: (1 - v) * (x - isf(v)), above, 0.5)
    if above > 0.5:
        high += up_to(lambda v: (1 - v) * (ppf(v) - x), below, 0.5)
    return 2 * (low + high)


def crps_by_tanh_sinh(parts, x):
    points, marked = [x], [1e-15, 1e-9, 1e-6, 1e-4, 1e-2, 0.1, 0.3, 0.5]
    for _, dist in parts:
        points += [*dist.ppf(marked), *dist.isf(marked), *dist.support()]
    points = np.unique(np.array(points))
    # Panels too narrow to be parted give no value.
    wide = np.diff(points, prepend=-np.inf) > 64 * np.spacing(np.abs(points))
    points = np.unique(np.append(points[wide | ~np.isfinite(points)], x))
    total = 0.0
    for function, side in ((cdf, points[points <= x]), (sf, points[points >= x])):
        low, high = side[:-1], side[1:]
        # Where the function is zero there is nothing to be had, and infinite ends give none.
        some = function(parts, high if function is cdf else low) > 0
        if np.any(some):
            got = integrate.tanhsinh(
                lambda y: function(parts, y) ** 2, low[some], high[some], rtol=1e-13, maxlevel=12
            )
            total += float(np.sum(got.integral))
    return total


def mean_and_variance(parts):
    means = [float(dist.mean()) for _, dist in parts]
    variances = [float(dist.var()) for _, dist in parts]
    if not np.all(np.isfinite(means)):
        return None, None
    mean = sum(share * m for (share, _), m in zip(parts, means))
    if not np.all(np.isfinite(variances)):
        return mean, None
    spread = [v + (m - mean) ** 2 for m, v in zip(means, variances)]
    return mean, sum(share * s for (share, _), s in zip(parts, spread))


def median(parts):
    medians = [float(dist.median()) for _, dist in parts]
    low, high = min(medians), max(medians)
    if low == high:
        return low
    return optimize.brentq(lambda y: cdf(parts, y) - sf(parts, y), low, high, xtol=1e-300, rtol=1e-14)


def place(parts):
    """Half in the bulk, the rest in tails and beyond."""
    share = np.array([share for share, _ in parts])
    _, dist = parts[rng.choice(len(parts), p=share / share.sum())]
    way = rng.random()
    if way < 0.5:
        return float(dist.ppf(rng.uniform(0.02, 0.98)))
    if way < 0.7:
        return float(dist.ppf(10 ** rng.uniform(-6, -2)))
    if way < 0.9:
        return float(dist.isf(10 ** rng.uniform(-6, -2)))
    span = float(dist.ppf(0.9) - dist.ppf(0.1))
    return float(dist.median() + rng.choice([-1, 1]) * span * rng.uniform(3, 30))


def line(density, index):
    parts = leaves(density)
    x = float(f"{place(parts):.12g}")
    mean, variance = mean_and_variance(parts)
    crps = None
    if mean is not None:
        crps = crps_by_panels(parts, x)
        if len(parts) == 1:
            again = crps_by_quantiles(parts[0][1], x)
        else:
            again = crps_by_tanh_sinh(parts, x)
        if not abs(crps - again) <= AGREE * abs(crps):
            raise SystemExit(f"two methods, two values: {crps!r} {again!r} for {density} at {x}")
    logs = [math.log(share) + float(dist.logpdf(x)) for share, dist in parts]
    log_pdf = float(special.logsumexp(logs))
    step = {"step": 300}
    item = {**step, **density} if index % 2 else {**step, "prediction": density}
    return {
        "item": item,
        "x": x,
        "mean": mean,
        "variance": variance,
        "median": median(parts),
        "cdf": float(cdf(parts, x)),
        "sf": float(sf(parts, x)),
        "log_pdf": log_pdf if math.isfinite(log_pdf) else repr(log_pdf),
        "crps": crps,
    }


def densities():
    for name, ranges in BUILTIN.items():
        for _ in range(EACH):
            yield single(name, shape_of(name, ranges))
    for _ in range(MIXTURES):
        yield mixture(int(rng.integers(2, 6)))
    for _ in range(NESTED):
        yield mixture(int(rng.integers(1, 4)), depth=2)
    for name, shapes in EXTREMES:
        for _ in range(3):
            yield single(name, shapes)
    for name, ranges in SCIPY.items():
        for _ in range(OTHERS):
            yield single(name, shape_of(name, ranges), kind="scipy")
    for name, ranges in BUILTIN.items():
        yield single(name, shape_of(name, ranges), kind="scipy")


def lines():
    np.seterr(all="ignore")
    return [line(density, index) for index, density in enumerate(densities())]


def check():
    """Compares what is made now with what is stored."""
    stored = [json.loads(text) for text in FIXTURE.read_text().splitlines()]
    made = json.loads(json.dumps(lines()))
    if len(stored) != len(made):
        raise SystemExit(f"{len(stored)} lines are stored, {len(made)} were made")
    for number, (old, new) in enumerate(zip(stored, made), 1):
        for key, value in old.items():
            again = new[key]
            same = value == again
            if isinstance(value, float) and isinstance(again, float):
                same = math.isclose(value, again, rel_tol=1e-9, abs_tol=1e-300)
            if not same:
                raise SystemExit(f"line {number}, {key}: {value!r} is stored, {again!r} was made")
    print(f"{len(stored)} densities are as stored")


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        check()
    else:
        for entry in lines():
            print(json.dumps(entry, separators=(",", ":")))
