"""How long ticks took, from event logs of the Predict worker; see show_scoring.sh.

python3 ticks.py one LOG.jsonl BEGAN    p50 and p95 of one run's ticks after a time
python3 ticks.py pairs DIR PAIRS        the pairs' ratios beside their goal
"""

import json
import statistics
import sys

GOAL = 1.2
# Fewer ticks tell no p95.
LEAST = 10


def ticks(log: str, began: str) -> list[float]:
    with open(began, encoding="utf-8") as file:
        since = file.read().strip()
    took = []
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event.get("event") == "tick_told" and when(event) >= since:
                took.append(event["took_ms"])
    if len(took) < LEAST:
        sys.exit(f"❌ {log} holds {len(took)} ticks; give SHOW_SECONDS more room")
    return sorted(took)


def when(event: dict) -> str:
    """Sorts as the time that `date` wrote, to the second."""
    return event["timestamp"][:19]


def quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def both(values: list[float]) -> tuple[float, float]:
    return quantile(values, 0.5), quantile(values, 0.95)


def pairs(folder: str, count: int) -> None:
    ratios: list[tuple[float, float]] = []
    for pair in range(1, count + 1):
        runs = [both(ticks(f"{folder}/{kind}-{pair}.jsonl", f"{folder}/{kind}-{pair}.began")) for kind in ("without", "with")]
        ratios.append((runs[1][0] / runs[0][0], runs[1][1] / runs[0][1]))
        print(f"   pair {pair}: p50 × {ratios[-1][0]:.2f}, p95 × {ratios[-1][1]:.2f}")
    good = True
    for place, name in enumerate(("p50", "p95")):
        middle = statistics.median(ratio[place] for ratio in ratios)
        holds = middle <= GOAL
        good = good and holds
        print(f"{'✅' if holds else '❌'} {name} of ticks with the Scoring worker: × {middle:.2f} (median of {count} pairs), goal ≤ {GOAL}")
    sys.exit(0 if good else 1)


if sys.argv[1] == "one":
    p50, p95 = both(all_of := ticks(sys.argv[2], sys.argv[3]))
    print(f"p50 {p50:.1f} ms, p95 {p95:.1f} ms of {len(all_of)} ticks", end="")
else:
    pairs(sys.argv[2], int(sys.argv[3]))
