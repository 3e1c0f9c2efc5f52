"""A stand-in for Tiingo's crypto prices on loopback, for tests and shows without a key or a network.

python3 tiingo.py [PORT]

Any pair has the same walk: a close for each minute since 1970, by the machine's clock, so that all who ask
agree. Prints its address, and ends when its standard input closes.
"""

import hashlib
import json
import math
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SECONDS = {"1min": 60, "5min": 300, "1hour": 3_600}


def price(at: int) -> float:
    """The price at a time: slow waves, and a little noise that is the same each time it is asked for."""
    noise = int.from_bytes(hashlib.sha256(str(at).encode()).digest()[:4], "big") / 2**32 - 0.5
    waves = 0.02 * math.sin(at / 40_000) + 0.004 * math.sin(at / 3_700)
    return round(90_000 * math.exp(waves + 0.001 * noise), 2)


def rows(first: datetime, last: datetime, step: int) -> list[dict]:
    """The candles that began within these days, the one that runs now included."""
    begin, end = int(first.timestamp()), min(int((last + timedelta(days=1)).timestamp()), int(time.time()) + 1)
    candles = []
    for start in range(-(-begin // step) * step, end, step):
        opened, close = price(start), price(start + step)
        date = datetime.fromtimestamp(start, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        high, low = max(opened, close), min(opened, close)
        candles.append({"date": date, "open": opened, "high": high, "low": low, "close": close, "volume": 1.0})
    return candles


class Prices(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path.rstrip("/") != "/tiingo/crypto/prices" or not self.headers.get("Authorization", "").startswith("Token "):
            return self.answer(404, {"detail": "Not found."})
        day = lambda key: datetime.strptime(asked[key], "%Y-%m-%d").replace(tzinfo=timezone.utc)
        data = rows(day("startDate"), day("endDate"), SECONDS[asked["resampleFreq"]])
        return self.answer(200, [{"ticker": asked["tickers"], "priceData": data}])

    def answer(self, code: int, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), Prices)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


main()
