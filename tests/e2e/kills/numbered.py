"""An app that numbers its lines, and what became of them in its log."""

from collections import defaultdict

from tests.support.daemon import Daemon

_SERVER = """
import http.server, itertools, os, signal, sys, threading, time
VERSION = {version!r}
RUN = os.urandom(4).hex()
lock = threading.Lock()
count = 0

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = (VERSION + " " + os.environ.get("ROUND", "0")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass

def say():
    global count
    with lock:
        os.write(1, f"{{RUN}} {{count}}\\n".encode())
        count += 1

def number():
    start = time.monotonic()
    while True:
        while count < (time.monotonic() - start) * {rate}: say()
        time.sleep(0.002)

def end(*_):
    lock.acquire()
    os.write(1, f"{{RUN}} {{count}} end\\n".encode())
    os._exit(0)

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.handle_error = lambda *_: None
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end).start())
threading.Thread(target=number, daemon=True).start()
server.serve_forever()
"""


def numbered_app(version: str, rate: int) -> dict[str, str]:
    """Prints `rate` lines a second, each with a name of the process and its number, and at its end one more."""
    return {"main.py": _SERVER.format(version=version, rate=rate), "Procfile": "web: python3 main.py\n"}


class Lines:
    """Reads an app's log from where it was read last."""

    def __init__(self, daemon: Daemon, app: str) -> None:
        self._daemon = daemon
        self._app = app
        self._after = 0
        self._next: defaultdict[str, int] = defaultdict(int)
        self.ended: set[str] = set()
        self.count = 0
        self.faults: list[str] = []

    @property
    def runs(self) -> int:
        """Of how many processes there are lines."""
        return len(self._next)

    async def read(self) -> None:
        while True:
            _, body = await self._daemon.api("GET", f"/api/v1/apps/{self._app}/logs?after={self._after}&limit=1000")
            if not body["lines"]:
                return
            self._after = body["lines"][-1]["seq"]
            for line in body["lines"]:
                if line["source"] == "app":
                    self._take(line["text"])

    def _take(self, text: str) -> None:
        run, found, *end = text.split()
        if end:
            self.ended.add(run)
        expected, number = self._next[run], int(found)
        self._next[run] = number + 1
        self.count += 1
        if number != expected:
            what = "missing" if number > expected else "doubled"
            self.faults.append(f"{abs(number - expected)} lines {what} before {text!r}, expected {expected}")
