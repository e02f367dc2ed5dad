"""Listens and answers every request with 503: it never passes the health gate."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Unwell(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503, "Not ready and never will be")


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Unwell).serve_forever()
