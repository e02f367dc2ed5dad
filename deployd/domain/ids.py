"""The ids of things: text, sortable by the time they were made."""

import secrets
from typing import NewType

AppName = NewType("AppName", str)
DeploymentId = NewType("DeploymentId", str)
InstanceId = NewType("InstanceId", str)
EventId = NewType("EventId", str)

SYSTEM_APP = AppName("deployd")
"""The name under which deployd's own log lines are kept; no app may take it."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS = 9  # 45 bits of milliseconds: enough until the year 3084
_RANDOM_CHARS = 7


def new_id(prefix: str, now_ms: int) -> str:
    """`dep-01jd2x3k4m…`: prefix, time in Crockford base 32, then 35 random bits."""
    stamp = "".join(_ALPHABET[(now_ms >> shift) & 31] for shift in range(5 * (_TIME_CHARS - 1), -1, -5))
    return f"{prefix}-{stamp}" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
