"""What doctor asks of this machine: the sandbox, cgroups, disk space, ports and folders."""

import os
import pwd
import shutil
import socket
from pathlib import Path

from deployd.builders.sandbox import SEARCH_PATH
from deployd.cli.check import Check, bad, good
from deployd.cli.programs import first_line, older, run, too_old

_DISK_NEEDED_BYTES = 2 * 1024**3
_TUN = "/dev/net/tun"
_CGROUPS = Path("/sys/fs/cgroup")


def walls(search_path: str = SEARCH_PATH) -> list[Check]:
    """What this very process could keep builds and apps in."""
    return [_sandbox(search_path), _build_network(search_path), _limits()]


def _sandbox(search_path: str) -> Check:
    """Tries a real one: the program alone says nothing about what the kernel allows, nor its version about what a
    distribution has added to it."""
    if shutil.which("bwrap", path=search_path) is None:
        remedy = "apt install bubblewrap; until then builds with steps are refused"
        return bad("sandbox", "bubblewrap is missing", remedy, needed=False)
    shut = ["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"]
    answer = run(["bwrap", *shut, "--ro-bind", "/", "/", "--proc", "/proc", "true"], search_path)
    if answer is not None and answer.returncode == 0:
        return good("sandbox", "bubblewrap works")
    said = first_line(run(["bwrap", "--version"], search_path)) or ""
    if (least := too_old("bubblewrap", said)) is not None:
        return bad("sandbox", older(said, least), least.remedy, needed=False)
    why = answer.stderr.strip().splitlines()[-1] if answer is not None and answer.stderr.strip() else "no answer"
    from deployd.builders.obstacles import obstacle, this_host

    found = obstacle(why, this_host())
    return bad("sandbox", found.why, f"{found.remedy}; until then builds with steps are refused", needed=False)


def _build_network(search_path: str) -> Check:
    """What it takes to keep builds from this host's loopback."""
    from deployd.builders.network import NEEDED

    missing = [package for program, package in NEEDED.items() if shutil.which(program, path=search_path) is None]
    if missing:
        remedy = f"apt install {' '.join(missing)}; until then builds reach what listens on this host's loopback"
        return bad("build network", f"{', '.join(missing)} is missing", remedy, needed=False)
    said = first_line(run(["slirp4netns", "--version"], search_path)) or ""
    if (least := too_old("slirp4netns", said)) is not None:
        return bad("build network", older(said, least), least.remedy, needed=False)
    if not os.access(_TUN, os.R_OK | os.W_OK):
        remedy = f"chmod 0666 {_TUN}; until then builds reach what listens on this host's loopback"
        return bad("build network", f"{_TUN} cannot be opened by this user", remedy, needed=False)
    return good("build network", "builds are isolated by slirp4netns")


def _limits() -> Check:
    """cgroup v2 when its controllers are writable below our own group, else v1."""
    if (_CGROUPS / "cgroup.controllers").is_file():
        own = _own_group()
        if os.access(own, os.W_OK) and "memory" in _read(own / "cgroup.controllers").split():
            return good("limits", f"cgroup v2 at {own}")
        return _no_limits("cgroup v2 is there but not delegated to this user")
    if os.access(_CGROUPS / "memory", os.W_OK) and os.access(_CGROUPS / "pids", os.W_OK):
        return good("limits", "cgroup v1")
    return _no_limits("no cgroup hierarchy that can be written")


def disk(folder: Path) -> Check:
    place = _nearest(folder)
    free = shutil.disk_usage(place).free
    found = f"{free / 1024**3:.1f} GiB free at {place}"
    if free < _DISK_NEEDED_BYTES:
        return bad("disk", found, "free some space or put data_dir on another disk: builds need about 2 GiB")
    return good("disk", found)


def data_folder(folder: Path) -> Check:
    place = _nearest(folder)
    if place != folder:
        if os.access(place, os.W_OK):
            return good("data folder", f"{folder} will be made at the first start")
        return bad("data folder", f"{place} is not writable", "set `data_dir` to a folder this user may write")
    state = folder.stat()
    owner = _name_of(state.st_uid)
    if os.getuid() not in (state.st_uid, 0):
        return bad("data folder", f"{folder} belongs to {owner}", f"sudo -u {owner} deployd doctor, or as root")
    if state.st_mode & 0o077:
        return bad("data folder", f"{folder} is open to other users", f"chmod 700 {folder}")
    return good("data folder", f"{folder} is open to {owner} alone")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"  # As sudo takes it.


def port(name: str, host: str, number: int, daemon_runs: bool) -> Check:
    """Bound for a moment when the daemon is down; connected to when it runs."""
    where = f"{host}:{number}"
    if daemon_runs:
        if _listens(host, number):
            return good(name, f"{where} is listening")
        return bad(name, f"nothing listens on {where}", "see `deployd logs deployd` for why it could not be opened")
    try:
        with socket.create_server((host, number), family=_family(host)):
            return good(name, f"{where} is free")
    except PermissionError:
        allow = f"sysctl net.ipv4.ip_unprivileged_port_start={number}"
        return bad(name, f"{where} may not be opened by this user", f"{allow}, or choose a port above 1023")
    except OSError as error:
        return bad(name, f"{where} cannot be opened: {error.strerror or error}", "stop who has it, or change the port")


def _own_group() -> Path:
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        if line.startswith("0::"):
            return _CGROUPS / line[3:].lstrip("/")
    return _CGROUPS


def _no_limits(found: str) -> Check:
    return bad(
        "limits",
        found,
        "use the systemd unit (Delegate=yes); until then only rlimits hold, not memory and cpu",
        needed=False,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _nearest(folder: Path) -> Path:
    """The folder itself, or the closest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _listens(host: str, number: int) -> bool:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        with socket.create_connection((reachable, number), timeout=2):
            return True
    except OSError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
