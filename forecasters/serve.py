#!/usr/bin/env python3
"""The same model behind HTTP: python3 forecasters/serve.py [PORT]   (8000; 0 takes a free one)

In the worker's configuration one of these:

    forecaster = { http = "http://127.0.0.1:8000/", method = "post", send_prices = 720 }
    forecaster = { http = "http://127.0.0.1:8000/inference/{topic}?nonce={nonce}" }

A GET brings no prices along: a real model would look them up itself; this one then answers 0.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import model


class Inference(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(model.answer({}))

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        try:
            question = json.loads(self.rfile.read(length))
        except ValueError as error:
            self.send_error(400, f"the question is no JSON: {error}")
            return
        self.reply(model.answer(question))

    def reply(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet: the worker's log tells what was answered."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    server = ThreadingHTTPServer(("127.0.0.1", port), Inference)
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
