"""Tells the failures of a task group as one.

What an `except*` raises comes out in a group again where Python is older than 3.11.4, as Debian 12's is.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def first_failure(*kinds: type[Exception]) -> Iterator[None]:
    """Where nothing but errors of these kinds ended the group, the first of them is raised in its place."""
    try:
        yield
    except BaseExceptionGroup as failures:
        told, others = failures.split(kinds)
        if told is None or others is not None:
            raise
        raise _first(told) from None


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
