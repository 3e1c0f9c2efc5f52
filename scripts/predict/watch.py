"""Watches the Predict worker while it runs; see show_predict.sh.

python3 watch.py FOLDER WORKER STUBS HEALTHY

Ends with the worker, and prints one JSON object: times in milliseconds, memory in MB, CPU and spans in seconds.
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


def busy() -> float:
    """Seconds that all cores together were at work, whoever for."""
    user, nice, system, _idle, _wait, *rest = map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + sum(rest)) / HZ


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


class Use:
    """What the processes have used, by the time."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float, float, float]] = []

    def look(self, worker: int, stubs: int) -> None:
        self.samples.append((time.time(), cpu(worker), cpu(stubs), busy()))

    def within(self, begun: float, ended: float) -> dict | None:
        """Seconds of CPU between the samples around a span of time."""
        before = [it for it in self.samples if it[0] <= begun]
        after = [it for it in self.samples if it[0] >= ended]
        if not before or not after:
            return None
        (start, *first), (end, *last) = before[-1], after[0]
        of_worker, of_stubs, of_all = (b - a for a, b in zip(first, last))
        return {"span": end - start, "worker": of_worker, "stubs": of_stubs, "others": of_all - of_worker - of_stubs}


def follow(folder: pathlib.Path, worker: int, stubs: int, healthy: int) -> tuple[Rows, Use, float]:
    rows, use, most = Rows(folder / "predictions.db", healthy), Use(), 0.0
    while True:
        try:
            most = peak(worker)
            use.look(worker, stubs)
        except (OSError, IndexError, TypeError):
            # One that has ended has no memory any more.
            return rows, use, most
        rows.look()
        time.sleep(0.1)


def events(folder: pathlib.Path) -> list[dict]:
    log = folder / "data/artifacts/logs/predict_continuous.log"
    return [json.loads(line) for line in log.read_text().splitlines() if line]


def at(event: dict) -> float:
    return datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00")).timestamp()


def main() -> None:
    folder, worker, stubs, healthy = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
    rows, use, most = follow(folder, worker, stubs, healthy)
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
                "cpu": use.within(begun, at(it)),
            }
        )
    ticks = [{"succeeded": it["succeeded"], "took": it["took_ms"]} for it in of("tick_told")]
    # What the stubs say is not in the worker's log.
    said = re.findall(r"the past (\d+) times, at most (\d+) at once", (folder / "models.log").read_text())
    ready, starting = of("predict_ready"), of("predict_starting")
    seen = {
        "memory": most,
        "cpu": use.within(at(ready[0]), use.samples[-1][0]) if ready else None,
        "ticks": ticks,
        "rounds": rounds,
        "replays": list(map(int, said[-1])) if said else None,
        "joined": ready[0]["models"] if ready else 0,
        "joining": (at(ready[0]) - at(starting[0])) * 1e3 if ready else None,
        "troubles": [it["cause"] for it in of("trouble")],
    }
    print(json.dumps(seen))


main()
