"""Holds idle keep-alive connections: `python -m bench.side_by_side.idle PORT HOST COUNT`.

Each has had one answer. Says "ready" when all are open, and ends with its input.
"""

import socket
import sys

_TOGETHER = 50


def hold(port: int, host: str, count: int) -> None:
    request = b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host.encode()
    held: list[socket.socket] = []
    while len(held) < count:
        fresh = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(_TOGETHER)]
        for one in fresh:
            one.sendall(request)
        for one in fresh:
            if not one.recv(4_096).startswith(b"HTTP/1.1 200"):
                sys.exit("not answered 200")
        held += fresh
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    hold(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
