"""Passes with which deployd's own health check gets through an app's door, once each."""

import secrets
from collections import OrderedDict

from deployd.proxy.conditional import field

HEADER = "X-Deployd-Pass"
_FIELD = HEADER.lower().encode()
_MOST = 64


class Passes:
    """A pass is worth nothing once it was used, so the app that sees it learns nothing."""

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def issue(self) -> str:
        key = secrets.token_hex(16)
        self._open[key.encode()] = None
        if len(self._open) > _MOST:
            self._open.popitem(last=False)
        return key

    def take(self, fields: bytes) -> bool:
        """Whether the request carries a pass; it is used up."""
        key = field(fields, _FIELD)
        if key is None or key not in self._open:
            return False
        del self._open[key]
        return True
