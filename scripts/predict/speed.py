"""Lays what was measured beside its goals; see show_predict.sh.

python3 speed.py MODELS HANGING SOUND.json HANGING.json
"""

import json
import os
import sys

# The goals: milliseconds, MB, replays.
SECOND, MEMORY, REPLAYS = 1_000, 300, 8
# How much later than without hanging models answers may be stored, by the median.
LATER = 500
# How long a call waits for those that hang, in predict.toml: nobody else's answer may.
TIMEOUT = 20_000
NAMES = {"BTC/86400/300": "predict 24h/5m (288 steps)", "BTC/3600/3600": "predict 1h/1h (1 step)"}

failed = []


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def spread(values: list[float]) -> str:
    return f"p50 {median(values):6.0f}, max {max(values):6.0f} ms of {len(values)}" if values else "none"


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


def costs(run: dict) -> None:
    """What two processes on the same cores used: without others, a round takes about that by the cores."""
    for config, name in NAMES.items():
        spent = [it["cpu"] for it in run["rounds"] if it["config"] == config and not it["with_tick"] and it["cpu"]]
        mean = lambda key: 1e3 * sum(it[key] for it in spent) / len(spent)
        if spent:
            line(f"CPU of a {name}", f"worker {mean('worker'):.0f} ms, stubs {mean('stubs'):.0f} ms")
    if run["cpu"]:
        share = run["cpu"]["others"] / run["cpu"]["span"]
        line("meanwhile other processes used", f"{share:.2f} of {os.cpu_count()} cores")


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
        good = good and median(times[1]) <= median(times[0]) + LATER and max(times[1]) < TIMEOUT / 2
        line(f"{name}, {hanging} hang", spread(times[1]), f"p50 ≤ {LATER} ms later", good)


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
    costs(run)
    stored(run, other, hanging)
    for cause in run["troubles"] + other["troubles"]:
        print(f"⚠️ {cause}")
    print(f"\n❌ {len(failed)} goals are missed" if failed else "\n✅ shown")
    sys.exit(1 if failed else 0)


main()
