"""Kills a deployd, or the one that follows it, at a named place in its own code: `Heir.take call`, `load return`."""

import os
import signal
from pathlib import Path

_CUSTOMIZE = '''
import os, signal, sys

ORDER = {order!r}
NEW = "DEPLOYD_HANDOVER" in os.environ


def arm(*_):
    """Also sent to a process that runs: from now on it looks at each call it makes."""
    with open(ORDER) as file:
        who, number, place, event = file.read().split()
    if (who == "new") == NEW:
        sys.setprofile(lambda frame, what, _: what == event and frame.f_code.co_qualname == place and end(int(number)))


def end(number):
    sys.setprofile(None)
    open(ORDER, "w").close()
    os.kill(os.getpid(), number)


signal.signal(signal.SIGUSR1, lambda *_: (globals().update(NEW=False), arm()))
if NEW and os.path.getsize(ORDER):
    arm()
'''


class KilledAt:
    """`env` is for the first process; the others inherit it."""

    def __init__(self, folder: Path) -> None:
        self._order = folder / "order"
        self._order.write_text("")
        (folder / "sitecustomize.py").write_text(_CUSTOMIZE.format(order=str(self._order)))
        self.env = {"PYTHONPATH": str(folder)}

    def old(self, pid: int, place: str, number: signal.Signals = signal.SIGKILL) -> None:
        """That process, which serves, gets the signal when it gets there."""
        self._order.write_text(f"old {number} {place}")
        os.kill(pid, signal.SIGUSR1)

    def new(self, place: str) -> None:
        """The next process that is to follow one is killed when it gets there."""
        self._order.write_text(f"new {signal.SIGKILL} {place}")

    @property
    def done(self) -> bool:
        return not self._order.read_text()
