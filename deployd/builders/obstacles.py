"""Why this host cannot shut builds in, and what a person can do about it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

_PROC = Path("/proc/sys")
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_DOCKER = (
    "start the container with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined`"
)
_NAMESPACES = "`sysctl -w user.max_user_namespaces=10000`"
_CLONE = "`sysctl -w kernel.unprivileged_userns_clone=1`"
_APPARMOR = (
    "`apt install apparmor-profiles && cp /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && "
    "systemctl reload apparmor`"
)
_UNKNOWN = "find out what forbids user namespaces here (seccomp, AppArmor, SELinux, a container)"


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What of a host decides whether bubblewrap works; settings are None where the kernel has no such one."""

    max_user_namespaces: int | None = None
    userns_clone: int | None = None
    apparmor_restricts: int | None = None
    container: bool = False


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """`why` fits in brackets, `remedy` follows "to mend that"."""

    why: str
    remedy: str


NOT_INSTALLED = Obstacle(why="bubblewrap is not installed", remedy="`apt install bubblewrap`")
SWITCHED_OFF = Obstacle(why="switched off", remedy="switch it on")


def this_host() -> Host:
    return Host(
        max_user_namespaces=_number("user/max_user_namespaces"),
        userns_clone=_number("kernel/unprivileged_userns_clone"),
        apparmor_restricts=_number("kernel/apparmor_restrict_unprivileged_userns"),
        container=any(mark.exists() for mark in _CONTAINER_MARKS),
    )


def obstacle(said: str, host: Host) -> Obstacle:
    """`said` are bubblewrap's own words."""
    for applies, why, remedy in (
        (host.max_user_namespaces == 0, "user namespaces are switched off", _NAMESPACES),
        (host.container, "this container may not make user namespaces", _DOCKER),
        (host.userns_clone == 0, "user namespaces are for root alone", _CLONE),
        (bool(host.apparmor_restricts), "AppArmor restricts user namespaces, as Ubuntu does since 23.10", _APPARMOR),
    ):
        if applies:
            return Obstacle(why=f"bubblewrap does not work here, since {why}: {said}", remedy=remedy)
    return Obstacle(why=f"bubblewrap does not work here: {said}", remedy=_UNKNOWN)


def refusal(found: Obstacle) -> str:
    return (
        f"Builds with steps are refused, since this host cannot sandbox them ({found.why}): to mend that, "
        f"{found.remedy}. Or set `unsandboxed = true` under [deploy]: such builds can read all that deployd can, its "
        "master key included."
    )


def open_builds(found: Obstacle) -> str:
    """With `unsandboxed = true`, where it makes a difference."""
    return (
        f"Builds are not sandboxed ([deploy] unsandboxed = true; {found.why}): each can read all that deployd can, its "
        f"master key included. To mend that, {found.remedy}."
    )


def open_network(why: str) -> str:
    return (
        f"Builds run in this host's own network, since {why}: they reach what listens on its loopback. Mend that, or "
        'set `build_network = "host"` under [deploy] if you mean it.'
    )


def cut_off(settings: Sequence[str]) -> str:
    return (
        f"Builds cannot reach what {', '.join(settings)} in deployd's environment name: it lies on this host's "
        "loopback, from which builds are isolated. Let it listen on another address, or set "
        '`build_network = "host"` under [deploy].'
    )


def _number(name: str) -> int | None:
    try:
        return int((_PROC / name).read_text())
    except (OSError, ValueError):
        return None
