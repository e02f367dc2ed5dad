"""Why an address cannot be listened at, and what to do about it: the kernel's own words name neither."""

import errno
import socket
from pathlib import Path

from deployd.domain.route import Address

_FIRST_FREE = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def why_not(address: Address, key: str, error: OSError) -> str:
    """One sentence for a person; `key` is the setting. Looks at other processes: brief, but it blocks."""
    change = f"or change `{key}`"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{address} cannot be listened at: {_holder(address.port)} listens there; stop it, {change}."
        case errno.EACCES:
            return (
                f"{address} cannot be listened at: this user may only open ports from {_first_free()} on "
                f"(net.ipv4.ip_unprivileged_port_start); allow it with: sysctl net.ipv4.ip_unprivileged_port_start="
                f"{address.port}, or start deployd with the capability CAP_NET_BIND_SERVICE, {change}."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"{address} cannot be listened at: no interface of this machine has that address; take one that has "
                f"(`ip address` lists them) or 0.0.0.0 for all: change `{key}`."
            )
    if isinstance(error, socket.gaierror):
        return f"{address} cannot be listened at: the name {address.host} is not known here; change `{key}`."
    return f"{address} cannot be listened at: {error.strerror or error}; change `{key}`."


def _holder(port: int) -> str:
    """Who listens at that port, as far as this user may see."""
    import psutil  # Only when something went wrong.

    try:
        found = [one for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == port]
        process = next(one.pid for one in found if one.status == psutil.CONN_LISTEN and one.pid is not None)
        return f"{psutil.Process(process).name()} (process {process})"
    except (StopIteration, OSError, psutil.Error):
        return "another program"


def _first_free() -> int:
    try:
        return int(_FIRST_FREE.read_text())
    except (OSError, ValueError):
        return 1024
