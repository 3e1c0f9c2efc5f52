#!/usr/bin/env python3
"""A model of your own, as a command: a question comes as JSON on stdin, the answer goes to stdout.

In the worker's configuration:

    forecaster = { command = ["python3", "forecasters/model.py"], send_prices = 720 }

The question:

    {"topic": 67, "nonce": 1200, "ticker": "btcusd", "horizon_seconds": 604800, "target": "log_return",
     "labels": [], "closes": [[unix seconds, price], ...]}

The answer is {"value": number}, or {"values": {label: number, ...}} where labels were given.
Put your own model in the place of `forecast`; only the standard library is used here.
"""

import json
import math
import sys

# Past drift says next to nothing of the drift to come.
SHRINK = 50


def forecast(closes, horizon_seconds):
    """The log-return over the horizon: the mean hourly return of the closes, shrunk."""
    if len(closes) < 2:
        return 0.0
    (began, first), (ended, last) = closes[0], closes[-1]
    per_second = math.log(last / first) / (ended - began)
    return per_second * horizon_seconds / SHRINK


def answer(question):
    """What the worker reads, for a question as it asks it."""
    labels = question.get("labels") or []
    if labels:
        return {"values": {label: 1 / len(labels) for label in labels}}
    closes = question.get("closes") or []
    log_return = forecast(closes, question.get("horizon_seconds", 0))
    target = question.get("target", "log_return")
    if target == "percent_return":
        return {"value": 100 * math.expm1(log_return)}
    if target == "price":
        if not closes:
            raise SystemExit("a price can't be forecast without closes: set send_prices")
        return {"value": closes[-1][1] * math.exp(log_return)}
    return {"value": log_return}


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
