"""The peer's worker with a constant forecast, by the public interface of allora-sdk.

Reads MNEMONIC, BENCH_CHAIN_ID, BENCH_GRPC (grpc+http://...), BENCH_WS (ws://...) and BENCH_TOPIC from
the environment. Writes a line of JSON to BENCH_SAID for each submission that the worker says is in.
"""

import asyncio
import json
import os
import time

from allora_sdk.rpc_client.config import AlloraNetworkConfig, AlloraWalletConfig
from allora_sdk.worker import AlloraWorker


def forecast(_context) -> str:
    return "0.001"


async def main() -> None:
    # All that is not named here is the package's own default.
    network = AlloraNetworkConfig(
        chain_id=os.environ["BENCH_CHAIN_ID"],
        url=os.environ["BENCH_GRPC"],
        websocket_url=os.environ["BENCH_WS"],
    )
    worker = AlloraWorker.inferer(
        run=forecast,
        wallet=AlloraWalletConfig(mnemonic=os.environ["MNEMONIC"]),
        network=network,
        topic_id=int(os.environ["BENCH_TOPIC"]),
        show_banner=False,
    )
    with open(os.environ["BENCH_SAID"], "a", encoding="utf-8", buffering=1) as said:
        async for result in worker.run():
            at = time.time_ns() // 1000
            answer = getattr(result, "tx_result", None)
            if answer is not None:
                line = {"at": at, "kind": "said", "client": "peer", "hash": answer.txhash, "height": answer.height}
                said.write(json.dumps(line) + "\n")


asyncio.run(main())
