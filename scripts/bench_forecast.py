"""The forecast's mathematics in numpy and scikit-learn, for scripts/bench_forecast.sh.

    bench_forecast.py PRICES.csv time prior|all|cold|warm     prints seconds
    bench_forecast.py PRICES.csv compare FORECASTS.csv        prints how far two sets of forecasts differ

The same rows, features, refits and gates as the worker: daily lessons at 00:00 UTC, known one horizon
later; ridge and elastic net on all of them each day, the support vector regression on the newest 270
each Monday.
"""

import csv
import sys
import time
from datetime import datetime

import numpy as np
from scipy.signal import lfilter
from sklearn.linear_model import ElasticNet, Ridge
from sklearn.svm import SVR

HORIZON = 168
LAGS = (24, 168, 672, 1440, 2160)
LEAST = 1e-5
FULL = 672
LEAST_LESSONS = 90
LIMIT = 0.05
NAMES = ("ridge", "elastic-net", "svr")


def prices(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    stamp = lambda text: int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())
    starts = np.array([stamp(row["timestamp"]) for row in rows])
    assert (np.diff(starts) == 3600).all(), "these prices have gaps: the comparison needs them whole"
    return starts, np.array([float(row["close"]) for row in rows])


def momentum(logs, sigma, hours):
    result = np.zeros(len(logs))
    if hours < len(logs):
        result[hours:] = (logs[hours:] - logs[:-hours]) / (sigma[hours:] * np.sqrt(hours))
    return result


def newey_west(gains, lags=14):
    n, mean = len(gains), gains.mean()
    rest = gains - mean
    variance = rest @ rest / n
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (rest[lag:] @ rest[:-lag]) / n
    return mean / np.sqrt(variance / n) if variance > 0 else 0.0


class Gate:
    """The last 365 gains, and the weight that follows from them."""

    def __init__(self, low, width, initial):
        self.low, self.width, self.weight, self.gains = low, width, initial, []

    def settle(self):
        gains = self.gains[-365:]
        if len(gains) >= 180:
            t = newey_west(np.array(gains))
            self.weight = float(np.clip((t - self.low) / self.width, 0, 1))


def at_least(values, signs):
    negative = (values < 0) | ((values == 0) & (signs < 0))
    return np.where(negative, -1.0, 1.0) * np.maximum(np.abs(values), LEAST)


class Market:
    """What is known at each hour."""

    def __init__(self, starts, closes):
        self.starts, self.logs = starts, np.log(closes)
        returns = np.diff(self.logs)
        fade = 0.5 ** (1 / 720)
        sums = lfilter([1.0], [1.0, -fade], returns**2)
        counts = lfilter([1.0], [1.0, -fade], np.ones(len(returns)))
        self.sigma = np.full(len(closes), 1e-5)
        self.sigma[1:] = np.maximum(np.sqrt(sums / counts), 1e-5)
        self.scale = self.sigma * np.sqrt(HORIZON)
        squashed = [np.tanh(momentum(self.logs, self.sigma, 24 * days)) for days in (28, 56, 90)]
        self.momentum = sum(squashed) / 3
        self.prior = at_least(np.minimum(0.00025 / self.scale, 0.006) * self.momentum, self.momentum)
        self.outcome = np.full(len(closes), np.nan)
        self.outcome[:-HORIZON] = self.logs[HORIZON:] - self.logs[:-HORIZON]
        self.midnights = np.flatnonzero(starts % 86400 == 0)

    def features(self):
        columns = [np.clip(momentum(self.logs, self.sigma, lag), -4, 4) for lag in LAGS]
        return np.column_stack(columns)


def answered(market, values):
    """What is answered: 0 for a fortnight, a sign for another, then the values."""
    final = at_least(values, market.momentum)
    rows = np.arange(len(final))
    final[rows < FULL] = LEAST
    final[rows < FULL // 2] = 0.0
    return final


def walk_prior(market):
    fuse = Gate(-2.0, 1.0, 1.0)
    weights = np.ones(len(market.logs))
    gains = market.outcome**2 - (market.outcome - market.prior) ** 2
    for at in market.midnights:
        known = at - HORIZON
        if known >= FULL:
            fuse.gains.append(gains[known])
        fuse.settle()
        weights[at:] = fuse.weight
    return answered(market, market.prior * weights), weights


def fit(name, records, labels):
    if name == "svr":
        records, labels = records[-270:], labels[-270:]
    scales = np.sqrt((records**2).mean(axis=0))
    scales[scales <= 1e-9] = 1.0
    model = {
        "ridge": lambda: Ridge(alpha=700.0, fit_intercept=False),
        "elastic-net": lambda: ElasticNet(alpha=0.2, l1_ratio=0.5, fit_intercept=False, tol=1e-12, max_iter=100),
        "svr": lambda: SVR(kernel="linear", C=1 / 700, epsilon=0.1, tol=1e-3),
    }[name]()
    model.fit(records / scales, labels)
    return np.ravel(model.coef_) / scales


def walk_all(market):
    """The blend of prior and challengers at each hour, and what each challenger says."""
    features, count = market.features(), len(market.logs)
    fuse, gates = Gate(-2.0, 1.0, 1.0), {name: Gate(1.0, 2.0, 0.0) for name in NAMES}
    models, fitted, said = {}, {}, {name: np.full(count, np.nan) for name in NAMES}
    baseline, blend = market.prior.copy(), market.prior.copy()
    labels = np.clip(market.outcome / market.scale, -4, 4)
    lessons = []
    for at in market.midnights:
        known = at - HORIZON
        if known >= FULL:
            outcome = market.outcome[known]
            lessons.append(known)
            fuse.gains.append(outcome**2 - (outcome - market.prior[known]) ** 2)
            for name in NAMES:
                value = said[name][known]
                if not np.isnan(value):
                    gain = (outcome - baseline[known]) ** 2 - (outcome - value) ** 2
                    gates[name].gains.append(gain)
        fuse.settle()
        for gate in gates.values():
            gate.settle()
        if len(lessons) >= LEAST_LESSONS:
            week = (market.starts[at] // 86400 + 3) // 7
            for name in NAMES:
                if name != "svr" or fitted.get(name) != week:
                    models[name] = fit(name, features[lessons], labels[lessons])
                    fitted[name] = week
        day = slice(at, min(at + 24, count))
        baseline[day] = market.prior[day] * fuse.weight
        total, moved = 0.0, 0.0
        for name, model in models.items():
            said[name][day] = np.clip(features[day] @ model * market.scale[day], -LIMIT, LIMIT)
            total += gates[name].weight
            moved = moved + gates[name].weight * (said[name][day] - baseline[day])
        blend[day] = baseline[day] + moved / max(1.0, total)
    return answered(market, blend), said, models


def warm_hours(starts, closes):
    """Seconds for each of 99 hours that follow a year: the newest row's features and forecasts."""
    market = Market(starts[-8761 - 99 : -99], closes[-8761 - 99 : -99])
    _, _, models = walk_all(market)
    logs, taken = np.log(closes), []
    fade, square, count = 0.5 ** (1 / 720), market.sigma[-1] ** 2, (1 - 0.5 ** (8760 / 720)) / (1 - 0.5 ** (1 / 720))
    for at in range(len(closes) - 99, len(closes)):
        began = time.perf_counter()
        change = logs[at] - logs[at - 1]
        square = (fade * square * count + change**2) / (fade * count + 1)
        count = fade * count + 1
        sigma = max(np.sqrt(square), 1e-5)
        over = lambda hours: (logs[at] - logs[at - hours]) / (sigma * np.sqrt(hours))
        scale = sigma * np.sqrt(HORIZON)
        prior = min(0.00025 / scale, 0.006) * sum(np.tanh(over(24 * days)) for days in (28, 56, 90)) / 3
        row = np.clip([over(lag) for lag in LAGS], -4, 4)
        values = [float(np.clip(row @ model * scale, -LIMIT, LIMIT)) for model in models.values()]
        assert np.isfinite([prior, *values]).all()
        taken.append(time.perf_counter() - began)
    return taken


def measure(what, starts, closes):
    if what == "warm":
        return float(np.median(warm_hours(starts, closes)))
    if what == "cold":
        starts, closes = starts[-8761:], closes[-8761:]
    began = time.perf_counter()
    market = Market(starts, closes)
    if what == "prior":
        walk_prior(market)
    else:
        walk_all(market)
    return time.perf_counter() - began


def column(rows, name):
    return np.array([float(row[name]) if row[name] else np.nan for row in rows])


def compare(starts, closes, path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(closes), "the forecasts are of other prices"
    market = Market(starts, closes)
    if NAMES[0] not in rows[0]:
        expected, weights = walk_prior(market)
        # The sign of the least forecast is no matter of mathematics.
        more = np.abs(expected) > LEAST
        theirs = column(rows, "forecast")
        print("prior", np.abs(theirs - expected)[more].max())
        known = np.arange(len(rows)) >= FULL
        print("weight", np.abs(column(rows, "prior_weight") - weights)[known].max())
        return
    expected, said, _ = walk_all(market)
    print("blend", np.abs(column(rows, "forecast") - expected)[np.abs(expected) > LEAST].max())
    for name in NAMES:
        theirs = column(rows, name)
        known = ~np.isnan(theirs)
        assert (known == ~np.isnan(said[name])).all(), f"{name} speaks at other hours"
        print(name, np.abs(theirs - said[name])[known].max())


def main():
    path, what, argument = sys.argv[1:4]
    starts, closes = prices(path)
    if what == "compare":
        compare(starts, closes, argument)
    else:
        print(measure(argument, starts, closes))


if __name__ == "__main__":
    main()
