"""Where an installed deployd lies, and where this one comes from."""

from pathlib import Path

import msgspec

USER = "deployd"
UNIT = "deployd.service"
SOCKET = "deployd.socket"


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    program: Path = Path("/usr/local/bin/deployd")
    unpacked: Path = Path("/usr/local/lib/deployd")
    """What a single file unpacks here serves all users and is root's; its starter looks here first."""
    config: Path = Path("/etc/deployd/deployd.toml")
    data: Path = Path("/var/lib/deployd")
    unit: Path = Path("/etc/systemd/system") / UNIT

    @property
    def previous(self) -> Path:
        return self.program.with_name(f"{self.program.name}.previous")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The deployd that runs now: `command` starts it; `file` is set when it came as a single file."""

    command: tuple[str, ...]
    file: Path | None = None
    systemd: bool
    """Whether systemd is this host's first process."""
