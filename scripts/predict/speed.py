"""Lays what was measured beside its goals; see show_predict.sh.

python3 speed.py MODELS HANGING SOUND.json HANGING.json
"""

import json
import os
import sys

# The goals: milliseconds, MB, replays.
SECOND, MEMORY, REPLAYS = 1_000, 300, 8
# How much later than without hanging models an answer may be stored: as much again, and at the most this.
LATER = 1_000
NAMES = {"BTC/86400/300": "predict 24h/5m (288 steps)", "BTC/3600/3600": "predict 1h/1h (1 step)"}

failed = []


def spread(values: list[float]) -> str:
    values = sorted(values)
    return f"p50 {values[len(values) // 2]:6.0f}, max {values[-1]:6.0f} ms of {len(values)}" if values else "none"


def line(what: str, figure: str, goal: str = "", good: bool | None = None) -> None:
    mark = {True: "✅", False: "❌", None: "  "}[good]
    print(f"{mark} {what:<52} {figure:<36} {goal}".rstrip())
    if good is False:
        failed.append(what)


def within(what: str, rows: list[dict], count: int, key: str = "took", limit: float = SECOND) -> None:
    values = [row[key] for row in rows if row[key] is not None]
    good = bool(values) and len(values) == len(rows) and max(values) <= limit
    line(what, spread(values), f"each ≤ {limit:.0f} ms", good)
    short = [row for row in rows if row["succeeded"] != count]
    if short:
        line(what + ": all answer", f"not in {len(short)} of {len(rows)}", f"{count}", False)


def fan_outs(run: dict, count: int) -> None:
    within(f"a minute's tick to {count}", run["ticks"], count)
    for config, name in NAMES.items():
        for with_tick, words in ((False, "alone"), (True, "with a tick")):
            rows = [it for it in run["rounds"] if (it["config"], it["with_tick"]) == (config, with_tick)]
            if rows:
                within(f"{name}, {words}", rows, count)


def stored(run: dict, other: dict, hanging: int) -> None:
    print(f"\nfrom a round's begin until the last healthy model's answer is in the database, {hanging} hanging:")
    for config, name in NAMES.items():
        times = [
            [it["stored"] for it in which["rounds"] if it["config"] == config and it["stored"] is not None]
            for which in (run, other)
        ]
        made = sum(1 for it in other["rounds"] if it["config"] == config)
        line(f"{name}, none hang", spread(times[0]))
        good = bool(times[0] and times[1]) and len(times[1]) == made
        good = good and max(times[1]) <= max(times[0]) + LATER
        line(f"{name}, {hanging} hang", spread(times[1]), f"none ≥ {LATER} ms later", good)


def main() -> None:
    count, hanging = int(sys.argv[1]), int(sys.argv[2])
    run, other = (json.loads(open(path, encoding="utf-8").read()) for path in sys.argv[3:5])
    print(f"\n{count} stub models in a process of their own, on {os.cpu_count()} cores")
    line(f"{run['joined']} joined, each told 30 days of minutes", f"{run['joining'] / 1e3:.1f} s")
    if run["replays"]:
        all_of, most = run["replays"]
        line("replays at once, counted by the stubs", f"{most} of {all_of}", f"≤ {REPLAYS}", most <= REPLAYS)
    fan_outs(run, count)
    most = max(run["memory"], other["memory"])
    line("memory of the worker, its peak", f"{most:.0f} MB", f"≤ {MEMORY} MB", most <= MEMORY)
    line("CPU", f"worker {run['worker_cpu']:.1f} s, stubs {run['stubs_cpu']:.1f} s")
    stored(run, other, hanging)
    for cause in run["troubles"] + other["troubles"]:
        print(f"⚠️ {cause}")
    print(f"\n❌ {len(failed)} goals are missed" if failed else "\n✅ shown")
    sys.exit(1 if failed else 0)


main()
