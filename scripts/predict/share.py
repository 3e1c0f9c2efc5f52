"""Drives several Predict workers that share one network of models; see show_share.sh.

python3 share.py FOLDER BINARY PSQL PORT MODELS HEARTBEAT INTERVAL

DATABASE_URL names the database, TIINGO_API_KEY and the configuration in FOLDER are for the workers. Prints each
figure beside its goal, and fails when one is missed.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

FOLDER, BINARY, PSQL, PORT = pathlib.Path(sys.argv[1]), *sys.argv[2:5]
MODELS, HEARTBEAT, INTERVAL = int(sys.argv[5]), float(sys.argv[6]), int(sys.argv[7])
URL = os.environ["DATABASE_URL"]
#: From a start to the first answers on a busy machine.
LONG = 120.0

workers: dict[str, subprocess.Popen] = {}
missed: list[str] = []


def query(sql: str) -> list[list[str]]:
    done = subprocess.run([PSQL, "-qAtX", "-F", "\t", "-d", URL, "-c", sql], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def start(name: str) -> None:
    with open(FOLDER / f"{name}.log", "ab") as log:
        workers[name] = subprocess.Popen(
            [BINARY, "predict", "--host", "127.0.0.1", "--port", PORT, "--data-dir", FOLDER / name,
             "--config", FOLDER / "share.toml"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )


def stop(name: str, how: signal.Signals) -> float:
    """Ends a worker; gives when it was told to."""
    at = time.time()
    workers[name].send_signal(how)
    workers.pop(name).wait()
    return at


def shares() -> dict[str, int]:
    """How many models each worker holds that lives, by the number in the middle of its name: its process."""
    rows = query(
        "SELECT w.name, count(l.model_id) FROM workers w LEFT JOIN leases l ON l.owner = w.id"
        " WHERE w.lapses_at >= now() GROUP BY w.name"
    ) if is_there() else []
    pids = {str(worker.pid): name for name, worker in workers.items()}
    held = {pids.get(name.rsplit("-", 2)[1]): int(count) for name, count in rows}
    return {name: held[name] for name in sorted(workers) if name in held}


def is_there() -> bool:
    return query("SELECT to_regclass('workers') IS NOT NULL")[0][0] == "t"


def is_even(held: dict[str, int]) -> bool:
    fair = (MODELS // len(workers), -(-MODELS // len(workers)))
    return len(held) == len(workers) and sum(held.values()) == MODELS and all(count in fair for count in held.values())


def figure(what: str, value: str, goal: str, is_good: bool) -> None:
    print(f"{'✅' if is_good else '❌'} {what}: {value} (goal: {goal})", flush=True)
    if not is_good:
        missed.append(what)


def await_even(what: str, limit: float = LONG) -> float:
    """Waits until the shares are even; prints them, and gives how long it took."""
    begun = time.time()
    while True:
        held = shares()
        took = time.time() - begun
        if is_even(held) or took > limit:
            text = ", ".join(f"{name} {count}" for name, count in held.items())
            figure(f"shares {what}", f"{text} of {MODELS} after {took:.1f} s", "as even as can be", is_even(held))
            return took
        for name, worker in workers.items():
            if worker.poll() is not None:
                sys.exit(f"❌ {name} ended with {worker.returncode}; see {FOLDER / name}.log")
        time.sleep(0.1)


def answering(since: float) -> int:
    return int(query(
        f"SELECT count(DISTINCT model_id) FROM predictions WHERE status = 'SUCCESS' AND slot >= {since}"
    )[0][0])


def await_answers() -> None:
    """Waits until every model answers."""
    begun, since = time.time(), int(time.time()) + 1
    while answering(since) < MODELS:
        if time.time() - begun > LONG:
            sys.exit(f"❌ only {answering(since)} of {MODELS} models answer; see {FOLDER}")
        time.sleep(0.2)


def models_of(name: str) -> list[str]:
    rows = query(
        "SELECT l.model_id FROM leases l JOIN workers w ON l.owner = w.id"
        f" WHERE w.name LIKE '%-{workers[name].pid}-%'"
    )
    return [row[0] for row in rows]


def gaps(models: list[str], at: float) -> list[float]:
    """For each model, how long after a moment it was called again for a round that is stored."""
    names = ",".join(f"'{model}'" for model in models)
    rows = query(
        "SELECT model_id, extract(epoch FROM min(performed_at)) FROM predictions"
        f" WHERE model_id IN ({names}) AND status <> 'ABSENT' AND performed_at > to_timestamp({at}) GROUP BY 1"
    )
    return [float(row[1]) - at for row in rows]


def missing(begin: float, end: float) -> list[tuple[str, int]]:
    """Models and slots without an answer between two moments."""
    first, last = -(-int(begin) // INTERVAL) * INTERVAL, int(end) // INTERVAL * INTERVAL
    rows = query(
        f"SELECT l.model_id, s FROM leases l CROSS JOIN generate_series({first}, {last}, {INTERVAL}) AS s"
        " WHERE NOT EXISTS (SELECT FROM predictions p WHERE p.model_id = l.model_id AND p.slot = s AND p.status = 'SUCCESS')"
    )
    return [(model, int(slot)) for model, slot in rows]


def owners() -> dict[str, str]:
    """Who holds which model."""
    return {model: name for model, name in query(
        "SELECT l.model_id, w.name FROM leases l JOIN workers w ON l.owner = w.id"
    )}


def tell_missing(what: str, begin: float, end: float, moved: set[str]) -> None:
    """A model that moves may miss slots for three heartbeats in a row, and one that stays misses none."""
    holes = missing(begin, end)
    stayed = [hole for hole in holes if hole[0] not in moved]
    slots: dict[str, list[int]] = {}
    for model, slot in holes:
        slots.setdefault(model, []).append(slot)
    longest = max((row(sorted(missed)) for missed in slots.values()), default=0)
    limit = 3 * HEARTBEAT
    figure(
        f"answers missing {what}",
        f"{len(holes)} of {len(slots)} models, {longest * INTERVAL} s in a row at most; {len(stayed)} of models that stayed",
        f"of the {len(moved)} that moved {limit:.0f} s in a row at most, of others none",
        not stayed and longest * INTERVAL <= limit,
    )


def row(slots: list[int]) -> int:
    """The most slots in a row."""
    most = length = 0
    for place, slot in enumerate(slots):
        length = length + 1 if place and slot == slots[place - 1] + INTERVAL else 1
        most = max(most, length)
    return most


def moved(before: dict[str, str]) -> set[str]:
    return {model for model, owner in owners().items() if before.get(model) != owner}


def main() -> None:
    limit = 3 * HEARTBEAT
    for name in ("w1", "w2", "w3"):
        start(name)
    await_even("of three workers")
    await_answers()
    calm = time.time()
    time.sleep(4 * HEARTBEAT)

    victims = models_of("w2")
    killed = stop("w2", signal.SIGKILL)
    tell_missing("while nothing happens", calm, killed - INTERVAL - 1, set())
    time.sleep(limit + 4)
    again = gaps(victims, killed)
    worst = max(again, default=float("inf"))
    figure(
        f"a worker is killed: its {len(victims)} models are called again",
        f"{len(again)} models, the last after {worst:.2f} s", f"all, within 3 heartbeats ({limit:.0f} s)",
        len(again) == len(victims) and worst <= limit,
    )
    tell_missing("around the kill", calm, time.time() - 3, set(victims))
    await_even("of the two that live")

    joined, held = time.time(), owners()
    start("w4")
    await_even("after another joined")
    await_answers()
    tell_missing("while it joins", joined, time.time() - 3, moved(held))

    held = owners()
    stopped = stop("w1", signal.SIGTERM)
    await_even("after one was stopped")
    await_answers()
    tell_missing("around the stop", stopped - 3, time.time() - 3, moved(held))

    start("w2")
    await_even("after the killed one was started again")
    await_answers()
    rows, different = map(int, query(
        "SELECT count(*), count(DISTINCT (config_id, slot, model_id)) FROM predictions"
    )[0])
    figure("predictions stored", f"{rows}, of which {rows - different} twice", "none twice", rows == different and rows > 0)
    by = query("SELECT status, count(*) FROM predictions GROUP BY 1 ORDER BY 1")
    print("   by status: " + ", ".join(f"{count} {status}" for status, count in by), flush=True)
    for name in list(workers):
        stop(name, signal.SIGTERM)
    left = int(query("SELECT count(*) FROM workers")[0][0])
    figure("workers on record after all were stopped", str(left), "none", left == 0)


try:
    main()
finally:
    for worker in workers.values():
        worker.kill()
        worker.wait()
if missed:
    sys.exit("❌ missed: " + "; ".join(missed))
