"""Watches the Predict worker while it runs; see show_predict.sh.

python3 watch.py FOLDER WORKER STUBS HEALTHY

Ends with the worker, and prints one JSON object: times in milliseconds, memory in MB, CPU in seconds.
"""

import json
import os
import pathlib
import re
import sqlite3
import sys
import time
from datetime import datetime

HZ = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split(" ")
    return (int(fields[11]) + int(fields[12])) / HZ


def peak(pid: int) -> float:
    """The most that was resident; the kernel keeps it, so that no moment is missed."""
    line = re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(line[1]) * 1_024 / 1e6


class Rows:
    """Sees when the answers of a round are in the database for a reader."""

    def __init__(self, path: pathlib.Path, healthy: int) -> None:
        self.path, self.healthy = path, healthy
        self.last, self.counts, self.complete = 0, {}, {}
        self.db = None

    def look(self) -> None:
        if self.db is None:
            if not self.path.exists():
                return
            self.db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=0)
        query = (
            "SELECT asset || '/' || horizon || '/' || step, slot, COUNT(*), MAX(id)"
            " FROM predictions WHERE id > ? AND status = 'SUCCESS' GROUP BY 1, 2"
        )
        try:
            rows = self.db.execute(query, (self.last,)).fetchall()
        except sqlite3.OperationalError:
            # The tables are still being made, or a checkpoint is on its way.
            return
        now = time.time()
        for config, slot, count, newest in rows:
            self.last = max(self.last, newest)
            self.counts[config, slot] = self.counts.get((config, slot), 0) + count
            if self.counts[config, slot] >= self.healthy:
                self.complete.setdefault((config, slot), now)


def follow(folder: pathlib.Path, worker: int, stubs: int, healthy: int) -> tuple[Rows, dict]:
    rows, seen = Rows(folder / "predictions.db", healthy), {}
    while True:
        try:
            seen = {"memory": peak(worker), "worker_cpu": cpu(worker), "stubs_cpu": cpu(stubs)}
        except (OSError, IndexError, TypeError):
            # One that has ended has no memory any more.
            return rows, seen
        rows.look()
        time.sleep(0.1)


def events(folder: pathlib.Path) -> list[dict]:
    log = folder / "data/artifacts/logs/predict_continuous.log"
    return [json.loads(line) for line in log.read_text().splitlines() if line]


def at(event: dict) -> float:
    return datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00")).timestamp()


def main() -> None:
    folder, worker, stubs, healthy = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
    rows, seen = follow(folder, worker, stubs, healthy)
    found = events(folder)
    of = lambda kind: [it for it in found if it["event"] == kind]
    spans = [(at(it) - it["took_ms"] / 1e3, at(it)) for it in of("tick_told")]
    rounds = []
    for it in of("predictions_collected"):
        stored = rows.complete.get((it["config"], it["slot"]))
        begun = at(it) - it["took_ms"] / 1e3
        rounds.append(
            {
                "config": it["config"],
                "with_tick": any(start < at(it) and begun < end for start, end in spans),
                "succeeded": it["succeeded"],
                "took": it["took_ms"],
                "stored": stored and (stored - begun) * 1e3,
            }
        )
    ticks = [{"succeeded": it["succeeded"], "took": it["took_ms"]} for it in of("tick_told")]
    # What the stubs say is not in the worker's log.
    said = re.findall(r"the past (\d+) times, at most (\d+) at once", (folder / "models.log").read_text())
    ready, starting = of("predict_ready"), of("predict_starting")
    seen |= {
        "ticks": ticks,
        "rounds": rounds,
        "replays": list(map(int, said[-1])) if said else None,
        "joined": ready[0]["models"] if ready else 0,
        "joining": (at(ready[0]) - at(starting[0])) * 1e3 if ready else None,
        "troubles": [it["cause"] for it in of("trouble")],
    }
    print(json.dumps(seen))


main()
