"""The Python client of the models, and the one who has it and ours take turns: see bench_modelrunner.sh.

    bench_modelrunner.py drive PORT MODELS OURS    drives both and prints a table
    bench_modelrunner.py serve PORT MODELS         is driven through standard input
"""

import asyncio
import json
import subprocess
import sys
import time

ASSETS = {"BTC": 90744.5, "ETH": 3100.25, "SOL": 140.5, "XAUT": 4080.75}
MONTH = 30 * 1440
# What is measured: its name, blocks of each client, calls of all models in a block.
PLAN = [
    ("tick", "tick, 1 minute x 4", 10, 30),
    ("predict", "predict 86400/300", 10, 15),
    ("month", "tick, 30 days x 4", 6, 1),
    ("encode", "its encoding alone", 6, 2),
]


def prices(start, minutes):
    return {
        asset: [
            [start + 60 * minute, round(price * (1 + (start // 60 + minute) % 977 / 65536), 2)] for minute in range(minutes)
        ]
        for asset, price in ASSETS.items()
    }


class Client:
    """The Python client, used as its documentation shows it."""

    def __init__(self, runner):
        self.runner = runner
        self.at = 1763164800

    async def measure(self, kind, rounds):
        from model_runner_client.grpc.generated.commons_pb2 import Argument, Variant, VariantType
        from model_runner_client.utils.datatype_transformer import encode_data

        def argument(position, kind, value):
            return Argument(position=position, data=Variant(type=kind, value=encode_data(kind, value)))

        walls, models, calls, failed, cpu = [], [], 0, 0, 0.0
        for _ in range(rounds):
            data = None
            if kind == "tick":
                self.at += 60
                data = prices(self.at, 1)
            elif kind in ("month", "encode"):
                data = prices(self.at - 60 * (MONTH - 1), MONTH)
            before, begun = time.process_time(), time.perf_counter()
            if kind == "predict":
                arguments = [
                    argument(1, VariantType.STRING, "BTC"),
                    argument(2, VariantType.INT, 86400),
                    argument(3, VariantType.INT, 300),
                ]
            else:
                arguments = [argument(1, VariantType.JSON, data)]
            if kind == "encode":
                calls += 1
            else:
                method = "predict" if kind == "predict" else "tick"
                results = await self.runner.call(method, arguments=(arguments, []))
            walls.append(time.perf_counter() - begun)
            cpu += time.process_time() - before
            if kind != "encode":
                calls += len(results)
                failed += sum(it.status.value != "SUCCESS" for it in results.values())
                models += [it.exec_time_us / 1e6 for it in results.values()]
        return {"walls": walls, "models": models, "cpu": cpu, "calls": calls, "failed": failed}


async def serve(port, models):
    from model_runner_client.model_concurrent_runners import DynamicSubclassModelConcurrentRunner

    runner = DynamicSubclassModelConcurrentRunner(
        timeout=120,
        crunch_id="condorgame",
        host="127.0.0.1",
        port=port,
        base_classname="condorgame.tracker.TrackerBase",
        report_failure=False,
    )
    await runner.init()
    sync = asyncio.create_task(runner.sync())
    client = Client(runner)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        kind, rounds = line.split()
        print(json.dumps(await client.measure(kind, int(rounds))), flush=True)
    sync.cancel()


class Process:
    """A client as a process."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: {self.process.args[0]} ended; what it said stands above")
        return line.strip()

    def measure(self, kind, rounds):
        self.process.stdin.write(f"{kind} {rounds}\n")
        self.process.stdin.flush()
        return json.loads(self.read())

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def sum_up(blocks):
    """What all blocks of a client come to, in milliseconds."""
    calls = sum(block["calls"] for block in blocks)
    walls = sorted(wall for block in blocks for wall in block["walls"])
    return {
        "cpu": 1e3 * sum(block["cpu"] for block in blocks) / calls,
        "p50": 1e3 * walls[len(walls) // 2],
        "p99": 1e3 * walls[min(len(walls) - 1, len(walls) * 99 // 100)],
        "failed": sum(block["failed"] for block in blocks),
        "rounds": len(walls),
    }


def drive(port, models, ours):
    clients = {
        "ours": Process([ours, "--serve", port, models]),
        "peer": Process([sys.executable, __file__, "serve", port, models]),
    }
    for client in clients.values():
        while client.read() != "ready":
            pass
    print(f"\n{models} models" + 25 * " " + "CPU of the client, ms a call      fan-out p50, ms     fan-out p99, ms")
    print(f"{'':<20} {'rounds':>7} {'ours':>9} {'Python':>9} {'ratio':>7} {'ours':>9} {'Python':>9} {'ours':>9} {'Python':>9}")
    # The models know a month, as in production.
    clients["ours"].measure("month", 1)
    lost = 0
    for kind, name, blocks, rounds in PLAN:
        found = {"ours": [], "peer": []}
        for client in clients.values():
            client.measure(kind, 1)
        for block in range(blocks):
            # A B, then B A.
            for who in ("ours", "peer") if block % 2 == 0 else ("peer", "ours"):
                found[who].append(clients[who].measure(kind, rounds))
        one, other = sum_up(found["ours"]), sum_up(found["peer"])
        lost += one["failed"] + other["failed"]
        print(
            f"{name:<20} {one['rounds']:>7} {one['cpu']:>9.3f} {other['cpu']:>9.3f} {one['cpu'] / other['cpu']:>7.3f}"
            f" {one['p50']:>9.2f} {other['p50']:>9.2f} {one['p99']:>9.2f} {other['p99']:>9.2f}",
            flush=True,
        )
    for client in clients.values():
        client.end()
    if lost:
        raise SystemExit(f"bench: {lost} calls failed: the figures are worth nothing")


if __name__ == "__main__":
    if sys.argv[1] == "drive":
        drive(*sys.argv[2:5])
    else:
        asyncio.run(serve(int(sys.argv[2]), int(sys.argv[3])))
