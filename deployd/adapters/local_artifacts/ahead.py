"""A few threads that work ahead of the one that takes their results, in order and never far ahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_THREADS = 2
"""More do not help: each call into the system is short, and between two calls only one thread runs."""
_PIECES = 8


def ahead(work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Generator[Result, None, None]:
    """Like `map`, with at most eight pieces in hand. Close it, or take it to its end: then no thread is left."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="artifact")
    begun: deque[Future[Result]] = deque()
    try:
        for piece in pieces:
            begun.append(pool.submit(work, piece))
            if len(begun) == _PIECES:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
