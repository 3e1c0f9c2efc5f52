"""Predictions that wait for their scores, in a crunch of their own; see show_scoring.sh.

python3 backlog.py fill FILE ROWS       writes them, and prices, into an empty database
python3 backlog.py copy FILE FROM       puts them into another database
python3 backlog.py again FILE PID       lets them wait again when all are scored, until PID is gone
"""

import json
import os
import random
import sqlite3
import sys
import time

FIRST = 1_735_689_600
STEP, STEPS, MODELS, INTERVAL = 300, 288, 50, 900
HORIZON = STEP * STEPS
# An asset that nobody else knows: the Predict worker's prices stay as they are.
ASSET, CRUNCH = "BACKLOG", "backlog"
# Rows of one transaction: who else writes waits for no more.
BITE = 200


def connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def answer(chance: random.Random, model: int) -> str:
    def norm() -> dict:
        params = {"loc": chance.gauss(0, 9), "scale": chance.uniform(30, 90)}
        return {"type": "builtin", "name": "norm", "params": params}

    def item(step: int) -> dict:
        parts = [{"density": norm(), "weight": chance.random()} for _ in range(1 + model % 3)]
        return {"step": step, "type": "mixture", "components": parts}

    return json.dumps([item(STEP * k) for k in range(1, STEPS + 1)])


def fill(path: str, rows: int) -> None:
    chance = random.Random(7)
    with connect(path) as to:
        to.execute("BEGIN")
        price = 90_000.0
        last = FIRST + INTERVAL * (rows // MODELS + 1) + HORIZON
        for at in range(FIRST - 5 * 86_400, last + 1, 60):
            price *= 1 + chance.gauss(0, 0.0006)
            to.execute("INSERT INTO closes VALUES (?, ?, ?)", (ASSET, at * 1000, price))
        to.execute(
            "INSERT INTO prediction_configs (id, crunch_id, asset, horizon, step, interval, active) "
            "VALUES (1000, ?, ?, ?, ?, ?, 0)",
            (CRUNCH, ASSET, HORIZON, STEP, INTERVAL),
        )
        for number in range(rows):
            slot = FIRST + INTERVAL * (number // MODELS)
            to.execute(
                "INSERT INTO predictions (id, config_id, slot, model_id, deployment_id, status, asset, horizon, "
                "step, exec_time_us, performed_at, resolvable_at, payload) "
                "VALUES (?, 1000, ?, ?, '1', 'SUCCESS', ?, ?, ?, 1, ?, ?, CAST(? AS BLOB))",
                (
                    10_000_000 + number,
                    slot,
                    f"m{number % MODELS}",
                    ASSET,
                    HORIZON,
                    STEP,
                    slot * 1000,
                    (slot + HORIZON) * 1000,
                    answer(chance, number % MODELS),
                ),
            )
        to.execute("COMMIT")


def copy(path: str, source: str) -> None:
    to = connect(path)
    to.execute("ATTACH ? AS source", (source,))
    for table in ("closes", "prediction_configs"):
        key = "asset = 'BACKLOG'"
        to.execute(f"INSERT INTO {table} SELECT * FROM source.{table} WHERE {key}")
    ids = [row[0] for row in to.execute("SELECT id FROM source.predictions ORDER BY id")]
    # The last ones first: the worker's own rows are numbered above all that are there.
    for begin in reversed(range(0, len(ids), BITE)):
        bite = ids[begin : begin + BITE]
        query = "INSERT INTO predictions SELECT * FROM source.predictions WHERE id BETWEEN ? AND ?"
        to.execute(query, (bite[0], bite[-1]))


def again(path: str, pid: int) -> None:
    """Tells how much of a core the process used meanwhile."""
    to = connect(path)
    began, sweeps, used = time.monotonic(), 0, 0.0
    while os.path.exists(f"/proc/{pid}/stat"):
        try:
            used = cpu(pid)
        except OSError:
            break
        waits = to.execute("SELECT 1 FROM unscored WHERE crunch_id = ? LIMIT 1", (CRUNCH,)).fetchone()
        if waits:
            time.sleep(0.05)
            continue
        ids = [row[0] for row in to.execute("SELECT prediction_id FROM scores ORDER BY 1")]
        sweeps += bool(ids)
        for begin in range(0, len(ids), BITE):
            ends = (ids[begin], ids[begin : begin + BITE][-1])
            to.execute("BEGIN IMMEDIATE")
            to.execute("DELETE FROM scores WHERE prediction_id BETWEEN ? AND ?", ends)
            to.execute(
                "INSERT INTO unscored SELECT id, ?, resolvable_at FROM predictions WHERE id BETWEEN ? AND ?",
                (CRUNCH, *ends),
            )
            to.execute("COMMIT")
        time.sleep(0.05)
    share = used / (time.monotonic() - began)
    print(f"; the scorer used {share:.2f} of a core, {sweeps} sweeps of the backlog")


def cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if sys.argv[1] == "fill":
    fill(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == "copy":
    copy(sys.argv[2], sys.argv[3])
else:
    again(sys.argv[2], int(sys.argv[3]))
