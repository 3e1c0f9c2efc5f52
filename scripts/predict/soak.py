"""What an hour of the Predict worker has shown; see show_soak.sh.

python3 soak.py FOLDER MODELS SECONDS
"""

import csv
import json
import pathlib
import sqlite3
import sys

# What happens in the first five minutes is not held against it: pools and caches fill.
WARM_UP = 300
# A run that is shorter than this says nothing of growth.
LEAST = 900
# How much above the second third's mean the last third's may lie.
MOST_GROWTH = 0.05


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def slope(points: list[tuple[float, float]]) -> float:
    """By least squares, in units an hour."""
    at, of = mean([x for x, _ in points]), mean([y for _, y in points])
    spread = sum((x - at) ** 2 for x, _ in points)
    return 3_600 * sum((x - at) * (y - of) for x, y in points) / spread if spread else float("nan")


def told_memory(samples: list[tuple[float, float, float]], seconds: int) -> bool:
    """Prints what was resident; gives whether it is flat, or can't be judged."""
    is_long = seconds >= LEAST
    warm = [it for it in samples if it[0] >= (WARM_UP if is_long else 0)]
    window = min(600, (seconds - WARM_UP) / 3) if is_long else seconds / 3
    first = [it for it in warm if it[0] < warm[0][0] + window]
    last = [it for it in warm if it[0] > warm[-1][0] - window]
    print(f"\nresident memory in MiB, {len(warm)} samples" + (", after five minutes" if is_long else ""))
    for name, column in (("all (VmRSS)", 1), ("heap (RssAnon)", 2)):
        mib = lambda rows: [row[column] / 1_024 for row in rows]
        grows = f"; slope {slope([(row[0], row[column]) for row in warm]):+.0f} kB/h" if is_long else ""
        print(
            f"  {name:<15} first {window / 60:.1f} min: mean {mean(mib(first)):.1f}, most {max(mib(first)):.1f};"
            f" last: mean {mean(mib(last)):.1f}, most {max(mib(last)):.1f}{grows}"
        )
    if not is_long:
        print(f"  a run below {LEAST} s does not tell whether it is flat")
        return True
    third = (warm[-1][0] - warm[0][0]) / 3
    part = lambda k: mean([it[1] for it in warm if k * third <= it[0] - warm[0][0] <= (k + 1) * third])
    growth = part(2) / part(1) - 1
    verdict = "flat" if growth <= MOST_GROWTH else "it GROWS"
    print(f"  the last third's mean lies {growth:+.1%} off the second third's: {verdict} (limit +{MOST_GROWTH:.0%})")
    return growth <= MOST_GROWTH


def events(folder: pathlib.Path) -> list[dict]:
    logs = sorted((folder / "data/artifacts/logs").glob("predict_continuous.log*"))
    return [json.loads(line) for log in logs for line in log.read_text().splitlines() if line]


def told_work(found: list[dict], count: int, seconds: int) -> bool:
    """Prints what was told and asked; gives whether all models took part each time."""
    ticks = [it for it in found if it["event"] == "tick_told"]
    rounds = [it for it in found if it["event"] == "predictions_collected"]
    slow = lambda rows: max((row["took_ms"] for row in rows), default=0)
    print(f"\nticks told: {len(ticks)}, each within {slow(ticks):.0f} ms")
    for config in sorted({it["config"] for it in rounds}):
        rows = [it for it in rounds if it["config"] == config]
        print(f"rounds of {config}: {len(rows)}, each within {slow(rows):.0f} ms")
    short = [it for it in ticks + rounds if it["succeeded"] != count]
    for it in short[:5]:
        print(f"  ❌ not all {count} answered: {json.dumps(it)}")
    # A tick each minute; the last one may fall on the end.
    return len(ticks) >= seconds // 60 - 1 and bool(rounds) and not short


def told_rows(database: pathlib.Path, found: list[dict], count: int) -> bool:
    """Prints what is stored; gives whether it is all there, and once."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        statuses = db.execute("SELECT status, COUNT(*) FROM predictions GROUP BY status").fetchall()
        twice = db.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM predictions GROUP BY config_id, slot, model_id HAVING COUNT(*) > 1)"
        ).fetchone()[0]
        closes, models = (
            db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("closes", "models")
        )
    collected = sum(1 for it in found if it["event"] == "predictions_collected")
    size = sum(path.stat().st_size for path in database.parent.glob(database.name + "*"))
    words = ", ".join(f"{rows} {status}" for status, rows in statuses)
    print(f"stored: {words}; {twice} of them twice; {models} models, {closes} closes; {size / 2**20:.1f} MiB")
    stored = sum(rows for _, rows in statuses)
    # A round that the end cut short may be stored in part.
    is_all = stored >= collected * count
    if not is_all:
        print(f"  ❌ {collected} rounds of {count} models are {collected * count} rows")
    return is_all and twice == 0


def main() -> None:
    folder, count, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with open(folder / "samples.csv", encoding="utf-8") as table:
        samples = [tuple(map(float, row)) for row in list(csv.reader(table))[1:]]
    found = events(folder)
    for it in found:
        if it["event"] in ("notice", "trouble"):
            print(f"⚠️ {it.get('cause')}")
    good = [told_work(found, count, seconds), told_rows(folder / "predictions.db", found, count), told_memory(samples, seconds)]
    print("\n✅ shown" if all(good) else "\n❌ not shown")
    sys.exit(0 if all(good) else 1)


main()
