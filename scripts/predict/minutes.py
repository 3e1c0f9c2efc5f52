"""Minute prices as a table of candles: a random walk that is the same each time.

python3 minutes.py DAYS FILE
"""

import random
import sys

# 2025-01-01 00:00 UTC.
FIRST = 1_735_689_600
# The standard deviation of a minute's log-return, near to bitcoin's.
MINUTE = 0.0006


def main() -> None:
    days, path = float(sys.argv[1]), sys.argv[2]
    walk = random.Random(6)
    price = 90_000.0
    with open(path, "w", encoding="utf-8") as table:
        table.write("timestamp,open,high,low,close,volume\n")
        for minute in range(int(days * 1_440)):
            opened, price = price, price * (1 + walk.gauss(0, MINUTE))
            high, low = max(opened, price), min(opened, price)
            row = ",".join(f"{value:.2f}" for value in (opened, high, low, price, 1))
            table.write(f"{FIRST + 60 * minute},{row}\n")


main()
